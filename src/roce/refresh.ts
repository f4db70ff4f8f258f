// How often a counter's number is made anew, where nobody tells. Read more often than that, a steady load looks like a burst at each refresh.
//
// A counter with a line rate begins as one that refreshes once a second, so it is judged from change to change, and a single change is spread over the time
// before it. One without has no bursts that could be false: its intervals are those between readings until it is known to be slow.
// Two readings in a row that changed prove that each reading is fresh; from then on intervals are those between readings, and only
// a single change among readings that stayed equal is spread: it may be the first sign that the counter has become slow. Eight changes in a row, evenly at
// least three periods apart, say how slow.

import type { CounterRules } from './reduction.ts';

/** A counter that has proved nothing yet is judged as if it refreshed so slowly; no counter is known that is slower. */
export const refreshAssumedNs = 1e9;
/** Two readings at most so many periods apart leave no room for a third. */
const nearPeriods = 1.5;
/** Changes are those of a slow counter when they are so many periods apart, at least; ... */
const apartPeriods = 3;
/** ... and at most so long: what moves less often is idle. */
const refreshMaxNs = 2e9;
const gapsNeeded = 8;
/** Of the mean: gaps between these are even. A longer one was idle time. */
const shortestShare = 0.5;
const longestShare = 1.5;
/** Regular but small changes are a heartbeat rather than a refresh: less than this share of the line in one period, or counts where there is no line rate. */
const tellingShare = 0.01;
const tellingCounts = 16;
/** Periods without a change that stay open while readings are fresh. More would delay what is judged, less would miss caches of sysfs (16 ms). */
const holdPeriods = 20;
const holdMaxNs = 1e8;

export class Refresh {
  /** Nobody told how often it refreshes. */
  readonly isLearning: boolean;
  readonly #hasLineRate: boolean;
  /** A change by less in a period tells nothing. */
  readonly #tellingRate: number;
  readonly #tellingUnits: number;
  #isKnown: boolean;
  #ns: number;
  #periodNs: number;
  #isSlow = false;
  #holdNs = 0;
  #nearNs = 0;
  /** Gaps in a row that are long enough, the shortest, the longest, and all of them together. */
  #gaps = 0;
  #gapMinNs = 0;
  #gapMaxNs = 0;
  #gapSumNs = 0;

  constructor({ refreshNs, lineRate, multiplier }: CounterRules, periodNs: number) {
    this.#hasLineRate = lineRate > 0;
    this.#tellingRate = tellingShare * lineRate;
    this.#tellingUnits = lineRate > 0 ? 0 : tellingCounts * multiplier;
    this.isLearning = refreshNs === 'learn';
    this.#isKnown = refreshNs !== 'learn';
    this.#ns = refreshNs !== 'learn' ? refreshNs : lineRate > 0 ? refreshAssumedNs : 0;
    this.#periodNs = periodNs;
    this.#derive();
  }

  /** Refreshes more slowly than it is read, or has a line rate and has not proved yet that it does not. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /** Slow, and `ns` is no assumption. */
  get isKnownSlow(): boolean {
    return this.#isSlow && this.#isKnown;
  }

  /** Time without a change that stays open, because what comes next may have happened in it; 0 where nothing stays open. */
  get holdNs(): number {
    return this.#holdNs;
  }

  get ns(): number {
    return this.#ns;
  }

  /** 0 while nothing is known. */
  get knownNs(): number {
    return this.#isKnown ? this.#ns : 0;
  }

  get nearNs(): number {
    return this.#nearNs;
  }

  setPeriod(periodNs: number): void {
    this.#periodNs = periodNs;
    this.#gaps = 0;
    this.#derive();
  }

  /** Two changes followed each other after so long, and the second one was by so many units. */
  noteGap(gapNs: number, units: number): void {
    if (!this.isLearning) return;
    const isTelling = units >= this.#tellingUnits && units * 1e9 >= this.#tellingRate * this.#periodNs;
    if (!isTelling || gapNs < apartPeriods * this.#periodNs || gapNs > refreshMaxNs) return this.forgetGaps();
    this.#gapMinNs = this.#gaps === 0 ? gapNs : Math.min(this.#gapMinNs, gapNs);
    this.#gapMaxNs = this.#gaps === 0 ? gapNs : Math.max(this.#gapMaxNs, gapNs);
    this.#gapSumNs = this.#gaps === 0 ? gapNs : this.#gapSumNs + gapNs;
    this.#gaps++;
    if (this.#gaps === gapsNeeded) this.#learnSlow();
  }

  /** Readings went missing: gaps begin anew. */
  forgetGaps(): void {
    this.#gaps = 0;
  }

  /** Two readings in a row changed, each of them so long after the one before: true when that shows each reading to be fresh. */
  provesFresh(firstNs: number, secondNs: number): boolean {
    // One who is known to be fresh needs no second witness. After a stall, two refreshes far apart may be seen close together, hence the first.
    return secondNs <= this.#nearNs && (!this.#isSlow || (firstNs <= this.#nearNs && secondNs <= this.#ns / 2));
  }

  setFresh(): void {
    this.#ns = 0;
    this.#isKnown = true;
    this.#gaps = 0;
    this.#derive();
  }

  #learnSlow(): void {
    const meanNs = this.#gapSumNs / gapsNeeded;
    this.#gaps = 0;
    if (this.#gapMinNs < shortestShare * meanNs || this.#gapMaxNs > longestShare * meanNs) return;
    this.#ns = meanNs;
    this.#isKnown = true;
    this.#derive();
  }

  #derive(): void {
    this.#nearNs = nearPeriods * this.#periodNs;
    this.#isSlow = this.#ns > this.#nearNs;
    this.#holdNs = this.#isSlow ? this.#ns : this.isLearning && this.#hasLineRate ? Math.min(holdPeriods * this.#periodNs, holdMaxNs) : 0;
    if (this.#holdNs <= this.#nearNs) this.#holdNs = 0;
  }
}
