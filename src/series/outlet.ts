// The series of one branch as one feed sees them: one image, and per scrape one column that each of their streams gets. Destinations that make the same labels
// of a series share it; so do all series that go to the same of them.

import type { LabelMap } from '../model/labels.ts';
import { STALE_HIGH, STALE_LOW } from '../model/sample.ts';
import type { SamplesInput, Stream } from '../queue/queue.ts';
import { encodeColumn } from '../wire/column.ts';
import { ByteWriter, encodeLabels } from '../wire/labels.ts';
import { ImageWriter } from './image-writer.ts';
import type { ExtraSample } from './page-samples.ts';
import { NOWHERE } from './places.ts';
import type { Places } from './places.ts';
import { writeLabels } from './plan.ts';
import type { Feed } from './plan.ts';
import { MARKER, VALUE } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import type { SeriesMetrics } from './series-metrics.ts';

/** A series as it comes in. */
export interface Incoming {
  /** Final labels, external ones included. */
  readonly labels: LabelMap;
  /** The same as bytes. */
  readonly encoded: ByteWriter;
  /** Half a hash of them. */
  readonly hash: number;
  /** What rules may see beside the labels. */
  readonly provenance: () => ReadonlyMap<string, string>;
}

/** What one scrape brought to an outlet. */
export interface Collected {
  readonly records: readonly SamplesInput[];
  /** Samples in them. */
  readonly appended: number;
  /** In whose place another one of the same labels goes out. */
  readonly merged: number;
  /** Of series that the write rules drop, markers included. */
  readonly dropped: number;
}

/** Markers for some of the streams: series that do not go there any more. */
export interface Farewell {
  readonly streams: readonly Stream[];
  readonly record: SamplesInput;
}

export interface OutletOptions {
  readonly feed: Feed;
  readonly streams: readonly Stream[];
  readonly places: Places;
  /** Whether a series is one of this branch: `places` hold those of others, too. */
  readonly holds: (id: number) => boolean;
  readonly hash: (encoded: ByteWriter) => number;
  readonly metrics: SeriesMetrics;
}

const relabelled = new ByteWriter(4096);

// One column at a time is under construction: the arrays are shared and grow to the largest target.
let columnBits = new Uint32Array(2 * 1024);
let columnTimestamps = new Float64Array(1024);
let columnBitmap = new Uint8Array(128);

export class Outlet {
  readonly writer: ImageWriter;
  #feed: Feed;
  #streams: readonly Stream[];
  #exemplarStreams: readonly Stream[] = [];
  readonly #options: OutletOptions;
  readonly #metrics: SeriesMetrics;
  /** Series the write rules drop, and those that were there before this outlet, so that their samples are counted. */
  readonly #dropped = new Set<number>();
  /** Samples of this scrape in whose place another one of the same labels went out. */
  #merged = 0;
  /** Records of the image were handed out, and since then a series came that may lie in another image of the same stream. */
  #mustRenew = false;
  #wasCollected = false;
  /** Positions of series that left, with the streams that are to be told. */
  #left: { readonly position: number; readonly streams: readonly Stream[] }[] = [];

  constructor(options: OutletOptions) {
    this.#options = options;
    this.#feed = options.feed;
    this.#streams = options.streams;
    this.#metrics = options.metrics;
    this.writer = new ImageWriter(options.places);
    this.setFeed(options.feed, options.streams);
  }

  get key(): string {
    return this.#feed.key;
  }

  get streams(): readonly Stream[] {
    return this.#streams;
  }

  get exemplarStreams(): readonly Stream[] {
    return this.#exemplarStreams;
  }

  /** With write rules, several series of the same labels are put down to them. */
  get hasRules(): boolean {
    return this.#feed.rules !== undefined;
  }

  /** Other destinations with the same labels. */
  setFeed(feed: Feed, streams: readonly Stream[]): void {
    this.#feed = feed;
    this.#streams = streams;
    this.#exemplarStreams = feed.exemplarStreams.filter((stream) => streams.includes(stream));
  }

  /** Takes in a series that is new here. */
  stage(id: number, incoming: Incoming): void {
    this.#dropped.delete(id);
    const encoded = this.#encode(incoming);
    if (encoded === undefined) return void this.#dropped.add(id);
    const { labels } = this.#options.places;
    if (labels !== undefined) labels[id] = this.#hashOf(encoded, incoming);
    this.writer.stage(id, encoded);
  }

  /**
   * Takes in a series from another image. A sender writes image by image, each with all its scrapes, in the order of their first ones; the series' older samples come first only if
   * this image begins anew.
   */
  receive(id: number, incoming: Incoming): void {
    this.stage(id, incoming);
    this.renew();
  }

  /** With the next scrape the image begins anew, if anything of it was handed out. */
  renew(): void {
    this.#mustRenew ||= this.#wasCollected;
  }

  /** The labels as this feed has them; undefined when it has none. Valid until the next call. */
  #encode(incoming: Incoming): ByteWriter | undefined {
    if (this.#feed.rules === undefined && this.#feed.replicaLabel === undefined) return incoming.encoded;
    const own = writeLabels(this.#feed, incoming.labels, incoming.provenance);
    relabelled.length = 0;
    // A series that is left without any label is none.
    return own === undefined || encodeLabels(own, relabelled) === 0 ? undefined : relabelled;
  }

  #hashOf(encoded: ByteWriter, incoming: Incoming): number {
    return encoded === incoming.encoded ? incoming.hash : this.#options.hash(encoded);
  }

  /** What tells the labels of a series here from others; undefined when this feed does not take it. */
  identityOf(incoming: Incoming): number | undefined {
    if (this.#options.places.labels === undefined) return incoming.hash;
    const encoded = this.#encode(incoming);
    return encoded === undefined ? undefined : this.#hashOf(encoded, incoming);
  }

  /** The same for a series that is here, `hash` being that of its labels; undefined when it is not. */
  identity(id: number, hash: number): number | undefined {
    if (this.#dropped.has(id) || !this.#options.holds(id)) return undefined;
    const { labels } = this.#options.places;
    return labels === undefined ? hash : labels[id]!;
  }

  /** A series that was there before this outlet: nothing of it goes here. */
  exclude(id: number): void {
    this.#dropped.add(id);
  }

  remove(id: number): void {
    if (!this.#dropped.delete(id)) this.writer.remove(id);
  }

  /** A series that goes elsewhere, or has other labels now: these streams get a marker with the next scrape, if they were sent any of it. */
  leave(id: number, streams: readonly Stream[], wasSent: boolean): void {
    if (this.#dropped.delete(id)) return;
    const position = this.writer.positionOf(id);
    this.writer.remove(id);
    // Another series with the same labels goes on there.
    const goesOn = position !== NOWHERE && this.writer.seriesAt[position] !== NOWHERE;
    if (wasSent && position !== NOWHERE && !goesOn && streams.length > 0) this.#left.push({ position, streams });
  }

  get hasLeft(): boolean {
    return this.#left.length > 0;
  }

  /** Markers for what left since the last call. */
  farewells(timestampMs: number): Farewell[] {
    const left = this.#left;
    this.#left = [];
    const groups = new Map<string, { streams: readonly Stream[]; positions: number[] }>();
    for (const { position, streams } of left) {
      const alive = streams.filter((stream) => this.#streams.includes(stream));
      const key = alive.map(({ name }) => name).join('\u0000');
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { streams: alive, positions: [position] });
      else group.positions.push(position);
    }
    return [...groups.values()].filter(({ streams }) => streams.length > 0).map(({ streams, positions }) => ({ streams, record: this.#markers(positions, timestampMs) }));
  }

  #markers(positions: number[], timestampMs: number): SamplesInput {
    const samples = positions.toSorted((a, b) => a - b).map((position) => ({ position, low: STALE_LOW, high: STALE_HIGH, timestampMs }));
    return this.#sparse(samples);
  }

  /** What the scrape brought, as records for every stream. */
  collect(scratch: Scratch, extras: readonly ExtraSample[], timestampMs: number): Collected {
    this.writer.place();
    if (this.#mustRenew) this.writer.renew();
    this.#mustRenew = false;
    this.#merged = 0;
    const records: SamplesInput[] = [];
    const first = this.#column(scratch, timestampMs, true);
    if (first !== undefined) records.push(first);
    for (const layer of layers(extras.filter(({ id }) => this.#options.holds(id)))) {
      const record = this.#layer(layer);
      if (record !== undefined) records.push(record);
    }
    let appended = 0;
    for (const { samples } of records) appended += samples;
    this.#wasCollected ||= appended > 0;
    return { records, appended, merged: this.#merged, dropped: this.#countDropped(scratch, extras) };
  }

  /** Samples of earlier scrapes that waited, as records that come before those of this one. After `collect`. */
  collectLate(late: readonly ExtraSample[]): SamplesInput[] {
    const own = late.filter(({ id }) => this.#options.holds(id));
    return layers(own).map((layer) => this.#layer(layer)).filter((record) => record !== undefined);
  }

  /** Where a series stands in the image; NOWHERE where it is none of these. */
  positionOf(id: number): number {
    return this.#options.holds(id) ? this.writer.positionOf(id) : NOWHERE;
  }

  /** Only the markers of a scrape, for a stream that does not get the rest. */
  collectMarkers(scratch: Scratch, timestampMs: number): SamplesInput | undefined {
    return this.#column(scratch, timestampMs, false);
  }

  /** Samples of series that are not for these streams, markers included; the metric leaves those out. */
  #countDropped(scratch: Scratch, extras: readonly ExtraSample[]): number {
    if (this.#dropped.size === 0) return 0;
    let values = 0;
    let markers = 0;
    for (const id of this.#dropped) {
      if (scratch.seen[id] === VALUE) values++;
      else if (scratch.seen[id] === MARKER) markers++;
    }
    for (const { id } of extras) if (this.#dropped.has(id)) values++;
    this.#metrics.dropped('write_relabel', values * this.#streams.length);
    return values + markers;
  }

  #column(scratch: Scratch, timestampMs: number, withValues: boolean): SamplesInput | undefined {
    const { seriesAt, positions, aliases } = this.writer;
    const { seen, bits, timestampsMs } = scratch;
    ensureColumn(positions);
    columnBitmap.fill(0, 0, Math.ceil(positions / 8));
    let samples = 0;
    let oldestMs = timestampMs;
    let newestMs = timestampMs;
    for (let position = 0; position < positions; position++) {
      let id = seriesAt[position]!;
      if (id < 0) continue;
      if (aliases.size > 0) id = this.#speaker(position, id, seen);
      if ((seen[id] !== VALUE || !withValues) && seen[id] !== MARKER) continue;
      columnBitmap[position >>> 3]! |= 1 << (position & 7);
      columnBits[2 * samples] = bits[2 * id]!;
      columnBits[2 * samples + 1] = bits[2 * id + 1]!;
      if (timestampsMs !== undefined) {
        const own = timestampsMs[id]!;
        const at = Number.isNaN(own) ? timestampMs : own;
        columnTimestamps[samples] = at;
        if (at < oldestMs) oldestMs = at;
        if (at > newestMs) newestMs = at;
      }
      samples++;
    }
    if (samples === 0) return undefined;
    const column = encodeColumn({
      bitmap: samples === positions ? undefined : columnBitmap.subarray(0, Math.ceil(positions / 8)),
      bits: columnBits,
      samples,
      timestampsMs: timestampsMs === undefined ? undefined : columnTimestamps,
    });
    return { type: 'samples', image: this.writer.image, positions, samples, timestampMs, oldestMs, newestMs, column };
  }

  /** Of several series with the labels of one position: the first that has a value, else the first that has a marker. Further values are counted. */
  #speaker(position: number, first: number, seen: Uint8Array): number {
    const others = this.writer.aliases.get(position);
    if (others === undefined) return first;
    const all = [first, ...others];
    const having = all.filter((id) => seen[id] === VALUE);
    const marked = all.filter((id) => seen[id] === MARKER);
    if (having.length > 1) this.#metrics.dropped('same_labels', (having.length - 1) * this.#streams.length);
    this.#merged += Math.max(0, having.length + marked.length - 1);
    return having[0] ?? marked[0] ?? first;
  }

  /** Samples beyond the first of their series, at most one per series: a column with timestamps of its own. */
  #layer(extras: readonly ExtraSample[]): SamplesInput | undefined {
    const known = extras
      .map((extra) => ({ extra, position: this.writer.positionOf(extra.id) }))
      .filter(({ position }) => position >= 0)
      .sort((a, b) => a.position - b.position);
    // A position has one value in a column, also when several series stand there.
    const placed = known.filter(({ position }, i) => position !== known[i - 1]?.position);
    this.#metrics.dropped('same_labels', (known.length - placed.length) * this.#streams.length);
    this.#merged += known.length - placed.length;
    if (placed.length === 0) return undefined;
    return this.#sparse(placed.map(({ extra: { low, high, timestampMs }, position }) => ({ position, low, high, timestampMs })));
  }

  /** A column of a few positions, given in ascending order, each with a timestamp of its own. */
  #sparse(samples: readonly { readonly position: number; readonly low: number; readonly high: number; readonly timestampMs: number }[]): SamplesInput {
    const { positions } = this.writer;
    ensureColumn(positions);
    columnBitmap.fill(0, 0, Math.ceil(positions / 8));
    let oldestMs = Infinity;
    let newestMs = -Infinity;
    for (const [i, { position, low, high, timestampMs }] of samples.entries()) {
      columnBitmap[position >>> 3]! |= 1 << (position & 7);
      columnBits[2 * i] = low;
      columnBits[2 * i + 1] = high;
      columnTimestamps[i] = timestampMs;
      oldestMs = Math.min(oldestMs, timestampMs);
      newestMs = Math.max(newestMs, timestampMs);
    }
    const bitmap = columnBitmap.subarray(0, Math.ceil(positions / 8));
    const column = encodeColumn({ bitmap, bits: columnBits, samples: samples.length, timestampsMs: columnTimestamps });
    return { type: 'samples', image: this.writer.image, positions, samples: samples.length, timestampMs: newestMs, oldestMs, newestMs, column };
  }
}

/** Splits extra samples so that no series is twice in one layer; order per series is kept. */
function layers(extras: readonly ExtraSample[]): ExtraSample[][] {
  const result: ExtraSample[][] = [];
  const depth = new Map<number, number>();
  for (const extra of extras) {
    const at = depth.get(extra.id) ?? 0;
    depth.set(extra.id, at + 1);
    (result[at] ??= []).push(extra);
  }
  return result;
}

function ensureColumn(positions: number): void {
  if (columnTimestamps.length >= positions) return;
  const room = Math.ceil((positions * 1.25) / 64) * 64;
  columnBits = new Uint32Array(2 * room);
  columnTimestamps = new Float64Array(room);
  columnBitmap = new Uint8Array(Math.ceil(room / 8));
}
