// A disk that does not do what it is asked: full, broken, slow to sync. Nothing of it may end the process or go uncounted.

import { describe, expect, test } from 'vitest';

import type { QueueSettings } from '../../../src/queue/config.ts';
import { body, column, fill, image, manualClock, memoryStore, open, QUOTA, raw, readAll, segmentsOf, sequences, turns, written } from './helpers.ts';
import { createSimulatedDisk } from './simulated-disk.ts';

describe('a disk that refuses', () => {
  test('ENOSPC: what cannot be kept is counted, the partial write is cut off, later appends go through', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 3);
    const size = disk.files.get(segmentsOf(disk)[0]!)!.length;
    disk.faults.capacityBytes = [...disk.files.values()].reduce((sum, d) => sum + d.length, 0) + 50;
    await fill(stream, 4, 5);
    expect(stream.state()).toMatchObject({ mode: 'full', lastSequence: 3, counters: { appended: 15, pending: 9, lost: { disk_full: 6 } } });
    expect(disk.files.get(segmentsOf(disk)[0]!)).toHaveLength(size);
    expect(stream.state().lastError).toContain('ENOSPC');
    disk.faults.capacityBytes = Infinity;
    await fill(stream, 6, 7);
    expect(stream.state()).toMatchObject({ mode: 'ok', counters: { appended: 20, pending: 14 } });
    expect((await readAll(stream)).map((r) => Buffer.from(r.payload))).toEqual([1, 2, 3, 6, 7].map((n) => body(n)));
    await queue.close();
  });

  test('the first write of a stream fails: nothing is left behind but the count', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    disk.faults.appendError = 'EROFS';
    await fill(stream, 1, 2);
    expect(stream.state()).toMatchObject({ mode: 'failing', counters: { appended: 5, pending: 0, lost: { disk_full: 5 } } });
    disk.faults.appendError = undefined;
    await fill(stream, 3, 3);
    expect(sequences(await readAll(stream))).toEqual([1]);
    await queue.close();
  });

  test('the runs of an image are written again after the write that held them failed', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    const source = image(2);
    stream.append([raw(1)]);
    await written();
    disk.faults.appendError = 'EIO';
    stream.append([column(2, source)]);
    await written();
    disk.faults.appendError = undefined;
    stream.append([column(3, source)]);
    await written();
    expect((await readAll(stream)).map((r) => [r.type, r.image?.runs.length])).toEqual([['raw', undefined], ['samples', 1]]);
    await queue.close();
  });

  describe('a refused write that cannot be cut off', () => {
    /** Records 1 and 2 are kept; of 3 and 4, which are refused, record 3 and a piece of 4 stay in the file. */
    async function uncut(settings: Partial<QueueSettings> = {}) {
      const disk = createSimulatedDisk();
      const ledger = new Map<string, string>();
      const clock = manualClock();
      const queue = await open({ disk, ledger, clock, settings });
      const stream = queue.stream('a', { maxBytes: QUOTA });
      await fill(stream, 1, 2);
      Object.assign(disk.faults, { appendError: 'EIO', tornBytes: 150, truncateError: 'EIO' });
      stream.append([raw(3), raw(4)]);
      await turns();
      const heals = async () => {
        Object.assign(disk.faults, { appendError: undefined, truncateError: undefined });
        clock.advance(5000);
        await turns();
      };
      return { disk, ledger, clock, queue, stream, heals };
    }

    test('is never read, and never counted twice', async () => {
      const { disk, ledger, queue, stream, heals } = await uncut();
      await heals();
      await fill(stream, 5, 6);
      const expected = [1, 2, 5, 6].map((n) => body(n));
      expect((await readAll(stream)).map((r) => Buffer.from(r.payload))).toEqual(expected);
      for (const values of [new Map(ledger), new Map<string, string>()]) {
        const again = await open({ disk: disk.copy(), ledger: values });
        expect((await readAll(again.stream('a', { maxBytes: QUOTA }))).map((r) => Buffer.from(r.payload))).toEqual(expected);
        expect(again.stream('a', { maxBytes: QUOTA }).state().counters).toMatchObject({ appended: 17, pending: 8, lost: { corrupt: 0, disk_full: 9 } });
        await again.close();
      }
      await queue.close();
    });

    test('is cut out of the segment before anything follows: until then what comes is refused', async () => {
      const { disk, queue, stream, heals } = await uncut();
      disk.faults.appendError = undefined;
      disk.faults.syncError = 'EIO';
      await fill(stream, 5, 5);
      expect(stream.state()).toMatchObject({ mode: 'failing', lastSequence: 2, counters: { lost: { disk_full: 10 } } });
      expect(segmentsOf(disk)).toHaveLength(1);
      disk.faults.syncError = undefined;
      await heals();
      expect([...disk.files.values()].filter((data) => data.includes(body(3)))).toEqual([]);
      expect(stream.state().mode).toBe('ok');
      await fill(stream, 6, 6);
      expect(sequences(await readAll(stream))).toEqual([1, 2, 3]);
      await queue.close();
    });

    test.each([0, 0.5, 0.999])('does not come back when a power loss takes what followed it, and leaves %d of what was not synced', async (share) => {
      const { disk, ledger, queue, stream, heals } = await uncut({ fsync: 'interval' });
      const saved = new Map(ledger);
      await fill(stream, 5, 5);
      await heals();
      await fill(stream, 6, 6);
      // Record 6 has reached a receiver that takes nothing older any more.
      stream.settle(1, stream.state().lastSequence);
      const again = await open({ disk: disk.afterPowerLoss(() => share), ledger: saved });
      const left = (await readAll(again.stream('a', { maxBytes: QUOTA }))).map(({ newestMs }) => newestMs);
      expect(left.filter((ms) => ms === 3000 || ms === 4000)).toEqual([]);
      await again.close();
      await queue.close();
    });

    test('does not end a segment later than it did where the next one holds nothing', async () => {
      const { disk, queue } = await uncut();
      const copy = disk.copy();
      copy.files.set(segmentsOf(copy)[0]!.replace(/1\.seg$/, '3.seg'), Buffer.alloc(0));
      const again = await open({ disk: copy });
      expect(again.stream('a', { maxBytes: QUOTA }).state()).toMatchObject({ lastSequence: 2, counters: { appended: 5, pending: 5 } });
      await again.close();
      await queue.close();
    });

    test('is removed with its file where that holds nothing else', async () => {
      const disk = createSimulatedDisk();
      const queue = await open({ disk });
      const stream = queue.stream('a', { maxBytes: QUOTA });
      Object.assign(disk.faults, { appendError: 'EIO', tornBytes: 500, truncateError: 'EIO', removeError: 'EIO' });
      await fill(stream, 1, 1);
      Object.assign(disk.faults, { appendError: undefined, truncateError: undefined });
      await fill(stream, 2, 2);
      expect(stream.state()).toMatchObject({ mode: 'failing', lastSequence: 0, counters: { lost: { disk_full: 5 } } });
      disk.faults.removeError = undefined;
      await fill(stream, 3, 3);
      expect((await readAll(stream)).map((r) => [r.sequence, r.newestMs])).toEqual([[1, 3000]]);
      await queue.close();
    });
  });

  test('below the floor of free space nothing is written, and the segment being written is not given up', async () => {
    const disk = createSimulatedDisk();
    const clock = manualClock();
    const queue = await open({ disk, clock, settings: { freeSpaceFloor: { bytes: 1000 } } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 2);
    disk.faults.capacityBytes = 900;
    clock.advance(1000);
    await fill(stream, 3, 3);
    expect(stream.state()).toMatchObject({ mode: 'full', pendingRecords: 2, counters: { lost: { disk_full: 4 } } });
    disk.faults.capacityBytes = 1e6;
    clock.advance(1000);
    await fill(stream, 4, 4);
    expect(stream.state()).toMatchObject({ mode: 'ok', pendingRecords: 3 });
    await queue.close();
  });

  test('blocks the medium cannot read cost the records in them', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 3);
    disk.faults.readError = 'EIO';
    expect(await readAll(stream)).toEqual([]);
    disk.faults.readError = undefined;
    expect(stream.state().counters).toMatchObject({ pending: 0, lost: { corrupt: 9 } });
    await fill(stream, 4, 4);
    expect(sequences(await readAll(stream))).toEqual([4]);
    await queue.close();
  });

  test('a ledger that cannot be saved is tried again, and the records do not suffer', async () => {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const faults: { error?: Error | undefined } = { error: new Error('background error') };
    const clock = manualClock();
    const queue = await open({ disk, clock, openStore: memoryStore(ledger, faults) });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 3);
    stream.settle(1, 2);
    clock.advance(1000);
    await written();
    expect(ledger.size).toBe(0);
    faults.error = undefined;
    clock.advance(1000);
    await written();
    expect(ledger.size).toBeGreaterThan(0);
    await queue.close();
  });

  test('a disk that is full from the start: the queue opens, delivers what it has, and takes samples once there is room', async () => {
    const disk = createSimulatedDisk();
    const ledger = new Map<string, string>();
    const queue = await open({ disk, ledger });
    await fill(queue.stream('a', { maxBytes: QUOTA }), 1, 3);
    await queue.close();
    const clock = manualClock();
    let isFull = true;
    const openStore = async (path: string) => {
      if (isFull) throw new Error('Database failed to open', { cause: new Error('IO error: 000007.log: No space left on device') });
      return memoryStore(ledger)(path);
    };
    disk.faults.appendError = 'ENOSPC';
    const again = await open({ disk, clock, openStore });
    const stream = again.stream('a', { maxBytes: QUOTA });
    expect(sequences(await readAll(stream))).toEqual([1, 2, 3]);
    await fill(stream, 4, 4);
    expect(stream.state()).toMatchObject({ mode: 'full', counters: { appended: 14, lost: { disk_full: 5 } } });
    isFull = false;
    disk.faults.appendError = undefined;
    await fill(stream, 5, 5);
    clock.advance(1000);
    await written();
    expect(sequences(await readAll(stream))).toEqual([1, 2, 3, 4]);
    await again.close();
    const last = await open({ disk, ledger });
    expect(last.stream('a', { maxBytes: QUOTA }).state().counters).toMatchObject({ appended: 15, pending: 10, lost: { disk_full: 5 } });
    await last.close();
  });

  test('fsync policies: none never, interval only when something was written, always after each write', async () => {
    for (const [fsync, expected] of [['none', [0, 0, 0]], ['interval', [0, 1, 1]], ['always', [2, 2, 2]]] as const) {
      const disk = createSimulatedDisk();
      const clock = manualClock();
      const queue = await open({ disk, clock, settings: { fsync } });
      const stream = queue.stream('a', { maxBytes: QUOTA });
      const counts: number[] = [];
      await fill(stream, 1, 1);
      await fill(stream, 2, 2);
      counts.push(disk.syncs);
      clock.advance(1000);
      await written();
      counts.push(disk.syncs);
      clock.advance(5000);
      await written();
      counts.push(disk.syncs);
      expect([fsync, counts]).toEqual([fsync, expected]);
      await queue.close();
      expect(clock.timers).toBe(0);
    }
  });

  test('a failing fsync is a mode, not an exception', async () => {
    const disk = createSimulatedDisk();
    disk.faults.syncError = 'EIO';
    const queue = await open({ disk, settings: { fsync: 'always' } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await fill(stream, 1, 1);
    expect(stream.state().mode).toBe('failing');
    await queue.close();
  });

  test('a segment that cannot be closed is an error that shows, not an exception, and its records are delivered', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk, settings: { segmentBytes: 600 } });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    disk.faults.closeError = 'EDQUOT';
    await fill(stream, 1, 6);
    expect(stream.state().lastError).toContain('EDQUOT');
    disk.faults.closeError = undefined;
    await fill(stream, 7, 8);
    expect(sequences(await readAll(stream))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(stream.state().mode).toBe('ok');
    await queue.close();
  });
});
