// Where series go that no page brings, because they are pushed or made here: routes and write rules decide about each as about a scraped one, then every stream gets its
// part, with a tally of what became of the rest.
//
// What is known of their source takes the place of what discovery knows of a target. Nothing is remembered between two batches but images, so a change of configuration or
// owners needs nothing here. A series whose owner is not known yet waits on disk (waiting.ts).

import { compareUtf8, type LabelMap } from '../model/labels.ts';
import { STALE_HIGH, STALE_LOW } from '../model/sample.ts';
import type { RecordInput, Stream } from '../queue/queue.ts';
import type { Budget } from '../route/budget.ts';
import type { Decision, RouteSet, TargetFacts, TargetRouter } from '../route/route.ts';
import type { HeldSeries } from '../series/held-pieces.ts';
import type { HeldJournal } from '../series/held-stream.ts';
import { writeLabels, type Feed, type Plan } from '../series/plan.ts';
import type { SeriesMetrics } from '../series/series-metrics.ts';
import { ByteWriter, encodeLabels } from '../wire/labels.ts';
import type { PushedSeries } from '../wire/read-request.ts';
import { exemplarPieces, histogramPieces, Layouts, rawRecords, type Entry, type Piece } from './layout.ts';
import { WaitingSeries } from './waiting.ts';

/** Sources whose routers and turns are kept: users of the web server, for the most part. */
const SOURCES_MAX = 1000;

/** Who brings series. */
export interface SeriesSource {
  /** Equal for equal facts. */
  readonly key: string;
  readonly facts: TargetFacts;
}

/** A series with what it brings. External labels are added to its labels. */
export interface AppendedSeries extends Pick<PushedSeries, 'samples' | 'exemplars' | 'histograms'> {
  readonly labels: LabelMap;
  /** Of a histogram that comes in both forms: `native` is for destinations with `send_native_histograms`, `classic` for all others. */
  readonly form?: 'native' | 'classic';
}

export interface Batch {
  readonly series: readonly AppendedSeries[];
  /** Samples that were refused before, for the accounts. */
  readonly failed: number;
}

/** What decides where series go, as it is now. */
export interface Line {
  readonly plan: Plan;
  readonly metrics: SeriesMetrics;
}

interface Sender {
  readonly source: SeriesSource;
  readonly plan: Plan;
  readonly router: TargetRouter;
  /** Batches so far, for routes that let every n-th through. */
  turn: number;
}

/** The series of a batch with the same answer, for the destinations of one feed that take their form. */
interface Lot {
  readonly feed: Feed;
  readonly set: RouteSet;
  readonly streams: readonly Stream[];
  readonly entries: Entry[];
  readonly histograms: Piece[];
  /** Those of them that mark an end. */
  readonly markers: Piece[];
  readonly exemplars: Piece[];
  /** Samples and histograms in it. */
  samples: number;
}

/** A batch, as it is decided about. */
interface Sorted {
  readonly lots: Map<string, Lot>;
  /** Series whose pod is not known. */
  readonly waiting: (HeldSeries & { readonly original: AppendedSeries })[];
  /** Counts what goes nowhere, once it is sure that the batch is taken. */
  readonly counts: (() => void)[];
}

interface Sorting {
  readonly sender: Sender;
  readonly line: Line;
  readonly sorted: Pick<Sorted, 'lots' | 'counts'>;
}

const nobody: ReadonlySet<AppendedSeries> = new Set();

/** What goes to one stream. */
interface Parcel {
  readonly records: RecordInput[];
  readonly exemplars: RecordInput[];
}

const encoded = new ByteWriter(4096);

export class Distributor {
  readonly #line: () => Line;
  readonly #nowMs: () => number;
  /** Feeds are new with each configuration. */
  readonly #layouts = new WeakMap<Feed, Layouts>();
  readonly #senders = new Map<string, Sender>();
  readonly #waiting: WaitingSeries;

  /** `journal`: where series wait until their pod is known; without it they go by what is known. */
  constructor({ line, nowMs, journal }: { readonly line: () => Line; readonly nowMs: () => number; readonly journal?: HeldJournal }) {
    this.#line = line;
    this.#nowMs = nowMs;
    this.#waiting = new WaitingSeries(journal);
  }

  /** Appends everything. False when a stream cannot take its part now; what others took comes twice then, when the source comes again. What is told is not kept while disks work. */
  append(batch: Batch, source: SeriesSource): Promise<boolean> {
    const line = this.#line();
    const sender = this.#senderOf(source, line.plan);
    sender.turn++;
    const sorted = this.#sort(batch.series.filter(({ form }) => isWanted(form, line.plan.feeds)), sender, line);
    if ([...sorted.lots.values()].some(({ streams }) => streams.some((stream) => stream.refuses()))) return Promise.resolve(false);
    const kept = this.#keep(sorted, sender, line);
    for (const count of sorted.counts) count();
    const parcels = this.#pack([...sorted.lots.values()], sender, line.metrics);
    const rest = { series: batch.series.filter((one) => !kept.has(one)), failed: batch.failed };
    const results = [...parcels].map(([stream, parcel]) => appendParcel(stream, parcel, offered(rest, stream, line.plan.feeds), batch.failed));
    if (kept.size > 0) results.push(this.#waiting.flush());
    return Promise.all(results).then((all) => all.every((isSafe) => isSafe));
  }

  #sort(series: readonly AppendedSeries[], sender: Sender, line: Line): Sorted {
    const sorted: Sorted = { lots: new Map(), waiting: [], counts: [] };
    const { router, source: { key, facts } } = sender;
    for (const one of series) {
      const { labels } = one;
      for (const [name, value] of line.plan.externalLabels) if (!labels.has(name)) labels.set(name, value);
      router.notePage(labels);
      const decision = router.decide(labels);
      // Of both forms of a histogram each has its destinations: a record that waits knows none.
      const verdict = one.form === undefined ? this.#waiting.judge(key, labels, decision.isUnresolved) : 'goes';
      if (verdict === 'waits') sorted.waiting.push({ ...one, facts, page: router.pageNote, original: one });
      else sortIn({ ...one, mustFollow: verdict === 'follows' }, decision, { sender, line, sorted });
    }
    return sorted;
  }

  /** Puts what waits on disk. What there is no room for goes by what is known. */
  #keep({ waiting, ...sorted }: Sorted, sender: Sender, line: Line): ReadonlySet<AppendedSeries> {
    if (waiting.length === 0) return nobody;
    const { router, source } = sender;
    const kept = new Set(waiting.map(({ original }) => original));
    for (const { original } of this.#waiting.keep(source.key, waiting)) {
      kept.delete(original);
      line.metrics.unresolved('no_room');
      router.notePage(original.labels);
      sortIn(original, router.decide(original.labels), { sender, line, sorted });
    }
    return kept;
  }

  #senderOf(source: SeriesSource, plan: Plan): Sender {
    const { key, facts } = source;
    const known = this.#senders.get(key);
    if (known?.plan === plan) return known;
    if (this.#senders.size >= SOURCES_MAX) this.#senders.clear();
    const sender = { source, plan, router: plan.router.open(facts), turn: known?.turn ?? 0 };
    this.#senders.set(key, sender);
    return sender;
  }

  #layoutsOf(feed: Feed): Layouts {
    let layouts = this.#layouts.get(feed);
    if (layouts === undefined) this.#layouts.set(feed, (layouts = new Layouts()));
    return layouts;
  }

  #pack(lots: readonly Lot[], sender: Sender, metrics: SeriesMetrics): Map<Stream, Parcel> {
    const parcels = new Map<Stream, Parcel>();
    const nowMs = this.#nowMs();
    const admitted = new Map([...offeredTo(lots)].map(([budget, samples]) => [budget, budget.admits(samples, sender.turn, nowMs)]));
    for (const lot of lots) {
      const whole: RecordInput[] = [...this.#layoutsOf(lot.feed).records(lot.entries), ...rawRecords(lot.histograms)];
      for (const stream of lot.streams) {
        const parcel = parcels.get(stream) ?? { records: [], exemplars: [] };
        parcels.set(stream, parcel);
        const budget = lot.set.legs.find(({ name }) => name === stream.name)?.budget;
        const isWithin = budget === undefined || admitted.get(budget) === true;
        parcel.records.push(...(isWithin ? whole : this.#leaveOut(lot, metrics)));
        if (isWithin && lot.feed.exemplarStreams.includes(stream)) parcel.exemplars.push(...rawRecords(lot.exemplars));
      }
    }
    return parcels;
  }

  /** Above the budget only markers go: a series that ended must not seem to go on. */
  #leaveOut({ feed, entries, markers, samples }: Lot, metrics: SeriesMetrics): RecordInput[] {
    const ends = entries.map(({ labels, samples: all }) => ({ labels, samples: all.filter(({ low, high }) => low === STALE_LOW && high === STALE_HIGH) }));
    const records = [...this.#layoutsOf(feed).records(ends), ...rawRecords(markers)];
    metrics.unrouted('budget', '', samples - records.reduce((sum, record) => sum + record.samples, 0));
    return records;
  }
}

/** What a batch brings to each budget: what several of its destinations get of one set counts once. */
function offeredTo(lots: readonly Lot[]): Map<Budget, number> {
  const bySet = new Map<RouteSet, Map<string, number>>();
  for (const { set, streams, samples } of lots) {
    const byStream = bySet.get(set) ?? new Map<string, number>();
    bySet.set(set, byStream);
    for (const { name } of streams) byStream.set(name, (byStream.get(name) ?? 0) + samples);
  }
  const wanted = new Map<Budget, number>();
  for (const [{ legs }, byStream] of bySet) {
    const most = new Map<Budget, number>();
    for (const { name, budget } of legs) if (budget !== undefined) most.set(budget, Math.max(most.get(budget) ?? 0, byStream.get(name) ?? 0));
    for (const [budget, samples] of most) wanted.set(budget, (wanted.get(budget) ?? 0) + samples);
  }
  return wanted;
}

/** A form that no destination takes is not routed at all. */
function isWanted(form: AppendedSeries['form'], feeds: readonly Feed[]): boolean {
  return form === undefined || feeds.some(({ streams, nativeStreams }) => (form === 'native' ? nativeStreams.size > 0 : nativeStreams.size < streams.length));
}

/** Samples and histograms for a stream, before routes and rules. */
function offered({ series, failed }: Batch, stream: Stream, feeds: readonly Feed[]): number {
  const form = feeds.some(({ nativeStreams }) => nativeStreams.has(stream)) ? 'native' : 'classic';
  return series.reduce((sum, one) => sum + ((one.form ?? form) === form ? one.samples.length + one.histograms.length : 0), failed);
}

/** Puts a series into the lots of its destinations. Afterwards the router may be asked about another one. */
function sortIn(one: AppendedSeries & { readonly mustFollow?: boolean }, { set: decided, unrouted }: Decision, { sender, line: { plan, metrics }, sorted: { lots, counts } }: Sorting): void {
  const set = plan.router.hasRoutes ? decided : plan.router.everything;
  const samples = one.samples.length + one.histograms.length;
  if (unrouted !== undefined && plan.router.hasRoutes) counts.push(() => metrics.unrouted(unrouted.reason ?? 'unresolved', unrouted.owner, samples));
  for (const feed of plan.feeds) {
    const lot = lotOf(lots, feed, set, one.form);
    if (lot.streams.length > 0 && !put(lot, one, sender)) counts.push(() => metrics.dropped('write_relabel', samples * lot.streams.length));
  }
}

function lotOf(lots: Map<string, Lot>, feed: Feed, set: RouteSet, form: AppendedSeries['form']): Lot {
  const key = `${form ?? ''}\u0000${feed.key}\u0000${set.key}`;
  let lot = lots.get(key);
  if (lot === undefined) {
    const takers = form === undefined ? feed.streams : feed.streams.filter((stream) => feed.nativeStreams.has(stream) === (form === 'native'));
    const streams = takers.filter(({ name }) => set.legs.some((leg) => leg.name === name));
    lots.set(key, (lot = { feed, set, streams, entries: [], histograms: [], markers: [], exemplars: [], samples: 0 }));
  }
  return lot;
}

/** False when the write rules drop the series. */
function put(lot: Lot, { labels, samples, histograms, exemplars, mustFollow }: AppendedSeries & { readonly mustFollow?: boolean }, { router }: Sender): boolean {
  const own = writeLabels(lot.feed, labels, () => router.provenance(labels));
  encoded.length = 0;
  if (own === undefined || encodeLabels(own, encoded) === 0) return false;
  const bytes = Buffer.from(encoded.bytes.subarray(0, encoded.length));
  lot.entries.push({ labels: bytes, samples, ...(mustFollow === true && { mustFollow }) });
  lot.samples += samples.length + histograms.length;
  for (const histogram of histograms) if (histogram.isMarker) lot.markers.push(...histogramPieces(bytes, [histogram]));
  lot.histograms.push(...histogramPieces(bytes, histograms));
  if (exemplars.length > 0 && lot.feed.exemplarStreams.length > 0) lot.exemplars.push(...exemplarPieces(sorted(own), exemplars));
  return true;
}

function sorted(labels: LabelMap): [string, string][] {
  return [...labels].filter(([, value]) => value !== '').sort(([a], [b]) => compareUtf8(a, b));
}

/** The tally rides on the first record and speaks of that one alone; exemplars are no part of it. `all`: samples of the whole batch. */
function appendParcel(stream: Stream, { records, exemplars }: Parcel, all: number, failed: number): Promise<boolean> {
  const appended = records.reduce((sum, { samples }) => sum + samples, 0);
  const tally = { scraped: all, failed, relabelled: 0, limited: 0, unrouted: all - failed - appended };
  const [first, ...others] = records;
  if (first === undefined) {
    if (all > 0) stream.count(tally);
    return stream.appendNow(exemplars);
  }
  const isPlain = appended === all;
  const scraped = all - others.reduce((sum, { samples }) => sum + samples, 0);
  return stream.appendNow([isPlain ? first : { ...first, tally: { ...tally, scraped } }, ...others, ...exemplars]);
}
