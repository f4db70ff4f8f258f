// Which lists of the API server a provider watches: the objects of its role, what those refer to, and what `attach_metadata` asks for.

import type { WatchRequest } from '../../src/kubernetes/kubernetes.ts';
import type { Kind } from '../../src/kubernetes/objects.ts';
import type { KubernetesSdSettings, RoleName } from './config.ts';

const kindOfRole = {
  pod: 'pods',
  service: 'services',
  endpoints: 'endpoints',
  endpointslice: 'endpointslices',
  node: 'nodes',
  ingress: 'ingresses',
} as const satisfies Record<RoleName, Kind>;

/** undefined: all; an empty list: the own namespace is asked for, and there is none. */
export function watchedNamespaces({ namespaces }: KubernetesSdSettings, ownNamespace: string | undefined): readonly string[] | undefined {
  if (!namespaces.own && namespaces.names.length === 0) return undefined;
  const own = namespaces.own && ownNamespace !== undefined ? [ownNamespace] : [];
  return [...new Set([...own, ...namespaces.names])];
}

export function planWatches(settings: KubernetesSdSettings, namespaces: readonly string[] | undefined): WatchRequest<Kind>[] {
  const { role, attach } = settings;
  const hasService = role === 'endpoints' || role === 'endpointslice';
  const kinds: Kind[] = [kindOfRole[role]];
  if (hasService) kinds.push('services', 'pods');
  if (attach.node) kinds.push('nodes');
  if (attach.namespace) kinds.push('namespaces');
  if (attach.deployment) kinds.push('replicasets');
  if (attach.cronjob) kinds.push('jobs');
  return kinds.map((kind) => request(kind, settings, namespaces));
}

function request(kind: Kind, { selectors }: KubernetesSdSettings, namespaces: readonly string[] | undefined): WatchRequest<Kind> {
  const selector = selectors.find(({ role }) => kindOfRole[role] === kind);
  return {
    kind,
    // Nodes and namespaces belong to no namespace.
    namespaces: kind === 'nodes' || kind === 'namespaces' ? undefined : namespaces,
    labelSelector: selector?.label ?? '',
    fieldSelector: selector?.field ?? '',
  };
}
