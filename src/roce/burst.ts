// Finds bursts in the intervals of one counter. A burst begins with an interval at `enter` or more and ends when more than `mergeGap` intervals in
// a row stayed below `leave`. It really begins and ends inside of intervals: the one before the first and the one after the last belong to
// it with their units, and with as much time as these units take at the burst's peak rate; so do the first and the last.

import type { BurstRow, ReductionRules } from './reduction.ts';

/** The time between two readings. */
export interface Interval {
  readonly startNs: number;
  readonly ns: number;
  readonly units: number;
}

interface OpenBurst {
  readonly lead: Interval;
  readonly first: Interval;
  last: Interval;
  /** From the first to the last interval. */
  units: number;
  ns: number;
  peakRate: number;
  /** Intervals below `leave` since the last. */
  gap: Interval[];
}

export interface ClosedBurst {
  readonly row: BurstRow;
  /** The intervals in which it began and ended, for time above a threshold. */
  readonly edges: readonly Interval[];
}

const nothing: Interval = { startNs: 0, ns: 0, units: 0 };

export class BurstFinder {
  readonly #channel: number;
  readonly #rules: ReductionRules;
  readonly #lineRate: number;
  #before: Interval = nothing;
  #open: OpenBurst | undefined;

  constructor(channel: number, lineRate: number, rules: ReductionRules) {
    this.#channel = channel;
    this.#rules = rules;
    this.#lineRate = lineRate;
  }

  /** Takes the next interval; returns the burst that it ended. */
  take(interval: Interval): ClosedBurst | undefined {
    const rate = (interval.units * 1e9) / interval.ns;
    const open = this.#open;
    if (open === undefined) {
      if (rate >= this.#rules.enter * this.#lineRate) this.#begin(interval, rate);
      else this.#before = interval;
      return undefined;
    }
    if (rate < this.#rules.leave * this.#lineRate) {
      open.gap.push(interval);
      return open.gap.length > this.#rules.mergeGap ? this.close() : undefined;
    }
    extend(open, interval, rate);
    return undefined;
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
    this.#open = undefined;
    const trail = open.gap[0] ?? nothing;
    // The interval after this burst may be the one before the next; it is not counted twice.
    this.#before = open.gap.length > 1 ? open.gap.at(-1) ?? nothing : nothing;
    return closed(this.#channel, open, trail);
  }

  #begin(first: Interval, peakRate: number): void {
    this.#open = { lead: this.#before, first, last: first, units: first.units, ns: first.ns, peakRate, gap: [] };
  }
}

function extend(open: OpenBurst, interval: Interval, rate: number): void {
  for (const part of [...open.gap, interval]) {
    open.units += part.units;
    open.ns += part.ns;
  }
  open.gap = [];
  open.last = interval;
  open.peakRate = Math.max(open.peakRate, rate);
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
  return Math.min(ns, (units * 1e9) / rate);
}
