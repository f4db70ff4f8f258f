// Ground truth of reduction: what bursts of a synthetic counter must look like, for the reducer in TypeScript and for the native one, which runs as a
// program of its own under the address and undefined-behaviour sanitizers where the compiler has them.

import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, hasCompiler, hasSanitizer } from '../../scripts/native.mjs';
import { defaultRules, type CounterRules, type ReductionRules } from '../../src/roce/reduction.ts';
import { burstError, bytesUntil, expectFound, randomBursts, readingsOf, type ReadingPlan, type SignalReading, type TrueBurst } from '../support/counter-signal.ts';
import { buildLimitMs, buildReplay, reduceInTypeScript, reduceNatively, reducers, type Reduce, type ReducedRows, type ReducerInput } from '../support/reduce.ts';

beforeAll(buildReplay, buildLimitMs);

const ms = 1e6;
const lineRate = 1.25e9;
const seed = 20261129;
const traffic: CounterRules = { bits: 64, saturates: false, multiplier: 1, lineRate, refreshNs: 0 };
const events: CounterRules = { ...traffic, bits: 32, lineRate: 0 };
const rules: ReductionRules = { ...defaultRules, windowNs: 100 * ms };
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** Bursts of the signal, and what comes out of reading them. */
function seen(reduce: Reduce, bursts: readonly TrueBurst[], counter = traffic, plan: Partial<ReadingPlan> = {}): ReducedRows {
  const last = bursts.at(-1);
  const untilNs = (last === undefined ? 0 : last.startNs + last.durationNs) + 60 * ms;
  return reduce(readingsOf(bursts, { periodNs: ms, untilNs, jitter: 0.04, multiplier: counter.multiplier, ...plan }, seed), counter, rules);
}

function plain(values: readonly number[], periodNs = ms): SignalReading[] {
  return values.map((value, index) => ({ value: BigInt(value), beginNs: index * periodNs, endNs: index * periodNs + 1000 }));
}

describe.each(reducers)('%s', (_name, reduce) => {
  test(`200 bursts of two periods or longer: all found, none invented, bytes exact, duration within a period (seed ${seed})`, () => {
    const truth = randomBursts(seed, 200, ms, lineRate);
    const { bursts, windows } = seen(reduce, truth);
    expectFound(truth, bursts, ms);
    expect(sum(windows.map(({ bursts: count }) => count))).toBe(truth.length);
    expect(Math.abs(sum(windows.map(({ units }) => units)) - bytesUntil(truth, Infinity))).toBeLessThanOrEqual(1);
    expect(sum(windows.map(({ implausible }) => implausible))).toBe(0);
  });

  test('time above 90 % of the line is within a period a burst', () => {
    const truth = randomBursts(seed + 1, 100, ms, lineRate);
    const { windows } = seen(reduce, truth);
    const aboveNs = sum(windows.map((window) => window.aboveNs[1] ?? 0));
    expect(Math.abs(aboveNs - sum(truth.map(({ durationNs }) => durationNs)))).toBeLessThanOrEqual(truth.length * ms);
    for (const burst of truth.slice(0, 20)) {
      const own = sum(seen(reduce, [burst]).windows.map((window) => window.aboveNs[1] ?? 0));
      expect(Math.abs(own - burst.durationNs)).toBeLessThanOrEqual(ms);
    }
  });

  test('words of four bytes count four times', () => {
    const [burst] = seen(reduce, [{ startNs: 20.5 * ms, durationNs: 4 * ms, rate: lineRate }], { ...traffic, multiplier: 4 }).bursts;
    expect(burst?.units).toBe(0.004 * lineRate);
  });

  test('a narrow counter that wraps in a burst loses nothing', () => {
    const truth = randomBursts(seed + 2, 20, ms, lineRate);
    const { bursts, windows } = seen(reduce, truth, { ...traffic, bits: 32 }, { bits: 32, startValue: 2n ** 32n - 50_000_000n });
    expect(sum(windows.map(({ wraps }) => wraps))).toBe(1);
    expect(sum(windows.map(({ resets }) => resets))).toBe(0);
    expect(Math.max(...truth.map((burst, index) => burstError(burst, bursts[index]).bytes))).toBeLessThanOrEqual(1);
  });

  test('a counter that refreshes every 10 ms shows no false burst at 1 ms', () => {
    // A twentieth of the line, steadily: read between refreshes it is 0, 0, 0, half a line.
    const steady: TrueBurst[] = [{ startNs: 0, durationNs: 2000 * ms, rate: 0.06 * lineRate }];
    const naive = seen(reduce, steady, traffic, { refreshNs: 10 * ms });
    expect(naive.bursts.length).toBeGreaterThan(50);
    const { bursts, windows } = seen(reduce, steady, { ...traffic, refreshNs: 10 * ms }, { refreshNs: 10 * ms });
    expect(bursts).toEqual([]);
    expect(Math.max(...windows.map(({ peakRate }) => peakRate))).toBeLessThan(0.07 * lineRate);
    expect(sum(windows.map(({ units }) => units))).toBeCloseTo(bytesUntil(steady, Infinity), -1);
  });

  test('the time between changes is measured', () => {
    const steady: TrueBurst[] = [{ startNs: 0, durationNs: 2000 * ms, rate: 0.06 * lineRate }];
    const [, window] = seen(reduce, steady, traffic, { refreshNs: 10 * ms }).windows;
    expect(window?.gapMinNs).toBeGreaterThan(8.9 * ms);
    expect(window?.gapMeanNs).toBeCloseTo(10 * ms, -6);
  });

  test('an idle counter that refreshes slowly keeps its first bytes apart', () => {
    const truth: TrueBurst[] = [{ startNs: 503 * ms, durationNs: 60 * ms, rate: 0.95 * lineRate }];
    const { bursts, windows } = seen(reduce, truth, { ...traffic, refreshNs: 10 * ms }, { refreshNs: 10 * ms });
    expect(bursts.length).toBe(1);
    expect(bursts[0]?.peakRate).toBeLessThan(1.05 * lineRate);
    expect(sum(windows.map(({ units }) => units))).toBeCloseTo(bytesUntil(truth, Infinity), -1);
  });

  test('a counter that goes back without a plausible way around was reset: nothing is claimed', () => {
    const [window] = reduce(plain([1_000_000, 1_000_500, 3, 103, 203]), { ...events, bits: 64 }, rules).windows;
    expect(window).toMatchObject({ resets: 1, wraps: 0, units: 700, changes: 4 });
  });

  test('a classic counter that stands at its largest value is flagged, and going back is a reset', () => {
    const [window] = reduce(plain([250, 255, 255, 0, 1]), { ...events, bits: 8, saturates: true }, rules).windows;
    expect(window).toMatchObject({ saturations: 1, resets: 1, wraps: 0, units: 6 });
  });

  test('an impossible rate keeps its bytes and makes no peak and no burst', () => {
    const step = lineRate / 1000;
    const { windows, bursts } = reduce(plain([0, 0, 3 * step, 3 * step, 3.1 * step]), traffic, rules);
    expect(bursts).toEqual([]);
    expect(windows[0]).toMatchObject({ implausible: 1, units: 3.1 * step });
    expect(windows[0]?.peakRate).toBeLessThan(0.11 * lineRate);
  });

  test('an impossible rate within a burst belongs to it with bytes and time', () => {
    const step = lineRate / 1000;
    const { windows, bursts } = reduce(plain([0, 0, step, 1.5 * step, 3 * step, 4 * step, 4 * step, 4 * step]), traffic, rules);
    expect(windows[0]?.implausible).toBe(1);
    expect(bursts).toMatchObject([{ units: 4 * step, durationNs: 4 * ms, peakRate: lineRate }]);
  });

  test('a reading that took long, or came early, is joined with the next', () => {
    const slow: SignalReading[] = [...plain([0, 1000]), { value: 2000n, beginNs: 1.6 * ms, endNs: 2.4 * ms }, { value: 3000n, beginNs: 3 * ms, endNs: 3 * ms }];
    expect(reduce(slow, traffic, rules).windows[0]).toMatchObject({ intervals: 2, units: 3000 });
    const early: SignalReading[] = [...plain([0, 1000]), { value: 1500n, beginNs: 1.2 * ms, endNs: 1.2 * ms }, { value: 2000n, beginNs: 2 * ms, endNs: 2 * ms }];
    expect(reduce(early, traffic, rules).windows[0]).toMatchObject({ intervals: 2, units: 2000 });
  });

  test('two bursts with one idle interval between them are one, with three they are two', () => {
    const pair = (gapMs: number): TrueBurst[] => [{ startNs: 20 * ms, durationNs: 4 * ms, rate: lineRate }, { startNs: (24 + gapMs) * ms, durationNs: 4 * ms, rate: lineRate }];
    const counted = (gapMs: number) => seen(reduce, pair(gapMs), traffic, { jitter: 0 }).bursts.map(({ units }) => Math.round(units));
    expect(counted(1)).toEqual([0.008 * lineRate]);
    expect(counted(3)).toEqual([0.004 * lineRate, 0.004 * lineRate]);
  });

  test('a source that was lost ends the burst, and what was counted meanwhile is not claimed', () => {
    const step = lineRate / 1000;
    const before = plain([0, step, 2 * step]);
    const after = plain([0, 0, 0, 0, 0, 9 * step, 9 * step]).slice(5);
    const { windows, bursts } = reduce([...before, 'lost', ...after], traffic, rules);
    expect(bursts.map(({ units }) => units)).toEqual([2 * step]);
    expect(windows[0]?.units).toBe(2 * step);
  });

  test('after a loss the total goes on where the counter can have gone on, and the units in between are claimed by the total alone', () => {
    const step = lineRate / 1000;
    const { windows } = reduce([...plain([1000, 1000 + step]), 'lost', ...plain([0, 0, 0, 0, 0, 9 * step, 10 * step]).slice(5)], traffic, rules);
    expect(windows[0]).toMatchObject({ units: 2 * step, total: 10 * step, coveredNs: 2 * ms, resets: 0 });
    const smaller = reduce([...plain([1000, 2000]), 'lost', ...plain([0, 0, 0, 10, 15]).slice(3)], events, rules).windows[0];
    expect(smaller).toMatchObject({ units: 1005, total: 15 });
  });

  test('the total unrolls wraps, and begins again after a reset', () => {
    expect(reduce(plain([250, 255, 4, 10]), { ...events, bits: 8 }, rules).windows[0]).toMatchObject({ wraps: 1, units: 16, total: 266 });
    expect(reduce(plain([1000, 1100, 3, 5]), { ...events, bits: 64 }, rules).windows[0]).toMatchObject({ resets: 1, units: 102, total: 5, coveredNs: 3 * ms });
    expect(reduce([], events, rules).windows).toEqual([]);
  });

  test('time without readings is not covered, and a window is covered up to its last reading', () => {
    const readings = plain(Array.from({ length: 250 }, (_, index) => index));
    const { windows } = reduce([...readings.slice(0, 40), 'lost', ...readings.slice(60)], events, rules);
    expect(windows.map(({ coveredNs }) => Math.round(coveredNs / ms))).toEqual([39 + 39, 100, 50]);
  });

  test('what is shorter than the least number of intervals is no burst', () => {
    const truth: TrueBurst[] = [2, 3, 4, 5].map((length, index) => ({ startNs: (20 + 30 * index) * ms, durationNs: length * ms, rate: lineRate }));
    const inputs = readingsOf(truth, { periodNs: ms, untilNs: 150 * ms, jitter: 0 }, seed);
    const counted = (minIntervals: number) => reduce(inputs, traffic, { ...rules, minIntervals }).bursts.map(({ durationNs }) => Math.round(durationNs / ms));
    expect(counted(1)).toEqual([2, 3, 4, 5]);
    expect(counted(4)).toEqual([4, 5]);
    expect(counted(6)).toEqual([]);
  });

  test('events: time in which the counter moved, and the most in one interval', () => {
    const [window] = reduce(plain([0, 0, 5, 6, 6, 6, 20, 20]), events, rules).windows;
    expect(window).toMatchObject({ units: 20, activeNs: 3 * ms, peakUnits: 14, bursts: 0 });
    expect(sum(window?.utilization ?? [])).toBe(0);
  });

  test('windows are aligned to the given clock', () => {
    const values = Array.from({ length: 250 }, (_, index) => index);
    const { windows } = reduce(plain(values), events, { ...rules, alignNs: 30 * ms });
    expect(windows.map(({ startNs }) => startNs)).toEqual([-30 * ms, 70 * ms, 170 * ms]);
    expect(sum(windows.map(({ units }) => units))).toBe(249);
  });

  test('utilisation is counted by interval', () => {
    const { windows } = seen(reduce, [{ startNs: 10 * ms, durationNs: 80 * ms, rate: lineRate / 2 }], traffic, { jitter: 0 });
    expect(windows[0]?.utilization[72]).toBe(80);
    expect(windows[0]?.utilization[0]).toBe(19);
  });
});

describe.runIf(hasCompiler())('both', () => {
  test('give the same rows', () => {
    const readings = readingsOf(randomBursts(seed + 3, 50, ms, lineRate), { periodNs: ms, untilNs: 1500 * ms, jitter: 0.6 }, seed);
    const inputs: ReducerInput[] = [...readings.slice(0, 700), 'lost', ...readings.slice(720)];
    expect(reduceNatively(inputs, traffic, rules)).toEqual(reduceInTypeScript(inputs, traffic, rules));
  });
});

describe('the native core', () => {
  test.runIf(hasSanitizer('address,undefined'))('holds with the address and undefined-behaviour sanitizers', () => expectPasses('address,undefined'), buildLimitMs);
  test.runIf(hasSanitizer('thread'))('holds with the thread sanitizer', () => expectPasses('thread'), buildLimitMs);
});

function expectPasses(sanitizers: string): void {
  const { status, stdout, stderr } = spawnSync(buildProgram('core-test', sanitizers), { encoding: 'utf8' });
  expect(`${stdout}${stderr}`).toBe('0 failed\n');
  expect(status).toBe(0);
}
