// The comparison with the recorded cases must see every kind of difference, and allow only what the recording allows.

import { describe, expect, test } from 'vitest';
import { Arrival, differences, isDisturbed } from '../../e2e/support/scrape-cases.ts';
import type { ExpectedSeries, ScrapeCase } from '../../e2e/support/scrape-cases.ts';
import { STALE_BITS, valueBits } from '../../support/write-request.ts';

const START_MS = 1_760_000_000_000;
const BASE_MS = START_MS + 537;
const [ONE, TWO] = [valueBits(1), valueBits(2)];
const OK = Array.from({ length: 6 }, () => ONE);
const upLabels = { __name__: 'up', job: 'c' };

function series(values: ExpectedSeries['values'], at?: ExpectedSeries['at']): ExpectedSeries {
  return { labels: { __name__: 'a', job: 'c' }, ...(values === undefined ? {} : { values }), ...(at === undefined ? {} : { at }) };
}

function scrapeMs(index: number): number {
  return START_MS + 500 + index * 1000;
}

/** What is found when `a` is expected as told and these samples of it arrive, by scrape (bits or undefined) and besides. */
function found(expected: readonly ExpectedSeries[], arrived: readonly (string | undefined)[], more: readonly (readonly [number, string])[] = [], up: readonly string[] = OK) {
  const one: ScrapeCase = { name: 'c', metrics_path: '/c', pages: [], scraped: true, expect: [{ labels: upLabels, values: up }, ...expected] };
  const arrival = new Arrival(one);
  for (const [i, value] of [...up, ONE, ONE].entries()) arrival.add(upLabels, [{ timestampMs: scrapeMs(i), value }]);
  for (const [i, value] of arrived.entries()) if (value !== undefined) arrival.add({ __name__: 'a', job: 'c' }, [{ timestampMs: scrapeMs(i), value }]);
  for (const [timestampMs, value] of more) arrival.add({ __name__: 'a', job: 'c' }, [{ timestampMs, value }]);
  return differences(one, arrival, BASE_MS, START_MS);
}

const FAILING = [ONE, valueBits(0), ...OK.slice(2)];

describe('the comparison with recorded scrapes', () => {
  test.each([
    ['equal values', [series(ONE)], OK, []],
    ['any value', [series('*')], [TWO, ...OK.slice(1)], []],
    ['a negative zero for a zero', [series(valueBits(0))], Array.from({ length: 6 }, () => valueBits(-0)), []],
    ['later scrapes', [series(ONE)], [...OK, TWO, STALE_BITS], []],
    ['the first of two samples with one timestamp counts', [series(ONE)], OK, [[scrapeMs(3), TWO]]],
    ['samples older than the run', [series(ONE)], OK, [[START_MS - 1, TWO]]],
    ['a timestamp of its own', [series(undefined, { 'T+100': TWO })], [], [[BASE_MS + 100, TWO]]],
    ['a marker that was never preceded by a value may be missing', [series([null, STALE_BITS, ONE, ONE, ONE, ONE])], [undefined, undefined, ONE, ONE, ONE, ONE], []],
  ] as const)('allows %s', (_, expected, arrived, more) => expect(found(expected, arrived, more)).toEqual([]));

  test('allows a marker for nothing in a failed scrape', () => {
    expect(found([series([ONE, null, ONE, ONE, ONE, ONE])], [ONE, STALE_BITS, ...OK.slice(2)], [], FAILING)).toEqual([]);
  });

  test.each([
    ['another value', [series(ONE)], [TWO, ...OK.slice(1)], []],
    ['a missing value', [series(ONE)], [undefined, ...OK.slice(1)], []],
    ['a missing series', [series(ONE)], [], []],
    ['a series that is not expected', [], [ONE], []],
    ['a value for nothing', [series([null, ...OK.slice(1)])], OK, []],
    ['a marker for nothing', [series([ONE, null, null, null, null, null])], [ONE, STALE_BITS], []],
    ['nothing for a marker', [series([ONE, STALE_BITS, null, null, null, null])], [ONE], []],
    ['an ordinary NaN for a marker', [series([ONE, STALE_BITS, null, null, null, null])], [ONE, '7ff8000000000001'], []],
    ['a marker for any value', [series('*')], [STALE_BITS, ...OK.slice(1)], []],
    ['a missing own timestamp', [series(undefined, { 'T+100': TWO })], [], []],
    ['a wrong value under an own timestamp', [series(undefined, { 'T+100': TWO })], [], [[BASE_MS + 100, ONE]]],
    ['an own timestamp that is not expected', [series(ONE)], OK, [[BASE_MS + 60_000, ONE]]],
  ] as const)('finds %s', (_, expected, arrived, more) => expect(found(expected, arrived, more)).toHaveLength(1));
});

describe('cases that the machine disturbed', () => {
  const duration = { __name__: 'scrape_duration_seconds', job: 'c' };
  const one: ScrapeCase = {
    name: 'c', metrics_path: '/c', pages: [], scraped: true,
    expect: [{ labels: upLabels, values: ONE }, { labels: duration, values: '*' }],
  };
  function arrival(timesMs: readonly number[], seconds: number): Arrival {
    const made = new Arrival(one);
    for (const timestampMs of timesMs) made.add(upLabels, [{ timestampMs, value: ONE }]);
    made.add(duration, [{ timestampMs: timesMs[0]!, value: valueBits(seconds) }]);
    return made;
  }

  test.each([
    ['even scrapes are not', [0, 1000, 2000, 3000, 4000, 5000], 0.01, false],
    ['a longer interval is not', [0, 2000, 4000, 6000, 8000, 10_000], 0.01, false],
    ['a tick that was skipped is', [0, 1000, 3000, 4000, 5000, 6000], 0.01, true],
    ['a scrape that took the whole timeout is', [0, 1000, 2000, 3000, 4000, 5000], 1, true],
  ] as const)('%s', (_, timesMs, seconds, expected) => expect(isDisturbed(one, arrival(timesMs, seconds))).toBe(expected));
});
