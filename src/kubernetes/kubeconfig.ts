// Access by a kubeconfig file, for collectors outside of the cluster. The only file that knows the client library, and only for what is large
// about kubeconfigs: contexts, plugins that fetch credentials, OIDC.

import type { RequestOptions } from 'node:https';
import type { Cluster } from '@kubernetes/client-node';
import type { HttpClientSettings } from '../io/http/config.ts';
import { Secret } from '../model/secret.ts';
import { TributaryError, errorText } from '../model/error.ts';

export interface Access {
  /** Without a slash at its end. */
  readonly url: string;
  readonly http: HttpClientSettings;
}

/** Reads the file, and runs the plugin that it may name. Fails with KUBERNETES_ACCESS. */
export async function readKubeconfig(path: string): Promise<Access> {
  try {
    // Loading it costs 74 MB and a third of a second: only who has a kubeconfig pays for it.
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(path);
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error(`its current context ${JSON.stringify(config.getCurrentContext())} names no cluster`);
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return accessOf(cluster, options);
  } catch (cause) {
    throw new TributaryError('KUBERNETES_ACCESS', `unable to use kubeconfig ${path}: ${errorText(cause)}`, { cause });
  }
}

function accessOf(cluster: Cluster, options: RequestOptions): Access {
  const [username, ...password] = (options.auth ?? '').split(':');
  return {
    url: cluster.server.replace(/\/+$/, ''),
    http: {
      ...(options.auth === undefined || options.auth === null ? {} : { basicAuth: { username: username ?? '', password: new Secret(password.join(':')) } }),
      tls: tlsOf(cluster, options),
      proxy: cluster.proxyUrl === undefined ? { fromEnvironment: true, connectHeaders: [] } : { url: cluster.proxyUrl, fromEnvironment: false, connectHeaders: [] },
      followRedirects: true,
      enableHttp2: false,
      headers: headersOf(options).map(([name, value]) => ({ name, values: [], secrets: [new Secret(value)], files: [] })),
    },
  };
}

function tlsOf(cluster: Cluster, options: RequestOptions): Access['http']['tls'] {
  return {
    insecureSkipVerify: cluster.skipTLSVerify,
    // The library gives the content of files and of inline data as buffers.
    ...(options.ca === undefined ? {} : { ca: (options.ca as Buffer).toString('utf8') }),
    ...(options.cert === undefined ? {} : { cert: (options.cert as Buffer).toString('utf8') }),
    ...(options.key === undefined ? {} : { key: new Secret((options.key as Buffer).toString('utf8')) }),
    ...(cluster.tlsServerName === undefined ? {} : { serverName: cluster.tlsServerName }),
  };
}

/** `Authorization` of tokens and plugins, and `Impersonate-User`. */
function headersOf(options: RequestOptions): [string, string][] {
  return Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value)]);
}
