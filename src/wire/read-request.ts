// Reads a whole write request that somebody pushed, 1.0 or 2.0, into values. Source of the messages: write-request.ts and write-request-2.ts. Fails with
// WRITE_REQUEST_DAMAGED where the bytes are no such message, and with WRITE_REQUEST_TOO_LARGE where they say more than one request may; what is wrong with one series
// alone is told with that series.
//
// Few bytes can say much: an empty series takes two of them, a reference to a long text one. So what is read is counted while it is read. A field that may stand once
// can be repeated millions of times, and the last one holds: such fields are decoded when their message is over.
//
// Values of samples are kept as bits, so that the staleness marker survives. A histogram is the same message in both versions and stays bytes.

import { isUtf8 } from 'node:buffer';
import type { MetricType } from '../exposition/sink.ts';
import { TributaryError } from '../model/error.ts';
import type { LabelPair } from '../model/labels.ts';
import { STALE_HIGH, STALE_LOW } from '../model/sample.ts';
import { contentOf, createField, fieldsOf, int64Of, nextField, type Content, type Field } from './fields.ts';
import { METADATA_TYPE, type WireExemplar, type WireMetadata } from './write-request.ts';

export interface PushedSample {
  /** Halves of the double. */
  readonly low: number;
  readonly high: number;
  readonly timestampMs: number;
}

export interface PushedHistogram {
  /** A Histogram message without its tag and length; a view. */
  readonly bytes: Uint8Array;
  readonly timestampMs: number;
  /** Its sum is the staleness marker. */
  readonly isMarker: boolean;
}

export interface PushedExemplar extends WireExemplar {
  readonly labels: readonly LabelPair[];
  /** As of a series. */
  readonly problem: string | undefined;
}

export interface PushedSeries {
  /** As they came: in any order, perhaps twice. */
  readonly labels: readonly LabelPair[];
  readonly samples: readonly PushedSample[];
  readonly exemplars: readonly PushedExemplar[];
  readonly histograms: readonly PushedHistogram[];
  /** Of 2.0. */
  readonly metadata: Omit<WireMetadata, 'family'> | undefined;
  /** Why it cannot be taken, undefined for a good one. */
  readonly problem: string | undefined;
}

export interface PushedRequest {
  readonly series: readonly PushedSeries[];
  /** Of 1.0, where it has messages of its own. */
  readonly metadata: readonly WireMetadata[];
}

/** Field numbers of a series in one of the two messages. */
interface Shape {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

const shape1: Shape = { samples: 2, exemplars: 3, histograms: 4 };
const shape2: Shape = { samples: 2, histograms: 3, exemplars: 4 };
const HISTOGRAM_SUM = 3;
const HISTOGRAM_TIMESTAMP = 15;

const typeByNumber = Object.fromEntries(Object.entries(METADATA_TYPE).map(([type, number]) => [number, type])) as Record<number, MetricType>;

/** Series of one request: two seconds of work for whoever reads them, in which nothing else is done. Senders send some 10,000 at most. */
const SERIES_MAX = 100_000;
/** Series, labels, symbols and items of one: some 200 MB when they are read. A request of 8 MiB with usual labels has half of that. */
const PARTS_MAX = 1_000_000;
/** Labels of the series of a 2.0 request together when they are written out, characters: what a request of 1.0 can say at most. */
const TEXT_MAX = 32 * 1024 ** 2;

// Of the request that is read: one at a time.
let parts = 0;
let text = 0;

export function readRequest(bytes: Uint8Array, message: '1.0' | '2.0'): PushedRequest {
  parts = 0;
  text = 0;
  return message === '1.0' ? readRequest1(bytes) : readRequest2(bytes);
}

function countPart(): void {
  if (++parts > PARTS_MAX) throw new TributaryError('WRITE_REQUEST_TOO_LARGE', `a write request of more than ${PARTS_MAX} series, labels and samples`);
}

function countText(characters: number): void {
  text += characters;
  if (text > TEXT_MAX) throw new TributaryError('WRITE_REQUEST_TOO_LARGE', `a write request whose series have labels of more than ${TEXT_MAX} characters`);
}

function readRequest1(bytes: Uint8Array): PushedRequest {
  const series: PushedSeries[] = [];
  const metadata: WireMetadata[] = [];
  const field = createField(bytes);
  while (nextField(field)) {
    if (field.tag === tagOf(1)) addSeries(series, readSeries(field, shape1, undefined));
    else if (field.tag === tagOf(3)) put(metadata, readMetadata1(fieldsOf(field)));
  }
  return { series, metadata };
}

/** The table of strings may stand behind the series that refer to it. */
function readRequest2(bytes: Uint8Array): PushedRequest {
  const symbols: string[] = [];
  const table = createField(bytes);
  while (nextField(table)) if (table.tag === tagOf(4)) put(symbols, textOf(table));
  const series: PushedSeries[] = [];
  const field = createField(bytes);
  while (nextField(field)) if (field.tag === tagOf(5)) addSeries(series, readSeries(field, shape2, symbols));
  return { series, metadata: [] };
}

function put<T>(list: T[], item: T): T[] {
  countPart();
  list.push(item);
  return list;
}

function addSeries(list: PushedSeries[], one: PushedSeries): void {
  if (put(list, one).length > SERIES_MAX) throw new TributaryError('WRITE_REQUEST_TOO_LARGE', `a write request of more than ${SERIES_MAX} series`);
}

/** Most series have no exemplars, and no histograms. */
const none: readonly never[] = [];

/** `symbols`: of a 2.0 request. */
function readSeries(field: Field, shape: Shape, symbols: readonly string[] | undefined): PushedSeries {
  let labels: LabelPair[] | undefined;
  let samples: PushedSample[] | undefined;
  let exemplars: PushedExemplar[] | undefined;
  let histograms: PushedHistogram[] | undefined;
  let refs: number[] | undefined;
  let metadata: Content | undefined;
  const part = fieldsOf(field);
  while (nextField(part)) {
    if (symbols !== undefined && isRefs(part.tag)) takeRefs(part, (refs ??= []));
    else if (part.tag === tagOf(1)) labels = put(labels ?? [], readLabel(fieldsOf(part)));
    else if (part.tag === tagOf(shape.samples)) samples = put(samples ?? [], readSample(fieldsOf(part)));
    else if (part.tag === tagOf(shape.exemplars)) exemplars = put(exemplars ?? [], readExemplar(fieldsOf(part), symbols));
    else if (part.tag === tagOf(shape.histograms)) histograms = put(histograms ?? [], readHistogram(part));
    else if (part.tag === tagOf(5) && symbols !== undefined) metadata = contentOf(part);
  }
  let problem: string | undefined;
  if (symbols !== undefined) problem = resolveRefs(refs ?? none, symbols, (labels = []));
  return {
    labels: labels ?? none, samples: samples ?? none, exemplars: exemplars ?? none, histograms: histograms ?? none, problem,
    metadata: metadata === undefined ? undefined : readMetadata2(fieldsOf(metadata), symbols ?? none),
  };
}

/** A field of messages or strings. */
function tagOf(number: number): number {
  return number * 8 + 2;
}

/** Numbers may be packed or not. */
function isRefs(tag: number): boolean {
  return tag === tagOf(1) || tag === 0x08;
}

function takeRefs(part: Field, refs: number[]): void {
  if (part.tag === 0x08) return takeRef(refs, int64Of(part));
  for (let at = part.contentStart; at < part.end; ) {
    let value = 0;
    for (let factor = 1; at < part.end; factor *= 128) {
      const byte = part.bytes[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    takeRef(refs, value);
  }
}

/** Two are a label. */
function takeRef(refs: number[], value: number): void {
  if (refs.push(value) % 2 === 0) countPart();
}

/** What is wrong with the references, if anything. */
function resolveRefs(refs: readonly number[], symbols: readonly string[], labels: LabelPair[]): string | undefined {
  if (refs.length % 2 === 1) return `${refs.length} label references are no pairs`;
  for (let i = 0; i < refs.length; i += 2) {
    const name = symbols[refs[i]!];
    const value = symbols[refs[i + 1]!];
    if (name === undefined || value === undefined) return `a label refers to symbols ${refs[i]} and ${refs[i + 1]} of ${symbols.length}`;
    countText(name.length + value.length);
    labels.push([name, value]);
  }
  return undefined;
}

function readLabel(part: Field): LabelPair {
  // Numbers instead of `Content`: there are more labels than anything else.
  let nameStart = 0;
  let nameEnd = 0;
  let valueStart = 0;
  let valueEnd = 0;
  while (nextField(part)) {
    if (part.tag === tagOf(1)) {
      nameStart = part.contentStart;
      nameEnd = part.end;
    } else if (part.tag === tagOf(2)) {
      valueStart = part.contentStart;
      valueEnd = part.end;
    }
  }
  return [textAt(part.bytes, nameStart, nameEnd), textAt(part.bytes, valueStart, valueEnd)];
}

function readSample(part: Field): PushedSample {
  let low = 0;
  let high = 0;
  let timestamp: Content | undefined;
  while (nextField(part)) {
    if (part.tag === 0x09) {
      low = wordAt(part.bytes, part.contentStart);
      high = wordAt(part.bytes, part.contentStart + 4);
    } else if (part.tag === 0x10) timestamp = contentOf(part);
  }
  return { low, high, timestampMs: numberOf(timestamp) };
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

const double = new DataView(new ArrayBuffer(8));

function readExemplar(part: Field, symbols: readonly string[] | undefined): PushedExemplar {
  const labels: LabelPair[] = [];
  const refs: number[] = [];
  let value = 0;
  let timestamp: Content | undefined;
  while (nextField(part)) {
    if (symbols !== undefined && isRefs(part.tag)) takeRefs(part, refs);
    else if (part.tag === tagOf(1)) put(labels, readLabel(fieldsOf(part)));
    else if (part.tag === 0x11) {
      double.setUint32(0, wordAt(part.bytes, part.contentStart), true);
      double.setUint32(4, wordAt(part.bytes, part.contentStart + 4), true);
      value = double.getFloat64(0, true);
    } else if (part.tag === 0x18) timestamp = contentOf(part);
  }
  const problem = symbols === undefined ? undefined : resolveRefs(refs, symbols, labels);
  return { labels, value, timestampMs: numberOf(timestamp), problem };
}

function readHistogram(field: Field): PushedHistogram {
  let timestamp: Content | undefined;
  let isMarker = false;
  const part = fieldsOf(field);
  while (nextField(part)) {
    if (part.tag === HISTOGRAM_TIMESTAMP * 8) timestamp = contentOf(part);
    else if (part.tag === HISTOGRAM_SUM * 8 + 1) isMarker = wordAt(part.bytes, part.contentStart) === STALE_LOW && wordAt(part.bytes, part.contentStart + 4) === STALE_HIGH;
  }
  return { bytes: field.bytes.subarray(field.contentStart, field.end), timestampMs: numberOf(timestamp), isMarker };
}

function readMetadata1(part: Field): WireMetadata {
  let type: Content | undefined;
  let family: Content | undefined;
  let help: Content | undefined;
  let unit: Content | undefined;
  while (nextField(part)) {
    if (part.tag === 0x08) type = contentOf(part);
    else if (part.tag === tagOf(2)) family = contentOf(part);
    else if (part.tag === tagOf(4)) help = contentOf(part);
    else if (part.tag === tagOf(5)) unit = contentOf(part);
  }
  return { family: textOf(family), type: typeByNumber[numberOf(type)] ?? 'unknown', help: textOf(help), unit: textOf(unit) };
}

function readMetadata2(part: Field, symbols: readonly string[]): PushedSeries['metadata'] {
  let type: Content | undefined;
  let help: Content | undefined;
  let unit: Content | undefined;
  while (nextField(part)) {
    if (part.tag === 0x08) type = contentOf(part);
    else if (part.tag === 0x18) help = contentOf(part);
    else if (part.tag === 0x20) unit = contentOf(part);
  }
  return { type: typeByNumber[numberOf(type)] ?? 'unknown', help: symbols[numberOf(help)] ?? '', unit: symbols[numberOf(unit)] ?? '' };
}

/** A field that is not there says 0. */
function numberOf(content: Content | undefined): number {
  return content === undefined ? 0 : int64Of(content);
}

/** A field that is not there is empty. */
function textOf(content: Content | undefined): string {
  return content === undefined ? '' : textAt(content.bytes, content.contentStart, content.end);
}

/** What is no UTF-8 comes as text that is not well formed, which no name may be and no storage could keep. */
function textAt(bytes: Uint8Array, start: number, end: number): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const text = view.toString('utf8');
  return text.includes('\ufffd') && !isUtf8(view) ? '\ud800' : text;
}
