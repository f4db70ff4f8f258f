// The kinds the fake API server keeps, and where in the API each of them is. One of them is a custom resource: the server knows no message for it.

export interface ResourceType {
  /** Word of the path, such as `pods`. */
  readonly plural: string;
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Name of its message in the schemas; undefined for a custom resource. */
  readonly message: string | undefined;
}

const builtIn = (plural: string, kind: string, groupVersion = 'v1', isNamespaced = true): ResourceType => {
  const [first = '', second] = groupVersion.split('/');
  return { plural, kind, isNamespaced, message: kind, group: second === undefined ? '' : first, version: second ?? first };
};

export const resourceTypes: readonly ResourceType[] = [
  builtIn('pods', 'Pod'),
  builtIn('services', 'Service'),
  builtIn('endpoints', 'Endpoints'),
  builtIn('secrets', 'Secret'),
  builtIn('configmaps', 'ConfigMap'),
  builtIn('nodes', 'Node', 'v1', false),
  builtIn('namespaces', 'Namespace', 'v1', false),
  builtIn('endpointslices', 'EndpointSlice', 'discovery.k8s.io/v1'),
  builtIn('ingresses', 'Ingress', 'networking.k8s.io/v1'),
  builtIn('replicasets', 'ReplicaSet', 'apps/v1'),
  builtIn('jobs', 'Job', 'batch/v1'),
  builtIn('leases', 'Lease', 'coordination.k8s.io/v1'),
  { plural: 'servicemonitors', group: 'monitoring.coreos.com', version: 'v1', kind: 'ServiceMonitor', isNamespaced: true, message: undefined },
];

/** `v1` or `apps/v1`. */
export function apiVersionOf({ group, version }: ResourceType): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `pods` or `replicasets.apps`, as messages name it. */
export function qualifiedName({ plural, group }: ResourceType): string {
  return group === '' ? plural : `${plural}.${group}`;
}

/** Fails when there is no such kind. */
export function resourceOfKind(kind: string): ResourceType {
  const found = resourceTypes.find((type) => type.kind === kind);
  if (found === undefined) throw new Error(`the fake API server keeps no ${kind}`);
  return found;
}

/** By the word of the path. Fails when there is none. */
export function resourceNamed(plural: string): ResourceType {
  const found = resourceTypes.find((type) => type.plural === plural);
  if (found === undefined) throw new Error(`the fake API server has no resource ${plural}`);
  return found;
}

/** Where a resource's objects are: `/api/v1/namespaces/x/pods/y`. */
export interface ResourcePath {
  readonly type: ResourceType;
  /** '' for all of the cluster. */
  readonly namespace: string;
  /** '' for the collection. */
  readonly name: string;
  readonly subresource: string;
}

/** undefined when the path is none of a resource. */
export function parsePath(path: string): ResourcePath | undefined {
  const parts = path.split('/').filter((part) => part !== '').map(decodeURIComponent);
  const [group, version, rest] = parts[0] === 'api' ? ['', parts[1], parts.slice(2)] : [parts[1], parts[2], parts.slice(3)];
  if (parts[0] !== 'api' && parts[0] !== 'apis') return undefined;
  const isInNamespace = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status';
  const [plural, name = '', subresource = ''] = isInNamespace ? rest.slice(2) : rest;
  const type = resourceTypes.find((one) => one.plural === plural && one.group === group && one.version === version);
  if (type === undefined || (isInNamespace && !type.isNamespaced)) return undefined;
  return { type, namespace: isInNamespace ? rest[1]! : '', name, subresource };
}
