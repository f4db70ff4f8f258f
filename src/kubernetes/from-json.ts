// Projections from objects as JSON.parse gives them. Nothing is expected of an object: a field that is missing, null or of a wrong type
// counts as absent. What the fields mean is said in objects.ts; from-protobuf.ts gives equal values from the other encoding.

import { intern } from './intern.ts';
import type {
  Container, ContainerPort, DataObject, EndpointAddress, EndpointSlice, EndpointSubset, Endpoints, Ingress, IngressRule, Kind, KindMap, Meta, Node,
  OwnerReference, Pairs, Pod, Service, SliceEndpoint, TargetReference,
} from './objects.ts';
import { dataObjectOf, endpointSliceOf, endpointsOf, ingressOf, nodeOf, podOf, serviceOf, withoutAnnotations } from './shapes.ts';
import { shareAnnotations, shareLabels, shareOwners, sharePorts } from './share.ts';

/** What is kept of one object of the API server. Never fails. */
export function projectJson<K extends Kind>(kind: K, object: unknown): KindMap[K] {
  return projections[kind](object);
}

const projections: { readonly [K in Kind]: (object: unknown) => KindMap[K] } = {
  pods: readPod,
  services: readService,
  endpoints: readEndpoints,
  endpointslices: readEndpointSlice,
  nodes: readNode,
  ingresses: readIngress,
  namespaces: readMeta,
  replicasets: readMeta,
  jobs: readMeta,
  secrets: readSecret,
  configmaps: readConfigMap,
  podmetadata: (object) => withoutAnnotations(readMeta(object)),
};

/** A member of what may be anything. */
export function field(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[name] : undefined;
}

/** A member as text that is not expected to repeat; '' when it is none. */
export function uniqueText(object: unknown, name: string): string {
  const value = field(object, name);
  return typeof value === 'string' ? value : '';
}

function text(object: unknown, name: string): string {
  return intern(uniqueText(object, name));
}

function optionalText(object: unknown, name: string): string | undefined {
  const value = field(object, name);
  return typeof value === 'string' ? intern(value) : undefined;
}

function number(object: unknown, name: string): number {
  return optionalNumber(object, name) ?? 0;
}

function optionalNumber(object: unknown, name: string): number | undefined {
  const value = field(object, name);
  return typeof value === 'number' ? value : undefined;
}

function optionalFlag(object: unknown, name: string): boolean | undefined {
  const value = field(object, name);
  return typeof value === 'boolean' ? value : undefined;
}

function list<T>(object: unknown, name: string, read: (item: unknown) => T): readonly T[] {
  const value = field(object, name);
  return Array.isArray(value) ? value.map(read) : [];
}

function texts(object: unknown, name: string): readonly string[] {
  return list(object, name, (item) => (typeof item === 'string' ? intern(item) : ''));
}

function pairs(object: unknown, name: string): Pairs {
  const found: string[] = [];
  for (const [key, value] of entriesOf(object, name)) found.push(intern(key), typeof value === 'string' ? intern(value) : '');
  return found;
}

function entriesOf(object: unknown, name: string): [string, unknown][] {
  const value = field(object, name);
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function readMeta(object: unknown): Meta {
  const metadata = field(object, 'metadata');
  return {
    name: uniqueText(metadata, 'name'),
    namespace: text(metadata, 'namespace'),
    uid: uniqueText(metadata, 'uid'),
    labels: shareLabels(pairs(metadata, 'labels')),
    annotations: shareAnnotations(pairs(metadata, 'annotations')),
    owners: shareOwners(list(metadata, 'ownerReferences', readOwner)),
  };
}

function readOwner(owner: unknown): OwnerReference {
  return { kind: text(owner, 'kind'), name: text(owner, 'name'), controller: field(owner, 'controller') === true };
}

function readPod(object: unknown): Pod {
  const spec = field(object, 'spec');
  const status = field(object, 'status');
  return podOf(readMeta(object), {
    nodeName: text(spec, 'nodeName'),
    hostIp: text(status, 'hostIP'),
    podIp: uniqueText(status, 'podIP'),
    phase: text(status, 'phase'),
    ready: readReady(status),
    containers: readContainers(spec, 'containers', field(status, 'containerStatuses')),
    initContainers: readContainers(spec, 'initContainers', field(status, 'initContainerStatuses')),
  });
}

function readReady(status: unknown): string {
  const conditions = list(status, 'conditions', (condition) => condition);
  const ready = conditions.find((condition) => field(condition, 'type') === 'Ready');
  return ready === undefined ? 'unknown' : intern(uniqueText(ready, 'status').toLowerCase());
}

function readContainers(spec: unknown, name: string, statuses: unknown): readonly Container[] {
  const known: readonly unknown[] = Array.isArray(statuses) ? statuses : [];
  return list(spec, name, (container) => {
    const called = text(container, 'name');
    const status = known.find((candidate) => uniqueText(candidate, 'name') === called);
    return { name: called, image: text(container, 'image'), id: uniqueText(status, 'containerID'), ports: sharePorts(list(container, 'ports', readContainerPort)) };
  });
}

function readContainerPort(port: unknown): ContainerPort {
  return { name: text(port, 'name'), port: number(port, 'containerPort'), protocol: text(port, 'protocol') };
}

/** A port of a Service or of an Endpoints object. */
function readPort(port: unknown): ContainerPort {
  return { name: text(port, 'name'), port: number(port, 'port'), protocol: text(port, 'protocol') };
}

function readService(object: unknown): Service {
  const spec = field(object, 'spec');
  return serviceOf(readMeta(object), {
    type: text(spec, 'type'),
    clusterIp: uniqueText(spec, 'clusterIP'),
    externalName: uniqueText(spec, 'externalName'),
    loadBalancerIp: uniqueText(spec, 'loadBalancerIP'),
    ports: list(spec, 'ports', readPort),
    ipFamilyPolicy: text(spec, 'ipFamilyPolicy'),
    ipFamilies: texts(spec, 'ipFamilies'),
  });
}

function readEndpoints(object: unknown): Endpoints {
  return endpointsOf(readMeta(object), { subsets: list(object, 'subsets', readSubset) });
}

function readSubset(subset: unknown): EndpointSubset {
  return {
    addresses: list(subset, 'addresses', readAddress),
    notReadyAddresses: list(subset, 'notReadyAddresses', readAddress),
    ports: list(subset, 'ports', readPort),
  };
}

function readAddress(address: unknown): EndpointAddress {
  return {
    ip: uniqueText(address, 'ip'),
    hostname: uniqueText(address, 'hostname'),
    nodeName: optionalText(address, 'nodeName'),
    target: readTarget(address),
  };
}

function readTarget(holder: unknown): TargetReference | undefined {
  const target = field(holder, 'targetRef');
  if (typeof target !== 'object' || target === null) return undefined;
  return { kind: text(target, 'kind'), name: uniqueText(target, 'name'), namespace: text(target, 'namespace') };
}

function readEndpointSlice(object: unknown): EndpointSlice {
  return endpointSliceOf(readMeta(object), {
    addressType: text(object, 'addressType'),
    endpoints: list(object, 'endpoints', readSliceEndpoint),
    ports: list(object, 'ports', (port) => ({
      name: optionalText(port, 'name'),
      port: optionalNumber(port, 'port'),
      protocol: optionalText(port, 'protocol'),
      appProtocol: optionalText(port, 'appProtocol'),
    })),
  });
}

function readSliceEndpoint(endpoint: unknown): SliceEndpoint {
  const conditions = field(endpoint, 'conditions');
  return {
    addresses: list(endpoint, 'addresses', (address) => (typeof address === 'string' ? address : '')),
    ready: optionalFlag(conditions, 'ready'),
    serving: optionalFlag(conditions, 'serving'),
    terminating: optionalFlag(conditions, 'terminating'),
    hostname: optionalText(endpoint, 'hostname'),
    nodeName: optionalText(endpoint, 'nodeName'),
    zone: optionalText(endpoint, 'zone'),
    target: readTarget(endpoint),
    topology: pairs(endpoint, 'deprecatedTopology'),
  };
}

function readNode(object: unknown): Node {
  const status = field(object, 'status');
  const kubelet = field(field(status, 'daemonEndpoints'), 'kubeletEndpoint');
  return nodeOf(readMeta(object), {
    providerId: uniqueText(field(object, 'spec'), 'providerID'),
    kubeletPort: number(kubelet, 'Port'),
    addresses: list(status, 'addresses', (address) => ({ type: text(address, 'type'), address: uniqueText(address, 'address') })),
    conditions: list(status, 'conditions', (condition) => ({ type: text(condition, 'type'), status: text(condition, 'status') })),
  });
}

function readIngress(object: unknown): Ingress {
  const spec = field(object, 'spec');
  return ingressOf(readMeta(object), {
    className: optionalText(spec, 'ingressClassName'),
    rules: list(spec, 'rules', readIngressRule),
    tlsHosts: list(spec, 'tls', (entry) => texts(entry, 'hosts')).flat(),
  });
}

function readIngressRule(rule: unknown): IngressRule {
  return { host: text(rule, 'host'), paths: list(field(rule, 'http'), 'paths', (path) => text(path, 'path')) };
}

function readSecret(object: unknown): DataObject {
  return dataObjectOf(readMeta(object), { data: new Map(dataOf(object, 'data', 'base64')) });
}

function readConfigMap(object: unknown): DataObject {
  return dataObjectOf(readMeta(object), { data: new Map([...dataOf(object, 'data', 'utf8'), ...dataOf(object, 'binaryData', 'base64')]) });
}

function dataOf(object: unknown, name: string, encoding: 'base64' | 'utf8'): [string, Uint8Array][] {
  // Buffer.from may give a piece of a larger block that would be held with it; the copy is of the value's size.
  return entriesOf(object, name).map(([key, value]) => [intern(key), Uint8Array.from(Buffer.from(typeof value === 'string' ? value : '', encoding))]);
}
