import { afterEach, expect, test } from 'vitest';
import type { DiscoverySettings } from '../../../discovery/config.ts';
import { targetGroup } from '../../../discovery/discovery.ts';
import type { GroupSink, TargetGroup } from '../../../discovery/discovery.ts';
import type { GroupFeed } from '../../../discovery/feed.ts';
import { createDiscoveryManager } from '../../../discovery/manager.ts';
import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { Secret } from '../../../src/model/secret.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { MemoryCluster } from '../../support/kubernetes/memory-cluster.ts';
import { manualClock, shown } from './helpers.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const fixed = (...targets: string[]): DiscoverySettings => ({ kind: 'static', groups: [{ targets, labels: new Map() }] });
const remote = (url: string, secret?: string): DiscoverySettings => ({
  kind: 'http', url, refreshIntervalMs: 1000, http: { ...defaultHttpClientSettings, ...(secret === undefined ? {} : { authorization: { type: 'Bearer', credentials: new Secret(secret) } }) },
});
const group = (source: string, ...addresses: string[]): TargetGroup => targetGroup(source, addresses.map((a) => new Map([['__address__', a]])));

/**
 * A manager whose http providers are driven by hand; static ones are real enough. `take` gives what jobs have, for jobs that were told something, and
 * `changes` the sources that were told, of a feed that a job has.
 */
function setUp() {
  const clock = manualClock();
  const metrics = createMetrics();
  const jobs = new Map<string, readonly GroupFeed[]>();
  const told = new Set<string>();
  const changes: string[] = [];
  const driven = new Map<string, GroupSink>();
  const stopped: string[] = [];
  const manager = createDiscoveryManager({
    clock, metrics, logger: silentLogger, random: seededRandom(1), kubernetes: new MemoryCluster(),
    onFeeds(job, feeds) {
      jobs.set(job, feeds);
      told.add(job);
    },
    onChange(feed, changed) {
      const takers = [...jobs].filter(([, feeds]) => feeds.includes(feed));
      for (const [job] of takers) told.add(job);
      if (takers.length > 0) changes.push(changed.map((entry) => `${entry.sequence} ${entry.group.source}`).join('; '));
    },
    createProvider: (settings) => ({
      start(sink) {
        if (settings.kind === 'http') driven.set(settings.url, sink);
        else if (settings.kind === 'static') sink(settings.groups.map((g, i) => group(String(i), ...g.targets)));
      },
      stop() {
        stopped.push(settings.kind === 'http' ? settings.url : settings.kind);
        return Promise.resolve();
      },
    }),
  });
  stops.push(() => manager.stop());
  const state = (job: string) => `${job} = ${shown(jobs.get(job)!.flatMap((feed) => [...feed.entries.values()].map((entry) => entry.group))).join('; ')}`;
  const take = () => {
    const lines = [...told].map(state);
    told.clear();
    return lines;
  };
  return { clock, metrics, manager, driven, stopped, changes, take };
}

test('static groups are passed on at once', () => {
  const { manager, take } = setUp();
  manager.apply([{ job: 'a', discovery: [fixed('x:1')] }, { job: 'b', discovery: [] }]);
  expect(take()).toEqual(['a = 0: x:1', 'b = ']);
});

test('first results are passed on at once, later changes together', () => {
  const { manager, driven, clock, take } = setUp();
  manager.apply([{ job: 'a', discovery: [fixed('x:1'), remote('u')] }]);
  expect(take()).toEqual(['a = 0: x:1']);
  driven.get('u')!([group('u:0', 'y:1'), group('u:1', 'z:1')]);
  expect(take()).toEqual(['a = 0: x:1; u:0: y:1; u:1: z:1']);
  driven.get('u')!([group('u:0')]);
  driven.get('u')!([group('u:1', 'w:1')]);
  expect(take()).toEqual([]);
  clock.advance(100);
  expect(take()).toEqual(['a = 0: x:1; u:1: w:1']);
});

test('a change tells the changed groups only, once for all jobs', () => {
  const { manager, driven, clock, changes } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u')] }, { job: 'b', discovery: [remote('u')] }]);
  driven.get('u')!([group('u:0', 'x:1'), group('u:1', 'y:1'), group('u:2')]);
  driven.get('u')!([group('u:1', 'z:1'), group('u:3', 'w:1')]);
  driven.get('u')!([group('u:3')]);
  driven.get('u')!([group('u:0')]);
  clock.advance(100);
  expect(changes.splice(0)).toEqual(['0 u:0; 1 u:1', '1 u:1; 0 u:0']);
  driven.get('u')!([group('u:0', 'back:1')]);
  clock.advance(100);
  expect(changes).toEqual(['2 u:0']);
});

test('a job without groups gets an empty feed and is told what is in it, so that labels are read once for all jobs', () => {
  const { manager, driven, changes } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u')] }, { job: 'b', discovery: [remote('u'), remote('v')] }]);
  driven.get('u')!([group('u:0', 'y:1')]);
  expect(changes).toEqual(['0 u:0']);
});

test('what is too much for one turn goes on in the next, and what comes meanwhile is not overtaken', () => {
  const { manager, driven, clock, changes } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u')] }]);
  driven.get('u')!(Array.from({ length: 1250 }, (_, i) => group(`u:${i}`, 'old:1')));
  expect(changes.map((told) => told.split('; ').length)).toEqual([500]);
  driven.get('u')!([group('u:1200', 'new:1'), group('u:7')]);
  clock.advance(0);
  expect(changes.map((told) => told.split('; ').length)).toEqual([500, 500, 251]);
  expect(manager.state()).toMatchObject([{ groups: 1249, targets: 1249 }]);
});

test('a job keeps its old groups until all of a large provider have been passed on', () => {
  const { manager, driven, clock, take } = setUp();
  manager.apply([{ job: 'a', discovery: [fixed('x:1')] }]);
  take();
  manager.apply([{ job: 'a', discovery: [remote('u')] }]);
  driven.get('u')!(Array.from({ length: 501 }, (_, i) => group(`u:${i}`, 'y:1')));
  expect(take()).toEqual([]);
  clock.advance(0);
  expect(take()[0]?.split(';').length).toBe(501);
});

test('while a job waits for a new provider, changes of its old ones still arrive', () => {
  const { manager, driven, clock, take } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u')] }]);
  driven.get('u')!([group('u:0', 'y:1')]);
  take();
  manager.apply([{ job: 'a', discovery: [remote('u'), remote('v')] }]);
  driven.get('u')!([group('u:0', 'z:1')]);
  clock.advance(100);
  expect(take()).toEqual(['a = u:0: z:1']);
  driven.get('v')!([group('v:0', 'w:1')]);
  expect(take()).toEqual(['a = u:0: z:1; v:0: w:1']);
});

test('equal settings of several jobs are one provider', () => {
  const { manager, driven, take } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u')] }, { job: 'b', discovery: [remote('u')] }]);
  driven.get('u')!([group('u:0', 'y:1')]);
  expect(take()).toEqual(['a = u:0: y:1', 'b = u:0: y:1']);
  expect(manager.state()).toMatchObject([{ kind: 'http', jobs: ['a', 'b'], ready: true, groups: 1, targets: 1 }]);
});

test('settings that differ in a secret only are two providers', () => {
  const { manager } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u', '1')] }, { job: 'b', discovery: [remote('u', '2')] }]);
  expect(manager.state()).toHaveLength(2);
});

test('a provider that stays over a reload keeps running with its groups', () => {
  const { manager, driven, stopped, take } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u')] }]);
  driven.get('u')!([group('u:0', 'y:1')]);
  take();
  manager.apply([{ job: 'a', discovery: [remote('u')] }, { job: 'b', discovery: [remote('u')] }]);
  expect([take(), stopped]).toEqual([['b = u:0: y:1'], []]);
});

test('a provider that goes takes its groups along', async () => {
  const { manager, driven, stopped, take } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u'), fixed('x:1')] }]);
  driven.get('u')!([group('u:0', 'y:1')]);
  take();
  manager.apply([{ job: 'a', discovery: [fixed('x:1')] }]);
  expect([take(), stopped]).toEqual([['a = 0: x:1'], ['u']]);
  driven.get('u')!([group('u:0', 'late:1')]);
  expect(take()).toEqual([]);
});

test('old groups stay until a new provider knows its own', () => {
  const { manager, driven, take } = setUp();
  manager.apply([{ job: 'a', discovery: [fixed('x:1')] }]);
  take();
  manager.apply([{ job: 'a', discovery: [remote('u')] }]);
  expect(take()).toEqual([]);
  driven.get('u')!([group('u:0', 'y:1')]);
  expect(take()).toEqual(['a = u:0: y:1']);
});

test('old groups stay for minutes while nothing is known of the new settings', () => {
  const { manager, clock, take } = setUp();
  manager.apply([{ job: 'a', discovery: [fixed('x:1')] }]);
  take();
  manager.apply([{ job: 'a', discovery: [remote('u')] }]);
  clock.advance(299_000);
  expect(take()).toEqual([]);
  clock.advance(1000);
  expect(take()).toEqual(['a = ']);
});

test('old groups stay for seconds when one of the new providers has spoken', () => {
  const { manager, driven, clock, take } = setUp();
  manager.apply([{ job: 'a', discovery: [fixed('x:1')] }]);
  take();
  manager.apply([{ job: 'a', discovery: [remote('u'), remote('v')] }]);
  clock.advance(60_000);
  driven.get('u')!([group('u:0', 'y:1')]);
  clock.advance(4_900);
  expect(take()).toEqual([]);
  clock.advance(100);
  expect(take()).toEqual(['a = u:0: y:1']);
});

test('settings that change once more have the whole time', () => {
  const { manager, clock, take } = setUp();
  manager.apply([{ job: 'a', discovery: [fixed('x:1')] }]);
  take();
  manager.apply([{ job: 'a', discovery: [remote('u')] }]);
  clock.advance(299_000);
  manager.apply([{ job: 'a', discovery: [remote('v')] }]);
  clock.advance(299_000);
  expect(take()).toEqual([]);
});

test('a removed job gets no further call, and its metrics go', async () => {
  const { manager, driven, clock, metrics, take } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u')] }]);
  driven.get('u')!([group('u:0', 'y:1')]);
  driven.get('u')!([group('u:0', 'z:1')]);
  expect(await metrics.text()).toContain('prometheus_sd_discovered_targets{name="scrape",config="a"} 1');
  take();
  manager.apply([]);
  clock.advance(1000);
  expect(take()).toEqual([]);
  expect(await metrics.text()).not.toContain('config="a"');
});

test('stop ends every provider', async () => {
  const { manager, stopped } = setUp();
  manager.apply([{ job: 'a', discovery: [remote('u'), fixed('x:1')] }]);
  await manager.stop();
  expect(stopped.sort()).toEqual(['static', 'u']);
});
