// Bursts at a fake device, and what windows of a second should tell of them. Each lies inside of its window, far from the window's ends, so that a window's truth is that
// of its bursts.

import { seededRandom } from '../../../src/io/random.ts';
import type { Moved, Movement } from '../../support/fake-sysfs.ts';

/** Of the golden tree: 400 Gb/s. */
export const lineRate = 50e9;
/** Counters of data count 32-bit words. */
export const wordBytes = 4;

/** One direction of one port, and the labels of its series. */
export interface Way {
  readonly counter: string;
  readonly port: string;
  readonly direction: 'receive' | 'transmit';
  /** Milliseconds after a window's begin at which bursts start. */
  readonly startsMs: readonly number[];
}

export const ways: readonly Way[] = [
  { counter: 'mlx5_0/ports/1/counters/port_rcv_data', port: '1', direction: 'receive', startsMs: [150, 600] },
  { counter: 'mlx5_0/ports/2/counters/port_xmit_data', port: '2', direction: 'transmit', startsMs: [380] },
];

/** A counter of events, which moves in the middle of each burst of the first way. */
export const marks = { counter: 'mlx5_0/ports/1/hw_counters/np_ecn_marked_roce_packets', counts: 5 };

export interface Burst {
  readonly way: Way;
  /** From the beginning of all. */
  readonly window: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly bytes: number;
  /** Bytes a second. */
  readonly rate: number;
  /** The longest time for which the counter lagged behind, milliseconds. */
  readonly lagMs: number;
}

export interface BurstPlan {
  readonly windows: number;
  readonly movements: readonly Movement[];
}

/** Lengths in periods, away from the edges of the buckets of durations by more than a period, and shares of the line on both sides of 90 %. */
const lengths = [3.5, 7, 12];
const shares = [0.62, 0.75, 0.93, 0.97];

export function planBursts(seed: number, windows: number, periodMs: number): BurstPlan {
  const random = seededRandom(seed);
  const oneOf = (list: readonly number[]) => list[Math.floor(random.next() * list.length)]!;
  const movements: Movement[] = [];
  for (let window = 0; window < windows; window++) {
    for (const { counter, startsMs } of ways) {
      for (const start of startsMs) {
        // Anywhere in a period, and never all at once with the other port.
        const startMs = window * 1000 + start + random.next() * periodMs;
        const durationMs = oneOf(lengths) * periodMs;
        movements.push({ counter, startMs, durationMs, counts: Math.round((oneOf(shares) * lineRate * durationMs) / 1000 / wordBytes) });
        if (counter === ways[0]!.counter) movements.push({ counter: marks.counter, startMs: startMs + durationMs / 2, durationMs: 0, counts: marks.counts });
      }
    }
  }
  return { windows, movements };
}

/** Bursts as they came true. */
export function burstsOf(moved: readonly Moved[]): Burst[] {
  return moved.flatMap(({ counter, startMs, durationMs, counts, lagMs }) => {
    const way = ways.find((one) => one.counter === counter);
    if (way === undefined) return [];
    const bytes = counts * wordBytes;
    return [{ way, window: Math.floor(startMs / 1000), startMs, durationMs, bytes, rate: (bytes * 1000) / durationMs, lagMs }];
  });
}
