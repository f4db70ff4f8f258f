// Compares what the sampler found with what was sent. A burst that the machine stretched is no square burst: what was found of it counts neither for nor against.

import type { BurstRow, WindowRow } from '../../../src/roce/reduction.ts';
import type { SentBurst } from './roce-rig.ts';

export interface Verdict {
  /** Bursts that count, and those that were left out. */
  readonly judged: number;
  readonly stretched: number;
  readonly missing: number;
  readonly invented: number;
  /** Of the bursts that count: shares of the true rate, bytes, nanoseconds. */
  readonly peakErrors: readonly number[];
  readonly byteErrors: readonly number[];
  readonly durationErrorsNs: readonly number[];
  /** Found minus true time above 90 % of the line in a window, by burst in it. Where a stretched one is among them, what that cannot explain. */
  readonly aboveErrorsNs: readonly number[];
}

export interface Found {
  readonly bursts: readonly BurstRow[];
  readonly windows: readonly WindowRow[];
}

export interface JudgeOptions {
  readonly bytesPerSecond: number;
  readonly periodNs: number;
  /** Which of the thresholds is 90 %. */
  readonly threshold: number;
}

interface Span {
  readonly beginNs: number;
  readonly endNs: number;
}

/** Rows of one counter, times of the same clock; windows that are not whole within the bursts are not looked at. */
export function judge(sent: readonly SentBurst[], found: Found, options: JudgeOptions): Verdict {
  const pairs = sent.map((burst) => ({ burst, rows: found.bursts.filter((row) => overlap(spanOf(row), burst) > 0) }));
  const counted = pairs.filter(({ burst }) => !burst.isStretched);
  const matched = counted.flatMap(({ burst, rows: [row] }) => (row === undefined ? [] : [{ burst, row }]));
  const more = counted.reduce((sum, { rows }) => sum + Math.max(0, rows.length - 1), 0);
  const strange = found.bursts.filter((row) => sent.every((burst) => overlap(spanOf(row), burst) <= 0)).length;
  return {
    judged: counted.length,
    stretched: sent.length - counted.length,
    missing: counted.length - matched.length,
    invented: more + strange,
    peakErrors: matched.map(({ row }) => Math.abs(row.peakRate - options.bytesPerSecond) / options.bytesPerSecond),
    byteErrors: matched.map(({ burst, row }) => Math.abs(row.units - burst.bytes)),
    durationErrorsNs: matched.map(({ burst, row }) => Math.abs(row.durationNs - (burst.endNs - burst.beginNs))),
    aboveErrorsNs: found.windows.flatMap((window) => aboveErrors(sent, window, options)),
  };
}

function spanOf(row: BurstRow): Span {
  return { beginNs: row.startNs, endNs: row.startNs + row.durationNs };
}

function overlap(a: Span, b: Span): number {
  return Math.min(a.endNs, b.endNs) - Math.max(a.beginNs, b.beginNs);
}

/** One number, or none where the window has no burst. A stretched burst was above for any part of its time. */
function aboveErrors(sent: readonly SentBurst[], { startNs, endNs, aboveNs }: WindowRow, { threshold, periodNs }: JudgeOptions): number[] {
  const window = { beginNs: startNs, endNs };
  // A burst's edge intervals are counted where its end is noticed: two intervals later.
  const near = sent.filter((burst) => overlap({ beginNs: startNs - 3 * periodNs, endNs: endNs + 3 * periodNs }, burst) > 0);
  const isWhole = near.length > 0 && startNs >= (sent[0]?.beginNs ?? 0) && endNs <= (sent.at(-1)?.endNs ?? 0);
  if (!isWhole) return [];
  const within = (bursts: readonly SentBurst[]) => bursts.reduce((sum, burst) => sum + Math.max(0, overlap(window, burst)), 0);
  const found = aboveNs[threshold] ?? 0;
  const least = within(near.filter(({ isStretched }) => !isStretched));
  return [(found - Math.min(Math.max(found, least), within(near))) / near.length];
}
