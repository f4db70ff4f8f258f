// Samples that no page brings as records of the queue. The label sets of a batch, sorted, become an image as a page's do, and values one column; see docs/decisions/receive.md. A
// batch with the same series as an earlier one finds its image again: a node agent that pushes the same windows costs what a scrape costs.
//
// A series with many more samples than the others of its request would make a column for each of them, nearly empty ones: it becomes raw records.
//
// A sender writes image by image, each with all its columns. So that no series goes backwards in a body, an image is found again only as long as none of its series has
// been in another one since.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { LabelPair } from '../model/labels.ts';
import { nextImageId } from '../queue/image-id.ts';
import type { RawInput, RecordInput, SamplesInput } from '../queue/queue.ts';
import { encodeColumn } from '../wire/column.ts';
import type { Image, ImageRun } from '../wire/image.ts';
import type { PushedHistogram, PushedSample } from '../wire/read-request.ts';
import { encodeExemplarSeries, encodeSeriesHeader, putSample, putVarint, sampleBytes, TAG_SERIES_HISTOGRAM, TAG_SERIES_SAMPLE, varintBytes, type WireExemplar } from '../wire/write-request.ts';
import { zstdCompress } from '../wire/zstd.ts';

/** A run holds about this much before compression, bytes: what a sender has to expand at once. As for scraped images. */
const RUN_BYTES = 1024 ** 2;
/** Raw records are cut at about this size, bytes: a body holds whole ones. */
const RAW_BYTES = 256 * 1024;
/** Samples of a series that stand in columns: always so many, of a request with more a multiple of the mean, and never more. */
const LAYERS_MIN = 16;
const LAYERS_PER_MEAN = 8;
const LAYERS_MAX = 1000;
/** Images kept for requests to come: one per kind of request that recurs. */
const IMAGES_MAX = 1024;
/** Of them together, compressed bytes. */
const IMAGE_BYTES_MAX = 16 * 1024 ** 2;
/** Series in them. */
const SERIES_MAX = 500_000;
/** Level 3 costs about what level 1 costs on sorted labels and is a third smaller (benchmark `wire`). */
const LEVEL = 3;

/** A series as one destination gets it. */
export interface Entry {
  /** Encoded labels, its own bytes. */
  readonly labels: Buffer;
  readonly samples: readonly PushedSample[];
  /** Other samples of it went by another way: they must stand before these. */
  readonly mustFollow?: boolean;
}

/** An image that may be used again, with a checksum of each of its label sets. */
interface Kept {
  readonly image: Image;
  readonly checksums: readonly number[];
}

/** Of the destinations of one feed: they get the same label sets. */
export class Layouts {
  /** By a digest of the label sets; the one used longest ago first. */
  readonly #images = new Map<string, Kept>();
  /** Which of them has a label set, by its checksum. Equal checksums of different sets cost an image that could have been used. */
  readonly #holder = new Map<number, string>();
  #bytes = 0;

  /** Records with these samples; several columns where a series has several. */
  records(entries: readonly Entry[]): RecordInput[] {
    for (const { labels, mustFollow } of entries) if (mustFollow === true) this.#leave(labels);
    const sorted = merge(entries.filter(({ samples }) => samples.length > 0));
    const most = layersOf(sorted);
    const [flat, deep] = [sorted.filter(({ samples }) => samples.length <= most), sorted.filter(({ samples }) => samples.length > most)];
    for (const { labels } of deep) this.#leave(labels);
    return [...this.#columns(flat), ...rawRecords(deep.flatMap(samplePieces))];
  }

  #columns(sorted: readonly Entry[]): SamplesInput[] {
    if (sorted.length === 0) return [];
    const image = this.#imageOf(sorted.map(({ labels }) => labels));
    const layers = sorted.reduce((most, { samples }) => Math.max(most, samples.length), 0);
    return Array.from({ length: layers }, (_, layer) => columnOf(image, sorted, layer));
  }

  /** Samples of a series go elsewhere: what follows must not stand before them. */
  #leave(labels: Buffer): void {
    const holder = this.#holder.get(crc32(labels));
    if (holder !== undefined) this.#forget(holder);
  }

  #imageOf(labels: readonly Buffer[]): Image {
    const hash = createHash('sha256');
    for (const one of labels) hash.update(lengthOf(one)).update(one);
    const key = hash.digest('hex');
    const known = this.#images.get(key);
    if (known === undefined) return this.#keep(key, labels);
    this.#images.delete(key);
    this.#images.set(key, known);
    return known.image;
  }

  #keep(key: string, labels: readonly Buffer[]): Image {
    const image = { id: nextImageId(), runs: runsOf(labels) };
    const checksums = labels.map((one) => crc32(one));
    for (const checksum of checksums) {
      const holder = this.#holder.get(checksum);
      if (holder !== undefined && holder !== key) this.#forget(holder);
      this.#holder.set(checksum, key);
    }
    this.#images.set(key, { image, checksums });
    this.#bytes += sizeOf(image);
    for (const oldest of this.#images.keys()) {
      if (this.#images.size <= IMAGES_MAX && this.#bytes <= IMAGE_BYTES_MAX && this.#holder.size <= SERIES_MAX) break;
      this.#forget(oldest);
    }
    return image;
  }

  #forget(key: string): void {
    const kept = this.#images.get(key);
    if (kept === undefined) return;
    this.#images.delete(key);
    this.#bytes -= sizeOf(kept.image);
    for (const checksum of kept.checksums) if (this.#holder.get(checksum) === key) this.#holder.delete(checksum);
  }
}

function sizeOf({ runs }: Image): number {
  return runs.reduce((sum, { data }) => sum + data.length, 0);
}

/** Sorted by labels; series of the same labels are one, with the samples of all in their order. */
function merge(entries: readonly Entry[]): Entry[] {
  const merged: { labels: Buffer; samples: PushedSample[]; isOwn: boolean }[] = [];
  for (const { labels, samples } of entries.toSorted((a, b) => a.labels.compare(b.labels))) {
    const last = merged.at(-1);
    if (last === undefined || !last.labels.equals(labels)) {
      merged.push({ labels, samples: samples as PushedSample[], isOwn: false });
      continue;
    }
    // Copied once, whatever number of repetitions follows.
    if (!last.isOwn) last.samples = [...last.samples];
    last.isOwn = true;
    for (const sample of samples) last.samples.push(sample);
  }
  return merged;
}

/** How many samples a series may have to stand in columns. */
function layersOf(entries: readonly Entry[]): number {
  const samples = entries.reduce((sum, entry) => sum + entry.samples.length, 0);
  return Math.min(LAYERS_MAX, Math.max(LAYERS_MIN, (LAYERS_PER_MEAN * samples) / Math.max(1, entries.length)));
}

function lengthOf(labels: Buffer): Buffer {
  const bytes = Buffer.alloc(varintBytes(labels.length));
  putVarint(bytes, 0, labels.length);
  return bytes;
}

/** As wire/image.ts describes them. */
function runsOf(labels: readonly Buffer[]): ImageRun[] {
  const runs: ImageRun[] = [];
  let parts: Buffer[] = [];
  let rawBytes = 0;
  let base = 0;
  for (const [i, one] of labels.entries()) {
    const length = lengthOf(one);
    parts.push(length, one);
    rawBytes += length.length + one.length;
    if (rawBytes < RUN_BYTES && i + 1 < labels.length) continue;
    runs.push({ base, count: i + 1 - base, rawBytes, data: zstdCompress(Buffer.concat(parts), LEVEL) });
    parts = [];
    rawBytes = 0;
    base = i + 1;
  }
  return runs;
}

/** The `layer`-th sample of each series that has as many. */
function columnOf(image: Image, entries: readonly Entry[], layer: number): SamplesInput {
  const positions = entries.length;
  const bitmap = new Uint8Array(Math.ceil(positions / 8));
  const bits = new Uint32Array(2 * positions);
  const timestampsMs = new Float64Array(positions);
  let samples = 0;
  let oldestMs = Infinity;
  let newestMs = -Infinity;
  for (const [position, entry] of entries.entries()) {
    const sample = entry.samples[layer];
    if (sample === undefined) continue;
    bitmap[position >>> 3]! |= 1 << (position & 7);
    bits[2 * samples] = sample.low;
    bits[2 * samples + 1] = sample.high;
    timestampsMs[samples++] = sample.timestampMs;
    oldestMs = Math.min(oldestMs, sample.timestampMs);
    newestMs = Math.max(newestMs, sample.timestampMs);
  }
  const column = encodeColumn({ bitmap: samples === positions ? undefined : bitmap, bits, samples, timestampsMs: oldestMs === newestMs ? undefined : timestampsMs });
  return { type: 'samples', image, positions, samples, timestampMs: newestMs, oldestMs, newestMs, column };
}

/** One piece of a write request, with its items and their times. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly timesMs: readonly number[];
}

/** Native histograms of a series: they fit no column. */
export function histogramPieces(labels: Buffer, histograms: readonly PushedHistogram[]): Piece[] {
  return piecesOf(labels, histograms.map(({ bytes, timestampMs }) => ({ bytes: fieldOf(TAG_SERIES_HISTOGRAM, bytes), timestampMs })));
}

function samplePieces({ labels, samples }: Entry): Piece[] {
  return piecesOf(labels, samples.map((sample) => {
    const bytes = Buffer.alloc(sampleBytes(sample, sample.timestampMs));
    putSample(bytes, 0, sample, sample.timestampMs);
    return { bytes: fieldOf(TAG_SERIES_SAMPLE, bytes), timestampMs: sample.timestampMs };
  }));
}

function fieldOf(tag: number, content: Uint8Array): Buffer {
  const head = Buffer.alloc(1 + varintBytes(content.length));
  head[0] = tag;
  putVarint(head, 1, content.length);
  return Buffer.concat([head, content]);
}

/** A series in pieces of a limited size, each with all its labels. */
function piecesOf(labels: Buffer, items: readonly { readonly bytes: Buffer; readonly timestampMs: number }[]): Piece[] {
  return cut(items, ({ bytes }) => bytes.length).map((some) => {
    const content = Buffer.concat(some.map(({ bytes }) => bytes));
    return { bytes: Buffer.concat([encodeSeriesHeader(labels, content.length), content]), timesMs: some.map(({ timestampMs }) => timestampMs) };
  });
}

/** `labels`: sorted. */
export function exemplarPieces(labels: readonly LabelPair[], exemplars: readonly WireExemplar[]): Piece[] {
  const sizeOfOne = (exemplar: WireExemplar) => [...exemplar.labels].reduce((sum, [name, value]) => sum + name.length + value.length, 32);
  return cut(exemplars, sizeOfOne).map((some) => ({ bytes: encodeExemplarSeries(labels, some), timesMs: some.map(({ timestampMs }) => timestampMs) }));
}

/** In their order, a new part wherever one has reached the size of a raw record. */
function cut<T>(items: readonly T[], bytesOf: (item: T) => number): T[][] {
  const parts: T[][] = [];
  let bytes = RAW_BYTES;
  for (const item of items) {
    if (bytes >= RAW_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(item);
    bytes += bytesOf(item);
  }
  return parts;
}

/** Pieces as raw records of a limited size. */
export function rawRecords(pieces: readonly Piece[]): RawInput[] {
  return cut(pieces, ({ bytes }) => bytes.length).map(rawRecord);
}

function rawRecord(pieces: readonly Piece[]): RawInput {
  let [samples, oldestMs, newestMs] = [0, Infinity, -Infinity];
  for (const { timesMs } of pieces) {
    samples += timesMs.length;
    for (const at of timesMs) [oldestMs, newestMs] = [Math.min(oldestMs, at), Math.max(newestMs, at)];
  }
  return { type: 'raw', samples, oldestMs, newestMs, body: Buffer.concat(pieces.map(({ bytes }) => bytes)) };
}
