// Staleness, as the matrix of prometheus.md has it: who gets a marker, when, and who does not.

import { beforeAll, describe, expect, test } from 'vitest';
import { ScrapeError } from '../../../src/model/scrape-error.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { START_MS, STEP_MS, World } from './world.ts';

beforeAll(initZstd);

const down = { error: new ScrapeError('refused', 'connection refused') };

/** What each page sends. `undefined` is a scrape that got no page. */
function pages(world: World, ...bodies: readonly (string | undefined)[]): string[][] {
  return bodies.map((body) => world.page(body, body === undefined ? down : {}));
}

describe('staleness', () => {
  test('a series that is absent from a good page gets one marker', () => {
    expect(pages(new World(), 'a 1\nb 2\n', 'a 1\n', 'a 1\n', 'b 3\n')).toEqual([['a 1', 'b 2'], ['a 1', 'b stale'], ['a 1'], ['a stale', 'b 3']]);
  });
  test('a failed scrape marks everything once and the next good page goes on', () => {
    expect(pages(new World(), 'a 1\n', undefined, undefined, 'a 2\n')).toEqual([['a 1'], ['a stale'], [], ['a 2']]);
  });
  test('a page that was read before the scrape failed counts as never read', () => {
    const world = new World();
    expect([world.page('a 1\n'), world.page('a 2\nb 2\n', down), world.page('b 3\n')]).toEqual([['a 1'], ['a stale'], ['b 3']]);
  });
  test('an empty body marks everything, up is 1', () => {
    const world = new World();
    world.page('a 1\n');
    expect(world.scrape('').error).toBeUndefined();
    expect(world.all().sort()).toEqual(['a stale', 'scrape_duration_seconds 0.5', 'scrape_samples_post_metric_relabeling 0', 'scrape_samples_scraped 0', 'scrape_series_added 0', 'up 1']);
  });
  test('a page without samples marks everything', () => expect(pages(new World(), 'a 1\n', '# c\n')).toEqual([['a 1'], ['a stale']]));
  test('series before a line that cannot be read get no marker, those behind it do', () => {
    expect(pages(new World(), 'a 1\nb 1\n', 'a 2\n{{{\nb 2\n', 'a 3\nb 3\n')).toEqual([['a 1', 'b 1'], ['b stale'], ['a 3', 'b 3']]);
  });
  test('after an unreadable page a failed scrape marks the rest', () => {
    expect(pages(new World(), 'a 1\nb 1\n', 'a 2\n{{{\n', undefined)).toEqual([['a 1', 'b 1'], ['b stale'], ['a stale']]);
  });
  test('a series that only a broken page had is never marked', () => {
    expect(pages(new World(), 'a 1\n', 'a 1\nnew 1\n{{{\n', 'a 1\n')).toEqual([['a 1'], [], ['a 1']]);
  });
  test('beyond sample_limit series are marked, under it they are not, and the next failure marks the rest', () => {
    const world = new World({ settings: { sampleLimit: 2 } });
    expect(pages(world, 'a 1\nb 1\n', 'x 1\na 1\nb 1\n', undefined)).toEqual([['a 1', 'b 1'], ['b stale'], ['a stale']]);
  });
  test('a target that was removed gets markers at the time of its end, report series too', () => {
    const world = new World();
    world.page('a 1\n');
    world.end();
    expect(world.all().sort()).toEqual([
      'a stale', 'scrape_duration_seconds stale', 'scrape_samples_post_metric_relabeling stale', 'scrape_samples_scraped stale', 'scrape_series_added stale', 'up stale',
    ]);
  });
  test('a target that was never scraped gets none', () => {
    const world = new World();
    world.end();
    expect(world.all()).toEqual([]);
  });
  test('what goes on elsewhere is not marked at the end', () => {
    const [world, next] = [new World(), new World()];
    world.page('a 1\nb 1\n');
    next.page('a 1\n');
    world.series.untrack(next.series.trackedLabels());
    expect(world.series.trackedLabels().size).toBe(1);
  });
  test('a series with its own timestamp is not followed', () => {
    expect(pages(new World(), `a 1 ${START_MS}\nb 1\n`, 'c 1\n')).toEqual([['a 1', 'b 1'], ['b stale', 'c 1']]);
  });
  test('track_timestamps_staleness follows it, the marker has the time of the scrape', () => {
    const world = new World({ settings: { trackTimestampsStaleness: true } });
    expect(pages(world, `a 1 ${START_MS - 5}\n`, 'c 1\n')).toEqual([['a 1@-5'], ['a stale', 'c 1']]);
  });
  test('without honor_timestamps everything is followed and has the time of the scrape', () => {
    const world = new World({ settings: { honorTimestamps: false } });
    expect(pages(world, `a 1 ${START_MS - 5}\n`, 'c 1\n')).toEqual([['a 1'], ['a stale', 'c 1']]);
  });
  test('a series that gets timestamps of its own is marked at the scrape and not followed any more', () => {
    const world = new World();
    expect(pages(world, 'a 1\n', `a 2 ${START_MS + STEP_MS + 3}\n`, 'b 1\n')).toEqual([['a 1'], ['a 2@3', 'a stale'], ['b 1']]);
  });
  test('a marker that would be older than the newest sample is not sent', () => {
    const world = new World({ settings: { trackTimestampsStaleness: true } });
    expect(pages(world, `a 1 ${START_MS + 5 * STEP_MS}\n`, 'b 1\n')).toEqual([[`a 1@${5 * STEP_MS}`], ['b 1']]);
  });
  test('the same series in another form is no end', () => {
    expect(pages(new World(), 'a{x="1",y="2"} 1\n', 'a{y="2",x="1"} 2\n')).toEqual([['a{x="1",y="2"} 1'], ['a{x="1",y="2"} 2']]);
  });
  test('also when its page broke off and the next one fails', () => {
    expect(pages(new World(), 'a{x="1",y="2"} 1\n', 'a{y="2",x="1"} 2\n{{{\n', undefined)).toEqual([['a{x="1",y="2"} 1'], [], ['a{x="1",y="2"} stale']]);
  });
  test('a sample that is not taken does not keep its series', () => {
    const world = new World({ settings: { trackTimestampsStaleness: true } });
    expect(pages(world, `a 1 ${START_MS}\n`, `a 1 ${START_MS}\n`)).toEqual([['a 1'], ['a stale']]);
  });
  test('one good scrape and four failures are 27 samples', () => {
    const world = new World();
    const all = ['a 1\n', undefined, undefined, undefined, undefined].flatMap((body) => {
      world.scrape(body, body === undefined ? down : {});
      return world.all();
    });
    expect(all).toHaveLength(27);
  });
  test('good, unreadable, failing are 17 samples', () => {
    const world = new World();
    const all = ['a 1\n', '{{{\n', undefined].flatMap((body) => {
      world.scrape(body, body === undefined ? down : {});
      return world.all();
    });
    expect(all).toHaveLength(17);
  });
  test('a NaN of the page is no marker', () => expect(pages(new World(), 'a NaN\nb 1\n', 'a 1\nb NaN\n')).toEqual([['a NaN', 'b 1'], ['a 1', 'b NaN']]));
  test('a cache that only ever grows because pages break is emptied', () => {
    const world = new World();
    for (let page = 0; page < 30; page++) {
      world.scrape(`${Array.from({ length: 100 }, (_, i) => `c{i="${page}-${i}"} 1\n`).join('')}{{{\n`);
      expect(world.series.size).toBeLessThanOrEqual(1000);
    }
    expect(world.page('a 1\n')).toEqual(['a 1']);
  });
});
