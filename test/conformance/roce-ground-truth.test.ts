// Ground truth of sampling, every millisecond on a simulated clock: what a whole sampler in TypeScript finds of bursts that are known exactly, and what the native core finds in the same
// readings. `npm run bench -- roce` asks the same of the whole native sampler, in real time.

import { beforeAll, describe, expect, test } from 'vitest';
import { hasCompiler } from '../../scripts/native.mjs';
import { defaultRules, type BurstRow, type CounterRules, type ReductionRules, type WindowRow } from '../../src/roce/reduction.ts';
import { burstError, expectFound, poissonBursts, poissonFrames, ramps, randomBursts, squares, type TrueBurst } from '../support/counter-signal.ts';
import { buildLimitMs, buildReplay, reduceNatively } from '../support/reduce.ts';
import { sampleSynthetic, type SyntheticSource } from '../support/synthetic-source.ts';

beforeAll(buildReplay, buildLimitMs);

const ms = 1e6;
const lineRate = 1.25e9;
const seed = 20261129;
const traffic: CounterRules = { bits: 64, saturates: false, multiplier: 1, lineRate, refreshNs: 0 };
const learned: CounterRules = { ...traffic, refreshNs: 'learn' };
const rules: ReductionRules = { ...defaultRules, periodNs: ms, windowNs: 100 * ms };

interface Found {
  readonly windows: readonly WindowRow[];
  readonly bursts: readonly BurstRow[];
}

type Sample = (source: SyntheticSource, counter: CounterRules) => Found;

const sampleInTypeScript: Sample = (source, counter) => {
  const { rows, missed } = sampleSynthetic(source, counter, rules, seed);
  expect(missed).toBe(0);
  return rows;
};
/** The sampler's readings, reduced again. */
const sampleNatively: Sample = (source, counter) => {
  // A reader that lost its device says so once.
  const { inputs } = sampleSynthetic(source, counter, rules, seed);
  return reduceNatively(inputs.filter((input, index) => input !== 'lost' || inputs[index - 1] !== 'lost'), counter, rules);
};
const samplers: readonly (readonly [string, Sample])[] = hasCompiler() ? [['typescript', sampleInTypeScript], ['native', sampleNatively]] : [['typescript', sampleInTypeScript]];

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
const total = (found: Found, count: (window: WindowRow) => number) => sum(found.windows.map(count));
const bytesOf = (truth: readonly TrueBurst[]) => sum(truth.map(({ rate, durationNs }) => (rate * durationNs) / 1e9));
const endOf = (truth: readonly TrueBurst[]) => Math.max(...truth.map(({ startNs, durationNs }) => startNs + durationNs)) + 60 * ms;

/** All that the bars ask: of bursts, of all bytes, of time above 90 % of the line. */
function expectTruth(truth: readonly TrueBurst[], found: Found, periodNs = ms): void {
  expectFound(truth, found.bursts, periodNs);
  expect(total(found, ({ bursts }) => bursts)).toBe(truth.length);
  expect(Math.abs(total(found, ({ units }) => units) - bytesOf(truth))).toBeLessThanOrEqual(1);
  expect(total(found, ({ implausible }) => implausible)).toBe(0);
  const above = truth.filter(({ rate }) => rate >= 0.9 * lineRate);
  expect(Math.abs(total(found, ({ aboveNs }) => aboveNs[1] ?? 0) - sum(above.map(({ durationNs }) => durationNs)))).toBeLessThanOrEqual(above.length * periodNs);
}

const square = randomBursts(seed, 200, ms, lineRate);
const random = poissonBursts(seed + 1, 200, ms, lineRate);
/** Two periods at their full rate. */
const longer = randomBursts(seed + 2, 200, ms, lineRate).map((burst) => ({ ...burst, durationNs: burst.durationNs + 0.5 * ms }));

interface Shape {
  readonly name: string;
  readonly truth: readonly TrueBurst[];
  readonly source?: Partial<SyntheticSource>;
  readonly counter?: CounterRules;
}

const shapes: readonly Shape[] = [
  { name: 'square bursts', truth: square },
  { name: 'square bursts of a counter that has to prove that it is fresh', truth: square, counter: learned },
  { name: 'ramps', truth: longer, source: { signal: ramps(longer, 0.5 * ms) } },
  { name: 'bursts at random times of random length', truth: random },
  { name: 'wraps of a narrow counter, one of them in a burst', truth: square, counter: { ...traffic, bits: 28 }, source: { startValue: (1n << 28n) - 10_000n } },
  { name: 'readings that take 15 us', truth: square, source: { readNs: 15_000 } },
  { name: 'a device that is gone between two bursts', truth: square, source: { gone: between(square, 99) } },
];

/** From a little after this burst until a little before the next. */
function between(truth: readonly TrueBurst[], index: number): { fromNs: number; toNs: number } {
  const [before, after] = [truth[index], truth[index + 1]];
  return { fromNs: (before?.startNs ?? 0) + (before?.durationNs ?? 0) + 2.5 * ms, toNs: (after?.startNs ?? 0) - 1.5 * ms };
}

describe.each(samplers)('%s', (_name, sample) => {
  test.each(shapes)(`$name: all found, none invented, bytes exact, duration within a period, peak within 5 % (seed ${seed})`, ({ truth, source, counter }) => {
    expectTruth(truth, sample({ signal: squares(truth), untilNs: endOf(truth), ...source }, counter ?? traffic));
  });

  test('every wrap is seen', () => {
    const bits = 28;
    const found = sample({ signal: squares(square), untilNs: endOf(square), startValue: 0n }, { ...traffic, bits });
    expect(total(found, ({ wraps }) => wraps)).toBe(Math.floor(bytesOf(square) / 2 ** bits));
    expect(total(found, ({ resets }) => resets)).toBe(0);
  });

  test.each([['is known', 10 * ms], ['is learned', 'learn']] as const)('a counter that refreshes every 10 ms, which %s: bursts of 20 ms or longer, as far as refreshes tell', (_what, refreshNs) => {
    const refresh = 10 * ms;
    const truth = randomBursts(seed + 3, 60, refresh, lineRate).map((burst) => ({ ...burst, startNs: burst.startNs + 1000 * ms }));
    // A tenth of the line, from which it can be learned.
    const before: TrueBurst = { startNs: 0, durationNs: 500 * ms, rate: 0.1 * lineRate };
    const found = sample({ signal: squares([before, ...truth]), untilNs: endOf(truth) + 1000 * ms, refreshNs: refresh }, { ...traffic, refreshNs });
    expect(found.bursts.length).toBe(truth.length);
    const errors = truth.map((burst, index) => burstError(burst, found.bursts[index]));
    expect(Math.max(...errors.map(({ durationNs }) => durationNs))).toBeLessThanOrEqual(refresh);
    expect(Math.max(...errors.map(({ bytes }) => bytes))).toBeLessThanOrEqual(1);
    expect(Math.max(...errors.map(({ peak }) => peak))).toBeLessThanOrEqual(0.05);
    expect(Math.abs(total(found, ({ units }) => units) - bytesOf([before, ...truth]))).toBeLessThanOrEqual(1);
  });

  test('frames at random times that make a tenth of the line are no bursts, and all their bytes are there', () => {
    const untilNs = 2000 * ms;
    const signal = poissonFrames(seed + 4, { rate: 0.1 * lineRate, frameBytes: 4096, untilNs });
    const found = sample({ signal, untilNs: untilNs + 10 * ms }, traffic);
    expect(found.bursts).toEqual([]);
    // The first reading is where counting begins.
    expect(Math.abs(total(found, ({ units }) => units) - signal(Infinity))).toBeLessThanOrEqual(0.1 * lineRate * 3e-3);
    expect(total(found, ({ aboveNs }) => sum(aboveNs))).toBe(0);
  });

  test('a device that goes in a burst and comes back in the next: these two are told as far as they were seen, the others exactly', () => {
    const [goes, comes] = [square[50]!, square[51]!];
    const gone = { fromNs: goes.startNs + goes.durationNs / 2, toNs: comes.startNs + comes.durationNs / 2 };
    const found = sample({ signal: squares(square), untilNs: endOf(square), gone }, traffic);
    const isHalf = ({ startNs }: { readonly startNs: number }) => startNs > goes.startNs - ms && startNs < comes.startNs + comes.durationNs;
    expectFound(square.filter((burst) => !isHalf(burst)), found.bursts.filter((row) => !isHalf(row)), ms);
    const halves = found.bursts.filter(isHalf);
    expect(halves.length).toBeLessThanOrEqual(2);
    expect(sum(halves.map(({ units }) => units))).toBeLessThanOrEqual(bytesOf([goes, comes]) / 2 + 1);
  });
});
