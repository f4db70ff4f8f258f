// Who gets a series of the member cluster, in plain words: no caches, no indices, nothing of the program.

import { nodes, type Pod, type Snapshot, type Version } from './member-cluster.ts';

/** How a collector is told to divide series. */
export interface Rules {
  readonly collector: string;
  /** `drop`: the rule of today, two remote writes that drop the other's namespace. */
  readonly kind: 'routes' | 'drop';
  /** `namespace`: by the pattern over namespaces. `first` and `now`: by the pod label, the first or the newest one. */
  readonly by: 'namespace' | 'first' | 'now';
  /** A master whose document is gone still gets its series. */
  readonly hasGrace: boolean;
}

/** The target of a page. `namespace` is that of the pod that is scraped, '' outside of the cluster. */
export interface PageTarget {
  readonly job: string;
  readonly namespace: string;
  /** Of the pod that is scraped. */
  readonly uid: string;
  readonly node: string;
}

/** What a line names; '' for nothing. */
export interface Named {
  readonly namespace: string;
  readonly pod: string;
}

/** The scraped pod does not say whose series they are. */
const aboutOthers = new Set(['kube-state-metrics', 'cadvisor', 'dcgm-exporter']);
const masterOf: Readonly<Record<string, string>> = { a: 'a', b: 'b', c: 'master-c' };

export function destinationsOf(rules: Rules, snapshot: Snapshot, target: PageTarget, named: Named): string[] {
  if (rules.kind === 'drop') return keptByDropRules(target, named);
  if (target.job === 'apiserver') return ['system'];
  const masters = ownersOf(rules, snapshot, target, named).filter((owner) => hasDestination(rules, snapshot, owner)).map((owner) => masterOf[owner]!);
  return [...masters, 'user'];
}

/** Somebody owns the series who has no destination. */
export function isUnowned(rules: Rules, snapshot: Snapshot, target: PageTarget, named: Named): boolean {
  return rules.kind === 'routes' && target.job !== 'apiserver' && ownersOf(rules, snapshot, target, named).some((owner) => !hasDestination(rules, snapshot, owner));
}

export function hasDestination({ hasGrace }: Rules, { third }: Snapshot, owner: string): boolean {
  return owner !== 'c' || third === 'announced' || (third === 'leaving' && hasGrace);
}

function keptByDropRules({ job, namespace }: PageTarget, named: Named): string[] {
  const atWriteTime = aboutOthers.has(job) && named.namespace !== '' ? named.namespace : namespace;
  return ['a', 'b'].filter((master) => atWriteTime !== (master === 'a' ? 'hero-user-b' : 'hero-user-a'));
}

function ownersOf(rules: Rules, snapshot: Snapshot, { job, namespace, uid, node }: PageTarget, named: Named): string[] {
  const pod = snapshot.newest.get(`${named.namespace}/${named.pod}`);
  const scraped = aboutOthers.has(job) ? '' : ownerOf(rules, snapshot.incarnations.get(uid), namespace);
  const owner = scraped || (named.namespace === '' ? '' : ownerOf(rules, pod, named.namespace));
  if (owner !== '') return [owner];
  if (named.namespace !== '' || !aboutOthers.has(job) || job === 'dcgm-exporter') return [];
  if (job === 'kube-state-metrics') return ['a', 'b', 'c'].filter((one) => hasDestination(rules, snapshot, one));
  const onNode = [...snapshot.incarnations.values()].filter((one) => snapshot.alive.has(one.uid) && one.node === node);
  return [...new Set(onNode.map((one) => ownerOf(rules, one, one.namespace)))].filter((one) => one !== '');
}

function ownerOf({ by }: Rules, pod: Pod | undefined, namespace: string): string {
  if (by === 'namespace') return /^hero-user-(.+)$/.exec(namespace)?.[1] ?? '';
  return (by === 'first' ? pod?.firstLabel : pod?.label) ?? '';
}

/** What a collector has to answer when it is asked where these series go, for every pod that is known and every node. */
export function probes(rules: Rules, snapshot: Snapshot): { readonly series: string; readonly destinations: readonly string[] }[] {
  const far = { namespace: 'kube-system', uid: '' };
  const pods = [...snapshot.newest.values()].map(({ namespace, name }) => ({
    series: `x{job="kube-state-metrics",namespace="${namespace}",pod="${name}"}`,
    destinations: destinationsOf(rules, snapshot, { ...far, job: 'kube-state-metrics', node: '' }, { namespace, pod: name }),
  }));
  const hosts = nodes.map((node) => ({
    series: `x{job="cadvisor",node="${node}"}`,
    destinations: destinationsOf(rules, snapshot, { ...far, job: 'cadvisor', node }, { namespace: '', pod: '' }),
  }));
  return [...pods, ...hosts];
}

/**
 * The versions of the cluster that may have decided about a page: a scrape ends at most one interval after it has begun, so a page served at `servedMs` was decided about between an interval
 * before and an interval after. Before that only what every collector had confirmed counts, after it nothing that was not sent yet.
 */
export function versionsAt(versions: readonly Version[], collector: string, servedMs: number, intervalMs: number): readonly Version[] {
  const known = versions.findLastIndex(({ settledMs }) => (settledMs.get(collector) ?? Infinity) <= servedMs - intervalMs);
  const sent = versions.findLastIndex(({ sentMs }) => sentMs <= servedMs + intervalMs);
  return versions.slice(Math.max(0, known), sent + 1);
}
