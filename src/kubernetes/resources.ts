// Where in the API each kind is, and what is asked for of it.

import type { Kind } from './objects.ts';

export interface Resource {
  /** Path of the group and version: `/api/v1`, `/apis/apps/v1`. */
  readonly group: string;
  /** Word of the path, as permissions name it. */
  readonly plural: string;
  /** Only metadata is asked for, which is less than half of most objects. */
  readonly isMetadataOnly: boolean;
}

const core = (plural: string, isMetadataOnly = false): Resource => ({ group: '/api/v1', plural, isMetadataOnly });
const inGroup = (group: string, plural: string, isMetadataOnly = false): Resource => ({ group: `/apis/${group}`, plural, isMetadataOnly });

export const resources: { readonly [K in Kind]: Resource } = {
  pods: core('pods'),
  services: core('services'),
  endpoints: core('endpoints'),
  endpointslices: inGroup('discovery.k8s.io/v1', 'endpointslices'),
  nodes: core('nodes'),
  ingresses: inGroup('networking.k8s.io/v1', 'ingresses'),
  namespaces: core('namespaces', true),
  replicasets: inGroup('apps/v1', 'replicasets', true),
  jobs: inGroup('batch/v1', 'jobs', true),
  secrets: core('secrets'),
  configmaps: core('configmaps'),
  podmetadata: core('pods', true),
};

/** The collection's path; `namespace` '' for all of the cluster. */
export function collectionPath(kind: Kind, namespace: string): string {
  const { group, plural } = resources[kind];
  return namespace === '' ? `${group}/${plural}` : `${group}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/** The `Accept` header: protobuf, and JSON where a server or a proxy in front of it cannot. */
export function acceptHeader(kind: Kind, verb: 'list' | 'watch'): string {
  if (!resources[kind].isMetadataOnly) return 'application/vnd.kubernetes.protobuf, application/json';
  // The events of a watch hold single objects.
  const as = `as=${verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata'};g=meta.k8s.io;v=v1`;
  return `application/vnd.kubernetes.protobuf;${as}, application/json;${as}`;
}
