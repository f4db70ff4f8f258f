// How often the sampler in TypeScript reads, with counters that are pure functions of the test's clock: the governor, refreshes, idleness, and events.
// test/conformance/roce-reduction.test.ts runs native/test/core-test.cpp, which holds the native threads to the same rules.

import { describe, expect, test } from 'vitest';
import { LoopSampler } from '../../../src/roce/loop-sampler.ts';
import type { CounterRules } from '../../../src/roce/reduction.ts';
import type { Channel, SourceRules } from '../../../src/roce/sampler.ts';
import { createTestClock } from '../../support/clock.ts';
import { fileChannel, planOf, steadySource } from '../../support/sampler-plan.ts';

const lineRate = 1e9;
const traffic: CounterRules = { bits: 64, saturates: false, multiplier: 1, lineRate, refreshNs: 0 };
const events: CounterRules = { ...traffic, lineRate: 0 };

/** What a counter stands at, and how long reading it takes, at a time in milliseconds. */
interface Signal {
  readonly valueAt: (ms: number) => number;
  readonly readMs?: (ms: number) => number;
}

/** Runs a sampler at a tick of 10 ms. */
function running(sources: readonly SourceRules[], channels: readonly Channel[], signals: Readonly<Record<string, Signal>>) {
  const testClock = createTestClock();
  let spentMs = 0;
  const clock = { ...testClock, monotonicMs: () => testClock.monotonicMs() + spentMs };
  const reads = new Map<string, number[]>();
  const sampler = new LoopSampler(planOf(channels, { sources, periodNs: 1e7, windowNs: 1e9 }), clock, (path) => ({
    read(nowMs) {
      reads.set(path, [...(reads.get(path) ?? []), nowMs]);
      const signal = signals[path];
      spentMs += signal?.readMs?.(nowMs) ?? 0;
      return signal === undefined ? undefined : BigInt(Math.floor(signal.valueAt(nowMs)));
    },
    close: () => undefined,
  }));
  sampler.start();
  return {
    sampler,
    advance: async (ms: number) => {
      const untilMs = clock.monotonicMs() + ms;
      while (clock.monotonicMs() < untilMs) await testClock.advance(Math.min(100, untilMs - clock.monotonicMs()));
    },
    periodMs: (source: string) => (sampler.figures().sources.find((one) => one.source === source)?.periodNs ?? 0) / 1e6,
    /** Readings of a channel in a span of time. */
    readsIn: (path: string, fromMs: number, toMs: number) => (reads.get(path) ?? []).filter((ms) => ms > fromMs && ms <= toMs).length,
  };
}

const idle: Signal = { valueAt: () => 0 };
const busy = (share: number): Signal => ({ valueAt: (ms) => (ms * share * lineRate) / 1000 });

describe('the share of the time that readings take', () => {
  const source = steadySource('a', 1e7, { maxDuty: 0.02 });

  test('a source whose readings take 3 ms is read every 150 ms, and more often again when they are quick', async () => {
    const { advance, periodMs, readsIn } = running([source], [fileChannel('a', 'x')], { x: { ...idle, readMs: (ms) => (ms < 20_000 ? 3 : 0) } });
    expect(periodMs('a')).toBe(10);
    await advance(2000);
    // 3 ms are told to within a sixteenth.
    expect(periodMs('a')).toBeGreaterThanOrEqual(150);
    expect(periodMs('a')).toBeLessThanOrEqual(160);
    // Judged every ten seconds then, once with readings of both kinds.
    await advance(40_000);
    expect(periodMs('a')).toBe(10);
    expect(readsIn('x', 40_000, 41_000)).toBe(100);
  });

  test('one slow reading in a hundred changes nothing', async () => {
    let reads = 0;
    const { advance, periodMs } = running([source], [fileChannel('a', 'x')], { x: { ...idle, readMs: () => (++reads % 128 === 64 ? 9 : 0) } });
    for (let second = 0; second < 20; second++) {
      await advance(1000);
      expect(periodMs('a')).toBe(10);
    }
  });

  test.each([
    ['a reading that waits for half a second changes nothing', 3, (read: number) => (read === 50 ? 500 : 0), 10],
    ['nor does one in a hundred each', 60, (read: number) => (read % 120 === 50 ? 500 : 0), 10],
    ['the second of a hundred does', 3, (read: number) => (read === 50 || read === 90 ? 500 : 0), 25_000],
    ['a minute is the longest period', 60, () => 5000, 60_000],
  ])('%s', async (_, seconds, readMs, expectedMs) => {
    let reads = 0;
    const { advance, periodMs } = running([source], [fileChannel('a', 'x')], { x: { ...idle, readMs: () => readMs(++reads) } });
    await advance(seconds * 1000);
    expect(periodMs('a')).toBe(expectedMs);
  });

  test('readings that use up the share of ten seconds are judged at once', async () => {
    const { advance, periodMs } = running([steadySource('a', 1e8, { maxDuty: 0.02 })], [fileChannel('a', 'x')], { x: { ...idle, readMs: () => 30 } });
    await advance(1000);
    expect(periodMs('a')).toBeGreaterThanOrEqual(1500);
  });
});

describe('deadlines that pass while something else is read', () => {
  test('are made up for', async () => {
    // One is idle after a thousand ticks, and from then on always due one tick after the other one, which is 27 periods and a tick later.
    const sources = [steadySource('a', 1e7, { idlePeriodNs: 37e7 }), steadySource('b', 37e7)];
    const { advance, readsIn } = running(sources, [fileChannel('a', 'a'), fileChannel('b', 'b')], { a: idle, b: { ...idle, readMs: (ms) => (ms < 10_005 ? 0 : 12) } });
    await advance(20_000);
    expect(readsIn('a', 10_020, 20_000)).toBe(26);
  });

  test('a whole period follows what was made up for', async () => {
    const times: number[] = [];
    // Each of its readings lasts over a deadline of the other one.
    const signals = { a: { ...idle, readMs: (ms: number) => (times.push(ms), 0) }, b: { ...idle, readMs: () => 25 } };
    const { advance } = running([steadySource('a', 3e7), steadySource('b', 7e7)], [fileChannel('a', 'a'), fileChannel('b', 'b')], signals);
    await advance(10_000);
    expect(times.length).toBeGreaterThan(200);
    expect(Math.min(...times.slice(1).map((ms, i) => ms - times[i]!))).toBeGreaterThan(29.99);
  });

  test('what lasts over its own deadline waits for the next one', async () => {
    const { advance, readsIn } = running([steadySource('a', 4e7)], [fileChannel('a', 'a')], { a: { ...idle, readMs: () => 45 } });
    await advance(8000);
    expect(readsIn('a', 0, 8000)).toBe(100);
  });
});

describe('refreshes', () => {
  const refreshing = (everyMs: number): Signal => ({ valueAt: (ms) => Math.floor(ms / everyMs) * 1000 });
  const channel = (path: string) => fileChannel('a', path, { rules: { ...events, refreshNs: 'learn' } });

  test('a source of slow counters is read four times a refresh', async () => {
    const { advance, periodMs } = running([steadySource('a', 1e7)], [channel('x'), channel('y')], { x: refreshing(400), y: refreshing(800) });
    await advance(20_000);
    expect(periodMs('a')).toBe(100);
  });

  test('a fresh counter among them is read as asked, and one that rests says nothing', async () => {
    const mixed = running([steadySource('a', 1e7)], [channel('x'), channel('y')], { x: refreshing(400), y: busy(0.1) });
    const resting = running([steadySource('a', 1e7)], [channel('x'), channel('y')], { x: refreshing(400), y: idle });
    await mixed.advance(20_000);
    await resting.advance(20_000);
    expect([mixed.periodMs('a'), resting.periodMs('a')]).toEqual([10, 100]);
  });
});

describe('a fresh counter in a source that is slow', () => {
  test('makes it quick again by its first movement', async () => {
    const channels = [fileChannel('a', 'x', { rules: { ...events, refreshNs: 'learn' } }), fileChannel('a', 'y', { rules: events })];
    const { advance, readsIn } = running([steadySource('a', 1e7)], channels, {
      x: { valueAt: (ms) => Math.floor(ms / 400) * 1000 }, y: { valueAt: (ms) => Math.max(0, ms - 20_050) * 1000 },
    });
    await advance(21_000);
    expect(readsIn('y', 18_000, 20_000)).toBe(20);
    expect(readsIn('y', 20_150, 20_950)).toBe(80);
  });
});

describe('idleness', () => {
  const source = steadySource('a', 1e7, { idlePeriodNs: 1e8 });
  const channel = (path: string, rules = traffic) => fileChannel('a', path, { rules });

  test('traffic below 1 % for ten seconds slows the source down; the first reading above it ends that', async () => {
    const wakes: Signal = { valueAt: (ms) => (ms * 0.009 + Math.max(0, ms - 15_000) * 0.5) * (lineRate / 1000) };
    const { advance, periodMs, readsIn, sampler } = running([source], [channel('x')], { x: wakes });
    await advance(9000);
    expect(periodMs('a')).toBe(10);
    await advance(2000);
    expect(periodMs('a')).toBe(100);
    await advance(5000);
    expect(periodMs('a')).toBe(10);
    expect(readsIn('x', 11_000, 15_000)).toBe(40);
    expect(readsIn('x', 15_200, 16_000)).toBe(80);
    expect(sampler.figures().missed).toBe(0);
  });

  test('one busy counter keeps its source awake', async () => {
    const { advance, periodMs } = running([source], [channel('x'), channel('y')], { x: idle, y: busy(0.02) });
    await advance(12_000);
    expect(periodMs('a')).toBe(10);
  });

  test('events are no traffic where there is a line rate, and everything is where there is none', async () => {
    const rated = running([source], [channel('x'), channel('y', events)], { x: idle, y: busy(0.5) });
    const unrated = running([source], [channel('y', events)], { y: busy(0.5) });
    const still = running([source], [channel('y', events)], { y: idle });
    for (const one of [rated, unrated, still]) await one.advance(12_000);
    expect([rated, unrated, still].map(({ periodMs }) => periodMs('a'))).toEqual([100, 10, 100]);
  });

  test('what is read seldom is judged by the time that passed', async () => {
    const { sampler, advance } = running([source], [channel('x')], { x: busy(0.005) });
    await advance(20_000);
    sampler.stop();
    const { windows } = sampler.drain();
    const share = windows.map(({ peakRate }) => peakRate / lineRate);
    expect(Math.max(...share)).toBeCloseTo(0.005, 4);
    expect(windows.reduce((sum, { units }) => sum + units, 0)).toBeCloseTo(0.005 * lineRate * 20, -8);
  });
});

describe('events', () => {
  const sources = [steadySource('events', 1e7), steadySource('slow', 1e9, { escalatedPeriodNs: 1e8 }), steadySource('other', 1e9, { escalatedPeriodNs: 1e8 })];
  const channels = [
    fileChannel('events', 'drops', { port: 0, isEvent: true }), fileChannel('events', 'packets', { port: 1 }),
    fileChannel('slow', 'x', { port: 0 }), fileChannel('other', 'y', { port: 1 }),
  ];

  test('slower sources of that port are read more often for two seconds', async () => {
    const drops: Signal = { valueAt: (ms) => (ms >= 5500 ? 1 : 0) };
    const { advance, periodMs, readsIn } = running(sources, channels, { drops, packets: busy(0.5), x: idle, y: idle });
    await advance(5400);
    expect(readsIn('x', 0, 5400)).toBe(6);
    await advance(200);
    expect([periodMs('slow'), periodMs('other')]).toEqual([100, 1000]);
    await advance(5000);
    expect(readsIn('x', 5500, 7500)).toBe(20);
    expect(readsIn('y', 5500, 7500)).toBe(2);
    expect(periodMs('slow')).toBe(1000);
    expect(readsIn('x', 7600, 10_600)).toBe(3);
  });

  test('a counter that goes back is no event', async () => {
    const drops: Signal = { valueAt: (ms) => (ms >= 500 ? 0 : 7) };
    const { advance, periodMs } = running(sources, channels, { drops, packets: idle, x: idle, y: idle });
    await advance(600);
    expect(periodMs('slow')).toBe(1000);
  });

  test('an event ends idleness', async () => {
    const source = steadySource('a', 1e7, { idlePeriodNs: 1e8 });
    const drops: Signal = { valueAt: (ms) => (ms >= 12_000 ? 1 : 0) };
    const { advance, readsIn } = running([source], [fileChannel('a', 'x', { rules: traffic }), fileChannel('a', 'drops', { isEvent: true })], { x: idle, drops });
    await advance(16_000);
    expect(readsIn('x', 11_000, 12_000)).toBe(10);
    expect(readsIn('x', 12_100, 14_000)).toBe(190);
    expect(readsIn('x', 14_200, 16_000)).toBe(18);
  });
});
