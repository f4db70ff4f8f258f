// Makes request bodies from records: for each image, its label sets are expanded once and every series is written with its samples
// of all records at hand, so that labels cost as little as possible. Everything happens on the zstd heap: labels are copied from
// the expanded run to the body inside one array, and the body is compressed where it lies.
//
// Order: images as their first record comes, series as they stand in the image, samples of a series as their records come. A body
// is closed at its size, also in the middle of an image. Fails with COLUMN_DAMAGED, RUN_DAMAGED or ZSTD_DECOMPRESS when a record is
// not what its header says; nothing of the batch is lost by that, the caller tries it in parts.

import { TributaryError } from '../model/error.ts';
import type { QueuedRecord } from '../queue/queue.ts';
import { decodeColumnToHeap, freeColumn } from '../wire/column.ts';
import type { HeapColumn } from '../wire/column.ts';
import type { Image, ImageRun } from '../wire/image.ts';
import { TAG_SERIES_SAMPLE, TAG_TIMESERIES, int64Bytes, putInt64, putVarint } from '../wire/write-request.ts';
import { heap, heapAllocate, heapFree, heapView } from '../wire/zstd.ts';
import { expandedRun, isSmallImage } from './run-cache.ts';
import { countRequest } from './split.ts';

/** Value and timestamp of a sample: tags 1 (fixed64) and 2 (varint). */
const TAG_VALUE = 0x09;
const TAG_TIMESTAMP = 0x10;
/** Longest sample: tag, length, value with tag, timestamp with tag. */
const SAMPLE_BYTES_MAX = 2 + 9 + 11;
/** Head of a series: tag and a varint of its length. */
const SERIES_HEAD_BYTES_MAX = 6;

export interface RawBody {
  /** A prometheus.WriteRequest, not compressed; a view that is valid until the next body is asked for. */
  readonly bytes: Uint8Array;
  readonly samples: number;
  readonly series: number;
  readonly newestMs: number;
}

/** A record's column while its image is written. */
interface Cursor {
  readonly column: HeapColumn;
  /** Values taken so far. */
  taken: number;
  readonly newestMs: number;
  /** The scrape's timestamp as a varint, in two little-endian words, when it fits them and all samples have it. */
  readonly timestampLow: number;
  readonly timestampHigh: number;
  /** Bytes of that varint; 0 when samples have timestamps of their own or it is longer than 8 bytes. */
  readonly timestampBytes: number;
  readonly timestampMs: number;
}

export class Assembler {
  readonly #limit: () => number;
  /** Of the body being made, before compression. */
  #bodyBytes = 0;
  #pointer = 0;
  #room = 0;
  #length = 0;
  #samples = 0;
  #series = 0;
  #newestMs = -Infinity;
  /** Which cursors have a value at the position being written. */
  #having = new Uint32Array(16);

  /** `bodyBytes` is asked for each body: what a link carries in a short time changes. */
  constructor(limits: { readonly bodyBytes: () => number }) {
    this.#limit = limits.bodyBytes;
  }

  /** The bodies of these records, one after another. Ends by itself or through `return`, and gives its memory back then. */
  *bodies(records: readonly QueuedRecord[]): Generator<RawBody> {
    this.#reset();
    try {
      for (const group of byImage(records)) {
        if (group.image === undefined) yield* this.#raw(group.records);
        else yield* this.#image(group.image, group.records);
      }
      if (this.#length > 0) yield this.#take();
    } finally {
      if (this.#pointer !== 0) heapFree(this.#pointer);
      this.#pointer = 0;
      this.#room = 0;
    }
  }

  #reset(): void {
    this.#bodyBytes = this.#limit();
    this.#length = 0;
    this.#samples = 0;
    this.#series = 0;
    this.#newestMs = -Infinity;
  }

  /** The body as it is. It is overwritten from its beginning by what comes next. */
  #take(): RawBody {
    const bytes = heap().subarray(this.#pointer, this.#pointer + this.#length);
    const body = { bytes, samples: this.#samples, series: this.#series, newestMs: this.#newestMs };
    this.#reset();
    return body;
  }

  /** Makes sure that `more` bytes fit behind what is there. */
  #ensureRoom(more: number): void {
    if (this.#length + more <= this.#room) return;
    const room = Math.max(this.#bodyBytes + 64 * 1024, this.#length + more);
    const pointer = heapAllocate(room);
    heap().copyWithin(pointer, this.#pointer, this.#pointer + this.#length);
    if (this.#pointer !== 0) heapFree(this.#pointer);
    this.#pointer = pointer;
    this.#room = room;
  }

  *#raw(records: readonly QueuedRecord[]): Generator<RawBody> {
    for (const record of records) {
      if (this.#length > 0 && this.#length + record.payload.length > this.#bodyBytes) yield this.#take();
      this.#ensureRoom(record.payload.length);
      heap().set(record.payload, this.#pointer + this.#length);
      this.#length += record.payload.length;
      this.#samples += countRequest(record.payload).samples;
      this.#newestMs = Math.max(this.#newestMs, record.newestMs);
    }
  }

  *#image(image: Image, records: readonly QueuedRecord[]): Generator<RawBody> {
    const cursors: Cursor[] = [];
    try {
      for (const record of records) cursors.push(openCursor(record));
      if (this.#having.length < cursors.length) this.#having = new Uint32Array(cursors.length * 2);
      const positions = Math.max(...cursors.map((cursor) => cursor.column.positions));
      const isSmall = isSmallImage(image);
      for (const run of image.runs) {
        if (run.base >= positions) break;
        let progress = this.#startRun(run);
        while ((progress = this.#writeRun(run, progress, cursors, isSmall)).position < run.count) yield this.#take();
      }
    } finally {
      for (const cursor of cursors) freeColumn(cursor.column);
    }
  }

  #startRun(run: ImageRun): RunProgress {
    return { position: 0, offset: 0, run };
  }

  /** Writes series of the run until it ends or the body is full. */
  #writeRun(run: ImageRun, from: RunProgress, cursors: readonly Cursor[], isSmall: boolean): RunProgress {
    const perSeries = SERIES_HEAD_BYTES_MAX + cursors.length * SAMPLE_BYTES_MAX + 16;
    this.#ensureRoom(this.#bodyBytes - this.#length + perSeries);
    const runAt = expandedRun(run, isSmall);
    let bytes = heap();
    let view = heapView();
    const end = runAt + run.rawBytes;
    let at = runAt + from.offset;
    let to = this.#pointer + this.#length;
    let position = from.position;
    for (; position < run.count && this.#length < this.#bodyBytes; position++) {
      let labelBytes = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++]!;
        labelBytes |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      if (at + labelBytes > end) throw runDamaged(run, position);
      const count = this.#findHaving(run.base + position, cursors, bytes);
      if (count === 0) {
        at += labelBytes;
        continue;
      }
      if (this.#length + labelBytes + perSeries > this.#room) {
        // A label set larger than what is left of the body's room: make more, the views are new then.
        this.#ensureRoom(labelBytes + perSeries);
        bytes = heap();
        view = heapView();
        to = this.#pointer + this.#length;
      }
      to = this.#writeSeries(bytes, view, to, at, labelBytes, cursors, count);
      at += labelBytes;
      this.#length = to - this.#pointer;
      this.#series++;
    }
    return { position, offset: at - runAt, run };
  }

  /** Puts the indices of the cursors that have a value at `position` into `#having`; returns how many there are. */
  #findHaving(position: number, cursors: readonly Cursor[], bytes: Uint8Array): number {
    let count = 0;
    for (let c = 0; c < cursors.length; c++) {
      const { column } = cursors[c]!;
      if (position >= column.positions) continue;
      if (column.bitmapAt !== 0 && (bytes[column.bitmapAt + (position >>> 3)]! & (1 << (position & 7))) === 0) continue;
      this.#having[count++] = c;
    }
    return count;
  }

  #writeSeries(
    bytes: Uint8Array, view: DataView, start: number, labelsAt: number, labelBytes: number, cursors: readonly Cursor[], count: number,
  ): number {
    let content = labelBytes;
    for (let i = 0; i < count; i++) content += sampleBytes(cursors[this.#having[i]!]!, view);
    let to = start;
    bytes[to++] = TAG_TIMESERIES;
    to = putVarint(bytes, to, content);
    bytes.copyWithin(to, labelsAt, labelsAt + labelBytes);
    to += labelBytes;
    for (let i = 0; i < count; i++) to = this.#writeSample(bytes, view, to, cursors[this.#having[i]!]!);
    this.#samples += count;
    return to;
  }

  #writeSample(bytes: Uint8Array, view: DataView, start: number, cursor: Cursor): number {
    const { column, timestampBytes } = cursor;
    const index = cursor.taken++;
    if (index >= column.samples) throw new TributaryError('COLUMN_DAMAGED', `column: ${column.samples} samples, its bitmap has more`);
    const valueAt = column.valuesAt + index * 8;
    let to = start;
    if (timestampBytes === 0) return this.#writeOwnTimestamp(bytes, view, to, cursor, index, valueAt);
    // Tag, length and value's tag in one store; each store's surplus bytes are overwritten by the next.
    view.setInt32(to, TAG_SERIES_SAMPLE | ((10 + timestampBytes) << 8) | (TAG_VALUE << 16), true);
    to += 3;
    view.setInt32(to, view.getInt32(valueAt, true), true);
    view.setInt32(to + 4, view.getInt32(valueAt + 4, true), true);
    to += 8;
    bytes[to++] = TAG_TIMESTAMP;
    view.setInt32(to, cursor.timestampLow, true);
    view.setInt32(to + 4, cursor.timestampHigh, true);
    if (cursor.newestMs > this.#newestMs) this.#newestMs = cursor.newestMs;
    return to + timestampBytes;
  }

  #writeOwnTimestamp(bytes: Uint8Array, view: DataView, start: number, cursor: Cursor, index: number, valueAt: number): number {
    const timestampMs = timestampOf(cursor, view, index);
    let to = start;
    bytes[to++] = TAG_SERIES_SAMPLE;
    bytes[to++] = 10 + int64Bytes(timestampMs);
    bytes[to++] = TAG_VALUE;
    view.setInt32(to, view.getInt32(valueAt, true), true);
    view.setInt32(to + 4, view.getInt32(valueAt + 4, true), true);
    to += 8;
    bytes[to++] = TAG_TIMESTAMP;
    if (timestampMs > this.#newestMs) this.#newestMs = timestampMs;
    return putInt64(bytes, to, timestampMs);
  }
}

interface RunProgress {
  /** Series of the run that are done. */
  readonly position: number;
  /** Where the next one begins in the expanded run. */
  readonly offset: number;
  readonly run: ImageRun;
}

function timestampOf(cursor: Cursor, view: DataView, index: number): number {
  const { timestampsAt } = cursor.column;
  return timestampsAt === 0 ? cursor.timestampMs : view.getFloat64(timestampsAt + index * 8, true);
}

function sampleBytes(cursor: Cursor, view: DataView): number {
  if (cursor.timestampBytes !== 0) return 12 + cursor.timestampBytes;
  return 12 + int64Bytes(timestampOf(cursor, view, cursor.taken));
}

function openCursor(record: QueuedRecord): Cursor {
  const column = decodeColumnToHeap(record.payload, record.positions, record.samples);
  const size = int64Bytes(record.timestampMs);
  const fits = column.timestampsAt === 0 && size <= 8;
  const varint = new DataView(new ArrayBuffer(16));
  if (fits) putInt64(new Uint8Array(varint.buffer), 0, record.timestampMs);
  return {
    column,
    taken: 0,
    newestMs: record.newestMs,
    timestampLow: varint.getInt32(0, true),
    timestampHigh: varint.getInt32(4, true),
    timestampBytes: fits ? size : 0,
    timestampMs: record.timestampMs,
  };
}

/** Groups records by image, in the order of their first ones; raw records come in groups without an image. */
function byImage(records: readonly QueuedRecord[]): { image: Image | undefined; records: QueuedRecord[] }[] {
  const groups: { image: Image | undefined; records: QueuedRecord[] }[] = [];
  const known = new Map<number, QueuedRecord[]>();
  for (const record of records) {
    const group = record.image === undefined ? undefined : known.get(record.image.id);
    if (group !== undefined) {
      group.push(record);
      continue;
    }
    const fresh = [record];
    groups.push({ image: record.image, records: fresh });
    if (record.image !== undefined) known.set(record.image.id, fresh);
  }
  return groups;
}

function runDamaged(run: ImageRun, position: number): TributaryError {
  return new TributaryError('RUN_DAMAGED', `image run: label set ${position} of ${run.count} ends behind its ${run.rawBytes} bytes`);
}
