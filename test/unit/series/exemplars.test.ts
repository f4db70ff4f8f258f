// Exemplars: which are sent, to whom, under which labels; and what a target's metadata says.

import { beforeAll, describe, expect, test } from 'vitest';
import { initZstd } from '../../../src/wire/zstd.ts';
import { rule } from '../relabel/rule.ts';
import { START_MS, STEP_MS, World } from './world.ts';
import type { WorldOptions } from './world.ts';

beforeAll(initZstd);

function open(options: WorldOptions = {}): World {
  return new World({ destinations: [{ sendExemplars: true }], ...options });
}

/** What a page of one counter with this exemplar sends, the sample left out. */
function sent(world: World, exemplar: string, sample = 'c_total 1'): string[] {
  world.scrape(`# TYPE c counter\n${sample} ${exemplar}\n# EOF\n`, { format: 'openmetrics' });
  return world.sent().filter((line) => line.includes('#'));
}

const seconds = (ms: number) => (ms / 1000).toFixed(3);

describe('exemplars', () => {
  test('without a timestamp they have that of the sample', () => {
    expect(sent(open(), '# {trace="a"} 3')).toEqual(['c_total # {trace="a"} 3']);
    expect(sent(open(), '# {trace="a"} 3', `c_total 1 ${seconds(START_MS - 7000)}`)).toEqual(['c_total # {trace="a"} 3@-7000']);
  });
  test('with one they keep it', () => expect(sent(open(), `# {trace="a"} 3 ${seconds(START_MS - 250)}`)).toEqual(['c_total # {trace="a"} 3@-250']));
  test('the same one is sent once', () => {
    const world = open();
    expect([sent(world, '# {trace="a"} 3'), sent(world, '# {trace="a"} 3'), sent(world, '# {trace="b"} 3')]).toEqual([['c_total # {trace="a"} 3'], [], ['c_total # {trace="b"} 3']]);
  });
  test('an older one than the last is dropped and counted', async () => {
    const world = open();
    sent(world, `# {trace="a"} 3 ${seconds(START_MS)}`);
    expect(sent(world, `# {trace="b"} 3 ${seconds(START_MS - 1000)}`)).toEqual([]);
    expect(await world.metrics.text()).toContain('tributary_series_exemplars_dropped_total{reason="out_of_order"} 1\n');
  });
  test.each([[128, 1], [129, 0]])('labels of %i characters: %i sent', async (characters, count) => {
    const world = open();
    expect(sent(world, `# {t="${'ü'.repeat(characters - 1)}"} 3`)).toHaveLength(count);
    if (count === 0) expect(await world.metrics.text()).toContain('tributary_series_exemplars_dropped_total{reason="too_long"} 1\n');
  });
  test('those of a page that broke off are not sent', () => {
    const world = open();
    world.scrape('# TYPE c counter\nc_total 1 # {trace="a"} 3\n', { format: 'openmetrics' });
    expect(world.all().filter((line) => line.includes('#'))).toEqual([]);
    expect(sent(world, '# {trace="a"} 3')).toEqual(['c_total # {trace="a"} 3']);
  });
  test('only to destinations that want them, each under its own labels', () => {
    const writeRelabel = [rule({ targetLabel: 'to', replacement: 'q' })];
    const world = open({ destinations: [{ name: 'd', sendExemplars: true }, { name: 'q', sendExemplars: true, writeRelabel }, { name: 'r' }], externalLabels: { dc: 'x' } });
    expect(sent(world, '# {trace="a"} 3')).toEqual(['c_total{dc="x"} # {trace="a"} 3']);
    expect(world.sent('q').filter((line) => line.includes('#'))).toEqual(['c_total{dc="x",to="q"} # {trace="a"} 3']);
    expect(world.sent('r')).toEqual(['c_total{dc="x"} 1']);
  });
  test('of series that write rules drop there are none', () => {
    const writeRelabel = [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'c_total' })];
    expect(sent(open({ destinations: [{ sendExemplars: true, writeRelabel }] }), '# {trace="a"} 3')).toEqual([]);
  });
  test('they follow their series through other orders and rebuilt images', () => {
    const world = open();
    const page = (ids: readonly number[]) => `# TYPE c counter\n${ids.map((i) => `c_total{i="${i}"} ${i} # {t="${i}-${world.nowMs}"} ${i}\n`).join('')}# EOF\n`;
    for (let round = 0; round < 8; round++) {
      const ids = Array.from({ length: 300 }, (_, i) => (i * 7) % 300 + round * 150);
      world.scrape(page(ids), { format: 'openmetrics' });
      const expected = ids.map((i) => `c_total{i="${i}"} # {t="${i}-${world.nowMs - STEP_MS}"} ${i}`).sort();
      expect(world.sent().filter((line) => line.includes('#'))).toEqual(expected);
    }
  });
});

describe('metadata of a target', () => {
  const entries = (world: World) => [...world.series.metadataEntries()].map(({ family, type, help, unit }) => [family, type, help, unit]);

  test('what TYPE, HELP and UNIT say, unknown where they do not', () => {
    const world = new World();
    world.scrape('# HELP a about a\n# TYPE a counter\na 1\n# HELP b about b\nb 1\n');
    expect(entries(world)).toEqual([['a', 'counter', 'about a', ''], ['b', 'unknown', 'about b', '']]);
    world.scrape('# TYPE d_seconds gauge\n# UNIT d_seconds seconds\nd_seconds 1\n# EOF\n', { format: 'openmetrics' });
    expect(entries(world)).toContainEqual(['d_seconds', 'gauge', '', 'seconds']);
  });
  test('lines that say something new change it', () => {
    const world = new World();
    for (const page of ['# HELP a old\na 1\n', '# HELP a old\na 1\n', '# HELP a new\n# TYPE a gauge\na 1\n']) world.scrape(page);
    expect(entries(world)).toEqual([['a', 'gauge', 'new', '']]);
  });
  test('a family is forgotten some scrapes after it was last seen', () => {
    const world = new World();
    world.scrape('# HELP a x\na 1\n');
    for (let i = 0; i < 5; i++) world.scrape('# HELP b x\nb 1\n');
    expect(entries(world).map(([family]) => family)).toEqual(['a', 'b']);
    for (let i = 0; i < 20; i++) world.scrape('# HELP b x\nb 1\n');
    expect(entries(world).map(([family]) => family)).toEqual(['b']);
  });
});
