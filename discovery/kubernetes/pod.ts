// Role `pod`: a target per declared container port, and one without a port for each container that declares none. Also the labels of a pod, which
// the endpoints roles put on targets that are pods. Source: Prometheus discovery/kubernetes/pod.go.

import type { Container, ContainerPort, Namespace, Node, Pod } from '../../src/kubernetes/objects.ts';
import type { LabelMap } from '../../src/model/labels.ts';
import type { TargetGroup } from '../discovery.ts';
import { addNamespace, addNode, addOwnerNames, controllerOf, ownerNames, ownerReferences } from './attach.ts';
import type { OwnerNames } from './attach.ts';
import { derivedGroup } from './group.ts';
import type { GroupRules, LabelSet } from './group.ts';
import { ADDRESS, joinHostPort, metadataAdder, NAMESPACE } from './labels.ts';
import type { Cluster, Reference, Role } from './role.ts';

/** A pod with the names of its owners. */
export interface OwnedPod {
  readonly pod: Pod;
  readonly owners: OwnerNames;
}

interface PodContent extends OwnedPod {
  readonly node: Node | undefined;
  readonly namespace: Namespace | undefined;
}

const addPodMetadata = metadataAdder('pod');

export const podRole: Role<'pods'> = {
  kind: 'pods',
  sourceWord: 'pod',
  *references(pod): Generator<Reference> {
    yield { kind: 'nodes', key: pod.nodeName };
    yield { kind: 'namespaces', key: pod.namespace };
    yield* ownerReferences(pod);
  },
  build: buildPod,
};

/** Terminated pods are not left out: rules select by `__meta_kubernetes_pod_phase`. */
function buildPod(source: string, pod: Pod, cluster: Cluster): TargetGroup {
  const node = cluster.find('nodes', pod.nodeName);
  const content: PodContent = { pod, owners: ownerNames(pod, cluster), node, namespace: cluster.find('namespaces', pod.namespace) };
  // A node that a selector leaves out takes its pods with it.
  const isLeftOut = cluster.attach.node && node === undefined;
  return derivedGroup(source, isLeftOut ? 0 : countTargets(pod), content, isLeftOut ? noTargets : podRules);
}

export function ownedPod(pod: Pod, cluster: Cluster): OwnedPod {
  return { pod, owners: ownerNames(pod, cluster) };
}

/** A pod without an address is about to start, or was evicted. */
function countTargets(pod: Pod): number {
  if (pod.podIp === '') return 0;
  const count = (sum: number, { ports }: Container) => sum + Math.max(1, ports.length);
  return pod.containers.reduce(count, 0) + pod.initContainers.reduce(count, 0);
}

const noTargets: GroupRules<PodContent> = { labels: () => new Map(), targets: () => [] };

const podRules: GroupRules<PodContent> = {
  labels({ pod, owners, node, namespace }) {
    const labels: LabelMap = new Map();
    if (pod.podIp === '') return labels;
    labels.set(NAMESPACE, pod.namespace);
    addPod(labels, { pod, owners });
    addNode(labels, node);
    addNamespace(labels, namespace);
    return labels;
  },
  targets: ({ pod }) => (pod.podIp === '' ? [] : containersOf(pod).flatMap((entry) => containerTargets(pod, entry))),
};

/** Adds what is known of a pod beside its namespace. */
export function addPod(labels: LabelMap, { pod, owners }: OwnedPod): void {
  labels.set('__meta_kubernetes_pod_name', pod.name);
  labels.set('__meta_kubernetes_pod_ip', pod.podIp);
  labels.set('__meta_kubernetes_pod_ready', pod.ready);
  labels.set('__meta_kubernetes_pod_phase', pod.phase);
  labels.set('__meta_kubernetes_pod_node_name', pod.nodeName);
  labels.set('__meta_kubernetes_pod_host_ip', pod.hostIp);
  labels.set('__meta_kubernetes_pod_uid', pod.uid);
  const controller = controllerOf(pod);
  if (controller !== undefined && controller.kind !== '') labels.set('__meta_kubernetes_pod_controller_kind', controller.kind);
  if (controller !== undefined && controller.name !== '') labels.set('__meta_kubernetes_pod_controller_name', controller.name);
  addOwnerNames(labels, owners);
  addPodMetadata(labels, pod);
}

export interface PlacedContainer {
  readonly container: Container;
  readonly isInit: boolean;
}

/** Normal containers, then init containers, sidecars among them. */
export function containersOf({ containers, initContainers }: Pod): PlacedContainer[] {
  return [...containers.map((container) => ({ container, isInit: false })), ...initContainers.map((container) => ({ container, isInit: true }))];
}

export function addContainer(labels: LabelMap, { container, isInit }: PlacedContainer): void {
  labels.set('__meta_kubernetes_pod_container_name', container.name);
  labels.set('__meta_kubernetes_pod_container_image', container.image);
  labels.set('__meta_kubernetes_pod_container_init', String(isInit));
}

/** `protocol` is an argument of its own, because the endpoints role shows that of the endpoint. */
export function addContainerPort(labels: LabelMap, { name, port }: ContainerPort, protocol: string): void {
  labels.set('__meta_kubernetes_pod_container_port_name', name);
  labels.set('__meta_kubernetes_pod_container_port_number', String(port));
  labels.set('__meta_kubernetes_pod_container_port_protocol', protocol);
}

function containerTargets(pod: Pod, entry: PlacedContainer): LabelSet[] {
  const { ports } = entry.container;
  if (ports.length === 0) return [containerTarget(pod.podIp, entry)];
  return ports.map((port) => {
    const labels = containerTarget(joinHostPort(pod.podIp, port.port), entry);
    addContainerPort(labels, port, port.protocol);
    return labels;
  });
}

function containerTarget(address: string, entry: PlacedContainer): LabelMap {
  const labels: LabelMap = new Map([[ADDRESS, address]]);
  addContainer(labels, entry);
  labels.set('__meta_kubernetes_pod_container_id', entry.container.id);
  return labels;
}
