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

import assert from 'node:assert/strict';
import type { MetricType, ParsedExemplar } from '../exposition/sink.ts';
import type { LabelMap } from '../model/labels.ts';
import type { ScrapeError } from '../model/scrape-error.ts';
import type { Target } from '../model/target.ts';
import type { PageSeries, ScrapeResult, SeriesLimits } from '../scrape/page-series.ts';
import { Doubts } from './doubts.ts';
import { emit } from './emission.ts';
import { ExemplarMemory } from './exemplars.ts';
import { IncomingLabels } from './incoming-labels.ts';
import { KeyTable, keyText } from './key-table.ts';
import { type FamilyMetadata, MetadataMemory } from './metadata.ts';
import { NewestTimestamps } from './newest.ts';
import type { Outlet } from './outlet.ts';
import { PageOrder } from './page-order.ts';
import { PageSamples } from './page-samples.ts';
import { wantExemplars } from './plan.ts';
import type { Plan } from './plan.ts';
import { ReportSeries } from './report-series.ts';
import { isPageError, type ScrapeCounts, scrapeCounts } from './report.ts';
import { ABSENT, type Scratch, VALUE } from './scratch.ts';
import type { SeriesOptions } from './series-options.ts';
import { AMBIGUOUS, DOUBTED, DROPPED, NORMAL, REPORT, TRACKED, Tracking, UNTRACKED, UNUSED } from './tracking.ts';

/** A cache that grew past twice its last accepted size and this many entries more is emptied: pages that always fail must not fill memory. */
const FORCED_FLUSH_SLACK = 1000;

const noBytes = new Uint8Array(0);

export class TargetSeries implements PageSeries {
  keyEnd = 0;
  commentType: MetricType | undefined;
  #options: SeriesOptions;
  readonly #keys: KeyTable;
  readonly #order = new PageOrder();
  readonly #metadata: MetadataMemory;
  readonly #exemplars: ExemplarMemory;
  readonly #ids = new Tracking();
  readonly #newest = new NewestTimestamps();
  /** Keys that need more than their hash: repeated on a page, or sharing their hash with another. */
  readonly #known = new Map<string, number>();
  /** `find` was asked last, and did not know the key at all: `add` follows with the same one. */
  #isMissing = false;
  #bytes: Uint8Array = noBytes;
  #view: DataView = new DataView(noBytes.buffer);
  readonly #labels: IncomingLabels;
  readonly #page: PageSamples;
  /** Ids not yet counted as added, oldest first; those of the page being read from `#firstNew` on. */
  #uncounted: number[] = [];
  #firstNew = 0;
  #lastTimestampMs = -Infinity;
  #keptAtLastSuccess = 0;
  readonly #reports: ReportSeries;
  readonly #doubts: Doubts;
  /** Of the page being read. */
  #timestampMs = 0;

  constructor(options: SeriesOptions) {
    this.#options = options;
    this.#keys = new KeyTable(options.hash, (capacity) => this.#grow(capacity));
    this.#metadata = new MetadataMemory(options.hash);
    this.#labels = new IncomingLabels({ ...options, ids: this.#ids });
    const { honorTimestamps, sampleLimit, metrics } = options;
    this.#page = new PageSamples({ honorTimestamps, sampleLimit, metrics, newest: this.#newest, keepNewest: () => this.#keepNewest() });
    this.#exemplars = new ExemplarMemory(options.wantsExemplars, options.metrics);
    options.fanOut.grow(this.#keys.capacity);
    this.#doubts = new Doubts(options.fanOut, this.#ids);
    this.#reports = new ReportSeries({
      hasExtras: options.extraScrapeMetrics,
      ids: this.#ids,
      fanOut: options.fanOut,
      addId: () => this.#keys.addUnkeyed(),
      incoming: (id, name) => this.#labels.incoming(id, this.#labels.report(name)),
    });
  }

  /** Other destinations, rules, routes or external labels, from the next page on. What is tracked stays so: each series is decided about again at its next line. */
  follow(plan: Plan): void {
    this.#doubts.follow(plan);
  }

  retarget(target: Target): void {
    const { job, labels, provenance } = target;
    this.#doubts.retarget({ job, labels, provenance, honorLabels: this.#options.policy.honorLabels });
  }

  reconfigure(limits: SeriesLimits): void {
    this.#options = { ...this.#options, ...limits };
    this.#page.sampleLimit = limits.sampleLimit;
  }

  get samplesScraped(): number {
    return this.#page.scraped;
  }

  get samplesPostRelabel(): number {
    return this.#page.postRelabel;
  }

  /** Series known from pages, dropped ones included. */
  get size(): number {
    return this.#keys.count;
  }

  /** Begins a scrape whose samples get `timestampMs` where the page tells none. */
  begin(timestampMs: number): void {
    if (this.#page.isOpen) this.#forgetPage(this.#page.open(this.#keys.capacity));
    this.#catchUp();
    this.#page.open(this.#keys.capacity);
    this.#page.begin(timestampMs, this.#options.nowMs());
    this.#timestampMs = timestampMs;
    this.#firstNew = this.#uncounted.length;
    this.#order.begin();
    this.#metadata.begin();
    this.#exemplars.begin();
  }

  // ---- page reader

  expect(bytes: Uint8Array, start: number, end: number): number {
    if (bytes !== this.#bytes) this.#bind(bytes);
    let id = this.#order.expected();
    if (this.#isKey(id, start, end)) {
      this.#order.advance();
    } else {
      // A series that vanished is the usual reason: the one behind it comes, as a rule.
      id = this.#order.expectedAfter();
      if (!this.#isKey(id, start, end)) return -1;
      this.#order.advanceOver();
    }
    this.keyEnd = start + this.#keys.lengthOf(id);
    return this.#ids.kind[id] === DROPPED ? -2 - id : id;
  }

  /** Whether the bytes at `start` are the key of `id`, and that is enough to know the series. */
  #isKey(id: number, start: number, end: number): boolean {
    if (id < 0) return false;
    const length = this.#keys.lengthOf(id);
    if (length === 0 || start + length >= end || !this.#keys.matches(id, this.#view, start)) return false;
    // Seen already, not to be told by its hash, or to be decided about again: `find` and `add` see to it.
    return this.#page.stateOf(id) === ABSENT && this.#ids.kind[id]! < AMBIGUOUS;
  }

  find(bytes: Uint8Array, start: number, keyEnd: number): number {
    if (bytes !== this.#bytes) this.#bind(bytes);
    let id = this.#keys.find(this.#view, start, keyEnd - start);
    this.#isMissing = id < 0;
    if (id < 0) return -1;
    if (this.#page.stateOf(id) !== ABSENT || this.#ids.kind[id]! >= AMBIGUOUS) {
      if (this.#doubted(id, start, keyEnd) >= 0) return -1;
      const known = this.#known.get(keyText(bytes, start, keyEnd)) ?? -1;
      if (known < 0) return -1;
      if (known !== id && this.#ids.kind[id] === NORMAL) this.#ids.kind[id] = AMBIGUOUS;
      id = known;
    }
    this.#order.jumpTo(id);
    return this.#ids.kind[id] === DROPPED ? -2 - id : id;
  }

  add(bytes: Uint8Array, start: number, keyEnd: number, labels: LabelMap): number {
    if (bytes !== this.#bytes) this.#bind(bytes);
    this.#options.fanOut.notePage(labels);
    const kept = this.#finish(labels);
    const twin = this.#isMissing ? -1 : this.#keys.find(this.#view, start, keyEnd - start);
    this.#isMissing = false;
    const id = twin < 0 ? this.#addKey(start, keyEnd, kept, labels) : this.#resolveTwin(twin, start, keyEnd, kept, labels);
    this.#order.insert(id);
    return this.#ids.kind[id] === DROPPED ? -2 - id : id;
  }

  #addKey(start: number, keyEnd: number, kept: boolean, labels: LabelMap): number {
    const id = this.#keys.addMissing(keyEnd - start);
    this.#takeIn(id, kept, labels);
    return id;
  }

  /** A line whose labels are refused was read all the same and counts as scraped. */
  #finish(labels: LabelMap): boolean {
    try {
      return this.#labels.finish(labels);
    } catch (error) {
      this.#page.scraped++;
      throw error;
    }
  }

  /** A key whose hash is known: the same series again, or a collision. The labels decide. */
  #resolveTwin(twin: number, start: number, keyEnd: number, kept: boolean, labels: LabelMap): number {
    const doubted = this.#doubted(twin, start, keyEnd);
    if (doubted >= 0) return this.#decideAgain(doubted, kept, labels);
    const isTwinKept = this.#ids.kind[twin] !== DROPPED;
    const same = kept ? isTwinKept && this.#labels.areThoseOf(twin) : !isTwinKept;
    const id = same ? twin : this.#collide(twin, start, keyEnd, kept, labels);
    this.#known.set(keyText(this.#bytes, start, keyEnd), id);
    return id;
  }

  /** From now on both keys are told by their text. The keyed one must be a series that is kept: a dropped one gives up its key. */
  #collide(twin: number, start: number, keyEnd: number, kept: boolean, labels: LabelMap): number {
    if (this.#ids.kind[twin] === DROPPED) {
      this.#keys.detach(twin);
      const id = this.#addKey(start, keyEnd, kept, labels);
      this.#ids.kind[id] = AMBIGUOUS;
      return id;
    }
    this.#ids.kind[twin] = AMBIGUOUS;
    const id = this.#keys.addUnkeyed();
    this.#takeIn(id, kept, labels);
    return id;
  }

  #takeIn(id: number, kept: boolean, labels: LabelMap): void {
    this.#ids.begin(id, kept ? NORMAL : DROPPED);
    this.#uncounted.push(id);
    if (!kept) return;
    this.#options.fanOut.takeIn(id, this.#labels.incoming(id, labels));
    this.#newest.begin(id, () => this.#ids.labelKey(id));
  }

  // ---- decisions that are made again

  /** Takes note of what has changed since the last page. */
  #catchUp(): void {
    if (this.#doubts.catchUp(this.#keys.used, (plan) => this.#changePlan(plan))) this.#reports.isDoubted = true;
  }

  /** Returns whether labels change with it. */
  #changePlan({ feeds, externalLabels }: Plan): boolean {
    this.#exemplars.isWanted = wantExemplars(feeds);
    return this.#labels.change(externalLabels);
  }

  /** The series of a key that was found as `id`, if it is to be decided about again; else -1. */
  #doubted(id: number, start: number, keyEnd: number): number {
    if (this.#ids.kind[id] === DOUBTED && this.#page.stateOf(id) === ABSENT) return id;
    if (this.#known.size === 0) return -1;
    const known = this.#known.get(keyText(this.#bytes, start, keyEnd)) ?? -1;
    return known >= 0 && this.#doubts.has(known) ? known : -1;
  }

  #decideAgain(id: number, kept: boolean, labels: LabelMap): number {
    assert(kept, 'a series that metric rules kept is dropped by the same rules');
    this.#doubts.settle(id);
    const newestMs = this.#newest.of(id);
    const wasSent = (this.#ids.tracked[id] === TRACKED || newestMs !== -Infinity) && newestMs < this.#timestampMs;
    const before = this.#ids.labelHash(id);
    this.#exemplars.forgetLabels(id, this.#options.fanOut.outlets());
    this.#options.fanOut.move(id, this.#labels.incoming(id, labels), before, wasSent);
    return id;
  }

  // ---- page reader, values

  sample(id: number, value: number, timestampMs: number | undefined): void {
    this.#page.sample(id, value, timestampMs);
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
    const scratch = this.#page.open(this.#keys.capacity);
    this.#bytes = noBytes;
    const error = result.error ?? this.#page.limitError;
    const kind = error === undefined ? (result.bodyBytes === 0 ? 'empty' : 'accepted') : isPageError(error) ? 'broken' : 'none';
    if (kind === 'none' || kind === 'empty') this.#forgetPage(scratch);
    const seriesAdded = this.#countAdded(scratch);
    if (kind === 'broken') this.#options.metrics.dropped('scrape_failed', this.samplesPostRelabel);
    else this.#options.metrics.dropped('metric_relabel', this.samplesScraped - this.samplesPostRelabel);
    if (kind === 'accepted') {
      this.#order.accept();
      this.#metadata.accept();
    }
    const { scraped: samplesScraped, postRelabel: samplesPostRelabel } = this.#page;
    const facts = { result, error, samplesScraped, samplesPostRelabel, seriesAdded, extra: this.#options.extraScrapeMetrics ? this.#options : undefined };
    // Before staleness is settled, so that they count as there; and after it, because a page that is refused takes all values with it.
    this.#reports.put(this.#page, scratch, facts);
    const gone = this.#settleStaleness(scratch, result.timestampMs, kind === 'accepted');
    this.#reports.put(this.#page, scratch, facts);
    this.#options.fanOut.settleHeld(this.#labels);
    this.#reports.settle();
    this.#emit(scratch, result.timestampMs, kind === 'accepted', scrapeCounts(this.#page.takeCounts(), this.#reports.size, error));
    this.#remove(gone);
    this.#giveBack(kind === 'accepted');
    this.#lastTimestampMs = result.timestampMs;
    return { seriesAdded, error };
  }

  end(timestampMs: number): void {
    this.#catchUp();
    const scratch = this.#page.open(this.#keys.capacity);
    this.#page.forget(scratch);
    for (let id = 0; id < this.#keys.used; id++) {
      if (this.#ids.tracked[id] === TRACKED) this.#page.mark(id, timestampMs, scratch);
      this.#ids.tracked[id] = UNTRACKED;
    }
    this.#options.fanOut.settleHeld(this.#labels);
    this.#emit(scratch, timestampMs, false, scrapeCounts(this.#page.takeCounts(), 0, undefined));
    this.#page.giveBack();
  }

  trackedLabels(): ReadonlySet<string> {
    return this.#ids.trackedLabels(this.#keys.used);
  }

  untrack(labels: ReadonlySet<string>): void {
    this.#ids.untrack(labels, this.#keys.used);
  }

  metadataEntries(): Iterable<FamilyMetadata> {
    return this.#metadata.entries();
  }

  release(): void {
    this.#page.giveBack();
    this.#options.fanOut.close();
    this.#options.onRelease();
  }

  /** The page counts as never read: what it brought is forgotten. */
  #forgetPage(scratch: Scratch): void {
    this.#remove(this.#uncounted.splice(this.#firstNew));
    this.#page.forget(scratch);
    this.#exemplars.begin();
  }

  /** Counts series whose first sample was taken on this page. */
  #countAdded(scratch: Scratch): number {
    let added = 0;
    const waiting: number[] = [];
    for (const id of this.#uncounted) {
      if (scratch.seen[id] === VALUE) added++;
      else if (this.#ids.kind[id] !== DROPPED) waiting.push(id);
    }
    this.#uncounted = waiting;
    this.#options.metrics.added(added);
    return added;
  }

  /** Updates what is tracked, puts markers, returns the ids that leave the cache. */
  #settleStaleness(scratch: Scratch, timestampMs: number, accepted: boolean): readonly number[] {
    const { used } = this.#keys;
    const { vanished, gone } = this.#ids.settle(scratch, { used, accepted, follow: this.#options.trackTimestampsStaleness });
    if (!accepted) this.#page.withdraw(scratch);
    if (vanished.length === 0) return gone;
    const alive = this.#ids.livingOn(vanished, used);
    for (const [id, heir] of alive) this.#options.fanOut.inherit(id, heir);
    for (const id of vanished) if (!alive.has(id)) this.#page.mark(id, timestampMs, scratch);
    this.#options.metrics.markers(vanished.length - alive.size);
    return gone;
  }

  /** From the first own timestamp on every series' newest one matters: so far it was the last scrape's for those that were there. */
  #keepNewest(): void {
    this.#newest.keep(this.#keys.capacity, (id) => (this.#ids.tracked[id] === TRACKED ? this.#lastTimestampMs : -Infinity));
  }

  #emit(scratch: Scratch, timestampMs: number, accepted: boolean, counts: ScrapeCounts): void {
    const { fanOut, metrics } = this.#options;
    if (accepted) this.#exemplars.settle(scratch, timestampMs);
    if (accepted) fanOut.keepHeld(scratch, this.#page.extras, timestampMs);
    const exemplars = (outlet: Outlet) => (accepted ? this.#exemplars.take(outlet) : undefined);
    metrics.markers(emit(fanOut, { scratch, extras: this.#page.extras, late: fanOut.held.takeLate(), timestampMs, accepted, counts, exemplars }, metrics));
    this.#newest.note(scratch, this.#page.extras, timestampMs, this.#keys.used);
  }

  #remove(ids: readonly number[]): void {
    if (ids.length === 0) return;
    for (const id of ids) {
      if (this.#ids.kind[id] !== DROPPED) this.#newest.leave(id, () => this.#ids.labelKey(id));
      this.#keys.remove(id);
      this.#ids.begin(id, UNUSED);
      this.#exemplars.remove(id, this.#options.fanOut.outlets());
      this.#options.fanOut.remove(id);
      this.#doubts.settle(id);
    }
    if (this.#known.size > 0) {
      const removed = new Set(ids);
      for (const [text, id] of this.#known) if (removed.has(id)) this.#known.delete(text);
    }
    this.#options.metrics.removed(ids.length);
  }

  #giveBack(accepted: boolean): void {
    this.#page.giveBack();
    if (accepted) this.#keptAtLastSuccess = this.#keys.count;
    else if (this.#keys.count > 2 * this.#keptAtLastSuccess + FORCED_FLUSH_SLACK) this.#flushByForce();
    this.#options.fanOut.tidy();
  }

  #flushByForce(): void {
    const all: number[] = [];
    for (let id = 0; id < this.#keys.used; id++) if (this.#ids.kind[id]! !== REPORT && this.#ids.kind[id]! !== UNUSED) all.push(id);
    this.#uncounted = [];
    this.#remove(all);
    this.#order.clear();
    this.#options.metrics.flushedByForce();
  }

  #grow(capacity: number): void {
    this.#ids.grow(capacity);
    this.#newest.grow(capacity);
    this.#order.grow(capacity);
    this.#options.fanOut.grow(capacity);
    this.#page.grow(capacity);
  }
}
