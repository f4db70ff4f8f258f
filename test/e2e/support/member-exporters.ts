// What speaks about the pods of the member cluster, each on a port of its own: kube-state-metrics (every pod, nodes, namespaces, the cluster), cadvisor on each
// node (samples with times of their own, slices of the host), dcgm-exporter (GPUs of pods and idle ones), the pods themselves, and an API server that
// has nothing to do with anybody.
//
// Every value is given once: an arrived sample tells by its value on which page it was, for which collector, and when.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { namespaces, nodes, type MemberCluster, type Pod } from './member-cluster.ts';
import type { Named, PageTarget } from './owner-reference.ts';

export interface Line extends Named {
  readonly metric: string;
  readonly value: number;
  readonly hasTime: boolean;
}

export interface Page extends PageTarget {
  readonly collector: string;
  /** `127.0.0.1:<port>`. */
  readonly instance: string;
  /** Handed over whole; else the connection broke. */
  isServed: boolean;
  readonly servedMs: number;
  /** The first has no labels and no time of its own. */
  readonly lines: readonly Line[];
}

type Labels = Readonly<Record<string, string>>;
interface Draft {
  readonly metric: string;
  readonly labels?: Labels;
  readonly hasTime?: boolean;
}

const GPUS = 6;

export class MemberExporters {
  readonly pages: Page[] = [];
  readonly ports = new Map<string, number>();
  readonly #cluster: MemberCluster;
  readonly #servers = new Map<number, Server>();
  readonly #ownTimes = new Map<string, number>();
  #value = 0;

  constructor(cluster: MemberCluster) {
    this.#cluster = cluster;
  }

  async start(): Promise<void> {
    const targets = [...['kube-state-metrics', 'dcgm-exporter', 'apiserver'].map((job) => ({ name: job, job, node: 'n1' })), ...nodes.map((node) => ({ name: node, job: 'cadvisor', node }))];
    for (const { name, job, node } of targets) {
      const target = { job, node, uid: '', namespace: job === 'apiserver' || job === 'cadvisor' ? '' : 'kube-system' };
      this.ports.set(name, await this.#listen(() => ({ target, drafts: this.#drafts(target) })));
    }
  }

  /** A port for the page of a pod, whose uid stands in the path. */
  openPod(): Promise<number> {
    return this.#listen((path) => {
      const { namespace, name, uid, node } = this.#cluster.incarnation(path.split('/').at(-1) ?? '');
      return { target: { job: 'kubernetes-pods', namespace, uid, node }, drafts: appDrafts(name) };
    });
  }

  close(port: number): void {
    this.#servers.get(port)?.closeAllConnections();
    this.#servers.get(port)?.close();
    this.#servers.delete(port);
  }

  stop(): void {
    for (const port of this.#servers.keys()) this.close(port);
  }

  async #listen(pageOf: (path: string) => { readonly target: PageTarget; readonly drafts: readonly Draft[] }): Promise<number> {
    const server = createServer(({ url = '' }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://x');
      const collector = searchParams.get('collector') ?? '';
      const { target, drafts } = pageOf(pathname);
      const lines = drafts.map(({ metric, labels, hasTime = false }) => ({ metric, labels, hasTime, value: ++this.#value, namespace: labels?.['namespace'] ?? '', pod: labels?.['pod'] ?? '' }));
      const page: Page = { ...target, collector, lines, instance: `127.0.0.1:${port}`, isServed: false, servedMs: Date.now() };
      this.pages.push(page);
      response.on('finish', () => (page.isServed = true));
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
      const ownMs = this.#ownTime(`${collector} ${page.instance}`);
      response.end(lines.map(({ metric, labels, value, hasTime }) => `${metric}${labelText(labels)} ${value}${hasTime ? ` ${ownMs}` : ''}\n`).join(''));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    this.#servers.set(port, server);
    return port;
  }

  /** A little ago, and never the same twice. */
  #ownTime(key: string): number {
    const ownMs = Math.max((this.#ownTimes.get(key) ?? 0) + 1, Date.now() - 100);
    this.#ownTimes.set(key, ownMs);
    return ownMs;
  }

  #drafts({ job, node }: PageTarget): Draft[] {
    const pods = [...this.#cluster.shown.values()];
    if (job === 'kube-state-metrics') return kubeDrafts(pods);
    if (job === 'cadvisor') return cadvisorDrafts(pods.filter((pod) => pod.node === node));
    return job === 'dcgm-exporter' ? dcgmDrafts(pods) : [{ metric: 'apiserver_up_seconds' }, { metric: 'apiserver_request_total', labels: { verb: 'GET' } }];
  }
}

function labelText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function kubeDrafts(pods: readonly Pod[]): Draft[] {
  return [
    { metric: 'kube_cluster_info' },
    ...nodes.map((node) => ({ metric: 'kube_node_info', labels: { node } })),
    ...[...namespaces, 'kube-system'].map((namespace) => ({ metric: 'kube_namespace_created', labels: { namespace } })),
    ...namespaces.map((namespace) => ({ metric: 'kube_deployment_spec_replicas', labels: { namespace, deployment: 'serve' } })),
    ...pods.flatMap(({ namespace, name, uid }) => [
      { metric: 'kube_pod_info', labels: { namespace, pod: name, uid } },
      { metric: 'kube_pod_status_phase', labels: { namespace, pod: name, phase: 'Running' } },
    ]),
  ];
}

function cadvisorDrafts(pods: readonly Pod[]): Draft[] {
  const cpu = (labels: Labels) => ({ metric: 'container_cpu_usage_seconds_total', labels, hasTime: true });
  return [
    { metric: 'machine_cpu_cores' },
    ...['/', '/system.slice'].map((id) => cpu({ id })),
    ...pods.map(({ namespace, name, uid }) => cpu({ namespace, pod: name, container: 'main', id: `/kubepods/${uid}` })),
  ];
}

function dcgmDrafts(pods: readonly Pod[]): Draft[] {
  const busy = pods.slice(0, GPUS - 2);
  const gpus = Array.from({ length: GPUS }, (_, i) => {
    const pod = busy[i];
    return { metric: 'DCGM_FI_DEV_GPU_UTIL', labels: { gpu: String(i), ...(pod !== undefined && { namespace: pod.namespace, pod: pod.name, container: 'main' }) } };
  });
  return [{ metric: 'dcgm_up_seconds' }, ...gpus];
}

/** The last line claims to be of another master. */
function appDrafts(name: string): Draft[] {
  const other = { namespace: 'hero-user-b', pod: 'steady' };
  return [{ metric: 'app_up_seconds' }, { metric: 'app_loss', labels: { rank: '0', task: name } }, { metric: 'app_claim', labels: other }];
}
