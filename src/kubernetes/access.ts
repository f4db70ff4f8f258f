// Where the API server is and who we are there, as settings of the HTTP client. In a cluster that is two variables of the environment and the
// folder that every pod gets; files are named and not read, so that the HTTP client reads the token anew for each request.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { redactUrl } from '../io/http/redact.ts';
import { TributaryError } from '../model/error.ts';
import type { Access } from './kubeconfig.ts';
import { readKubeconfig } from './kubeconfig.ts';
import type { ServerSettings } from './kubernetes.ts';

/** Where pods find their credentials. */
export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly serviceAccountFolder: string;
}

/** Fails with KUBERNETES_ACCESS. Asked again after a 401: tokens of plugins in a kubeconfig expire. */
export async function resolveAccess(settings: ServerSettings, surroundings: Surroundings): Promise<Access> {
  if (settings.kind === 'in_cluster') return inCluster(surroundings);
  if (settings.kind === 'url') return { url: settings.url.replace(/\/+$/, ''), http: settings.http };
  return readKubeconfig(settings.path);
}

/** The server's URL as far as it is known without reading anything. */
export function shownServer(settings: ServerSettings, surroundings: Surroundings): string {
  if (settings.kind === 'url') return redactUrl(settings.url);
  if (settings.kind === 'kubeconfig') return settings.path;
  return inClusterUrl(surroundings) ?? 'in cluster';
}

/** The namespace of the pod this process runs in; undefined outside of a cluster, and where it cannot be read: who needs it says so then. */
export function readOwnNamespace({ serviceAccountFolder }: Surroundings): string | undefined {
  try {
    const namespace = readFileSync(join(serviceAccountFolder, 'namespace'), 'utf8').trim();
    return namespace === '' ? undefined : namespace;
  } catch {
    return undefined;
  }
}

/** As client-go's InClusterConfig, proxies of the environment included. */
function inCluster(surroundings: Surroundings): Access {
  const url = inClusterUrl(surroundings);
  if (url === undefined) {
    throw new TributaryError('KUBERNETES_ACCESS', 'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined');
  }
  const caFile = join(surroundings.serviceAccountFolder, 'ca.crt');
  return {
    url,
    http: {
      authorization: { type: 'Bearer', credentialsFile: join(surroundings.serviceAccountFolder, 'token') },
      tls: { insecureSkipVerify: false, ...(existsSync(caFile) ? { caFile } : {}) },
      proxy: { fromEnvironment: true, connectHeaders: [] },
      followRedirects: true,
      enableHttp2: false,
      headers: [],
    },
  };
}

/** undefined outside of a cluster. */
export function inClusterUrl({ environment }: Surroundings): string | undefined {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '') return undefined;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Host of a URL without port and brackets, in lower case. */
export function hostOf(url: string | undefined): string | undefined {
  return url === undefined || !URL.canParse(url) ? undefined : new URL(url).hostname.replace(/^\[|\]$/g, '');
}
