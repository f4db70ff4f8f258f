// Laws of reduction, for random signals with wraps, resets, losses, late and slow readings, and periods and refreshes that change: what is counted is
// accounted for, nothing impossible is said, and both reducers say the same. A failing seed is in the test's name.

import { beforeAll, describe, expect, test } from 'vitest';
import { hasCompiler } from '../../scripts/native.mjs';
import { seededRandom } from '../../src/io/random.ts';
import { defaultRules, plausibleShare, type CounterRules, type ReductionRules } from '../../src/roce/reduction.ts';
import type { CaptureRules } from '../../src/roce/sampler.ts';
import { buildLimitMs, buildReplay, replayInTypeScript, replayNatively, type ReducedRows, type ReplayCounter, type ReplayPlan, type ReducerInput } from '../support/reduce.ts';

beforeAll(buildReplay, buildLimitMs);

const ms = 1e6;
const lineRate = 1.25e9;
const seeds = Array.from({ length: 24 }, (_, index) => 7000 + index);
const windowNs = 150 * ms;

/** What one counter went through: its readings, and the units that no window may claim. */
interface History {
  readonly inputs: readonly ReducerInput[];
  /** Units that passed while the source was lost, where the counter did not go back; NaN after a reset, which begins the total anew. */
  readonly unclaimed: number;
  readonly hasReset: boolean;
  readonly firstUnits: number;
}

class Dice {
  readonly #random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  next(): number {
    return this.#random.next();
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(first: T, ...rest: readonly T[]): T {
    return rest[this.below(rest.length + 1) - 1] ?? first;
  }
}

function counterOf(dice: Dice): CounterRules {
  const hasLine = dice.chance(0.7);
  return {
    bits: hasLine ? dice.pick(64, 48, 32) : dice.pick(64, 32, 8), saturates: dice.chance(0.1), multiplier: dice.pick(1, 4),
    lineRate: hasLine ? lineRate : 0, refreshNs: dice.pick<number | 'learn'>('learn', 'learn', 0, 10 * ms),
  };
}

/** Loads, idle times and bursts of the counter in units a nanosecond, each for some milliseconds. */
function loadOf(dice: Dice, { lineRate: line }: CounterRules): number {
  const most = line > 0 ? line : 2e4;
  return (dice.pick(0, 0, 0.001, 0.06, 0.6, 0.95) * dice.next() * most) / 1e9;
}

function historyOf(dice: Dice, counter: CounterRules): History {
  const { bits, multiplier } = counter;
  const range = 1n << BigInt(bits);
  let counted = BigInt(dice.below(bits === 8 ? 200 : 2 ** 31));
  let parts = 0;
  let load = loadOf(dice, counter);
  let periodNs = ms;
  let refreshNs = dice.pick(0, 0, 10 * ms, 3 * ms);
  let shown = counted % range;
  let shownNs = 0;
  let isLost = false;
  let last: bigint | undefined;
  let firstUnits = 0;
  let unclaimed = 0;
  let hasReset = false;
  const inputs: ReducerInput[] = [];
  let ns = ms;
  for (let step = 0; step < 1500; step++) {
    if (dice.chance(0.04)) load = loadOf(dice, counter);
    if (dice.chance(0.003)) refreshNs = dice.pick(0, 10 * ms, 25 * ms);
    if (dice.chance(0.005)) {
      periodNs = dice.pick(ms, 2 * ms, 10 * ms);
      inputs.push({ periodNs });
    }
    const elapsed = dice.chance(0.02) ? dice.pick(0.2, 3, 20) * periodNs : (1 + 0.1 * dice.next()) * periodNs;
    ns += Math.round(elapsed);
    parts += (load * elapsed) / multiplier;
    counted += BigInt(Math.floor(parts));
    parts -= Math.floor(parts);
    if (dice.chance(0.002)) {
      counted = 0n;
      shown = 0n;
    }
    if (refreshNs === 0 || ns - shownNs >= refreshNs) {
      shown = counted % range;
      shownNs = ns;
    }
    if (dice.chance(isLost ? 0.1 : 0.003)) {
      if (!isLost) inputs.push('lost');
      isLost = !isLost;
      if (!isLost && last !== undefined && shown >= last) unclaimed += Number(shown - last) * multiplier;
      if (!isLost && last !== undefined && shown < last) hasReset = true;
    }
    if (isLost) continue;
    if (last === undefined) firstUnits = Number(shown) * multiplier;
    last = shown;
    const halfNs = dice.chance(0.02) ? 0.3 * periodNs : 1000;
    inputs.push({ value: shown, beginNs: ns - halfNs, endNs: ns + halfNs });
  }
  return { inputs, unclaimed, hasReset, firstUnits };
}

function planOf(seed: number): { readonly plan: ReplayPlan; readonly histories: readonly History[] } {
  const dice = new Dice(seed);
  const rules: ReductionRules = { ...defaultRules, windowNs, alignNs: dice.below(1e9), mergeGap: dice.below(4), minIntervals: 1 + dice.below(3) };
  const capture: CaptureRules = { preNs: dice.pick(50, 5) * ms, postNs: dice.pick(100, 1) * ms, maxNs: dice.pick(2000, 120) * ms };
  const counters = Array.from({ length: 4 }, (_, index): ReplayCounter => {
    const own = counterOf(dice);
    return { rules: own, port: index % 2, isEvent: own.lineRate === 0, isCaptured: dice.chance(0.8) };
  });
  const histories = counters.map(({ rules: own }) => historyOf(dice, own));
  const longest = Math.max(...histories.map(({ inputs }) => inputs.length));
  const inputs = Array.from({ length: longest }, (_, at) => histories.flatMap((history, counter) => {
    const input = history.inputs[at];
    return input === undefined ? [] : [[counter, input] as const];
  })).flat();
  return { plan: { rules, capture, counters, inputs }, histories };
}

/** Units of windows and those that nobody claims are the difference of totals. */
function expectAccounted(rows: ReducedRows, { counters }: ReplayPlan, histories: readonly History[]): void {
  for (const [channel, history] of histories.entries()) {
    const windows = rows.windows.filter((row) => row.channel === channel);
    const total = windows.at(-1)?.total ?? NaN;
    const units = windows.reduce((sum, row) => sum + row.units, 0);
    if (history.hasReset || windows.some(({ resets }) => resets > 0)) expect(total).toBeGreaterThanOrEqual(0);
    else expect(Math.abs(units + history.unclaimed - (total - history.firstUnits))).toBeLessThanOrEqual(1e-9 * total);
    expect(units % (counters[channel]?.rules.multiplier ?? 1)).toBe(0);
  }
}

function expectPossible(rows: ReducedRows, { counters }: ReplayPlan): void {
  const lineOf = (channel: number) => (counters[channel]?.rules.lineRate ?? 0) * plausibleShare;
  for (const row of rows.windows) {
    if (lineOf(row.channel) > 0) expect(row.peakRate).toBeLessThanOrEqual(lineOf(row.channel));
    expect(row.utilization.reduce((sum, count) => sum + count, 0)).toBe(lineOf(row.channel) > 0 ? row.intervals : 0);
    for (const number of [row.units, row.coveredNs, row.activeNs, row.burstNs, row.burstUnits, ...row.aboveNs]) expect(number).toBeGreaterThanOrEqual(0);
    expect(row.peakUnits).toBeLessThanOrEqual(rows.windows.filter(({ channel }) => channel === row.channel).reduce((sum, { units }) => sum + units, 0));
  }
  for (const { channel, peakRate, durationNs, units } of rows.bursts) {
    expect(peakRate).toBeLessThanOrEqual(lineOf(channel));
    expect(durationNs).toBeGreaterThan(0);
    expect(units).toBeGreaterThan(0);
  }
  for (const { channel, value } of rows.captures) if (lineOf(channel) > 0) expect(value).toBeLessThanOrEqual(lineOf(channel));
}

function expectOrdered(rows: ReducedRows, { counters, capture }: ReplayPlan): void {
  for (const channel of counters.keys()) {
    const windows = rows.windows.filter((row) => row.channel === channel);
    for (const [index, { startNs, endNs }] of windows.entries()) {
      expect(endNs - startNs).toBeCloseTo(windowNs, -1);
      expect(startNs).toBeGreaterThanOrEqual(windows[index - 1]?.endNs ?? -Infinity);
    }
    const bursts = rows.bursts.filter((row) => row.channel === channel);
    for (const [index, { startNs }] of bursts.entries()) expect(startNs).toBeGreaterThan(bursts[index - 1]?.startNs ?? -Infinity);
    const times = rows.captures.filter((row) => row.channel === channel).map(({ atNs }) => atNs);
    for (const [index, atNs] of times.entries()) expect(atNs).toBeGreaterThan(times[index - 1] ?? -Infinity);
    const starts = rows.starts.filter(({ port }) => port === counters[channel]?.port);
    for (const atNs of times) expect(starts.some((start) => atNs >= start.atNs - (capture?.preNs ?? 0) && atNs <= start.atNs - (capture?.preNs ?? 0) + (capture?.maxNs ?? 0))).toBe(true);
  }
}

describe('whatever a counter does', () => {
  test.each(seeds)('seed %d: units are accounted for, rates are possible, rows are in order', (seed) => {
    const { plan, histories } = planOf(seed);
    const rows = replayInTypeScript(plan);
    expectAccounted(rows, plan, histories);
    expectPossible(rows, plan);
    expectOrdered(rows, plan);
  });

  test.runIf(hasCompiler()).each(seeds)('seed %d: both reducers give equal rows', (seed) => {
    const { plan } = planOf(seed);
    expect(replayNatively(plan)).toEqual(replayInTypeScript(plan));
  });
});
