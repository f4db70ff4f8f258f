// A synthetic counter: its value is a pure function of time, so what a sampler should have seen is known exactly. Times are nanoseconds, rates bytes a
// second. Bursts are square or ramps, on an idle line; there is noise too.

import { expect } from 'vitest';
import { seededRandom } from '../../src/io/random.ts';
import type { BurstRow } from '../../src/roce/reduction.ts';

export interface TrueBurst {
  readonly startNs: number;
  readonly durationNs: number;
  readonly rate: number;
}

/** A reading as a sampler takes it. */
export interface SignalReading {
  readonly value: bigint;
  readonly beginNs: number;
  readonly endNs: number;
}

export interface ReadingPlan {
  readonly periodNs: number;
  readonly untilNs: number;
  /** How late a reading is at most, as a share of the period. */
  readonly jitter: number;
  /** The counter shows what it was at the last multiple of this time, which may be another one later. */
  readonly refreshNs?: number | ((ns: number) => number);
  readonly readNs?: number;
  readonly startValue?: bigint;
  /** The counter wraps at this many bits. */
  readonly bits?: number;
  /** Units per count. */
  readonly multiplier?: number;
}

/** Bytes that have passed until `ns`. */
export function bytesUntil(bursts: readonly TrueBurst[], ns: number): number {
  return bursts.reduce((sum, { startNs, durationNs, rate }) => sum + (rate * Math.min(durationNs, Math.max(0, ns - startNs))) / 1e9, 0);
}

/** Bytes that have passed until a time in nanoseconds. */
export type Signal = (ns: number) => number;

export function squares(bursts: readonly TrueBurst[]): Signal {
  return (ns) => bytesUntil(bursts, ns);
}

/** The rate rises and falls evenly over `edgeNs`; start and duration of the bursts are those at half height, so their bytes are those of squares. */
export function ramps(bursts: readonly TrueBurst[], edgeNs: number): Signal {
  const risen = (ns: number) => (ns <= 0 ? 0 : ns >= edgeNs ? ns - edgeNs / 2 : (ns * ns) / (2 * edgeNs));
  return (ns) => bursts.reduce((sum, { startNs, durationNs, rate }) => {
    const sinceNs = ns - (startNs - edgeNs / 2);
    return sum + (rate * (risen(sinceNs) - risen(sinceNs - durationNs))) / 1e9;
  }, 0);
}

/** Frames of equal size at random moments, as many a second as make `rate`, until `untilNs`. */
export function poissonFrames(seed: number, { rate, frameBytes, untilNs }: { rate: number; frameBytes: number; untilNs: number }): Signal {
  const generator = seededRandom(seed);
  const times: number[] = [];
  for (let ns = 0; ns < untilNs; times.push(ns)) ns += (exponential(generator.next()) * frameBytes * 1e9) / rate;
  return (ns) => frameBytes * countUntil(times, ns);
}

/** Bursts that come and end at random: gaps and lengths, beyond the least, as a Poisson process has them. */
export function poissonBursts(seed: number, count: number, periodNs: number, lineRate: number): TrueBurst[] {
  const generator = seededRandom(seed);
  const bursts: TrueBurst[] = [];
  let ns = 10 * periodNs;
  for (let index = 0; index < count; index++) {
    ns += (4 + 10 * exponential(generator.next())) * periodNs;
    const durationNs = (2 + 3 * exponential(generator.next())) * periodNs;
    bursts.push({ startNs: ns, durationNs, rate: 0.95 * lineRate });
    ns += durationNs;
  }
  return bursts;
}

/** Mean 1, from a number in [0, 1). */
function exponential(uniform: number): number {
  return -Math.log(1 - uniform);
}

/** How many of the ascending times lie at or before `ns`. */
function countUntil(times: readonly number[], ns: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) <= ns) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bursts of `[2, 12)` periods at 90 to 100 % of the line, 5 to 30 idle periods apart. */
export function randomBursts(seed: number, count: number, periodNs: number, lineRate: number): TrueBurst[] {
  const generator = seededRandom(seed);
  const random = () => generator.next();
  const bursts: TrueBurst[] = [];
  let ns = 10 * periodNs;
  for (let index = 0; index < count; index++) {
    ns += (5 + 25 * random()) * periodNs;
    const durationNs = (2 + 10 * random()) * periodNs;
    bursts.push({ startNs: ns, durationNs, rate: (0.92 + 0.08 * random()) * lineRate });
    ns += durationNs;
  }
  return bursts;
}

/** How far a burst that was found is from the truth: shares of the peak, bytes, nanoseconds. */
export interface BurstError {
  readonly peak: number;
  readonly bytes: number;
  readonly durationNs: number;
  readonly startNs: number;
}

export function burstError(truth: TrueBurst, found: BurstRow | undefined): BurstError {
  if (found === undefined) return { peak: Infinity, bytes: Infinity, durationNs: Infinity, startNs: Infinity };
  return {
    peak: Math.abs(found.peakRate - truth.rate) / truth.rate,
    bytes: Math.abs(found.units - (truth.rate * truth.durationNs) / 1e9),
    durationNs: Math.abs(found.durationNs - truth.durationNs),
    startNs: Math.abs(found.startNs - truth.startNs),
  };
}

/** The bar for bursts of two periods or longer: all found, none invented, bytes exact, time within a period, peak within 1 % on average and 5 % at most. */
export function expectFound(truth: readonly TrueBurst[], found: readonly BurstRow[], periodNs: number): void {
  expect(found.length).toBe(truth.length);
  const errors = truth.map((burst, index) => burstError(burst, found[index]));
  expect(Math.max(...errors.map(({ peak }) => peak))).toBeLessThanOrEqual(0.05);
  expect(errors.reduce((sum, { peak }) => sum + peak, 0) / errors.length).toBeLessThanOrEqual(0.01);
  expect(Math.max(...errors.map(({ bytes }) => bytes))).toBeLessThanOrEqual(1);
  expect(Math.max(...errors.map(({ durationNs }) => durationNs))).toBeLessThanOrEqual(periodNs);
  expect(Math.max(...errors.map(({ startNs }) => startNs))).toBeLessThanOrEqual(periodNs);
}

/** What a sampler reads, from time 0 on. */
export function readingsOf(bursts: readonly TrueBurst[], plan: ReadingPlan, seed: number): SignalReading[] {
  const generator = seededRandom(seed);
  const random = () => generator.next();
  const { periodNs, readNs = 2000, startValue = 0n, multiplier = 1 } = plan;
  const range = 1n << BigInt(plan.bits ?? 64);
  const readings: SignalReading[] = [];
  for (let tick = 0; tick * periodNs < plan.untilNs; tick++) {
    const ns = Math.round(tick * periodNs + random() * plan.jitter * periodNs);
    const refreshNs = typeof plan.refreshNs === 'function' ? plan.refreshNs(ns) : plan.refreshNs ?? 0;
    const shownNs = refreshNs === 0 ? ns : Math.floor(ns / refreshNs) * refreshNs;
    const counted = BigInt(Math.round(bytesUntil(bursts, shownNs) / multiplier));
    readings.push({ value: (startValue + counted) % range, beginNs: ns - readNs / 2, endNs: ns + readNs / 2 });
  }
  return readings;
}
