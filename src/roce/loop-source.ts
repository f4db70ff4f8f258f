// A source of the sampler in TypeScript: files that are read one after the other with kept descriptors, each reading reduced at once; native/sampler/paced-source.h
// does the same. It knows when it is due: its pace says how long after the last deadline.

import type { Clock } from '../io/clock.ts';
import type { CounterReader } from './counter-file.ts';
import { Durations } from './durations.ts';
import { escalationNs, idleShare, Pace } from './pace.ts';
import type { PortEvents } from './port-events.ts';
import type { Reducer } from './reducer.ts';
import type { Channel, SourceFigures, SourceRules } from './sampler.ts';

interface LoopCounter {
  readonly file: CounterReader;
  readonly reducer: Reducer;
  readonly port: number;
  readonly isEvent: boolean;
  /** Counts a nanosecond that are traffic; 0 for what is none or has no line rate. */
  readonly busyRate: number;
  value: bigint | undefined;
  hasMoved: boolean;
}

/** What a reading has to do with others. */
export interface LoopContext {
  readonly clock: Clock;
  readonly events: PortEvents;
}

export class LoopSource {
  readonly #name: string;
  readonly #tickNs: number;
  readonly #pace: Pace;
  readonly #counters: LoopCounter[] = [];
  readonly #ports = new Set<number>();
  readonly #read = new Durations();
  #hasLineRate = false;
  #periodNs: number;
  #dueNs = 0;
  /** Of the last reading: when it was due, when it was, and when it was over. */
  #deadlineNs = 0;
  #readNs: number | undefined;
  #endNs = 0;
  #eventsSeen = 0;
  #failedReadings = 0;

  constructor(rules: SourceRules, tickNs: number) {
    this.#name = rules.name;
    this.#tickNs = tickNs;
    this.#pace = new Pace(rules, tickNs);
    this.#periodNs = this.#pace.periodNs(0);
  }

  get periodNs(): number {
    return this.#periodNs;
  }

  get dueNs(): number {
    return this.#dueNs;
  }

  /** Of the first reading. */
  set dueNs(ns: number) {
    this.#dueNs = ns;
  }

  /** Owns `file`. */
  add(file: CounterReader, { port, isEvent, rules }: Channel, reducer: Reducer): void {
    const busyRate = (idleShare * rules.lineRate) / rules.multiplier / 1e9;
    this.#counters.push({ file, reducer, port, isEvent, busyRate, value: undefined, hasMoved: false });
    this.#ports.add(port);
    this.#hasLineRate ||= busyRate > 0;
  }

  /** Reads all counters, and is due again a period after `deadlineNs`. */
  read(deadlineNs: number, context: LoopContext): void {
    const { clock } = context;
    const beginNs = clock.monotonicMs() * 1e6;
    const elapsedNs = this.#readNs === undefined ? 0 : beginNs - this.#readNs;
    let isBusy = false;
    for (const counter of this.#counters) if (this.#readOne(counter, elapsedNs, context)) isBusy = true;
    this.#readNs = beginNs;
    const endNs = clock.monotonicMs() * 1e6;
    this.#read.add(endNs - beginNs);
    if (isBusy) this.#pace.noteBusy(beginNs);
    if (this.#pace.noteReading(beginNs, endNs - beginNs)) this.#judgeRefresh();
    this.#deadlineNs = deadlineNs;
    this.#endNs = endNs;
    this.#applyPeriod(endNs);
    this.#dueNs = deadlineNs + this.#periodNs;
  }

  /**
   * How many of its deadlines passed by `nowNs` and are left out. The last one is not: it is made up for at `nextNs`, the next tick, unless another follows there. So two
   * sources are both read though the deadline of one always comes while the other is read; who lasts over a deadline of its own waits for the next.
   */
  skipUntil(nowNs: number, nextNs: number): number {
    if (this.#dueNs > nowNs) return 0;
    const skipped = Math.floor((nowNs - this.#dueNs) / this.#periodNs) + 1;
    const isOwnFault = this.#dueNs <= this.#endNs;
    this.#dueNs += skipped * this.#periodNs;
    // Sums of periods are not exact to the nanosecond.
    if (isOwnFault || this.#dueNs - nextNs < this.#tickNs / 2) return skipped;
    this.#dueNs = nextNs;
    return skipped - 1;
  }

  /** Looks for events at its ports; then due no later than at `nextNs`, the next tick, if its pace asks for it. */
  heed(events: PortEvents, nowNs: number, nextNs: number): void {
    if (events.count === this.#eventsSeen) return;
    this.#eventsSeen = events.count;
    this.#pace.escalateUntil(events.untilNs(this.#ports));
    this.#applyPeriod(nowNs);
    this.#dueNs = Math.min(this.#dueNs, Math.max(nextNs, this.#deadlineNs + this.#periodNs));
  }

  finish(): void {
    for (const { file, reducer } of this.#counters) {
      reducer.finish();
      file.close();
    }
  }

  figures(): SourceFigures {
    const read = this.#read;
    return {
      source: this.#name, reads: read.count, failedReadings: this.#failedReadings, periodNs: this.#periodNs,
      readP50Ns: read.quantile(0.5), readP99Ns: read.quantile(0.99), readMaxNs: read.maxNs, readBuckets: read.buckets, readSumNs: read.sumNs,
    };
  }

  /** Returns whether there was traffic. */
  #readOne(counter: LoopCounter, elapsedNs: number, { clock, events }: LoopContext): boolean {
    const { file, reducer, value: before } = counter;
    const beginMs = clock.monotonicMs();
    const value = file.read(beginMs);
    const endMs = clock.monotonicMs();
    counter.value = value;
    if (value === undefined) {
      this.#failedReadings++;
      if (before !== undefined) reducer.lose();
      reducer.expire(beginMs * 1e6);
      return false;
    }
    reducer.take(value, beginMs * 1e6, endMs * 1e6);
    // A counter that went back says nothing about what happened.
    if (before === undefined || value <= before) return false;
    counter.hasMoved = true;
    // One that is fresh is not kept waiting until the others are judged again.
    if (this.#pace.refreshNs > 0 && reducer.refreshNs === 0) this.#pace.setRefresh(0);
    if (counter.isEvent) events.raise(counter.port, beginMs * 1e6 + escalationNs);
    return this.#isTraffic(counter, Number(value - before), elapsedNs);
  }

  /** Where no line rate tells what is little, everything that moves is traffic. */
  #isTraffic({ busyRate, reducer }: LoopCounter, counts: number, elapsedNs: number): boolean {
    if (!this.#hasLineRate) return true;
    return busyRate > 0 && counts >= busyRate * Math.max(elapsedNs, reducer.refreshNs);
  }

  /** Counters that all refresh slowly need not be read more often than that; a fresh one among them does. What did not move says nothing. */
  #judgeRefresh(): void {
    const moved = this.#counters.filter(({ hasMoved }) => hasMoved);
    for (const counter of moved) counter.hasMoved = false;
    if (moved.length > 0) this.#pace.setRefresh(Math.min(...moved.map(({ reducer }) => reducer.refreshNs)));
  }

  #applyPeriod(nowNs: number): void {
    const periodNs = this.#pace.periodNs(nowNs);
    if (periodNs === this.#periodNs) return;
    this.#periodNs = periodNs;
    for (const { reducer } of this.#counters) reducer.setPeriod(periodNs);
  }
}
