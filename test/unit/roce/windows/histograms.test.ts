// Utilisation and bursts as histograms, native and classic.

import { describe, expect, test } from 'vitest';
import { utilizationBucket, utilizationEdge, type BurstRow, type WindowRow } from '../../../../src/roce/reduction.ts';
import type { RoceSeries } from '../../../../src/roce/series.ts';
import type { NativeRules } from '../../../../src/roce/windows/distribution.ts';
import { decodeHistogram, type PlainHistogram } from '../../../support/native-histogram.ts';
import { channelOf, inWords, lineRate, matching, planOf, portOf, receive, windowRow, World } from './world.ts';

const name = 'tributary_roce_utilization_ratio';

function worldOf(native?: Partial<NativeRules>): World {
  const world = new World();
  world.begin(planOf([channelOf(portOf('mlx5_0'), 'port_rcv_data', receive)]), { native: { schema: 3, bucketsMax: 80, ...native } });
  return world;
}

function nativeOf(series: readonly RoceSeries[], metric: string): PlainHistogram {
  const found = series.filter(({ labels, form }) => labels.get('__name__') === metric && form === 'native');
  expect(found).toHaveLength(1);
  return decodeHistogram(found[0]!.histograms.at(-1)!.bytes);
}

/** A window with intervals of these shares of the line, all equally long. */
function sharesRow(shares: readonly number[], window = 0): WindowRow {
  const utilization = [...windowRow(0, window).utilization];
  for (const share of shares) utilization[utilizationBucket(share)]! += 1;
  const units = shares.reduce((sum, share) => sum + share * lineRate * 1e-3, 0);
  return windowRow(0, window, { utilization, intervals: shares.length, units, coveredNs: shares.length * 1e6 });
}

/** `le` to count. */
function classicOf(series: readonly RoceSeries[], metric: string): Record<string, number> {
  const lines = inWords(series.filter(({ form }) => form === 'classic')).filter((line) => line.startsWith(`${metric}_bucket`));
  return Object.fromEntries(lines.map((line) => [/le="([^"]+)"/.exec(line)?.[1], Number(line.split('} ')[1]?.split(' ')[0])]));
}

describe('utilisation', () => {
  test('is counted in the buckets of schema 3 in which its shares lie, nothing in the zero bucket', () => {
    const histogram = nativeOf(worldOf().window([sharesRow([0, 0, 0.0005, 0.5, 0.51, 1, 1.04])]), name);
    // Bucket i ends at 2^(i/8).
    expect(histogram).toMatchObject({ schema: 3, zeroThreshold: 2 ** -10, zero: 3, total: 7, count: 'count_int', zeroCount: 'zero_count_int', timestampMs: 1_800_000_015_000, resetHint: 0 });
    expect(histogram.buckets).toEqual({ '-8': 1, '-7': 1, 0: 2 });
  });
  test.each([0.001, 0.02, 0.1, 0.3, 0.77, 0.999])('a share of %d lies within its bucket', (share) => {
    const [index] = Object.keys(nativeOf(worldOf().window([sharesRow([share])]), name).buckets).map(Number);
    expect(2 ** ((index! - 1) / 8)).toBeLessThan(share);
    expect(2 ** (index! / 8)).toBeGreaterThanOrEqual(share);
  });
  test('its sum is the mean share by bytes times the intervals', () => expect(nativeOf(worldOf().window([sharesRow([0.2, 0.4, 0.9])]), name).sum).toBeCloseTo(1.5, 12));
  test('it adds up from window to window', () => {
    const world = worldOf();
    world.window([sharesRow([0.5, 0.9])]);
    expect(nativeOf(world.window([sharesRow([0.5], 1)]), name)).toMatchObject({ total: 3, buckets: { '-8': 2, '-1': 1 } });
  });
  test.each([[2, { '-4': 1, '-3': 1, 0: 1 }], [1, { '-2': 1, '-1': 1, 0: 1 }], [0, { '-1': 1, 0: 2 }]])('schema %i joins buckets', (schema, buckets) =>
    expect(nativeOf(worldOf({ schema }).window([sharesRow([0.5, 0.51, 0.95])]), name)).toMatchObject({ schema, buckets }));
  test('it gets coarser when more buckets are in use than may be', () => {
    const world = worldOf({ bucketsMax: 10 });
    expect(nativeOf(world.window([sharesRow([0.1, 0.2, 0.4])]), name).schema).toBe(3);
    const histogram = nativeOf(world.window([sharesRow(Array.from({ length: 80 }, (_, i) => utilizationEdge(i + 1)), 1)]), name);
    expect(histogram.schema).toBe(0);
    expect(Object.keys(histogram.buckets)).toHaveLength(10);
    expect(nativeOf(world.window([sharesRow([0.1], 2)]), name).schema).toBe(0);
  });
  test('its classic buckets are cumulative, at most 8, and count the same', () => {
    const series = worldOf().window([sharesRow([0, 0.02, 0.3, 0.5, 0.8, 0.95, 1.02])]);
    const buckets = classicOf(series, name);
    expect(Object.keys(buckets)).toHaveLength(8);
    expect(Object.entries(buckets).map(([le, count]) => [le === '+Inf' ? le : Number(Number(le).toFixed(3)), count])).toEqual([[0.01, 1], [0.096, 2], [0.25, 2], [0.5, 4], [0.771, 4], [0.917, 5], [1, 7], ['+Inf', 7]]);
    expect(matching(series, /utilization_ratio_(sum|count)/)[0]).toContain(' 7 @15000');
  });
});

describe('bursts', () => {
  const burst = (endMs: number, durationMs: number, units = 1e6): BurstRow => ({ channel: 0, startNs: (endMs - durationMs) * 1e6, durationNs: durationMs * 1e6, units, peakRate: 4e10 });

  test('their durations and bytes are distributions, with exact sums', () => {
    const series = worldOf().window([windowRow(0, 0, { bursts: 3 })], [burst(100, 2), burst(200, 3, 5e6), burst(300, 400, 2e9)]);
    const duration = nativeOf(series, 'tributary_roce_burst_duration_seconds');
    expect(duration).toMatchObject({ total: 3, zero: 0, zeroThreshold: 2 ** -128 });
    expect(duration.sum).toBeCloseTo(0.405, 12);
    expect(nativeOf(series, 'tributary_roce_burst_bytes')).toMatchObject({ total: 3, sum: 1e6 + 5e6 + 2e9 });
    expect(classicOf(series, 'tributary_roce_burst_duration_seconds')).toEqual({ '0.002': 1, '0.005': 2, '0.01': 2, '0.025': 2, '0.1': 2, '0.5': 3, '2.0': 3, '+Inf': 3 });
    expect(classicOf(series, 'tributary_roce_burst_bytes')).toEqual({ '100000.0': 0, '1e+06': 1, '1e+07': 2, '1e+08': 2, '1e+09': 2, '1e+10': 3, '1e+11': 3, '+Inf': 3 });
  });
  const counts = (windows: readonly (readonly [WindowRow, readonly BurstRow[]])[]) => {
    const world = worldOf();
    return windows.map(([row, bursts]) => nativeOf(world.window([row], bursts), 'tributary_roce_burst_bytes').total);
  };
  test('one that ended after the window is counted with the next', () =>
    expect(counts([[windowRow(0, 0, { bursts: 1 }), [burst(100, 2), burst(15_004, 9)]], [windowRow(0, 1, { bursts: 1 }), []]])).toEqual([1, 2]));
  test('so is one whose end was noticed after the window', () =>
    expect(counts([[windowRow(0, 0, { bursts: 1 }), [burst(100, 2), burst(14_999, 9)]], [windowRow(0, 1, { bursts: 1 }), []]])).toEqual([1, 2]));
  test('those of a window that never came are counted with the next one that does', () =>
    expect(counts([[windowRow(0, 0, { bursts: 1 }), [burst(100, 2)]], [windowRow(0, 2, { bursts: 1 }), [burst(16_000, 9), burst(31_000, 9)]]])).toEqual([1, 3]));
});

test('forms are told, and nothing else has one', () => {
  const series = worldOf().window([sharesRow([0.5])]);
  for (const { labels, form, samples, histograms } of series) {
    const metric = labels.get('__name__') ?? '';
    const isHistogram = /utilization_ratio|burst_(duration_seconds|bytes)/.test(metric);
    expect([metric, form]).toEqual([metric, isHistogram ? (/_(bucket|sum|count)$/.test(metric) ? 'classic' : 'native') : undefined]);
    expect([metric, samples.length, histograms.length]).toEqual(form === 'native' ? [metric, 0, 1] : [metric, 1, 0]);
  }
});
