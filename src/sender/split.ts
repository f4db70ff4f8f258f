// Cutting a write request into smaller ones: after 413, to find the series a receiver refuses, and for an explicit
// `max_samples_per_send`. Works on the encoded bytes, so that nothing needs to be assembled again.
//
// An item is what counts against limits: one sample, exemplar or histogram of a series, or one metadata entry. In a series the
// labels stand before its items, as everything that builds bodies here writes them; a series cut in two repeats its labels.

import { createField, fieldsOf, nextField, type Field, type Range } from '../wire/fields.ts';
import { putVarint, TAG_SERIES_EXEMPLAR, TAG_SERIES_HISTOGRAM, TAG_SERIES_LABEL, TAG_SERIES_SAMPLE, TAG_TIMESERIES, varintBytes } from '../wire/write-request.ts';

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

type MutableCounts = { -readonly [K in keyof RequestCounts]: number };

/** What a write request holds. Fails with WRITE_REQUEST_DAMAGED when it does not parse. */
export function countRequest(bytes: Uint8Array): RequestCounts {
  const total = emptyCounts();
  const field = createField(bytes);
  while (nextField(field)) addCounts(total, countField(field));
  return total;
}

/** Cuts a request into pieces within the limits, in order. Each piece holds at least one item. */
export function splitRequest(bytes: Uint8Array, limits: SplitLimits): RequestPiece[] {
  const packer = createPacker(bytes, limits);
  const field = createField(bytes);
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

/**
 * Two or more pieces of about half the items that share no series, or undefined for a request of one series. One that is larger than the rest stands
 * alone.
 */
export function halveSeries(bytes: Uint8Array): RequestPiece[] | undefined {
  const { items, series } = countRequest(bytes);
  const metadata = createField(bytes);
  if (series < 2) return series === 0 && nextField(metadata) ? halveRequest(bytes) : undefined;
  const packer = createPacker(bytes, { bytes: Number.POSITIVE_INFINITY, items: Math.ceil(items / 2) });
  const field = createField(bytes);
  while (nextField(field)) packer.addRange(field, countField(field));
  return packer.finish();
}

/** A first piece within the limits and the rest, or undefined when everything is within them or a single item. Only one series is cut, the first. */
export function splitFirst(bytes: Uint8Array, limits: SplitLimits): [first: RequestPiece, rest: RequestPiece] | undefined {
  const field = createField(bytes);
  let items = 0;
  let end = 0;
  while (nextField(field)) {
    items += countField(field).items;
    if (items > limits.items || field.end > limits.bytes) break;
    ({ end } = field);
  }
  if (end === bytes.length) return undefined;
  if (end > 0) return [toPiece(bytes.slice(0, end)), toPiece(bytes.slice(end))];
  const [first] = field.tag === TAG_TIMESERIES ? cutSeries(field, limits) : [];
  const more = first === undefined ? undefined : withoutFirst(field, first.items);
  if (first === undefined || more === undefined) return field.end === bytes.length ? undefined : [toPiece(bytes.slice(0, field.end)), toPiece(bytes.slice(field.end))];
  return [toPiece(first.bytes), toPiece(Buffer.concat([more, bytes.subarray(field.end)]))];
}

function toPiece(bytes: Uint8Array): RequestPiece {
  return { bytes, ...countRequest(bytes) };
}

/** A series without its first items; undefined when nothing is left. */
function withoutFirst(series: Field, count: number): Uint8Array | undefined {
  const item = fieldsOf(series);
  let labelsEnd = series.contentStart;
  for (let seen = 0; nextField(item); ) {
    if (item.tag === TAG_SERIES_LABEL) labelsEnd = item.end;
    else if (seen++ === count) return joinSeries(series.bytes, { start: series.contentStart, end: labelsEnd }, { start: item.start, end: series.end });
  }
  return undefined;
}

/**
 * The last series apart: its first items, and in order what is before it and the rest of it. The last one of several items is preferred: where a receiver
 * takes the newest sample of a series again, a series of one item does not tell whether it was stored. Undefined when another part of the request, or `other`, has
 * the same series.
 */
export function splitLastSeries(bytes: Uint8Array, items: number, other: Uint8Array): { readonly first: RequestPiece; readonly rest: readonly RequestPiece[] } | undefined {
  const known = new Set<string>();
  for (const series of seriesKeys(other)) known.add(series.key);
  const all = [...seriesKeys(bytes)];
  const last = all.findLast((series) => series.items > 1) ?? all.at(-1);
  for (const series of all) if (series !== last) known.add(series.key);
  if (last === undefined || known.has(last.key)) return undefined;
  const own = bytes.slice(last.start, last.end);
  const [first, ...more] = splitFirst(own, { bytes: Number.POSITIVE_INFINITY, items }) ?? [toPiece(own)];
  const around = [bytes.slice(0, last.start), bytes.slice(last.end)].map((part) => (part.length === 0 ? [] : [toPiece(part)]));
  return { first, rest: [...around[0]!, ...more, ...around[1]!] };
}

/** The label bytes of each series, with its place and how many items it has. */
function* seriesKeys(bytes: Uint8Array): Generator<{ readonly key: string; readonly start: number; readonly end: number; readonly items: number }> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const field = createField(bytes);
  while (nextField(field)) {
    if (field.tag !== TAG_TIMESERIES) continue;
    let labelsEnd = field.contentStart;
    const part = fieldsOf(field);
    let items = 0;
    while (nextField(part)) {
      if (part.tag === TAG_SERIES_LABEL) labelsEnd = part.end;
      else items++;
    }
    yield { key: text.toString('latin1', field.contentStart, labelsEnd), start: field.start, end: field.end, items };
  }
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
  const part = fieldsOf(field);
  while (nextField(part)) if (part.tag !== TAG_SERIES_LABEL) countItem(counts, part.tag);
  // A series without items still needs a place somewhere.
  if (counts.items === 0) counts.items = 1;
  return counts;
}

function countItem(counts: MutableCounts, tag: number): void {
  counts.items++;
  // Accounts know histograms as samples.
  if (tag === TAG_SERIES_SAMPLE || tag === TAG_SERIES_HISTOGRAM) counts.samples++;
  if (tag === TAG_SERIES_EXEMPLAR) counts.exemplars++;
}

/** A series as several with the same labels, each with as many items as fit and at least one. */
function* cutSeries(series: Field, limits: SplitLimits): Generator<RequestPiece> {
  const { bytes } = series;
  const item = fieldsOf(series);
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
