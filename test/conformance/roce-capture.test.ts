// Captures: what is kept around events and bursts at full resolution, by the recorders in TypeScript and in C++.

import { beforeAll, describe, expect, test } from 'vitest';
import { hasCompiler } from '../../scripts/native.mjs';
import { defaultRules, type CaptureRow, type CounterRules, type ReductionRules } from '../../src/roce/reduction.ts';
import type { CaptureRules } from '../../src/roce/sampler.ts';
import { bytesUntil, randomBursts, readingsOf, type SignalReading, type TrueBurst } from '../support/counter-signal.ts';
import { buildLimitMs, buildReplay, replayInTypeScript, replayNatively, replays, type Replay, type ReplayCounter, type ReplayPlan, type ReducedRows } from '../support/reduce.ts';

beforeAll(buildReplay, buildLimitMs);

const ms = 1e6;
const lineRate = 1.25e9;
const seed = 20261201;
const rules: ReductionRules = { ...defaultRules, windowNs: 500 * ms };
const capture: CaptureRules = { preNs: 50 * ms, postNs: 100 * ms, maxNs: 2000 * ms };
const bytes: CounterRules = { bits: 64, saturates: false, multiplier: 1, lineRate, refreshNs: 0 };
const marks: CounterRules = { ...bytes, bits: 32, lineRate: 0 };
const traffic: ReplayCounter = { rules: bytes, port: 3, isEvent: false, isCaptured: true };
const trouble: ReplayCounter = { rules: marks, port: 3, isEvent: true, isCaptured: true };

/** Readings of several counters at the same ticks, each from a list of bursts or a value by tick. */
type Signal = readonly TrueBurst[] | ((tick: number) => number);

function inputsOf(signals: readonly Signal[], untilMs: number, jitter = 0): ReplayPlan['inputs'] {
  const lists = signals.map((signal) => readings(signal, untilMs, jitter));
  return Array.from({ length: untilMs }, (_, tick) => lists.flatMap((list, counter) => (list[tick] === undefined ? [] : [[counter, list[tick]] as const]))).flat();
}

function readings(signal: Signal, untilMs: number, jitter: number): SignalReading[] {
  if (typeof signal === 'object') return readingsOf(signal, { periodNs: ms, untilNs: untilMs * ms, jitter }, seed);
  return Array.from({ length: untilMs }, (_, tick) => ({ value: BigInt(signal(tick)), beginNs: tick * ms - 1000, endNs: tick * ms + 1000 }));
}

const of = (rows: readonly CaptureRow[], channel: number) => rows.filter((row) => row.channel === channel);
const timesOf = (rows: readonly CaptureRow[]) => rows.map(({ atNs }) => atNs / ms);
const range = (from: number, until: number) => Array.from({ length: until - from + 1 }, (_, index) => from + index);

function captured(replay: Replay, counters: readonly ReplayCounter[], signals: readonly Signal[], untilMs: number, own: Partial<CaptureRules> = {}): ReducedRows {
  return replay({ rules, capture: { ...capture, ...own }, counters, inputs: inputsOf(signals, untilMs) });
}

describe.each(replays)('%s', (_name, replay) => {
  test('an event brings what was before it and what comes after it, of every captured counter of its port', () => {
    const elsewhere = { ...traffic, port: 4 };
    const unkept = { ...traffic, isCaptured: false };
    const event = (tick: number) => (tick >= 300 ? 5 : 0);
    const { starts, captures } = captured(replay, [trouble, traffic, elsewhere, unkept], [event, (tick) => tick * 10, (tick) => tick, (tick) => tick], 1000);
    expect(starts).toEqual([{ port: 3, channel: 0, atNs: 300 * ms }]);
    expect(timesOf(of(captures, 0))).toEqual(range(250, 400));
    expect(of(captures, 0).filter(({ value }) => value !== 0)).toEqual([{ channel: 0, atNs: 300 * ms, value: 5 }]);
    expect(timesOf(of(captures, 1))).toEqual(range(250, 400));
    expect(new Set(of(captures, 1).map(({ value }) => value))).toEqual(new Set([10_000]));
    expect([...of(captures, 2), ...of(captures, 3)]).toEqual([]);
  });

  test('a burst is captured with its true rates, from before it to after its end', () => {
    const burst: TrueBurst = { startNs: 300.5 * ms, durationNs: 40 * ms, rate: 0.95 * lineRate };
    const { starts, captures, bursts } = captured(replay, [traffic, trouble], [[burst], () => 0], 1000);
    expect(bursts.length).toBe(1);
    expect(starts).toEqual([{ port: 3, channel: 0, atNs: 301 * ms }]);
    expect(timesOf(of(captures, 0))).toEqual(range(251, 440));
    for (const { atNs, value } of of(captures, 0)) expect(value * 1e-3).toBeCloseTo(bytesUntil([burst], atNs) - bytesUntil([burst], atNs - ms), 2);
    expect(timesOf(of(captures, 1))).toEqual(range(251, 440));
  });

  test('events that go on keep the capture going, up to its limit; then the next begins without repeating anything', () => {
    const { starts, captures } = captured(replay, [trouble], [(tick) => (tick < 300 ? 0 : Math.min(tick, 1100) - 299)], 2000, { maxNs: 400 * ms });
    expect(starts.map(({ atNs }) => atNs / ms)).toEqual([300, 651, 1002]);
    expect(timesOf(captures)).toEqual(range(250, 1200));
  });

  test('an event of a counter of which nothing is known is among what it did before and after, as with any other', () => {
    const counter = { ...trouble, rules: { ...marks, refreshNs: 'learn' as const } };
    const { captures } = captured(replay, [counter], [(tick) => (tick >= 1300 ? 5 : 0) + (tick >= 1350 ? 2 : 0)], 2000);
    expect(timesOf(captures)).toEqual(range(1250, 1450));
    expect(captures.filter(({ value }) => value > 0)).toEqual([{ channel: 0, atNs: 1300 * ms, value: 5 }, { channel: 0, atNs: 1350 * ms, value: 2 }]);
  });

  test('events apart from each other are captures of their own', () => {
    const { starts, captures } = captured(replay, [trouble], [(tick) => (tick >= 300 ? 1 : 0) + (tick >= 420 ? 1 : 0) + (tick >= 900 ? 1 : 0)], 1300);
    expect(starts.map(({ atNs }) => atNs / ms)).toEqual([300, 420, 900]);
    expect(timesOf(captures)).toEqual([...range(250, 520), ...range(850, 1000)]);
  });

  test('a burst without an end is captured up to the limit', () => {
    const { starts, captures } = captured(replay, [traffic], [[{ startNs: 300 * ms, durationNs: 5000 * ms, rate: 0.8 * lineRate }]], 1500, { maxNs: 500 * ms });
    expect(starts.length).toBe(1);
    expect(timesOf(captures)).toEqual(range(250, 750));
  });

  test('without captures in the plan nothing is kept', () => {
    const { starts, captures } = replay({ rules, capture: undefined, counters: [traffic], inputs: inputsOf([randomBursts(seed, 3, ms, lineRate)], 200) });
    expect([...starts, ...captures]).toEqual([]);
  });

  test.each(['learn', 0] as const)(`times grow strictly for each counter, and bytes of all captured bursts are exact (refresh %s, seed ${seed})`, (refreshNs) => {
    const truth = randomBursts(seed, 60, ms, lineRate).map((burst, index) => ({ ...burst, startNs: burst.startNs + Math.floor(index / 5) * 300 * ms }));
    const untilMs = Math.ceil((truth.at(-1)?.startNs ?? 0) / ms) + 400;
    const counters = [traffic, trouble].map((counter) => ({ ...counter, rules: { ...counter.rules, refreshNs } }));
    const { captures, starts } = replay({ rules, capture, counters, inputs: inputsOf([truth, (tick) => Math.floor(tick / 700)], untilMs, 0.04) });
    expect(starts.length).toBeGreaterThan(11);
    for (const channel of [0, 1]) {
      const times = timesOf(of(captures, channel));
      expect(times.every((at, index) => index === 0 || at > (times[index - 1] ?? 0))).toBe(true);
    }
    const rows = of(captures, 0).filter(({ value }) => value > 0);
    expect(Math.max(...rows.map(({ value }) => value))).toBeLessThanOrEqual(1.01 * lineRate);
    if (refreshNs === 'learn') return;
    // An interval's length is the distance to the row before it.
    const all = of(captures, 0);
    const units = all.reduce((sum, { atNs, value }, index) => sum + (value * (atNs - (all[index - 1]?.atNs ?? atNs))) / 1e9, 0);
    expect(Math.abs(units - bytesUntil(truth, Infinity))).toBeLessThan(100);
  });
});

describe.runIf(hasCompiler())('both', () => {
  test.each(['learn', 0, 10 * ms] as const)('give the same rows (refresh %s)', (refreshNs) => {
    const truth = randomBursts(seed + 1, 80, ms, lineRate);
    const counters = [traffic, trouble, { ...traffic, port: 0 }].map((counter) => ({ ...counter, rules: { ...counter.rules, refreshNs } }));
    const inputs = inputsOf([truth, (tick) => Math.floor((tick + 30) / 190), (tick) => tick * tick], 2500, 0.7);
    const plan: ReplayPlan = { rules, capture: { ...capture, maxNs: 300 * ms }, counters, inputs: [...inputs.slice(0, 3000), [0, 'lost'], ...inputs.slice(3090)] };
    const rows = replayInTypeScript(plan);
    expect(rows.captures.length).toBeGreaterThan(500);
    expect(replayNatively(plan)).toEqual(rows);
  });
});
