// scraped = failed + relabelled + limited + unrouted + appended, per destination, whatever a page is and whatever rules do: random pages with every way to lose
// a sample, random rules, destinations that come and go. What was scraped is counted at the page reader and from what reached a destination
// without rules, not taken from the tally. Repeat a run with TEST_SEED.

import { beforeAll, describe, expect, test } from 'vitest';
import { ScrapeError } from '../../src/model/scrape-error.ts';
import { initZstd } from '../../src/wire/zstd.ts';
import { seeded, testSeed } from '../unit/exposition/collecting-sink.ts';
import { rule } from '../unit/relabel/rule.ts';
import { type DestinationOptions, type KeptStream, World } from '../unit/series/world.ts';

const seed = testSeed();
const RUNS = 30;
const SCRAPES = 30;
const REPORTS = 5;

beforeAll(initZstd);

type Random = () => number;
const int = (random: Random, below: number) => Math.floor(random() * below);

function writeRules(random: Random) {
  const all = [
    [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'm[12]' })],
    [rule({ action: 'labeldrop', regex: 'x' })],
    [rule({ action: 'keep', sourceLabels: ['__name__'], regex: 'm.' })],
    [rule({ action: 'drop', sourceLabels: ['__name__'], regex: '.*' })],
    [rule({ action: 'drop', sourceLabels: ['x'], regex: '[0-4]' }), rule({ action: 'labeldrop', regex: 'k' })],
  ];
  return all[int(random, all.length)]!;
}

/** A line; some have a time of their own, some of them an impossible one; forms of one series differ in the order of labels. */
function line(random: Random, nowMs: number, hasForms: boolean): string {
  const [m, x, k] = [int(random, 5), int(random, 8), int(random, 3)];
  const labels = !hasForms || random() < 0.5 ? `x="${x}",k="${k}"` : `k="${k}",x="${x}"`;
  const time = random() < 0.8 ? '' : ` ${nowMs + (random() < 0.1 ? 3_600_000 : -int(random, 30_000))}`;
  return `m${m}{${labels}} ${int(random, 100)}${time}`;
}

function page(random: Random, nowMs: number, hasForms: boolean): string {
  const lines = Array.from({ length: int(random, 60) }, () => line(random, nowMs, hasForms));
  if (random() < 0.1) lines.splice(int(random, lines.length + 1), 0, '{{{');
  if (random() < 0.1) lines.splice(int(random, lines.length + 1), 0, 'm{a="1",b="2",c="3",d="4"} 1');
  return lines.map((text) => `${text}\n`).join('');
}

/** Samples that the page reader handed over, or had refused because of their labels: counted where pages are read. */
function countPages(world: World): () => number {
  let count = 0;
  const { series } = world;
  const [sample, add] = [series.sample.bind(series), series.add.bind(series)];
  series.sample = (id, value, timestampMs) => {
    count++;
    sample(id, value, timestampMs);
  };
  series.add = (bytes, start, keyEnd, labels) => {
    try {
      return add(bytes, start, keyEnd, labels);
    } catch (error) {
      count++;
      throw error;
    }
  };
  return () => count;
}

function check(stream: KeptStream): void {
  const { scraped, failed, relabelled, limited, unrouted } = stream.scrape;
  expect([stream.name, scraped]).toEqual([stream.name, failed + relabelled + limited + unrouted + stream.appended]);
}

function run(random: Random): void {
  const hasForms = random() < 0.5;
  const destinations: DestinationOptions[] = [{ name: 'p' }, { name: 'q', writeRelabel: writeRules(random) }];
  const metricRelabel = random() < 0.5 ? [] : random() < 0.5 ? [rule({ action: 'labeldrop', regex: 'k' })] : [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'm3' })];
  const settings = { metricRelabel, labelLimit: random() < 0.5 ? 0 : 4, sampleLimit: random() < 0.3 ? 40 : 0, honorTimestamps: random() < 0.8, trackTimestampsStaleness: random() < 0.5 };
  const world = new World({ destinations, settings });
  const read = countPages(world);
  let scrapes = 0;
  let markers = 0;
  for (let i = 0; i < SCRAPES; i++) {
    if (random() < 0.05) world.configure([...destinations, { name: 'r', writeRelabel: writeRules(random) }]);
    const error = random() < 0.1 ? new ScrapeError(random() < 0.5 ? 'timeout' : 'body_size', 'broken') : undefined;
    world.scrape(random() < 0.05 ? '' : page(random, world.nowMs, hasForms), error === undefined ? {} : { error });
    scrapes++;
    markers += stale(world);
    for (const stream of world.streams.values()) check(stream);
  }
  world.end();
  markers += stale(world);
  for (const stream of world.streams.values()) check(stream);
  const [p, q] = [world.streams.get('p')!, world.streams.get('q')!];
  expect(q.scrape.scraped).toBe(p.scrape.scraped);
  // Where series are merged, some of their markers stay behind another value.
  const known = read() + scrapes * REPORTS + markers;
  const merged = hasForms || metricRelabel[0]?.action === 'labeldrop' ? p.scrape.relabelled : 0;
  expect(p.scrape.scraped).toBeGreaterThanOrEqual(known);
  expect(p.scrape.scraped).toBeLessThanOrEqual(known + merged);
}

/** Markers that reached the destination without rules. */
function stale(world: World): number {
  return world.all('p').filter((text) => / stale(@|$)/.test(text)).length;
}

describe(`the accounts of scrapes add up (TEST_SEED=${seed})`, () => {
  test.each(Array.from({ length: RUNS }, (_, i) => i))('run %i', (i) => run(seeded(seed + i)));
});
