// Routes at work: which destination receives which series, read from what a receiver would get.

import { beforeAll, describe, expect, test } from 'vitest';
import { initZstd } from '../../../src/wire/zstd.ts';
import { ScrapeError } from '../../../src/model/scrape-error.ts';
import { OWNERS_MAX } from '../../../src/series/series-metrics.ts';
import { TestOwners } from '../../support/owners.ts';
import { rule } from '../relabel/rule.ts';
import { route, routing } from '../route/routing.ts';
import { STEP_MS, World } from './world.ts';
import type { DestinationOptions } from './world.ts';

beforeAll(initZstd);

const masters: DestinationOptions[] = [{ name: 'a', owner: 'a' }, { name: 'b', owner: 'b' }, { name: 'user' }];
const namespace = /^hero-user-(.+)$/;
const toOwner = routing([route(['owner', 'user'])]);
/** Two pods on one page, as cadvisor and kube-state-metrics tell them. */
const shared = 'c{namespace="hero-user-a",pod="p"} 1\nc{namespace="hero-user-b",pod="q"} 2\nnode_x 3\n';

function world(index = new TestOwners({ namespace, hasPods: false }), more: object = {}): World {
  return new World({ destinations: masters, routing: toOwner, index, job: 'cadvisor', settings: { honorLabels: true }, ...more });
}

const short = (lines: readonly string[]) => lines.map((line) => line.replace('job="cadvisor",', '').replace('{job="cadvisor"}', ''));
const sent = (one: World, name: string) => short(one.sent(name));
const ups = (one: World, name: string) => short(one.all(name)).filter((line) => line.startsWith('up'));

describe('the owner by namespace', () => {
  test('each master gets its own series and no others', () => {
    const one = world();
    one.scrape(shared);
    expect(sent(one, 'a')).toEqual(['c{namespace="hero-user-a",pod="p"} 1']);
    expect(sent(one, 'b')).toEqual(['c{namespace="hero-user-b",pod="q"} 2']);
    expect(sent(one, 'user')).toEqual(['c{namespace="hero-user-a",pod="p"} 1', 'c{namespace="hero-user-b",pod="q"} 2', 'node_x 3']);
  });
  test('a series that vanishes is marked where it was sent', () => {
    const one = world();
    one.scrape(shared);
    for (const name of ['a', 'b', 'user']) one.sent(name);
    one.scrape('node_x 4\n');
    expect([sent(one, 'a'), sent(one, 'b'), sent(one, 'user')]).toEqual([
      ['c{namespace="hero-user-a",pod="p"} stale'], ['c{namespace="hero-user-b",pod="q"} stale'], ['c{namespace="hero-user-a",pod="p"} stale', 'c{namespace="hero-user-b",pod="q"} stale', 'node_x 4'],
    ]);
  });
  test('samples that go nowhere are counted, those of an owner without a destination by its name', async () => {
    const one = world(undefined, { routing: routing([route(['owner'])]) });
    one.scrape('c{namespace="hero-user-a",pod="p"} 1\nc{namespace="hero-user-z",pod="q"} 2\nnode_x 3\n');
    expect([sent(one, 'a'), sent(one, 'b')]).toEqual([['c{namespace="hero-user-a",pod="p"} 1'], []]);
    const text = await one.metrics.text();
    expect(text).toContain('tributary_route_unrouted_samples_total{reason="unowned",owner="z"} 1\n');
    expect(text).toContain('tributary_route_unrouted_samples_total{reason="no_owner",owner=""} 1\n');
  });
  test('of owners without a destination only so many are told by name: others choose the names', async () => {
    const one = world(undefined, { routing: routing([route(['owner'])]) });
    one.scrape(Array.from({ length: OWNERS_MAX + 5 }, (_, i) => `c{namespace="hero-user-z${i}",pod="p"} 1\n`).join(''));
    const lines = (await one.metrics.text()).split('\n').filter((line) => line.startsWith('tributary_route_unrouted_samples_total{reason="unowned"'));
    expect([lines.length, lines.at(-1)]).toEqual([OWNERS_MAX + 1, 'tributary_route_unrouted_samples_total{reason="unowned",owner="(others)"} 5']);
  });
  test('many owners without a destination share an image', () => {
    const one = world();
    one.scrape(Array.from({ length: 50 }, (_, i) => `c{namespace="hero-user-z${i}",pod="p"} 1\n`).join(''));
    // Everything goes to `user` alone, and so do the report series.
    expect(one.streams.get('user')!.take().map(({ samples }) => samples)).toEqual([55]);
  });
  test('routing.unowned takes what has an owner without a destination', () => {
    const one = world(undefined, { routing: routing([route(['owner'])], { unowned: ['user'] }) });
    one.scrape('c{namespace="hero-user-z",pod="q"} 2\n');
    expect(sent(one, 'user')).toEqual(['c{namespace="hero-user-z",pod="q"} 2']);
  });
});

describe('routes', () => {
  test('the first that matches decides, unless it says continue', () => {
    const one = world(undefined, { routing: routing([route(['a'], ['x']), route(['b'], ['{y="1"}'], { continue: true }), route(['user'])]) });
    one.scrape('x{y="1"} 1\nz{y="1"} 2\nw 3\n');
    expect([sent(one, 'a'), sent(one, 'b'), sent(one, 'user')]).toEqual([['x{y="1"} 1'], ['z{y="1"} 2'], ['w 3', 'z{y="1"} 2']]);
  });
  test('provenance and the owner can be asked for', () => {
    const one = world(undefined, {
      provenance: { __meta_kubernetes_namespace: 'monitoring', __meta_kubernetes_service_name: 's' },
      routing: routing([route(['a'], ['{__owner__="b"}']), route(['b'], ['{__meta_kubernetes_namespace="hero-user-a",__meta_kubernetes_service_name="s"}']), route(['user'])]),
    });
    one.scrape(shared);
    expect([sent(one, 'a'), sent(one, 'b'), sent(one, 'user')]).toEqual([['c{namespace="hero-user-b",pod="q"} 2'], ['c{namespace="hero-user-a",pod="p"} 1'], ['node_x 3']]);
  });
  test('all and none', async () => {
    const one = world(undefined, { routing: routing([route(['all'], ['x']), route([], ['y'])]) });
    one.scrape('x 1\ny 2\nz 3\n');
    for (const name of ['a', 'b', 'user']) expect(sent(one, name)).toEqual(['x 1']);
    const text = await one.metrics.text();
    for (const reason of ['none', 'no_route']) expect(text).toContain(`unrouted_samples_total{reason="${reason}",owner=""} 1\n`);
  });
});

describe('health series', () => {
  test('go to every destination that gets any series of the target', () => {
    const one = world(undefined, { routing: routing([route(['owner'])]) });
    one.scrape('c{namespace="hero-user-a",pod="p"} 1\n');
    expect([ups(one, 'a'), ups(one, 'b'), ups(one, 'user')]).toEqual([['up 1'], [], []]);
  });
  test('a target that goes down tells those that knew it', () => {
    const one = world(undefined, { routing: routing([route(['owner'])]) });
    one.scrape('c{namespace="hero-user-a",pod="p"} 1\n');
    one.all('a');
    one.scrape('{{{\n');
    expect([ups(one, 'a'), ups(one, 'b')]).toEqual([['up 0'], []]);
  });
  test('before any series is known they follow the labels of the target', () => {
    const one = world(undefined, { routing: routing([route(['b'], ['{job="cadvisor"}'])]) });
    one.scrape('{{{\n');
    expect([ups(one, 'a'), ups(one, 'b')]).toEqual([[], ['up 0']]);
  });
  test('of a target that is down follow its labels when none of those that got its series is there any more', () => {
    const one = world(undefined, { routing: routing([route(['owner'])]) });
    one.scrape('c{namespace="hero-user-a",pod="p"} 1\n');
    one.configure([{ name: 'c', owner: 'c' }, { name: 'user' }], {}, routing([route(['user'])]));
    one.scrape(undefined, { error: new ScrapeError('connection', 'refused') });
    one.scrape(undefined, { error: new ScrapeError('connection', 'refused') });
    expect([ups(one, 'c'), ups(one, 'user')]).toEqual([[], [`up 0@${-STEP_MS}`, 'up 0']]);
  });
  test('a destination that gets series later gets them, too; one that gets none any more gets a marker', () => {
    const one = world(undefined, { routing: routing([route(['owner'])]) });
    one.scrape('c{namespace="hero-user-a",pod="p"} 1\n');
    one.scrape('c{namespace="hero-user-b",pod="q"} 1\n');
    one.scrape('c{namespace="hero-user-b",pod="q"} 1\n');
    expect(ups(one, 'a')).toEqual([`up 1@${-2 * STEP_MS}`, `up 1@${-STEP_MS}`, 'up stale']);
    expect(ups(one, 'b')).toEqual([`up 1@${-STEP_MS}`, 'up 1']);
  });
});

describe('an owner that changes', () => {
  const pods = (): TestOwners => {
    const index = new TestOwners();
    index.setPod('n', 'p', 'a');
    index.setPod('n', 'q', 'b');
    return index;
  };
  const page = 'c{namespace="n",pod="p"} 1\nc{namespace="n",pod="q"} 2\n';

  test('the old master gets a marker, the new one the series, and who goes on getting it sees nothing', () => {
    const index = pods();
    const one = world(index);
    one.scrape(page);
    for (const name of ['a', 'b', 'user']) one.sent(name);
    index.setPod('n', 'p', 'b');
    one.scrape(page);
    expect([sent(one, 'a'), sent(one, 'b'), sent(one, 'user')]).toEqual([
      ['c{namespace="n",pod="p"} stale'], ['c{namespace="n",pod="p"} 1', 'c{namespace="n",pod="q"} 2'], ['c{namespace="n",pod="p"} 1', 'c{namespace="n",pod="q"} 2'],
    ]);
    one.scrape(page);
    expect([sent(one, 'a'), sent(one, 'b')]).toEqual([[], ['c{namespace="n",pod="p"} 1', 'c{namespace="n",pod="q"} 2']]);
  });
  test('a series that vanishes meanwhile is marked where it was sent', () => {
    const index = pods();
    const one = world(index);
    one.scrape(page);
    for (const name of ['a', 'b', 'user']) one.sent(name);
    index.setPod('n', 'p', 'b');
    one.scrape('c{namespace="n",pod="q"} 2\n');
    expect([sent(one, 'a'), sent(one, 'b')]).toEqual([['c{namespace="n",pod="p"} stale'], ['c{namespace="n",pod="q"} 2']]);
  });
  test('a page that fails changes nothing for those that were not read', () => {
    const index = pods();
    const one = world(index);
    one.scrape(page);
    for (const name of ['a', 'b', 'user']) one.sent(name);
    index.setPod('n', 'p', 'b');
    one.scrape(undefined, {});
    one.scrape('{{{\n');
    expect([sent(one, 'a'), sent(one, 'b')].map((lines) => lines.map((line) => line.replace(/@.*/, '')))).toEqual([['c{namespace="n",pod="p"} stale'], ['c{namespace="n",pod="q"} stale']]);
  });
  test('the same answer moves nothing', () => {
    const index = pods();
    const one = world(index);
    one.scrape(page);
    const before = one.streams.get('a')!.take()[0]!.image;
    index.setPod('n', 'p', 'a', 'tombstone');
    one.scrape(page);
    const [after] = one.streams.get('a')!.take();
    expect([after!.image, after!.image!.runs.length]).toEqual([before, before!.runs.length]);
  });
  test('a series that moves and comes under another key at once is marked where it is no more, and nowhere else', () => {
    const index = pods();
    const one = world(index);
    one.scrape('c{namespace="n",pod="p"} 1\n');
    for (const name of ['a', 'b', 'user']) one.sent(name);
    index.setPod('n', 'p', 'b');
    one.scrape('c{pod="p",namespace="n"} 2\n');
    expect([sent(one, 'a'), sent(one, 'b'), sent(one, 'user')]).toEqual([['c{namespace="n",pod="p"} stale'], ['c{namespace="n",pod="p"} 2'], ['c{namespace="n",pod="p"} 2']]);
  });
  test('a series that goes back and forth comes in its order, also when all of it is sent at once', () => {
    const index = pods();
    const one = world(index);
    for (let i = 0; i < 8; i++) {
      one.scrape(page);
      index.setPod('n', 'p', i % 2 === 0 ? 'b' : 'a');
    }
    const lines = one.all('user').filter((line) => line.includes('pod="p"'));
    expect(lines.map((line) => Number(/@(-\d+)/.exec(line)?.[1] ?? 0))).toEqual([-7, -6, -5, -4, -3, -2, -1, 0].map((i) => i * STEP_MS));
  });
  test('a configuration that is loaded again without a change loses no change of owners', () => {
    const index = pods();
    const one = world(index);
    one.scrape(page);
    index.setPod('n', 'p', 'b');
    one.configure(masters);
    one.scrape(page);
    expect(sent(one, 'b').filter((text) => text.includes('"p"'))).toEqual(['c{namespace="n",pod="p"} 1']);
  });
  test('another index with equal routes is asked about every series: its entries are others', () => {
    const one = world(pods());
    one.scrape(page);
    one.sent('b');
    // What was entry 0 is entry 2 now.
    const other = new TestOwners();
    other.setPod('n', 'z', 'a');
    other.setPod('n', 'q', 'b');
    other.setPod('n', 'p', 'a');
    one.configure(masters, {}, toOwner, undefined, other);
    one.scrape(page);
    other.setPod('n', 'p', 'b');
    one.scrape(page);
    expect(sent(one, 'b').filter((text) => text.includes('"p"'))).toEqual(['c{namespace="n",pod="p"} 1']);
  });
  test('destinations may have any names', () => {
    const index = new TestOwners({ namespace });
    const one = new World({ destinations: [{ name: '*', owner: 'a' }, { name: '?', owner: 'b' }], routing: routing([route(['owner'])]), index, job: 'cadvisor', settings: { honorLabels: true } });
    index.setPod('hero-user-b', 'p', 'b');
    one.scrape('c{namespace="hero-user-b",pod="p"} 1\nc{namespace="hero-user-a",pod="new"} 2\n');
    expect([sent(one, '*'), sent(one, '?')]).toEqual([[], ['c{namespace="hero-user-b",pod="p"} 1']]);
  });
  test('series are moved and counted', async () => {
    const index = pods();
    const one = world(index);
    one.scrape(page);
    index.setPod('n', 'p', 'b');
    one.scrape(page);
    expect(await one.metrics.text()).toContain('tributary_route_moved_series_total 1\n');
  });
});

describe('destinations that come and go', () => {
  const c: DestinationOptions = { name: 'c', owner: 'c' };
  const page = 'c{namespace="hero-user-a",pod="p"} 1\nc{namespace="hero-user-c",pod="q"} 2\n';

  test('a new one gets its owner\'s series from the next page on, the others see nothing of it', () => {
    const one = world();
    one.scrape(page);
    for (const name of ['a', 'user']) one.sent(name);
    one.configure([...masters, c]);
    one.scrape(page);
    expect([sent(one, 'a'), sent(one, 'c'), sent(one, 'user').length]).toEqual([['c{namespace="hero-user-a",pod="p"} 1'], ['c{namespace="hero-user-c",pod="q"} 2'], 2]);
  });
  test('one that goes gets nothing more; when it comes back it goes on', () => {
    const one = new World({ destinations: [...masters, c], routing: toOwner, index: new TestOwners({ namespace, hasPods: false }), job: 'cadvisor', settings: { honorLabels: true } });
    one.scrape(page);
    one.sent('c');
    one.configure(masters);
    one.scrape(page);
    one.scrape(page);
    expect(sent(one, 'c')).toEqual([]);
    one.configure([...masters, c]);
    one.scrape(page);
    expect(sent(one, 'c')).toEqual(['c{namespace="hero-user-c",pod="q"} 2']);
  });
  test('routes that come, and go again', () => {
    const one = new World({ destinations: masters, index: new TestOwners({ namespace, hasPods: false }), job: 'cadvisor', settings: { honorLabels: true } });
    one.scrape(page);
    for (const name of ['a', 'b', 'user']) one.sent(name);
    one.configure(masters, {}, toOwner);
    one.scrape(page);
    expect([sent(one, 'a'), sent(one, 'b').map((line) => line.replace(/ [^ ]*$/, ' stale')), sent(one, 'user').length]).toEqual([
      ['c{namespace="hero-user-a",pod="p"} 1', 'c{namespace="hero-user-c",pod="q"} stale'], ['c{namespace="hero-user-a",pod="p"} stale', 'c{namespace="hero-user-c",pod="q"} stale'], 2,
    ]);
    one.configure(masters);
    one.scrape(page);
    for (const name of ['a', 'b', 'user']) expect(sent(one, name)).toEqual(['c{namespace="hero-user-a",pod="p"} 1', 'c{namespace="hero-user-c",pod="q"} 2']);
  });
});

describe('a pod that is not known yet', () => {
  const line = 'c{namespace="hero-user-a",pod="new"} 1\n';
  const inOrder = (one: World, name: string) => short(one.all(name)).filter((text) => text.startsWith('c'));
  const outcome = async (one: World) => (await one.metrics.text()).split('\n').filter((text) => text.startsWith('tributary_route_unresolved_series_total{'));

  test('its series wait, and go to the owner once the watch tells, with what has waited', async () => {
    const index = new TestOwners({ namespace });
    const one = world(index);
    one.scrape(line);
    expect([sent(one, 'a'), sent(one, 'user')]).toEqual([[], []]);
    index.setPod('hero-user-a', 'new', 'b');
    one.scrape(line);
    for (const name of ['b', 'user']) expect(inOrder(one, name)).toEqual([`c{namespace="hero-user-a",pod="new"} 1@${-STEP_MS}`, 'c{namespace="hero-user-a",pod="new"} 1']);
    expect(sent(one, 'a')).toEqual([]);
    expect(await outcome(one)).toEqual(['tributary_route_unresolved_series_total{outcome="resolved"} 1']);
  });
  test('after one interval the namespace decides; when the watch tells later they move', async () => {
    const index = new TestOwners({ namespace });
    const one = world(index);
    one.scrape(line);
    one.scrape(line);
    expect(inOrder(one, 'a')).toEqual([`c{namespace="hero-user-a",pod="new"} 1@${-STEP_MS}`, 'c{namespace="hero-user-a",pod="new"} 1']);
    expect(await outcome(one)).toEqual(['tributary_route_unresolved_series_total{outcome="by_namespace"} 1']);
    index.setPod('hero-user-a', 'new', 'b');
    one.scrape(line);
    expect([sent(one, 'a'), sent(one, 'b')]).toEqual([['c{namespace="hero-user-a",pod="new"} stale'], ['c{namespace="hero-user-a",pod="new"} 1']]);
  });
  test('what waited and goes nowhere in the end is counted with the rest', async () => {
    const one = world(new TestOwners(), { routing: routing([route(['owner'])]) });
    one.scrape(line);
    one.scrape(line);
    expect(await one.metrics.text()).toContain('tributary_route_unrouted_samples_total{reason="unresolved",owner=""} 2\n');
  });
  test('one that vanishes at once is told all the same, with its end', () => {
    const one = world(new TestOwners({ namespace }));
    one.scrape(line);
    one.scrape('node_x 1\n');
    expect(sent(one, 'a')).toEqual([`c{namespace="hero-user-a",pod="new"} 1@${-STEP_MS}`, 'c{namespace="hero-user-a",pod="new"} stale']);
  });
  test('so is one whose target ends', () => {
    const one = world(new TestOwners({ namespace }));
    one.scrape(line);
    one.end();
    expect(sent(one, 'a')).toEqual([`c{namespace="hero-user-a",pod="new"} 1@${-STEP_MS}`, 'c{namespace="hero-user-a",pod="new"} stale']);
  });
  test('the accounts add up', () => {
    const one = world(new TestOwners({ namespace }));
    for (let i = 0; i < 4; i++) one.scrape(`${line}c{namespace="hero-user-b",pod="p${i}"} 1\n`);
    for (const { scrape, appended } of one.streams.values()) expect(scrape.scraped).toBe(scrape.failed + scrape.relabelled + scrape.limited + scrape.unrouted + appended);
  });
});

describe('without routes', () => {
  const dropOther = (other: string) => [rule({ action: 'drop', sourceLabels: ['__meta_kubernetes_namespace'], regex: `hero-user-${other}` })];
  const two: DestinationOptions[] = [{ name: 'a', writeRelabel: dropOther('b') }, { name: 'b', writeRelabel: dropOther('a') }];

  test('the drop rule of today works for pods that are scraped', () => {
    const one = new World({ destinations: two, provenance: { __meta_kubernetes_namespace: 'hero-user-a' } });
    one.scrape('x 1\n');
    expect([one.sent('a'), one.sent('b')]).toEqual([['x 1'], []]);
    expect([one.streams.get('a')!.appended, one.streams.get('b')!.appended]).toEqual([6, 0]);
  });
  test('and for exporters that speak about others, with and without honor_labels', () => {
    const provenance = { __meta_kubernetes_namespace: 'gpu-operator', __meta_kubernetes_pod_name: 'dcgm-x' };
    const kube = new World({ destinations: two, job: 'kube-state-metrics', provenance, settings: { honorLabels: true } });
    kube.scrape(shared);
    expect([sent2(kube, 'a'), sent2(kube, 'b')]).toEqual([['c{namespace="hero-user-a",pod="p"} 1', 'node_x 3'], ['c{namespace="hero-user-b",pod="q"} 2', 'node_x 3']]);
    const dcgm = new World({ destinations: two, job: 'dcgm-exporter', provenance, targetLabels: { namespace: 'gpu-operator', pod: 'dcgm-x' } });
    dcgm.scrape('g{gpu="0",namespace="hero-user-a",pod="p"} 1\ng{gpu="1"} 2\n');
    expect([sent2(dcgm, 'a').length, sent2(dcgm, 'b').length]).toEqual([2, 1]);
  });
  test('what rules see of provenance is never sent, what they copy is', () => {
    const rules = [rule({ action: 'labelmap', regex: '__meta_kubernetes_pod_label_(.+)' }), rule({ sourceLabels: ['__address__'], targetLabel: 'from' })];
    const one = new World({ destinations: [{ writeRelabel: rules }], provenance: { __meta_kubernetes_pod_label_app: 'web', __address__: 'h:1' } });
    one.scrape('x 1\n');
    expect(one.sent()).toEqual(['x{app="web",from="h:1"} 1']);
  });
  test('a page cannot pretend provenance', () => {
    const one = new World({ destinations: two, provenance: { __meta_kubernetes_namespace: 'hero-user-a' } });
    one.scrape('x{__meta_kubernetes_namespace="hero-user-b"} 1\n');
    expect([one.sent('a').length, one.sent('b').length]).toEqual([1, 0]);
  });
  test('provenance that changes is looked at again', () => {
    const one = new World({ destinations: two, provenance: { __meta_kubernetes_namespace: 'hero-user-a' } });
    one.scrape('x 1\n');
    one.sent('a');
    one.retarget({ __meta_kubernetes_namespace: 'hero-user-b' });
    one.scrape('x 2\n');
    expect([one.sent('a'), one.sent('b')]).toEqual([['x stale'], ['x 2']]);
  });
});

const sent2 = (one: World, name: string) => one.sent(name).map((line) => line.replace(/job="[^"]*",?/, '').replace('{}', ''));

describe('budgets', () => {
  const budget = (overBudget: 'drop' | 'thin', samplesPerSecond: number) => routing([route(['a'], ['{k="1"}'], { samplesPerSecond, overBudget }), route(['user'])]);
  const many = Array.from({ length: 20 }, (_, i) => `m{k="1",i="${i}"} 1\n`).join('');
  const scrapes = (one: World, count: number): number[] =>
    Array.from({ length: count }, () => {
      one.scrape(`${many}w 1\n`);
      return sent(one, 'a').filter((line) => !line.endsWith('stale')).length;
    });

  test('what is above is left out and counted, other routes are not touched', async () => {
    // 20 samples in 10 s are twice the budget.
    const one = world(undefined, { routing: budget('drop', 1) });
    const got = scrapes(one, 20).filter((samples) => samples > 0).length;
    expect(got).toBeGreaterThanOrEqual(10);
    expect(got).toBeLessThanOrEqual(12);
    expect(one.all('user').filter((line) => line.startsWith('w')).length).toBe(20);
    expect(await one.metrics.text()).toContain(`tributary_route_unrouted_samples_total{reason="budget",owner=""} ${(20 - got) * 20}\n`);
    const { scrape, appended } = one.streams.get('a')!;
    expect(scrape.scraped).toBe(scrape.failed + scrape.relabelled + scrape.limited + scrape.unrouted + appended);
  });
  test('thinned scrapes have equal distances', () => {
    const one = world(undefined, { routing: budget('thin', 0.7) });
    const got = scrapes(one, 40).slice(10).map((samples) => (samples > 0 ? 'x' : '-')).join('');
    expect(got).toMatch(/^-{0,2}(x--)+x?-{0,2}$/);
  });
  test('markers always go', () => {
    const one = world(undefined, { routing: budget('drop', 0.1) });
    scrapes(one, 3);
    one.scrape('w 1\n');
    expect(sent(one, 'a').filter((line) => line.endsWith('stale')).length).toBe(20);
  });
});

describe('replica labels', () => {
  test('each destination has its own, and nobody else sees it', () => {
    const one = new World({ destinations: [{ name: 'm', replicaLabel: { name: '__replica__', value: 'r0' } }, { name: 'p' }] });
    one.scrape('x 1\n');
    expect([one.sent('m'), one.sent('p')]).toEqual([['x{__replica__="r0"} 1'], ['x 1']]);
  });
});
