// Finds bursts in the intervals of one counter. A burst begins with an interval at `enter` or more and ends when more than `mergeGap` intervals in
// a row stayed below `leave`; it is one when at least `minIntervals` were at `leave` or more. It really begins and ends inside of intervals: the one
// before the first and the one after the last belong to it with their units, and with as much time as these units take at the burst's peak rate; so do
// the first and the last.

import type { BurstRow, ReductionRules } from './reduction.ts';

/** The time between two readings, or between the changes of a counter that refreshes slowly. */
export interface Interval {
  readonly startNs: number;
  readonly ns: number;
  readonly units: number;
  /** Units per second; less than units by time where the units may be from before it. */
  readonly rate: number;
  /** How many intervals between readings, or refreshes, this is. */
  readonly count: number;
}

interface OpenBurst {
  readonly lead: Interval;
  readonly first: Interval;
  last: Interval;
  /** From the first to the last interval. */
  units: number;
  ns: number;
  peakRate: number;
  /** Intervals at `leave` or more. */
  length: number;
}

/** Intervals below `leave` since the last one of the burst: how many, and all of them together. */
interface Gap {
  readonly first: Interval;
  latest: Interval;
  count: number;
  units: number;
  ns: number;
}

export interface ClosedBurst {
  readonly row: BurstRow;
  /** The intervals in which it began and ended, for time above a threshold. */
  readonly edges: readonly Interval[];
}

/** What an interval did: a burst that is long enough to be one began, or ended. */
export type BurstEvent = ClosedBurst | 'began' | undefined;

const nothing: Interval = { startNs: 0, ns: 0, units: 0, rate: 0, count: 1 };

export class BurstFinder {
  readonly #channel: number;
  readonly #rules: ReductionRules;
  readonly #enterRate: number;
  readonly #leaveRate: number;
  #before: Interval = nothing;
  #open: OpenBurst | undefined;
  #gap: Gap | undefined;

  constructor(channel: number, lineRate: number, rules: ReductionRules) {
    this.#channel = channel;
    this.#rules = rules;
    this.#enterRate = rules.enter * lineRate;
    this.#leaveRate = rules.leave * lineRate;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Begin of the first interval of the open burst. */
  get beganNs(): number {
    return this.#open?.first.startNs ?? 0;
  }

  /** Takes the next interval. */
  take(interval: Interval): BurstEvent {
    const open = this.#open;
    if (open === undefined) {
      if (interval.rate >= this.#enterRate) return this.#begin(interval);
      this.#before = interval;
      return undefined;
    }
    if (interval.rate >= this.#leaveRate) return this.#extend(open, interval);
    return this.#addGap(interval) > this.#rules.mergeGap ? this.close() : undefined;
  }

  /** An interval without a believable rate belongs to the burst around it with its units and its time, and neither begins nor ends one. */
  addDoubtful({ units, ns }: Interval): void {
    if (this.#open === undefined) return;
    this.#open.units += units;
    this.#open.ns += ns;
  }

  /** Ends the open burst, as at the end of sampling. */
  close(): ClosedBurst | undefined {
    const open = this.#open;
    if (open === undefined) return undefined;
    const gap = this.#gap;
    this.#open = this.#gap = undefined;
    // The interval after this burst may be the one before the next; it is not counted twice.
    this.#before = gap !== undefined && gap.count > gap.first.count ? gap.latest : nothing;
    return open.length >= this.#rules.minIntervals ? closed(this.#channel, open, gap?.first ?? nothing) : undefined;
  }

  #begin(first: Interval): BurstEvent {
    this.#open = { lead: this.#before, first, last: first, units: first.units, ns: first.ns, peakRate: first.rate, length: 0 };
    return this.#noteLength(this.#open, first.count);
  }

  #extend(open: OpenBurst, interval: Interval): BurstEvent {
    if (this.#gap !== undefined) {
      open.units += this.#gap.units;
      open.ns += this.#gap.ns;
    }
    this.#gap = undefined;
    open.units += interval.units;
    open.ns += interval.ns;
    open.last = interval;
    open.peakRate = Math.max(open.peakRate, interval.rate);
    return this.#noteLength(open, interval.count);
  }

  #addGap(interval: Interval): number {
    const gap = (this.#gap ??= { first: interval, latest: interval, count: 0, units: 0, ns: 0 });
    gap.latest = interval;
    gap.units += interval.units;
    gap.ns += interval.ns;
    return (gap.count += interval.count);
  }

  #noteLength(open: OpenBurst, count: number): BurstEvent {
    const wasBurst = open.length >= this.#rules.minIntervals;
    open.length += count;
    return !wasBurst && open.length >= this.#rules.minIntervals ? 'began' : undefined;
  }
}

function closed(channel: number, open: OpenBurst, trail: Interval): ClosedBurst {
  const { lead, first, last, peakRate } = open;
  const leadNs = busyNs(lead, peakRate);
  const firstIdleNs = first.ns - busyNs(first, peakRate);
  const lastIdleNs = last === first ? 0 : last.ns - busyNs(last, peakRate);
  const durationNs = leadNs + open.ns - firstIdleNs - lastIdleNs + busyNs(trail, peakRate);
  const units = lead.units + open.units + trail.units;
  const edges = last === first ? [lead, first, trail] : [lead, first, last, trail];
  return { row: { channel, startNs: first.startNs + firstIdleNs - leadNs, durationNs, units, peakRate }, edges };
}

/** How long an interval's units take at a rate, at most the interval. */
export function busyNs({ units, ns }: Interval, rate: number): number {
  return units > 0 ? Math.min(ns, (units * 1e9) / rate) : 0;
}
