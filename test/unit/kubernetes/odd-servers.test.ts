// What the fake API server does not do: answers in JSON alone, damaged ones, and those of what stands in front of a server.

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import type { Metrics } from '../../../src/telemetry/metrics.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { createKubernetes } from '../../../src/kubernetes/kubernetes.ts';
import type { ApiServer, Kubernetes } from '../../../src/kubernetes/kubernetes.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createTestClock } from '../../support/clock.ts';
import type { TestClock } from '../../support/clock.ts';
import { advanceUntil, observe, pod, until, urlSettings } from './helpers.ts';

type Answer = (query: URLSearchParams, response: ServerResponse) => void;

interface OddWorld {
  readonly clock: TestClock;
  readonly kubernetes: Kubernetes;
  readonly metrics: Metrics;
  readonly api: ApiServer;
  /** Warnings. */
  readonly lines: string[];
  /** Queries, in order. */
  readonly queries: URLSearchParams[];
}

let end: () => Promise<void> = () => Promise.resolve();
afterEach(() => end());

/** A server that answers as it is told; requests beyond the answers given get the last one. */
async function start(...answers: Answer[]): Promise<OddWorld> {
  const queries: URLSearchParams[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const query = new URL(request.url!, 'http://x').searchParams;
    queries.push(query);
    answers[Math.min(queries.length, answers.length) - 1]!(query, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const clock = createTestClock();
  const metrics = createMetrics();
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (text: string) => void lines.push(text), child: () => logger };
  const kubernetes = createKubernetes({ clock, random: seededRandom(1), logger, metrics, userAgent: 'test', environment: {}, serviceAccountFolder: '/nowhere' });
  const api = kubernetes.connect(urlSettings(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  end = async () => {
    await api.release();
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  return { clock, kubernetes, metrics, api, lines, queries };
}

const json = (status: number, body: unknown): Answer => (_query, response) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};
const noWatchList = json(422, { kind: 'Status', code: 422, message: 'sendInitialEvents is forbidden' });
const list = (items: unknown[], metadata: object = { resourceVersion: '5' }) => json(200, { kind: 'PodList', metadata, items });
/** A watch that stays open after these lines. */
const watch = (...lines: (string | object)[]): Answer => (_query, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  for (const line of lines) response.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
};
const initialEnd = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '5', annotations: { 'k8s.io/initial-events-end': 'true' } } } };

describe('servers that speak JSON alone', () => {
  test('are listed and watched', async () => {
    const { api } = await start(noWatchList, list([pod('a')]), watch({ type: 'ADDED', object: pod('b') }, { type: 'DELETED', object: pod('a') }));
    const seen = observe(api, 'pods');
    await until(() => seen.calls.length === 3);
    expect(seen.calls).toEqual(['synced', '+default/b', '-default/a']);
  });

  test('may begin a watch with everything', async () => {
    const { api, queries } = await start(watch({ type: 'ADDED', object: pod('a') }, initialEnd));
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    expect(seen.names()).toEqual(['default/a']);
    expect([...queries[0]!.keys()].sort()).toEqual(['allowWatchBookmarks', 'resourceVersionMatch', 'sendInitialEvents', 'timeoutSeconds', 'watch']);
  });
});

describe('servers that do not know the watch-list', () => {
  const unended: Answer = (_query, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ type: 'ADDED', object: pod('a') })}\n`);
  };

  test('and do not say so are listed in pages once two streams have ended', async () => {
    const { api, clock, queries } = await start(unended, unended, list([pod('a')]), watch());
    const seen = observe(api, 'pods');
    await advanceUntil(clock, () => seen.watch.isSynced);
    expect(queries[1]!.has('sendInitialEvents')).toBe(true);
    expect(queries[2]!.get('limit')).toBe('500');
    expect(queries[2]!.has('resourceVersion')).toBe(false);
  });

  test('are not those that shut down in the middle of one', async () => {
    const { api, clock, queries } = await start(unended, watch({ type: 'ADDED', object: pod('b') }, initialEnd));
    const seen = observe(api, 'pods');
    await advanceUntil(clock, () => seen.watch.isSynced);
    expect(seen.names()).toEqual(['default/b']);
    expect(queries.map((query) => query.has('sendInitialEvents'))).toEqual([true, true]);
  });
});

describe('damage', () => {
  test('of one object of a list leaves that one out', async () => {
    const items = `[${JSON.stringify(pod('a'))},{"metadata":{"name":},"x":[{}]},${JSON.stringify(pod('c'))}]`;
    const { api, metrics } = await start(noWatchList, json(200, `{"metadata":{"resourceVersion":"5"},"items":${items}}`), watch());
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    expect(seen.names()).toEqual(['default/a', 'default/c']);
    expect(await metrics.text()).toContain('tributary_kubernetes_objects_skipped_total{kind="pods",reason="damaged"} 1');
  });

  test('of one object leaves it out as well where a watch begins with everything', async () => {
    const { api, metrics } = await start(watch({ type: 'ADDED', object: pod('a') }, '{"type":"ADDED","object":{"metadata":{"name":}}}', { type: 'ADDED', object: pod('c') }, initialEnd));
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    expect(seen.names()).toEqual(['default/a', 'default/c']);
    expect(await metrics.text()).toContain('tributary_kubernetes_objects_skipped_total{kind="pods",reason="damaged"} 1');
  });

  test('of a thousand objects of a list is one line in the log', async () => {
    const items = `[${JSON.stringify(pod('a'))}${',{"metadata":{"name":},"x":[{}]}'.repeat(1000)}]`;
    const { api, metrics, lines } = await start(noWatchList, json(200, `{"metadata":{"resourceVersion":"5"},"items":${items}}`), watch());
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    expect(lines).toEqual(['object of a list cannot be read, like perhaps others of it']);
    expect(await metrics.text()).toContain('tributary_kubernetes_objects_skipped_total{kind="pods",reason="damaged"} 1000');
  });

  test('of an event leads to a new list, because nobody knows what it said', async () => {
    const { api, clock, kubernetes, queries } = await start(noWatchList, list([pod('a'), pod('b')]), watch('{"type":"DELETED","object":'), list([pod('a')]), watch());
    const seen = observe(api, 'pods');
    await until(() => kubernetes.state()[0]?.error !== '');
    expect(kubernetes.state()[0]).toMatchObject({ state: 'stale', error: 'cannot watch pods in all namespaces: frame of 27 bytes does not parse as JSON' });
    await advanceUntil(clock, () => seen.calls.length === 2);
    expect(seen.calls).toEqual(['synced', '-default/b']);
    await until(() => queries.length === 5);
  });

  test('a frame without end is given up', async () => {
    const endless: Answer = (_query, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.kubernetes.protobuf;stream=watch' });
      response.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2]));
    };
    const { api, kubernetes } = await start(endless);
    observe(api, 'pods');
    await until(() => kubernetes.state()[0]?.error !== '');
    expect(kubernetes.state()[0]?.error).toContain('frame of at least 4294967295 bytes in an answer of the API server, at most 16777216 are read');
  });

  test('a list that breaks off keeps what it showed and what it did not show', async () => {
    const broken: Answer = (_query, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(`{"metadata":{"resourceVersion":"7"},"items":[${JSON.stringify(pod('c'))},`, () => response.destroy());
    };
    const gone = json(410, { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    const { api, clock } = await start(noWatchList, list([pod('a'), pod('b')]), gone, broken, list([pod('a'), pod('c')]), watch());
    const seen = observe(api, 'pods');
    await advanceUntil(clock, () => seen.calls.length === 2);
    expect(seen.names()).toEqual(['default/a', 'default/b', 'default/c']);
    await advanceUntil(clock, () => seen.calls.length === 3);
    expect(seen.calls).toEqual(['synced', '+default/c', '-default/b']);
  });
});

describe('refusals', () => {
  const errorOf = async (answer: Answer) => {
    const { api, kubernetes } = await start(answer);
    observe(api, 'pods');
    await until(() => kubernetes.state()[0]?.error !== '');
    return kubernetes.state()[0]!.error;
  };
  test('of a proxy are told as it words them', async () => {
    const proxy: Answer = (_query, response) => {
      response.writeHead(502, { 'content-type': 'text/html' });
      response.end('<h1>Bad Gateway</h1>');
    };
    expect(await errorOf(proxy)).toBe('cannot watch pods in all namespaces: <h1>Bad Gateway</h1> (502)');
  });
  test('without a word are told by their number', async () => expect(await errorOf(json(500, ''))).toBe('cannot watch pods in all namespaces: the server answered 500'));
  test('of a resource that an old server does not have hold up nobody who waits for a first state', async () => {
    const { api, kubernetes } = await start(json(404, { kind: 'Status', code: 404, reason: 'NotFound', message: 'the server could not find the requested resource' }));
    observe(api, 'endpointslices');
    await until(() => kubernetes.state()[0]?.error !== '');
    expect(kubernetes.state()[0]).toMatchObject({ state: 'syncing', error: 'cannot watch endpointslices in all namespaces: the server could not find the requested resource (404)' });
    expect(kubernetes.isSynced()).toBe(true);
  });

  test('within a watch are told as the server words them', async () => {
    const error = { type: 'ERROR', object: { kind: 'Status', code: 500, message: 'etcd is away' } };
    expect(await errorOf(watch(initialEnd, error))).toBe('cannot watch pods in all namespaces: etcd is away (500)');
  });
});

describe('storms', () => {
  test('do not come from a server that ends every watch at once', async () => {
    const ended: Answer = (_query, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end();
    };
    const { api, clock, queries } = await start(noWatchList, list([]), ended);
    observe(api, 'pods');
    await until(() => queries.length === 3);
    await advanceUntil(clock, () => clock.monotonicMs() >= 300_000, 1000);
    expect(queries.length).toBeLessThan(50);
    expect(queries.filter((query) => query.has('limit')).length).toBe(1);
  });

  test('do not come from a server that forgets every version: one list per step of the back-off', async () => {
    const expired = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' } };
    const either: Answer = (query, response) => (query.has('watch') ? watch(expired) : list([pod('a')]))(query, response);
    const { api, clock, queries } = await start(noWatchList, either);
    const seen = observe(api, 'pods');
    await until(() => queries.length === 3);
    await advanceUntil(clock, () => clock.monotonicMs() >= 300_000, 1000);
    expect(queries.filter((query) => query.has('limit')).length).toBeLessThan(40);
    expect(seen.calls).toEqual(['synced']);
  });
});
