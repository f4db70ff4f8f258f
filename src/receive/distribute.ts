// Where pushed series go: routes and write rules decide about each as about a scraped one, then every stream gets its part, with a tally of what became of the rest.
//
// What is known of the sender takes the place of what discovery knows of a target: `__meta_receive_client` is who the web server says it is. Nothing is remembered
// between two requests but images, so a change of configuration or owners needs nothing here. An owner that is not known yet is not waited for.

import { compareUtf8, type LabelMap } from '../model/labels.ts';
import { STALE_HIGH, STALE_LOW } from '../model/sample.ts';
import type { RecordInput, Stream } from '../queue/queue.ts';
import type { Budget } from '../route/budget.ts';
import type { RouteSet, TargetRouter } from '../route/route.ts';
import { writeLabels, type Feed, type Plan } from '../series/plan.ts';
import type { SeriesMetrics } from '../series/series-metrics.ts';
import { ByteWriter, encodeLabels } from '../wire/labels.ts';
import type { AdmittedSeries } from './admit.ts';
import { exemplarPieces, histogramPieces, Layouts, rawRecords, type Entry, type Piece } from './layout.ts';

export const CLIENT = '__meta_receive_client';
/** Senders whose routers and turns are kept: users of the web server. */
const CLIENTS_MAX = 1000;

/** What decides where series go, as it is now. */
export interface Line {
  readonly plan: Plan;
  readonly metrics: SeriesMetrics;
}

interface Client {
  readonly plan: Plan;
  readonly router: TargetRouter;
  /** Requests so far, for routes that let every n-th through. */
  turn: number;
}

/** The series of a request with the same answer, for the destinations of one feed. */
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
  readonly #clients = new Map<string, Client>();

  constructor({ line, nowMs }: { readonly line: () => Line; readonly nowMs: () => number }) {
    this.#line = line;
    this.#nowMs = nowMs;
  }

  /** Appends everything. False when a stream cannot take its part now. `refused`: samples of the request that are no part of it. */
  append(series: readonly AdmittedSeries[], { client, refused }: { readonly client: string; readonly refused: number }): Promise<boolean> {
    const line = this.#line();
    const sender = this.#clientOf(client, line.plan);
    sender.turn++;
    const parcels = this.#pack(sortIntoLots(series, sender, line), sender, line.metrics);
    if ([...parcels.keys()].some((stream) => stream.refuses())) return Promise.resolve(false);
    const taken = samplesOf(series) + refused;
    const results = [...parcels].map(([stream, parcel]) => appendParcel(stream, parcel, taken, refused));
    return Promise.all(results).then((all) => all.every((isSafe) => isSafe));
  }

  #clientOf(name: string, plan: Plan): Client {
    const known = this.#clients.get(name);
    if (known?.plan === plan) return known;
    if (this.#clients.size >= CLIENTS_MAX) this.#clients.clear();
    const router = plan.router.open({ job: '', labels: [], provenance: new Map([[CLIENT, name]]), honorLabels: true });
    const client = { plan, router, turn: known?.turn ?? 0 };
    this.#clients.set(name, client);
    return client;
  }

  #layoutsOf(feed: Feed): Layouts {
    let layouts = this.#layouts.get(feed);
    if (layouts === undefined) this.#layouts.set(feed, (layouts = new Layouts()));
    return layouts;
  }

  #pack(lots: readonly Lot[], sender: Client, metrics: SeriesMetrics): Map<Stream, Parcel> {
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

/** What a request brings to each budget: a set counts once, however many feeds it has. */
function offeredTo(lots: readonly Lot[]): Map<Budget, number> {
  const bySet = new Map<RouteSet, number>();
  for (const { set, samples } of lots) bySet.set(set, Math.max(bySet.get(set) ?? 0, samples));
  const offered = new Map<Budget, number>();
  for (const [{ legs }, samples] of bySet) {
    for (const budget of new Set(legs.map((leg) => leg.budget))) if (budget !== undefined) offered.set(budget, (offered.get(budget) ?? 0) + samples);
  }
  return offered;
}

function samplesOf(series: readonly AdmittedSeries[]): number {
  return series.reduce((sum, { samples, histograms }) => sum + samples.length + histograms.length, 0);
}

function sortIntoLots(series: readonly AdmittedSeries[], sender: Client, { plan, metrics }: Line): Lot[] {
  const lots = new Map<string, Lot>();
  for (const one of series) {
    const { labels } = one;
    for (const [name, value] of plan.externalLabels) if (!labels.has(name)) labels.set(name, value);
    sender.router.notePage(labels);
    const decided = sender.router.decide(labels);
    const set = plan.router.hasRoutes ? decided.set : plan.router.everything;
    const count = one.samples.length + one.histograms.length;
    const unrouted = plan.router.hasRoutes ? decided.unrouted : undefined;
    // Without a reason the owner may still be found: nobody waits for that here.
    if (unrouted !== undefined) metrics.unrouted(unrouted.reason ?? 'unresolved', unrouted.owner, count);
    for (const feed of plan.feeds) {
      const lot = lotOf(lots, feed, set);
      if (lot.streams.length > 0 && !put(lot, one, sender)) metrics.dropped('write_relabel', count * lot.streams.length);
    }
  }
  return [...lots.values()];
}

function lotOf(lots: Map<string, Lot>, feed: Feed, set: RouteSet): Lot {
  const key = `${feed.key}\u0000${set.key}`;
  let lot = lots.get(key);
  if (lot === undefined) {
    const streams = feed.streams.filter(({ name }) => set.legs.some((leg) => leg.name === name));
    lots.set(key, (lot = { feed, set, streams, entries: [], histograms: [], markers: [], exemplars: [], samples: 0 }));
  }
  return lot;
}

/** False when the write rules drop the series. */
function put(lot: Lot, { labels, samples, histograms, exemplars }: AdmittedSeries, { router }: Client): boolean {
  const own = writeLabels(lot.feed, labels, () => router.provenance(labels));
  encoded.length = 0;
  if (own === undefined || encodeLabels(own, encoded) === 0) return false;
  const bytes = Buffer.from(encoded.bytes.subarray(0, encoded.length));
  lot.entries.push({ labels: bytes, samples });
  lot.samples += samples.length + histograms.length;
  for (const histogram of histograms) if (histogram.isMarker) lot.markers.push(...histogramPieces(bytes, [histogram]));
  lot.histograms.push(...histogramPieces(bytes, histograms));
  if (exemplars.length > 0 && lot.feed.exemplarStreams.length > 0) lot.exemplars.push(...exemplarPieces(sorted(own), exemplars));
  return true;
}

function sorted(labels: LabelMap): [string, string][] {
  return [...labels].filter(([, value]) => value !== '').sort(([a], [b]) => compareUtf8(a, b));
}

/** The tally rides on the first record and speaks of that one alone; exemplars are no part of it. `offered`: samples of the whole request. */
function appendParcel(stream: Stream, { records, exemplars }: Parcel, offered: number, failed: number): Promise<boolean> {
  const appended = records.reduce((sum, { samples }) => sum + samples, 0);
  const tally = { scraped: offered, failed, relabelled: 0, limited: 0, unrouted: offered - failed - appended };
  const [first, ...others] = records;
  if (first === undefined) {
    if (offered > 0) stream.count(tally);
    return stream.appendNow(exemplars);
  }
  const isPlain = appended === offered;
  const scraped = offered - others.reduce((sum, { samples }) => sum + samples, 0);
  return stream.appendNow([isPlain ? first : { ...first, tally: { ...tally, scraped } }, ...others, ...exemplars]);
}
