// Role `endpointslice`: a target per endpoint, port and address of a slice, and one per further container port of the pods behind them.
// Source: Prometheus discovery/kubernetes/endpointslice.go.

import { objectKey, pairValue } from '../../src/kubernetes/objects.ts';
import type { EndpointSlice, Namespace, Service, SliceEndpoint, SlicePort } from '../../src/kubernetes/objects.ts';
import type { LabelMap } from '../../src/model/labels.ts';
import type { TargetGroup } from '../discovery.ts';
import { addNamespace, addNode } from './attach.ts';
import { addressReferences, containerAt, podOf, resolve, uncoveredPorts, uncoveredTarget } from './endpoint-pods.ts';
import type { Nodes, Place, Pods } from './endpoint-pods.ts';
import { derivedGroup } from './group.ts';
import type { GroupRules } from './group.ts';
import { ADDRESS, joinHostPort, metadataAdder, NAMESPACE, pairAdder } from './labels.ts';
import { addContainer, addContainerPort, addPod } from './pod.ts';
import type { Cluster, Reference, Role } from './role.ts';
import { addService } from './service.ts';

/** The label by which a slice says whose it is. */
const SERVICE_NAME = 'kubernetes.io/service-name';

interface SliceContent {
  readonly slice: EndpointSlice;
  readonly service: Service | undefined;
  readonly namespace: Namespace | undefined;
  readonly pods: Pods;
  readonly nodes: Nodes;
}

interface SlicePlace extends Place {
  readonly ip: string;
  readonly endpoint: SliceEndpoint;
  readonly slicePort: SlicePort;
}

const addSliceMetadata = metadataAdder('endpointslice');
const addTopology = pairAdder('__meta_kubernetes_endpointslice_endpoint_topology', '__meta_kubernetes_endpointslice_endpoint_topology_present');

export const endpointSliceRole: Role<'endpointslices'> = {
  kind: 'endpointslices',
  sourceWord: 'endpointslice',
  *references(slice): Generator<Reference> {
    const service = serviceKey(slice);
    if (service !== undefined) yield { kind: 'services', key: service };
    yield { kind: 'namespaces', key: slice.namespace };
    yield* endpointReferences(slice);
  },
  build: buildSlice,
};

function serviceKey({ namespace, labels }: EndpointSlice): string | undefined {
  const name = pairValue(labels, SERVICE_NAME);
  return name === undefined ? undefined : objectKey({ namespace, name });
}

function* endpointReferences({ endpoints }: EndpointSlice): Generator<Reference> {
  for (const endpoint of endpoints) yield* addressReferences(endpoint.target, nodeNameOf(endpoint));
}

/** Whose labels are attached: the node that the endpoint is, else the one that it names. The other way round than in the role `endpoints`. */
function nodeNameOf({ nodeName, target }: SliceEndpoint): string | undefined {
  return target?.kind === 'Node' ? target.name : nodeName;
}

function buildSlice(source: string, slice: EndpointSlice, cluster: Cluster): TargetGroup {
  const key = serviceKey(slice);
  const service = key === undefined ? undefined : cluster.find('services', key);
  const content: SliceContent = { slice, service, namespace: cluster.find('namespaces', slice.namespace), ...resolve(endpointReferences(slice), cluster) };
  const places = placesOf(content);
  return derivedGroup(source, places.length + uncoveredPorts(places, content.pods).length, content, sliceRules);
}

/** A service of both families has a slice of each with the same pods: only that of its first family counts. */
function isOtherFamily({ addressType }: EndpointSlice, service: Service | undefined): boolean {
  if (service === undefined || !['PreferDualStack', 'RequireDualStack'].includes(service.ipFamilyPolicy)) return false;
  const [primary] = service.ipFamilies;
  return primary !== undefined && primary !== addressType;
}

function placesOf({ slice, service }: SliceContent): SlicePlace[] {
  if (isOtherFamily(slice, service)) return [];
  return slice.endpoints.flatMap((endpoint) => slice.ports.flatMap((slicePort) =>
    endpoint.addresses.map((ip) => ({ ip, endpoint, slicePort, target: endpoint.target, port: slicePort.port }))));
}

const sliceRules: GroupRules<SliceContent> = {
  labels({ slice, service, namespace }) {
    const labels: LabelMap = new Map([
      [NAMESPACE, slice.namespace],
      ['__meta_kubernetes_endpointslice_name', slice.name],
      ['__meta_kubernetes_endpointslice_address_type', slice.addressType],
    ]);
    addSliceMetadata(labels, slice);
    if (service !== undefined) addService(labels, service);
    addNamespace(labels, namespace);
    return labels;
  },
  targets(content) {
    const places = placesOf(content);
    return [...places.map((place) => placeTarget(place, content)), ...uncoveredPorts(places, content.pods).map(uncoveredTarget)];
  },
};

function placeTarget({ ip, endpoint, slicePort, target, port }: SlicePlace, { pods, nodes }: SliceContent): LabelMap {
  const labels: LabelMap = new Map([[ADDRESS, port === undefined ? ip : joinHostPort(ip, port)]]);
  addPort(labels, slicePort);
  addEndpoint(labels, endpoint);
  const nodeName = nodeNameOf(endpoint);
  if (nodeName !== undefined) addNode(labels, nodes.get(nodeName));
  const owned = podOf(target, pods);
  if (owned === undefined) return labels;
  addPod(labels, owned);
  const placed = containerAt(owned, port);
  if (placed === undefined) return labels;
  addContainer(labels, placed);
  addContainerPort(labels, placed.port, placed.port.protocol);
  return labels;
}

function addPort(labels: LabelMap, { name, port, protocol, appProtocol }: SlicePort): void {
  addIfSet(labels, '__meta_kubernetes_endpointslice_port', port);
  addIfSet(labels, '__meta_kubernetes_endpointslice_port_name', name);
  addIfSet(labels, '__meta_kubernetes_endpointslice_port_protocol', protocol);
  addIfSet(labels, '__meta_kubernetes_endpointslice_port_app_protocol', appProtocol);
}

function addEndpoint(labels: LabelMap, endpoint: SliceEndpoint): void {
  addIfSet(labels, '__meta_kubernetes_endpointslice_endpoint_conditions_ready', endpoint.ready);
  addIfSet(labels, '__meta_kubernetes_endpointslice_endpoint_conditions_serving', endpoint.serving);
  addIfSet(labels, '__meta_kubernetes_endpointslice_endpoint_conditions_terminating', endpoint.terminating);
  addIfSet(labels, '__meta_kubernetes_endpointslice_endpoint_hostname', endpoint.hostname);
  addIfSet(labels, '__meta_kubernetes_endpointslice_endpoint_node_name', endpoint.nodeName);
  addIfSet(labels, '__meta_kubernetes_endpointslice_endpoint_zone', endpoint.zone);
  addIfSet(labels, '__meta_kubernetes_endpointslice_address_target_kind', endpoint.target?.kind);
  addIfSet(labels, '__meta_kubernetes_endpointslice_address_target_name', endpoint.target?.name);
  addTopology(labels, endpoint.topology);
}

function addIfSet(labels: LabelMap, name: string, value: string | number | boolean | undefined): void {
  if (value !== undefined) labels.set(name, String(value));
}
