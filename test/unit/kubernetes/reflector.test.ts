import { afterEach, describe, expect, test } from 'vitest';
import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import { advanceUntil, createWorld, observe, pod, until } from './helpers.ts';
import type { World, WorldOptions } from './helpers.ts';

let world: World;
async function start(options?: WorldOptions): Promise<World> {
  world = await createWorld(options);
  return world;
}
afterEach(() => world.close());

const asked = (verb: string, resource = 'pods') => world.server.requests.filter((one) => one.verb === verb && one.resource === resource);
const state = () => world.kubernetes.state()[0]!;
const withToken = (url: string) => ({ kind: 'url' as const, url, http: { ...defaultHttpClientSettings, headers: [{ name: 'Authorization', values: ['Bearer t'], secrets: [], files: [] }] } });
const user = (resources: string[], namespaces?: string[]) => ({
  name: 'system:serviceaccount:monitoring:tributary', rules: [{ resources, verbs: ['list', 'watch'], ...(namespaces === undefined ? {} : { namespaces }) }],
});

describe('the first state', () => {
  test.each([['a watch that begins with everything', true], ['pages, where the server refuses that', false]])('comes by %s', async (_name, watchList) => {
    const { server, api, kubernetes } = await start({ watchList });
    for (const name of ['a', 'b']) server.put(pod(name));
    const seen = observe(api, 'pods');
    expect([seen.names(), kubernetes.isSynced()]).toEqual([[], false]);
    await until(() => seen.watch.isSynced);
    expect(seen.calls).toEqual(['synced']);
    expect(seen.names()).toEqual(['default/a', 'default/b']);
    expect(kubernetes.isSynced()).toBe(true);
    expect(asked('list').length).toBe(watchList ? 0 : 1);
  });

  test('of an empty kind is told', async () => {
    const { api } = await start();
    const seen = observe(api, 'services');
    await until(() => seen.watch.isSynced);
    expect(seen.names()).toEqual([]);
  });

  test('of more than a page is put together', async () => {
    const { server, api } = await start({ watchList: false });
    for (let i = 0; i < 1100; i++) server.put(pod(`p${i}`));
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    expect(seen.watch.objects.size).toBe(1100);
    expect(asked('list').length).toBe(3);
  });

  test('the refusal of a watch-list is remembered for the server', async () => {
    const { api } = await start({ watchList: false });
    const pods = observe(api, 'pods');
    await until(() => pods.watch.isSynced);
    const services = observe(api, 'services');
    await until(() => services.watch.isSynced);
    expect(world.server.requests.filter(({ status }) => status === 422).length).toBe(1);
    expect(state().error).toBe('');
  });
});

describe('changes', () => {
  test.each([true, false])('reach the watcher (watch-list: %j)', async (watchList) => {
    const { server, api } = await start({ watchList });
    server.put(pod('a'));
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced && server.openStreams('pods') === 1);
    server.put(pod('b'));
    server.put(pod('a', { app: 'web' }));
    server.remove('pods', 'default', 'b');
    await until(() => seen.calls.length === 4);
    expect(seen.calls).toEqual(['synced', '+default/b', '~default/a', '-default/b']);
    expect(seen.watch.objects.get('default/a')?.labels).toEqual(['app', 'web']);
  });

  test('of what is not kept are not told', async () => {
    const { server, api } = await start();
    server.put(pod('a'));
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    server.put({ ...pod('a'), metadata: { name: 'a', namespace: 'default', finalizers: ['x/y'] } });
    server.put(pod('b'));
    await until(() => seen.calls.length === 2);
    expect(seen.calls).toEqual(['synced', '+default/b']);
  });

  test('end when the last watcher has left, and so does the request', async () => {
    const { server, api, kubernetes } = await start();
    const one = observe(api, 'pods');
    const other = observe(api, 'pods');
    await until(() => one.watch.isSynced && other.watch.isSynced);
    one.watch.close();
    server.put(pod('a'));
    await until(() => other.calls.length === 2);
    expect(one.calls).toEqual(['synced']);
    other.watch.close();
    await until(() => server.openStreams() === 0);
    expect(kubernetes.state()).toEqual([]);
  });
});

describe('who watches the same shares one stream', () => {
  test('with equal settings, also over several handles', async () => {
    const { server, api, connect } = await start();
    const other = connect({ kind: 'url', url: server.url, http: defaultHttpClientSettings });
    const seen = [observe(api, 'pods'), observe(other, 'pods'), observe(api, 'pods', { labelSelector: 'app=web' })];
    await until(() => seen.every(({ watch }) => watch.isSynced));
    expect(asked('watch').length).toBe(1);
  });

  test('and sees only what its selector selects', async () => {
    const { server, api } = await start();
    server.put(pod('a', { app: 'web' }));
    server.put(pod('b', { app: 'api' }));
    const web = observe(api, 'pods', { labelSelector: 'app=web' });
    const api2 = observe(api, 'pods', { labelSelector: 'app=api' });
    await until(() => web.watch.isSynced && api2.watch.isSynced);
    expect([web.names(), api2.names()]).toEqual([['default/a'], ['default/b']]);
    server.put(pod('a', { app: 'api' }));
    server.put(pod('c', { app: 'other' }));
    server.put(pod('d', { app: 'web' }));
    await until(() => web.calls.length === 3);
    expect(web.calls).toEqual(['synced', '-default/a', '+default/d']);
    expect(api2.calls).toEqual(['synced', '+default/a']);
    // What nobody selects is not kept.
    expect(state().objects).toBe(3);
  });

  test('a wider watcher makes it list again, without disturbing the others', async () => {
    const { server, api } = await start();
    server.put(pod('a', { app: 'web' }));
    server.put(pod('b'));
    const narrow = observe(api, 'pods', { labelSelector: 'app=web' });
    await until(() => narrow.watch.isSynced);
    const wide = observe(api, 'pods');
    const same = observe(api, 'pods', { labelSelector: 'app=web' });
    await until(() => wide.watch.isSynced && same.watch.isSynced);
    expect(wide.names()).toEqual(['default/a', 'default/b']);
    expect(same.names()).toEqual(['default/a']);
    expect(narrow.calls).toEqual(['synced']);
    expect(asked('watch').length).toBe(2);
    wide.watch.close();
    expect(state().objects).toBe(1);
    server.put(pod('c', { app: 'web' }));
    await until(() => narrow.calls.length === 2 && same.calls.length === 2);
  });

  test('a watcher that comes in the middle of the events of a chunk gets all of what it selects', async () => {
    const { server, api } = await start();
    server.put(pod('plain'));
    const wide: ReturnType<typeof observe>[] = [];
    const narrow = api.watch({ kind: 'pods', namespaces: undefined, labelSelector: 'app=web', fieldSelector: '' }, {
      synced: () => undefined,
      changed: () => void (wide.length === 0 && wide.push(observe(api, 'pods'))),
    });
    await until(() => narrow.isSynced && server.openStreams('pods') === 1);
    server.faults.hold('pods');
    for (const name of ['a', 'b', 'c']) server.put(pod(name, { app: 'web' }));
    server.faults.release('pods');
    await until(() => wide[0]?.watch.isSynced === true);
    expect(wide[0]!.names()).toEqual(['default/a', 'default/b', 'default/c', 'default/plain']);
  });

  test('whom a wider one had covered is complete when that one leaves', async () => {
    const { server, api } = await start();
    server.put(pod('a', { app: 'web' }));
    const wide = observe(api, 'pods');
    const narrow = observe(api, 'pods', { labelSelector: 'app=web' });
    await until(() => wide.watch.isSynced && narrow.watch.isSynced);
    wide.watch.close();
    const another = observe(api, 'pods', { labelSelector: 'app=web' });
    await until(() => another.watch.isSynced);
    expect([another.names(), state().state]).toEqual([['default/a'], 'live']);
    expect(asked('watch').length).toBe(1);
  });

  test('a selector that does not parse begins nothing', async () => {
    const { api, kubernetes } = await start();
    expect(() => observe(api, 'pods', { labelSelector: 'app in web' })).toThrow(expect.objectContaining({ code: 'KUBERNETES_SELECTOR' }) as Error);
    expect(kubernetes.state()).toEqual([]);
  });

  test('field selectors go to the server', async () => {
    const { server, api } = await start();
    server.put(pod('a'));
    server.put(pod('b'));
    const seen = observe(api, 'pods', { fieldSelector: 'metadata.name=b' });
    await until(() => seen.watch.isSynced);
    expect(seen.names()).toEqual(['default/b']);
  });

  test('each namespace is a request of its own', async () => {
    const { server, api } = await start();
    for (const namespace of ['x', 'y', 'z']) server.put(pod('a', {}, namespace));
    const seen = observe(api, 'pods', { namespaces: ['x', 'y'] });
    await until(() => seen.watch.isSynced);
    expect(seen.names()).toEqual(['x/a', 'y/a']);
    server.put(pod('b', {}, 'y'));
    server.put(pod('b', {}, 'z'));
    server.remove('pods', 'x', 'a');
    await until(() => seen.calls.length === 3);
    expect(seen.names()).toEqual(['y/a', 'y/b']);
  });
});

describe('kinds of which only metadata is asked for', () => {
  const meta = (kind: string, name: string, namespace?: string) => ({
    kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels: { l: '1' }, annotations: { a: '2' }, ownerReferences: [{ apiVersion: 'v1', kind: 'Deployment', name: 'd', uid: 'u', controller: true }] },
  });
  test.each([true, false])('carry labels, annotations and owners (watch-list: %j)', async (watchList) => {
    const { server, api } = await start({ watchList });
    server.put(meta('Namespace', 'shop'));
    server.put(meta('ReplicaSet', 'rs', 'shop'));
    server.put(meta('Job', 'j', 'shop'));
    const namespaces = observe(api, 'namespaces');
    const sets = observe(api, 'replicasets');
    const jobs = observe(api, 'jobs');
    await until(() => [namespaces, sets, jobs].every(({ watch }) => watch.isSynced));
    const kept = { labels: ['l', '1'], annotations: ['a', '2'], owners: [{ kind: 'Deployment', name: 'd', controller: true }] };
    expect(namespaces.watch.objects.get('shop')).toMatchObject(kept);
    expect(sets.watch.objects.get('shop/rs')).toMatchObject(kept);
    expect(jobs.watch.objects.get('shop/j')).toMatchObject(kept);
    expect(server.requests.every(({ accept }) => accept.includes('as=PartialObjectMetadata'))).toBe(true);
  });

  test('pods do so beside pods as they are, and without annotations', async () => {
    const { server, api } = await start();
    server.put({ ...pod('a', { app: 'web' }), metadata: { name: 'a', namespace: 'default', labels: { app: 'web' }, annotations: { x: 'y' } } });
    const whole = observe(api, 'pods');
    const index = observe(api, 'podmetadata');
    await until(() => whole.watch.isSynced && index.watch.isSynced);
    expect(whole.watch.objects.get('default/a')?.annotations).toEqual(['x', 'y']);
    expect(index.watch.objects.get('default/a')).toMatchObject({ labels: ['app', 'web'], annotations: [] });
  });
});

describe('trouble', () => {
  test('a stream that is cut goes on where it was, without a list', async () => {
    const { server, api, clock } = await start();
    server.put(pod('a'));
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    server.faults.cutStreams();
    await until(() => state().state === 'stale');
    expect(seen.names()).toEqual(['default/a']);
    expect(state().error).toMatch(/^cannot watch pods in all namespaces: /);
    server.put(pod('b'));
    await advanceUntil(clock, () => seen.calls.length === 2);
    expect(state()).toMatchObject({ state: 'live', error: '' });
    expect(asked('watch').map(({ query }) => query['sendInitialEvents'])).toEqual(['true', undefined]);
    expect(world.lines).toEqual([]);
  });

  test('a proxy that cuts every stream after 35 s costs less than a second each time', async () => {
    const { server, api, clock } = await start();
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    const gapsMs: number[] = [];
    for (let i = 0; i < 12; i++) {
      await clock.advance(35_000);
      server.faults.cutStreams();
      await until(() => state().state === 'stale');
      const cutAtMs = clock.monotonicMs();
      await advanceUntil(clock, () => state().state === 'live');
      gapsMs.push(clock.monotonicMs() - cutAtMs);
    }
    expect(gapsMs.filter((gapMs) => gapMs > 1000)).toEqual([]);
    expect(world.lines).toEqual([]);
  });

  test('of a server that is away in many words is one line in the log, and another when permission is missing', async () => {
    const { server, api, clock } = await start({ settings: withToken });
    server.access.setUser('t', user([]));
    for (const status of [503, 500, 503] as const) server.faults.refuse({ status, times: 1 });
    const seen = observe(api, 'pods');
    await advanceUntil(clock, () => state().isDenied);
    expect(asked('watch').map(({ status }) => status)).toEqual([503, 500, 503, 403]);
    server.access.setUser('t', user(['pods']));
    await advanceUntil(clock, () => seen.watch.isSynced);
    expect(world.lines).toEqual(['warn cannot follow the API server', 'warn cannot follow the API server', 'info the API server answers again']);
  });

  test.each([true, false])('a version that has expired leads to one list, and what vanished is deleted (watch-list: %j)', async (watchList) => {
    const { server, api, clock } = await start({ watchList });
    for (const name of ['a', 'b', 'c']) server.put(pod(name));
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced && server.openStreams('pods') === 1);
    server.down();
    await until(() => state().state === 'stale');
    server.remove('pods', 'default', 'a');
    server.put(pod('b', { app: 'web' }));
    server.put(pod('d'));
    server.compact();
    server.up();
    await advanceUntil(clock, () => seen.calls.length === 4);
    expect(seen.calls.toSorted()).toEqual(['+default/d', '-default/a', 'synced', '~default/b']);
    expect(seen.names()).toEqual(['default/b', 'default/c', 'default/d']);
    const lists = await world.metrics.text();
    expect(lists).toContain('tributary_kubernetes_lists_total{kind="pods"} 2');
  });

  test('an expired token of a list finishes it, and another list follows', async () => {
    const { server, api, clock } = await start({ watchList: false });
    for (let i = 0; i < 600; i++) server.put(pod(`p${i}`));
    server.faults.slow(1_000_000);
    const seen = observe(api, 'pods');
    await advanceUntil(clock, () => asked('list').length === 1, 1);
    // It belongs to the page that has been read already.
    server.put(pod('late'));
    server.compact();
    server.faults.slow(undefined);
    await advanceUntil(clock, () => seen.watch.isSynced);
    expect(seen.watch.objects.size).toBe(600);
    expect(world.server.requests.filter(({ verb, status }) => verb === 'list' && status === 410).length).toBe(1);
    await advanceUntil(clock, () => seen.calls.length === 2, 10_000);
    expect(seen.calls).toEqual(['synced', '+default/late']);
  });

  test('a server that is away is asked ever more seldom', async () => {
    const { server, api, clock } = await start();
    server.faults.refuse({ status: 503, times: 1_000_000 });
    observe(api, 'pods');
    await until(() => asked('watch').length === 1);
    await advanceUntil(clock, () => clock.monotonicMs() >= 600_000, 1000);
    const times = asked('watch').length;
    // Full jitter of 0.8 s doubling to 30 s: after the first minute one request in 15 s on the average.
    expect(times).toBeGreaterThan(20);
    expect(times).toBeLessThan(80);
    expect(state()).toMatchObject({ state: 'syncing', objects: 0 });
  });

  test('the address that could not be reached is told without what changes from attempt to attempt', async () => {
    const { server, api } = await start();
    server.down();
    observe(api, 'pods');
    await until(() => state().error !== '');
    expect(state().error).toContain(`cannot watch pods in all namespaces: Get "${server.url}/api/v1/pods": `);
  });

  test('429 is obeyed', async () => {
    const { server, api, clock } = await start();
    server.faults.refuse({ status: 429, times: 1, retryAfterSeconds: 40 });
    const seen = observe(api, 'pods');
    await until(() => state().error !== '');
    await advanceUntil(clock, () => clock.monotonicMs() >= 39_500);
    expect(asked('watch').length).toBe(1);
    await advanceUntil(clock, () => seen.watch.isSynced);
    expect(clock.monotonicMs()).toBeLessThan(45_000);
  });

  test('silence ends the watch after two bookmarks have failed to come', async () => {
    const { server, api, clock } = await start();
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    server.faults.silence();
    await advanceUntil(clock, () => state().error !== '', 5000);
    expect(state().error).toBe('cannot watch pods in all namespaces: nothing came for 150 s');
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(150_000);
    server.faults.speak();
    await advanceUntil(clock, () => state().state === 'live');
  });

  test('a healthy watch ends at a random time between five and ten minutes, and the next one follows at once', async () => {
    const { server, api, clock } = await start();
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    await advanceUntil(clock, () => asked('watch').length === 2, 5000);
    expect(clock.monotonicMs()).toBeGreaterThan(300_000);
    expect(clock.monotonicMs()).toBeLessThan(610_000);
    const [first, second] = asked('watch').map(({ query }) => Number(query['timeoutSeconds']));
    expect(first).not.toBe(second);
    for (const seconds of [first!, second!]) expect(seconds >= 300 && seconds < 600).toBe(true);
    server.put(pod('a'));
    await until(() => seen.calls.length === 2);
    expect(await world.metrics.text()).toContain('tributary_kubernetes_watch_restarts_total{kind="pods"} 1');
  });
});

describe('permission', () => {
  test('that is missing is told with verb, resource and the words of the server; other kinds go on', async () => {
    const { server, api, kubernetes } = await start({ settings: withToken });
    server.access.setUser('t', user(['services']));
    observe(api, 'pods');
    const services = observe(api, 'services');
    await until(() => services.watch.isSynced && kubernetes.isSynced());
    const denied = kubernetes.state().find(({ kind }) => kind === 'pods')!;
    expect(denied).toMatchObject({ state: 'syncing', isDenied: true, server: server.url });
    expect(denied.error).toBe('cannot watch pods in all namespaces: pods is forbidden: User "system:serviceaccount:monitoring:tributary" cannot watch resource "pods" in API group "" at the cluster scope (403)');
    expect(await world.metrics.text()).toContain(`tributary_kubernetes_denied{server="${server.url}",kind="pods",namespace=""} 1`);
  });

  test('for one of several namespaces does not hide the others, and may come later', async () => {
    const { server, api, clock } = await start({ settings: withToken });
    server.put(pod('a', {}, 'x'));
    server.put(pod('b', {}, 'y'));
    server.access.setUser('t', user(['pods'], ['x']));
    const seen = observe(api, 'pods', { namespaces: ['x', 'y'] });
    await until(() => seen.watch.isSynced);
    expect(seen.names()).toEqual(['x/a']);
    server.access.setUser('t', user(['pods']));
    await advanceUntil(clock, () => seen.calls.length === 2);
    expect(seen.calls).toEqual(['synced', '+y/b']);
    expect(seen.names()).toEqual(['x/a', 'y/b']);
  });
});

describe('secrets', () => {
  test('of one fixed name in all namespaces need no more than that', async () => {
    const { server, api } = await start({ settings: withToken });
    server.access.setUser('t', { name: 'u', rules: [{ resources: ['secrets'], verbs: ['list', 'watch'], names: ['edge-route'] }] });
    for (const [name, namespace] of [['edge-route', 'a'], ['edge-route', 'b'], ['other', 'a']] as const) {
      server.put({ kind: 'Secret', metadata: { name, namespace }, data: { url: Buffer.from('x').toString('base64') } });
    }
    const seen = observe(api, 'secrets', { fieldSelector: 'metadata.name=edge-route' });
    await until(() => seen.watch.isSynced);
    expect(seen.names()).toEqual(['a/edge-route', 'b/edge-route']);
    expect(Buffer.from(seen.watch.objects.get('a/edge-route')!.data.get('url')!).toString()).toBe('x');
  });
});

describe('what is told of a reflector', () => {
  test('its age grows while the server is away', async () => {
    const { server, api, clock } = await start();
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    server.down();
    await until(() => state().state === 'stale');
    await clock.advance(120_000);
    expect(clock.nowMs() - state().currentAtMs!).toBeGreaterThanOrEqual(120_000);
    expect(await world.metrics.text()).toMatch(/tributary_kubernetes_state_age_seconds\{[^}]*kind="pods"[^}]*\} 1[2-9]\d/);
  });

  test('events are counted as Prometheus counts them', async () => {
    const { server, api } = await start();
    server.put(pod('a'));
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    server.put(pod('b'));
    server.remove('pods', 'default', 'a');
    await until(() => seen.calls.length === 3);
    const text = await world.metrics.text();
    expect(text).toContain('prometheus_sd_kubernetes_events_total{role="pod",event="add"} 2');
    expect(text).toContain('prometheus_sd_kubernetes_events_total{role="pod",event="delete"} 1');
    expect(text).toContain('prometheus_sd_kubernetes_failures_total 0');
  });
});
