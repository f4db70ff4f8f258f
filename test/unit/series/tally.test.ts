// What became of every sample of a scrape, per destination: scraped = failed + relabelled + limited + unrouted + appended. `scraped` is told by the pages here,
// so a sample that is dropped without being counted, or counted twice, shows.

import { beforeAll, describe, expect, test } from 'vitest';
import { ScrapeError } from '../../../src/model/scrape-error.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { rule } from '../relabel/rule.ts';
import { type DestinationOptions, World, type WorldOptions } from './world.ts';

beforeAll(initZstd);

const REPORTS = 5;
const drop = (regex: string) => [rule({ action: 'drop', sourceLabels: ['__name__'], regex })];
const withoutX = [rule({ action: 'labeldrop', regex: 'x' })];
const two: DestinationOptions[] = [{ name: 'p' }, { name: 'q', writeRelabel: drop('b') }];

/** Both accounts, as [scraped, failed, relabelled, limited, unrouted, appended]; fails where the identity does not hold. */
function accounts(world: World, name: string): number[] {
  const { scrape, appended } = world.streams.get(name)!;
  const { scraped, failed, relabelled, limited, unrouted } = scrape;
  expect(scraped).toBe(failed + relabelled + limited + unrouted + appended);
  return [scraped, failed, relabelled, limited, unrouted, appended];
}

function both(options: WorldOptions, scrape: (world: World) => void): number[][] {
  const world = new World({ destinations: two, ...options });
  scrape(world);
  return [accounts(world, 'p'), accounts(world, 'q')];
}

describe('a page that is accepted', () => {
  test('everything is appended but what write rules drop', () => {
    expect(both({}, (world) => world.scrape('a 1\nb 2\nc 3\n'))).toEqual([[8, 0, 0, 0, 0, 8], [8, 0, 0, 0, 1, 7]]);
  });
  test('what metric rules drop is relabelled', () => {
    expect(both({ settings: { metricRelabel: drop('a|b') } }, (world) => world.scrape('a 1\nb 2\nc 3\n'))).toEqual([[8, 0, 2, 0, 0, 6], [8, 0, 2, 0, 0, 6]]);
  });
  test('what metric rules merge is relabelled, what write rules merge is unrouted', () => {
    const page = 'a{x="1"} 1\na{x="2"} 2\na{x="3"} 3\n';
    expect(both({ destinations: [{ name: 'p' }, { name: 'q', writeRelabel: withoutX }] }, (world) => world.scrape(page))).toEqual([[8, 0, 0, 0, 0, 8], [8, 0, 0, 0, 2, 6]]);
    // Two lines that metric rules make one series come at one time: duplicates or merged, one of them is appended.
    const [p] = both({ settings: { metricRelabel: withoutX } }, (world) => world.scrape(page));
    expect([p![0], p![1]! + p![2]!, p![5]]).toEqual([8, 2, 6]);
  });
  test('duplicates, samples out of order and out of bounds failed', () => {
    const found = both({}, (world) => {
      const at = world.nowMs;
      world.scrape(`a 1\na 2\nb 1 ${at}\nb 2 ${at - 5}\nc 1 ${at + 3_600_000}\nd 1 ${at - 9}\nd 2 ${at - 8}\nd 2 ${at - 8}\n`);
    });
    expect(found[0]![0]).toBe(8 + REPORTS);
    // The second `a`, the `c` an hour ahead, the second of two equal `d`; of `b` one at each time.
    expect(found[0]![1]).toBe(3);
    expect(found[1]![4]).toBe(2);
  });
  test('staleness markers are scraped; those of dropped series are unrouted', () => {
    const found = both({}, (world) => {
      world.scrape('a 1\nb 1\n');
      world.scrape('c 1\n');
    });
    expect(found).toEqual([[3 + 2 + 2 * REPORTS, 0, 0, 0, 0, 15], [15, 0, 0, 0, 2, 13]]);
  });
  test('repeated lines with times of their own lie in several records, the tally speaks once', () => {
    const found = both({}, (world) => {
      const at = world.nowMs;
      world.scrape(`a 1 ${at - 3}\na 2 ${at - 2}\na 3 ${at - 1}\nb 1 ${at - 3}\nb 2 ${at - 2}\nc 1\n`);
    });
    expect(found).toEqual([[11, 0, 0, 0, 0, 11], [11, 0, 0, 0, 2, 9]]);
  });
});

describe('a page that is rolled back', () => {
  for (const [what, settings, page, part] of [
    ['a line that is none', {}, 'a 1\nb 2\n{{{\nc 3\n', 'failed'],
    ['sample_limit', { sampleLimit: 1 }, 'a 1\nb 2\nc 3\n', 'limited'],
    ['label_limit', { labelLimit: 2 }, 'a 1\nb{x="1",y="2",z="3"} 2\nc 3\n', 'limited'],
  ] as const) {
    test(`${what}: what was read is ${part}`, () => {
      const read = what === 'sample_limit' ? 3 : 2;
      const [p, q] = both({ settings }, (world) => world.scrape(page));
      expect(p).toEqual([read + REPORTS, part === 'failed' ? read : 0, 0, part === 'limited' ? read : 0, 0, REPORTS]);
      expect(q).toEqual(p);
    });
  }
  test('a connection that breaks: what was read failed', () => {
    const [p] = both({}, (world) => world.scrape('a 1\nb 2\n', { error: new ScrapeError('timeout', 'too late') }));
    expect(p).toEqual([2 + REPORTS, 2, 0, 0, 0, REPORTS]);
  });
  test('a body above its limit: what was read is limited', () => {
    const [p] = both({}, (world) => world.scrape('a 1\nb 2\n', { error: new ScrapeError('body_size', 'too large') }));
    expect(p).toEqual([2 + REPORTS, 0, 0, 2, 0, REPORTS]);
  });
  test('no page at all: markers and report series', () => {
    const [p, q] = both({}, (world) => {
      world.scrape('a 1\nb 1\n');
      world.scrape(undefined, { error: new ScrapeError('refused', 'refused') });
    });
    expect([p, q]).toEqual([[2 + 2 + 2 * REPORTS, 0, 0, 0, 0, 14], [14, 0, 0, 0, 2, 12]]);
  });
});

describe('pages without an end', () => {
  test('one that was never committed failed, and is told with the next scrape', () => {
    const [p] = both({}, (world) => {
      world.scrape('a 1\n');
      world.series.begin(world.nowMs);
      for (let i = 0; i < 3; i++) world.series.sample(0, i, undefined);
      world.scrape('a 1\n');
      world.end();
    });
    expect(p![0]! - p![5]!).toBe(3);
    expect(p![1]).toBe(3);
  });
});

describe('destinations', () => {
  test('rules that drop everything, report series included: counted without a record', () => {
    const world = new World({ destinations: [{ name: 'p', writeRelabel: drop('.*') }] });
    world.scrape('a 1\nb 2\n');
    expect(accounts(world, 'p')).toEqual([7, 0, 0, 0, 7, 0]);
    expect(world.streams.get('p')!.take()).toEqual([]);
  });
  test('one that comes later does not get the markers of series before it', () => {
    const world = new World({ destinations: [{ name: 'p' }] });
    world.scrape('a 1\nb 1\n');
    world.configure(two);
    world.scrape('a 2\n');
    expect(accounts(world, 'p')).toEqual([2 + 2 + 2 * REPORTS, 0, 0, 0, 0, 14]);
    expect(accounts(world, 'q')).toEqual([2 + REPORTS, 0, 0, 0, 1, 6]);
    world.end();
    expect(accounts(world, 'p')).toEqual([20, 0, 0, 0, 0, 20]);
    expect(accounts(world, 'q')).toEqual([13, 0, 0, 0, 1, 12]);
  });
  test('the end of a target marks everything', () => {
    const [p, q] = both({}, (world) => {
      world.scrape('a 1\nb 1\n');
      world.end();
    });
    expect([p, q]).toEqual([[14, 0, 0, 0, 0, 14], [14, 0, 0, 0, 2, 12]]);
  });
});
