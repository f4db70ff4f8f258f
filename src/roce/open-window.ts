// What one counter did in the window that is not over yet: the sums of its row.

import { busyNs, type ClosedBurst, type Interval } from './burst.ts';
import { thresholdsMax, utilizationBucket, utilizationBuckets, type WindowRow } from './reduction.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly number[] ? number[] : T[K] };

export class OpenWindow {
  readonly row: Mutable<WindowRow>;
  #gapSumNs = 0;
  #gaps = 0;

  constructor(channel: number, startNs: number, endNs: number) {
    this.row = emptyRow(channel, startNs, endNs);
  }

  /** The row as it leaves, with what is known at its end. */
  rowOf(total: number, refreshNs: number): WindowRow {
    return { ...this.row, gapMeanNs: this.#gaps === 0 ? 0 : this.#gapSumNs / this.#gaps, total, refreshNs };
  }

  /** Time between two changes. */
  noteGap(gapNs: number): void {
    this.row.gapMinNs = this.#gaps === 0 ? gapNs : Math.min(this.row.gapMinNs, gapNs);
    this.#gapSumNs += gapNs;
    this.#gaps++;
  }

  /** So many intervals without a movement. */
  countIdle(count: number, lineRate: number): void {
    this.row.intervals += count;
    if (lineRate > 0) add(this.row.utilization, 0, count);
  }

  /** An interval in which the counter moved for `activeNs`. */
  count({ startNs, ns, units, rate, count }: Interval, activeNs: number, lineRate: number, thresholds: readonly number[]): void {
    const { row } = this;
    row.intervals += count;
    row.activeNs += activeNs;
    row.peakUnits = Math.max(row.peakUnits, units);
    if (rate > row.peakRate) {
      row.peakRate = rate;
      row.peakAtNs = startNs + ns;
    }
    if (lineRate === 0) return;
    const share = rate / lineRate;
    for (const [index, threshold] of thresholds.entries()) if (share >= threshold) add(row.aboveNs, index, ns);
    add(row.utilization, utilizationBucket(share), count);
  }

  /** The burst was above a threshold in its first and last interval too, if only for a part of them. */
  countBurst({ row: burst, edges }: ClosedBurst, lineRate: number, thresholds: readonly number[]): void {
    const { row } = this;
    row.bursts++;
    row.burstNs += burst.durationNs;
    row.burstUnits += burst.units;
    for (const [index, threshold] of thresholds.entries()) {
      const limit = threshold * lineRate;
      if (burst.peakRate < limit) continue;
      for (const edge of edges) if (edge.ns > 0 && edge.rate < limit) add(row.aboveNs, index, busyNs(edge, burst.peakRate));
    }
  }
}

function add(sums: number[], index: number, number: number): void {
  sums[index] = (sums[index] ?? 0) + number;
}

function emptyRow(channel: number, startNs: number, endNs: number): Mutable<WindowRow> {
  return {
    channel, startNs, endNs, units: 0, intervals: 0, changes: 0, peakRate: 0, peakAtNs: 0, peakUnits: 0, activeNs: 0,
    aboveNs: Array.from({ length: thresholdsMax }, () => 0), bursts: 0, burstNs: 0, burstUnits: 0,
    implausible: 0, wraps: 0, resets: 0, saturations: 0, gapMinNs: 0, gapMeanNs: 0, total: NaN, coveredNs: 0, refreshNs: 0,
    utilization: Array.from({ length: utilizationBuckets }, () => 0),
  };
}
