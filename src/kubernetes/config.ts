// tributary.kubernetes: the API server that Tributary asks for itself, for the owners of pods for example. Jobs name theirs in kubernetes_sd_configs; where both are the same
// one, watches are shared.

import { isDeepStrictEqual } from 'node:util';
import { isSet } from '../config/build.ts';
import { block, fail, optional } from '../config/schema.ts';
import type { Block } from '../config/schema.ts';
import { filePath, url } from '../config/types.ts';
import { buildHttpClient, checkHttpClient, defaultHttpClientSettings, httpClientKeys } from '../io/http/config.ts';
import type { ServerSettings } from './kubernetes.ts';

export const kubernetesKeys = {
  api_server: optional(url, 'URL of the API server.', { defaultText: 'that of the cluster this runs in' }),
  kubeconfig_file: optional(filePath, 'File that says where the API server is and who we are there.'),
  ...httpClientKeys,
};
export type KubernetesBlock = Block<typeof kubernetesKeys>;

export const kubernetesBlock = block(kubernetesKeys, { nullIsDefault: true, check: checkKubernetes });

function checkKubernetes(at: KubernetesBlock): void {
  checkHttpClient(at);
  const hasServer = isSet(at.values.api_server) || at.bad.has('api_server');
  const hasFile = isSet(at.values.kubeconfig_file);
  const hasClientOptions = !isDeepStrictEqual(buildHttpClient(at.values), defaultHttpClientSettings);
  if (hasServer && hasFile) return fail(at, 'kubeconfig_file', 'kubeconfig_file stands beside api_server, expected one of them');
  if (!hasServer && hasClientOptions) fail(at, undefined, 'there are options of an HTTP client without an api_server, expected its URL: inside a cluster, and with a kubeconfig_file, they are given');
}

export function buildKubernetes({ values }: KubernetesBlock): ServerSettings {
  if (isSet(values.kubeconfig_file)) return { kind: 'kubeconfig', path: values.kubeconfig_file! };
  if (isSet(values.api_server)) return { kind: 'url', url: values.api_server!, http: buildHttpClient(values) };
  return { kind: 'in_cluster' };
}
