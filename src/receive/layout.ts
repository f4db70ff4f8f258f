// Samples that no page brings as records of the queue. The label sets of a batch, sorted, become an image as a page's do, and values one column; see docs/decisions/receive.md. A
// batch with the same series as an earlier one finds its image again: a node agent that pushes the same windows costs what a scrape costs.
//
// A sender writes image by image, each with all its columns. So that no series goes backwards in a body, an image is found again only as long as none of its series has
// been in another one since.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { nextImageId } from '../queue/image-id.ts';
import type { RawInput, SamplesInput } from '../queue/queue.ts';
import { encodeColumn } from '../wire/column.ts';
import type { Image, ImageRun } from '../wire/image.ts';
import type { PushedHistogram, PushedSample } from '../wire/read-request.ts';
import { encodeSeriesHeader, putVarint, TAG_SERIES_HISTOGRAM, varintBytes } from '../wire/write-request.ts';
import { zstdCompress } from '../wire/zstd.ts';

/** A run holds about this much before compression, bytes: what a sender has to expand at once. As for scraped images. */
const RUN_BYTES = 1024 ** 2;
/** Raw records are cut at about this size, bytes: a body holds whole ones. */
const RAW_BYTES = 256 * 1024;
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
  records(entries: readonly Entry[]): SamplesInput[] {
    const sorted = merge(entries.filter(({ samples }) => samples.length > 0));
    if (sorted.length === 0) return [];
    const image = this.#imageOf(sorted.map(({ labels }) => labels));
    const layers = Math.max(...sorted.map(({ samples }) => samples.length));
    return Array.from({ length: layers }, (_, layer) => columnOf(image, sorted, layer));
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
  const merged: Entry[] = [];
  for (const entry of entries.toSorted((a, b) => a.labels.compare(b.labels))) {
    const last = merged.at(-1);
    if (last === undefined || !last.labels.equals(entry.labels)) merged.push(entry);
    else merged[merged.length - 1] = { labels: last.labels, samples: [...last.samples, ...entry.samples] };
  }
  return merged;
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
export function histogramPiece(labels: Buffer, histograms: readonly PushedHistogram[]): Piece {
  const content = Buffer.concat(histograms.flatMap(({ bytes }) => {
    const head = Buffer.alloc(1 + varintBytes(bytes.length));
    head[0] = TAG_SERIES_HISTOGRAM;
    putVarint(head, 1, bytes.length);
    return [head, bytes];
  }));
  return { bytes: Buffer.concat([encodeSeriesHeader(labels, content.length), content]), timesMs: histograms.map(({ timestampMs }) => timestampMs) };
}

/** Pieces as raw records of a limited size. */
export function rawRecords(pieces: readonly Piece[]): RawInput[] {
  const records: RawInput[] = [];
  let open: Piece[] = [];
  let bytes = 0;
  for (const [i, piece] of pieces.entries()) {
    open.push(piece);
    bytes += piece.bytes.length;
    if (bytes < RAW_BYTES && i + 1 < pieces.length) continue;
    records.push(rawRecord(open));
    open = [];
    bytes = 0;
  }
  return records;
}

function rawRecord(pieces: readonly Piece[]): RawInput {
  const times = pieces.flatMap(({ timesMs }) => timesMs);
  const [oldestMs, newestMs] = times.reduce(([oldest, newest], at) => [Math.min(oldest, at), Math.max(newest, at)], [Infinity, -Infinity] as [number, number]);
  return { type: 'raw', samples: times.length, oldestMs, newestMs, body: Buffer.concat(pieces.map(({ bytes }) => bytes)) };
}
