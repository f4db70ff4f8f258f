// How often a source is read, the same as native/sampler/pace.h: as often as asked, unless readings would take too large a share of the time, its counters are
// known to refresh more slowly, or all its traffic is idle; more often for two seconds after an event at one of its ports. Pure: time comes with the calls.
//
//     period = max(asked, p99 of a reading / maxDuty, refresh / 4), in whole ticks
//     asked  = escalatedPeriodNs after an event, idlePeriodNs without traffic for 10 s, else periodNs

import { Durations } from './durations.ts';
import type { SourceRules } from './sampler.ts';

/** Without traffic for so long a source is idle; traffic below this share of the line is none. */
export const idleAfterNs = 10e9;
export const idleShare = 0.01;
/** After an event. */
export const escalationNs = 2e9;
/**
 * Readings are judged every so many, so that one in a hundred may be late; after this long a few must do, and at once when they have used up the share of this long. The
 * longest of a hundred does not count then either: it may have waited for somebody else.
 */
const judgedReadings = 100;
const judgedReadingsMin = 8;
const judgeEveryNs = 1e9;
const judgeAfterNs = 10e9;
/** Below this share of what governs now, the source may be read more often again: a limit near a whole tick does not swing. */
const relief = 0.8;
/** Whatever a reading took: what is read more seldom has no reading in its window, and would not soon be judged again. */
const governedMaxNs = 60e9;
/** Refreshes are seen to within a quarter. */
const readingsPerRefresh = 4;

export class Pace {
  readonly #rules: SourceRules;
  readonly #tickNs: number;
  readonly #read = new Durations();
  #busyNs: number | undefined;
  #escalatedUntilNs = 0;
  #refreshNs = 0;
  /** By the share of the time that readings may take. */
  #governedNs = 0;
  #judgedNs = 0;
  #longestNs = 0;
  /** Readings since that one. */
  #sinceLongest = Infinity;

  constructor(rules: SourceRules, tickNs: number) {
    this.#rules = rules;
    this.#tickNs = tickNs;
  }

  /** To the next reading: a whole number of ticks. */
  periodNs(nowNs: number): number {
    const ns = Math.max(this.#askedNs(nowNs), this.#governedNs, this.#refreshNs / readingsPerRefresh);
    return Math.max(1, Math.ceil(ns / this.#tickNs)) * this.#tickNs;
  }

  /** There was traffic. */
  noteBusy(nowNs: number): void {
    this.#busyNs = nowNs;
  }

  escalateUntil(ns: number): void {
    this.#escalatedUntilNs = ns;
  }

  get refreshNs(): number {
    return this.#refreshNs;
  }

  /** All counters that move refresh at least so far apart; 0 when one does not. */
  setRefresh(ns: number): void {
    this.#refreshNs = ns;
  }

  /** True when enough was read to judge the duty anew. */
  noteReading(nowNs: number, readNs: number): boolean {
    if (this.#busyNs === undefined) this.#busyNs = this.#judgedNs = nowNs;
    this.#add(readNs);
    if (!this.#isJudged(nowNs)) return false;
    const neededNs = Math.min(governedMaxNs, this.#read.quantile(0.99) / this.#rules.maxDuty);
    if (neededNs > this.#governedNs || neededNs < relief * this.#governedNs) this.#governedNs = neededNs;
    this.#judgedNs = nowNs;
    this.#read.clear();
    return true;
  }

  #askedNs(nowNs: number): number {
    const { periodNs, idlePeriodNs, escalatedPeriodNs } = this.#rules;
    if (nowNs < this.#escalatedUntilNs) return escalatedPeriodNs;
    return this.#busyNs !== undefined && nowNs - this.#busyNs >= idleAfterNs ? idlePeriodNs : periodNs;
  }

  /** All but the longest of a hundred, which is kept apart; the second longest counts. */
  #add(readNs: number): void {
    const isKept = ++this.#sinceLongest < judgedReadings;
    if (isKept && readNs <= this.#longestNs) return this.#read.add(readNs);
    if (isKept) this.#read.add(this.#longestNs);
    this.#longestNs = readNs;
    this.#sinceLongest = 0;
  }

  #isJudged(nowNs: number): boolean {
    const { count, sumNs } = this.#read;
    if (count < judgedReadingsMin) return false;
    const passedNs = nowNs - this.#judgedNs;
    return (count >= judgedReadings && passedNs >= judgeEveryNs) || passedNs >= judgeAfterNs || sumNs >= this.#rules.maxDuty * judgeAfterNs;
  }
}
