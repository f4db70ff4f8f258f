// One target's series with a real page reader before them and streams behind them that keep what they are given. What was appended is
// turned into request bodies by the sender's assembler and decoded by protobufjs, so a test reads what a receiver would.

import { createPageReader } from '../../../src/exposition/page-reader.ts';
import type { PageFormat } from '../../../src/exposition/page-reader.ts';
import { seededRandom } from '../../../src/io/random.ts';
import type { ScrapeError } from '../../../src/model/scrape-error.ts';
import type { Target } from '../../../src/model/target.ts';
import type { QueuedRecord, RecordInput, Stream, Tally } from '../../../src/queue/queue.ts';
import { addTallies, noTally, tallyOf } from '../../../src/queue/tally.ts';
import type { OwnerIndex } from '../../../src/owners/owners.ts';
import type { RelabelSettings } from '../../../src/relabel/config.ts';
import type { RoutingSettings } from '../../../src/route/config.ts';
import type { ShardGroupSettings } from '../../../src/route/shards/config.ts';
import type { ScrapeSettings } from '../../../src/scrape/config.ts';
import { Assembler } from '../../../src/sender/assembly.ts';
import type { KeyHash } from '../../../src/series/hash.ts';
import type { TargetSeries } from '../../../src/series/series.ts';
import { createSeriesStage } from '../../../src/series/stage.ts';
import type { SeriesStage } from '../../../src/series/stage.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { decodeWriteRequest, valueBits } from '../../support/write-request.ts';
import type { PlainSeries } from '../../support/write-request.ts';
import { job } from '../scrape/support/job.ts';

export const START_MS = 1_760_000_000_000;
export const STEP_MS = 10_000;
const REPORTS = /^(up|scrape_\w+)$/;

/** A stream that keeps records; `take` gives those that came since the last call. */
export class KeptStream {
  readonly name: string;
  #sequence = 0;
  #records: QueuedRecord[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** What became of everything scraped, and what of it was appended, as the queue counts them. */
  scrape: Tally = noTally;
  appended = 0;

  count(tally: Tally): void {
    this.scrape = addTallies(this.scrape, tally);
  }

  append(inputs: readonly RecordInput[]): void {
    for (const input of inputs) {
      this.count(tallyOf(input));
      this.appended += input.samples;
    }
    for (const input of inputs) this.#records.push(queued(input, ++this.#sequence));
  }

  /** What `appendNow` answers. */
  isSafe = true;
  isRefusing = false;

  appendNow(inputs: readonly RecordInput[]): Promise<boolean> {
    this.append(inputs);
    return Promise.resolve(this.isSafe);
  }

  refuses(): boolean {
    return this.isRefusing;
  }

  take(): QueuedRecord[] {
    return this.#records.splice(0);
  }

  /** As the series stage sees it: it only appends. */
  get stream(): Stream {
    return this as unknown as Stream;
  }
}

function queued(input: RecordInput, sequence: number): QueuedRecord {
  const { type, samples, oldestMs, newestMs } = input;
  const shared = { sequence, samples, oldestMs, newestMs, bytes: 0 };
  if (input.type === 'raw') return { ...shared, type, timestampMs: newestMs, image: undefined, positions: 0, payload: input.body };
  // The image itself, as the queue keeps it while a record is in memory: it grows on.
  return { ...shared, type, timestampMs: input.timestampMs, image: input.image, positions: input.positions, payload: input.column };
}

/** Every series of the bodies made from these records. */
export function decodeRecords(records: readonly QueuedRecord[], bodyBytes = 1_000_000): PlainSeries[] {
  const series: PlainSeries[] = [];
  for (const body of new Assembler({ bodyBytes: () => bodyBytes }).bodies(records)) series.push(...decodeWriteRequest(body.bytes).series);
  return series;
}

export interface DestinationOptions {
  readonly name?: string;
  readonly writeRelabel?: readonly RelabelSettings[];
  readonly sendExemplars?: boolean;
  readonly sendNativeHistograms?: boolean;
  readonly owner?: string;
  readonly replicaLabel?: { readonly name: string; readonly value: string };
}

export interface WorldOptions {
  readonly settings?: Partial<ScrapeSettings>;
  readonly targetLabels?: Readonly<Record<string, string>>;
  readonly externalLabels?: Readonly<Record<string, string>>;
  readonly destinations?: readonly DestinationOptions[];
  readonly hash?: KeyHash;
  readonly routing?: RoutingSettings;
  readonly shardGroups?: readonly ShardGroupSettings[];
  readonly index?: OwnerIndex;
  readonly job?: string;
  /** `__*` labels of the target. */
  readonly provenance?: Readonly<Record<string, string>>;
}

export interface PageOptions {
  readonly format?: PageFormat;
  /** Breaks the scrape with this error after the body was read: a timeout, a reset connection. */
  readonly error?: ScrapeError;
}

export interface Scraped {
  readonly added: number;
  readonly error: string | undefined;
  readonly scraped: number;
  readonly postRelabel: number;
}

export class World {
  readonly metrics = createMetrics();
  readonly stage: SeriesStage;
  readonly streams = new Map<string, KeptStream>();
  series: TargetSeries;
  target: Target;
  readonly #options: WorldOptions;
  /** Time of the scrape that comes next. */
  nowMs = START_MS;
  #lastMs = START_MS;

  constructor(options: WorldOptions = {}) {
    const { hash } = options;
    this.stage = createSeriesStage({
      random: seededRandom(1), metrics: this.metrics, nowMs: () => this.nowMs, ...(hash === undefined ? {} : { hash }),
    });
    this.#options = options;
    this.configure(options.destinations ?? [{}], options.externalLabels);
    const { job: name = 'j' } = options;
    const labels = Object.entries({ job: name, ...options.targetLabels }).sort(([a], [b]) => (a < b ? -1 : 1));
    const provenance = new Map(Object.entries(options.provenance ?? {}));
    this.target = {
      key: 'k', job: name, labels, discoveredLabels: new Map(), provenance, url: 'http://h/', scrapeIntervalMs: STEP_MS, scrapeTimeoutMs: STEP_MS,
    };
    this.series = this.stage.open(this.target, job({ jobName: name, ...options.settings }));
  }

  configure(destinations: readonly DestinationOptions[], externalLabels: Readonly<Record<string, string>> = {}, routing = this.#options.routing, shardGroups = this.#options.shardGroups, index = this.#options.index): void {
    this.stage.configure({
      destinations: destinations.map(({ name = 'd', writeRelabel = [], sendExemplars = false, ...rest }) => ({ stream: this.#stream(name).stream, writeRelabel, sendExemplars, ...rest })),
      externalLabels: new Map(Object.entries(externalLabels)),
      ...(routing !== undefined && { routing }),
      ...(shardGroups !== undefined && { shardGroups }),
      ...(index !== undefined && { index }),
    });
  }

  /** The target's hidden labels change, as discovery tells it. */
  retarget(provenance: Readonly<Record<string, string>>): void {
    this.target = { ...this.target, provenance: new Map(Object.entries(provenance)) };
    this.series.retarget(this.target);
  }

  #stream(name: string): KeptStream {
    let stream = this.streams.get(name);
    if (stream === undefined) this.streams.set(name, (stream = new KeptStream(name)));
    return stream;
  }

  /** One scrape. `undefined` for the body: there was no page at all. */
  scrape(body: string | Uint8Array | undefined, options: PageOptions = {}): Scraped {
    const { series } = this;
    const bytes = body === undefined ? undefined : Buffer.from(body);
    this.#lastMs = this.nowMs;
    series.begin(this.nowMs);
    const error = options.error ?? (bytes === undefined || bytes.length === 0 ? undefined : this.#read(bytes, options.format ?? 'text'));
    if (options.error !== undefined && bytes !== undefined) this.#read(bytes, options.format ?? 'text');
    const result = series.commit({ timestampMs: this.nowMs, error, durationSeconds: 0.5, bodyBytes: error === undefined ? (bytes?.length ?? 0) : 0 });
    this.nowMs += STEP_MS;
    return { added: result.seriesAdded, error: result.error?.message, scraped: series.samplesScraped, postRelabel: series.samplesPostRelabel };
  }

  #read(bytes: Buffer, format: PageFormat): ScrapeError | undefined {
    const reader = createPageReader(format, this.series);
    try {
      reader.feed(bytes);
      reader.finish();
      return undefined;
    } catch (error) {
      return error as ScrapeError;
    }
  }

  end(): void {
    this.#lastMs = this.nowMs;
    this.series.end(this.nowMs);
  }

  /** What the last scrape sent to a destination, report series left out: `name{labels} value`, with `@offset` for a time of its own, sorted. */
  sent(name = 'd'): string[] {
    return this.all(name).filter((line) => !REPORTS.test(/^\w*/.exec(line)![0])).sort();
  }

  /** The same with the report series, in the order of the bodies. */
  all(name = 'd'): string[] {
    return decodeRecords(this.#stream(name).take()).flatMap((series) => lines(series, this.#lastMs));
  }

  /** Scrapes and shows what was sent. */
  page(body: string | undefined, options: PageOptions = {}): string[] {
    this.scrape(body, options);
    return this.sent();
  }
}

function lines(series: PlainSeries, scrapeMs: number): string[] {
  const name = series.labels.find(([label]) => label === '__name__')?.[1] ?? '';
  const labels = series.labels.filter(([label, value]) => label !== '__name__' && !(label === 'job' && value === 'j'));
  const head = labels.length === 0 ? name : `${name}{${labels.map(([label, value]) => `${label}="${value}"`).join(',')}}`;
  const samples = series.samples.map((sample) => `${head} ${shown(sample.value)}${offset(sample.timestampMs, scrapeMs)}`);
  const exemplars = series.exemplars.map((e) => `${head} # {${e.labels.map(([l, v]) => `${l}="${v}"`).join(',')}} ${shown(e.value)}${offset(e.timestampMs, scrapeMs)}`);
  return [...samples, ...exemplars];
}

function offset(timestampMs: number, scrapeMs: number): string {
  return timestampMs === scrapeMs ? '' : `@${timestampMs - scrapeMs}`;
}

function shown(bits: string): string {
  if (bits === '7ff0000000000002') return 'stale';
  if (bits === '7ff8000000000001') return 'NaN';
  if (bits === valueBits(-0)) return '-0';
  return String(Buffer.from(bits, 'hex').readDoubleBE());
}
