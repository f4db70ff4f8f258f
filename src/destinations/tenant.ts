// Tenants of a VictoriaMetrics cluster. There are three ways to name one, and all of them pass through unchanged:
//
//     path     .../insert/<accountID>[:<projectID>]/prometheus/api/v1/write
//     headers  .../insert/prometheus/api/v1/write with the request headers AccountID and ProjectID (`headers` of the remote_write entry)
//     labels   .../insert/multitenant/prometheus/api/v1/write: vm_account_id and vm_project_id of every series, missing ones mean 0:0;
//              they stay ordinary labels here (from external_labels or write_relabel_configs) and the receiver takes them off
//
// So nothing of a tenant is configured twice; this file only tells people which one a URL means.

import type { HeaderSettings } from '../io/http/config.ts';

export interface Tenant {
  readonly by: 'path' | 'headers' | 'labels';
  /** `account:project`; undefined where each series names its own. */
  readonly id: string | undefined;
}

const TENANT_PATH = /\/insert\/(?:(\d+)(?::(\d+))?|(multitenant))\//;
const HEADER_PATH = /\/insert\/prometheus\//;

/** The tenant of a destination; undefined when neither path nor headers speak about tenants. */
export function tenantOf(url: string, headers: readonly HeaderSettings[]): Tenant | undefined {
  const path = URL.canParse(url) ? new URL(url).pathname : '';
  if (HEADER_PATH.test(path)) return tenantFromHeaders(headers);
  const match = TENANT_PATH.exec(path);
  if (match === null) return undefined;
  if (match[3] !== undefined) return { by: 'labels', id: undefined };
  return { by: 'path', id: `${match[1]}:${match[2] ?? '0'}` };
}

function tenantFromHeaders(headers: readonly HeaderSettings[]): Tenant {
  const account = headerValue(headers, 'accountid');
  if (account === 'multitenant') return { by: 'labels', id: undefined };
  return { by: 'headers', id: `${account ?? '0'}:${headerValue(headers, 'projectid') ?? '0'}` };
}

function headerValue(headers: readonly HeaderSettings[], name: string): string | undefined {
  return headers.find((header) => header.name.toLowerCase() === name)?.values[0];
}
