// The recorded cases of test/fixtures/vectors/scrape.jsonl: their configuration, and the comparison of what arrived with what Prometheus
// 3.14 sent. The format and the allowances are those of the recording.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STALE_BITS } from '../../support/write-request.ts';
import type { CasePage } from './case-pages.ts';

export interface ExpectedSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Bits by number of the scrape, null for nothing; one text when all are equal; `*` for any value. */
  readonly values?: string | readonly (string | null)[];
  /** Bits of samples with a timestamp of their own, by placeholder such as `T+100`. */
  readonly at?: Readonly<Record<string, string>>;
}

export interface ScrapeCase {
  readonly name: string;
  readonly metrics_path: string;
  readonly job?: { readonly relabel_configs?: readonly object[] } & Readonly<Record<string, unknown>>;
  readonly target_labels?: Readonly<Record<string, string>>;
  readonly pages: readonly CasePage[];
  readonly scraped: boolean;
  readonly expect: readonly ExpectedSeries[];
}

/** Scrapes that the recording covers. */
export const SCRAPES = 6;
/** Address of the target in the recording. */
const RECORDED_ADDRESS = '127.0.0.1:18777';
/** Milliseconds between scrapes, and their timeout, in every recorded job but one (whose interval is longer). */
const INTERVAL_MS = 1000;
const ANY = '*';
const ZERO = '0000000000000000';
const NEGATIVE_ZERO = '8000000000000000';

/** All cases, the target's address in the place of the recorded one. */
export function readCases(): ScrapeCase[] {
  const file = join(import.meta.dirname, '..', '..', 'fixtures', 'vectors', 'scrape.jsonl');
  return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as ScrapeCase);
}

/** The case as the target at `port` has it. */
export function moved(one: ScrapeCase, port: number): ScrapeCase {
  return JSON.parse(JSON.stringify(one).replaceAll(RECORDED_ADDRESS, `127.0.0.1:${port}`)) as ScrapeCase;
}

/** The configuration under which the cases were recorded. JSON is YAML, too. */
export function configurationOf(cases: readonly ScrapeCase[], pagesPort: number, receiverUrl: string): string {
  const first = { source_labels: ['__address__'], regex: '127\\.0\\.0\\.1:.*', target_label: 'instance', replacement: 'fixed:80' };
  return JSON.stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s', external_labels: { cluster: 'ext', region: 'eu' } },
    scrape_configs: cases.map((one) => ({
      ...one.job,
      job_name: one.name,
      metrics_path: one.metrics_path,
      relabel_configs: [first, ...(one.job?.relabel_configs ?? [])],
      static_configs: [{ targets: [`127.0.0.1:${pagesPort}`], labels: one.target_labels ?? {} }],
    })),
    remote_write: [{ name: 'recorder', url: receiverUrl, metadata_config: { send: false } }],
    // Pages have times ahead of the clock, which a Prometheus sends at once.
    tributary: { destinations: { recorder: { clock_guard: false } } },
  });
}

interface ArrivedSample {
  readonly timestampMs: number;
  readonly bits: string;
}

/** What arrived of one case: samples of each series in their order, and its scrapes. */
export class Arrival {
  readonly series = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly samples: ArrivedSample[] }>();
  /** Timestamps of `up`, in their order. */
  readonly scrapesMs: number[] = [];
  readonly #upKey: string | undefined;

  constructor(one: ScrapeCase) {
    const up = one.expect.find(({ labels }) => labels['__name__'] === 'up');
    this.#upKey = up === undefined ? undefined : keyOf(up.labels);
  }

  add(labels: Readonly<Record<string, string>>, samples: readonly { readonly timestampMs: number; readonly value: string }[]): void {
    const key = keyOf(labels);
    let series = this.series.get(key);
    if (series === undefined) this.series.set(key, (series = { labels, samples: [] }));
    for (const { timestampMs, value } of samples) {
      series.samples.push({ timestampMs, bits: value });
      if (key === this.#upKey) this.scrapesMs.push(timestampMs);
    }
  }

  /** All scrapes of the recording are there; at once for a case that Prometheus never scraped. */
  get isComplete(): boolean {
    return this.#upKey === undefined || this.scrapesMs.length >= SCRAPES;
  }

  /** The series that tells by its label set. */
  of(labels: Readonly<Record<string, string>>): readonly ArrivedSample[] {
    return this.series.get(keyOf(labels))?.samples ?? [];
  }
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where what arrived differs from the recording, one line per difference; empty when the case passes. */
export function differences(one: ScrapeCase, arrival: Arrival, baseMs: number | undefined, startMs: number): string[] {
  const scrapesMs = [...arrival.scrapesMs].sort((a, b) => a - b);
  const failed = isFailed(one);
  const found: string[] = [];
  const expected = new Set<string>();
  for (const series of one.expect) {
    expected.add(keyOf(series.labels));
    const arrived = sortOut(arrival.of(series.labels), series, scrapesMs, baseMs ?? NaN, startMs);
    for (const line of seriesDifferences(series, arrived, failed)) found.push(`${shown(series.labels)}: ${line}`);
  }
  for (const [key, { labels, samples }] of arrival.series) {
    const inTime = samples.filter(({ timestampMs }) => timestampMs >= startMs && !(timestampMs > scrapesMs[SCRAPES - 1]! && scrapesMs.includes(timestampMs)));
    if (!expected.has(key) && inTime.length > 0) found.push(`${shown(labels)}: must not arrive, but did: ${inTime.map(({ bits }) => bits).join(' ')}`);
  }
  return found;
}

/** By number of the scrape: whether Prometheus' scrape failed. */
function isFailed(one: ScrapeCase): boolean[] {
  const up = one.expect.find(({ labels }) => labels['__name__'] === 'up');
  return byScrape(up?.values).map((bits) => bits === ZERO);
}

function byScrape(values: ExpectedSeries['values']): (string | null)[] {
  if (typeof values === 'string') return Array.from({ length: SCRAPES }, () => values);
  return Array.from({ length: SCRAPES }, (_, i) => values?.[i] ?? null);
}

interface SortedOut {
  readonly values: (string | undefined)[];
  readonly at: Map<string, string>;
  readonly others: ArrivedSample[];
}

/** Samples by scrape and by placeholder; of two with one timestamp the first counts, as a Prometheus server stores it. */
function sortOut(samples: readonly ArrivedSample[], series: ExpectedSeries, scrapesMs: readonly number[], baseMs: number, startMs: number): SortedOut {
  const placeholders = new Map(Object.keys(series.at ?? {}).map((name) => [baseMs + Number(name.slice(1)), name]));
  const values: (string | undefined)[] = Array.from({ length: SCRAPES }, () => undefined);
  const at = new Map<string, string>();
  const others: ArrivedSample[] = [];
  for (const sample of samples) {
    const placeholder = placeholders.get(sample.timestampMs);
    const scrape = scrapesMs.indexOf(sample.timestampMs);
    if (placeholder !== undefined) at.set(placeholder, at.get(placeholder) ?? sample.bits);
    else if (scrape < 0 && sample.timestampMs >= startMs) others.push(sample);
    else if (scrape >= 0 && scrape < SCRAPES) values[scrape] ??= sample.bits;
  }
  return { values, at, others };
}

function seriesDifferences(series: ExpectedSeries, arrived: SortedOut, failed: readonly boolean[]): string[] {
  const wanted = byScrape(series.values);
  const found: string[] = [];
  const wrong = wanted.flatMap((bits, i) => (isRight(wanted, i, arrived.values[i], failed[i] === true) ? [] : [`${i + 1}: ${bits} but ${arrived.values[i] ?? null}`]));
  if (wrong.length > 0) found.push(`by scrape, expected but arrived: ${wrong.join(', ')}`);
  for (const [name, bits] of Object.entries(series.at ?? {})) {
    if (!isEqual(bits, arrived.at.get(name))) found.push(`at ${name}: expected ${bits} but ${arrived.at.get(name) ?? null}`);
  }
  for (const { timestampMs, bits } of arrived.others) found.push(`unexpected ${bits} at ${timestampMs}`);
  return found;
}

/** In a failed scrape Prometheus forgets some markers, and sends some of series that were never sent: both ways are right. */
function isRight(wanted: readonly (string | null)[], scrape: number, bits: string | undefined, isFailedScrape: boolean): boolean {
  const want = wanted[scrape]!;
  if (want === null) return bits === undefined || (isFailedScrape && bits === STALE_BITS);
  if (bits === undefined && want === STALE_BITS) return wanted.slice(0, scrape).every((earlier) => earlier === null);
  return isEqual(want, bits);
}

function isEqual(want: string, bits: string | undefined): boolean {
  if (bits === undefined) return false;
  return want === ANY ? bits !== STALE_BITS : want === bits || (want === ZERO && bits === NEGATIVE_ZERO);
}

/**
 * Whether the machine, not the program, may have made the difference: scrapes were late by more than half an interval, or a page that Prometheus
 * got ran into its timeout. Such a case is repeated.
 */
export function isDisturbed(one: ScrapeCase, arrival: Arrival): boolean {
  const scrapesMs = [...arrival.scrapesMs].sort((a, b) => a - b).slice(0, SCRAPES);
  const gaps = scrapesMs.slice(1).map((atMs, i) => atMs - scrapesMs[i]!);
  if (gaps.length > 0 && Math.max(...gaps) - Math.min(...gaps) > INTERVAL_MS / 2) return true;
  const duration = one.expect.find(({ labels }) => labels['__name__'] === 'scrape_duration_seconds');
  return duration !== undefined && arrival.of(duration.labels).some(({ bits }) => Buffer.from(bits, 'hex').readDoubleBE() * 1000 >= INTERVAL_MS * 0.95);
}

function shown(labels: Readonly<Record<string, string>>): string {
  const own = Object.entries(labels).filter(([name]) => !['__name__', 'cluster', 'region'].includes(name));
  return `${labels['__name__'] ?? ''}{${own.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
}
