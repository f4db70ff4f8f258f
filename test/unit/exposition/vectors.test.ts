// Pages that were recorded from Prometheus 3.14: each is accepted or refused as there, with the same samples. Labels are compared as the
// page shows them: what the job added is taken away from the recorded ones.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chooseFormat } from '../../../src/exposition/negotiation.ts';
import { CollectingSink, cut, readPage, seeded, testSeed } from './collecting-sink.ts';

interface Series { readonly labels: Record<string, string>; readonly values?: string | (string | null)[]; readonly at?: Record<string, string> }
interface Vector {
  readonly name: string;
  readonly job?: Record<string, unknown>;
  readonly target_labels?: Record<string, string>;
  readonly pages: { readonly body?: string; readonly ct?: string | null; readonly status?: number }[];
  readonly expect: Series[];
}

const REPORT = new Set(['up', 'scrape_duration_seconds', 'scrape_samples_scraped', 'scrape_samples_post_metric_relabeling', 'scrape_series_added']);
const BASE_MS = 1_760_000_000_037;
const seed = testSeed();

const vectors = readFileSync(new URL('../../fixtures/vectors/scrape.jsonl', import.meta.url), 'utf8')
  .split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Vector)
  .filter((v) => /^(genpage|num|le-normalise|utf8$)/.test(v.name) && v.job === undefined);

describe(`pages as Prometheus 3.14 reads them (chunks cut with TEST_SEED=${seed})`, () => {
  it('has the vectors', () => expect(vectors.length).toBeGreaterThan(380));
  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const page = vector.pages[0]!;
    const bytes = Buffer.from(fillPlaceholders(page.body!));
    const { format } = chooseFormat(page.ct ?? 'text/plain', undefined);
    const random = seeded(seed);
    const whole = new CollectingSink();
    const error = readPage(format, whole, [bytes]);
    const accepted = reported(vector, 'up') === 1;
    expect(error?.message ?? 'accepted').toEqual(accepted ? 'accepted' : expect.any(String));
    expect(error === undefined).toBe(accepted);
    expect(whole.samples.length).toBe(reported(vector, 'scrape_samples_scraped'));
    if (accepted) expect(finalSeries(whole)).toEqual(expectedSeries(vector));
    const first = whole.calls();
    const again = readPage(format, whole, [bytes]);
    expect(again?.message).toBe(error?.message);
    expect(whole.calls()).toEqual(first);
    const pieces = new CollectingSink();
    const pieced = readPage(format, pieces, cut(bytes, random));
    expect(pieced?.message).toBe(error?.message);
    expect(pieces.calls()).toEqual(first);
    expect((pieced as { line?: number } | undefined)?.line).toBe((error as { line?: number } | undefined)?.line);
  });
});

function fillPlaceholders(body: string): string {
  return body
    .replace(/<T([+-]\d+)>/g, (_, offset: string) => String(BASE_MS + Number(offset)))
    .replace(/<S([+-]\d+)>/g, (_, offset: string) => ((BASE_MS + Number(offset)) / 1000).toFixed(3));
}

function hex(value: number): string {
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  const text = bits.toString('hex');
  if (Number.isNaN(value)) return '7ff8000000000001';
  return text === '8000000000000000' ? '0000000000000000' : text;
}

function reported(vector: Vector, name: string): number {
  const values = vector.expect.find((s) => s.labels['__name__'] === name && s.labels['job'] === vector.name)!.values!;
  return Buffer.from(typeof values === 'string' ? values : values[0]!, 'hex').readDoubleBE();
}

/** Label sets as the job makes them of the page's: target labels win, the page's own move to `exported_`, empty ones are absent. */
function finalLabels(labels: ReadonlyMap<string, string>): Map<string, string> {
  const final = new Map([...labels].filter(([, value]) => value !== ''));
  for (const name of ['job', 'instance']) {
    const value = final.get(name);
    if (value === undefined) continue;
    let free = `exported_${name}`;
    while (final.has(free)) free = `exported_${free}`;
    final.delete(name);
    final.set(free, value);
  }
  return final;
}

function key(labels: Iterable<readonly [string, string]>): string {
  return JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Value bits by label set and time; the first of several with one time. Samples older than the run are not recorded. */
function finalSeries(sink: CollectingSink): Map<string, string> {
  const series = new Map<string, string>();
  for (const { labels, value, timestampMs } of sink.collected()) {
    if (timestampMs !== undefined && timestampMs < BASE_MS - 1000) continue;
    const at = `${key(finalLabels(labels))} ${timestampMs === undefined ? 'scrape' : timestampMs - BASE_MS}`;
    if (!series.has(at)) series.set(at, hex(value));
  }
  return series;
}

function expectedSeries(vector: Vector): Map<string, string> {
  const series = new Map<string, string>();
  for (const { labels, values, at } of vector.expect) {
    if (labels['job'] === vector.name && REPORT.has(labels['__name__']!)) continue;
    const own = Object.entries(labels).filter(([name, value]) => !(name === 'job' && value === vector.name)
      && !(name === 'instance' && value === 'fixed:80') && name !== 'cluster' && name !== 'region');
    const first = typeof values === 'string' ? values : values?.[0];
    if (typeof first === 'string') series.set(`${key(own)} scrape`, first);
    for (const [time, bits] of Object.entries(at ?? {})) series.set(`${key(own)} ${Number(time.slice(1))}`, bits);
  }
  return series;
}
