// Laws of announced destinations, on random arrivals, changes, breaks, repairs, departures, restarts, reloads and times without an API server: a plain
// book says who is in force, with which document, and until when. The seed is in the names of the tests; SEED=<number> repeats a run.

import { expect, test } from 'vitest';
import { seededRandom } from '../../src/io/random.ts';
import { HOUR_MS, endpoint, secret, world } from '../unit/destinations/masters/helper.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const WORLDS = 20;
const STEPS = 60;
const SETTINGS = 'secrets: {}\nmax_masters: 1000';

/** What must be so: the last good host of a master, and since when its document is gone. */
interface Entry {
  readonly host: string;
  isBroken: boolean;
  goneMs: number | undefined;
}

test.each(Array.from({ length: WORLDS }, (_, i) => seed + i))('whatever happened, those are in force that the book has (seed %i)', async (run) => {
  const random = seededRandom(run);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.next() * from.length)]!;
  const { clock, cluster, start } = world();
  const book = new Map<string, Entry>();
  /** What the cluster has; the collector may not know it yet. */
  const there = new Map<string, string>();
  let isCut = false;
  let life = start();
  life.apply(SETTINGS);
  await life.settle();

  /** The collector has seen the cluster as it is. */
  const catchUp = () => {
    for (const [owner, entry] of book) if (!there.has(owner)) entry.goneMs ??= clock.nowMs() - 50;
    for (const [owner, document] of there) {
      const known = book.get(owner);
      if (document === 'broken') {
        if (known !== undefined) Object.assign(known, { isBroken: true, goneMs: undefined });
      } else book.set(owner, { host: document, isBroken: false, goneMs: undefined });
    }
  };
  const expire = () => {
    for (const [owner, { goneMs }] of book) if (goneMs !== undefined && clock.nowMs() - goneMs > HOUR_MS + 1000) book.delete(owner);
  };
  const put = (owner: string, document: string) => {
    there.set(owner, document);
    cluster.put(secret(`hero-user-${owner}`, document === 'broken' ? 'endpoints: {' : endpoint(document)));
  };
  const restart = async () => {
    await life.masters.stop();
    if (isCut) cluster.hold('secrets');
    life = start();
    life.apply(SETTINGS);
  };

  for (let step = 0; step < STEPS; step++) {
    const owner = pick(['a', 'b', 'c', 'd']);
    const action = pick(['put', 'put', 'break', 'remove', 'remove', 'restart', 'cut', 'heal', 'reload', 'wait', 'wait long'] as const);
    if (action === 'put' && !isCut) put(owner, `${owner}${pick([1, 2, 3])}.example`);
    if (action === 'break' && !isCut) put(owner, 'broken');
    if (action === 'remove' && !isCut && there.delete(owner)) cluster.remove('secrets', `hero-user-${owner}/tributary-route`);
    if (action === 'restart') await restart();
    if (action === 'cut' && !isCut) {
      isCut = true;
      await restart();
    }
    if (action === 'heal' && isCut) {
      isCut = false;
      cluster.letGo('secrets');
    }
    if (action === 'reload') life.apply(SETTINGS);
    await life.settle();
    if (!isCut) catchUp();
    // Never so that a grace ends in the moment of a look.
    if (action === 'wait') await clock.advance(7 * 60_000);
    if (action === 'wait long') await clock.advance(2 * HOUR_MS);
    expire();
    const expected = [...book].map(([name, { host, isBroken, goneMs }]) => `master-${name} ${host} ${goneMs !== undefined ? 'leaving' : isBroken && !isUntold(life, name) ? 'broken' : 'active'}`).sort();
    expect(life.shown().filter((line) => !line.endsWith('refused')), `step ${step}: ${action} ${owner}`).toEqual(expected);
    expect([...life.masters.destinations().keys()].sort()).toEqual([...book.keys()].map((name) => `master-${name}`).sort());
  }
  await life.masters.stop();
  expect(clock.pending()).toBe(0);
});

/** Known from the disk alone, which has nothing of a document that was refused. */
function isUntold({ masters }: ReturnType<ReturnType<typeof world>['start']>, owner: string): boolean {
  return masters.state().some(({ destination, isTold }) => destination === `master-${owner}` && !isTold);
}
