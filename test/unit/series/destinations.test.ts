// Several destinations with their own write rules, and destinations that come, go and change while a target is scraped.

import { beforeAll, describe, expect, test } from 'vitest';
import { initZstd } from '../../../src/wire/zstd.ts';
import { rule } from '../relabel/rule.ts';
import { STEP_MS, World } from './world.ts';

beforeAll(initZstd);

const dropB = [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'b' })];
const dropReports = [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'up|scrape_.*' })];
const noX = [rule({ action: 'labeldrop', regex: 'x' })];

describe('write_relabel_configs', () => {
  test('each destination sees its own labels, external labels included', () => {
    const byDc = [rule({ sourceLabels: ['dc'], targetLabel: 'place' }), rule({ action: 'labeldrop', regex: 'dc' })];
    const world = new World({ destinations: [{ name: 'p' }, { name: 'q', writeRelabel: dropB }, { name: 'r', writeRelabel: byDc }], externalLabels: { dc: 'x' } });
    world.scrape('a 1\nb 2\n');
    expect([world.sent('p'), world.sent('q'), world.sent('r')]).toEqual([['a{dc="x"} 1', 'b{dc="x"} 2'], ['a{dc="x"} 1'], ['a{place="x"} 1', 'b{place="x"} 2']]);
    world.scrape('b 3\n');
    expect([world.sent('p'), world.sent('q'), world.sent('r')]).toEqual([['a{dc="x"} stale', 'b{dc="x"} 3'], ['a{dc="x"} stale'], ['a{place="x"} stale', 'b{place="x"} 3']]);
  });
  test('equal rules share an image and a column', () => {
    const world = new World({ destinations: [{ name: 'p', writeRelabel: dropB }, { name: 'q', writeRelabel: dropB }] });
    world.scrape('a 1\nb 2\n');
    const [p, q] = ['p', 'q'].map((name) => world.streams.get(name)!.take());
    expect(q![0]!.image).toBe(p![0]!.image);
    expect(q![0]!.payload).toBe(p![0]!.payload);
  });
  test('they act on report series, too', () => {
    const world = new World({ destinations: [{ writeRelabel: dropReports }] });
    world.scrape('a 1\n');
    expect(world.all()).toEqual(['a 1']);
  });
  test('what they drop is counted per destination', async () => {
    const world = new World({ destinations: [{ name: 'p', writeRelabel: dropB }, { name: 'q', writeRelabel: dropB }] });
    world.scrape('a 1\nb 2\n');
    expect(await world.metrics.text()).toContain('tributary_series_samples_dropped_total{reason="write_relabel"} 2\n');
  });
  test('series that they make one: the first value counts', () => {
    const world = new World({ destinations: [{ name: 'p' }, { name: 'q', writeRelabel: noX }] });
    world.scrape('a{x="1"} 1\na{x="2"} 2\n');
    expect([world.sent('p'), world.sent('q')]).toEqual([['a{x="1"} 1', 'a{x="2"} 2'], ['a 1']]);
    world.scrape('a{x="2"} 2\n');
    expect([world.sent('p'), world.sent('q').filter((line) => !line.endsWith('stale'))]).toEqual([['a{x="1"} stale', 'a{x="2"} 2'], ['a 2']]);
  });
  test('a series that only one of two merged ones leaves behind is not stale there', () => {
    const world = new World({ destinations: [{ writeRelabel: noX }] });
    world.page('a{x="1"} 1\na{x="2"} 2\n');
    expect(world.page('a{x="2"} 2\n')).toEqual(['a 2']);
  });
});

describe('destinations that change', () => {
  test('a new one gets everything from the next page on, the old one goes on without a mark', () => {
    const world = new World({ destinations: [{ name: 'p' }] });
    world.scrape('a 1\nb 1\n');
    world.configure([{ name: 'p' }, { name: 'q', writeRelabel: dropB }]);
    world.scrape('a 2\nb 2\n');
    expect([world.sent('p'), world.sent('q')]).toEqual([[`a 1@${-STEP_MS}`, 'a 2', `b 1@${-STEP_MS}`, 'b 2'], ['a 2']]);
  });
  test('what vanishes at that moment is marked where it was sent', () => {
    const world = new World({ destinations: [{ name: 'p' }] });
    world.page('a 1\nb 1\n');
    world.sent('p');
    world.configure([{ name: 'p' }, { name: 'q', writeRelabel: dropB }]);
    world.scrape('a 2\n');
    expect([world.sent('p'), world.sent('q')]).toEqual([['a 2', 'b stale'], ['a 2']]);
  });
  test('a failed scrape right after it marks everything where it was sent', () => {
    const world = new World({ destinations: [{ name: 'p' }] });
    world.scrape('a 1\n');
    world.sent('p');
    world.configure([{ name: 'p' }, { name: 'q', writeRelabel: dropB }]);
    world.scrape('a 1\n{{{\n');
    world.scrape('');
    expect(world.sent('p')).toEqual(['a stale']);
  });
  test('the end right after it marks everything where it was sent', () => {
    const world = new World({ destinations: [{ name: 'p' }] });
    world.scrape('a 1\n');
    world.sent('p');
    world.configure([{ name: 'p' }, { name: 'q', writeRelabel: dropB }]);
    world.end();
    expect([world.all('p').length, world.all('q')]).toEqual([6, []]);
  });
  test('another address of the same rules changes nothing for the series', () => {
    const world = new World({ destinations: [{ name: 'p' }] });
    world.scrape('a 1\n');
    const image = world.streams.get('p')!.take()[0]!.image;
    world.configure([{ name: 'q' }]);
    expect(world.scrape('a 2\n').added).toBe(0);
    const [record] = world.streams.get('q')!.take();
    expect(record!.image).toBe(image);
    expect(world.streams.get('p')!.take()).toEqual([]);
  });
  test('one that goes gets nothing more', () => {
    const world = new World({ destinations: [{ name: 'p' }, { name: 'q', writeRelabel: dropB }] });
    world.scrape('a 1\nb 1\n');
    world.sent('q');
    world.configure([{ name: 'p' }]);
    expect(world.scrape('a 2\nb 2\n').added).toBe(0);
    expect([world.sent('p').length, world.sent('q')]).toEqual([4, []]);
  });
  test('other external labels: the old series end, the new ones begin', () => {
    const world = new World({ externalLabels: { dc: 'x' } });
    world.scrape('a 1\n');
    world.sent();
    world.configure([{}], { dc: 'y' });
    world.scrape('a 2\n');
    const all = world.all().sort();
    expect(all).toContain('a{dc="x"} stale');
    expect(all).toContain('a{dc="y"} 2');
    expect(all).toContain('up{dc="x"} stale');
    expect(all).toContain('up{dc="y"} 1');
    expect(world.page('a 3\n')).toEqual(['a{dc="y"} 3']);
  });
  test('no destination at all', () => {
    const world = new World({ destinations: [] });
    expect(world.scrape('a 1\n').added).toBe(1);
    world.configure([{ name: 'p' }]);
    world.scrape('a 2\n');
    expect(world.sent('p')).toEqual(['a 2']);
  });
});
