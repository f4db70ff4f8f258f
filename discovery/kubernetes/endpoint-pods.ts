// What the roles `endpoints` and `endpointslice` share: the pods behind addresses, the container that listens on a port, and the further
// targets that the pods' other ports give. Source: Prometheus discovery/kubernetes/endpoints.go and endpointslice.go.

import { objectKey } from '../../src/kubernetes/objects.ts';
import type { ContainerPort, Node, TargetReference } from '../../src/kubernetes/objects.ts';
import type { LabelMap } from '../../src/model/labels.ts';
import { addContainer, addContainerPort, addPod, containersOf, ownedPod } from './pod.ts';
import type { OwnedPod, PlacedContainer } from './pod.ts';
import { ADDRESS, joinHostPort } from './labels.ts';
import type { LabelSet } from './group.ts';
import type { Cluster, Reference } from './role.ts';

/** Pods by their key, as they were when the group was made. */
export type Pods = ReadonlyMap<string, OwnedPod>;
/** Nodes by their name, likewise. */
export type Nodes = ReadonlyMap<string, Node>;

/** An address and a port of it; `port` is undefined where a slice says none. */
export interface Place {
  readonly target: TargetReference | undefined;
  readonly port: number | undefined;
}

export interface PlacedPort extends PlacedContainer {
  readonly port: ContainerPort;
}

export function podKeyOf(target: TargetReference | undefined): string | undefined {
  return target?.kind === 'Pod' ? objectKey(target) : undefined;
}

/** The pod, and the node whose labels would be attached. */
export function* addressReferences(target: TargetReference | undefined, nodeName: string | undefined): Generator<Reference> {
  const pod = podKeyOf(target);
  if (pod !== undefined) yield { kind: 'pods', key: pod };
  if (nodeName !== undefined) yield { kind: 'nodes', key: nodeName };
}

/** Looks up what the addresses refer to, each once. */
export function resolve(references: Iterable<Reference>, cluster: Cluster): { readonly pods: Pods; readonly nodes: Nodes } {
  const pods = new Map<string, OwnedPod>();
  const nodes = new Map<string, Node>();
  for (const { kind, key } of references) {
    const pod = kind === 'pods' && !pods.has(key) ? cluster.find('pods', key) : undefined;
    if (pod !== undefined) pods.set(key, ownedPod(pod, cluster));
    const node = kind === 'nodes' && !nodes.has(key) ? cluster.find('nodes', key) : undefined;
    if (node !== undefined) nodes.set(key, node);
  }
  return { pods, nodes };
}

/** The container that declares the port, by number alone; of several the last one. */
export function containerAt({ pod }: OwnedPod, number: number | undefined): PlacedPort | undefined {
  if (number === undefined) return undefined;
  const listening = containersOf(pod).flatMap((entry) => {
    const port = entry.container.ports.find(({ port }) => port === number);
    return port === undefined ? [] : [{ ...entry, port }];
  });
  return listening.at(-1);
}

interface UncoveredPort {
  readonly owned: OwnedPod;
  readonly placed: PlacedPort;
}

/** The ports that the pods behind the places declare and no place of the object covers. A pod without an address gives none. */
export function uncoveredPorts(places: readonly Place[], pods: Pods): UncoveredPort[] {
  const covered = new Map<OwnedPod, Set<number | undefined>>();
  for (const { target, port } of places) {
    const owned = podOf(target, pods);
    if (owned === undefined) continue;
    const ports = covered.get(owned);
    if (ports === undefined) covered.set(owned, new Set([port]));
    else ports.add(port);
  }
  return [...covered].flatMap(([owned, ports]) => (owned.pod.podIp === '' ? [] : otherPorts(owned, ports)));
}

function otherPorts(owned: OwnedPod, covered: ReadonlySet<number | undefined>): UncoveredPort[] {
  return containersOf(owned.pod).flatMap((entry) =>
    entry.container.ports.filter(({ port }) => !covered.has(port)).map((port) => ({ owned, placed: { ...entry, port } })));
}

export function podOf(target: TargetReference | undefined, pods: Pods): OwnedPod | undefined {
  const key = podKeyOf(target);
  return key === undefined ? undefined : pods.get(key);
}

/** The target of a port that only the pod declares: nothing about endpoints is known of it. */
export function uncoveredTarget({ owned, placed }: UncoveredPort): LabelSet {
  const labels: LabelMap = new Map([[ADDRESS, joinHostPort(owned.pod.podIp, placed.port.port)]]);
  addContainer(labels, placed);
  addContainerPort(labels, placed.port, placed.port.protocol);
  addPod(labels, owned);
  return labels;
}
