// A source for whole samplers whose counter is a pure function of a simulated clock: it may wrap, refresh slowly, take its time, be gone for a while. The clock's timers come late by a
// random share of the period, as real ones do; everything follows from the seed.

import type { Clock } from '../../src/io/clock.ts';
import { seededRandom } from '../../src/io/random.ts';
import { LoopSampler } from '../../src/roce/loop-sampler.ts';
import type { CounterRules, ReductionRules } from '../../src/roce/reduction.ts';
import type { Rows } from '../../src/roce/sampler.ts';
import type { Signal } from './counter-signal.ts';
import type { ReducerInput } from './reduce.ts';
import { fileChannel, planOf } from './sampler-plan.ts';

export interface SyntheticSource {
  readonly signal: Signal;
  readonly untilNs: number;
  /** What the counter stands at when nothing has passed, and where it wraps. */
  readonly startValue?: bigint;
  /** The counter shows what it was at the last multiple of this time. */
  readonly refreshNs?: number;
  /** A reading takes so long; the number is of any moment within. */
  readonly readNs?: number;
  /** Reading fails as for a device that was removed. */
  readonly gone?: { readonly fromNs: number; readonly toNs: number };
}

export interface Sampled {
  readonly rows: Rows;
  /** What the reducer was given, and at what period, for others to reduce. */
  readonly inputs: readonly ReducerInput[];
  readonly ticks: number;
  readonly missed: number;
}

/** Of the period, at most. */
const lateShare = 0.04;

/** Runs a whole sampler in TypeScript at the rules' period over the source. */
export function sampleSynthetic(source: SyntheticSource, counter: CounterRules, rules: ReductionRules, seed: number): Sampled {
  const random = seededRandom(seed);
  const clock = new LateClock(() => (random.next() * lateShare * rules.periodNs) / 1e6);
  const inputs: ReducerInput[] = [];
  let periodNs = rules.periodNs;
  const notePeriod = () => {
    const [now] = sampler.figures().sources;
    if (now === undefined || now.periodNs === periodNs) return;
    periodNs = now.periodNs;
    inputs.push({ periodNs });
  };
  const read = (nowMs: number): bigint | undefined => {
    notePeriod();
    const readMs = (source.readNs ?? 0) / 1e6;
    const value = valueAt(source, counter, (nowMs + random.next() * readMs) * 1e6);
    clock.pass(readMs);
    inputs.push(value === undefined ? 'lost' : { value, beginNs: nowMs * 1e6, endNs: clock.monotonicMs() * 1e6 });
    return value;
  };
  const channels = [fileChannel('synthetic', 'counter', { rules: counter })];
  const sampler = new LoopSampler(planOf(channels, { periodNs: rules.periodNs, windowNs: rules.windowNs }), clock, () => ({ read, close: () => undefined }));
  sampler.start();
  clock.runUntil(source.untilNs / 1e6);
  sampler.stop();
  const { ticks, missed } = sampler.figures();
  return { rows: sampler.drain(), inputs, ticks, missed };
}

function valueAt({ signal, startValue = 0n, refreshNs = 0, gone }: SyntheticSource, { bits, multiplier }: CounterRules, ns: number): bigint | undefined {
  if (gone !== undefined && ns >= gone.fromNs && ns < gone.toNs) return undefined;
  const shownNs = refreshNs === 0 ? ns : Math.floor(ns / refreshNs) * refreshNs;
  return (startValue + BigInt(Math.round(signal(shownNs) / multiplier))) % (1n << BigInt(bits));
}

/** Stands still but for what it is told: the next timer, later than it should be, and time that passes while something is done. Starts at 0, with a wall clock of the same. */
class LateClock implements Clock {
  readonly #lateMs: () => number;
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  #nowMs = 0;

  constructor(lateMs: () => number) {
    this.#lateMs = lateMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): { cancel: () => void } {
    const timer = { dueMs: this.#nowMs + delayMs + this.#lateMs(), callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  runUntil(ms: number): void {
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined || next.dueMs > ms) return;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
    }
  }
}
