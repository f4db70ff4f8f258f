// Cutting a write request into smaller ones: after 413, to find the series a receiver refuses, and for an explicit
// `max_samples_per_send`. Works on the encoded bytes, so that nothing needs to be assembled again.
//
// An item is what counts against limits: one sample, exemplar or histogram of a series, or one metadata entry. In a series the
// labels stand before its items, as everything that builds bodies here writes them; a series cut in two repeats its labels.

import { putVarint, TAG_SERIES_EXEMPLAR, TAG_SERIES_LABEL, TAG_SERIES_SAMPLE, TAG_TIMESERIES, varintBytes } from '../wire/write-request.ts';
import { TributaryError } from '../model/error.ts';

export interface RequestCounts {
  readonly series: number;
  readonly samples: number;
  readonly exemplars: number;
  readonly items: number;
}

export interface SplitLimits {
  /** Bytes before compression; a single item may be larger. */
  readonly bytes: number;
  readonly items: number;
}

export interface RequestPiece extends RequestCounts {
  readonly bytes: Uint8Array;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

type MutableCounts = { -readonly [K in keyof RequestCounts]: number };

/** What a write request holds. Fails with WRITE_REQUEST_DAMAGED when it does not parse. */
export function countRequest(bytes: Uint8Array): RequestCounts {
  const total = emptyCounts();
  const field = createField(bytes, { start: 0, end: bytes.length });
  while (nextField(field)) addCounts(total, countField(field));
  return total;
}

/** Cuts a request into pieces within the limits, in order. Each piece holds at least one item. */
export function splitRequest(bytes: Uint8Array, limits: SplitLimits): RequestPiece[] {
  const packer = createPacker(bytes, limits);
  const field = createField(bytes, { start: 0, end: bytes.length });
  while (nextField(field)) {
    const counts = countField(field);
    const fits = counts.items <= limits.items && field.end - field.start <= limits.bytes;
    if (fits || field.tag !== TAG_TIMESERIES) packer.addRange(field, counts);
    else for (const part of cutSeries(field, limits)) packer.addCopy(part);
  }
  return packer.finish();
}

/** Two or more pieces of about half the items, or undefined for a request of one item. */
export function halveRequest(bytes: Uint8Array): RequestPiece[] | undefined {
  const { items } = countRequest(bytes);
  if (items < 2) return undefined;
  return splitRequest(bytes, { bytes: Number.POSITIVE_INFINITY, items: Math.ceil(items / 2) });
}

function emptyCounts(): MutableCounts {
  return { series: 0, samples: 0, exemplars: 0, items: 0 };
}

function addCounts(total: MutableCounts, more: RequestCounts): void {
  total.series += more.series;
  total.samples += more.samples;
  total.exemplars += more.exemplars;
  total.items += more.items;
}

/** A field of the request; every call gives a new value. */
function countField(field: Field): MutableCounts {
  const counts = emptyCounts();
  counts.items = 1;
  if (field.tag !== TAG_TIMESERIES) return counts;
  counts.series = 1;
  counts.items = 0;
  const part = createField(field.bytes, { start: field.contentStart, end: field.end });
  while (nextField(part)) if (part.tag !== TAG_SERIES_LABEL) countItem(counts, part.tag);
  // A series without items still needs a place somewhere.
  if (counts.items === 0) counts.items = 1;
  return counts;
}

function countItem(counts: MutableCounts, tag: number): void {
  counts.items++;
  if (tag === TAG_SERIES_SAMPLE) counts.samples++;
  if (tag === TAG_SERIES_EXEMPLAR) counts.exemplars++;
}

/** A series as several with the same labels, each with as many items as fit and at least one. */
function* cutSeries(series: Field, limits: SplitLimits): Generator<RequestPiece> {
  const { bytes } = series;
  const item = createField(bytes, { start: series.contentStart, end: series.end });
  let labels: Range = { start: series.contentStart, end: series.contentStart };
  let from = 0;
  let counts = emptyCounts();
  while (nextField(item)) {
    if (item.tag === TAG_SERIES_LABEL) {
      labels = { start: labels.start, end: item.end };
      continue;
    }
    // Ten bytes are kept for tag and length.
    const bytesWithItem = labels.end - labels.start + (item.end - from) + 10;
    if (counts.items > 0 && (counts.items === limits.items || bytesWithItem > limits.bytes)) {
      yield { bytes: joinSeries(bytes, labels, { start: from, end: item.start }), ...counts };
      counts = emptyCounts();
    }
    if (counts.items === 0) {
      from = item.start;
      counts.series = 1;
    }
    countItem(counts, item.tag);
  }
  if (counts.items > 0) yield { bytes: joinSeries(bytes, labels, { start: from, end: series.end }), ...counts };
  else yield { bytes: bytes.slice(series.start, series.end), series: 1, samples: 0, exemplars: 0, items: 1 };
}

function joinSeries(bytes: Uint8Array, labels: Range, items: Range): Uint8Array {
  const length = labels.end - labels.start + (items.end - items.start);
  const series = new Uint8Array(1 + varintBytes(length) + length);
  series[0] = TAG_TIMESERIES;
  const at = putVarint(series, 1, length);
  series.set(bytes.subarray(labels.start, labels.end), at);
  series.set(bytes.subarray(items.start, items.end), at + labels.end - labels.start);
  return series;
}

/** Collects parts into pieces. Neighbours in the request stay one part, so that an uncut stretch is copied at once. */
function createPacker(bytes: Uint8Array, limits: SplitLimits) {
  const pieces: RequestPiece[] = [];
  let parts: Uint8Array[] = [];
  let open: { start: number; end: number } | undefined;
  let size = 0;
  let counts = emptyCounts();
  const closeRange = () => {
    if (open !== undefined) parts.push(bytes.subarray(open.start, open.end));
    open = undefined;
  };
  const close = () => {
    closeRange();
    if (parts.length > 0) pieces.push({ bytes: Buffer.concat(parts, size), ...counts });
    parts = [];
    size = 0;
    counts = emptyCounts();
  };
  const makeRoom = (moreBytes: number, more: RequestCounts) => {
    if (size + moreBytes > limits.bytes || counts.items + more.items > limits.items) close();
    size += moreBytes;
    addCounts(counts, more);
  };
  return {
    addRange({ start, end }: Range, more: RequestCounts): void {
      makeRoom(end - start, more);
      if (open?.end !== start) closeRange();
      if (open === undefined) open = { start, end };
      else open.end = end;
    },
    addCopy(piece: RequestPiece): void {
      makeRoom(piece.bytes.length, piece);
      closeRange();
      parts.push(piece.bytes);
    },
    finish(): RequestPiece[] {
      close();
      return pieces;
    },
  };
}

/** A cursor over the fields of a message. After `nextField`: the field with its tag lies in [start, end), its content begins at `contentStart`. */
interface Field {
  readonly bytes: Uint8Array;
  readonly messageEnd: number;
  tag: number;
  start: number;
  contentStart: number;
  end: number;
}

function createField(bytes: Uint8Array, message: Range): Field {
  return { bytes, messageEnd: message.end, tag: 0, start: message.start, contentStart: message.start, end: message.start };
}

/** Moves on to the next field; false at the end of the message. */
function nextField(field: Field): boolean {
  if (field.end >= field.messageEnd) return false;
  field.start = field.end;
  field.contentStart = field.end;
  field.tag = readVarint(field);
  const wireType = field.tag & 7;
  const length = wireType === 2 ? readVarint(field) : wireType === 1 ? 8 : wireType === 5 ? 4 : wireType === 0 ? varintLength(field) : NaN;
  field.end = field.contentStart + length;
  if (!(field.end <= field.messageEnd)) throw damaged(field);
  return true;
}

function varintLength(field: Field): number {
  const { contentStart } = field;
  readVarint(field);
  const length = field.contentStart - contentStart;
  field.contentStart = contentStart;
  return length;
}

function readVarint(field: Field): number {
  const { bytes } = field;
  let value = 0;
  for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
    const byte = bytes[field.contentStart++];
    if (byte === undefined) break;
    if (byte < 0x80) return value + byte * factor;
    value += (byte & 0x7f) * factor;
  }
  throw damaged(field);
}

function damaged(field: Field): TributaryError {
  return new TributaryError('WRITE_REQUEST_DAMAGED', `write request of ${field.bytes.length} bytes does not parse at offset ${field.start}`);
}
