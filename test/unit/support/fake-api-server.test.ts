// What the fake API server can do wrong on command. What it does right is in test/conformance/kubernetes-api.test.ts.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestClock, type TestClock } from '../../support/clock.ts';
import { ApiReader } from '../../support/kubernetes/api-reader.ts';
import { startFakeApiServer, type FakeApiServer } from '../../support/kubernetes/fake-api-server.ts';

const pods = '/api/v1/pods';
/** What a client says of a connection that ended without a goodbye. */
const BROKEN = /other side closed|ECONNRESET|terminated|aborted|Invalid EOF/;
let clock: TestClock;
let server: FakeApiServer;
let api: ApiReader;

beforeEach(async () => {
  clock = createTestClock();
  server = await startFakeApiServer({ clock });
  api = new ApiReader({ url: server.url, token: '' });
});
afterEach(async () => {
  await api.close();
  await server.close();
});

const put = (name: string, kind = 'Pod') => server.put({ kind, metadata: { name, namespace: 'default' } });
const watch = (path = pods) => api.watch(path, { query: { resourceVersion: server.version(), allowWatchBookmarks: 'true' } });
const pending = Symbol('pending');
/** What a promise gives now, without waiting for anything. */
async function now<T>(promise: Promise<T>): Promise<T | typeof pending> {
  await clock.settle();
  return Promise.race([promise, clock.settle().then((): typeof pending => pending)]);
}

describe('streams', () => {
  test('are cut without a goodbye, of one resource alone', async () => {
    const cut = await watch();
    const kept = await watch('/api/v1/services');
    server.faults.cutStreams('pods');
    await expect(cut.next()).rejects.toThrow(BROKEN);
    put('s', 'Service');
    expect((await kept.next())?.object.metadata?.['name']).toBe('s');
    kept.close();
  });
  test('break after so many bytes, which arrive', async () => {
    server.faults.cutAfter(1000, 1);
    const stream = await watch();
    for (let i = 0; i < 10; i++) put(`pod-${i}`);
    const names: unknown[] = [];
    await expect((async () => {
      for (let event = await stream.next(); event !== undefined; event = await stream.next()) names.push(event.object.metadata?.['name']);
    })()).rejects.toThrow(BROKEN);
    // An event is some 230 bytes.
    expect(names).toEqual(['pod-0', 'pod-1', 'pod-2', 'pod-3']);
    const next = await watch();
    put('later');
    expect((await next.next())?.object.metadata?.['name']).toBe('later');
    next.close();
  });
  test('are as slow as they are told', async () => {
    const stream = await watch();
    server.faults.slow(100);
    put('a');
    const event = stream.next();
    await clock.advance(2000);
    expect(await now(event)).toBe(pending);
    await clock.advance(1000);
    expect((await event)?.object.metadata?.['name']).toBe('a');
    stream.close();
  });
  test('of a resource that is held back come later than the others', async () => {
    const [late, other] = [await watch(), await watch('/api/v1/services')];
    server.faults.hold('pods');
    put('p');
    put('s', 'Service');
    server.sendBookmarks();
    const event = late.next();
    expect((await other.next())?.object.metadata?.['name']).toBe('s');
    expect(await now(event)).toBe(pending);
    server.faults.release('pods');
    expect(await event).toMatchObject({ type: 'ADDED' });
    expect(await late.next()).toMatchObject({ type: 'BOOKMARK' });
    late.close();
    other.close();
  });
});

describe('silence', () => {
  test('sends nothing on open streams, not even bookmarks, and answers nothing, until it ends', async () => {
    const stream = await watch();
    server.faults.silence();
    put('a');
    const event = stream.next();
    const list = api.ask(pods);
    await clock.advance(300_000);
    expect([await now(event), await now(list)]).toEqual([pending, pending]);
    server.faults.speak();
    expect(await event).toMatchObject({ type: 'ADDED' });
    expect((await list).status).toBe(200);
    stream.close();
  });
});

describe('the whole server', () => {
  test('restarts: streams end, the port stays', async () => {
    const stream = await watch();
    server.restart();
    await expect(stream.next()).rejects.toThrow(BROKEN);
    expect(server.openStreams()).toBe(0);
    expect((await api.ask(pods)).status).toBe(200);
  });
  test('is down and up again', async () => {
    server.down();
    await expect(api.ask(pods)).rejects.toThrow(BROKEN);
    server.up();
    expect((await api.ask(pods)).status).toBe(200);
  });
  test('serves TLS', async () => {
    const secure = await startFakeApiServer({ tls: true });
    const reader = new ApiReader({ url: secure.url, token: '', caFile: new URL('../../fixtures/tls/ca.pem', import.meta.url).pathname });
    expect((await reader.ask(pods)).status).toBe(200);
    await reader.close();
    await secure.close();
  });
});

describe('requests', () => {
  test('are logged with what they asked and how they were answered', async () => {
    server.access.setUser('t', { name: 'u', rules: [] });
    await api.ask('/api/v1/namespaces/x/pods', { token: 't', query: { limit: '5' }, accept: 'application/json' });
    await api.ask('/apis/apps/v1/replicasets', { query: { watch: 'true' } });
    expect(server.requests).toMatchObject([
      { verb: 'list', resource: 'pods', namespace: 'x', query: { limit: '5' }, accept: 'application/json', status: 403 },
      { verb: 'watch', resource: 'replicasets', namespace: '', status: 401 },
    ]);
  });
  test('are refused as often as planned', async () => {
    server.faults.refuse({ status: 503, times: 2, verb: 'list' });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await api.ask(pods)).status);
    expect(statuses).toEqual([503, 503, 200]);
  });
  test('an object that protobuf could not carry is refused at once, with the path of the field', () =>
    expect(() => server.put({ kind: 'Pod', metadata: { name: 'a', namespace: 'b' }, spec: { containers: [{ name: 'c', colour: 'red' }] } }))
      .toThrow('the fake API server has no field Pod.spec.containers[0].colour'));
});
