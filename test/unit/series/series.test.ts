// One target's pages: what goes out for repeated lines, own timestamps, limits, label rules and changing order.

import { beforeAll, describe, expect, test } from 'vitest';
import { createKeyHash } from '../../../src/series/hash.ts';
import type { KeyHash } from '../../../src/series/hash.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { rule } from '../relabel/rule.ts';
import { START_MS, STEP_MS, World } from './world.ts';

beforeAll(initZstd);

async function counted(world: World, name: string): Promise<number> {
  const line = (await world.metrics.text()).split('\n').find((text) => text.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? 0);
}

const dropped = (reason: string) => `tributary_series_samples_dropped_total{reason="${reason}"}`;

describe('report series', () => {
  test('five, in every case', () => {
    const world = new World();
    world.scrape('a 1\n{{{\n');
    expect(world.all().sort()).toEqual([
      'scrape_duration_seconds 0.5', 'scrape_samples_post_metric_relabeling 1', 'scrape_samples_scraped 1', 'scrape_series_added 1', 'up 0',
    ]);
  });
  test('eight with extra_scrape_metrics', () => {
    const world = new World({ settings: { extraScrapeMetrics: true, sampleLimit: 7 } });
    world.scrape('a 1\n');
    const all = world.all();
    expect(all).toContain('scrape_timeout_seconds 10');
    expect(all).toContain('scrape_sample_limit 7');
    expect(all).toContain('scrape_body_size_bytes 4');
    expect(all).toHaveLength(9);
  });
  test('a new limit shows from the next page on', () => {
    const world = new World({ settings: { extraScrapeMetrics: true } });
    world.series.reconfigure({ sampleLimit: 1, scrapeTimeoutMs: 2000 });
    expect(world.scrape('a 1\nb 1\n').error).toBe('sample limit exceeded');
    expect(world.all()).toEqual(expect.arrayContaining(['scrape_timeout_seconds 2', 'scrape_sample_limit 1']));
  });
  test('the labels of the target and the external ones, no metric relabelling', () => {
    const metricRelabel = [rule({ action: 'labeldrop', regex: 'zone|dc' })];
    const world = new World({ targetLabels: { zone: 'z' }, externalLabels: { dc: 'x', zone: 'other' }, settings: { metricRelabel } });
    world.scrape('a 1\n');
    const all = world.all();
    expect(all).toContain('up{dc="x",zone="z"} 1');
    expect(all).toContain('a{dc="x",zone="other"} 1');
  });
});

describe('repeated lines', () => {
  test('the first counts, the others are counted as duplicates', async () => {
    const world = new World();
    expect(world.scrape('a 1\na 2\nb 1\na 3\n')).toEqual({ added: 2, error: undefined, scraped: 4, postRelabel: 4 });
    expect(world.sent()).toEqual(['a 1', 'b 1']);
    expect(world.page('a 4\na 5\nb 2\na 6\n')).toEqual(['a 4', 'b 2']);
    expect(await counted(world, dropped('duplicate'))).toBe(4);
    expect(await counted(world, 'prometheus_target_scrapes_sample_duplicate_timestamp_total')).toBe(4);
  });
  test('two forms of one series are one in the same run, the first value counts', () => {
    const world = new World();
    expect(world.page('a{x="1",y="2"} 1\na{y="2",x="1"} 2\n')).toEqual(['a{x="1",y="2"} 1']);
    expect(world.page('a{y="2",x="1"} 4\n')).toEqual(['a{x="1",y="2"} 4']);
    expect(world.page('b 1\n')).toEqual(['a{x="1",y="2"} stale', 'b 1']);
  });
  test('rules that make two series one: the first value counts, the second takes over', () => {
    const world = new World({ settings: { metricRelabel: [rule({ action: 'labeldrop', regex: 'x' })] } });
    expect(world.page('a{x="1"} 1\na{x="2"} 2\n')).toEqual(['a 1']);
    expect(world.page('a{x="2"} 2\n')).toEqual(['a 2']);
    expect(world.page('b 2\n')).toEqual(['a stale', 'b 2']);
  });
  test('a series that lives on under another form when the page breaks off is not marked', () => {
    const world = new World({ settings: { metricRelabel: [rule({ action: 'labeldrop', regex: 'x' })] } });
    world.page('a{x="1"} 1\na{x="2"} 2\n');
    expect(world.page('a{x="1"} 1\n{{{\n')).toEqual([]);
  });
  test('dropped lines may repeat', () => {
    const world = new World({ settings: { metricRelabel: [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'a' })] } });
    expect(world.scrape('a 1\na 2\nb 1\n')).toEqual({ added: 1, error: undefined, scraped: 3, postRelabel: 1 });
    expect(world.scrape('a 1\na 2\nb 1\n')).toEqual({ added: 0, error: undefined, scraped: 3, postRelabel: 1 });
    expect(world.sent()).toEqual(['b 1', `b 1@${-STEP_MS}`]);
  });
});

describe('timestamps of the page', () => {
  test('several of one series on one page, each time once', () => {
    const world = new World();
    const body = [0, 0, 1000, 2000].map((offset, i) => `a ${i} ${START_MS + offset}\n`).join('');
    expect(world.page(body)).toEqual(['a 0', 'a 2@1000', 'a 3@2000']);
  });
  test('also backwards within a page, as the agent of Prometheus', () => {
    expect(new World().page(`a 1 ${START_MS + 5}\na 2 ${START_MS + 3}\n`)).toEqual(['a 1@5', 'a 2@3']);
  });
  test('at or before the newest of an earlier page it is dropped and counted', async () => {
    const world = new World();
    world.page(`a 1 ${START_MS}\n`);
    expect([world.page(`a 2 ${START_MS}\n`), world.page(`a 3 ${START_MS - 1}\n`)]).toEqual([[], []]);
    expect(world.page(`a 4 ${START_MS + 1}\n`)).toEqual([`a 4@${1 - 3 * STEP_MS}`]);
    expect(await counted(world, dropped('out_of_order'))).toBe(2);
    expect(await counted(world, 'prometheus_target_scrapes_sample_out_of_order_total')).toBe(2);
  });
  test('also when the series was gone in between', async () => {
    const world = new World();
    expect([world.page(`a 1 ${START_MS}\n`), world.page('b 1\n')]).toEqual([['a 1'], ['b 1']]);
    expect(world.scrape(`a 2 ${START_MS}\nb 1\n`).added).toBe(0);
    expect(world.sent()).toEqual(['b 1']);
    expect(await counted(world, dropped('out_of_order'))).toBe(1);
    expect(world.page(`a 3 ${START_MS + 1}\nb 1\n`)).toEqual([`a 3@${1 - 3 * STEP_MS}`, 'b 1']);
  });
  test('a series without one is compared with its earlier scrapes', () => {
    const world = new World();
    world.page('a 1\nb 1\n');
    expect(world.page(`a 2 ${START_MS}\nb 1\n`)).toEqual(['a stale', 'b 1']);
  });
  test('more than ten minutes ahead it is dropped and counted', async () => {
    const world = new World();
    expect(world.page(`a 1 ${START_MS + 600_001}\nb 2 ${START_MS + 600_000}\n`)).toEqual(['b 2@600000']);
    expect(await counted(world, dropped('out_of_bounds'))).toBe(1);
  });
  test('with and without in one column', () => {
    expect(new World().page(`a 1\nb 2 ${START_MS - 3}\nc 3\n`)).toEqual(['a 1', 'b 2@-3', 'c 3']);
  });
});

describe('limits and rules', () => {
  test('sample_limit counts what rules keep, and fails the page as a whole', async () => {
    const world = new World({ settings: { sampleLimit: 2, metricRelabel: [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'd' })] } });
    expect(world.page('a 1\nd 1\nb 1\n')).toEqual(['a 1', 'b 1']);
    expect(world.scrape('a 1\nb 1\nc 1\n')).toEqual({ added: 0, error: 'sample limit exceeded', scraped: 3, postRelabel: 3 });
    expect(world.sent()).toEqual([]);
    expect(await counted(world, dropped('scrape_failed'))).toBe(3);
  });
  test('a repeated line does not count against sample_limit', () => {
    expect(new World({ settings: { sampleLimit: 1 } }).page('a 1\na 2\n')).toEqual(['a 1']);
  });
  test('label_limit fails the page at the first new series beyond it', () => {
    const world = new World({ settings: { labelLimit: 3 } });
    expect(world.scrape('a{x="1"} 1\nb{x="1",y="2"} 1\nc 1\n')).toEqual({
      added: 1, error: 'label_limit exceeded (metric: b, number of labels: 4, limit: 3)', scraped: 2, postRelabel: 1,
    });
  });
  test('metric_relabel_configs may rename, drop and merge', () => {
    const metricRelabel = [
      rule({ sourceLabels: ['__name__'], regex: 'old_(.*)', targetLabel: '__name__', replacement: 'new_$1' }),
      rule({ action: 'drop', sourceLabels: ['drop'], regex: 'me' }),
    ];
    expect(new World({ settings: { metricRelabel } }).page('old_a 1\nb{drop="me"} 1\nc 2\n')).toEqual(['c 2', 'new_a 1']);
  });
  test('a series without a name after the rules fails the page', () => {
    const metricRelabel = [rule({ action: 'labeldrop', regex: '__name__' })];
    expect(new World({ settings: { metricRelabel } }).scrape('a 1\n').error).toBe('missing metric name (__name__ label)');
  });
  test('external labels do not replace labels of a series', () => {
    const world = new World({ externalLabels: { dc: 'x', zone: 'z' } });
    expect(world.page('a{dc="own"} 1\n')).toEqual(['a{dc="own",zone="z"} 1']);
  });
});

describe('the order of a page', () => {
  const line = (i: number) => `m{i="${i}"} ${i}\n`;
  const page = (order: readonly number[]) => order.map(line).join('');
  const expected = (order: readonly number[]) => order.map((i) => `m{i="${i}"} ${i}`).sort();
  const base = Array.from({ length: 40 }, (_, i) => i);

  test.each([
    ['the same', base],
    ['backwards', base.toReversed()],
    ['rotated', [...base.slice(17), ...base.slice(0, 17)]],
    ['one moved to the front', [30, ...base.filter((i) => i !== 30)]],
    ['new ones between', [...base.slice(0, 5), 100, 101, ...base.slice(5, 20), 102, ...base.slice(20), 103]],
    ['every second one, all others new', base.map((i) => (i % 2 === 0 ? i : i + 200))],
  ])('%s: every value stays with its series', (_, order) => {
    const world = new World();
    world.page(page(base));
    const gone = base.filter((i) => !order.includes(i)).map((i) => `m{i="${i}"} stale`);
    expect(world.page(page(order))).toEqual([...expected(order), ...gone].sort());
    expect(world.page(page(order))).toEqual(expected(order));
    expect(world.page(page(base))).toEqual([...expected(base), ...order.filter((i) => !base.includes(i)).map((i) => `m{i="${i}"} stale`)].sort());
  });
});

describe('large pages', () => {
  test('label sets of several megabytes are placed in pieces, in the middle of a page, too', () => {
    const world = new World();
    const name = (i: number) => `m{i="${(i * 7919) % 10_000}",text="${'x'.repeat(300)}"}`;
    const page = (from: number) => Array.from({ length: 10_000 }, (_, i) => `${name(i)} ${from + ((i * 7919) % 10_000)}\n`).join('');
    for (const from of [0, 20_000]) {
      const sent = world.page(page(from));
      expect(sent).toHaveLength(10_000);
      expect(sent.filter((line) => Number(line.split(' ')[1]) !== from + Number(/i="(\d+)"/.exec(line)![1]))).toEqual([]);
    }
    expect(world.streams.get('d')!.take()).toEqual([]);
  });
  test('a page that breaks off leaves nothing behind but its keys', () => {
    const world = new World();
    const body = Array.from({ length: 900 }, (_, i) => `m{i="${i}",text="${'x'.repeat(1500)}"} ${i}\n`).join('');
    expect(world.page(`${body}{{{\n`)).toEqual([]);
    expect(world.scrape(body).added).toBe(0);
    expect(world.sent()).toHaveLength(900);
  });
  test('pages that grow by one line', () => {
    const world = new World();
    for (let count = 1; count <= 300; count++) {
      const ids = Array.from({ length: count }, (_, i) => i);
      expect(world.page(ids.map((i) => `m{i="${i}"} ${i}\n`).join(''))).toEqual(ids.map((i) => `m{i="${i}"} ${i}`).sort());
    }
  });
});

describe('keys with one hash', () => {
  const real = createKeyHash(Uint8Array.from({ length: 16 }, (_, i) => i * 7 + 1));
  /** Two hashes for all keys. Label sets, which begin with the tag of a label, keep the real one: their hashes are trusted. */
  const weak: KeyHash = (view, start, length, out) => {
    real(view, start, length, out);
    if (length === 0 || view.getUint8(start) === 0x0a) return;
    out[0]! &= 1;
    out[1] = 0;
  };

  const page = (names: string) => [...names].map((name) => `${name} ${name.charCodeAt(0)}\n`).join('');
  const values = (names: string, from = 'a') => [...names].filter((name) => name >= from).sort().map((name) => `${name} ${name.charCodeAt(0)}`);
  const sent = (world: World, names: string) => world.page(page(names)).filter((line) => !line.endsWith('stale'));
  const orders = ['abcdefgh', 'abcdefgh', 'hgfedcba', 'hgfedcba', 'eafbgchd', 'aebfcgdh', 'bdfhaceg', 'bdfhaceg', 'bdfh'];

  test('are told apart when they are on a page together, in every order', () => {
    const world = new World({ hash: weak });
    for (const names of orders) expect(sent(world, names)).toEqual(values(names));
  });
  test('also where rules drop some of them', () => {
    const world = new World({ hash: weak, settings: { metricRelabel: [rule({ action: 'drop', sourceLabels: ['__name__'], regex: '[a-d]' })] } });
    for (const names of orders) expect(sent(world, names)).toEqual(values(names, 'e'));
    for (const names of orders.map((order) => [...order].reverse().join(''))) expect(sent(world, names)).toEqual(values(names, 'e'));
  });
  test('a repeated line is still a duplicate', () => {
    const world = new World({ hash: weak });
    for (const names of ['aabbcc', 'abcabc', 'ccbbaa']) expect(sent(world, names)).toEqual(values([...new Set(names)].join('')));
  });
});
