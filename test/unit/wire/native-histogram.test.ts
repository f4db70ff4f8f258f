// Histogram messages, read by protobufjs with Prometheus' own message.

import { describe, expect, test } from 'vitest';
import { encodeNativeHistogram, encodeStaleHistogram } from '../../../src/wire/native-histogram.ts';
import { decodeHistogram } from '../../support/native-histogram.ts';
import { seeded, testSeed } from '../exposition/collecting-sink.ts';

const seed = testSeed();

describe('a native histogram', () => {
  const empty = { schema: 3, count: 0, sum: 0, zeroThreshold: 2 ** -10, zeroCount: 0, buckets: [] };

  test('tells its counts even when they are 0, and no reset hint', () => {
    expect(decodeHistogram(encodeNativeHistogram(empty, 1_800_000_000_123))).toEqual({
      count: 'count_int', zeroCount: 'zero_count_int', total: 0, zero: 0, sum: 0, schema: 3, zeroThreshold: 2 ** -10, resetHint: 0, timestampMs: 1_800_000_000_123, buckets: {},
    });
  });
  test('has spans for runs of buckets, below and above 1', () => {
    const buckets = [[-79, 5], [-78, 1], [-3, 7], [0, 2], [1, 2], [40, 1e12]] as const;
    const count = 18 + 4 + 1e12 - 1;
    const decoded = decodeHistogram(encodeNativeHistogram({ ...empty, schema: -2, count, zeroCount: 4, sum: 12.5, buckets }, 5));
    expect(decoded).toMatchObject({ schema: -2, zero: 4, sum: 12.5, total: count, buckets: Object.fromEntries(buckets) });
  });
  test('that is stale has the marker as its sum', () => {
    const bytes = encodeStaleHistogram(7);
    expect(decodeHistogram(bytes)).toMatchObject({ count: 'count_int', total: 0, zeroCount: 'zero_count_int', timestampMs: 7, buckets: {} });
    expect(Buffer.from(bytes).indexOf(Buffer.from('19020000000000f07f', 'hex'))).toBeGreaterThan(0);
  });
  test(`of any shape comes back as it was (TEST_SEED=${seed})`, () => {
    const random = seeded(seed);
    for (let run = 0; run < 300; run++) {
      const buckets: [number, number][] = [];
      for (let index = Math.floor(random() * 400) - 200; buckets.length < random() * 60; index += 1 + Math.floor(random() ** 3 * 30)) buckets.push([index, 1 + Math.floor(random() * 10 ** (random() * 12))]);
      const zeroCount = Math.floor(random() * 1e6);
      const count = buckets.reduce((sum, [, times]) => sum + times, zeroCount);
      const decoded = decodeHistogram(encodeNativeHistogram({ schema: Math.floor(random() * 12) - 4, count, sum: random() * 1e15, zeroThreshold: random(), zeroCount, buckets }, 1 + run));
      expect(decoded.buckets).toEqual(Object.fromEntries(buckets));
      expect(decoded.total).toBe(count);
    }
  });
});
