// The overlays at work: the built program with their configuration on a small cluster, whose API server grants what their roles grant. What is
// asked and granted is the same: a verb too few is refused, a verb too many is found here.

import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { startFakeApiServer, type FakeApiServer, type Rule } from '../support/kubernetes/fake-api-server.ts';
import { exampleCluster } from './support/deploy-cluster.ts';
import { deployTools, only, renderOverlay, type Manifest } from './support/deploy-tools.ts';
import { endAll, until } from './support/process.ts';
import { startTributary, workplace, type Tributary } from './support/tributary.ts';

interface Config {
  readonly tributary?: { readonly sharding?: object };
  readonly scrape_configs?: readonly { readonly job_name: string; readonly kubernetes_sd_configs?: readonly object[] }[];
}

interface Target {
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly labels: Readonly<Record<string, string>>;
}

const token = 'collector';
const servers: FakeApiServer[] = [];

/** The cluster, with a user who may do what the role says. */
async function startCluster(role: Manifest): Promise<FakeApiServer> {
  // Without streaming of first states: that would hide whether `list` is granted.
  const server = await startFakeApiServer({ watchList: false });
  servers.push(server);
  for (const object of exampleCluster) server.put(object);
  const rules = (role['rules'] as readonly Partial<Rule>[]).filter((rule): rule is Rule => rule.resources !== undefined);
  server.access.setUser(token, { name: 'system:serviceaccount:tributary:tributary', rules });
  return server;
}

/** The files of the ConfigMap as one configuration that finds the API server by its address: outside a pod there is no other way. */
function configFor(objects: readonly Manifest[], server: FakeApiServer, member?: number): string {
  const data = objects.find(({ metadata }) => metadata.name === 'tributary-config')?.data ?? {};
  const { scrape_config_files: _files, ...main } = parse(data['tributary.yml']!) as Config & { readonly scrape_config_files?: unknown };
  const jobs = main.scrape_configs ?? (parse(data['jobs.yml']!) as Config).scrape_configs ?? [];
  const access = { api_server: server.url, authorization: { credentials: token } };
  const placed = jobs.map((job) => ({ ...job, ...(job.kubernetes_sd_configs && { kubernetes_sd_configs: job.kubernetes_sd_configs.map((entry) => ({ ...entry, ...access })) }) }));
  // As the host name of a pod of the StatefulSet says it.
  const tributary = member === undefined ? main.tributary : { ...main.tributary, sharding: { ...main.tributary?.sharding, member } };
  return stringify({ ...main, tributary, scrape_configs: placed });
}

async function targetsOf(tributary: Tributary, count: number): Promise<readonly Target[]> {
  let found: readonly Target[] = [];
  const all = async () => {
    found = (await tributary.api<{ activeTargets: readonly Target[] }>('/api/v1/targets?state=active')).activeTargets;
    return found.length === count;
  };
  await until(all, { what: () => `${count} targets, have ${JSON.stringify(found.map(({ scrapePool, scrapeUrl }) => [scrapePool, scrapeUrl]))}\n${tributary.output().slice(-2000)}` });
  return found;
}

const addresses = (targets: readonly Target[]) => Object.fromEntries(targets.map(({ scrapePool, scrapeUrl }) => [scrapePool, scrapeUrl]));

/** `verb resource` of everything that was asked. */
const askedOf = ({ requests }: FakeApiServer) => [...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`))].toSorted();

describe.runIf(deployTools.kubectl.length > 0)('on a cluster', () => {
  const overlay = (name: string) => renderOverlay(deployTools.kubectl[0]!, name);
  afterAll(async () => {
    await endAll();
    await Promise.all(servers.map((server) => server.close()));
  });

  test('the jobs of kube-prometheus find one target each, under the labels that its alerts ask for', async () => {
    const objects = overlay('kube-prometheus');
    const server = await startCluster(only(objects, 'ClusterRole'));
    const tributary = await startTributary(workplace(configFor(objects, server)));
    const targets = await targetsOf(tributary, 17);
    expect(addresses(targets)).toEqual({
      tributary: 'http://10.1.0.8:9090/metrics',
      'tributary-node-agent': 'http://10.1.0.9:9190/metrics',
      'node-exporter': 'https://10.0.0.1:9100/metrics',
      'kube-state-metrics': 'https://10.1.0.2:8443/metrics',
      'kube-state-metrics-self': 'https://10.1.0.2:9443/metrics',
      kubelet: 'https://10.0.0.1:10250/metrics',
      'kubelet-cadvisor': 'https://10.0.0.1:10250/metrics/cadvisor',
      'kubelet-probes': 'https://10.0.0.1:10250/metrics/probes',
      'kubelet-slis': 'https://10.0.0.1:10250/metrics/slis',
      apiserver: 'https://10.0.0.1:6443/metrics',
      'kube-controller-manager': 'https://10.0.0.1:10257/metrics',
      'kube-scheduler': 'https://10.0.0.1:10259/metrics',
      'kube-proxy': 'http://10.0.0.1:10249/metrics',
      etcd: 'http://10.0.0.1:2381/metrics',
      coredns: 'http://10.1.0.3:9153/metrics',
      'dcgm-exporter': 'http://10.1.0.4:9400/metrics',
      'kubernetes-pods': 'http://10.1.0.5:8080/stats',
    });
    const labelsOf = (job: string) => targets.find(({ scrapePool }) => scrapePool === job)?.labels;
    expect(labelsOf('node-exporter')).toEqual({ job: 'node-exporter', instance: 'node-1', namespace: 'monitoring', service: 'node-exporter', pod: 'node-exporter-a', container: 'main', endpoint: 'https' });
    expect(labelsOf('kube-state-metrics')).toEqual({ job: 'kube-state-metrics', instance: '10.1.0.2:8443' });
    expect(labelsOf('kubelet-cadvisor')).toEqual({
      job: 'kubelet', instance: '10.0.0.1:10250', metrics_path: '/metrics/cadvisor', node: 'node-1', namespace: 'kube-system', service: 'kubelet', endpoint: 'https-metrics',
    });
    expect(labelsOf('tributary-node-agent')).toEqual({ job: 'tributary-node-agent', instance: 'node-1', namespace: 'tributary', pod: 'tributary-agent-a', node: 'node-1' });
    expect(labelsOf('coredns')).toEqual({ job: 'coredns', instance: '10.1.0.3:9153', namespace: 'kube-system', service: 'kube-dns', pod: 'coredns-a', endpoint: 'metrics' });
    expect(server.requests.filter(({ status }) => status === 403)).toEqual([]);
    expect(askedOf(server)).toEqual(['endpointslices', 'nodes', 'pods', 'services'].flatMap((kind) => [`list ${kind}`, `watch ${kind}`]).toSorted());
    expect(await tributary.stop()).toBe(0);
  });

  test('the single collector scrapes kubelets and the pods that ask for it', async () => {
    const objects = overlay('single');
    const server = await startCluster(only(objects, 'ClusterRole'));
    const tributary = await startTributary(workplace(configFor(objects, server)));
    expect(addresses(await targetsOf(tributary, 5))).toEqual({
      tributary: 'http://10.1.0.8:9090/metrics',
      'tributary-node-agent': 'http://10.1.0.9:9190/metrics',
      kubelet: 'https://10.0.0.1:10250/metrics',
      cadvisor: 'https://10.0.0.1:10250/metrics/cadvisor',
      'kubernetes-pods': 'http://10.1.0.5:8080/stats',
    });
    expect(server.requests.filter(({ status }) => status === 403)).toEqual([]);
    expect(await tributary.stop()).toBe(0);
  });

  test('several members scrape every target once between them', async () => {
    const objects = overlay('sharded');
    const server = await startCluster(only(objects, 'ClusterRole'));
    const members = await Promise.all([0, 1].map((member) => startTributary(workplace(configFor(objects, server, member)))));
    const shares = async () => Promise.all(members.map(async (member) => (await member.api<{ activeTargets: readonly Target[] }>('/api/v1/targets?state=active')).activeTargets));
    await until(async () => (await shares()).flat().length === 5, { what: () => members.map((member) => member.output().slice(-1000)).join('\n') });
    expect((await shares()).flat().map(({ scrapePool }) => scrapePool).toSorted()).toEqual(['cadvisor', 'kubelet', 'kubernetes-pods', 'tributary', 'tributary-node-agent']);
    for (const member of members) expect(await member.stop()).toBe(0);
  });
});
