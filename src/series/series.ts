// The series of one target: which lines of its page are known, what their final labels are, which of them have vanished. Stands
// between the page reader, which calls it line by line, and the queue, which gets one column per scrape and destination.
//
// A scrape is all or nothing: values wait in a scratch until `commit`. What happens then follows Prometheus' scrape loop:
//
//   accepted           the values go out; a series that was tracked and is not on the page gets a staleness marker and leaves
//   page broke off     nothing of the page goes out; series read before the break count as seen, the others get markers, all stay known
//   no page at all     (connection, status, size ...) every tracked series gets a marker, all stay known; the page's new ones are forgotten
//   empty body         every tracked series gets a marker, all stay known
//
// Report series (`up`, `scrape_*`) go out in every case. A series is tracked when its last sample came without a timestamp
// of its own (or track_timestamps_staleness is set). Sources: Prometheus scrape/scrape.go (append, cache), reference cases in test/fixtures/vectors.

import type { MetricType, ParsedExemplar } from '../exposition/sink.ts';
import type { LabelMap } from '../model/labels.ts';
import { NAN_HIGH, NAN_LOW, STALE_HIGH, STALE_LOW } from '../model/sample.ts';
import { ScrapeError } from '../model/scrape-error.ts';
import type { PageSeries, ScrapeResult, SeriesLimits } from '../scrape/page-series.ts';
import { ByteWriter, encodeLabels } from '../wire/labels.ts';
import { ExemplarMemory } from './exemplars.ts';
import { finishLabels, reportLabels } from './final-labels.ts';
import type { LabelPolicy } from './final-labels.ts';
import type { KeyHash } from './hash.ts';
import { KeyTable, grown } from './key-table.ts';
import { MetadataMemory } from './metadata.ts';
import type { FamilyMetadata } from './metadata.ts';
import type { Outlet } from './outlet.ts';
import { PageOrder } from './page-order.ts';
import { ABSENT, IGNORED, MARKER, VALUE, giveScratch, growScratch, takeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import type { SeriesMetrics } from './series-metrics.ts';

/** Samples further ahead of the clock than this are dropped, as in Prometheus, milliseconds. */
const FUTURE_MAX_MS = 10 * 60 * 1000;
/** A cache that grew past twice its last accepted size and this many entries more is emptied: pages that always fail must not fill memory. */
const FORCED_FLUSH_SLACK = 1000;

/** What an id stands for. */
const NORMAL = 0;
const DROPPED = 1;
const REPORT = 2;
/** Like NORMAL, but another key has the same hash: its text must be compared. */
const AMBIGUOUS = 3;
/** The id is free. */
const UNUSED = 4;

/** Whether and how a series is followed for staleness. */
const UNTRACKED = 0;
const TRACKED_UNSENT = 1;
const TRACKED = 2;

/** Series with timestamps of their own that left, whose newest one is remembered: some hundred kilobytes for a target that loses many. */
const LEFT_MAX = 4096;

const scratchLabels = new ByteWriter(4096);
const noBytes = new Uint8Array(0);

export interface SeriesOptions {
  readonly policy: LabelPolicy;
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  /** 0 = no limit. */
  readonly sampleLimit: number;
  readonly extraScrapeMetrics: boolean;
  readonly scrapeTimeoutMs: number;
  /** Global external labels, added where absent. */
  readonly externalLabels: ReadonlyMap<string, string>;
  readonly outlets: readonly Outlet[];
  readonly hash: KeyHash;
  readonly metrics: SeriesMetrics;
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number;
  readonly onRelease: () => void;
}

/** A sample beyond the first of its series on one page. */
export interface ExtraSample {
  readonly id: number;
  readonly low: number;
  readonly high: number;
  readonly timestampMs: number;
}

export class TargetSeries implements PageSeries {
  keyEnd = 0;
  commentType: MetricType | undefined;
  samplesScraped = 0;
  samplesPostRelabel = 0;

  #options: SeriesOptions;
  readonly #keys: KeyTable;
  readonly #order = new PageOrder();
  readonly #metadata: MetadataMemory;
  #exemplars: ExemplarMemory;
  #kind = new Uint8Array(64);
  #tracked = new Uint8Array(64);
  /** Hash of the final labels: tells whether two keys are one series. */
  #labelLow = new Int32Array(64);
  #labelHigh = new Int32Array(64);
  /** Newest timestamp sent by id; only kept once a sample came with its own. */
  #newestMs: Float64Array | undefined;
  /** The same by label set for series that left: one that comes back with an older timestamp is out of order, as in Prometheus. */
  readonly #leftMs = new Map<string, number>();
  /** Keys that need more than their hash: repeated on a page, or sharing their hash with another. */
  readonly #known = new Map<string, number>();

  /** `find` was asked last, and did not know the key at all: `add` follows with the same one. */
  #isMissing = false;
  #bytes: Uint8Array = noBytes;
  #view: DataView = new DataView(noBytes.buffer);
  readonly #probe = new Int32Array(2);
  #scratch: Scratch | undefined;
  #extras: ExtraSample[] = [];
  /** Ids not yet counted as added, oldest first; those of the page being read from `#firstNew` on. */
  #uncounted: number[] = [];
  #firstNew = 0;
  /** Samples that count against sample_limit, on this page. */
  #counted = 0;
  #limitError: ScrapeError | undefined;
  #horizonMs = Infinity;
  /** Of the scrape being read. */
  #timestampMs = 0;
  #lastTimestampMs = -Infinity;
  #keptAtLastSuccess = 0;
  #reports: number[] = [];

  constructor(options: SeriesOptions) {
    this.#options = options;
    this.#keys = new KeyTable(options.hash, (capacity) => this.#grow(capacity));
    this.#metadata = new MetadataMemory(options.hash);
    this.#exemplars = new ExemplarMemory(options.outlets, options.metrics);
    this.#openOutlets();
  }

  #openOutlets(): void {
    for (const outlet of this.#options.outlets) outlet.writer.grow(this.#keys.capacity);
    for (const name of reportNames(this.#options.extraScrapeMetrics)) this.#addReport(name);
  }

  /**
   * Other destinations, write rules or external labels: from the next page on every series is taken in anew for `outlets`. What is tracked stays
   * so until then: series that are not on that page, or have other labels now, get their marker in those outlets that are kept.
   */
  reopen(outlets: readonly Outlet[], externalLabels: ReadonlyMap<string, string>): void {
    this.#options = { ...this.#options, outlets, externalLabels };
    this.#exemplars = new ExemplarMemory(outlets, this.#options.metrics);
    this.#known.clear();
    this.#uncounted = [];
    for (let id = 0; id < this.#keys.used; id++) {
      if (this.#kind[id] === UNUSED) continue;
      this.#keys.detach(id);
      this.#kind[id] = this.#kind[id] === DROPPED ? DROPPED : NORMAL;
    }
    this.#order.clear();
    this.#reports = [];
    this.#openOutlets();
  }

  /** Some outlets are gone, none is new. */
  keepOutlets(outlets: readonly Outlet[]): void {
    this.#options = { ...this.#options, outlets };
    this.#exemplars = new ExemplarMemory(outlets, this.#options.metrics);
  }

  reconfigure(limits: SeriesLimits): void {
    this.#options = { ...this.#options, ...limits };
  }

  /** Series known from pages, dropped ones included. */
  get size(): number {
    return this.#keys.count;
  }

  /** Begins a scrape whose samples get `timestampMs` where the page tells none. */
  begin(timestampMs: number): void {
    this.#timestampMs = timestampMs;
    if (this.#scratch !== undefined) this.#forgetPage(this.#scratch);
    this.#scratch ??= takeScratch(this.#keys.capacity);
    this.samplesScraped = 0;
    this.samplesPostRelabel = 0;
    this.#counted = 0;
    this.#limitError = undefined;
    this.#firstNew = this.#uncounted.length;
    this.#horizonMs = this.#options.nowMs() + FUTURE_MAX_MS;
    this.#order.begin();
    this.#metadata.begin();
    this.#exemplars.begin();
  }

  // ---- page reader

  expect(bytes: Uint8Array, start: number, end: number): number {
    const id = this.#order.expected();
    if (id < 0) return -1;
    const length = this.#keys.lengthOf(id);
    if (length === 0 || start + length >= end) return -1;
    if (bytes !== this.#bytes) this.#bind(bytes);
    if (!this.#keys.matches(id, this.#view, start)) return -1;
    // Seen already, or not to be told by its hash: `find` and `add` decide by the text.
    if (this.#scratch!.seen[id] !== ABSENT || this.#kind[id] === AMBIGUOUS) return -1;
    this.#order.advance();
    this.keyEnd = start + length;
    return this.#kind[id] === DROPPED ? -2 - id : id;
  }

  find(bytes: Uint8Array, start: number, keyEnd: number): number {
    if (bytes !== this.#bytes) this.#bind(bytes);
    let id = this.#keys.find(this.#view, start, keyEnd - start);
    this.#isMissing = id < 0;
    if (id < 0) return -1;
    if (this.#scratch!.seen[id] !== ABSENT || this.#kind[id] === AMBIGUOUS) {
      const known = this.#known.get(textOf(bytes, start, keyEnd)) ?? -1;
      if (known < 0) return -1;
      if (known !== id && this.#kind[id] === NORMAL) this.#kind[id] = AMBIGUOUS;
      id = known;
    }
    this.#order.jumpTo(id);
    return this.#kind[id] === DROPPED ? -2 - id : id;
  }

  add(bytes: Uint8Array, start: number, keyEnd: number, labels: LabelMap): number {
    if (bytes !== this.#bytes) this.#bind(bytes);
    const kept = this.#finish(labels);
    scratchLabels.length = 0;
    if (kept) {
      for (const [name, value] of this.#options.externalLabels) if (!labels.has(name)) labels.set(name, value);
      encodeLabels(labels, scratchLabels);
    }
    const twin = this.#isMissing ? -1 : this.#keys.find(this.#view, start, keyEnd - start);
    this.#isMissing = false;
    const id = twin < 0 ? this.#addKey(start, keyEnd, kept, labels) : this.#resolveTwin(twin, start, keyEnd, kept, labels);
    this.#order.insert(id);
    return this.#kind[id] === DROPPED ? -2 - id : id;
  }

  #addKey(start: number, keyEnd: number, kept: boolean, labels: LabelMap): number {
    const id = this.#keys.addMissing(keyEnd - start);
    this.#takeIn(id, kept, labels);
    return id;
  }

  /** A line whose labels are refused was read all the same and counts as scraped. */
  #finish(labels: LabelMap): boolean {
    try {
      return finishLabels(labels, this.#options.policy);
    } catch (error) {
      this.samplesScraped++;
      throw error;
    }
  }

  /** A key whose hash is known: the same series again, or a collision. The labels decide. */
  #resolveTwin(twin: number, start: number, keyEnd: number, kept: boolean, labels: LabelMap): number {
    const text = textOf(this.#bytes, start, keyEnd);
    const isTwinKept = this.#kind[twin] !== DROPPED;
    const same = kept ? isTwinKept && this.#hasLabels(twin) : !isTwinKept;
    const id = same ? twin : this.#collide(twin, start, keyEnd, kept, labels);
    this.#known.set(text, id);
    return id;
  }

  /** From now on both keys are told by their text. The keyed one must be a series that is kept: a dropped one gives up its key. */
  #collide(twin: number, start: number, keyEnd: number, kept: boolean, labels: LabelMap): number {
    if (this.#kind[twin] === DROPPED) {
      this.#keys.detach(twin);
      const id = this.#addKey(start, keyEnd, kept, labels);
      this.#kind[id] = AMBIGUOUS;
      return id;
    }
    this.#kind[twin] = AMBIGUOUS;
    const id = this.#keys.addUnkeyed();
    this.#takeIn(id, kept, labels);
    return id;
  }

  #hasLabels(id: number): boolean {
    this.#hashLabels();
    return this.#labelLow[id] === this.#probe[0] && this.#labelHigh[id] === this.#probe[1];
  }

  #hashLabels(): void {
    const { bytes, length } = scratchLabels;
    this.#options.hash(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, length, this.#probe);
  }

  #takeIn(id: number, kept: boolean, labels: LabelMap): void {
    this.#kind[id] = kept ? NORMAL : DROPPED;
    this.#tracked[id] = UNTRACKED;
    this.#uncounted.push(id);
    if (!kept) return;
    this.#hashLabels();
    this.#labelLow[id] = this.#probe[0]!;
    this.#labelHigh[id] = this.#probe[1]!;
    if (this.#newestMs !== undefined) this.#newestMs[id] = this.#leftMs.get(this.#labelKey(id)) ?? -Infinity;
    for (const outlet of this.#options.outlets) outlet.stage(id, labels, scratchLabels);
  }

  sample(id: number, value: number, timestampMs: number | undefined): void {
    this.samplesScraped++;
    const scratch = this.#scratch!;
    if (id < 0) {
      // -1: a line that was read, but is no series (its labels are refused, which fails the page).
      if (id < -1) scratch.seen[-2 - id] = IGNORED;
      return;
    }
    this.samplesPostRelabel++;
    if (timestampMs !== undefined || this.#newestMs !== undefined || this.#options.sampleLimit > 0 || scratch.seen[id] !== ABSENT) {
      return this.#sampleCarefully(id, value, timestampMs, scratch);
    }
    scratch.seen[id] = VALUE;
    if (value === value) scratch.values[id] = value;
    else this.#putNaN(id, scratch);
  }

  #putNaN(id: number, scratch: Scratch): void {
    scratch.bits[2 * id] = NAN_LOW;
    scratch.bits[2 * id + 1] = NAN_HIGH;
  }

  /** Everything that is not the ordinary case: own timestamps, repeated lines, limits. */
  #sampleCarefully(id: number, value: number, ownMs: number | undefined, scratch: Scratch): void {
    const timestampMs = this.#options.honorTimestamps ? ownMs : undefined;
    const again = scratch.seen[id] !== ABSENT;
    if (again && timestampMs === undefined) return this.#drop(id, 'duplicate');
    if (this.#overLimit()) {
      if (!again) scratch.seen[id] = IGNORED;
      return;
    }
    if (timestampMs !== undefined && timestampMs > this.#horizonMs) return this.#drop(id, 'out_of_bounds');
    if (timestampMs !== undefined || this.#newestMs !== undefined) {
      if ((timestampMs ?? this.#timestampMs) <= this.#newestOf(id)) return this.#drop(id, 'out_of_order');
    }
    if (scratch.seen[id] === VALUE) return this.#extra(id, value, timestampMs!, scratch);
    scratch.seen[id] = VALUE;
    if (value === value) scratch.values[id] = value;
    else this.#putNaN(id, scratch);
    if (timestampMs !== undefined) this.#ownTimestamps(scratch)[id] = timestampMs;
    else if (scratch.timestampsMs !== undefined) scratch.timestampsMs[id] = NaN;
  }

  #drop(id: number, reason: 'duplicate' | 'out_of_bounds' | 'out_of_order'): void {
    const { seen } = this.#scratch!;
    if (seen[id] === ABSENT) seen[id] = IGNORED;
    this.#options.metrics.dropped(reason, 1);
  }

  #overLimit(): boolean {
    const { sampleLimit } = this.#options;
    if (sampleLimit === 0 || ++this.#counted <= sampleLimit) return false;
    this.#limitError ??= new ScrapeError('sample_limit', 'sample limit exceeded');
    return true;
  }

  /** A second, third ... sample of a series on one page; one with a timestamp that is there already is a duplicate. */
  #extra(id: number, value: number, timestampMs: number, scratch: Scratch): void {
    const first = scratch.timestampsMs?.[id];
    if (first === timestampMs) return this.#drop(id, 'duplicate');
    for (let i = this.#extras.length - 1; i >= 0 && this.#extras[i]!.id === id; i--) {
      if (this.#extras[i]!.timestampMs === timestampMs) return this.#drop(id, 'duplicate');
    }
    const bits = doubleBits(value);
    this.#extras.push({ id, low: bits[0], high: bits[1], timestampMs });
  }

  #ownTimestamps(scratch: Scratch): Float64Array {
    scratch.timestampsMs ??= new Float64Array(scratch.seen.length).fill(NaN);
    return scratch.timestampsMs;
  }

  #newestOf(id: number): number {
    if (this.#newestMs === undefined) {
      // From now on every series' newest timestamp matters: so far it was the last scrape's for those that were there.
      this.#newestMs = new Float64Array(this.#keys.capacity).fill(-Infinity);
      for (let i = 0; i < this.#keys.used; i++) if (this.#tracked[i] === TRACKED) this.#newestMs[i] = this.#lastTimestampMs;
    }
    return this.#newestMs[id]!;
  }

  exemplar(id: number, exemplar: ParsedExemplar): void {
    if (id >= 0) this.#exemplars.add(id, exemplar);
  }

  metadata(family: string, type: MetricType | undefined, help: string | undefined, unit: string | undefined): void {
    this.#metadata.set(family, type, help, unit);
  }

  expectComment(bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes !== this.#bytes) this.#bind(bytes);
    const length = this.#metadata.expect(this.#view, start, end);
    if (length < 0) return false;
    this.keyEnd = start + length;
    this.commentType = this.#metadata.recognisedType;
    return true;
  }

  learnComment(bytes: Uint8Array, start: number, lineEnd: number, type: MetricType | undefined): void {
    if (bytes !== this.#bytes) this.#bind(bytes);
    this.#metadata.learn(this.#view, start, lineEnd - start, type);
  }

  #bind(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  // ---- end of a scrape

  /**
   * Ends the scrape begun with `begin` (or one that never got a page) and hands its records to the destinations. Returns the error the scrape
   * counts with: the given one, or `sample limit exceeded`, which only shows at the end of a page.
   */
  commit(result: ScrapeResult): { seriesAdded: number; error: ScrapeError | undefined } {
    const scratch = (this.#scratch ??= takeScratch(this.#keys.capacity));
    this.#bytes = noBytes;
    const error = result.error ?? this.#limitError;
    const kind = error === undefined ? (result.bodyBytes === 0 ? 'empty' : 'accepted') : isPageError(error) ? 'broken' : 'none';
    if (kind === 'none' || kind === 'empty') this.#forgetPage(scratch);
    const seriesAdded = this.#countAdded(scratch);
    if (kind === 'broken') this.#options.metrics.dropped('scrape_failed', this.samplesPostRelabel);
    else this.#options.metrics.dropped('metric_relabel', this.samplesScraped - this.samplesPostRelabel);
    if (kind === 'accepted') {
      this.#order.accept();
      this.#metadata.accept();
    }
    this.#putReports(scratch, result, error, seriesAdded);
    const gone = this.#settleStaleness(scratch, result.timestampMs, kind);
    this.#putReports(scratch, result, error, seriesAdded);
    this.#emit(scratch, result.timestampMs, kind === 'accepted');
    this.#remove(gone);
    this.#giveBack(scratch, kind === 'accepted');
    this.#lastTimestampMs = result.timestampMs;
    return { seriesAdded, error };
  }

  end(timestampMs: number): void {
    const scratch = takeScratch(this.#keys.capacity);
    this.#extras = [];
    for (let id = 0; id < this.#keys.used; id++) {
      if (this.#tracked[id] === TRACKED) this.#mark(id, timestampMs, scratch);
      this.#tracked[id] = UNTRACKED;
    }
    this.#emit(scratch, timestampMs, false);
    giveScratch(scratch);
  }

  trackedLabels(): ReadonlySet<string> {
    const labels = new Set<string>();
    for (let id = 0; id < this.#keys.used; id++) if (this.#tracked[id] === TRACKED) labels.add(this.#labelKey(id));
    return labels;
  }

  untrack(labels: ReadonlySet<string>): void {
    for (let id = 0; id < this.#keys.used; id++) if (labels.has(this.#labelKey(id))) this.#tracked[id] = UNTRACKED;
  }

  #labelKey(id: number): string {
    return `${this.#labelLow[id]}:${this.#labelHigh[id]}`;
  }

  metadataEntries(): Iterable<FamilyMetadata> {
    return this.#metadata.entries();
  }

  release(): void {
    if (this.#scratch !== undefined) giveScratch(this.#scratch);
    this.#scratch = undefined;
    this.#options.onRelease();
  }

  /** The page counts as never read: what it brought is forgotten. */
  #forgetPage(scratch: Scratch): void {
    this.#remove(this.#uncounted.splice(this.#firstNew));
    scratch.seen.fill(ABSENT);
    this.#extras = [];
    this.samplesScraped = 0;
    this.samplesPostRelabel = 0;
    this.#exemplars.begin();
  }

  /** Counts series whose first sample was taken on this page. */
  #countAdded(scratch: Scratch): number {
    let added = 0;
    const waiting: number[] = [];
    for (const id of this.#uncounted) {
      if (scratch.seen[id] === VALUE) added++;
      else if (this.#kind[id] !== DROPPED) waiting.push(id);
    }
    this.#uncounted = waiting;
    this.#options.metrics.added(added);
    return added;
  }

  /** Updates what is tracked, puts markers, returns the ids that leave the cache. */
  #settleStaleness(scratch: Scratch, timestampMs: number, kind: 'accepted' | 'empty' | 'broken' | 'none'): number[] {
    const { seen, timestampsMs } = scratch;
    const tracked = this.#tracked;
    const follow = this.#options.trackTimestampsStaleness;
    const accepted = kind === 'accepted';
    const gone: number[] = [];
    const vanished: number[] = [];
    for (let id = 0; id < this.#keys.used; id++) {
      const state = seen[id]!;
      if (state === VALUE && (timestampsMs === undefined || follow || Number.isNaN(timestampsMs[id]))) {
        tracked[id] = accepted ? TRACKED : Math.max(tracked[id]!, TRACKED_UNSENT);
        continue;
      }
      if (tracked[id] === TRACKED && this.#kind[id] !== REPORT) vanished.push(id);
      if (this.#kind[id] !== REPORT) tracked[id] = UNTRACKED;
      if (state === ABSENT && accepted && this.#kind[id]! !== REPORT && this.#kind[id]! !== UNUSED) gone.push(id);
    }
    if (!accepted) this.#withdrawValues(scratch);
    this.#markVanished(vanished, timestampMs, scratch);
    return gone;
  }

  #withdrawValues(scratch: Scratch): void {
    const { seen } = scratch;
    for (let id = 0; id < this.#keys.used; id++) seen[id] = ABSENT;
    this.#extras = [];
    scratch.timestampsMs = undefined;
  }

  /** Marks vanished series, but not one that lives on under another key (other label order, or a rule made them one). */
  #markVanished(vanished: readonly number[], timestampMs: number, scratch: Scratch): void {
    if (vanished.length === 0) return;
    const lows = new Map<number, number[]>();
    for (const id of vanished) {
      const same = lows.get(this.#labelLow[id]!);
      if (same === undefined) lows.set(this.#labelLow[id]!, [id]);
      else same.push(id);
    }
    const alive = new Set<number>();
    for (let id = 0; id < this.#keys.used; id++) {
      if (this.#tracked[id] === UNTRACKED) continue;
      for (const other of lows.get(this.#labelLow[id]!) ?? []) {
        if (this.#labelHigh[other] !== this.#labelHigh[id]) continue;
        alive.add(other);
        // What was sent of the other is to be marked when this one vanishes, also if nothing of this one was sent.
        this.#tracked[id] = TRACKED;
      }
    }
    for (const id of vanished) if (!alive.has(id)) this.#mark(id, timestampMs, scratch);
    this.#options.metrics.markers(vanished.length - alive.size);
  }

  #mark(id: number, timestampMs: number, scratch: Scratch): void {
    if (this.#newestMs !== undefined && timestampMs <= this.#newestMs[id]!) return;
    if (scratch.seen[id] === VALUE) {
      this.#extras.push({ id, low: STALE_LOW, high: STALE_HIGH, timestampMs });
      return;
    }
    scratch.seen[id] = MARKER;
    scratch.bits[2 * id] = STALE_LOW;
    scratch.bits[2 * id + 1] = STALE_HIGH;
    if (scratch.timestampsMs !== undefined) scratch.timestampsMs[id] = NaN;
  }

  #addReport(name: string): void {
    const id = this.#keys.addUnkeyed();
    const labels = reportLabels(this.#options.policy.targetLabels, name);
    for (const [label, value] of this.#options.externalLabels) if (!labels.has(label)) labels.set(label, value);
    scratchLabels.length = 0;
    encodeLabels(labels, scratchLabels);
    this.#takeIn(id, true, labels);
    this.#uncounted.pop();
    this.#kind[id] = REPORT;
    this.#reports.push(id);
  }

  #putReports(scratch: Scratch, result: ScrapeResult, error: ScrapeError | undefined, seriesAdded: number): void {
    const values = [error === undefined ? 1 : 0, result.durationSeconds, this.samplesScraped, this.samplesPostRelabel, seriesAdded];
    if (this.#options.extraScrapeMetrics) values.push(this.#options.scrapeTimeoutMs / 1000, this.#options.sampleLimit, result.bodyBytes);
    for (const [i, id] of this.#reports.entries()) {
      scratch.seen[id] = VALUE;
      scratch.values[id] = values[i]!;
      this.#tracked[id] = TRACKED;
      if (scratch.timestampsMs !== undefined) scratch.timestampsMs[id] = NaN;
    }
  }

  #emit(scratch: Scratch, timestampMs: number, accepted: boolean): void {
    if (accepted) this.#exemplars.settle(scratch, timestampMs);
    for (const outlet of this.#options.outlets) {
      outlet.emit(scratch, this.#extras, timestampMs, accepted ? this.#exemplars.take(outlet) : undefined);
    }
    if (this.#newestMs !== undefined) this.#noteNewest(scratch, timestampMs, this.#newestMs);
  }

  #noteNewest(scratch: Scratch, timestampMs: number, newest: Float64Array): void {
    for (let id = 0; id < this.#keys.used; id++) {
      const state = scratch.seen[id];
      if (state !== VALUE && state !== MARKER) continue;
      const own = scratch.timestampsMs?.[id];
      newest[id] = Math.max(newest[id]!, own === undefined || Number.isNaN(own) ? timestampMs : own);
    }
    for (const extra of this.#extras) newest[extra.id] = Math.max(newest[extra.id]!, extra.timestampMs);
  }

  #remove(ids: readonly number[]): void {
    if (ids.length === 0) return;
    for (const id of ids) {
      if (this.#newestMs !== undefined && this.#kind[id] !== DROPPED) this.#rememberNewest(id, this.#newestMs[id]!);
      this.#keys.remove(id);
      this.#kind[id] = UNUSED;
      this.#tracked[id] = UNTRACKED;
      for (const outlet of this.#options.outlets) outlet.remove(id);
      this.#exemplars.remove(id);
    }
    if (this.#known.size > 0) {
      const removed = new Set(ids);
      for (const [text, id] of this.#known) if (removed.has(id)) this.#known.delete(text);
    }
    this.#options.metrics.removed(ids.length);
  }

  #rememberNewest(id: number, newestMs: number): void {
    if (newestMs === -Infinity) return;
    const oldest = this.#leftMs.size < LEFT_MAX ? undefined : this.#leftMs.keys().next().value;
    if (oldest !== undefined) this.#leftMs.delete(oldest);
    this.#leftMs.set(this.#labelKey(id), newestMs);
  }

  #giveBack(scratch: Scratch, accepted: boolean): void {
    this.#extras = [];
    this.#scratch = undefined;
    giveScratch(scratch);
    if (accepted) this.#keptAtLastSuccess = this.#keys.count;
    else if (this.#keys.count > 2 * this.#keptAtLastSuccess + FORCED_FLUSH_SLACK) this.#flushByForce();
    for (const outlet of this.#options.outlets) outlet.writer.rebuildIfWorn();
  }

  #flushByForce(): void {
    const all: number[] = [];
    for (let id = 0; id < this.#keys.used; id++) if (this.#kind[id]! !== REPORT && this.#kind[id]! !== UNUSED) all.push(id);
    this.#uncounted = [];
    this.#remove(all);
    this.#order.clear();
    this.#options.metrics.flushedByForce();
  }

  #grow(capacity: number): void {
    this.#kind = grown(this.#kind, new Uint8Array(capacity));
    this.#tracked = grown(this.#tracked, new Uint8Array(capacity));
    this.#labelLow = grown(this.#labelLow, new Int32Array(capacity));
    this.#labelHigh = grown(this.#labelHigh, new Int32Array(capacity));
    if (this.#newestMs !== undefined) this.#newestMs = grown(this.#newestMs, new Float64Array(capacity).fill(-Infinity));
    this.#order.grow(capacity);
    for (const outlet of this.#options.outlets) outlet.writer.grow(capacity);
    if (this.#scratch !== undefined) growScratch(this.#scratch, capacity);
  }
}

/** Errors that stop a page half way, after some of it was taken; all others mean that there was no page. */
function isPageError(error: ScrapeError): boolean {
  return error.class === 'parse' || error.class === 'sample_limit' || error.class === 'label_limit' || error.class === 'labels';
}

function reportNames(extra: boolean): string[] {
  const names = ['up', 'scrape_duration_seconds', 'scrape_samples_scraped', 'scrape_samples_post_metric_relabeling', 'scrape_series_added'];
  return extra ? [...names, 'scrape_timeout_seconds', 'scrape_sample_limit', 'scrape_body_size_bytes'] : names;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

const doubleScratch = new Float64Array(1);
const doubleWords = new Uint32Array(doubleScratch.buffer);

/** Low and high half of a value, an ordinary NaN in its one form. */
function doubleBits(value: number): readonly [number, number] {
  if (Number.isNaN(value)) return [NAN_LOW, NAN_HIGH];
  doubleScratch[0] = value;
  return [doubleWords[0]!, doubleWords[1]!];
}
