// Role `endpoints`: a target per port and address of each subset, ready or not, and one per further container port of the pods behind them.
// Source: Prometheus discovery/kubernetes/endpoints.go.

import { objectKey, pairValue } from '../../src/kubernetes/objects.ts';
import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Namespace, Service } from '../../src/kubernetes/objects.ts';
import type { LabelMap } from '../../src/model/labels.ts';
import type { TargetGroup } from '../discovery.ts';
import { addNamespace, addNode } from './attach.ts';
import { addressReferences, containerAt, podOf, resolve, uncoveredPorts, uncoveredTarget } from './endpoint-pods.ts';
import type { Nodes, Place, Pods } from './endpoint-pods.ts';
import { derivedGroup } from './group.ts';
import type { GroupRules } from './group.ts';
import { ADDRESS, joinHostPort, metadataAdder, NAMESPACE } from './labels.ts';
import { addContainer, addContainerPort, addPod } from './pod.ts';
import type { Cluster, Reference, Role } from './role.ts';
import { addService } from './service.ts';

/** Set by the endpoints controller on an object that does not hold all addresses of its service. */
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

interface EndpointsContent {
  readonly endpoints: Endpoints;
  readonly service: Service | undefined;
  readonly namespace: Namespace | undefined;
  readonly pods: Pods;
  readonly nodes: Nodes;
}

interface EndpointPlace extends Place {
  readonly address: EndpointAddress;
  readonly endpointPort: EndpointPort;
  readonly isReady: boolean;
}

const addEndpointsMetadata = metadataAdder('endpoints');

export const endpointsRole: Role<'endpoints'> = {
  kind: 'endpoints',
  sourceWord: 'endpoints',
  *references(endpoints): Generator<Reference> {
    // The service and its endpoints bear the same name.
    yield { kind: 'services', key: objectKey(endpoints) };
    yield { kind: 'namespaces', key: endpoints.namespace };
    yield* allAddressReferences(endpoints);
  },
  build: buildEndpoints,
  warning: (endpoints) => (pairValue(endpoints.labels, OVER_CAPACITY) === 'truncated'
    ? `endpoints ${objectKey(endpoints)} has more than 1000 addresses and does not hold all of them, use the role endpointslice`
    : undefined),
};

function* allAddressReferences({ subsets }: Endpoints): Generator<Reference> {
  for (const { addresses, notReadyAddresses } of subsets) {
    for (const address of [...addresses, ...notReadyAddresses]) yield* addressReferences(address.target, nodeNameOf(address));
  }
}

/** Whose labels are attached: the node that the address names, or the one that it is. */
function nodeNameOf({ nodeName, target }: EndpointAddress): string | undefined {
  return nodeName ?? (target?.kind === 'Node' ? target.name : undefined);
}

function buildEndpoints(source: string, endpoints: Endpoints, cluster: Cluster): TargetGroup {
  const content: EndpointsContent = {
    endpoints,
    service: cluster.find('services', objectKey(endpoints)),
    namespace: cluster.find('namespaces', endpoints.namespace),
    ...resolve(allAddressReferences(endpoints), cluster),
  };
  const places = placesOf(endpoints);
  return derivedGroup(source, places.length + uncoveredPorts(places, content.pods).length, content, endpointsRules);
}

function placesOf({ subsets }: Endpoints): EndpointPlace[] {
  return subsets.flatMap((subset) => subset.ports.flatMap((port) => portPlaces(subset, port)));
}

function portPlaces({ addresses, notReadyAddresses }: EndpointSubset, endpointPort: EndpointPort): EndpointPlace[] {
  const place = (isReady: boolean) => (address: EndpointAddress) => ({ address, endpointPort, isReady, target: address.target, port: endpointPort.port });
  return [...addresses.map(place(true)), ...notReadyAddresses.map(place(false))];
}

const endpointsRules: GroupRules<EndpointsContent> = {
  labels({ endpoints, service, namespace }) {
    const labels: LabelMap = new Map([
      [NAMESPACE, endpoints.namespace],
      ['__meta_kubernetes_endpoints_name', endpoints.name],
    ]);
    addEndpointsMetadata(labels, endpoints);
    if (service !== undefined) addService(labels, service);
    addNamespace(labels, namespace);
    return labels;
  },
  targets(content) {
    const places = placesOf(content.endpoints);
    return [...places.map((place) => placeTarget(place, content)), ...uncoveredPorts(places, content.pods).map(uncoveredTarget)];
  },
};

function placeTarget({ address, endpointPort, isReady, target, port }: EndpointPlace, { pods, nodes }: EndpointsContent): LabelMap {
  const labels: LabelMap = new Map([
    [ADDRESS, joinHostPort(address.ip, endpointPort.port)],
    ['__meta_kubernetes_endpoint_port_name', endpointPort.name],
    ['__meta_kubernetes_endpoint_port_protocol', endpointPort.protocol],
    ['__meta_kubernetes_endpoint_ready', String(isReady)],
  ]);
  addAddress(labels, address);
  const nodeName = nodeNameOf(address);
  if (nodeName !== undefined) addNode(labels, nodes.get(nodeName));
  const owned = podOf(target, pods);
  if (owned === undefined) return labels;
  addPod(labels, owned);
  const placed = containerAt(owned, port);
  if (placed === undefined) return labels;
  addContainer(labels, placed);
  addContainerPort(labels, placed.port, endpointPort.protocol);
  return labels;
}

function addAddress(labels: LabelMap, { target, nodeName, hostname }: EndpointAddress): void {
  if (target !== undefined) {
    labels.set('__meta_kubernetes_endpoint_address_target_kind', target.kind);
    labels.set('__meta_kubernetes_endpoint_address_target_name', target.name);
  }
  if (nodeName !== undefined) labels.set('__meta_kubernetes_endpoint_node_name', nodeName);
  if (hostname !== '') labels.set('__meta_kubernetes_endpoint_hostname', hostname);
}
