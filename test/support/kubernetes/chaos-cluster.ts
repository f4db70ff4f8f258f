// A small cluster that changes at random, from a seed: every kind that discovery reads, objects that refer to each other by name, so that what arrives in
// another order than it happened is noticed.

import type { Random } from '../../../src/io/random.ts';
import type { FakeApiServer, KubeObject } from './fake-api-server.ts';
import { resourceOfKind } from './resources.ts';

type Maker = (random: Random) => KubeObject;

const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random.next() * values.length)]!;
const chance = (random: Random, share: number) => random.next() < share;
const letter = (random: Random, count: number) => 'abcdefghijkl'[Math.floor(random.next() * count)]!;
const ip = (random: Random) => `10.0.${Math.floor(random.next() * 4)}.${Math.floor(random.next() * 250)}`;
const team = (random: Random) => `team-${letter(random, 3)}`;
const nodeName = (random: Random) => `node-${letter(random, 3)}`;
const labels = (random: Random) => (chance(random, 0.8) ? { app: letter(random, 3), version: letter(random, 9) } : {});

/** Names are few, so that objects come, change, go and come again. */
const metadata = (random: Random, word: string, count: number) => ({ name: `${word}-${letter(random, count)}`, namespace: team(random), labels: labels(random) });

const makers: readonly Maker[] = [makePod, makePod, makePod, makeSlice, makeSlice, makeEndpoints, makeService, makeNode, makeNamespace, makeReplicaSet, makeIngress];

/** Changes one object: new, replaced or removed. */
export function changeSomething(server: FakeApiServer, random: Random): void {
  const object = pick(random, makers)(random);
  const { plural } = resourceOfKind(object.kind);
  const { namespace = '', name = '' } = object.metadata;
  if (chance(random, 0.3)) server.remove(plural, namespace, name);
  else server.put(object);
}

function makePod(random: Random): KubeObject {
  const owners = chance(random, 0.6) ? [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `set-${letter(random, 4)}`, uid: 'u', controller: true }] : [];
  const ports = [{ name: 'http', containerPort: 8000 + Math.floor(random.next() * 3), protocol: 'TCP' }];
  return {
    kind: 'Pod',
    metadata: { ...metadata(random, 'pod', 8), annotations: { 'prometheus.io/scrape': String(chance(random, 0.5)) }, ownerReferences: owners },
    spec: { nodeName: nodeName(random), containers: [{ name: 'main', image: `main:${letter(random, 9)}`, ports }] },
    status: { phase: pick(random, ['Pending', 'Running', 'Running', 'Succeeded']), podIP: chance(random, 0.9) ? ip(random) : '', conditions: [{ type: 'Ready', status: pick(random, ['True', 'False']) }] },
  };
}

const podReference = (random: Random, namespace: string) => ({ kind: 'Pod', name: `pod-${letter(random, 8)}`, namespace });

function makeSlice(random: Random): KubeObject {
  const meta = metadata(random, 'slice', 5);
  const endpoint = () => ({ addresses: [ip(random)], conditions: { ready: chance(random, 0.7) }, nodeName: nodeName(random), targetRef: podReference(random, meta.namespace) });
  return {
    kind: 'EndpointSlice', addressType: 'IPv4', ports: [{ name: 'http', port: 8000, protocol: 'TCP' }],
    metadata: { ...meta, labels: { 'kubernetes.io/service-name': `service-${letter(random, 4)}` } }, endpoints: [endpoint(), endpoint()],
  };
}

function makeEndpoints(random: Random): KubeObject {
  const meta = metadata(random, 'service', 4);
  return { kind: 'Endpoints', metadata: meta, subsets: [{ addresses: [{ ip: ip(random), targetRef: podReference(random, meta.namespace) }], ports: [{ name: 'http', port: 8000, protocol: 'TCP' }] }] };
}

function makeService(random: Random): KubeObject {
  return { kind: 'Service', metadata: metadata(random, 'service', 4), spec: { type: 'ClusterIP', clusterIP: ip(random), ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } };
}

function makeNode(random: Random): KubeObject {
  const status = { addresses: [{ type: 'InternalIP', address: ip(random) }], daemonEndpoints: { kubeletEndpoint: { Port: 10250 } } };
  return { kind: 'Node', metadata: { name: nodeName(random), labels: labels(random) }, status };
}

function makeNamespace(random: Random): KubeObject {
  return { kind: 'Namespace', metadata: { name: team(random), labels: labels(random) } };
}

function makeReplicaSet(random: Random): KubeObject {
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: `deployment-${letter(random, 6)}`, uid: 'u', controller: true };
  return { kind: 'ReplicaSet', metadata: { ...metadata(random, 'set', 4), ownerReferences: [owner] } };
}

function makeIngress(random: Random): KubeObject {
  return { kind: 'Ingress', metadata: metadata(random, 'ingress', 3), spec: { rules: [{ host: `${letter(random, 5)}.example`, http: { paths: [{ path: '/', pathType: 'Prefix', backend: {} }] } }] } };
}
