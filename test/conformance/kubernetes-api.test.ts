// What the collector relies on in a Kubernetes API server: the contract between the fake of the other tests and a real one. Runs against the fake; against a real
// server when TRIBUTARY_KUBERNETES_URL is set (docs/developing.md). Where the two differ the real one is right. What needs a hand on the
// server (compaction, a clock, faults) is asked of the fake alone.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestClock } from '../support/clock.ts';
import { ApiReader, JSON_TYPE, partial, PROTOBUF_STREAM, PROTOBUF_TYPE, type EventStream, type ReadEvent, type ReadObject } from '../support/kubernetes/api-reader.ts';
import { startFakeApiServer, type FakeApiServer } from '../support/kubernetes/fake-api-server.ts';

const real = process.env['TRIBUTARY_KUBERNETES_URL'];
const namespace = `contract-${randomBytes(4).toString('hex')}`;
const pods = `/api/v1/namespaces/${namespace}/pods`;
const collectorToken = process.env['TRIBUTARY_KUBERNETES_COLLECTOR_TOKEN'] ?? 'collector';
const clock = createTestClock();
let fake: FakeApiServer;
let api: ApiReader;

beforeAll(async () => {
  if (real === undefined) {
    fake = await startFakeApiServer({ clock });
    fake.access.setUser('admin', { name: 'admin', rules: [{ resources: ['pods', 'pods/status', 'namespaces', 'leases', 'secrets', 'configmaps', 'servicemonitors'], verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'] }] });
    fake.access.setUser('collector', { name: 'collector', rules: [{ resources: ['secrets'], verbs: ['list', 'watch'], names: ['edge-route'] }] });
  }
  const caFile = process.env['TRIBUTARY_KUBERNETES_CA'];
  api = new ApiReader({ url: real ?? fake.url, token: process.env['TRIBUTARY_KUBERNETES_TOKEN'] ?? 'admin', ...(caFile === undefined ? {} : { caFile }) });
  await write('POST', '/api/v1/namespaces', { kind: 'Namespace', apiVersion: 'v1', metadata: { name: namespace } });
  for (const name of ['a', 'b', 'c', 'd', 'e']) await createPod(name, { app: name < 'c' ? 'web' : 'db', tier: name });
});

afterAll(async () => {
  await api.ask(`/api/v1/namespaces/${namespace}`, { method: 'DELETE' });
  await api.close();
  if (real === undefined) await fake.close();
});

async function write(method: 'POST' | 'PUT', path: string, body: unknown): Promise<ReadObject> {
  const { status, object } = await api.ask(path, { method, body });
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${String(object['message'])}`);
  return object;
}

const podSpec = { containers: [{ name: 'main', image: 'registry.example/main:1', ports: [{ name: 'http', containerPort: 8080 }] }] };

function createPod(name: string, labels: Record<string, string>): Promise<ReadObject> {
  return write('POST', pods, { kind: 'Pod', apiVersion: 'v1', metadata: { name, labels }, spec: { ...podSpec, nodeName: `node-of-${name}` } });
}

async function relabel(name: string, labels: Record<string, string>): Promise<ReadObject> {
  const { object } = await api.ask(`${pods}/${name}`);
  return write('PUT', `${pods}/${name}`, { ...object, metadata: { ...object.metadata, labels } });
}

/** At once: on a real server a pod of a node otherwise stays until its kubelet has ended it. */
async function removePod(name: string): Promise<void> {
  await api.ask(`${pods}/${name}`, { method: 'DELETE', query: { gracePeriodSeconds: '0' } });
}

async function setPhase(name: string, phase: string): Promise<ReadObject> {
  const { object } = await api.ask(`${pods}/${name}`);
  return write('PUT', `${pods}/${name}/status`, { ...object, status: { phase } });
}

const itemsOf = (object: ReadObject) => ((object['items'] ?? []) as ReadObject[]);
const nameOf = (object: ReadObject) => object.metadata?.['name'];
const versionOf = (object: ReadObject) => String(object.metadata?.['resourceVersion']);
const names = (object: ReadObject) => itemsOf(object).map(nameOf);
const told = ({ type, object }: ReadEvent) => `${type} ${String(nameOf(object))}`;
const isEndOfInitialEvents = ({ type, object }: ReadEvent) => type === 'BOOKMARK' && (object.metadata?.['annotations'] as Record<string, string> | undefined)?.['k8s.io/initial-events-end'] === 'true';

async function newestVersion(): Promise<string> {
  return versionOf((await api.ask(pods, { query: { limit: '1' } })).object);
}

async function using<T>(stream: Promise<EventStream>, act: (stream: EventStream) => Promise<T>): Promise<T> {
  const opened = await stream;
  try {
    return await act(opened);
  } finally {
    opened.close();
  }
}

describe('lists', () => {
  test('a limit pages when no version is asked for, all pages of one version', async () => {
    const first = await api.ask(pods, { query: { limit: '2' } });
    const second = await api.ask(pods, { query: { limit: '2', continue: String(first.object.metadata?.['continue']) } });
    const third = await api.ask(pods, { query: { limit: '2', continue: String(second.object.metadata?.['continue']) } });
    expect([first, second, third].flatMap(({ object }) => names(object))).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(new Set([first, second, third].map(({ object }) => versionOf(object))).size).toBe(1);
    expect(third.object.metadata?.['continue'] ?? '').toBe('');
  });
  test('a limit is ignored with version 0', async () => expect(names((await api.ask(pods, { query: { limit: '2', resourceVersion: '0' } })).object)).toHaveLength(5));
  test('what is created between two pages is not in the second one', async () => {
    const first = await api.ask(pods, { query: { limit: '4' } });
    await createPod('between', {});
    const second = await api.ask(pods, { query: { limit: '4', continue: String(first.object.metadata?.['continue']) } });
    await removePod('between');
    expect(names(second.object)).toEqual(['e']);
  });
  test('a list of an exact version is as it was then', async () => {
    const version = await newestVersion();
    await createPod('later', {});
    const exact = await api.ask(pods, { query: { resourceVersion: version, resourceVersionMatch: 'Exact' } });
    await removePod('later');
    expect([versionOf(exact.object), names(exact.object)]).toEqual([version, ['a', 'b', 'c', 'd', 'e']]);
  });
  test('an empty list may have null for its items', async () => expect(itemsOf((await api.ask(`/api/v1/namespaces/${namespace}/secrets`)).object)).toEqual([]));
  test('the items of a list do not say their kind', async () => expect(itemsOf((await api.ask(pods)).object)[0]).not.toHaveProperty('kind'));
  test('a version that is not there yet times out with 504', async () => {
    const { status, object } = await api.ask(pods, { query: { resourceVersion: '999999999' } });
    expect([status, object['reason']]).toEqual([504, 'Timeout']);
  });
  test('are compressed for who takes it, when they are large', async () => {
    const data = { text: 'x'.repeat(200_000) };
    await write('POST', `/api/v1/namespaces/${namespace}/configmaps`, { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'large' }, data });
    const { headers, object } = await api.ask(`/api/v1/namespaces/${namespace}/configmaps`, { accept: PROTOBUF_TYPE, headers: { 'accept-encoding': 'gzip' } });
    expect([headers['content-encoding'], itemsOf(object)[0]!['data']]).toEqual(['gzip', data]);
  });
});

describe('watches', () => {
  test('tell every change after a version, in order', async () => {
    const resourceVersion = await newestVersion();
    await createPod('w', { step: '1' });
    await relabel('w', { step: '2' });
    await removePod('w');
    const events = await using(api.watch(pods, { query: { resourceVersion } }), (stream) => stream.take(3));
    expect(events.map(told)).toEqual(['ADDED w', 'MODIFIED w', 'DELETED w']);
    expect(events.map(({ object }) => Number(versionOf(object)))).toEqual(events.map(({ object }) => Number(versionOf(object))).sort((a, b) => a - b));
    expect(events[0]!.object).toMatchObject({ kind: 'Pod', apiVersion: 'v1' });
  });
  test.each([['JSON', JSON_TYPE], ['protobuf', PROTOBUF_STREAM]])('an old version is 200 and one ERROR event with 410 (%s)', async (_, accept) => {
    const events = await using(api.watch(pods, { accept, query: { resourceVersion: '1' } }), async (stream) => ({ status: stream.status, events: await stream.all() }));
    expect(events).toMatchObject({ status: 200, events: [{ type: 'ERROR', object: { kind: 'Status', reason: 'Expired', code: 410 } }] });
  });
  test('without a version begin with everything and, where bookmarks are wanted, the one that ends it', async () => {
    const events = await using(api.watch(pods, { query: { allowWatchBookmarks: 'true' } }), (stream) => stream.take(6));
    expect(events.slice(0, 5).map(told)).toEqual(['ADDED a', 'ADDED b', 'ADDED c', 'ADDED d', 'ADDED e']);
    expect(isEndOfInitialEvents(events[5]!)).toBe(true);
  });
  test('end after timeoutSeconds', async () => {
    const stream = await api.watch(pods, { query: { resourceVersion: await newestVersion(), timeoutSeconds: '1' } });
    await clock.advance(1000);
    expect(await stream.all()).toEqual([]);
  });
  test('with metadata alone tell status changes too', async () => {
    const resourceVersion = await newestVersion();
    await setPhase('c', 'Failed');
    const [event] = await using(api.watch(pods, { accept: partial(PROTOBUF_STREAM), query: { resourceVersion } }), (stream) => stream.take(1));
    expect(event).toMatchObject({ type: 'MODIFIED', object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'c' } } });
    expect(event!.object).not.toHaveProperty('status');
  });
  test('with a selector tell what enters it as added and what leaves it as deleted', async () => {
    const resourceVersion = await newestVersion();
    await relabel('d', { app: 'web' });
    await relabel('d', { app: 'web', tier: 'x' });
    await relabel('d', { app: 'db', tier: 'd' });
    const events = await using(api.watch(pods, { query: { resourceVersion, labelSelector: 'app=web' } }), (stream) => stream.take(3));
    expect(events.map(told)).toEqual(['ADDED d', 'MODIFIED d', 'DELETED d']);
    expect(events[2]!.object.metadata).toMatchObject({ labels: { app: 'web', tier: 'x' }, resourceVersion: versionOf((await api.ask(`${pods}/d`)).object) });
  });
});

describe('watch-list', () => {
  const initial = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' };

  test.each([['JSON', JSON_TYPE], ['protobuf', PROTOBUF_STREAM], ['metadata', partial(PROTOBUF_STREAM)]])('sends everything, a bookmark that says so, then changes (%s)', async (_, accept) => {
    await using(api.watch(pods, { accept, query: initial }), async (stream) => {
      const events = await stream.take(6);
      expect(events.slice(0, 5).map(told)).toEqual(['ADDED a', 'ADDED b', 'ADDED c', 'ADDED d', 'ADDED e']);
      expect(isEndOfInitialEvents(events[5]!)).toBe(true);
      await relabel('a', { app: 'web', tier: 'a', changed: accept.length.toString() });
      expect((await stream.take(1)).map(told)).toEqual(['MODIFIED a']);
    });
  });
  test('is refused with 422 without its other parameters', async () => {
    const { status, object } = await api.ask(pods, { query: { watch: '1', sendInitialEvents: 'true', allowWatchBookmarks: 'true' } });
    expect([status, object['reason']]).toEqual([422, 'Invalid']);
  });
});

describe('encodings', () => {
  test('a list is the same in JSON and protobuf', async () => {
    const [json, protobuf] = await Promise.all([JSON_TYPE, PROTOBUF_TYPE].map((accept) => api.ask(pods, { accept })));
    const seen = (object: ReadObject) => itemsOf(object).map(({ metadata, spec }) => [metadata?.['name'], metadata?.['uid'], metadata?.['labels'], (spec as typeof podSpec).containers[0]!.ports[0]!.containerPort]);
    expect(protobuf!.object).toMatchObject({ kind: 'PodList', apiVersion: 'v1' });
    expect(seen(protobuf!.object)).toEqual(seen(json!.object));
    expect(protobuf!.headers['content-type']).toBe(PROTOBUF_TYPE);
  });
  test('a field that is no pointer in Go is on the wire when empty, a pointer is not', async () => {
    const { object } = await api.ask(`${pods}/a`, { accept: PROTOBUF_TYPE });
    const [container] = (object['spec'] as { containers: Record<string, unknown>[] }).containers;
    expect([container!['workingDir'], container!['livenessProbe']]).toEqual(['', undefined]);
  });
  test.each([['JSON', JSON_TYPE], ['protobuf', PROTOBUF_TYPE]])('metadata alone (%s)', async (_, type) => {
    const { object } = await api.ask(pods, { accept: partial(type, 'PartialObjectMetadataList') });
    expect([object.kind, object.apiVersion, names(object), itemsOf(object)[0]!['spec']]).toEqual(['PartialObjectMetadataList', 'meta.k8s.io/v1', ['a', 'b', 'c', 'd', 'e'], undefined]);
  });
  test('the second choice is given where the first cannot be', async () => {
    const { headers } = await api.ask(pods, { accept: `${partial(PROTOBUF_TYPE, 'Table')},${JSON_TYPE}` });
    expect(headers['content-type']).toBe(JSON_TYPE);
  });
  test('an error has the encoding that was asked for', async () => {
    const { status, object } = await api.ask(`${pods}/nobody`, { accept: PROTOBUF_TYPE });
    expect([status, object.kind, object['reason'], object['message']]).toEqual([404, 'Status', 'NotFound', 'pods "nobody" not found']);
  });
  describe.skipIf(real !== undefined)('of custom resources', () => {
    const monitors = `/apis/monitoring.coreos.com/v1/namespaces/${namespace}/servicemonitors`;
    beforeAll(() => void fake.put({ kind: 'ServiceMonitor', metadata: { name: 'm', namespace }, spec: { endpoints: [{ port: 'http' }] } }));

    test('have no protobuf: 406', async () => expect((await api.ask(monitors, { accept: PROTOBUF_TYPE })).object).toMatchObject({ code: 406, reason: 'NotAcceptable' }));
    test('have protobuf of their metadata', async () => expect(names((await api.ask(monitors, { accept: partial(PROTOBUF_TYPE, 'PartialObjectMetadataList') })).object)).toEqual(['m']));
    test('say their kind inside a list', async () => expect(itemsOf((await api.ask(monitors)).object)[0]).toMatchObject({ kind: 'ServiceMonitor', spec: { endpoints: [{ port: 'http' }] } }));
  });
});

describe('selectors', () => {
  const select = async (query: Record<string, string>) => names((await api.ask(pods, { query })).object).join('');

  test.each([
    ['app=web', 'ab'], ['app==web', 'ab'], ['app!=web', 'cde'], ['app', 'abcde'], ['!app', ''], ['nothing!=x', 'abcde'],
    ['tier in (a, c,e)', 'ace'], ['tier notin (a,b)', 'cde'], ['app=db,tier!=e', 'cd'],
  ])('labels: %s selects %s', async (labelSelector, expected) => expect(await select({ labelSelector })).toBe(expected));
  test.each([
    ['metadata.name=b', 'b'], ['metadata.name!=b', 'acde'], ['spec.nodeName=node-of-e', 'e'], ['spec.nodeName=node-of-e,metadata.name=a', ''],
  ])('fields: %s selects %s', async (fieldSelector, expected) => expect(await select({ fieldSelector })).toBe(expected));
  test('fields: the phase of a pod', async () => {
    await setPhase('e', 'Succeeded');
    expect(await select({ fieldSelector: 'status.phase=Succeeded' })).toBe('e');
  });
  test('what cannot be understood is 400', async () => {
    expect((await api.ask(pods, { query: { fieldSelector: 'spec.color=red' } })).object).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect((await api.ask(pods, { query: { labelSelector: 'a in (' } })).object).toMatchObject({ code: 400, reason: 'BadRequest' });
  });
});

describe('access', () => {
  const secrets = '/api/v1/secrets';

  test('an unknown token is 401', async () => expect((await api.ask(pods, { token: 'nobody' })).object).toMatchObject({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' }));
  test.skipIf(real !== undefined && process.env['TRIBUTARY_KUBERNETES_COLLECTOR_TOKEN'] === undefined)('rights to one name hold for lists and watches that are limited to it, in all of the cluster', async () => {
    const asked = { token: collectorToken, query: { fieldSelector: 'metadata.name=edge-route' } };
    expect((await api.ask(secrets, asked)).status).toBe(200);
    expect(await using(api.watch(secrets, asked), async ({ status }) => status)).toBe(200);
    expect((await api.ask(secrets, { token: collectorToken })).status).toBe(403);
    expect((await api.ask(secrets, { token: collectorToken, query: { fieldSelector: 'metadata.name=other' } })).status).toBe(403);
  });
  test.skipIf(real !== undefined && process.env['TRIBUTARY_KUBERNETES_COLLECTOR_TOKEN'] === undefined)('a denial names user, verb, resource and place', async () => {
    const cluster = await api.ask('/api/v1/pods', { token: collectorToken });
    expect(cluster.object).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(cluster.object['message']).toMatch(/^pods is forbidden: User "[^"]+" cannot list resource "pods" in API group "" at the cluster scope/);
    const inNamespace = await api.ask(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, { token: collectorToken, query: { watch: '1' } });
    expect(inNamespace.object['message']).toMatch(new RegExp(`^endpointslices.discovery.k8s.io is forbidden: User "[^"]+" cannot watch resource "endpointslices" in API group "discovery.k8s.io" in the namespace "${namespace}"`));
  });
});

describe('leases', () => {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const lease = { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', metadata: { name: 'one' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 15 } };

  test('are replaced with the newest version, refused with 409 with an older one and with 422 with none', async () => {
    const created = await write('POST', leases, lease);
    const next = { ...created, spec: { ...lease.spec, holderIdentity: 'b', renewTime: '2026-01-02T03:04:05.678901Z' } };
    expect(await write('PUT', `${leases}/one`, next)).toMatchObject({ spec: { holderIdentity: 'b' } });
    expect((await api.ask(`${leases}/one`, { method: 'PUT', body: next })).object).toMatchObject({ code: 409, reason: 'Conflict' });
    expect((await api.ask(`${leases}/one`, { method: 'PUT', body: lease })).object).toMatchObject({ code: 422, reason: 'Invalid' });
  });
  test('are created once', async () => expect((await api.ask(leases, { method: 'POST', body: lease })).object).toMatchObject({ code: 409, reason: 'AlreadyExists' }));
});

describe.skipIf(real !== undefined)('with a hand on the server', () => {
  test('bookmarks come once a minute, with the newest version, where they are wanted', async () => {
    const resourceVersion = await newestVersion();
    const wanted = await api.watch(pods, { accept: PROTOBUF_STREAM, query: { resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: '130' } });
    const unwanted = await api.watch(pods, { query: { resourceVersion, timeoutSeconds: '130' } });
    fake.put({ kind: 'Secret', metadata: { name: 'elsewhere', namespace } });
    await clock.advance(131_000);
    const events = await wanted.all();
    expect(events.map(({ type }) => type)).toEqual(['BOOKMARK', 'BOOKMARK']);
    expect(versionOf(events[0]!.object)).toBe(fake.version());
    expect(events.some(isEndOfInitialEvents)).toBe(false);
    expect(await unwanted.all()).toEqual([]);
  });
  test('after a compaction a continued list is 410 with a token that finishes it', async () => {
    const first = await api.ask(pods, { query: { limit: '3' } });
    fake.put({ kind: 'Pod', metadata: { name: 'f', namespace }, spec: podSpec });
    fake.compact();
    const refused = await api.ask(pods, { query: { limit: '3', continue: String(first.object.metadata?.['continue']) } });
    expect([refused.status, refused.object['reason']]).toEqual([410, 'Expired']);
    const rest = await api.ask(pods, { query: { continue: String(refused.object.metadata?.['continue']) } });
    expect(names(rest.object)).toEqual(['d', 'e', 'f']);
    fake.remove('pods', namespace, 'f');
  });
  test('after a compaction a list of an exact version is 410', async () => {
    const version = fake.version();
    fake.put({ kind: 'Secret', metadata: { name: 'elsewhere', namespace } });
    fake.compact();
    expect((await api.ask(pods, { query: { resourceVersion: version, resourceVersionMatch: 'Exact' } })).object).toMatchObject({ code: 410, reason: 'Expired' });
  });
  test('after a restart the watch cache is empty, and lists still have every version', async () => {
    const version = fake.version();
    fake.put({ kind: 'Secret', metadata: { name: 'elsewhere', namespace } });
    fake.restart();
    expect(await using(api.watch(pods, { query: { resourceVersion: version } }), (stream) => stream.all())).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
    expect((await api.ask(pods, { query: { resourceVersion: version, resourceVersionMatch: 'Exact' } })).status).toBe(200);
  });
  test('without watch-list a streaming list is 422', async () => {
    fake.watchList = false;
    const query = { watch: '1', sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' };
    expect((await api.ask(pods, { query })).object).toMatchObject({ code: 422, reason: 'Invalid' });
    fake.watchList = true;
  });
  test('too many requests are 429 with a time to wait', async () => {
    fake.faults.refuse({ status: 429, times: 1, retryAfterSeconds: 7, resource: 'pods' });
    const { status, headers, object } = await api.ask(pods);
    expect([status, headers['retry-after'], object['reason']]).toEqual([429, '7', 'TooManyRequests']);
    expect((await api.ask(pods)).status).toBe(200);
  });
});
