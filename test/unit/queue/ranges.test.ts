import { expect, test } from 'vitest';

import { type Range, SettledRanges } from '../../../src/queue/ranges.ts';

/** Record `n` has `n` samples, so the samples before it are 0 + 1 + ... + (n - 1). */
const before = (n: number) => (n * (n - 1)) / 2;
const range = (first: number, last: number): Range => ({ first, last, samplesBefore: before(first), samplesAfter: before(last + 1) });

function settledAfter(...ranges: [number, number][]): SettledRanges {
  const settled = new SettledRanges(0, 0);
  for (const [first, last] of ranges) settled.add(range(first, last));
  return settled;
}

const shape = (s: SettledRanges) => [s.base, ...s.ranges.map((r) => [r.first, r.last])];

test.each<[string, [number, number][], unknown[]]>([
  ['a range at the base moves the base', [[1, 3]], [3]],
  ['a range above the base stays apart', [[3, 4]], [0, [3, 4]]],
  ['touching ranges become one', [[3, 4], [5, 6]], [0, [3, 6]]],
  ['overlapping ranges become one', [[3, 6], [5, 9], [2, 3]], [0, [2, 9]]],
  ['a range swallows those inside it', [[3, 4], [6, 7], [9, 9], [2, 12]], [0, [2, 12]]],
  ['closing the gap takes everything that follows', [[3, 4], [6, 7], [1, 2]], [4, [6, 7]]],
  ['a range that begins below the base only adds what is above it', [[1, 5], [2, 8]], [8]],
])('%s', (_, ranges, expected) => {
  expect(shape(settledAfter(...ranges))).toEqual(expected);
});

test('records and samples count once, whatever overlaps', () => {
  const settled = settledAfter([3, 4], [6, 7]);
  expect(settled.add(range(2, 8))).toEqual({ records: 3, samples: 2 + 5 + 8 });
  expect([settled.records, settled.samples]).toEqual([7, before(9) - before(2)]);
  expect(settled.add(range(1, 8))).toEqual({ records: 1, samples: 1 });
  expect([settled.records, settled.samples]).toEqual([8, before(9)]);
});

test('numbers bring back the same ranges', () => {
  const settled = settledAfter([1, 2], [5, 6], [9, 12]);
  const copy = SettledRanges.from(settled.toNumbers());
  expect([shape(copy), copy.records, copy.samples]).toEqual([shape(settled), settled.records, settled.samples]);
});

test('nextUnsettled and covers look through base and ranges', () => {
  const settled = settledAfter([1, 2], [5, 6]);
  expect([1, 2, 3, 4, 5, 6, 7, 20].map((n) => settled.nextUnsettled(n))).toEqual([3, 3, 3, 4, 7, 7, 7, 20]);
  expect([settled.covers(1, 2), settled.covers(5, 6), settled.covers(1, 3), settled.covers(2, 5)]).toEqual([true, true, false, false]);
});
