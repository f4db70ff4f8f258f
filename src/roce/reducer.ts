// Reduces the readings of one counter to windows and bursts.
//
// Rates are what was counted divided by the time that really passed, so a late reading lowers the resolution and never bends a value. Three kinds
// of readings do not end an interval, which goes on to the next reading instead: one that came sooner than half a period after the last, one
// whose reading took more than a fifth of the interval, and one of a counter that is known to refresh slower than it is read and has not moved.
// An interval belongs to the window in which it ends, a burst to the window in which its end was noticed.

import { BurstFinder, busyNs, type ClosedBurst, type Interval } from './burst.ts';
import { isSaturated, stepOf } from './delta.ts';
import { plausibleShare, thresholdsMax, utilizationBucket, utilizationBuckets, type BurstRow, type CounterRules, type ReductionRules, type WindowRow } from './reduction.ts';

/** Where rows go. */
export interface RowSink {
  window(row: WindowRow): void;
  burst(row: BurstRow): void;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly number[] ? number[] : T[K] };
type OpenWindow = Mutable<WindowRow> & { gapSumNs: number; gaps: number };

/** Shares: an interval shorter than this of the period, or read for longer than this of itself, is joined with the next. */
const shortestShare = 0.5;
const readShareMax = 0.2;
/** A counter refreshes slower than it is read from this many periods on. */
const slowPeriods = 1.5;
/** Without a change for so many refreshes it is idle. */
const idleRefreshes = 2;

export class Reducer {
  readonly #channel: number;
  readonly #counter: CounterRules;
  readonly #rules: ReductionRules;
  readonly #sink: RowSink;
  readonly #bursts: BurstFinder;
  #periodNs: number;
  #refreshNs: number;
  #window: OpenWindow | undefined;
  /** Begin of the current interval. */
  #base: { readonly value: bigint; readonly ns: number } | undefined;
  #latest = 0n;
  #changedNs = 0;
  /** In units, wraps unrolled. */
  #total = NaN;

  constructor(channel: number, counter: CounterRules, rules: ReductionRules, sink: RowSink) {
    this.#channel = channel;
    this.#counter = counter;
    this.#rules = rules;
    this.#sink = sink;
    this.#bursts = new BurstFinder(channel, counter.lineRate, rules);
    this.#periodNs = rules.periodNs;
    this.#refreshNs = counter.refreshNs === 'learn' ? 0 : counter.refreshNs;
  }

  /** The source is read at another period from now on. */
  setPeriod(periodNs: number): void {
    this.#periodNs = periodNs;
  }

  /** Takes a reading: the counter's value, and when reading it began and ended. */
  take(value: bigint, beginNs: number, endNs: number): void {
    const ns = (beginNs + endNs) / 2;
    const window = this.#windowAt(ns);
    if (this.#base === undefined) return this.#restart(value, ns);
    this.#noteChange(window, value, ns);
    const elapsedNs = ns - this.#base.ns;
    if (elapsedNs < shortestShare * this.#periodNs || endNs - beginNs > readShareMax * elapsedNs) return;
    if (this.#isStale(value, elapsedNs)) return;
    this.#endInterval(window, value, this.#endOf(value, ns));
  }

  /** The source is gone: what the counter does until it is back is not known. */
  lose(): void {
    this.#closeBurst(this.#bursts.close());
    this.#base = undefined;
  }

  /** Ends window and burst. */
  finish(): void {
    this.lose();
    this.#emitWindow();
  }

  #restart(value: bigint, ns: number): void {
    this.#base = { value, ns };
    this.#latest = value;
    this.#changedNs = 0;
    this.#total = Number(value) * this.#counter.multiplier;
  }

  #noteChange(window: OpenWindow, value: bigint, ns: number): void {
    if (value === this.#latest) return;
    if (this.#changedNs > 0) {
      const gapNs = ns - this.#changedNs;
      window.gapMinNs = window.gaps === 0 ? gapNs : Math.min(window.gapMinNs, gapNs);
      window.gapSumNs += gapNs;
      window.gaps++;
    }
    if (isSaturated(value, this.#counter)) window.saturations++;
    window.changes++;
    this.#latest = value;
    this.#changedNs = ns;
  }

  #refreshesSlowly(): boolean {
    return this.#refreshNs > slowPeriods * this.#periodNs;
  }

  /** Not moved, and not for so long that it must be idle. */
  #isStale(value: bigint, elapsedNs: number): boolean {
    return this.#refreshesSlowly() && value === this.#base?.value && elapsedNs < idleRefreshes * this.#refreshNs;
  }

  /** What an idle counter of that kind counts next may have happened any time in the last refresh: that time stays open. */
  #endOf(value: bigint, ns: number): number {
    return this.#refreshesSlowly() && value === this.#base?.value ? ns - this.#refreshNs : ns;
  }

  #endInterval(window: OpenWindow, value: bigint, endNs: number): void {
    const base = this.#base;
    if (base === undefined) return;
    const ns = endNs - base.ns;
    const step = stepOf(base.value, value, ns, this.#counter);
    this.#base = { value, ns: endNs };
    window.coveredNs += ns;
    this.#total = step.kind === 'reset' ? Number(value) * this.#counter.multiplier : this.#total + step.units;
    if (step.kind === 'reset') return void window.resets++;
    if (step.kind === 'wrapped') window.wraps++;
    window.units += step.units;
    const interval = { startNs: base.ns, ns, units: step.units };
    const isImplausible = this.#counter.lineRate > 0 && step.units * 1e9 > plausibleShare * this.#counter.lineRate * ns;
    if (isImplausible) {
      window.implausible++;
      return this.#bursts.addDoubtful(interval);
    }
    this.#count(window, interval, endNs);
  }

  #count(window: OpenWindow, interval: Interval, endNs: number): void {
    const rate = (interval.units * 1e9) / interval.ns;
    window.intervals++;
    if (interval.units > 0) window.activeNs += interval.ns;
    window.peakUnits = Math.max(window.peakUnits, interval.units);
    if (rate > window.peakRate) {
      window.peakRate = rate;
      window.peakAtNs = endNs;
    }
    if (this.#counter.lineRate === 0) return;
    const share = rate / this.#counter.lineRate;
    this.#rules.thresholds.forEach((threshold, index) => {
      if (share >= threshold) window.aboveNs[index] = (window.aboveNs[index] ?? 0) + interval.ns;
    });
    const bucket = utilizationBucket(share);
    window.utilization[bucket] = (window.utilization[bucket] ?? 0) + 1;
    this.#closeBurst(this.#bursts.take(interval));
  }

  #closeBurst(burst: ClosedBurst | undefined): void {
    const window = this.#window;
    if (burst === undefined || window === undefined) return;
    const { row, edges } = burst;
    window.bursts++;
    window.burstNs += row.durationNs;
    window.burstUnits += row.units;
    // The burst was above a threshold in its first and last interval too, if only for a part of them.
    this.#rules.thresholds.forEach((threshold, index) => {
      const limit = threshold * this.#counter.lineRate;
      if (row.peakRate < limit) return;
      const partly = edges.filter(({ units, ns }) => ns > 0 && (units * 1e9) / ns < limit);
      window.aboveNs[index] = partly.reduce((sum, edge) => sum + busyNs(edge, row.peakRate), window.aboveNs[index] ?? 0);
    });
    this.#sink.burst(row);
  }

  #windowAt(ns: number): OpenWindow {
    if (this.#window !== undefined && ns < this.#window.endNs) return this.#window;
    this.#emitWindow();
    const { windowNs, alignNs } = this.#rules;
    const startNs = Math.floor((ns + alignNs) / windowNs) * windowNs - alignNs;
    this.#window = emptyWindow(this.#channel, startNs, startNs + windowNs);
    return this.#window;
  }

  #emitWindow(): void {
    if (this.#window === undefined) return;
    const { gapSumNs, gaps, ...row } = this.#window;
    this.#sink.window({ ...row, gapMeanNs: gaps === 0 ? 0 : gapSumNs / gaps, total: this.#total, refreshNs: this.#refreshNs });
    this.#window = undefined;
  }
}

function emptyWindow(channel: number, startNs: number, endNs: number): OpenWindow {
  return {
    channel, startNs, endNs, units: 0, intervals: 0, changes: 0, peakRate: 0, peakAtNs: 0, peakUnits: 0, activeNs: 0,
    aboveNs: Array.from({ length: thresholdsMax }, () => 0), bursts: 0, burstNs: 0, burstUnits: 0,
    implausible: 0, wraps: 0, resets: 0, saturations: 0, gapMinNs: 0, gapMeanNs: 0, total: NaN, coveredNs: 0, refreshNs: 0, gapSumNs: 0, gaps: 0,
    utilization: Array.from({ length: utilizationBuckets }, () => 0),
  };
}
