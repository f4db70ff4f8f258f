// The samples of the page being read: values wait in a scratch, by series, until the scrape is committed. Decides which samples are taken:
// of a repeated line the first, of own timestamps those that go forward and are not too far ahead, up to sample_limit.

import { ScrapeError } from '../model/scrape-error.ts';
import { NAN_HIGH, NAN_LOW, STALE_HIGH, STALE_LOW } from '../model/sample.ts';
import { doubleBits } from '../wire/write-request.ts';
import type { NewestTimestamps } from './newest.ts';
import type { PageCounts } from './report.ts';
import { ABSENT, IGNORED, MARKER, VALUE, giveScratch, growScratch, takeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import type { SeriesMetrics } from './series-metrics.ts';

/** Samples further ahead of the clock than this are dropped, as in Prometheus, milliseconds. */
const FUTURE_MAX_MS = 10 * 60 * 1000;

/** A sample beyond the first of its series on one page. */
export interface ExtraSample {
  readonly id: number;
  readonly low: number;
  readonly high: number;
  readonly timestampMs: number;
}

export interface PageSamplesOptions {
  readonly honorTimestamps: boolean;
  /** 0 = no limit. */
  readonly sampleLimit: number;
  readonly metrics: SeriesMetrics;
  readonly newest: NewestTimestamps;
  /** Begins to keep newest timestamps: called before the first sample with one of its own is judged. */
  readonly keepNewest: () => void;
}

export class PageSamples {
  /** Samples read, and those that rules did not drop. */
  scraped = 0;
  postRelabel = 0;
  /** Of them, on this page: refused for their time or because they came twice. */
  #refused = 0;
  /** Between `begin` and `giveBack`: what is forgotten now was not counted yet. */
  #isReading = false;
  /** Samples read of pages that count as never read, since `takeCounts`. */
  #forgotten = 0;
  /** Staleness markers put since `takeCounts`. */
  #markers = 0;
  extras: ExtraSample[] = [];
  limitError: ScrapeError | undefined;
  #options: PageSamplesOptions;
  #scratch: Scratch | undefined;
  /** Samples that count against sample_limit. */
  #counted = 0;
  #horizonMs = Infinity;
  /** Of the scrape being read. */
  #timestampMs = 0;
  /** Every sample of this page needs the long way. */
  #isCareful = false;

  constructor(options: PageSamplesOptions) {
    this.#options = options;
  }

  set sampleLimit(limit: number) {
    this.#options = { ...this.#options, sampleLimit: limit };
  }

  get isOpen(): boolean {
    return this.#scratch !== undefined;
  }

  /** The scratch of the page; lent from now until `giveBack`. */
  open(capacity: number): Scratch {
    this.#scratch ??= takeScratch(capacity);
    return this.#scratch;
  }

  begin(timestampMs: number, nowMs: number): void {
    this.#timestampMs = timestampMs;
    this.#horizonMs = nowMs + FUTURE_MAX_MS;
    this.#counted = 0;
    this.#isCareful = this.#options.sampleLimit > 0 || this.#options.newest.isKept;
    this.limitError = undefined;
    this.#isReading = true;
    this.#startCounts();
  }

  grow(capacity: number): void {
    if (this.#scratch !== undefined) growScratch(this.#scratch, capacity);
  }

  /** How the series stands on this page; only while a page is open. */
  stateOf(id: number): number {
    return this.#scratch!.seen[id]!;
  }

  /** As PageSink.sample. */
  sample(id: number, value: number, timestampMs: number | undefined): void {
    this.scraped++;
    const scratch = this.#scratch!;
    if (id < 0) {
      // -1: a line that was read, but is no series (its labels are refused, which fails the page).
      if (id < -1) scratch.seen[-2 - id] = IGNORED;
      return;
    }
    this.postRelabel++;
    if (timestampMs !== undefined || this.#isCareful || scratch.seen[id] !== ABSENT) {
      return this.#sampleCarefully(id, value, timestampMs, scratch);
    }
    put(id, value, scratch);
  }

  /** Everything that is not the ordinary case: own timestamps, repeated lines, limits. */
  #sampleCarefully(id: number, value: number, ownMs: number | undefined, scratch: Scratch): void {
    const timestampMs = this.#options.honorTimestamps ? ownMs : undefined;
    const again = scratch.seen[id] !== ABSENT;
    if (again && timestampMs === undefined) return this.#drop(id, 'duplicate', scratch);
    if (this.#overLimit()) {
      if (!again) scratch.seen[id] = IGNORED;
      return;
    }
    if (timestampMs !== undefined && timestampMs > this.#horizonMs) return this.#drop(id, 'out_of_bounds', scratch);
    if (this.#isOutOfOrder(id, timestampMs)) return this.#drop(id, 'out_of_order', scratch);
    if (scratch.seen[id] === VALUE) return this.#extra(id, value, timestampMs!, scratch);
    put(id, value, scratch);
    if (timestampMs !== undefined) ownTimestamps(scratch)[id] = timestampMs;
    else if (scratch.timestampsMs !== undefined) scratch.timestampsMs[id] = NaN;
  }

  #isOutOfOrder(id: number, timestampMs: number | undefined): boolean {
    const { newest } = this.#options;
    if (timestampMs !== undefined && !newest.isKept) {
      this.#options.keepNewest();
      this.#isCareful = true;
    }
    return newest.isKept && (timestampMs ?? this.#timestampMs) <= newest.of(id);
  }

  #drop(id: number, reason: 'duplicate' | 'out_of_bounds' | 'out_of_order', scratch: Scratch): void {
    if (scratch.seen[id] === ABSENT) scratch.seen[id] = IGNORED;
    this.#refused++;
    this.#options.metrics.dropped(reason, 1);
  }

  #overLimit(): boolean {
    const { sampleLimit } = this.#options;
    if (sampleLimit === 0 || ++this.#counted <= sampleLimit) return false;
    this.limitError ??= new ScrapeError('sample_limit', 'sample limit exceeded');
    return true;
  }

  /** A second, third ... sample of a series on one page; one with a timestamp that is there already is a duplicate. */
  #extra(id: number, value: number, timestampMs: number, scratch: Scratch): void {
    if (scratch.timestampsMs?.[id] === timestampMs) return this.#drop(id, 'duplicate', scratch);
    for (let i = this.extras.length - 1; i >= 0 && this.extras[i]!.id === id; i--) {
      if (this.extras[i]!.timestampMs === timestampMs) return this.#drop(id, 'duplicate', scratch);
    }
    this.extras.push({ id, ...doubleBits(value), timestampMs });
  }

  /** Puts a staleness marker, unless what was sent of the series is newer. */
  mark(id: number, timestampMs: number, scratch: Scratch): void {
    if (timestampMs <= this.#options.newest.of(id)) return;
    this.#markers++;
    if (scratch.seen[id] === VALUE) {
      this.extras.push({ id, low: STALE_LOW, high: STALE_HIGH, timestampMs });
      return;
    }
    scratch.seen[id] = MARKER;
    scratch.bits[2 * id] = STALE_LOW;
    scratch.bits[2 * id + 1] = STALE_HIGH;
    if (scratch.timestampsMs !== undefined) scratch.timestampsMs[id] = NaN;
  }

  /** Puts a value that is not from the page, with the scrape's timestamp. */
  putReport(id: number, value: number, scratch: Scratch): void {
    put(id, value, scratch);
    if (scratch.timestampsMs !== undefined) scratch.timestampsMs[id] = NaN;
  }

  /** Nothing of the page goes out; what was read of it still counts as read. */
  withdraw(scratch: Scratch): void {
    scratch.seen.fill(ABSENT);
    scratch.timestampsMs = undefined;
    this.extras = [];
  }

  /** The page counts as never read. */
  forget(scratch: Scratch): void {
    this.withdraw(scratch);
    if (this.#isReading) this.#forgotten += this.scraped;
    this.#startCounts();
  }

  /** What is told about the scrape; markers and what was forgotten are told once. */
  takeCounts(): PageCounts {
    const counts = { scraped: this.scraped, postRelabel: this.postRelabel, refused: this.#refused, forgotten: this.#forgotten, markers: this.#markers };
    this.#forgotten = 0;
    this.#markers = 0;
    return counts;
  }

  #startCounts(): void {
    this.scraped = 0;
    this.postRelabel = 0;
    this.#refused = 0;
  }

  giveBack(): void {
    this.#isReading = false;
    this.extras = [];
    if (this.#scratch !== undefined) giveScratch(this.#scratch);
    this.#scratch = undefined;
  }
}

function put(id: number, value: number, scratch: Scratch): void {
  scratch.seen[id] = VALUE;
  // Only NaN differs from itself; it is written as bits.
  if (value === value) {
    scratch.values[id] = value;
    return;
  }
  scratch.bits[2 * id] = NAN_LOW;
  scratch.bits[2 * id + 1] = NAN_HIGH;
}

function ownTimestamps(scratch: Scratch): Float64Array {
  scratch.timestampsMs ??= new Float64Array(scratch.seen.length).fill(NaN);
  return scratch.timestampsMs;
}
