// What is learned of a counter whose refresh period nobody tells, and that nothing false is said before it is: for the reducers in TypeScript and in C++.

import { beforeAll, describe, expect, test } from 'vitest';
import { defaultRules, type CounterRules, type ReductionRules, type WindowRow } from '../../src/roce/reduction.ts';
import { bytesUntil, expectFound, randomBursts, readingsOf, type ReadingPlan, type TrueBurst } from '../support/counter-signal.ts';
import { buildLimitMs, buildReplay, reducers, type Reduce, type ReducedRows, type ReducerInput } from '../support/reduce.ts';

beforeAll(buildReplay, buildLimitMs);

const ms = 1e6;
const lineRate = 1.25e9;
const seed = 20261130;
const unknown: CounterRules = { bits: 64, saturates: false, multiplier: 1, lineRate, refreshNs: 'learn' };
const rules: ReductionRules = { ...defaultRules, windowNs: 100 * ms };
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
const highest = (windows: readonly WindowRow[]) => Math.max(...windows.map(({ peakRate }) => peakRate)) / lineRate;

function seen(reduce: Reduce, bursts: readonly TrueBurst[], untilNs: number, plan: Partial<ReadingPlan> = {}): ReducedRows {
  return reduce(readingsOf(bursts, { periodNs: ms, untilNs, jitter: 0.04, ...plan }, seed), unknown, rules);
}

/** A load that was there before the first reading. */
function steady(share: number): TrueBurst[] {
  return [{ startNs: -5000 * ms, durationNs: 60_000 * ms, rate: share * lineRate }];
}

describe.each(reducers)('%s', (_name, reduce) => {
  describe.each([[10, 2000], [250, 4000], [1000, 13_000]])('a refresh every %d ms, read every ms', (refreshMs, untilMs) => {
    test.each([0.06, 0.6])('at %d of the line from the first reading on: no false burst, no false peak, and it is learned', (share) => {
      const load = steady(share);
      const { bursts, windows } = seen(reduce, load, untilMs * ms, { refreshNs: refreshMs * ms });
      // A load above half of the line is one long burst.
      expect(bursts.length).toBe(share < 0.5 ? 0 : 1);
      expect(highest(windows)).toBeLessThan(1.01 * share);
      expect(highest(windows)).toBeGreaterThan(0.9 * share);
      expect(sum(windows.map(({ aboveNs }) => aboveNs[1] ?? 0))).toBe(0);
      expect(Math.abs((windows.at(-1)?.refreshNs ?? 0) / (refreshMs * ms) - 1)).toBeLessThan(0.02);
    });

    test('after it was learned, a burst of many refreshes is found with exact bytes', () => {
      const truth: TrueBurst = { startNs: (untilMs + 3.3 * refreshMs) * ms, durationNs: 8 * refreshMs * ms, rate: 0.95 * lineRate };
      const load: TrueBurst[] = [{ startNs: 0, durationNs: untilMs * ms, rate: 0.06 * lineRate }, truth];
      const { bursts } = seen(reduce, load, (untilMs + 16 * refreshMs) * ms, { refreshNs: refreshMs * ms });
      expect(bursts.length).toBe(1);
      expect(Math.abs((bursts[0]?.units ?? 0) - (truth.rate * truth.durationNs) / 1e9)).toBeLessThanOrEqual(1);
      expect(Math.abs((bursts[0]?.durationNs ?? 0) - truth.durationNs)).toBeLessThanOrEqual(refreshMs * ms);
      expect(bursts[0]?.peakRate).toBeLessThan(1.05 * lineRate);
    });
  });

  test.each([0, 0.7, 40, 990, 3000])('a fresh counter shows its bursts from the first one on, after %d ms of idleness', (idleMs) => {
    const truth = randomBursts(seed, 40, ms, lineRate).map((burst) => ({ ...burst, startNs: burst.startNs + idleMs * ms }));
    const { bursts, windows } = seen(reduce, truth, (truth.at(-1)?.startNs ?? 0) + 100 * ms);
    expectFound(truth, bursts, ms);
    expect(windows.at(-1)?.refreshNs).toBe(0);
    expect(Math.abs(sum(windows.map(({ units }) => units)) - bytesUntil(truth, Infinity))).toBeLessThanOrEqual(1);
    expect(Math.abs(sum(windows.map(({ aboveNs }) => aboveNs[1] ?? 0)) - sum(truth.map(({ durationNs }) => durationNs)))).toBeLessThanOrEqual(truth.length * ms);
  });

  test('bursts of exactly two periods that begin with a reading are found', () => {
    const truth = Array.from({ length: 20 }, (_, index): TrueBurst => ({ startNs: (500 + 100 * index) * ms, durationNs: 2 * ms, rate: 0.95 * lineRate }));
    expectFound(truth, seen(reduce, truth, 2600 * ms, { jitter: 0 }).bursts, ms);
  });

  test('fresh, then every 10 ms, then fresh again: nothing false on the way, and both are noticed', () => {
    const plan = { refreshNs: (ns: number) => (ns >= 1000 * ms && ns < 2000 * ms ? 10 * ms : 0) };
    const { bursts, windows } = seen(reduce, steady(0.06), 3000 * ms, plan);
    expect(bursts).toEqual([]);
    expect(highest(windows)).toBeLessThan(0.065);
    const refreshes = windows.map(({ refreshNs }) => Math.round(refreshNs / ms));
    expect(refreshes).toEqual([...Array.from({ length: 10 }, () => 0), ...Array.from({ length: 10 }, () => 10), ...Array.from({ length: 10 }, () => 0)]);
    expect(seen(reduce, steady(0.6), 3000 * ms, plan).bursts.length).toBe(1);
    const before = randomBursts(seed + 1, 20, ms, lineRate);
    const after = randomBursts(seed + 2, 20, ms, lineRate).map((burst) => ({ ...burst, startNs: burst.startNs + 2000 * ms }));
    const middle: TrueBurst = { startNs: 1000 * ms, durationNs: 900 * ms, rate: 0.06 * lineRate };
    expectFound([...before, ...after], seen(reduce, [...before, middle, ...after], 3000 * ms, plan).bursts, ms);
  });

  test('two refreshes seen close together after a stall prove nothing', () => {
    const readings = readingsOf(steady(0.06), { periodNs: ms, untilNs: 500 * ms, jitter: 0, refreshNs: 10 * ms }, seed);
    // From just before one refresh to just before the next, nothing was read.
    const inputs = readings.filter((_, index) => !(index >= 40 && index % 50 < 9));
    const { bursts, windows } = reduce(inputs, unknown, rules);
    expect(bursts).toEqual([]);
    expect(highest(windows)).toBeLessThan(0.07);
  });

  test('events of a counter that never proves anything are active for as long as they were seen to be', () => {
    const inputs = Array.from({ length: 1500 }, (_, tick) => ({ value: BigInt(tick >= 300 ? 7 : 0) + BigInt(tick >= 1000 ? 3 : 0), beginNs: tick * ms, endNs: tick * ms + 1000 }));
    const { windows } = reduce(inputs, { ...unknown, lineRate: 0, bits: 32 }, rules);
    expect(sum(windows.map(({ activeNs }) => activeNs))).toBe(2 * ms);
    expect(Math.max(...windows.map(({ peakUnits }) => peakUnits))).toBe(7);
  });

  test('what a counter of which nothing is known did not do is told in its window, and no later', () => {
    const { windows } = reduce(readingsOf([], { periodNs: ms, untilNs: 1000 * ms, jitter: 0 }, seed), unknown, rules);
    expect(windows.map(({ intervals }) => intervals)).toEqual([99, ...Array.from({ length: 9 }, () => 100)]);
    expect(windows.map(({ utilization }) => utilization[0])).toEqual(windows.map(({ intervals }) => intervals));
  });

  test('a counter without a line rate that refreshes slowly has no false peak either, and is learned', () => {
    const inputs = readingsOf(steady(0.06), { periodNs: ms, untilNs: 1000 * ms, jitter: 0.04, refreshNs: 10 * ms }, seed);
    const { windows } = reduce(inputs, { ...unknown, lineRate: 0 }, rules);
    expect(highest(windows)).toBeLessThan(0.065);
    expect(windows.at(-1)?.refreshNs).toBeCloseTo(10 * ms, -6);
  });

  test('a heartbeat on an idle line is not taken for a slow refresh, nor are single events at regular times', () => {
    const beats = (units: number) => Array.from({ length: 2000 }, (_, tick) => ({ value: BigInt(Math.floor(tick / 100) * units), beginNs: tick * ms, endNs: tick * ms + 1000 }));
    expect(reduce(beats(4096), unknown, rules).windows.at(-1)?.refreshNs).toBe(0);
    expect(reduce(beats(1), { ...unknown, lineRate: 0 }, rules).windows.at(-1)?.refreshNs).toBe(0);
    expect(reduce(beats(1000), { ...unknown, lineRate: 0 }, rules).windows.at(-1)?.refreshNs).toBe(100 * ms);
  });

  test('a source that is read more seldom and more often again keeps units, bursts and what is known', () => {
    const truth: TrueBurst[] = [100, 700, 1100].map((at) => ({ startNs: at * ms, durationNs: 30 * ms, rate: 0.95 * lineRate }));
    const fine = readingsOf(truth, { periodNs: ms, untilNs: 1500 * ms, jitter: 0 }, seed);
    const inputs: ReducerInput[] = [...fine.slice(0, 500), { periodNs: 10 * ms }, ...fine.slice(500, 1000).filter((_, index) => index % 10 === 9), { periodNs: ms }, ...fine.slice(1000)];
    const { bursts, windows } = reduce(inputs, unknown, rules);
    expectFound(truth, bursts, 10 * ms);
    expect(windows.map(({ refreshNs }) => refreshNs)).toEqual(windows.map(() => 0));
    expect(sum(windows.map(({ units }) => units))).toBeCloseTo(bytesUntil(truth, Infinity), -1);
    expect(sum(windows.map(({ coveredNs }) => coveredNs))).toBeCloseTo(1499 * ms, -2);
  });
});
