import { describe, expect, test } from 'vitest';

import type { Queue } from '../../../src/queue/queue.ts';
import { ALL, body, column, fill, image, imbalance, manualClock, open, QUOTA, raw, readAll, segmentsOf, sequences, written } from './helpers.ts';
import { createSimulatedDisk } from './simulated-disk.ts';

/** Leaves a queue as a killed process does: what was appended in earlier turns is on disk, nothing else is done. */
const kill = (_queue: Queue) => undefined;

describe('append and read', () => {
  for (const recentBytesMax of [0, 1 << 20]) {
    test(`records come back in order with everything they were given (${recentBytesMax === 0 ? 'from disk' : 'from memory'})`, async () => {
      const queue = await open({ disk: createSimulatedDisk(), recentBytesMax });
      const stream = queue.stream('a', { maxBytes: QUOTA });
      const source = image(3);
      stream.append([column(1, source), raw(2)]);
      source.runs.push({ base: 3, count: 2, data: Buffer.from('more'), rawBytes: 50 });
      stream.append([column(3, source)]);
      expect(await stream.read(0, ALL)).toEqual([]);
      await written();
      const records = await stream.read(0, ALL);
      expect(sequences(records)).toEqual([1, 2, 3]);
      expect(records.map((r) => [r.type, r.samples, r.timestampMs, r.oldestMs, r.newestMs, r.positions])).toEqual([
        ['samples', 3, 1000, 1000, 1000, 3], ['raw', 3, 2000, 2000, 2000, 0], ['samples', 5, 3000, 3000, 3000, 5],
      ]);
      expect(records.map((r) => Buffer.from(r.payload))).toEqual([body(1), body(2), body(3)]);
      expect(records[0]?.image).toBe(records[2]?.image);
      expect(records[2]?.image?.runs.map((r) => [r.base, r.count, r.rawBytes, Buffer.from(r.data).toString()])).toEqual([[0, 3, 100, 'series-0-3'], [3, 2, 50, 'more']]);
      await queue.close();
    });
  }

  test('everything appended in one turn is one write per stream', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    const [a, b] = [queue.stream('a', { maxBytes: QUOTA }), queue.stream('b', { maxBytes: QUOTA })];
    for (let n = 1; n <= 400; n++) [a, b][n % 2]!.append([raw(n)]);
    await written();
    expect(disk.writes).toBe(2);
    expect(sequences(await readAll(a))).toHaveLength(200);
    await queue.close();
  });

  test('limits bound what one read takes, but for its first record', async () => {
    const queue = await open({ disk: createSimulatedDisk() });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 6);
    expect(sequences(await stream.read(0, { samples: Infinity, bytes: 1 }))).toEqual([1]);
    expect(sequences(await stream.read(1, { samples: Infinity, bytes: 85 }))).toEqual([2, 3]);
    expect(sequences(await stream.read(3, { samples: 1, bytes: 1000 }))).toEqual([4]);
    expect(sequences(await stream.read(2, ALL))).toEqual([3, 4, 5, 6]);
    await queue.close();
  });

  test('a waiter is called once, as soon as an unsettled record after its sequence is readable', async () => {
    const queue = await open({ disk: createSimulatedDisk() });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    const calls: number[] = [];
    stream.onRecord(0, () => calls.push(0));
    stream.onRecord(1, () => calls.push(1));
    await fill(stream, 1, 1);
    expect(calls).toEqual([0]);
    await fill(stream, 2, 3);
    expect(calls).toEqual([0, 1]);
    stream.settle(2, 3);
    stream.onRecord(1, () => calls.push(2));
    await written();
    expect(calls).toEqual([0, 1]);
    await fill(stream, 4, 4);
    expect(calls).toEqual([0, 1, 2]);
    await queue.close();
  });

  test('a segment repeats the runs of an image that it lacks, so that it can be read alone', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk, settings: { segmentBytes: 600 } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    const source = image(4);
    for (let n = 1; n <= 12; n++) stream.append([column(n, source)]);
    await written();
    expect(segmentsOf(disk).length).toBeGreaterThan(2);
    for (const file of segmentsOf(disk)) expect(disk.files.get(file)!.includes('series-0-4')).toBe(true);
    const records = await readAll(stream);
    expect(records).toHaveLength(12);
    expect(new Set(records.map((r) => r.image?.id)).size).toBe(segmentsOf(disk).length);
    await queue.close();
  });
});

describe('memory', () => {
  test('recent records of all streams share one bound; what was forgotten is read from disk', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk, recentBytesMax: 20_000 });
    const [a, b] = [queue.stream('a', { maxBytes: QUOTA }), queue.stream('b', { maxBytes: QUOTA })];
    await fill(b, 1, 5, 1000);
    await fill(a, 1, 50, 1000);
    disk.faults.readError = 'EIO';
    expect(sequences(await b.read(0, ALL))).toEqual([1, 2, 3, 4, 5]);
    const held = await a.read(45, ALL);
    expect(held).toHaveLength(5);
    disk.faults.readError = undefined;
    expect((await readAll(a)).map((r) => Buffer.from(r.payload))).toEqual(Array.from({ length: 50 }, (_, i) => body(i + 1, 1000)));
    await queue.close();
  });
});

describe('settling', () => {
  test('ranges settle in any order, twice counts once, rejected and expired samples are lost', async () => {
    const queue = await open({ disk: createSimulatedDisk() });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 10);
    stream.settle(4, 6, { rejected: 2, expired: 1 });
    stream.settle(4, 6, { rejected: 2 });
    expect(sequences(await stream.read(0, ALL))).toEqual([1, 2, 3, 7, 8, 9, 10]);
    stream.settle(1, 5);
    stream.settle(9, 100);
    const state = stream.state();
    expect(sequences(await stream.read(0, ALL))).toEqual([7, 8]);
    expect(state.counters).toMatchObject({ appended: 30, lost: { rejected: 2, expired: 1 }, pending: 3 + 4 });
    expect([state.pendingRecords, state.oldestPendingMs, state.newestMs, imbalance(state)]).toEqual([2, 7000, 10_000, 0]);
    await queue.close();
  });

  test('a segment is removed when all its records are settled, whichever it is, but never the newest', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk, settings: { segmentBytes: 600 } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 12);
    const before = segmentsOf(disk);
    const second = Number.parseInt(before[1]!.slice(-20, -4), 16);
    const third = Number.parseInt(before[2]!.slice(-20, -4), 16);
    stream.settle(second, third - 1);
    await written();
    expect(segmentsOf(disk)).toEqual(before.filter((_, i) => i !== 1));
    stream.settle(1, 12);
    await written();
    expect(segmentsOf(disk)).toEqual(before.slice(-1));
    expect(stream.state()).toMatchObject({ pendingRecords: 0, segments: 1, counters: { pending: 0 } });
    await queue.close();
  });
});

describe('reopening', () => {
  for (const [how, keepsLedger, closes] of [['closed', true, true], ['killed', true, false], ['killed, ledger lost', false, false], ['closed, ledger lost', false, true]] as const) {
    test(`${how}: unsettled records come back, settled ones do not, and the identity holds`, async () => {
      const disk = createSimulatedDisk();
      const ledger = new Map<string, string>();
      const clock = manualClock();
      const queue = await open({ disk, ledger, clock, settings: { segmentBytes: 600 } });
      const stream = queue.stream('a/b..', { maxBytes: QUOTA });
      await fill(stream, 1, 12);
      stream.settle(2, 3, { rejected: 1 });
      stream.settle(6, 9);
      // A checkpoint is due after ten seconds of change, a save of the ledger after one.
      clock.advance(10_000);
      await written();
      const before = stream.state();
      await (closes ? queue.close() : kill(queue));
      const again = await open({ disk: disk.copy(), ledger: keepsLedger ? new Map(ledger) : new Map(), settings: { segmentBytes: 600 } });
      expect(again.names()).toEqual(['a/b..']);
      const reopened = again.stream('a/b..', { maxBytes: QUOTA });
      expect(reopened.state().counters).toEqual(before.counters);
      expect(sequences(await readAll(reopened, { samples: 4, bytes: 100 }))).toEqual([1, 4, 5, 10, 11, 12]);
      await fill(reopened, 13, 13);
      expect(sequences(await readAll(reopened))).toEqual([1, 4, 5, 10, 11, 12, 13]);
      reopened.settle(1, 13);
      expect(reopened.state().counters).toMatchObject({ appended: 39, pending: 0, lost: { rejected: 1 } });
      expect(imbalance(reopened.state())).toBe(0);
      await again.close();
    });
  }

  test('a torn tail costs the record that was being written, counted by its header', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    await fill(queue.stream('a', { maxBytes: QUOTA }), 1, 4);
    const copy = disk.copy();
    const file = segmentsOf(copy)[0]!;
    copy.files.set(file, copy.files.get(file)!.subarray(0, -7));
    const again = await open({ disk: copy });
    const stream = again.stream('a', { maxBytes: QUOTA });
    expect(sequences(await readAll(stream))).toEqual([1, 2, 3]);
    expect(stream.state().counters).toMatchObject({ appended: 14, pending: 9, lost: { corrupt: 5 } });
    expect([...copy.files.keys()].filter((f) => f.includes('/quarantine/'))).toHaveLength(1);
    await again.close();
    await queue.close();
  });

  test('a removed segment file is counted exactly', async () => {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const queue = await open({ disk, ledger, settings: { segmentBytes: 600 } });
    await fill(queue.stream('a', { maxBytes: QUOTA }), 1, 12);
    await queue.close();
    for (const i of [0, 1]) {
      const copy = disk.copy();
      const gone = segmentsOf(copy)[i]!;
      copy.files.delete(gone);
      const again = await open({ disk: copy, ledger: new Map(ledger) });
      const stream = again.stream('a', { maxBytes: QUOTA });
      const samples = (await readAll(stream)).reduce((sum, r) => sum + r.samples, 0);
      expect(stream.state().counters).toMatchObject({ appended: 35, pending: samples, lost: { corrupt: 35 - samples } });
      await again.close();
    }
  });

  test('a segment file that vanishes while the queue is open is counted and passed', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk, settings: { segmentBytes: 600 } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 12);
    disk.files.delete(segmentsOf(disk)[1]!);
    const samples = (await readAll(stream)).reduce((sum, r) => sum + r.samples, 0);
    expect(stream.state().counters).toMatchObject({ appended: 35, pending: samples, lost: { corrupt: 35 - samples } });
    await queue.close();
  });

  test('a newer format is refused, an unreadable format file is not', async () => {
    const disk = createSimulatedDisk();
    await (await open({ disk })).close();
    disk.files.set('/queue/FORMAT', Buffer.from('tributary-queue 2\n'));
    await expect(open({ disk })).rejects.toMatchObject({ code: 'QUEUE_FORMAT_NEWER' });
    disk.files.set('/queue/FORMAT', Buffer.from('\0\0\0'));
    await (await open({ disk })).close();
  });

  test('notes survive, also without the ledger', async () => {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const queue = await open({ disk, ledger });
    await queue.setNote('name', 'value');
    for (const values of [ledger, new Map<string, string>()]) expect((await open({ disk: disk.copy(), ledger: values })).note('name')).toBe('value');
    await queue.close();
  });

  test('damaged ledger values are counted and rebuilt', async () => {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const queue = await open({ disk, ledger, settings: { segmentBytes: 600 } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 12);
    stream.settle(1, 2);
    await queue.close();
    disk.makeFolder('/queue/ledger');
    for (const key of ledger.keys()) {
      const damaged = new Map(ledger).set(key, `${ledger.get(key)!.slice(0, -1)}?`);
      const again = await open({ disk: disk.copy(), ledger: damaged });
      expect(sequences(await readAll(again.stream('a', { maxBytes: QUOTA })))).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
      expect(again.stream('a', { maxBytes: QUOTA }).state().counters.lost.corrupt).toBe(0);
      await again.close();
    }
  });
});

describe('quota', () => {
  test('the oldest segments go, and their samples are counted without reading them', async () => {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const queue = await open({ disk, ledger });
    const stream = queue.stream('a', { maxBytes: 2 * 1024 ** 2 });
    for (let n = 1; n <= 100; n++) {
      stream.append([raw(n, 100_000)]);
      await written();
      expect(stream.state().diskBytes).toBeLessThanOrEqual(2 * 1024 ** 2);
      expect(imbalance(stream.state())).toBe(0);
    }
    const records = await readAll(stream);
    expect(records.at(-1)?.sequence).toBe(100);
    expect(records.length).toBeGreaterThan(14);
    const pending = records.reduce((sum, r) => sum + r.samples, 0);
    const { counters } = stream.state();
    expect(counters).toMatchObject({ appended: 300, pending, lost: { evicted: 300 - pending } });
    // Killed now, the last segment's checkpoint or the ledger's last save tells what was evicted; no loss may look like damage.
    for (const values of [new Map(ledger), new Map<string, string>()]) {
      const killed = await open({ disk: disk.copy(), ledger: values });
      const state = killed.stream('a', { maxBytes: QUOTA }).state();
      expect([state.counters.appended, state.counters.pending, state.counters.lost.corrupt, imbalance(state)]).toEqual([300, pending, 0, 0]);
      await killed.close();
    }
    await queue.close();
    const again = await open({ disk, ledger });
    expect(again.stream('a', { maxBytes: QUOTA }).state().counters).toEqual(counters);
    await again.close();
  });

  test('a smaller quota takes effect when the stream is asked for again', async () => {
    const queue = await open({ disk: createSimulatedDisk(), settings: { segmentBytes: 1000 } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 100, 100);
    queue.stream('a', { maxBytes: 5000 });
    expect(stream.state().diskBytes).toBeLessThanOrEqual(5000);
    expect(imbalance(stream.state())).toBe(0);
    await queue.close();
  });

  test('a record that can never fit is refused and counted, the next one is kept', async () => {
    const queue = await open({ disk: createSimulatedDisk() });
    const stream = queue.stream('a', { maxBytes: 10_000 });
    stream.append([raw(1), raw(2, 20_000), raw(3)]);
    await written();
    expect(sequences(await readAll(stream))).toEqual([1, 2]);
    expect(stream.state().counters).toMatchObject({ appended: 9, pending: 6, lost: { disk_full: 3 } });
    await queue.close();
  });
});
