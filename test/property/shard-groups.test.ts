// Sharded storage: every series reaches exactly as many members of its group as the replication factor says, equal series always the same ones whoever scrapes
// them and however often the collector starts, and one more member takes its share and moves nothing else. What arrived is decoded from request bodies, health series
// included; what lies beside the group gets everything. Repeat a run with TEST_SEED.

import assert from 'node:assert/strict';
import { beforeAll, describe, test } from 'vitest';
import { initZstd } from '../../src/wire/zstd.ts';
import type { ShardGroupSettings } from '../../src/route/shards/config.ts';
import { seeded, testSeed } from '../unit/exposition/collecting-sink.ts';
import { route, routing } from '../unit/route/routing.ts';
import { decodeRecords, World } from '../unit/series/world.ts';

const seed = testSeed();
const RUNS = 20;
const SERIES = 400;
const STALE = '7ff0000000000002';
/** Standard deviations that a random share may be off: beyond six is one case in five hundred million. */
const DEVIATIONS = 6;

beforeAll(initZstd);

interface Setup {
  readonly group: ShardGroupSettings;
  readonly world: World;
}

/** `beside`: a destination that is in no group. */
const namesOf = ({ members }: ShardGroupSettings) => [...members, 'beside'];
const destinationsOf = (group: ShardGroupSettings) => namesOf(group).map((name) => ({ name }));
const routingOf = (isRouted: boolean) => (isRouted ? routing([route(['beside', 'storage'])]) : undefined);

/** By series, the destinations that got a value of it and those that got a marker. */
interface Arrived {
  readonly values: Map<string, Set<string>>;
  readonly markers: Map<string, Set<string>>;
}

function arrived({ group, world }: Setup, names = namesOf(group)): Arrived {
  const found: Arrived = { values: new Map(), markers: new Map() };
  for (const name of names) {
    for (const { labels, samples } of decodeRecords(world.streams.get(name)!.take())) {
      const series = labels.map((pair) => pair.join('=')).join();
      const { value } = samples[0]!;
      const of = value === STALE ? found.markers : found.values;
      const places = of.get(series) ?? new Set();
      assert.ok(!places.has(name), `${series} twice at ${name}`);
      of.set(series, places.add(name));
    }
  }
  return found;
}

function pageOf(random: () => number): string {
  const lines = Array.from({ length: SERIES }, (_, i) => `m${Math.floor(random() * 5)}{pod="p${Math.floor(random() * 40)}",i="${i}"} 1`);
  return `${lines.sort(() => random() - 0.5).join('\n')}\n`;
}

function run(random: () => number): void {
  const count = 2 + Math.floor(random() * 6);
  const replicationFactor = 1 + Math.floor(random() * Math.min(3, count));
  const members = Array.from({ length: count }, (_, i) => `vm-${i}-${Math.floor(random() * 1e6)}`);
  const group: ShardGroupSettings = { name: 'storage', members, shardBy: random() < 0.3 ? ['i', 'pod'] : [], ignoreLabels: [], replicationFactor };
  const isRouted = random() < 0.5;
  const page = pageOf(random);
  const start = (own: ShardGroupSettings): Setup => ({ group: own, world: new World({ destinations: destinationsOf(own), shardGroups: [own], ...(isRouted && { routing: routingOf(true)! }) }) });

  const first = start(group);
  first.world.scrape(page);
  const before = arrived(first).values;
  checkCopies(before, group);
  checkShares(before, group);

  first.world.scrape(page);
  assert.deepEqual(arrived(first).values, before, 'the next scrape goes where the first went');
  const other = start({ ...group, members: [...members].reverse() });
  other.world.scrape(page.trim().split('\n').sort().join('\n') + '\n');
  assert.deepEqual(arrived(other).values, before, 'another start, another order of members and lines');

  const grown: ShardGroupSettings = { ...group, members: [...members.slice(0, 1), 'vm-new', ...members.slice(1)] };
  first.world.configure(destinationsOf(grown), {}, routingOf(isRouted), [grown]);
  first.world.scrape(page);
  const after = arrived({ ...first, group: grown });
  checkCopies(after.values, grown);
  checkGrowth(before, after, grown);

  first.world.configure(destinationsOf(group), {}, routingOf(isRouted), [group]);
  first.world.scrape(page);
  assert.deepEqual(arrived(first).values, before, 'without the member everything is where it was');
}

function checkCopies(found: Arrived['values'], { replicationFactor }: ShardGroupSettings): void {
  assert.ok(found.size >= SERIES + 5, `${found.size} series, health series included`);
  for (const [series, names] of found) assert.deepEqual([series, names.has('beside'), names.size], [series, true, replicationFactor + 1]);
}

function checkShares(found: Arrived['values'], { members, replicationFactor }: ShardGroupSettings): void {
  const share = replicationFactor / members.length;
  const tolerance = DEVIATIONS * Math.sqrt(found.size * share * (1 - share));
  for (const member of members) {
    const count = [...found.values()].filter((names) => names.has(member)).length;
    assert.ok(Math.abs(count - found.size * share) <= tolerance, `${member} has ${count} of ${found.size}, expected ${found.size * share}`);
  }
}

/** Whoever loses a series loses it to the new member, and hears of its end; nobody else hears anything. */
function checkGrowth(before: Arrived['values'], after: Arrived, { members, replicationFactor }: ShardGroupSettings): void {
  let moved = 0;
  for (const [series, names] of after.values) {
    const old = before.get(series)!;
    const lost = [...old].filter((name) => !names.has(name));
    const won = [...names].filter((name) => !old.has(name));
    assert.deepEqual([series, won, lost.length], [series, lost.length === 0 ? [] : ['vm-new'], won.length]);
    assert.deepEqual([series, [...(after.markers.get(series) ?? [])]], [series, lost]);
    moved += lost.length;
  }
  const share = replicationFactor / members.length;
  const tolerance = DEVIATIONS * Math.sqrt(after.values.size * share * (1 - share));
  assert.ok(Math.abs(moved - after.values.size * share) <= tolerance, `${moved} of ${after.values.size} moved, expected ${after.values.size * share}`);
}

describe(`series reach as many members as they should, always the same (TEST_SEED=${seed})`, () => {
  test.each(Array.from({ length: RUNS }, (_, i) => i))('run %i', (i) => run(seeded(seed + i)));
});
