// Values always land on the right label sets: random pages over many scrapes against a naive model, a map from label sets to what was sent.
// Pages change order, lose and gain series, repeat lines, break off, fail or are empty; images wear out and are rebuilt; destinations
// with other write rules come in between. Repeat a run with TEST_SEED.

import { beforeAll, describe, expect, test } from 'vitest';
import { initZstd } from '../../src/wire/zstd.ts';
import { ScrapeError } from '../../src/model/scrape-error.ts';
import type { QueuedRecord } from '../../src/queue/queue.ts';
import { valueBits } from '../support/write-request.ts';
import { rule } from '../unit/relabel/rule.ts';
import { seeded, testSeed } from '../unit/exposition/collecting-sink.ts';
import { decodeRecords, World } from '../unit/series/world.ts';
import type { DestinationOptions } from '../unit/series/world.ts';

const seed = testSeed();
const RUNS = 6;
const SCRAPES = 60;
const STALE = '7ff0000000000002';
const NAN = '7ff8000000000001';

beforeAll(initZstd);

interface Line {
  readonly series: number;
  readonly form: string;
  readonly text: string;
  readonly bits: string;
}

/** Series `i` in one of two forms; every seventh has the label by which it is dropped. */
function lineOf(i: number, random: () => number): Line {
  const drop = i % 7 === 0 ? ',drop="me"' : '';
  const form = random() < 0.5 ? `m{i="${i}",k="${i % 5}"${drop}}` : `m{k="${i % 5}"${drop},i="${i}"}`;
  return valueLine(i, form, random);
}

function valueLine(series: number, form: string, random: () => number): Line {
  if (random() < 0.05) return { series, form, text: `${form} NaN`, bits: NAN };
  const value = Math.floor(random() * 1e6) / 8;
  return { series, form, text: `${form} ${value}`, bits: valueBits(value) };
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/** The series of a page: a window over an endless row that moves on, with holes; mostly in order. */
function pageSeries(from: number, random: () => number): number[] {
  const size = random() < 0.1 ? 5 : 100 + Math.floor(random() * 300);
  const holes = random() < 0.5 ? 0 : random() * 0.6;
  const row = Array.from({ length: size }, (_, i) => from + i).filter(() => random() >= holes);
  return random() < 0.3 ? shuffled(row, random) : row;
}

/** What a destination should have got: by series, the tracked ones. */
class Model {
  tracked = new Set<number>();
  readonly #keeps: (series: number) => boolean;

  constructor(keeps: (series: number) => boolean) {
    this.#keeps = (series) => series % 7 !== 0 && keeps(series);
  }

  accepted(lines: readonly Line[]): Map<number, string> {
    const sent = new Map<number, string>();
    for (const { series, bits } of lines) if (this.#keeps(series) && !sent.has(series)) sent.set(series, bits);
    const seen = new Set(sent.keys());
    for (const series of this.tracked) if (!seen.has(series)) sent.set(series, STALE);
    this.tracked = seen;
    return sent;
  }

  /** Nothing of the page is sent; what it had before it broke off stays. */
  failed(seen: ReadonlySet<number>): Map<number, string> {
    const gone = [...this.tracked].filter((series) => !seen.has(series));
    for (const series of gone) this.tracked.delete(series);
    return new Map(gone.map((series) => [series, STALE]));
  }
}

const keepAll: DestinationOptions = { name: 'p' };
const keepOdd: DestinationOptions = { name: 'q', writeRelabel: [rule({ action: 'keep', sourceLabels: ['i'], regex: '.*[13579]|' }), rule({ targetLabel: 'to', replacement: 'q' })] };
const dropKs: DestinationOptions = { name: 'q', writeRelabel: [rule({ action: 'drop', sourceLabels: ['k'], regex: '[012]' })] };
const metricRelabel = [rule({ action: 'drop', sourceLabels: ['drop'], regex: 'me' })];

type Sent = Map<number, string>;

/** Value bits by time and series; fails on two samples of one series at one time. */
function sentByTime(records: readonly QueuedRecord[], to: string | undefined): Map<number, Sent> {
  const sent = new Map<number, Sent>();
  for (const { labels, samples } of decodeRecords(records, 20_000)) {
    const map = new Map(labels);
    if (map.get('__name__') !== 'm') continue;
    const series = Number(map.get('i'));
    if (map.get('k') !== String(series % 5) || map.get('to') !== to) throw new Error(`label sets are mixed up: ${JSON.stringify(labels)}`);
    for (const { timestampMs, value } of samples) {
      let at = sent.get(timestampMs);
      if (at === undefined) sent.set(timestampMs, (at = new Map()));
      if (at.has(series)) throw new Error(`two samples of series ${series} at ${timestampMs}`);
      at.set(series, value);
    }
  }
  return sent;
}

function sorted(map: Sent | undefined): [number, string][] {
  return [...(map ?? [])].sort(([a], [b]) => a - b);
}

/** What happens to a scrape: its page, where it breaks off, or why there is none. */
interface Fate {
  readonly kind: 'good' | 'broken' | 'late' | 'empty';
  readonly lines: readonly Line[];
}

function nextFate(from: number, random: () => number): Fate {
  // Two forms of one series on a page would be two samples with one timestamp: only the same form repeats.
  const lines = pageSeries(from, random).flatMap((i) => {
    const line = lineOf(i, random);
    return random() < 0.02 ? [line, valueLine(i, line.form, random)] : [line];
  });
  const dice = random();
  return { kind: dice < 0.8 ? 'good' : dice < 0.9 ? 'broken' : dice < 0.95 ? 'late' : 'empty', lines };
}

function scrape(world: World, { kind, lines }: Fate): void {
  const body = (part: readonly Line[]) => part.map(({ text }) => `${text}\n`).join('');
  if (kind === 'good') world.scrape(body(lines));
  else if (kind === 'broken') world.scrape(`${body(half(lines))}{{{\n${body(lines)}`);
  else if (kind === 'late') world.scrape(body(lines), { error: new ScrapeError('timeout', 'too late') });
  else world.scrape('');
}

function half(lines: readonly Line[]): readonly Line[] {
  return lines.slice(0, lines.length >> 1);
}

function outcome(model: Model, { kind, lines }: Fate): Sent {
  if (kind === 'good') return model.accepted(lines);
  return model.failed(new Set(kind === 'broken' ? half(lines).map(({ series }) => series) : []));
}

function run(random: () => number): void {
  const world = new World({ destinations: [keepAll, keepOdd], settings: { metricRelabel } });
  const p = new Model(() => true);
  let q = new Model(isOdd);
  let qRules = keepOdd;
  let from = 0;
  const kept: QueuedRecord[] = [];
  const expected = new Map<number, [number, string][]>();
  for (let i = 0; i < SCRAPES; i++) {
    from += Math.floor(random() ** 3 * 300);
    const fate = nextFate(from, random);
    if (fate.kind === 'good' && random() < 0.05) {
      qRules = qRules === keepOdd ? dropKs : keepOdd;
      q = new Model(qRules === keepOdd ? isOdd : isHighK);
      world.configure([keepAll, qRules]);
    }
    const atMs = world.nowMs;
    scrape(world, fate);
    const records = world.streams.get('p')!.take();
    expected.set(atMs, sorted(outcome(p, fate)));
    expect(sorted(sentByTime(records, undefined).get(atMs))).toEqual(expected.get(atMs));
    expect(sorted(sentByTime(world.streams.get('q')!.take(), qRules === keepOdd ? 'q' : undefined).get(atMs))).toEqual(sorted(outcome(q, fate)));
    kept.push(...records);
  }
  expect(new Set(kept.map(({ image }) => image?.id)).size).toBeGreaterThan(1);
  // A receiver that was away gets everything at once, long after images were replaced.
  const late = sentByTime(kept, undefined);
  for (const [atMs, series] of expected) expect(sorted(late.get(atMs))).toEqual(series);
}

function isOdd(series: number): boolean {
  return series % 2 === 1;
}

function isHighK(series: number): boolean {
  return series % 5 > 2;
}

describe(`values reach the right series (TEST_SEED=${seed})`, () => {
  test.each(Array.from({ length: RUNS }, (_, i) => i))('run %i', (i) => run(seeded(seed + i)));
});
