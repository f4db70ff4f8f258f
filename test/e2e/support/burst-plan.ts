// Bursts at a fake device, and what windows of a second should tell of them. Each lies inside of its window, far from the window's ends, so that a window's truth is that
// of its bursts: a burst is told of when the idle time after it has been judged, which takes as long as a counter may be thought to refresh slowly.

import { seededRandom } from '../../../src/io/random.ts';
import type { Moved, Movement } from '../../support/fake-sysfs.ts';

/** Counters of data count 32-bit words. */
export const wordBytes = 4;

/** One direction of one port, and the labels of its series. */
export interface Way {
  readonly counter: string;
  readonly port: string;
  readonly direction: 'receive' | 'transmit';
  /** Of the golden tree, bytes a second. */
  readonly lineRate: number;
  /** Of the sampler. */
  readonly source: string;
  /** Milliseconds after a window's begin at which bursts start. */
  readonly startsMs: readonly number[];
}

export const ways: readonly Way[] = [
  { counter: 'mlx5_0/ports/1/counters/port_rcv_data', port: '1', direction: 'receive', lineRate: 50e9, source: 'mlx5_0/1 port_data', startsMs: [60, 460] },
  { counter: 'mlx5_0/ports/2/counters/port_xmit_data', port: '2', direction: 'transmit', lineRate: 25e9, source: 'mlx5_0/2 port_data', startsMs: [260] },
];

/** A counter of events, which moves in the middle of each burst of the first way, and once more soon after: so soon that it cannot be one that refreshes slowly. */
export const marks = { counter: 'mlx5_0/ports/1/hw_counters/np_ecn_marked_roce_packets', source: 'mlx5_0/1 hw_counters', counts: [5, 3], apartMs: 10 };

export interface Burst {
  readonly way: Way;
  /** From the beginning of all. */
  readonly window: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly bytes: number;
  /** Bytes a second. */
  readonly rate: number;
  /** The longest time for which the counter lagged behind, milliseconds, and for which the events in the middle of the burst did. */
  readonly lagMs: number;
  readonly marksLagMs: number;
}

export interface BurstPlan {
  readonly movements: readonly Movement[];
  /** Before and after each burst and what belongs to it, ascending, milliseconds from the beginning: whoever watches then disturbs no burst, and learns about each of them alone. */
  readonly pausesMs: readonly number[];
}

/** Shares of the line on both sides of 90 %, and so far from it that a rate that is wrong by five percent is still on its side. */
const shares = [0.62, 0.75, 0.95, 0.97];

/** Moves for most of the first second, at a tenth of the line: a sampler that has seen it knows that each of its readings is fresh. */
const ramps: readonly Movement[] = ways.map(({ counter, lineRate }) => ({ counter, startMs: 100, durationMs: 800, counts: (0.1 * lineRate * 0.8) / wordBytes }));

/** Periods around a burst that tell of it, too; and what an answer to somebody who watches may take, milliseconds. */
export const around = { before: 2, after: 3 };
const answerMs = 10;

/** `lengths` in periods of the sampler. The first window has a ramp and no bursts. */
export function planBursts(seed: number, { windows, periodMs, lengths }: { readonly windows: number; readonly periodMs: number; readonly lengths: readonly number[] }): BurstPlan {
  const random = seededRandom(seed);
  const oneOf = (list: readonly number[]) => list[Math.floor(random.next() * list.length)]!;
  const movements = [...ramps];
  for (let window = 1; window < windows; window++) {
    for (const { counter, lineRate, startsMs } of ways) {
      for (const start of startsMs) {
        // Anywhere in a period, and never all at once with the other port.
        const startMs = window * 1000 + start + random.next() * periodMs;
        const durationMs = oneOf(lengths) * periodMs;
        movements.push({ counter, startMs, durationMs, counts: Math.round((oneOf(shares) * lineRate * durationMs) / 1000 / wordBytes) });
        if (counter === ways[0]!.counter) movements.push(...marks.counts.map((counts, i) => ({ counter: marks.counter, startMs: startMs + durationMs / 2 + i * marks.apartMs, durationMs: 0, counts })));
      }
    }
  }
  return { movements, pausesMs: pausesOf(windows, periodMs, Math.max(...lengths)) };
}

function pausesOf(windows: number, periodMs: number, longest: number): number[] {
  const inWindow = ways.flatMap(({ startsMs }) => startsMs).flatMap((ms) => [ms - around.before * periodMs - answerMs, ms + (longest + 2 + around.after) * periodMs]);
  const all = Array.from({ length: windows }, (_, window) => inWindow.map((ms) => window * 1000 + ms)).flat();
  return [...new Set([...all, windows * 1000])].sort((a, b) => a - b);
}

/** Bursts as they came true. */
export function burstsOf(moved: readonly Moved[]): Burst[] {
  return moved.flatMap(({ counter, startMs, durationMs, counts, lagMs }) => {
    const way = ways.find((one) => one.counter === counter);
    if (way === undefined || startMs < 1000) return [];
    const bytes = counts * wordBytes;
    const own = moved.filter((one) => one.counter === marks.counter && one.startMs >= startMs && one.startMs <= startMs + durationMs + marks.apartMs);
    return [{ way, window: Math.floor(startMs / 1000), startMs, durationMs, bytes, rate: (bytes * 1000) / durationMs, lagMs, marksLagMs: Math.max(0, ...own.map((mark) => mark.lagMs)) }];
  });
}
