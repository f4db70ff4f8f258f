// Settings of the discoveries that exist here. Every provider folder declares its own; this file joins them.

import { key } from '../src/config/schema.ts';
import type { Values } from '../src/config/schema.ts';
import { listOf } from '../src/config/types.ts';
import { buildFileSd, fileSdConfigs } from './file/config.ts';
import type { FileSettings } from './file/config.ts';
import { buildHttpSd, httpSdBlock } from './http/config.ts';
import type { HttpSdSettings } from './http/config.ts';
import { buildKubernetesSd, kubernetesSdBlock } from './kubernetes/config.ts';
import type { KubernetesSdSettings } from './kubernetes/config.ts';
import { buildStatic, staticConfigs } from './static/config.ts';
import type { StaticSettings } from './static/config.ts';

export type DiscoverySettings = StaticSettings | FileSettings | HttpSdSettings | KubernetesSdSettings;

export const discoveryKeys = {
  static_configs: key(staticConfigs, [], 'Targets written here.'),
  file_sd_configs: key(fileSdConfigs, [], 'Targets from JSON or YAML files.'),
  http_sd_configs: key(listOf(httpSdBlock, 'empty or null section in http_sd_configs'), [], 'Targets from an HTTP endpoint.'),
  kubernetes_sd_configs: key(listOf(kubernetesSdBlock, 'empty or null section in kubernetes_sd_configs'), [], 'Targets from the objects of a Kubernetes cluster.'),
};

/** Kinds that Prometheus has and this version does not. Source: Prometheus' discovery registry. */
const absentKinds = [
  'aws', 'azure', 'consul', 'digitalocean', 'docker', 'dockerswarm', 'dns', 'ec2', 'eureka', 'gce', 'hetzner', 'ionos', 'kuma', 'lightsail',
  'linode', 'marathon', 'nerve', 'nomad', 'oci', 'openstack', 'outscale', 'ovhcloud', 'puppetdb', 'scaleway', 'serverset', 'stackit',
  'triton', 'uyuni', 'vultr',
];
const absentKeys = new Set(absentKinds.map((kind) => `${kind}_sd_configs`));

/** Why a discovery's key is refused, or undefined for any other unknown key. */
export function absentDiscovery(name: string): string | undefined {
  return absentKeys.has(name) ? `this discovery does not exist in this version, expected one of ${Object.keys(discoveryKeys).join(', ')}` : undefined;
}

/** All static groups of a job are one provider, as in Prometheus; the others are one each. */
export function buildDiscovery(values: Values<typeof discoveryKeys>): readonly DiscoverySettings[] {
  return [
    ...(values.static_configs.length === 0 ? [] : [buildStatic(values.static_configs)]),
    ...values.file_sd_configs.map(buildFileSd),
    ...values.http_sd_configs.map(buildHttpSd),
    ...values.kubernetes_sd_configs.map(buildKubernetesSd),
  ];
}
