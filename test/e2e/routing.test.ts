// The built program with two masters: exporters that speak about the pods of both, a pod of one of them, the routes that lead to owners, and the drop rule
// that people write today. What reached whom is read from what the receivers decoded.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Receiver } from '../support/receiver.ts';
import { until } from './support/process.ts';
import { startStage, type Stage } from './support/stage.ts';
import { startTributary, workplace, type Tributary } from './support/tributary.ts';

const pages: Readonly<Record<string, string>> = {
  '/cadvisor': 'container_cpu{namespace="hero-user-a",pod="train-0",container="main"} 1\ncontainer_cpu{namespace="hero-user-b",pod="train-0",container="main"} 2\ncontainer_cpu{id="/"} 3\n',
  '/kube': 'kube_pod_info{namespace="hero-user-a",pod="train-0"} 1\nkube_pod_info{namespace="hero-user-b",pod="serve-1"} 1\nkube_namespace_created{namespace="hero-user-b"} 1\nkube_node_info{node="n1"} 1\n',
  '/dcgm': 'DCGM_FI_DEV_GPU_UTIL{gpu="0",namespace="hero-user-a",pod="train-0"} 90\nDCGM_FI_DEV_GPU_UTIL{gpu="1",namespace="hero-user-b",pod="serve-1"} 80\nDCGM_FI_DEV_GPU_UTIL{gpu="2"} 0\n',
  '/app': 'loss{namespace="hero-user-b",pod="serve-1"} 0.1\n',
};

let stage: Stage;

beforeAll(async () => (stage = await startStage((path) => pages[path] ?? '')));
afterAll(() => stage.end());

function job(name: string, path: string, namespace: string, more = ''): string {
  return `
- job_name: ${name}
  metrics_path: ${path}
  static_configs: [{targets: ['${stage.address}'], labels: {__meta_kubernetes_namespace: ${namespace}, __meta_kubernetes_pod_name: ${name}-x}}]${more}`;
}

/** dcgm without honor_labels and with the exporter's own labels, as GPU charts have it. */
const scraping = () => `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:${job('cadvisor', '/cadvisor', 'kube-system', '\n  honor_labels: true')}${job('kube-state-metrics', '/kube', 'monitoring', '\n  honor_labels: true')}${job('app', '/app', 'hero-user-a')}${job('dcgm-exporter', '/dcgm', 'gpu-operator', `
  relabel_configs:
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}`)}
`;

/** Series that arrived, without labels that say nothing here; sorted. */
function arrived(receiver: Receiver): string[] {
  const found = new Set<string>();
  for (const { content } of receiver.requests) {
    for (const { labels } of content?.series ?? []) {
      const map = new Map(labels);
      const name = map.get('__name__')!;
      if (name.startsWith('scrape_')) continue;
      const whose = map.get('exported_namespace') ?? map.get('namespace') ?? '';
      found.add(`${name} of ${name === 'up' ? map.get('job') : whose}`);
      for (const label of map.keys()) if (label.startsWith('__') && label !== '__name__') throw new Error(`${label} was sent`);
    }
  }
  return [...found].sort((x, y) => (x < y ? -1 : 1));
}

const ofOwner = (owner: string) => ['DCGM_FI_DEV_GPU_UTIL', 'container_cpu', ...(owner === 'b' ? ['kube_namespace_created'] : []), 'kube_pod_info'].map((name) => `${name} of hero-user-${owner}`);
const ups = (...jobs: readonly string[]) => jobs.map((name) => `up of ${name}`);
const shared = ['cadvisor', 'dcgm-exporter', 'kube-state-metrics'];
/** A workload's series belong to its owner, whatever labels it exports. */
const appSeries = 'loss of hero-user-b';

async function collect(tributary: Tributary, wanted: ReadonlyMap<Receiver, readonly string[]>): Promise<void> {
  const isThere = () => [...wanted].every(([receiver, series]) => series.every((one) => arrived(receiver).includes(one)));
  await until(isThere, { what: () => [...wanted.keys()].map((receiver) => arrived(receiver).join()).join('\n'), timeoutMs: 60_000 });
  expect((await tributary.destinations()).map(({ scrapeIdentityHolds, identityHolds }) => scrapeIdentityHolds && identityHolds)).not.toContain(false);
  await tributary.stop();
  for (const [receiver, series] of wanted) expect(arrived(receiver)).toEqual([...series].sort((x, y) => (x < y ? -1 : 1)));
}

describe('two masters', () => {
  test('routes to owners by namespace: each gets its own, the system storage the rest', async () => {
    const [a, b, system] = [await stage.newReceiver(), await stage.newReceiver(), await stage.newReceiver()];
    const place = workplace(`${scraping()}
remote_write: [{name: a, url: '${a.url}'}, {name: b, url: '${b.url}'}, {name: system, url: '${system.url}'}]
tributary:
  destinations: {a: {owner: a}, b: {owner: b}}
  routing:
    owner: {namespace: 'hero-user-(.+)'}
    routes:
    - {match: ['{__owner__!=""}'], to: [owner]}
    - {to: [system]}
`);
    const tributary = await startTributary(place);
    const explained = await tributary.api<{ destinations: string[]; owner: string }>(`/api/v1/route?series=${encodeURIComponent('x{job="app",instance="' + stage.address + '"}')}`);
    expect(explained).toMatchObject({ destinations: ['a'], owner: 'a' });
    const rest = ['DCGM_FI_DEV_GPU_UTIL of gpu-operator', 'container_cpu of ', 'kube_node_info of '];
    await collect(tributary, new Map([
      [a, [...ofOwner('a'), appSeries, ...ups('app', ...shared)]],
      [b, [...ofOwner('b'), ...ups(...shared)]],
      [system, [...rest, ...ups(...shared)]],
    ]));
  });

  test('the drop rule of today, with exporters that speak about others', async () => {
    const [a, b] = [await stage.newReceiver(), await stage.newReceiver()];
    const drop = (other: string) => `write_relabel_configs: [{source_labels: [__meta_kubernetes_namespace], regex: hero-user-${other}, action: drop}]`;
    const tributary = await startTributary(workplace(`${scraping()}
remote_write: [{name: a, url: '${a.url}', ${drop('b')}}, {name: b, url: '${b.url}', ${drop('a')}}]
`));
    const rest = ['DCGM_FI_DEV_GPU_UTIL of gpu-operator', 'container_cpu of ', 'kube_node_info of '];
    await collect(tributary, new Map([
      [a, [...ofOwner('a'), ...rest, appSeries, ...ups('app', ...shared)]],
      [b, [...ofOwner('b'), ...rest, ...ups(...shared)]],
    ]));
  });
});
