// Write rules and destinations: what reaches a stream when rules make several series one, drop them, or leave nothing of them.

import { beforeAll, describe, expect, test } from 'vitest';
import type { RelabelSettings } from '../../../src/relabel/config.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { World } from './world.ts';

beforeAll(initZstd);

const base: RelabelSettings = { sourceLabels: [], separator: ';', regex: '(.*)', modulus: 0n, targetLabel: '', replacement: '$1', action: 'replace', if: [] };
const withoutX: RelabelSettings = { ...base, action: 'labeldrop', regex: 'x' };
const withoutAll: RelabelSettings = { ...base, action: 'labeldrop', regex: '.*', if: ['b'] };

async function dropped(world: World, reason: string): Promise<number> {
  const line = (await world.metrics.text()).split('\n').find((text) => text.startsWith(`tributary_series_samples_dropped_total{reason="${reason}"}`));
  return Number(line?.split(' ')[1] ?? 0);
}

describe('write rules that make several series one', () => {
  test('the first value speaks, the others are counted', async () => {
    const world = new World({ destinations: [{ writeRelabel: [withoutX] }] });
    expect(world.page('a{x="1"} 1\na{x="2"} 2\nb 3\n')).toEqual(['a 1', 'b 3']);
    expect(await dropped(world, 'same_labels')).toBe(1);
  });

  test('when the first one vanishes the next one speaks and nothing is marked', () => {
    const world = new World({ destinations: [{ writeRelabel: [withoutX] }] });
    world.page('a{x="1"} 1\na{x="2"} 2\nb 3\n');
    expect(world.page('a{x="2"} 5\nb 4\n')).toContain('a 5');
  });

  test('series that came to be one keep other series apart when lines repeat with ascending timestamps', async () => {
    const world = new World({ destinations: [{ writeRelabel: [withoutX] }] });
    const at = world.nowMs;
    const lines = ['a{x="1"} 1', 'a{x="1"} 2', 'a{x="2"} 3', 'a{x="2"} 4', 'b 5', 'b 6'].map((line, i) => `${line} ${at - 9000 + 1000 * i}`);
    expect(world.page(`${lines.join('\n')}\n`)).toEqual(['a 1@-9000', 'a 2@-8000', 'b 5@-5000', 'b 6@-4000']);
    expect(await dropped(world, 'same_labels')).toBe(2);
  });
});

describe('write rules that drop', () => {
  test('every sample counts per destination, repeated lines too', async () => {
    const world = new World({ destinations: [{ writeRelabel: [{ ...base, action: 'drop', sourceLabels: ['__name__'], regex: 'a' }] }] });
    const at = world.nowMs;
    expect(world.page(`a 1 ${at - 2000}\na 2 ${at - 1000}\nb 3\n`)).toEqual(['b 3']);
    expect(await dropped(world, 'write_relabel')).toBe(2);
  });

  test('a series that is left without any label is dropped', async () => {
    const world = new World({ destinations: [{ writeRelabel: [withoutAll] }] });
    expect(world.page('a 1\nb 3\n')).toEqual(['a 1']);
    expect(await dropped(world, 'write_relabel')).toBe(1);
  });
});

describe('metric rules that drop', () => {
  test('samples are counted', async () => {
    const world = new World({ settings: { metricRelabel: [{ ...base, action: 'drop', sourceLabels: ['__name__'], regex: 'a' }] } });
    world.page('a 1\nb 3\n');
    world.page('a 1\nb 3\n');
    expect(await dropped(world, 'metric_relabel')).toBe(2);
  });
});

describe('exemplars with impossible times', () => {
  for (const time of ['1e306', '-1e306', '1e300', '9e15']) {
    test(`${time} s is dropped and counted`, async () => {
      const world = new World({ destinations: [{ sendExemplars: true }] });
      world.scrape(`# TYPE c counter\nc_total 1 # {id="x"} 1 ${time}\n# EOF\n`, { format: 'openmetrics' });
      expect(world.sent()).toEqual(['c_total 1']);
      expect(await world.metrics.text()).toContain('tributary_series_exemplars_dropped_total{reason="out_of_bounds"} 1\n');
    });
  }
});
