// Small objects of every kind from a random generator, few enough of each that they meet: pods of the same names come back with other addresses and
// owners, endpoints name pods that are not there, nodes lose their addresses.

import type { RawObject } from './memory-cluster.ts';

type Random = () => number;
type Choose = <T>(...options: readonly T[]) => T;

const NAMESPACES = ['shop', 'shop', 'shop', 'bank'];
const NAMES = ['a', 'b', 'c'];
const NODES = ['n1', 'n2'];

/** Pods are what most depends on. */
const makers: readonly ((choose: Choose) => object)[] = [
  makeNode, makeNamespace, makePod, makePod, makePod, makeReplicaSet, makeJob, makeService, makeEndpoints, makeSlice, makeIngress,
];

/** A new version of some object. */
export function randomObject(random: Random): RawObject {
  const choose: Choose = (...options) => options[Math.floor(random() * options.length)]!;
  return choose(...makers)(choose) as RawObject;
}

const labels = (choose: Choose) => choose(undefined, undefined, { app: choose('web', 'db') }, { app: choose('web', 'db'), 'a.b/c': choose('x', '') });
const owner = (choose: Choose, kind: string) => choose([], [{ kind, name: choose(...NAMES), controller: false }], ...Array.from({ length: 4 }, () => [{ kind, name: choose(...NAMES), controller: true }]));
const inNamespace = (choose: Choose) => ({ name: choose(...NAMES), namespace: choose(...NAMESPACES), labels: labels(choose) });
const ip = (choose: Choose) => choose('10.0.0.1', '10.0.0.2', 'fd00::1');
const target = (choose: Choose) => choose(
  undefined, { kind: 'Pod', name: choose(...NAMES), namespace: choose(...NAMESPACES) }, { kind: 'Pod', name: choose(...NAMES), namespace: 'shop' }, { kind: 'Node', name: choose(...NODES) },
);

function makeNode(choose: Choose) {
  const addresses = choose([], [{ type: 'InternalIP', address: ip(choose) }], [{ type: 'Hostname', address: 'h' }, { type: 'InternalIP', address: ip(choose) }]);
  return { kind: 'Node', metadata: { name: choose(...NODES), labels: labels(choose) }, status: { addresses, conditions: [{ type: 'Ready', status: choose('True', 'False') }] } };
}

function makeNamespace(choose: Choose) {
  return { kind: 'Namespace', metadata: { name: choose(...NAMESPACES), labels: labels(choose) } };
}

function makePod(choose: Choose) {
  const metadata = { ...inNamespace(choose), ownerReferences: owner(choose, choose('ReplicaSet', 'ReplicaSet', 'Job', 'DaemonSet')) };
  const ports = choose(undefined, [{ containerPort: 80, protocol: 'TCP' }], [{ containerPort: 80, protocol: 'TCP' }, { containerPort: 81, protocol: 'UDP' }]);
  const containers = [{ name: 'main', ports }, ...choose([], [{ name: 'side', ports: [{ containerPort: choose(80, 82), protocol: 'TCP' }] }])];
  return { kind: 'Pod', metadata, spec: { nodeName: choose(undefined, ...NODES), containers }, status: { podIP: choose(undefined, ip(choose)), phase: choose('Running', 'Failed') } };
}

function makeReplicaSet(choose: Choose) {
  return { kind: 'ReplicaSet', metadata: { ...inNamespace(choose), ownerReferences: owner(choose, 'Deployment') } };
}

function makeJob(choose: Choose) {
  return { kind: 'Job', metadata: { ...inNamespace(choose), ownerReferences: owner(choose, 'CronJob') } };
}

function makeService(choose: Choose) {
  const families = { ipFamilyPolicy: choose('SingleStack', 'PreferDualStack'), ipFamilies: choose(['IPv4', 'IPv6'], ['IPv6', 'IPv4']) };
  return { kind: 'Service', metadata: inNamespace(choose), spec: { ...families, type: choose('ClusterIP', 'ExternalName'), ports: choose([], [{ port: choose(80, 81), protocol: 'TCP' }]) } };
}

function makeEndpoints(choose: Choose) {
  const address = () => ({ ip: ip(choose), nodeName: choose(undefined, ...NODES), targetRef: target(choose) });
  const subset = () => ({ addresses: choose([], [address()], [address(), address()]), notReadyAddresses: choose(undefined, [address()]), ports: choose([], [{ port: 80, protocol: 'TCP' }]) });
  return { kind: 'Endpoints', metadata: inNamespace(choose), subsets: choose(undefined, [subset()], [subset(), subset()]) };
}

function makeSlice(choose: Choose) {
  const { labels: own, ...rest } = inNamespace(choose);
  const metadata = { ...rest, labels: { ...own, 'kubernetes.io/service-name': choose(...NAMES) } };
  const endpoint = () => ({ addresses: [ip(choose)], nodeName: choose(undefined, ...NODES), targetRef: target(choose), conditions: { ready: choose(undefined, true, false) } });
  return { kind: 'EndpointSlice', metadata, addressType: choose('IPv4', 'IPv6'), ports: choose([], [{ port: 80 }], [{}, { port: 81 }]), endpoints: choose(undefined, [endpoint()], [endpoint(), endpoint()]) };
}

function makeIngress(choose: Choose) {
  const spec = { rules: choose(undefined, [{ host: 'a.x' }], [{ host: 'a.x', http: { paths: [{ path: '/' }, { path: '/y' }] } }]), tls: choose(undefined, [{ hosts: ['*.x'] }]) };
  return { kind: 'Ingress', metadata: inNamespace(choose), spec };
}
