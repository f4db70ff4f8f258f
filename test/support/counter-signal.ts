// A synthetic counter: its value is a pure function of time, so what a sampler should have seen is known exactly. Times are nanoseconds, rates bytes a
// second. Bursts are square, on an idle line.

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
