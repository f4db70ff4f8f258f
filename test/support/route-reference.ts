// What routing should do, in plain words: no caches, no indices, no interning. Tests compare the line with it.

export interface ReferenceDestination {
  readonly name: string;
  readonly owner?: string;
}

export interface ReferenceRoute {
  readonly match: (labels: ReadonlyMap<string, string>) => boolean;
  readonly to: readonly string[];
  readonly continue: boolean;
}

export interface ReferenceCluster {
  /** Owner by label of a pod; undefined for no label or no such pod. */
  readonly podOwner: (namespace: string, pod: string) => string | undefined;
  readonly namespaceOwner: (namespace: string) => string | undefined;
  readonly nodeOwners: (node: string) => readonly string[];
}

export interface ReferenceTarget {
  readonly aboutOthers: boolean;
  readonly honorLabels: boolean;
  readonly labels: ReadonlyMap<string, string>;
  readonly namespace: string;
  readonly pod: string;
  readonly node: string;
  readonly withoutPod: string | readonly string[];
  readonly namespaceOnly: string | readonly string[];
}

export interface ReferenceSetup {
  readonly cluster: ReferenceCluster;
  readonly target: ReferenceTarget;
  readonly routes: readonly ReferenceRoute[];
  readonly destinations: readonly ReferenceDestination[];
  readonly unowned: readonly string[];
}

/** The destinations of a series: `page` as the line tells it, `labels` as they are in the end. */
export function referenceRoute(setup: ReferenceSetup, page: ReadonlyMap<string, string>, labels: ReadonlyMap<string, string>): ReadonlySet<string> {
  const { routes, destinations } = setup;
  const result = new Set<string>();
  for (const route of routes) {
    if (!route.match(labels)) continue;
    for (const word of route.to) {
      if (word === 'owner') for (const name of ofOwners(setup, ownersOf(setup, page, labels))) result.add(name);
      else if (word === 'all') for (const { name } of destinations) result.add(name);
      else if (word !== 'none') result.add(word);
    }
    if (!route.continue) break;
  }
  return result;
}

/** The owner of a series that has one of its own; '' where a policy stands for it, or nobody is found. */
export function referenceOwner(setup: ReferenceSetup, page: ReadonlyMap<string, string>, labels: ReadonlyMap<string, string>): string {
  const found = ownersOf({ ...setup, target: { ...setup.target, withoutPod: 'none', namespaceOnly: 'none' } }, page, labels);
  return 'owners' in found ? (found.owners[0] ?? '') : '';
}

type Found = { readonly owners: readonly string[] } | { readonly names: readonly string[] };

function ownersOf({ cluster, target, destinations }: ReferenceSetup, page: ReadonlyMap<string, string>, labels: ReadonlyMap<string, string>): Found {
  const own = (name: string) => target.labels.has(name) && (!target.honorLabels || !page.has(name));
  const first = (names: readonly string[]) => names.map((name) => (own(name) ? '' : (labels.get(name) ?? ''))).find((value) => value !== '') ?? '';
  const namespace = first(['exported_namespace', 'namespace']);
  const pod = first(['exported_pod', 'pod']);
  const candidates = [
    ...(target.aboutOthers ? [] : [cluster.podOwner(target.namespace, target.pod), cluster.namespaceOwner(target.namespace)]),
    namespace !== '' && pod !== '' ? cluster.podOwner(namespace, pod) : undefined,
    namespace === '' ? undefined : cluster.namespaceOwner(namespace),
  ];
  const owner = candidates.find((one) => one !== undefined);
  if (owner !== undefined) return { owners: [owner] };
  if ((namespace !== '' && pod !== '') || (namespace === '' && !target.aboutOthers && target.pod !== '')) return { owners: [] };
  const policy = namespace === '' ? target.withoutPod : target.namespaceOnly;
  if (policy === 'broadcast') return { owners: [...new Set(destinations.flatMap((one) => one.owner ?? []))] };
  if (policy === 'node_owners') return { owners: cluster.nodeOwners(first(['node']) || target.node) };
  return typeof policy === 'string' ? { owners: [] } : { names: policy };
}

function ofOwners({ destinations, unowned }: ReferenceSetup, found: Found): readonly string[] {
  if ('names' in found) return found.names;
  return found.owners.flatMap((owner) => {
    const own = destinations.filter((one) => one.owner === owner).map(({ name }) => name);
    return own.length === 0 ? unowned : own;
  });
}
