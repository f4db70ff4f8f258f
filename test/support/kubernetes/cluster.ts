// Clusters of any size that look like real ones, from a seed: nodes, namespaces, deployments' replica sets, services with their endpoint slices, and pods of
// 13.8 KB. Objects are made when they are asked for, so that 50,000 pods (690 MB as JSON) need a few ten MB here; their messages are kept compressed
// once made, because making one takes far longer than sending it.

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { identityOf, makePod, replicaSetName, type PodIdentity } from './cluster-pod.ts';
import { encodeMessage } from './protobuf.ts';
import { resourceOfKind, type ResourceType } from './resources.ts';
import { completeObject, type Draft, type KubeObject } from './store.ts';

export interface ClusterOptions {
  readonly seed: number;
  readonly pods: number;
  /** One of so many pods is annotated with `prometheus.io/scrape: "true"`. Default 20. */
  readonly annotatedEvery?: number;
}

const PODS_PER_NODE = 50;
const PODS_PER_DEPLOYMENT = 10;
const DEPLOYMENTS_PER_NAMESPACE = 20;
const CREATED_AT = '2026-01-02T03:04:05Z';

/** Everything but the pods, then the pods. */
export function* clusterDrafts(options: ClusterOptions): Generator<Draft> {
  const deployments = Math.ceil(options.pods / PODS_PER_DEPLOYMENT);
  for (let i = 0; i < Math.ceil(options.pods / PODS_PER_NODE); i++) yield smallDraft(() => makeNode(i));
  for (let i = 0; i < Math.ceil(deployments / DEPLOYMENTS_PER_NAMESPACE); i++) yield smallDraft(() => makeNamespace(i));
  for (let i = 0; i < deployments; i++) for (const make of [makeReplicaSet, makeService, makeSlice]) yield smallDraft(() => make(i, options));
  for (let i = 0; i < options.pods; i++) yield podDraft(options, i);
}

/** One of the cluster's pods. `path` is its `prometheus.io/path`, which a test changes to tell one version from the next. */
export function podDraft(options: ClusterOptions, index: number, path = '/metrics'): Draft {
  return draftOf('Pod', identityOf(placeOf(index)), () => clusterPod(options, index, path));
}

export function clusterPod({ seed, annotatedEvery = 20 }: ClusterOptions, index: number, path = '/metrics'): KubeObject {
  return makePod({ ...placeOf(index), seed, isAnnotated: index % annotatedEvery === 0, path });
}

function placeOf(index: number) {
  const deployment = Math.floor(index / PODS_PER_DEPLOYMENT);
  return { index, namespace: namespaceName(deployment), deployment: deploymentName(deployment), node: nodeName(Math.floor(index / PODS_PER_NODE)) };
}

const nodeName = (i: number) => `node-${String(i).padStart(4, '0')}`;
const namespaceName = (deployment: number) => `team-${Math.floor(deployment / DEPLOYMENTS_PER_NAMESPACE)}`;
const deploymentName = (i: number) => `service-${String(i).padStart(5, '0')}`;

/** Of an object that is made quickly. */
function smallDraft(make: () => KubeObject): Draft {
  const { kind, metadata } = make();
  return draftOf(kind, metadata, make);
}

function draftOf(kind: string, { namespace = '', name = '' }: { readonly namespace?: string; readonly name?: string }, make: () => KubeObject): Draft {
  const type = resourceOfKind(kind);
  const read = (version: number) => completeObject(type, make(), { version, uid: `uid-${type.plural}-${namespace}-${name}`, createdAt: CREATED_AT });
  return { type, namespace, name, read, message: keptMessage(type, read) };
}

/** What most messages of a kind have in common: the first one made. With it, a pod of 12 KB is kept in 1 KB. */
const dictionaries = new Map<ResourceType, Buffer>();

function keptMessage(type: ResourceType, read: (version: number) => KubeObject): (version: number) => Buffer {
  let kept: { readonly bytes: Buffer; readonly version: number } | undefined;
  return (version) => {
    const dictionary = dictionaries.get(type);
    if (kept?.version === version && dictionary !== undefined) return inflateRawSync(kept.bytes, { dictionary });
    const { kind: _kind, apiVersion: _apiVersion, ...fields } = read(version);
    const message = encodeMessage(type.message!, fields);
    if (dictionary === undefined) dictionaries.set(type, message);
    kept = { bytes: deflateRawSync(message, { dictionary: dictionary ?? message, level: 1 }), version };
    return message;
  };
}

function makeNode(i: number): KubeObject {
  const name = nodeName(i);
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/arch': 'amd64', 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': `zone-${i % 3}` };
  const conditions = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
    type, status: type === 'Ready' ? 'True' : 'False', lastHeartbeatTime: CREATED_AT, lastTransitionTime: CREATED_AT, reason: `Kubelet${type}`, message: `kubelet says so of ${type}`,
  }));
  const size = { cpu: '64', memory: '263856Mi', pods: '110', 'ephemeral-storage': '892Gi' };
  return {
    kind: 'Node', metadata: { name, labels, annotations: { 'node.alpha.kubernetes.io/ttl': '0' } },
    spec: { podCIDR: `10.${(i >> 8) & 255}.${i & 255}.0/24`, providerID: `example://zone-${i % 3}/${name}` },
    status: {
      capacity: size, allocatable: size, conditions, daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      addresses: [{ type: 'InternalIP', address: `192.168.${(i >> 8) & 255}.${i & 255}` }, { type: 'Hostname', address: name }],
      nodeInfo: { kernelVersion: '6.8.0', osImage: 'Debian', containerRuntimeVersion: 'containerd://2.1.0', kubeletVersion: 'v1.36.2', operatingSystem: 'linux', architecture: 'amd64' },
    },
  };
}

function makeNamespace(i: number): KubeObject {
  const name = `team-${i}`;
  return { kind: 'Namespace', metadata: { name, labels: { 'kubernetes.io/metadata.name': name } }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
}

function makeReplicaSet(i: number): KubeObject {
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Deployment', name: deploymentName(i), uid: `uid-deployment-${i}`, controller: true }];
  const selector = { matchLabels: { 'app.kubernetes.io/name': deploymentName(i) } };
  return { kind: 'ReplicaSet', metadata: { name: replicaSetName(deploymentName(i)), namespace: namespaceName(i), ownerReferences }, spec: { replicas: PODS_PER_DEPLOYMENT, selector } };
}

function makeService(i: number): KubeObject {
  const name = deploymentName(i);
  const clusterIP = `172.20.${(i >> 8) & 255}.${i & 255}`;
  return {
    kind: 'Service', metadata: { name, namespace: namespaceName(i), labels: { 'app.kubernetes.io/name': name } },
    spec: {
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }], selector: { 'app.kubernetes.io/name': name }, clusterIP, clusterIPs: [clusterIP],
      type: 'ClusterIP', sessionAffinity: 'None', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', internalTrafficPolicy: 'Cluster',
    },
  };
}

function makeSlice(i: number, options: ClusterOptions): KubeObject {
  const first = i * PODS_PER_DEPLOYMENT;
  const count = Math.min(PODS_PER_DEPLOYMENT, options.pods - first);
  const name = deploymentName(i);
  return {
    kind: 'EndpointSlice', addressType: 'IPv4', ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    metadata: {
      name: `${name}-abcde`, namespace: namespaceName(i), labels: { 'kubernetes.io/service-name': name, 'app.kubernetes.io/name': name },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid: `uid-services-${namespaceName(i)}-${name}`, controller: true }],
    },
    endpoints: Array.from({ length: count }, (_, k) => sliceEndpoint(first + k)),
  };
}

function sliceEndpoint(index: number): Record<string, unknown> {
  const place = placeOf(index);
  const { ip, name, namespace, uid }: PodIdentity = identityOf(place);
  return {
    addresses: [ip], conditions: { ready: true, serving: true, terminating: false }, nodeName: place.node,
    targetRef: { kind: 'Pod', name, namespace, uid }, zone: 'zone-0',
  };
}
