// What a document that announces a destination may say. The keys are those of remote_write and of tributary.destinations, so that a master is written as
// any other destination; what would reach beyond the document (files and environment of this collector, its proxies, its limits) is refused with
// its reason, and the JSON Schema in docs/masters.schema.json, which comes from here, does not have it.

import { block, defaultBlock, fail, joinPath, key, optional, report } from '../../config/schema.ts';
import type { Block, JsonSchema, Keys, Type } from '../../config/schema.ts';
import { listOf, text, url } from '../../config/types.ts';
import { authorizationBlock, basicAuthBlock, proxyKeys, tlsBlock, tlsKeys } from '../../io/http/config.ts';
import { isValidLabelName } from '../../model/names.ts';
import { checkEndpoints, checkLanes, destinationKeys, limitKeys, remoteWriteKeys } from '../config.ts';
import { PATTERN_CHARACTERS_MAX, withCheapPatterns } from './patterns.ts';

/** Failover goes from one to the next after two failures: with more of them the last is reached too late to be of use. */
export const ENDPOINTS_MAX = 8;
/** Each rule is applied to every new series of the owner. */
export const RULES_MAX = 100;
/** Each goes out with every request. */
export const HEADERS_MAX = 20;

/** The same block without the keys that name a file or a secret of this collector. */
function inline<T>(type: Type<T>): Type<T> {
  const keys = Object.fromEntries(Object.entries(type.keys ?? {}).filter(([name]) => !isOutside(name)));
  const properties = Object.fromEntries(Object.entries(type.json['properties'] ?? {}).filter(([name]) => !isOutside(name)));
  return {
    ...type,
    keys,
    json: { ...type.json, properties },
    read(node, path, context) {
      const outside = node.kind === 'map' ? node.entries.filter((entry) => isOutside(entry.key)) : [];
      for (const entry of outside) report(context, entry.at, joinPath(path, entry.key), outsideText(entry.key));
      return outside.length > 0 ? undefined : type.read(node, path, context);
    },
  };
}

function isOutside(name: string): boolean {
  return /_(file|ref)$/.test(name);
}

function outsideText(name: string): string {
  return `${name} names something outside of the document, expected the value itself`;
}

export const documentKeys = {
  endpoints: key(listOf(url, 'empty or null endpoint'), [], 'URLs of the storage in order of preference, with names of DNS rather than addresses: a name is looked up again, an address that changes is lost. One without a path takes path and query of the first.', { limit: `required, at most ${ENDPOINTS_MAX}, http or https` }),
  owner: optional(text, 'Whose series are sent there. The place of the document tells it; written here, it has to be the same.', { defaultText: 'told by the place' }),
  profile: destinationKeys.profile,
  protobuf_message: remoteWriteKeys.protobuf_message,
  lanes: destinationKeys.lanes,
  out_of_order_window: destinationKeys.out_of_order_window,
  headers: { ...remoteWriteKeys.headers, doc: 'Further headers, such as those that name a tenant: `X-Scope-OrgID`, `AccountID`.', limit: `at most ${HEADERS_MAX}` },
  basic_auth: { ...remoteWriteKeys.basic_auth, type: inline(basicAuthBlock) },
  authorization: { ...remoteWriteKeys.authorization, type: inline(authorizationBlock) },
  tls_config: key(inline(tlsBlock), defaultBlock(tlsKeys), 'TLS towards the storage.'),
  write_relabel_configs: { ...remoteWriteKeys.write_relabel_configs, type: withCheapPatterns(remoteWriteKeys.write_relabel_configs.type), limit: `at most ${RULES_MAX}, with ${PATTERN_CHARACTERS_MAX} characters of patterns in all` },
  send_exemplars: remoteWriteKeys.send_exemplars,
  replica_label: optional(text, 'Name of the label that tells the replicas of a collector apart, such as `__replica__`; the collector gives its value.'),
} satisfies Keys;
export type DocumentBlock = Block<typeof documentKeys>;

export const documentBlock = block(documentKeys, { check: checkDocument, refused: whyRefused });

const limits = 'is a limit of this collector, which no document sets, expected it in tributary.masters.defaults';
const REFUSED: Readonly<Record<string, string>> = {
  name: 'follows from the place of the document, expected none',
  url: 'is not known here, expected endpoints',
  oauth2: 'fetches tokens from another server, expected basic_auth or authorization',
  sigv4: 'may read credentials of this collector, expected basic_auth or authorization',
  azuread: 'may read credentials of this collector, expected basic_auth or authorization',
  google_iam: 'may read credentials of this collector, expected basic_auth or authorization',
  bearer_token: 'is an old form, expected authorization',
  http_headers: 'is not known here, expected headers',
  queue_config: limits,
  metadata_config: limits,
  remote_timeout: limits,
  round_robin_dns: limits,
  follow_redirects: limits,
};

function whyRefused(name: string): string | undefined {
  if (isOutside(name)) return outsideText(name);
  if (Object.hasOwn(proxyKeys, name)) return `${name} would send through a proxy, expected the storage itself in endpoints`;
  if (Object.hasOwn(limitKeys, name)) return `${name} ${limits}`;
  return Object.hasOwn(REFUSED, name) ? `${name} ${REFUSED[name]}` : undefined;
}

/** `${NAME}` and `$(NAME)`. */
const ENVIRONMENT = /\$[{(][^})]*[})]/;

/** RFC 9110, 5.1 and 5.5: what else there is would fail with each request, or be read as another header. */
function isHeader(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

function checkDocument(at: DocumentBlock): void {
  const { endpoints, headers, write_relabel_configs: rules, replica_label: replica, basic_auth: basic, authorization } = at.values;
  if (endpoints.length === 0 && !at.bad.has('endpoints')) fail(at, 'endpoints', 'endpoints is empty, expected at least one URL');
  atMost(at, 'endpoints', endpoints.length, ENDPOINTS_MAX);
  atMost(at, 'headers', headers.size, HEADERS_MAX);
  atMost(at, 'write_relabel_configs', rules.length, RULES_MAX);
  checkEndpoints(at, endpoints);
  checkLanes(at);
  if (endpoints.some((one) => ENVIRONMENT.test(one))) fail(at, 'endpoints', 'endpoints refer to the environment of this collector, expected the values themselves');
  if ([...headers.values()].some((one) => ENVIRONMENT.test(one))) fail(at, 'headers', 'headers refer to the environment of this collector, expected the values themselves');
  for (const [name, value] of headers) if (!isHeader(name, value)) fail(at, 'headers', `${JSON.stringify(name)} cannot be sent as a header, expected a name such as X-Scope-OrgID and a value of printable characters`);
  const { type = '', credentials } = authorization?.values ?? {};
  if (!isHeader('Authorization', `${type} ${credentials?.reveal() ?? ''}`)) fail(at, 'authorization', 'type and credentials cannot be sent as a header, expected printable characters without a line break');
  if (basic !== undefined && authorization !== undefined) fail(at, 'authorization', 'authorization stands beside basic_auth, expected one of them');
  if (replica !== undefined && !isValidLabelName(replica, 'legacy')) fail(at, 'replica_label', `${JSON.stringify(replica)} is no name of a label, expected one such as __replica__`);
}

function atMost(at: DocumentBlock, name: keyof typeof documentKeys, count: number, most: number): void {
  if (count > most) fail(at, name, `${name} has ${count} entries, expected at most ${most}`);
}

/** The text of docs/masters.schema.json. */
export function renderDocumentSchema(): string {
  return `${JSON.stringify(documentSchema(), null, 2)}\n`;
}

/** A JSON Schema of a document, for who writes one. The checks here are stricter. */
export function documentSchema(): JsonSchema {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Document that announces a destination to Tributary', ...documentBlock.json, type: 'object', required: ['endpoints'] };
}
