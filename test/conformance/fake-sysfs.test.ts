// The fake sysfs itself, by each of its writers: what it counts is exact, whatever the machine did meanwhile, and its log tells of every movement.

import { afterAll, describe, expect, test } from 'vitest';
import { hasCompiler } from '../../scripts/native.mjs';
import { discover } from '../../src/roce/discover.ts';
import { createFakeSysfs, type FakeSysfs, type Movement } from '../support/fake-sysfs.ts';

const received = 'mlx5_0/ports/1/counters/port_rcv_data';
const sent = 'mlx5_0/ports/2/counters/port_xmit_data';
const marks = 'mlx5_0/ports/1/hw_counters/np_ecn_marked_roce_packets';

/** Overlapping, touching and sudden ones, out of order. */
const movements: readonly Movement[] = [
  { counter: received, startMs: 0, durationMs: 5, counts: 1_000_003 },
  { counter: sent, startMs: 2, durationMs: 6, counts: 777_777 },
  { counter: marks, startMs: 3, durationMs: 0, counts: 7 },
  { counter: received, startMs: 20, durationMs: 2, counts: 11 },
  { counter: received, startMs: 5, durationMs: 5, counts: 500_000 },
];

describe.each([['native'], ['typescript']] as const)('written by %s', (writer) => {
  const trees: FakeSysfs[] = [];
  afterAll(() => trees.forEach((tree) => tree.remove()));

  test.skipIf(writer === 'native' && !hasCompiler())('counters end where they should, and each movement has its lag', async () => {
    const tree = await createFakeSysfs(writer);
    trees.push(tree);
    const before = [received, sent, marks].map((counter) => tree.valueOf(counter));
    const moved = await tree.move(Date.now() + 500, movements);
    expect([received, sent, marks].map((counter, i) => tree.valueOf(counter) - before[i]!)).toEqual([1_500_014, 777_777, 7]);
    expect(moved.map(({ startMs }) => startMs)).toEqual([0, 2, 3, 5, 20]);
    expect(moved.every(({ lagMs }) => lagMs >= 0)).toBe(true);
    console.log(`lags of ${writer}, ms: ${moved.map(({ lagMs }) => lagMs.toFixed(4)).join(' ')}`);
  });

  test.skipIf(writer === 'native' && !hasCompiler())('is found as a device of two ports', () => {
    expect(discover(trees[0]!.root).map(({ kind, device, port, vendor }) => [kind, device, port, vendor])).toEqual([['rdma', 'mlx5_0', 1, 'mlx5'], ['rdma', 'mlx5_0', 2, 'mlx5']]);
  });
});
