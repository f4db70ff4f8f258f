// Reduces the readings of one counter to windows and bursts.
//
// Rates are what was counted divided by the time that really passed, so a late reading lowers the resolution and never bends a value. Two kinds of
// readings do not end an interval, which goes on to the next reading instead: one that came sooner than half a period after the last, and one
// that took more than a fifth of the interval.
//
// Units and the total count at the reading that shows them. Intervals are judged (peak, time above a threshold, bursts) when it is known what they
// are: time without a movement is kept as one stretch until something comes after it, and a counter that refreshes slowly, or may do so
// (refresh.ts), is judged from change to change. An interval belongs to the window in which it is judged, a burst to the window in which its end was noticed.

import { BurstFinder, type BurstEvent, type Interval } from './burst.ts';
import type { Recorder } from './capture.ts';
import { isSaturated, stepOf } from './delta.ts';
import { OpenWindow } from './open-window.ts';
import { plausibleShare, type BurstRow, type CounterRules, type ReductionRules, type WindowRow } from './reduction.ts';
import { Refresh, refreshAssumedNs } from './refresh.ts';

/** Where rows go. */
export interface RowSink {
  window(row: WindowRow): void;
  burst(row: BurstRow): void;
}

/** What is told to the recorder of the counter's port: bursts, movements when it is an event, and intervals when it keeps the counter at that place. */
export interface Recording {
  readonly recorder: Recorder;
  readonly isEvent: boolean;
  readonly place: number | undefined;
}

/** What a reading added that moved: nothing is known yet of its rate. */
type Movement = Pick<Interval, 'startNs' | 'ns' | 'units'>;

/** Shares: an interval shorter than this of the period, or read for longer than this of itself, is joined with the next. */
const shortestShare = 0.5;
const readShareMax = 0.2;
/** Where time stays open, it is judged as idle when it is so many times longer than that. */
const idleHolds = 2;

export class Reducer {
  readonly #channel: number;
  readonly #counter: CounterRules;
  readonly #rules: ReductionRules;
  readonly #sink: RowSink;
  readonly #bursts: BurstFinder;
  readonly #refresh: Refresh;
  readonly #recording: Recording | undefined;
  #periodNs: number;
  #window: OpenWindow | undefined;
  #hasBase = false;
  #latest = 0n;
  /**
   * The last reading that ended an interval. From `baseNs` to it nothing is judged yet: that time is idle, as `idleCount` readings showed, but for the
   * held movement at its end.
   */
  #mark = 0n;
  #markNs = 0;
  #baseNs = 0;
  #idleCount = 0;
  #held: Movement | undefined;
  /** Whether the counter moved at `baseNs`, so that nothing from before is left. */
  #baseIsMove = false;
  /** Counted since `markNs`. */
  #pendingUnits = 0;
  /** End of the last movement that was judged, the last change, and how far `coveredNs` has got. */
  #movedNs = -Infinity;
  #changedNs = -Infinity;
  #coveredNs = 0;
  /** In units, wraps unrolled. */
  #total = NaN;

  constructor(channel: number, counter: CounterRules, rules: ReductionRules, sink: RowSink, recording?: Recording) {
    this.#channel = channel;
    this.#counter = counter;
    this.#rules = rules;
    this.#sink = sink;
    this.#recording = recording;
    this.#bursts = new BurstFinder(channel, counter.lineRate, rules);
    this.#refresh = new Refresh(counter, rules.periodNs);
    this.#periodNs = rules.periodNs;
  }

  /** Between two refreshes; 0 where each reading is fresh or nothing is known. */
  get refreshNs(): number {
    return this.#refresh.knownNs;
  }

  /** The source is read at another period from the next reading on. */
  setPeriod(periodNs: number): void {
    this.#periodNs = periodNs;
    this.#refresh.setPeriod(periodNs);
  }

  /** Takes a reading: the counter's value, and when reading it began and ended. */
  take(value: bigint, beginNs: number, endNs: number): void {
    const ns = (beginNs + endNs) / 2;
    const window = this.#windowAt(ns);
    if (!this.#hasBase) return this.#restart(value, ns);
    if (value !== this.#latest && !this.#noteChange(window, value, ns)) return;
    const elapsedNs = ns - this.#markNs;
    if (elapsedNs < shortestShare * this.#periodNs || endNs - beginNs > readShareMax * elapsedNs) return;
    if (value !== this.#mark) return this.#move(value, ns);
    this.#settleHeld();
    this.#markNs = ns;
    this.#idleCount++;
    const { holdNs } = this.#refresh;
    if (holdNs === 0 ? this.#isWanted() : ns - this.#baseNs >= idleHolds * holdNs) this.#rest();
  }

  /** The source is gone: what the counter does until it is back is not known. */
  lose(): void {
    if (this.#hasBase) {
      this.#settleHeld();
      this.#giveIdle(this.#markNs, this.#idleIntervals(this.#markNs));
      this.#cover();
    }
    this.#noteBurst(this.#bursts.close());
    this.#hasBase = false;
    this.#refresh.forgetGaps();
  }

  /** Nothing was read until then: a window that is over is given all the same. */
  expire(ns: number): void {
    if (!this.#hasBase && this.#window !== undefined && ns >= this.#window.row.endNs) this.#emitWindow();
  }

  /** Ends window and burst. */
  finish(): void {
    this.lose();
    this.#emitWindow();
  }

  /** Idle time is judged at once while somebody waits for it. */
  #isWanted(): boolean {
    const recording = this.#recording;
    return this.#bursts.isOpen || (recording?.place !== undefined && recording.recorder.untilNs >= this.#baseNs);
  }

  #windowAt(ns: number): OpenWindow {
    if (this.#window !== undefined && ns < this.#window.row.endNs) return this.#window;
    if (this.#hasBase && this.#held === undefined) this.#closeIdle();
    this.#emitWindow();
    const { windowNs, alignNs } = this.#rules;
    const startNs = Math.floor((ns + alignNs) / windowNs) * windowNs - alignNs;
    this.#window = new OpenWindow(this.#channel, startNs, startNs + windowNs);
    return this.#window;
  }

  /** Idle time belongs to the window that ends, unless a burst may have gone on in it, or begun in the last refresh. */
  #closeIdle(): void {
    const { holdNs, isKnownSlow } = this.#refresh;
    if (holdNs > 0 && this.#bursts.isOpen) return;
    const untilNs = isKnownSlow ? this.#markNs - holdNs : this.#markNs;
    if (untilNs > this.#baseNs) this.#giveIdle(untilNs, this.#idleIntervals(untilNs));
  }

  #emitWindow(): void {
    if (this.#window === undefined) return;
    if (this.#hasBase) this.#cover();
    this.#sink.window(this.#window.rowOf(this.#total, this.#refresh.knownNs));
    this.#window = undefined;
  }

  #cover(): void {
    if (this.#window === undefined) return;
    this.#window.row.coveredNs += this.#markNs - this.#coveredNs;
    this.#coveredNs = this.#markNs;
  }

  /** The total goes on over a loss where the counter can have gone on. */
  #restart(value: bigint, ns: number): void {
    const goesOn = !Number.isNaN(this.#total) && value >= this.#latest;
    this.#total = goesOn ? this.#total + Number(value - this.#latest) * this.#counter.multiplier : Number(value) * this.#counter.multiplier;
    this.#hasBase = true;
    this.#latest = value;
    this.#coveredNs = ns;
    this.#changedNs = -Infinity;
    this.#beginAt(value, ns);
  }

  /** Begins a stretch of which nothing is known before. */
  #beginAt(value: bigint, ns: number): void {
    this.#mark = value;
    this.#baseNs = this.#markNs = ns;
    this.#baseIsMove = false;
    this.#movedNs = -Infinity;
    this.#idleCount = this.#pendingUnits = 0;
  }

  /** Counts what a reading shows; false when the counter was reset. */
  #noteChange(window: OpenWindow, value: bigint, ns: number): boolean {
    const sinceNs = this.#refresh.isSlow ? this.#baseNs : this.#markNs;
    const step = stepOf(this.#latest, value, Math.max(ns - sinceNs, this.#periodNs), this.#counter);
    if (this.#changedNs !== -Infinity) {
      window.noteGap(ns - this.#changedNs);
      this.#refresh.noteGap(ns - this.#changedNs, step.units);
    }
    if (isSaturated(value, this.#counter)) window.row.saturations++;
    window.row.changes++;
    this.#changedNs = ns;
    if (step.kind === 'reset') {
      this.#reset(window, value, ns);
      return false;
    }
    this.#latest = value;
    if (step.kind === 'wrapped') window.row.wraps++;
    window.row.units += step.units;
    this.#total += step.units;
    this.#pendingUnits += step.units;
    if (this.#recording?.isEvent === true) this.#recording.recorder.noteEvent(this.#channel, ns);
    return true;
  }

  #reset(window: OpenWindow, value: bigint, ns: number): void {
    this.#settleHeld();
    this.#giveIdle(this.#markNs, this.#idleIntervals(this.#markNs));
    window.row.resets++;
    this.#total = Number(value) * this.#counter.multiplier;
    this.#latest = value;
    this.#beginAt(value, ns);
  }

  #move(value: bigint, ns: number): void {
    const moved = { startNs: this.#markNs, ns: ns - this.#markNs, units: this.#pendingUnits };
    this.#pendingUnits = 0;
    this.#mark = value;
    this.#markNs = ns;
    if (this.#isSettled()) return this.#giveExact(moved);
    if (this.#refresh.holdNs === 0) return this.#moveFast(moved);
    if (!this.#refresh.isLearning) return this.#giveSpan(ns, moved.units, ns - this.#baseNs);
    if (this.#held !== undefined && this.#refresh.provesFresh(this.#held.ns, moved.ns)) return this.#refresh.isSlow ? this.#prove(moved) : this.#moveFast(moved);
    this.#settleHeld();
    if (this.#isSettled()) return this.#giveExact(moved);
    this.#held = moved;
  }

  /** Nothing is open before the last reading: the interval since then is what it looks like. */
  #isSettled(): boolean {
    const { isSlow, isLearning, holdNs } = this.#refresh;
    return this.#held === undefined && this.#idleCount === 0 && (this.#baseIsMove ? !isSlow : holdNs === 0 && !isLearning);
  }

  /** Each reading is fresh: what came before is what it looked like. */
  #moveFast(moved: Movement): void {
    const held = this.#held;
    this.#held = undefined;
    this.#giveIdle((held ?? moved).startNs, this.#idleCount);
    if (held !== undefined) this.#giveExact(held);
    // What is held has been proved: only without it the movement stands alone.
    const isSingle = held === undefined && this.#refresh.isLearning;
    this.#giveExact(moved, isSingle ? this.#spreadNs(moved.startNs + moved.ns) : 0);
  }

  /** The counter is fresh from now on. The first movement may still be what a slow one showed late, unless it follows another. */
  #prove(moved: Movement): void {
    const followsMove = this.#baseIsMove && this.#idleCount === 0;
    if (!followsMove) this.#settleHeld();
    this.#refresh.setFresh();
    this.#moveFast(moved);
  }

  /** A movement among readings that stayed equal: it may have happened any time since the last. */
  #settleHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    const untilNs = held.startNs + held.ns;
    this.#giveSpan(untilNs, held.units, this.#refresh.isKnownSlow ? untilNs - this.#baseNs : held.ns);
  }

  /** Judges time without a movement, but for the end of it that stays open. */
  #rest(): void {
    const { holdNs } = this.#refresh;
    const untilNs = this.#markNs - holdNs;
    if (this.#refresh.isKnownSlow) return this.#giveIdle(untilNs, this.#idleIntervals(untilNs));
    const kept = Math.min(this.#idleCount - 1, Math.floor(holdNs / this.#periodNs + 0.5));
    this.#giveIdle(untilNs, this.#idleCount - kept);
    this.#idleCount = kept;
  }

  /** From the base on: those between readings, or between refreshes where these are longer. */
  #idleIntervals(untilNs: number): number {
    return this.#refresh.isKnownSlow ? Math.floor((untilNs - this.#baseNs) / this.#refresh.ns + 0.5) : this.#idleCount;
  }

  #giveIdle(untilNs: number, count: number): void {
    const window = this.#window;
    if (count === 0 || window === undefined) return;
    const idle = { startNs: this.#baseNs, ns: untilNs - this.#baseNs, units: 0, rate: 0, count };
    this.#baseNs = untilNs;
    this.#baseIsMove = false;
    this.#idleCount = 0;
    window.countIdle(count, this.#counter.lineRate);
    this.#record(idle);
    if (this.#counter.lineRate > 0) this.#noteBurst(this.#bursts.take(idle));
  }

  /** Everything since `baseNs` is one interval, and its units may be older than that: no rate is made from less time than they may have taken. */
  #giveSpan(untilNs: number, units: number, activeNs: number): void {
    const { isSlow, isKnownSlow, ns: refreshNs, nearNs } = this.#refresh;
    const leastNs = this.#spreadNs(untilNs);
    const startNs = this.#baseNs;
    const ns = untilNs - startNs;
    const isQuick = isSlow && !isKnownSlow && this.#baseIsMove && ns <= nearNs;
    const count = isKnownSlow ? Math.max(1, Math.floor(ns / refreshNs + 0.5)) : this.#idleCount + 1;
    const span = { startNs, ns, units, rate: (units * 1e9) / Math.max(ns, leastNs), count };
    this.#moveBase(untilNs);
    // Two changes of an unknown counter close together, and no third: that may be a refresh, seen late, and the next one.
    if (isQuick) return this.#bursts.addDoubtful(span);
    this.#judge(span, activeNs);
  }

  /** One interval between readings; its rate is judged over `leastNs` at least. */
  #giveExact({ startNs, ns, units }: Movement, leastNs = 0): void {
    this.#moveBase(startNs + ns);
    this.#judge({ startNs, ns, units, rate: (units * 1e9) / Math.max(ns, leastNs), count: 1 }, ns);
  }

  /** The time in which the units of a single movement may have come together. */
  #spreadNs(untilNs: number): number {
    return this.#refresh.isKnownSlow ? this.#refresh.ns : Math.min(untilNs - this.#movedNs, refreshAssumedNs);
  }

  #moveBase(ns: number): void {
    this.#baseNs = this.#movedNs = ns;
    this.#baseIsMove = true;
    this.#idleCount = 0;
  }

  #judge(interval: Interval, activeNs: number): void {
    const window = this.#window;
    if (window === undefined) return;
    const { lineRate } = this.#counter;
    if (lineRate > 0 && interval.rate > plausibleShare * lineRate) {
      window.row.implausible++;
      return this.#bursts.addDoubtful(interval);
    }
    window.count(interval, activeNs, lineRate, this.#rules.thresholds);
    this.#record(interval);
    if (lineRate > 0) this.#noteBurst(this.#bursts.take(interval));
  }

  #record(interval: Interval): void {
    if (this.#recording?.place !== undefined) this.#recording.recorder.take(this.#recording.place, interval);
  }

  #noteBurst(burst: BurstEvent): void {
    const window = this.#window;
    if (burst === 'began') this.#recording?.recorder.beginBurst(this.#channel, this.#bursts.beganNs);
    if (burst === undefined || burst === 'began' || window === undefined) return;
    const { row } = burst;
    window.countBurst(burst, this.#counter.lineRate, this.#rules.thresholds);
    this.#sink.burst(row);
    this.#recording?.recorder.endBurst(row.startNs + row.durationNs);
  }
}
