// The two lanes of a sender over one stream: what goes first, what never goes twice, and that nobody waits for ever. The stream is in
// memory, the receiver answers as told and the clock stands still.

import { describe, expect, it } from 'vitest';
import type { DestinationSettings } from '../../../src/destinations/config.ts';
import { Pacer } from '../../../src/sender/pace.ts';
import { createTestClock } from '../../support/clock.ts';
import { createSimulatedDisk, systemError } from '../../support/sim/disk.ts';
import { ALL, open, QUOTA, raw } from '../queue/helpers.ts';
import { createWorld, type World } from './world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const START_MS = 1_700_000_000_000;
/** A receiver that takes the samples of a series in order only. */
const ordered = { url: 'http://mimir.example/api/v1/push', profile: 'mimir' } as const;

/** One record a minute, named b0, b1, ..., the first of them so old. */
function addBacklog(world: World, count: number, oldestAgeMs: number, name = 'b'): void {
  for (let i = 0; i < count; i++) world.stream.add([`${name}${i}`], world.clock.nowMs() - oldestAgeMs + i * MINUTE_MS);
}

/** Series in the order in which they were sent. */
const series = (world: World) => world.sent.flatMap((one) => one.names);
const backlogOf = (world: World) => series(world).filter((name) => name.startsWith('b'));
const pending = (world: World) => world.stream.state().counters.pending;
const backlogNames = (count: number) => Array.from({ length: count }, (_, i) => `b${i}`);

/** A promise that is kept when told. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Lets the clock move while the sender stops. */
async function stop(world: World, deadlineMs: number, forMs: number): Promise<'stopped' | 'stuck'> {
  let isStopped = false;
  void world.sender.stop(deadlineMs).then(() => (isStopped = true));
  await world.clock.advance(forMs);
  return isStopped ? 'stopped' : 'stuck';
}

describe('live_first', () => {
  // Both lanes begin together: a body of the backlog may have the first place.
  it('sends fresh data at once after an outage, and the backlog beside it, oldest first, every sample once', async () => {
    const world = createWorld({}, { recordsPerBody: 2 });
    addBacklog(world, 6, HOUR_MS);
    world.stream.add(['fresh'], world.clock.nowMs());
    world.sender.start();
    await world.clock.advance(1000);
    expect([world.names().indexOf('fresh') <= 1, backlogOf(world), series(world).length, pending(world)]).toEqual([true, backlogNames(6), 7, 0]);
  });

  it('a second outage during the catch-up joins the backlog, and fresh data passes it again', async () => {
    const world = createWorld({}, { recordsPerBody: 1 });
    addBacklog(world, 4, HOUR_MS);
    world.stream.add(['fresh1'], world.clock.nowMs());
    let isDown = false;
    world.answer = (sent) => {
      if (sent.names[0] === 'b1') isDown = true;
      return isDown ? { error: 'timeout' } : 204;
    };
    world.sender.start();
    await world.clock.advance(1000);
    for (let i = 4; i < 24; i++) {
      world.stream.add([`b${i}`], world.clock.nowMs());
      await world.clock.advance(MINUTE_MS);
    }
    world.stream.add(['fresh2'], world.clock.nowMs());
    isDown = false;
    world.answer = () => 204;
    const before = world.sent.length;
    await world.clock.advance(20_000);
    const after = world.sent.slice(before).flatMap((one) => one.names);
    // What was under way when the link broke comes first: it is there already.
    expect([after.indexOf('fresh2') < after.indexOf('b6'), pending(world)]).toEqual([true, 0]);
    expect(after.filter((name) => Number(name.slice(1)) > 4)).toEqual(backlogNames(24).slice(5));
    expect(new Set(after).size).toBe(after.length);
  });

  it('bodies of the backlog go out together where any order is taken', async () => {
    const world = createWorld({}, { recordsPerBody: 1 });
    addBacklog(world, 40, 2 * HOUR_MS);
    world.sender.start();
    world.pause = () => new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 50; i++) await world.clock.advance(100);
    expect([world.mostInFlight > 1, pending(world)]).toEqual([true, 0]);
  });

  it('the last batch of the backlog does not count as lag of the live lane', async () => {
    const world = createWorld();
    addBacklog(world, 3, HOUR_MS);
    world.sender.start();
    const answer = gate();
    world.pause = () => answer.opened;
    await world.clock.advance(1000);
    const state = world.sender.destinationState();
    expect([state.live.lagSeconds, Math.round(state.backfill?.lagSeconds ?? 0)]).toEqual([0, 3601]);
    answer.open();
    await world.clock.advance(1000);
    expect(world.sender.destinationState().backfill).toBeUndefined();
  });
});

describe('oldest_first', () => {
  it('sends everything in order, one request at a time', async () => {
    const world = createWorld(ordered, { recordsPerBody: 2 });
    addBacklog(world, 6, HOUR_MS);
    world.stream.add(['fresh'], world.clock.nowMs());
    world.sender.start();
    await world.clock.advance(5000);
    expect([series(world), world.mostInFlight, pending(world)]).toEqual([[...backlogNames(6), 'fresh'], 1, 0]);
  });

  it.each([
    { ageMs: 20 * MINUTE_MS, isInOrder: false, rule: 'a window that holds twice the backlog: fresh data does not wait' },
    { ageMs: 90 * MINUTE_MS, isInOrder: true, rule: 'a window that the backlog may leave: in order' },
  ])('$rule', async ({ ageMs, isInOrder }) => {
    const world = createWorld({ ...ordered, outOfOrderWindowMs: 2 * HOUR_MS }, { recordsPerBody: 1 });
    addBacklog(world, 3, ageMs);
    world.stream.add(['fresh'], world.clock.nowMs());
    world.sender.start();
    await world.clock.advance(5000);
    expect([series(world).at(-1) === 'fresh', series(world).length, pending(world)]).toEqual([isInOrder, 4, 0]);
  });

  it('a backlog that the window does not hold any more takes the live lane back: older samples do not come after newer ones', async () => {
    const world = createWorld({ ...ordered, outOfOrderWindowMs: 2 * HOUR_MS, pace: { requestsPerSecond: 1, schedule: [] } }, { recordsPerBody: 1 });
    world.stream.recordsPerRead = 2;
    addBacklog(world, 20, 50 * MINUTE_MS);
    world.sender.start();
    world.answer = (sent) => (sent.names[0] === 'b2' ? 503 : 204);
    await world.clock.advance(20 * MINUTE_MS);
    world.answer = () => 204;
    for (let i = 0; i < 100; i++) {
      world.stream.add([`c${i}`], world.clock.nowMs());
      await world.clock.advance(5000);
    }
    const all = series(world).filter((name) => name !== 'b2');
    expect(all).toEqual([...new Set(all)]);
    expect([all.indexOf('c0') > all.indexOf('b8'), backlogOf(world).length >= 20, pending(world)]).toEqual([true, true, 0]);
  });

  it('lanes that become one while the backlog is being read take no record twice', async () => {
    const world = createWorld({ lanes: 'live_first' }, { recordsPerBody: 1 });
    addBacklog(world, 6, HOUR_MS);
    world.stream.recordsPerRead = 2;
    const read = gate();
    let reads = 0;
    // The first read is the live lane's, which leaves the backlog behind; the second is the backfill lane's.
    world.stream.whileReading = () => (++reads === 2 ? read.opened : Promise.resolve());
    world.sender.start();
    await world.clock.advance(100);
    world.sender.update({ ...world.settings, lanes: 'oldest_first' });
    world.stream.add(['fresh'], world.clock.nowMs());
    await world.clock.advance(2000);
    read.open();
    await world.clock.advance(20_000);
    expect([series(world).toSorted(), pending(world)]).toEqual([[...backlogNames(6), 'fresh'], 0]);
  });

  it('one lane after two goes on where the backlog was', async () => {
    const world = createWorld({ lanes: 'live_first', backfill: { share: 0.05, startJitterMs: 300_000 } });
    addBacklog(world, 6, 2 * HOUR_MS);
    world.sender.start();
    await world.clock.settle();
    world.sender.update({ ...world.settings, lanes: 'oldest_first' });
    world.stream.add(['fresh'], world.clock.nowMs());
    await world.clock.advance(2 * 300_000);
    expect([series(world), pending(world)]).toEqual([[...backlogNames(6), 'fresh'], 0]);
  });
});

describe('a disk that cannot be read for a while', () => {
  it('leaves nothing of the backlog behind', async () => {
    const world = createWorld();
    addBacklog(world, 6, HOUR_MS);
    let reads = 0;
    world.stream.whileReading = () => (++reads === 2 ? Promise.reject(new Error('input/output error')) : Promise.resolve());
    world.sender.start();
    await world.clock.advance(5000);
    expect([series(world), pending(world)]).toEqual([backlogNames(6), 0]);
  });

  it('leaves nothing behind that was held', async () => {
    const world = createWorld();
    world.sender.start();
    world.stream.add(['ahead'], world.clock.nowMs() + 5 * MINUTE_MS);
    await world.clock.advance(MINUTE_MS);
    world.stream.failReads = 1;
    await world.clock.advance(6 * MINUTE_MS);
    expect([series(world), pending(world)]).toEqual([['ahead'], 0]);
  });
});

describe('a segment that cannot be opened for a while', () => {
  it('is not taken for the end of the queue', async () => {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const first = await open({ disk, ledger });
    first.stream('a', { maxBytes: QUOTA }).append([raw(1), raw(2)]);
    await first.close();
    let isBlocked = false;
    const openRead = (path: string) => {
      if (isBlocked) throw systemError('EMFILE', path);
      return disk.openRead(path);
    };
    const queue = await open({ disk: { ...disk, openRead }, ledger });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    isBlocked = true;
    await expect(stream.read(0, ALL)).rejects.toMatchObject({ code: 'QUEUE_UNREADABLE' });
    isBlocked = false;
    expect((await stream.read(0, ALL)).map(({ sequence }) => sequence)).toEqual([1, 2]);
    await queue.close();
  });
});

describe('random start', () => {
  it('the backlog of a long outage begins within its share, fresh data at once', async () => {
    const world = createWorld({ backfill: { share: 0.05, startJitterMs: 300_000 } });
    addBacklog(world, 3, 5 * HOUR_MS);
    world.stream.add(['fresh'], world.clock.nowMs());
    world.sender.start();
    await world.clock.advance(1000);
    expect(series(world)).toEqual(['fresh']);
    await world.clock.advance(300_000);
    expect([series(world), pending(world)]).toEqual([['fresh', ...backlogNames(3)], 0]);
    expect(world.sent[1]!.atMs).toBeGreaterThan(0);
  });

  it('with one lane everything waits for it, and stopping does not begin the backlog', async () => {
    const world = createWorld({ ...ordered, backfill: { share: 0.05, startJitterMs: 300_000 } });
    addBacklog(world, 3, 5 * HOUR_MS);
    world.sender.start();
    await world.clock.advance(1000);
    expect([await stop(world, 60_000, 1000), series(world)]).toEqual(['stopped', []]);
  });

  it('exemplars of long ago are no outage', async () => {
    const world = createWorld({ ...ordered, sendExemplars: true, backfill: { share: 0.05, startJitterMs: 300_000 } });
    world.sender.start();
    world.stream.add(['old'], world.clock.nowMs() - HOUR_MS, 'raw', 1);
    world.stream.add(['fresh'], world.clock.nowMs());
    await world.clock.advance(1000);
    expect([series(world), pending(world)]).toEqual([['old', 'fresh'], 0]);
  });
});

describe('the clock guard', () => {
  it('holds a record back whole until its time has come, and counts it as pending', async () => {
    const world = createWorld();
    world.sender.start();
    world.stream.add(['ahead'], world.clock.nowMs() + 10 * MINUTE_MS);
    world.stream.add(['fresh'], world.clock.nowMs());
    await world.clock.advance(9 * MINUTE_MS);
    expect([series(world), pending(world), world.sender.destinationState().heldSamples]).toEqual([['fresh'], 1, 1]);
    await world.clock.advance(2 * MINUTE_MS);
    expect([series(world), pending(world), world.sender.destinationState().heldSamples]).toEqual([['fresh', 'ahead'], 0, 0]);
  });

  it('of a clock that stays ahead every record goes out in its time, in order', async () => {
    const world = createWorld(ordered);
    world.sender.start();
    for (let i = 0; i < 300; i++) {
      world.stream.add([`b${i}`], world.clock.nowMs() + 5 * MINUTE_MS);
      await world.clock.advance(3000);
    }
    const sent = backlogOf(world);
    expect(sent.length).toBeGreaterThan(190);
    expect(sent).toEqual(backlogNames(sent.length));
  }, 30_000);

  it('a time in the far future does not keep the process busy', async () => {
    const world = createWorld();
    world.sender.start();
    const after = world.clock.after.bind(world.clock);
    const delays: number[] = [];
    world.clock.after = (delayMs, callback) => {
      delays.push(delayMs);
      return after(delayMs, callback);
    };
    world.stream.add(['microseconds'], START_MS * 1000);
    await world.clock.advance(10 * MINUTE_MS);
    expect([delays.length < 30, Math.max(...delays) < 2 ** 31, pending(world)]).toEqual([true, true, 1]);
  });
});

describe('max_age', () => {
  it('gives up what is older, counted, and sends the rest', async () => {
    const world = createWorld({ maxAgeMs: HOUR_MS });
    addBacklog(world, 4, HOUR_MS + 90_000);
    world.sender.start();
    await world.clock.advance(1000);
    expect([series(world), world.stream.settled.reduce((sum, { expired }) => sum + expired, 0), pending(world)]).toEqual([['b2', 'b3'], 2, 0]);
    expect(await world.metric('tributary_remote_write_rejected_samples_total{destination="a",reason="expired"}')).toBe('2');
  });
});

describe('stop ends', () => {
  const states: { readonly state: string; readonly prepare: (world: World) => void; readonly settings?: Partial<DestinationSettings> }[] = [
    { state: 'idle', prepare: () => undefined },
    { state: 'parked', prepare: (world) => (world.answer = () => 401) },
    { state: 'failing', prepare: (world) => (world.answer = () => ({ error: 'connection' })) },
    { state: 'paused by 429', prepare: (world) => (world.answer = () => ({ status: 429, headers: { 'retry-after': '500' } })) },
    { state: 'hanging', prepare: (world) => (world.answer = () => 'hang') },
    { state: 'without bandwidth at this hour', prepare: () => undefined, settings: { pace: { schedule: [{ fromMinute: 0, toMinute: 1440, bytesPerSecond: 0 }] } } },
    { state: 'with held records only', prepare: (world) => world.stream.add(['ahead'], world.clock.nowMs() + HOUR_MS) },
    { state: 'with a disk that cannot be read', prepare: (world) => (world.stream.failReads = 1e9) },
    { state: 'with a backlog that waits for its random start', prepare: (world) => addBacklog(world, 3, 5 * HOUR_MS), settings: { backfill: { share: 0.05, startJitterMs: 300_000 } } },
  ];
  it.each(states)('$state', async ({ prepare, settings }) => {
    const world = createWorld(settings ?? {});
    prepare(world);
    world.sender.start();
    if (world.stream.records.length === 0) {
      addBacklog(world, 3, HOUR_MS);
      world.stream.add(['fresh'], world.clock.nowMs());
    }
    await world.clock.advance(10_000);
    expect(await stop(world, 5000, 5000)).toBe('stopped');
    expect(world.clock.pending()).toBe(0);
  });

  it('in the middle of both lanes; what had no answer stays for the next start', async () => {
    const world = createWorld({}, { recordsPerBody: 1 });
    addBacklog(world, 4, HOUR_MS);
    world.stream.add(['fresh'], world.clock.nowMs());
    world.answer = (sent) => (sent.names[0] === 'b1' ? 'hang' : 204);
    world.sender.start();
    await world.clock.advance(1000);
    expect(await stop(world, 2000, 2000)).toBe('stopped');
    expect([series(world).slice(0, 3).toSorted(), pending(world)]).toEqual([['b0', 'b1', 'fresh'], 4]);
  });
});

describe('a restart', () => {
  it('in the middle of both lanes leaves nothing out: fresh data first again, the rest of the backlog beside it', async () => {
    const world = createWorld({}, { recordsPerBody: 1 });
    addBacklog(world, 4, HOUR_MS);
    world.stream.add(['fresh1'], world.clock.nowMs());
    world.answer = (sent) => (sent.names[0] === 'b1' ? 'hang' : 204);
    world.sender.start();
    await world.clock.advance(1000);
    await stop(world, 2000, 2000);
    const again = createWorld({}, { recordsPerBody: 1 });
    for (const record of world.stream.records) again.stream.records.push(record);
    again.stream.settled.push(...world.stream.settled);
    again.stream.add(['fresh2'], again.clock.nowMs());
    again.sender.start();
    await again.clock.advance(5000);
    expect([again.names().indexOf('fresh2') <= 1, series(again).toSorted(), pending(again)]).toEqual([true, [...backlogNames(4), 'fresh2'], 0]);
  });
});

describe('the span of a batch', () => {
  it('counts from the first record that may go out, not from one that is held', async () => {
    const world = createWorld(ordered);
    world.stream.add(['ahead'], world.clock.nowMs() + 10 * MINUTE_MS);
    addBacklog(world, 150, 3 * HOUR_MS);
    world.sender.start();
    await world.clock.advance(MINUTE_MS);
    const spans = world.sent.map(({ content }) => {
      const times = content.series.flatMap((one) => one.samples.map((sample) => sample.timestampMs));
      return Math.max(...times) - Math.min(...times);
    });
    expect([Math.max(...spans) <= HOUR_MS, backlogOf(world), pending(world)]).toEqual([true, backlogNames(150), 1]);
  });
});

describe('the share of the backlog', () => {
  it.each([
    ['items', { itemsPerSecond: 1000 }], ['bytes', { bytesPerSecond: 1000 }], ['requests', { requestsPerSecond: 1000 }],
  ])('where %s are limited, it is told how long live data goes before it', async (_, limit) => {
    const clock = createTestClock();
    const pacer = new Pacer(clock, { schedule: [], ...limit }, { initialItemsPerSecond: undefined, backfillShare: 0.05 });
    const weigh = (lane: 'live' | 'backfill', weight: number) => ({ lane, items: weight, bytes: weight, rawBytes: weight });
    let asked = 0;
    let passed = 0;
    for (let ms = 0; ms < 10_000; ) {
      // Live data takes all there is, and waits for more.
      while (pacer.take(weigh('live', 1)) === 0);
      await clock.advance(10);
      ms += 10;
      const waitMs = pacer.take(weigh('backfill', 1));
      if (waitMs > 0) asked++;
      else passed++;
      await clock.advance(waitMs);
      ms += waitMs;
    }
    expect([asked < 600, passed > 100]).toEqual([true, true]);
  }, 30_000);
});
