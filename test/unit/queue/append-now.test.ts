// Appending for somebody who waits for the answer: what counts as safe, and who should not append at all.

import { describe, expect, test } from 'vitest';
import { fill, imbalance, open, QUOTA, raw, sequences, readAll } from './helpers.ts';
import { createSimulatedDisk } from './simulated-disk.ts';

const MIB = 1024 ** 2;
const RECORD = 100_000;

describe('appendNow', () => {
  test('records are written when it answers, behind what was appended before', async () => {
    const queue = await open({ disk: createSimulatedDisk() });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    stream.append([raw(1)]);
    const answer = stream.appendNow([raw(2), raw(3)]);
    expect(stream.state().lastSequence).toBe(3);
    expect([await answer, sequences(await readAll(stream))]).toEqual([true, [1, 2, 3]]);
    await queue.close();
  });
  test('with fsync: always it answers when they are on the medium', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk, settings: { fsync: 'always' } });
    expect(await queue.stream('a', { maxBytes: QUOTA }).appendNow([raw(1)])).toBe(true);
    const again = await open({ disk: disk.afterPowerLoss(() => 0) });
    expect(sequences(await readAll(again.stream('a', { maxBytes: QUOTA })))).toEqual([1]);
    await again.close();
  });
  test.each([['drop_newest', true, false], ['block', false, true]] as const)('%s at its quota: safe %s, refuses %s', async (policy, isSafe, refuses) => {
    const queue = await open({ disk: createSimulatedDisk(), settings: { segmentBytes: MIB } });
    const stream = queue.stream('a', { maxBytes: 4 * MIB, policy });
    await fill(stream, 1, 60, RECORD);
    expect([await stream.appendNow([raw(61, RECORD)]), stream.refuses(), imbalance(stream.state())]).toEqual([isSafe, refuses, 0]);
    await queue.close();
  });
  test('a disk that is full: not safe, and refused from then on', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    disk.faults.appendError = 'ENOSPC';
    expect([await stream.appendNow([raw(1)]), stream.refuses(), stream.state().counters.lost.disk_full]).toEqual([false, true, 2]);
    await queue.close();
  });
  test('a closed queue refuses', async () => {
    const queue = await open({ disk: createSimulatedDisk() });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    await queue.close();
    expect([stream.refuses(), await stream.appendNow([raw(1)])]).toEqual([true, false]);
  });
});
