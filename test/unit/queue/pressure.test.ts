// What happens when there is no room: the policies of a stream, the quota of the whole queue, the floor of free space, priorities, and disks that are full, read-only
// or over a quota. In each case it is counted, and it ends by itself when there is room again.

import { describe, expect, test } from 'vitest';

import type { OverflowPolicy, Queue, Stream } from '../../../src/queue/queue.ts';
import { body, fill, imbalance, manualClock, memoryStore, open, QUOTA, readAll, segmentsOf, sequences, turns } from './helpers.ts';
import { createSimulatedDisk, type SimulatedDisk } from './simulated-disk.ts';
import { watched } from './watched-disk.ts';

const MIB = 1024 ** 2;
/** Ten records of 100 kB make a segment of a megabyte. */
const settings = { segmentBytes: MIB };
const RECORD = 100_000;

const used = (disk: SimulatedDisk) => [...disk.files.values()].reduce((sum, data) => sum + data.length, 0);

function expectBalanced(...streams: Stream[]): void {
  for (const stream of streams) expect([stream.name, imbalance(stream.state())]).toEqual([stream.name, 0]);
}

describe('policies', () => {
  for (const policy of ['drop_newest', 'block'] as const) {
    test(`${policy}: what is new is refused and counted, what is older stays, and room comes back with what is settled`, async () => {
      const disk = createSimulatedDisk();
      const ledger = new Map<string, string>();
      const clock = manualClock();
      const queue = await open({ disk, ledger, clock, settings });
      const stream = queue.stream('a', { maxBytes: 4 * MIB, policy });
      await fill(stream, 1, 60, RECORD);
      const { counters, lastSequence, mode, diskBytes } = stream.state();
      expect(diskBytes).toBeLessThanOrEqual(4 * MIB);
      expect([mode, counters.lost.evicted, counters.lost.disk_full, counters.lost.quota > 0]).toEqual(['full', 0, 0, true]);
      expect(sequences(await readAll(stream))).toEqual(Array.from({ length: lastSequence }, (_, i) => i + 1));
      expect(lastSequence).toBeGreaterThan(35);
      stream.settle(1, 20);
      await turns();
      clock.advance(5000);
      await turns();
      expect(stream.state().mode).toBe('ok');
      await fill(stream, 61, 65, RECORD);
      expect(stream.state()).toMatchObject({ mode: 'ok', lastSequence: lastSequence + 5 });
      expectBalanced(stream);
      const before = stream.state().counters;
      await queue.close();
      const again = await open({ disk, ledger, settings });
      expect(again.stream('a', { maxBytes: 4 * MIB, policy }).state().counters).toEqual(before);
      await again.close();
    });

    test(`${policy}: a stream that is wholly settled takes new records, however small its quota`, async () => {
      const queue = await open({ disk: createSimulatedDisk() });
      const stream = queue.stream('a', { maxBytes: 2000, policy });
      for (let n = 1; n <= 100; n++) {
        await fill(stream, n, n);
        stream.settle(1, n);
        await turns(2);
      }
      expect(stream.state()).toMatchObject({ lastSequence: 100, counters: { acknowledged: 300, lost: { quota: 0, evicted: 0 } } });
      expectBalanced(stream);
      await queue.close();
    });
  }

  test('block: the queue says so before the quota is reached, and until an eighth of it is free', async () => {
    const queue = await open({ disk: createSimulatedDisk(), settings });
    const stream = queue.stream('a', { maxBytes: 4 * MIB, policy: 'block' });
    const other = queue.stream('b', { maxBytes: 4 * MIB });
    let n = 0;
    while (!queue.isBlocked()) await fill(stream, ++n, n, RECORD);
    expect([stream.state().isBlocked, other.state().isBlocked]).toEqual([true, false]);
    expect(stream.state().counters.lost.quota).toBe(0);
    // What is under way when scraping stops still finds room.
    await fill(stream, n + 1, n + 1, RECORD);
    expect(stream.state().counters.lost.quota).toBe(0);
    stream.settle(1, 3);
    await turns();
    expect(queue.isBlocked()).toBe(true);
    stream.settle(1, 11);
    await turns();
    expect(queue.isBlocked()).toBe(false);
    await queue.close();
    expect(queue.isBlocked()).toBe(false);
  });

  test('a smaller quota takes from what is stored only where the policy drops the oldest', async () => {
    for (const [policy, expected] of [['drop_oldest', false], ['drop_newest', true]] as [OverflowPolicy, boolean][]) {
      const queue = await open({ disk: createSimulatedDisk(), settings });
      const stream = queue.stream('a', { maxBytes: 4 * MIB, policy });
      await fill(stream, 1, 30, RECORD);
      queue.stream('a', { maxBytes: MIB, policy });
      expect([policy, stream.state().counters.lost.evicted === 0]).toEqual([policy, expected]);
      await queue.close();
    }
  });
});

describe('the quota of the whole queue', () => {
  /** Two removed destinations and a live one: `old` was removed before `young`. */
  async function withRetired(): Promise<{ disk: SimulatedDisk; ledger: Map<string, string>; clock: ReturnType<typeof manualClock>; queue: Queue; live: Stream }> {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const clock = manualClock();
    const queue = await open({ disk, ledger, clock, settings: { ...settings, maxBytes: 10 * MIB, removedGraceMs: 1000 } });
    for (const name of ['young', 'old']) await fill(queue.stream(name, { maxBytes: QUOTA }), 1, 30, RECORD);
    queue.retire('old');
    clock.advance(600);
    queue.retire('young');
    return { disk, ledger, clock, queue, live: queue.stream('live', { maxBytes: 8 * MIB }) };
  }
  const retired = (queue: Queue) => Object.fromEntries(queue.retired().map((r) => [r.name, r]));

  test('streams of removed destinations make room, the longest removed first; a live stream keeps its own quota', async () => {
    const { queue, live } = await withRetired();
    await fill(live, 1, 50, RECORD);
    const { old, young } = retired(queue);
    expect([old!.state.counters.lost.evicted > 0, young!.state.counters.lost.evicted]).toEqual([true, 0]);
    await fill(live, 51, 76, RECORD);
    expect(live.state().counters).toMatchObject({ lost: { evicted: 0, quota: 0, disk_full: 0 } });
    expect(queue.retired().reduce((sum, r) => sum + r.state.diskBytes, live.state().diskBytes)).toBeLessThanOrEqual(10 * MIB);
    for (const { state } of queue.retired()) expect(imbalance(state)).toBe(0);
    await queue.close();
  });

  test('within the grace and past it they are kept while there is room; the time of removal outlives a restart', async () => {
    const { disk, ledger, clock, queue } = await withRetired();
    const removedMs = retired(queue)['old']!.removedMs;
    expect(queue.retired().map((r) => [r.name, r.isParked])).toEqual([['old', false], ['young', false]]);
    clock.advance(500);
    expect(queue.retired().map((r) => [r.name, r.isParked])).toEqual([['old', true], ['young', false]]);
    await queue.close();
    const again = await open({ disk, ledger, clock, settings: { ...settings, removedGraceMs: 1000 } });
    for (const name of again.names()) if (name !== 'live') again.retire(name);
    expect(again.retired().map((r) => [r.name, r.isParked, r.state.pendingRecords])).toEqual([['old', true, 30], ['young', false, 30]]);
    expect(retired(again)['old']!.removedMs).toBe(removedMs);
    await again.close();
  });

  test('a destination that comes back has its stream back, and begins a new grace when it is removed again', async () => {
    const { clock, queue } = await withRetired();
    const stream = queue.stream('old', { maxBytes: QUOTA });
    expect(queue.retired().map((r) => r.name)).toEqual(['young']);
    await fill(stream, 31, 31, RECORD);
    expect(sequences(await readAll(stream))).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
    clock.advance(5000);
    queue.retire('old');
    expect(retired(queue)['old']!.isParked).toBe(false);
    queue.retire('nobody');
    expect(queue.names()).toEqual(['live', 'old', 'young']);
    await queue.close();
  });
});

describe('short of free space', () => {
  async function threeStreams(policy: OverflowPolicy): Promise<{ disk: SimulatedDisk; clock: ReturnType<typeof manualClock>; queue: Queue; low: Stream; mine: Stream; high: Stream }> {
    const disk = createSimulatedDisk();
    const clock = manualClock();
    const queue = await open({ disk, clock, settings: { ...settings, freeSpaceFloor: { bytes: 10_000 } } });
    const low = queue.stream('low', { maxBytes: QUOTA, priority: -1 });
    const mine = queue.stream('mine', { maxBytes: QUOTA, policy });
    const high = queue.stream('high', { maxBytes: QUOTA, priority: 1 });
    for (const stream of [low, mine, high]) await fill(stream, 1, 25, RECORD);
    return { disk, clock, queue, low, mine, high };
  }
  const evicted = (...streams: Stream[]) => streams.map((stream) => stream.state().counters.lost.evicted > 0);

  test('at the floor, streams of lower priority give up their oldest segments first, and no more than is written in their place', async () => {
    const { disk, clock, queue, low, mine, high } = await threeStreams('drop_oldest');
    disk.faults.capacityBytes = used(disk);
    clock.advance(1000);
    await fill(mine, 26, 30, RECORD);
    expect(evicted(low, mine, high)).toEqual([true, false, false]);
    expect(low.state().segments).toBe(2);
    expect(mine.state()).toMatchObject({ mode: 'ok', pendingRecords: 30 });
    // The segment that is being written stays; then it is its own turn.
    for (let n = 31; n <= 60; n++) {
      await fill(mine, n, n, RECORD);
      clock.advance(1000);
    }
    expect(evicted(low, mine, high)).toEqual([true, true, false]);
    expect(low.state().segments).toBe(1);
    expect(mine.state().counters.lost.disk_full).toBe(0);
    expect(used(disk)).toBeLessThanOrEqual(disk.faults.capacityBytes);
    expectBalanced(low, mine, high);
    await queue.close();
  });

  test('another program that fills the disk does not eat the backlog: below the floor a stream only replaces its own', async () => {
    const { disk, clock, queue, mine } = await threeStreams('drop_oldest');
    queue.stream('low', { maxBytes: QUOTA, priority: 5 });
    // Twice the floor is missing, whatever is given up.
    disk.files.set('/other', Buffer.alloc(8 * MIB));
    disk.faults.capacityBytes = used(disk);
    const before = mine.state().diskBytes;
    for (let n = 26; n <= 45; n++) {
      disk.files.set('/other', Buffer.alloc(disk.files.get('/other')!.length + disk.faults.capacityBytes - used(disk)));
      clock.advance(1000);
      await fill(mine, n, n, 1000);
    }
    expect(mine.state().diskBytes).toBeGreaterThan(before - 1.1 * MIB);
    expect(mine.state().pendingRecords).toBeGreaterThan(10);
    expectBalanced(mine);
    await queue.close();
  });

  for (const policy of ['drop_newest', 'block'] as const) {
    test(`at the floor, a stream with policy ${policy} gives up nothing of its own`, async () => {
      const { disk, clock, queue, low, mine, high } = await threeStreams(policy);
      disk.faults.capacityBytes = used(disk);
      for (let n = 26; n <= 60; n++) {
        clock.advance(1000);
        await fill(mine, n, n, RECORD);
      }
      expect(evicted(low, mine, high)).toEqual([true, false, false]);
      const { counters, mode, isBlocked } = mine.state();
      expect([counters.lost.disk_full > 0, counters.lost.quota, mode, isBlocked]).toEqual([true, 0, 'full', policy === 'block']);
      expectBalanced(low, mine, high);
      await queue.close();
    });
  }

  for (const code of ['ENOSPC', 'EDQUOT'] as const) {
    test(`${code}: room is made before the write is tried again, and nothing of it is lost`, async () => {
      const { disk, queue, low, mine } = await threeStreams('drop_oldest');
      // Free space is asked once a second: the disk itself says it first.
      if (code === 'ENOSPC') disk.faults.capacityBytes = used(disk) + 50;
      else {
        const limit = used(disk) + 50;
        const append = () => (disk.faults.appendError = used(disk) > limit ? 'EDQUOT' : undefined);
        disk.faults.capacityBytes = Infinity;
        disk.files.set('/pad', Buffer.alloc(100));
        append();
        const remove = disk.rename.bind(disk);
        disk.rename = (from, to) => {
          remove(from, to);
          disk.faults.appendError = undefined;
        };
      }
      await fill(mine, 26, 26, RECORD);
      expect(mine.state()).toMatchObject({ mode: 'ok', pendingRecords: 26, counters: { lost: { disk_full: 0 } } });
      expect(evicted(low, mine)).toEqual([true, false]);
      await queue.close();
    });
  }

  test('where giving up does not help, it is not gone on with', async () => {
    const { disk, queue, low, mine } = await threeStreams('drop_oldest');
    disk.faults.appendError = 'EDQUOT';
    await fill(mine, 26, 35, RECORD);
    // One segment was tried, not one per write.
    expect([low.state().segments, mine.state().pendingRecords, mine.state().counters.lost.disk_full]).toEqual([2, 25, 30]);
    disk.faults.appendError = 'ENOSPC';
    await fill(mine, 36, 36, RECORD);
    expect([low.state().segments, mine.state().pendingRecords]).toEqual([2, 25]);
    expectBalanced(low, mine);
    await queue.close();
  });

  test('removed destinations go before any live one', async () => {
    const { disk, clock, queue, low, mine, high } = await threeStreams('drop_oldest');
    queue.retire('high');
    disk.faults.capacityBytes = used(disk);
    for (let n = 26; n <= 40; n++) {
      clock.advance(1000);
      await fill(mine, n, n, RECORD);
    }
    expect(evicted(low, mine, high)).toEqual([false, false, true]);
    await queue.close();
  });

  test('the process dies at any operation of the disk while segments are given up: they are gone as evicted or there, never as damage', async () => {
    const disk = createSimulatedDisk();
    const watch = watched(disk);
    const ledger = new Map<string, string>();
    const small = { segmentBytes: 1000 };
    const queue = await open({ disk: watch, ledger, settings: small });
    const stream = queue.stream('a', { maxBytes: 4000 });
    await fill(stream, 1, 38);
    await turns();
    const moments: { what: string; disk: SimulatedDisk; ledger: Map<string, string> }[] = [];
    watch.onChange = (operation, path) => moments.push({ what: `${operation} ${path}`, disk: disk.copy(), ledger: new Map(ledger) });
    await fill(stream, 39, 60);
    await turns();
    watch.onChange = undefined;
    expect(new Set(moments.map(({ what }) => what.split(' ')[0]))).toEqual(new Set(['append', 'create', 'remove', 'rename', 'truncate']));
    for (const moment of moments) {
      for (const values of [moment.ledger, new Map<string, string>()]) {
        const again = await open({ disk: moment.disk.copy(), ledger: new Map(values), settings: small });
        const reopened = again.stream('a', { maxBytes: QUOTA });
        const records = await readAll(reopened);
        const wrong = records.filter((r) => !Buffer.from(r.payload).equals(body(r.sequence)));
        const { counters } = reopened.state();
        expect([moment.what, wrong, counters.lost.corrupt, imbalance(reopened.state())]).toEqual([moment.what, [], 0, 0]);
        if (values.size > 0) expect([moment.what, counters.acknowledged]).toEqual([moment.what, 0]);
        await again.close();
      }
    }
    await queue.close();
  });
});

describe('a disk that recovers', () => {
  for (const [what, set, clear] of [
    ['EIO', { appendError: 'EIO' }, { appendError: undefined }],
    ['a read-only remount', { readOnly: true }, { readOnly: false }],
    ['EDQUOT', { appendError: 'EDQUOT' }, { appendError: undefined }],
    ['EROFS on truncating as well', { appendError: 'EROFS', tornBytes: 30, truncateError: 'EROFS' }, { appendError: undefined, truncateError: undefined }],
  ] as const) {
    test(`${what}: the mode ends without a restart and without an append`, async () => {
      const disk = createSimulatedDisk();
      const ledger = new Map<string, string>();
      const clock = manualClock();
      const queue = await open({ disk, ledger, clock });
      const stream = queue.stream('a', { maxBytes: QUOTA });
      await fill(stream, 1, 3);
      Object.assign(disk.faults, set);
      await fill(stream, 4, 5);
      expect(stream.state()).toMatchObject({ mode: what === 'EDQUOT' ? 'full' : 'failing', pendingRecords: 3, counters: { lost: { disk_full: 6 } } });
      expect(sequences(await readAll(stream))).toEqual([1, 2, 3]);
      for (let i = 0; i < 3; i++) {
        clock.advance(5000);
        await turns();
        expect(stream.state().mode).not.toBe('ok');
      }
      Object.assign(disk.faults, clear);
      clock.advance(5000);
      await turns();
      expect(stream.state().mode).toBe('ok');
      await fill(stream, 6, 6);
      const expected = [1, 2, 3, 6].map((n) => body(n));
      expect((await readAll(stream)).map((r) => Buffer.from(r.payload))).toEqual(expected);
      expectBalanced(stream);
      await queue.close();
      expect(clock.timers).toBe(0);
      const again = await open({ disk, ledger });
      expect((await readAll(again.stream('a', { maxBytes: QUOTA }))).map((r) => Buffer.from(r.payload))).toEqual(expected);
      await again.close();
    });
  }

  test('while the disk is full, a probe gives up nothing, and the mode does not end before what was refused would fit', async () => {
    const disk = createSimulatedDisk();
    const clock = manualClock();
    const queue = await open({ disk, clock, settings: { ...settings, freeSpaceFloor: { bytes: 1000 } } });
    const stream = queue.stream('a', { maxBytes: QUOTA, policy: 'drop_newest' });
    await fill(stream, 1, 25, RECORD);
    disk.faults.capacityBytes = used(disk) + 500;
    clock.advance(1000);
    await fill(stream, 26, 26, RECORD);
    disk.faults.capacityBytes += 50_000;
    clock.advance(5000);
    await turns();
    expect(stream.state()).toMatchObject({ mode: 'full', pendingRecords: 25, counters: { lost: { evicted: 0 } } });
    disk.faults.capacityBytes += 60_000;
    clock.advance(5000);
    await turns();
    expect(stream.state().mode).toBe('ok');
    await queue.close();
  });
});

describe('the reserve', () => {
  test('a full disk gives it to the ledger, appends do not get it, and it is taken again when there is room', async () => {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const clock = manualClock();
    // A ledger that needs room on the same disk, as LevelDB does.
    const store = memoryStore(ledger);
    const openStore = async (path: string) => {
      const inner = await store(path);
      return {
        ...inner,
        async write(operations: Parameters<typeof inner.write>[0]) {
          if (disk.faults.capacityBytes - used(disk) < 50_000) throw new Error('IO error: No space left on device');
          await inner.write(operations);
        },
      };
    };
    const queue = await open({ disk, clock, openStore, reserveBytes: MIB });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 10, RECORD);
    expect(disk.files.get('/queue/reserve')).toHaveLength(MIB);
    disk.faults.capacityBytes = used(disk) + 50;
    await fill(stream, 11, 11, RECORD);
    expect(disk.files.has('/queue/reserve')).toBe(false);
    clock.advance(1000);
    await fill(stream, 12, 14, RECORD);
    expect(stream.state()).toMatchObject({ mode: 'full', pendingRecords: 10 });
    stream.settle(1, 4);
    clock.advance(1000);
    await turns();
    const killed = await open({ disk: disk.copy(), ledger: new Map(ledger), settings });
    expect(killed.stream('a', { maxBytes: QUOTA }).state().pendingRecords).toBe(6);
    await killed.close();
    disk.faults.capacityBytes = used(disk) + 4 * MIB;
    clock.advance(5000);
    await turns();
    expect([stream.state().mode, disk.files.get('/queue/reserve')?.length]).toEqual(['ok', MIB]);
    await queue.close();
    expect(segmentsOf(disk)).toHaveLength(1);
  });
});

test('a state with thousands of settled ranges is saved less often, and completely when the queue is closed', async () => {
  const disk = createSimulatedDisk();
  const ledger = new Map<string, string>();
  const clock = manualClock();
  let saves = 0;
  let bytes = 0;
  const store = memoryStore(ledger);
  const openStore = async (path: string) => {
    const inner = await store(path);
    return {
      ...inner,
      async write(operations: Parameters<typeof inner.write>[0]) {
        saves++;
        for (const o of operations) bytes += o.type === 'put' ? o.value.length : 0;
        await inner.write(operations);
      },
    };
  };
  const queue = await open({ disk, clock, openStore });
  const stream = queue.stream('a', { maxBytes: QUOTA });
  stream.append(Array.from({ length: 8192 }, () => ({ type: 'raw' as const, samples: 1, oldestMs: 1, newestMs: 1, body: Buffer.alloc(1) })));
  await turns(2);
  await readAll(stream);
  for (let sequence = 2; sequence <= 8192; sequence += 2) stream.settle(sequence, sequence);
  clock.advance(1000);
  await turns(2);
  [saves, bytes] = [0, 0];
  for (let second = 0; second < 60; second++) {
    stream.settle(second * 2 + 1, second * 2 + 1);
    clock.advance(1000);
    await turns(2);
  }
  expect(bytes / 60).toBeLessThan(64 * 1024);
  expect(saves).toBeGreaterThan(5);
  await queue.close();
  const again = await open({ disk, ledger });
  expect(again.stream('a', { maxBytes: QUOTA }).state().pendingRecords).toBe(4096 - 60);
  await again.close();
});
