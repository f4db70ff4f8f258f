// Segments are rewritten without what is settled: to give back the room that a few held records pin, and because their fsync failed. Whenever the process
// dies in the middle, everything that is unsettled is there, nothing of what was settled comes back as lost, and the accounts balance.

import { describe, expect, test } from 'vitest';

import type { Queue, Stream } from '../../../src/queue/queue.ts';
import { body, column, fill, image, imbalance, manualClock, type ManualClock, open, QUOTA, raw, readAll, segmentsOf, sequences, turns, written } from './helpers.ts';
import { createSimulatedDisk, type SimulatedDisk } from './simulated-disk.ts';
import { watched, type WatchedDisk } from './watched-disk.ts';

const settings = { segmentBytes: 2000 };

interface Place {
  readonly disk: SimulatedDisk;
  readonly watch: WatchedDisk;
  readonly ledger: Map<string, string>;
  readonly clock: ManualClock;
  readonly queue: Queue;
  readonly stream: Stream;
}

/** A hundred records, half of them columns, of which only every tenth is left unsettled. */
async function pinned(recentBytesMax = 0): Promise<Place> {
  const disk = createSimulatedDisk();
  const watch = watched(disk);
  const ledger = new Map<string, string>();
  const clock = manualClock();
  const queue = await open({ disk: watch, ledger, clock, settings, recentBytesMax });
  const stream = queue.stream('a', { maxBytes: QUOTA });
  const source = image(3);
  for (let n = 1; n <= 100; n++) {
    stream.append([n % 2 === 0 ? column(n, source) : raw(n)]);
    await written();
  }
  for (let n = 1; n <= 100; n++) if (n % 10 !== 4) stream.settle(n, n);
  return { disk, watch, ledger, clock, queue, stream };
}

const left = Array.from({ length: 10 }, (_, i) => i * 10 + 4);
const pendingSamples = 30;

async function expectWhole(stream: Stream): Promise<void> {
  const records = await readAll(stream, { samples: 7, bytes: 200 });
  expect(sequences(records)).toEqual(left);
  expect(records.map((r) => Buffer.from(r.payload))).toEqual(left.map((n) => body(n)));
  for (const { type, image: of } of records) if (type === 'samples') expect(of?.runs.map((r) => Buffer.from(r.data).toString())).toEqual(['series-0-3']);
  const state = stream.state();
  expect([state.counters.pending, state.counters.lost.corrupt, state.counters.lost.evicted, imbalance(state)]).toEqual([pendingSamples, 0, 0, 0]);
}

const segmentBytes = (disk: SimulatedDisk) => segmentsOf(disk).reduce((sum, f) => sum + disk.files.get(f)!.length, 0);

describe('compaction', () => {
  test('what a few unsettled records pin is given back: the disk holds what is pending, 5 % and one segment', async () => {
    const { disk, clock, queue, stream } = await pinned();
    const before = segmentBytes(disk);
    clock.advance(10_000);
    await turns();
    const { pendingBytes, diskBytes } = stream.state();
    expect(diskBytes).toBe(segmentBytes(disk));
    expect(diskBytes).toBeLessThan(before / 2);
    expect(diskBytes).toBeLessThanOrEqual(pendingBytes * 1.05 + settings.segmentBytes);
    await expectWhole(stream);
    stream.settle(1, 100);
    await turns();
    expect(stream.state()).toMatchObject({ segments: 1, counters: { pending: 0, acknowledged: 300 } });
    await queue.close();
  });

  test('a segment is not written again for what a backlog settles by itself within ten seconds', async () => {
    const { disk, clock, queue, stream } = await pinned();
    clock.advance(9000);
    stream.settle(1, 90);
    await turns();
    const { writes } = disk;
    clock.advance(1000);
    await turns();
    // A checkpoint is due; nothing else is written.
    expect(disk.writes - writes).toBeLessThanOrEqual(1);
    await queue.close();
  });

  test('reading goes on where it stood while the segment under it is replaced', async () => {
    const { clock, queue, stream } = await pinned();
    const first = await stream.read(0, { samples: 7, bytes: 90 });
    clock.advance(10_000);
    await turns();
    const rest = [];
    for (let some = first; some.length > 0; some = await stream.read(some.at(-1)!.sequence, { samples: 7, bytes: 90 })) rest.push(...some);
    expect(sequences(rest)).toEqual(left);
    expect(rest.map((r) => Buffer.from(r.payload))).toEqual(left.map((n) => body(n)));
    await queue.close();
  });

  test('settling over what was left out counts each sample once, whatever is asked for', async () => {
    const { disk, ledger, clock, queue } = await pinned();
    clock.advance(10_000);
    await turns();
    await queue.close();
    for (const [from, to] of [[1, 100], [4, 4], [5, 14], [14, 20], [24, 44], [90, 100]] as const) {
      const again = await open({ disk: disk.copy(), ledger: new Map(ledger), settings });
      const reopened = again.stream('a', { maxBytes: QUOTA });
      reopened.settle(from, to);
      const settled = left.filter((n) => n >= from && n <= to);
      // Records 4, 14 and so on are columns of three samples.
      expect([from, to, reopened.state().counters.pending, imbalance(reopened.state())]).toEqual([from, to, pendingSamples - 3 * settled.length, 0]);
      expect(sequences(await readAll(reopened))).toEqual(left.filter((n) => !settled.includes(n)));
      await again.close();
    }
  });

  test('a record that cannot be read keeps its segment as it is: nothing is made worse', async () => {
    const { disk, clock, queue, stream } = await pinned();
    disk.faults.readError = 'EIO';
    const before = segmentBytes(disk);
    clock.advance(10_000);
    await turns();
    expect(segmentBytes(disk)).toBeGreaterThanOrEqual(before);
    disk.faults.readError = undefined;
    await expectWhole(stream);
    expect([...disk.files.keys()].filter((f) => f.endsWith('.new'))).toEqual([]);
    await queue.close();
  });

  for (const fault of ['appendError', 'syncError'] as const) {
    test(`a disk that does not take the copy (${fault}) keeps the original, and it is tried again later`, async () => {
      const { disk, clock, queue, stream } = await pinned();
      const before = segmentBytes(disk);
      disk.faults[fault] = 'EIO';
      clock.advance(10_000);
      await turns();
      expect([...disk.files.keys()].filter((f) => f.endsWith('.new'))).toEqual([]);
      expect(segmentBytes(disk)).toBeGreaterThanOrEqual(before);
      await expectWhole(stream);
      disk.faults[fault] = undefined;
      stream.settle(4, 4);
      clock.advance(10_000);
      await turns();
      expect(segmentBytes(disk)).toBeLessThan(before / 2);
      await queue.close();
    });
  }

  test('the process dies at any operation of the disk: what is unsettled is whole, with and without the ledger, twice', async () => {
    const { disk, watch, ledger, clock, queue } = await pinned();
    const moments: { what: string; disk: SimulatedDisk; ledger: Map<string, string> }[] = [];
    watch.onChange = (operation, path) => moments.push({ what: `${operation} ${path}`, disk: disk.copy(), ledger: new Map(ledger) });
    clock.advance(10_000);
    await turns();
    watch.onChange = undefined;
    expect(moments.filter(({ what }) => what.startsWith('rename')).length).toBeGreaterThan(2);
    for (const moment of moments) {
      for (const values of [moment.ledger, new Map<string, string>()]) {
        const copy = moment.disk.copy();
        const again = await open({ disk: copy, ledger: values, settings });
        const stream = again.stream('a', { maxBytes: QUOTA });
        const records = await readAll(stream);
        // What was settled after the last save of the ledger, or the last checkpoint, may come again; nothing may be missing or wrong.
        const found = new Map(records.map((r) => [r.sequence, Buffer.from(r.payload)]));
        expect([moment.what, left.filter((n) => !body(n).equals(found.get(n) ?? Buffer.alloc(0)))]).toEqual([moment.what, []]);
        expect([moment.what, stream.state().counters.lost.corrupt, imbalance(stream.state())]).toEqual([moment.what, 0, 0]);
        expect(stream.state().counters.pending).toBe(records.reduce((sum, r) => sum + r.samples, 0));
        await turns(2);
        await again.close();
        expect([...copy.files.keys()].filter((f) => f.endsWith('.new') || f.endsWith('.gone'))).toEqual([]);
        const twice = await open({ disk: copy, ledger: values, settings });
        expect(sequences(await readAll(twice.stream('a', { maxBytes: QUOTA })))).toEqual(sequences(records));
        await twice.close();
      }
    }
    await queue.close();
  });

  test('the power fails at any operation of the disk: what was on the medium before is there after it', async () => {
    for (let moment = 0, isReached = true; isReached; moment++) {
      for (const luck of [0, 0.999]) {
        const { disk, watch, ledger, clock, queue } = await pinned();
        disk.flush();
        let count = 0;
        let crashed: { disk: SimulatedDisk; ledger: Map<string, string> } | undefined;
        watch.onChange = () => {
          if (count++ === moment) crashed = { disk: disk.afterPowerLoss(() => luck), ledger: new Map(ledger) };
        };
        clock.advance(10_000);
        await turns();
        isReached = crashed !== undefined;
        if (crashed !== undefined) {
          const again = await open({ disk: crashed.disk, ledger: crashed.ledger, settings });
          const stream = again.stream('a', { maxBytes: QUOTA });
          const found = sequences(await readAll(stream));
          expect([moment, left.filter((n) => !found.includes(n)), stream.state().counters.lost.corrupt, imbalance(stream.state())]).toEqual([moment, [], 0, 0]);
          await again.close();
        }
        await queue.close();
      }
    }
  });

  test('a state that is older than the rewrite makes no damage of what was left out', async () => {
    const { disk, ledger, clock, queue } = await pinned();
    const old = new Map(ledger);
    const active = segmentsOf(disk).at(-1)!;
    const activeData = Buffer.from(disk.files.get(active)!);
    clock.advance(10_000);
    await turns();
    // The medium got the copies, but neither the ledger nor the checkpoint that came before them.
    disk.files.set(active, activeData);
    const again = await open({ disk: disk.copy(), ledger: old, settings });
    const stream = again.stream('a', { maxBytes: QUOTA });
    const records = await readAll(stream);
    expect(left.filter((n) => !sequences(records).includes(n))).toEqual([]);
    expect([stream.state().counters.lost.corrupt, imbalance(stream.state())]).toEqual([0, 0]);
    await again.close();
    await queue.close();
  });
});

describe('a failed fsync', () => {
  const always = { ...settings, fsync: 'always' } as const;

  for (const recentBytesMax of [0, 1 << 20]) {
    const where = recentBytesMax === 0 ? 'from the page cache' : 'from memory, because the pages are gone';

    test(`makes the segment suspect: it is never synced again but written anew, ${where}`, async () => {
      const disk = createSimulatedDisk();
      const watch = watched(disk);
      const ledger = new Map<string, string>();
      const clock = manualClock();
      const queue = await open({ disk: watch, ledger, clock, settings: always, recentBytesMax });
      const stream = queue.stream('a', { maxBytes: QUOTA });
      const source = image(2);
      await fill(stream, 1, 3);
      disk.faults.syncError = 'EIO';
      watch.syncLosesPages = recentBytesMax > 0;
      const suspect = segmentsOf(disk).at(-1)!;
      stream.append([column(4, source)]);
      await turns(3);
      expect(stream.state()).toMatchObject({ mode: 'failing' });
      await fill(stream, 5, 6);
      stream.settle(2, 2);
      clock.advance(5000);
      await turns();
      // The rewrite could not be synced either.
      expect(stream.state().mode).toBe('failing');
      disk.faults.syncError = undefined;
      watch.synced.length = 0;
      clock.advance(5000);
      await turns();
      expect(watch.synced).not.toContain(suspect);
      expect(watch.synced).toContain(`${suspect}.new`);
      expect(stream.state()).toMatchObject({ mode: 'ok', pendingRecords: 5, counters: { lost: { corrupt: 0 } } });
      await queue.close();
      const again = await open({ disk: disk.copy(), ledger: new Map(ledger), settings });
      const records = await readAll(again.stream('a', { maxBytes: QUOTA }));
      expect(records.map((r) => Buffer.from(r.payload))).toEqual([1, 3, 4, 5, 6].map((n) => body(n)));
      expect(imbalance(again.stream('a', { maxBytes: QUOTA }).state())).toBe(0);
      await again.close();
    });
  }

  test('a record of a suspect segment that cannot be read does not keep everything from being synced: it counts as damage in the end', async () => {
    const disk = createSimulatedDisk();
    const clock = manualClock();
    const queue = await open({ disk, clock, settings: always });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 3);
    disk.faults.syncError = 'EIO';
    await fill(stream, 4, 4);
    const file = segmentsOf(disk)[0]!;
    const data = Buffer.from(disk.files.get(file)!);
    const at = data.indexOf(body(2));
    data.fill(0, at, at + 10);
    disk.files.set(file, data);
    disk.faults.syncError = undefined;
    for (let i = 0; i < 3; i++) {
      clock.advance(5000);
      await turns();
      expect(stream.state().mode).toBe('failing');
    }
    clock.advance(5000);
    await turns();
    expect(stream.state().mode).toBe('ok');
    expect(sequences(await readAll(stream))).toEqual([1, 3, 4]);
    expect(stream.state().counters).toMatchObject({ pending: 11, lost: { corrupt: 3 } });
    await queue.close();
  });

  test('nothing else is synced while a segment is suspect, so that a failing disk does not make one segment after another', async () => {
    const disk = createSimulatedDisk();
    const clock = manualClock();
    const queue = await open({ disk, clock, settings: { fsync: 'interval' } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    disk.faults.syncError = 'EIO';
    for (let n = 1; n <= 20; n++) {
      await fill(stream, n, n);
      clock.advance(1000);
      await turns(3);
    }
    expect(stream.state()).toMatchObject({ mode: 'failing', segments: 2 });
    await queue.close();
  });

  test('the process dies at any operation of the disk while a suspect segment is rewritten: everything is there', async () => {
    const disk = createSimulatedDisk();
    const watch = watched(disk);
    const ledger = new Map<string, string>();
    const clock = manualClock();
    const queue = await open({ disk: watch, ledger, clock, settings: always });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 5);
    disk.faults.syncError = 'EIO';
    await fill(stream, 6, 6);
    disk.faults.syncError = undefined;
    stream.settle(2, 4);
    clock.advance(1000);
    await turns(3);
    const moments: { what: string; disk: SimulatedDisk; ledger: Map<string, string> }[] = [];
    watch.onChange = (operation, path) => moments.push({ what: `${operation} ${path}`, disk: disk.copy(), ledger: new Map(ledger) });
    clock.advance(4000);
    await turns();
    watch.onChange = undefined;
    expect(stream.state().mode).toBe('ok');
    expect(moments.length).toBeGreaterThan(3);
    for (const moment of moments) {
      for (const values of [moment.ledger, new Map<string, string>()]) {
        const again = await open({ disk: moment.disk.copy(), ledger: values, settings });
        const reopened = again.stream('a', { maxBytes: QUOTA });
        const found = (await readAll(reopened)).map((r) => r.sequence);
        expect([moment.what, [1, 5, 6].filter((n) => !found.includes(n)), reopened.state().counters.lost.corrupt, imbalance(reopened.state())]).toEqual([moment.what, [], 0, 0]);
        await again.close();
      }
    }
    await queue.close();
  });
});
