// Laws of the readers of Kubernetes objects: both encodings say the same, how a stream is cut into chunks changes nothing, and bytes that are
// damaged are either read or refused by code, never anything else.

import { describe, expect, test } from 'vitest';
import { encodingOf } from '../../src/kubernetes/encoding.ts';
import { projectJson } from '../../src/kubernetes/from-json.ts';
import { projectProtobuf } from '../../src/kubernetes/from-protobuf.ts';
import type { Kind } from '../../src/kubernetes/objects.ts';
import { TributaryError } from '../../src/model/error.ts';
import { clusterPod } from '../support/kubernetes/cluster.ts';
import { encodeList, encodeMessage, envelope, watchFrame } from '../support/kubernetes/protobuf.ts';
import { cut, seeded, testSeed } from '../unit/exposition/collecting-sink.ts';

const seed = testSeed();
const ROUNDS = 200;
type Json = Record<string, unknown>;
type Random = () => number;

const json = encodingOf('application/json');
const protobuf = encodingOf('application/vnd.kubernetes.protobuf;stream=watch');
const messages: Readonly<Record<Kind, string>> = {
  pods: 'Pod', services: 'Service', endpoints: 'Endpoints', endpointslices: 'EndpointSlice', nodes: 'Node', ingresses: 'Ingress', namespaces: 'Namespace',
  replicasets: 'ReplicaSet', jobs: 'Job', secrets: 'Secret', configmaps: 'ConfigMap', podmetadata: 'PartialObjectMetadata',
};
const kinds = Object.keys(messages) as Kind[];

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const many = <T>(random: Random, make: () => T): T[] => Array.from({ length: pick(random, [0, 1, 2, 5]) }, make);
/** Present as often as not: absent is not the same as empty for some fields. */
const maybe = (random: Random, fields: Json): Json => Object.fromEntries(Object.entries(fields).filter(() => random() < 0.6));
const text = (random: Random) => pick(random, ['', 'web', 'ü😀', 'a\\"\n{}[]', 'x'.repeat(200), 'TCP', String(random())]);
const base64 = (random: Random) => Buffer.from(text(random)).toString('base64');

function map(random: Random, value: () => string = () => text(random)): Json {
  // As API servers do, in the order of the keys.
  return Object.fromEntries(many(random, () => [`k${Math.floor(random() * 100) + 100}`, value()] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function metadataOf(random: Random): Json {
  const owner = () => maybe(random, { kind: text(random), name: text(random), controller: random() < 0.5 });
  return maybe(random, {
    name: text(random), namespace: text(random), uid: text(random), resourceVersion: '7', labels: map(random), annotations: map(random), ownerReferences: many(random, owner), finalizers: [text(random)],
  });
}

function bodyOf(random: Random, kind: Kind): Json {
  const number = () => pick(random, [0, 1, 80, 65_535, -1]);
  const target = () => maybe(random, { kind: text(random), name: text(random), namespace: text(random) });
  switch (kind) {
    case 'pods': {
      const port = () => maybe(random, { name: text(random), containerPort: number(), protocol: text(random) });
      const container = () => maybe(random, { name: pick(random, ['a', 'b']), image: text(random), ports: many(random, port) });
      const status = () => maybe(random, { name: pick(random, ['a', 'b']), containerID: text(random) });
      const condition = () => maybe(random, { type: pick(random, ['Ready', 'Other']), status: pick(random, ['True', 'False']) });
      return maybe(random, {
        spec: maybe(random, { nodeName: text(random), containers: many(random, container), initContainers: many(random, container) }),
        status: maybe(random, {
          phase: text(random), hostIP: text(random), podIP: text(random), conditions: many(random, condition),
          containerStatuses: many(random, status), initContainerStatuses: many(random, status),
        }),
      });
    }
    case 'services': {
      const port = () => maybe(random, { name: text(random), port: number(), protocol: text(random) });
      return maybe(random, { spec: maybe(random, {
        type: text(random), clusterIP: text(random), externalName: text(random), loadBalancerIP: text(random), ports: many(random, port), ipFamilyPolicy: text(random), ipFamilies: many(random, () => text(random)),
      }) });
    }
    case 'endpoints': {
      const address = () => maybe(random, { ip: text(random), hostname: text(random), nodeName: text(random), targetRef: target() });
      const port = () => maybe(random, { name: text(random), port: number(), protocol: text(random) });
      return maybe(random, { subsets: many(random, () => maybe(random, { addresses: many(random, address), notReadyAddresses: many(random, address), ports: many(random, port) })) });
    }
    case 'endpointslices': {
      const flag = () => random() < 0.5;
      const endpoint = () => maybe(random, {
        addresses: many(random, () => text(random)), conditions: maybe(random, { ready: flag(), serving: flag(), terminating: flag() }), hostname: text(random), nodeName: text(random), zone: text(random),
        targetRef: target(), deprecatedTopology: map(random),
      });
      const port = () => maybe(random, { name: text(random), port: number(), protocol: text(random), appProtocol: text(random) });
      return maybe(random, { addressType: text(random), endpoints: many(random, endpoint), ports: many(random, port) });
    }
    case 'nodes': return maybe(random, {
      spec: maybe(random, { providerID: text(random) }),
      status: maybe(random, {
        addresses: many(random, () => maybe(random, { type: text(random), address: text(random) })), conditions: many(random, () => maybe(random, { type: text(random), status: text(random) })),
        daemonEndpoints: maybe(random, { kubeletEndpoint: maybe(random, { Port: number() }) }),
      }),
    });
    case 'ingresses': return maybe(random, { spec: maybe(random, {
      ingressClassName: text(random), tls: many(random, () => maybe(random, { hosts: many(random, () => text(random)) })),
      rules: many(random, () => maybe(random, { host: text(random), http: { paths: many(random, () => maybe(random, { path: text(random) })) } })),
    }) });
    case 'secrets': return maybe(random, { data: map(random, () => base64(random)) });
    case 'configmaps': return maybe(random, { data: map(random), binaryData: map(random, () => base64(random)) });
    default: return {};
  }
}

const objectOf = (random: Random, kind: Kind): Json => ({ metadata: metadataOf(random), ...bodyOf(random, kind) });

describe(`with TEST_SEED=${seed}`, () => {
  test.each(kinds)('%s: JSON and protobuf give equal projections', (kind) => {
    const random = seeded(seed);
    for (let i = 0; i < ROUNDS; i++) {
      const object = objectOf(random, kind);
      expect(projectProtobuf(kind, encodeMessage(messages[kind], object))).toStrictEqual(projectJson(kind, object));
    }
  });

  test('a pod as real ones are gives equal projections', () => {
    for (let i = 0; i < 20; i++) {
      const { kind: _kind, apiVersion: _version, ...fields } = sorted(clusterPod({ seed, pods: 20 }, i)) as Json;
      expect(projectProtobuf('pods', encodeMessage('Pod', fields))).toStrictEqual(projectJson('pods', fields));
    }
  });

  test('however a list is cut, its items are the same', () => {
    const random = seeded(seed + 1);
    for (let i = 0; i < ROUNDS; i++) {
      const kind = pick(random, kinds);
      const objects = many(random, () => objectOf(random, kind));
      const metadata = { resourceVersion: '12', continue: pick(random, ['', 'next[page]']) };
      const list = { kind: 'L', metadata, items: pick(random, [objects, objects.length === 0 ? null : objects]), other: ['"items":[', { items: [1] }] };
      const bodies = [
        { encoding: json, body: Buffer.from(JSON.stringify(list, undefined, pick(random, [0, 2]))) },
        { encoding: protobuf, body: envelope({ apiVersion: 'v1', kind: 'L', raw: encodeList(metadata, objects.map((object) => encodeMessage(messages[kind], object))) }) },
      ];
      for (const { encoding, body } of bodies) {
        const read: unknown[] = [];
        const splitter = encoding.listSplitter((item) => void read.push(encoding.readItem(kind, item)));
        for (const chunk of cut(body, random)) pushCopy(splitter, chunk);
        expect(splitter.end()).toEqual({ resourceVersion: '12', continueToken: metadata.continue });
        expect(read).toStrictEqual(objects.map((object) => projectJson(kind, object)));
      }
    }
  });

  test('a list that ends early is damaged', () => {
    const random = seeded(seed + 2);
    const objects = [objectOf(random, 'pods'), objectOf(random, 'pods')];
    const raw = encodeList({ resourceVersion: '12' }, objects.map((object) => encodeMessage('Pod', object)));
    const bodies = [{ encoding: json, body: Buffer.from(JSON.stringify({ metadata: {}, items: objects })) }, { encoding: protobuf, body: Buffer.concat([envelope({ apiVersion: 'v1', kind: 'L', raw })]) }];
    for (const { encoding, body } of bodies) {
      const whole = encoding === protobuf ? body.indexOf(raw) + raw.length : body.length;
      for (let length = 0; length < whole; length++) {
        const splitter = encoding.listSplitter(() => undefined);
        splitter.push(body.subarray(0, length));
        expect(() => splitter.end()).toThrow(expect.objectContaining({ code: 'KUBERNETES_DAMAGED' }) as Error);
      }
    }
  });

  test('however a watch is cut, its events are the same', () => {
    const random = seeded(seed + 3);
    for (let i = 0; i < ROUNDS; i++) {
      const kind = pick(random, kinds);
      const events = many(random, () => ({ type: pick(random, ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']), object: objectOf(random, kind) }));
      const streams = [
        { encoding: json, body: Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join('')) },
        { encoding: protobuf, body: Buffer.concat(events.map(({ type, object }) => watchFrame(type, envelope({ apiVersion: 'v1', kind: 'X', raw: encodeMessage(messages[kind], object) })))) },
      ];
      const [fromJson, fromProtobuf] = streams.map(({ encoding, body }) => {
        const read: unknown[] = [];
        const splitter = encoding.watchSplitter((frame) => void read.push(encoding.readEvent(kind, frame)));
        for (const chunk of cut(body, random)) pushCopy(splitter, chunk);
        return read;
      });
      expect(fromJson).toHaveLength(events.length);
      expect(fromProtobuf).toStrictEqual(fromJson);
    }
  });

  test('damaged protobuf is read or refused by code', () => {
    const random = seeded(seed + 4);
    for (let i = 0; i < ROUNDS * 5; i++) {
      const kind = pick(random, kinds);
      const bytes = encodeMessage(messages[kind], objectOf(random, kind));
      const damaged = random() < 0.5 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
      if (damaged === bytes && bytes.length > 0) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const error = thrownBy(() => projectProtobuf(kind, damaged));
      if (error !== undefined) expect(error).toMatchObject({ name: TributaryError.name, code: 'KUBERNETES_DAMAGED' });
    }
  });
});

/** Maps in the order of their keys, as API servers send them in both encodings. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sorted(member)]));
}

/** As the network does it: the chunk is overwritten afterwards. */
function pushCopy(splitter: { push(chunk: Buffer): void }, chunk: Buffer): void {
  const lent = Buffer.from(chunk);
  splitter.push(lent);
  lent.fill(0x22);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}
