// The pieces of prometheus.WriteRequest (remote write 1.0), encoded by hand. Source: prometheus/prompb/types.proto and remote.proto:
//
//     WriteRequest   { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3 }
//     TimeSeries     { repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; histograms = 4 }
//     Label          { string name = 1; string value = 2 }
//     Sample         { double value = 1; int64 timestamp = 2 }
//     Exemplar       { repeated Label labels = 1; double value = 2; int64 timestamp = 3 }
//     MetricMetadata { MetricType type = 1; string metric_family_name = 2; string help = 4; string unit = 5 }
//
// As proto3 says, a field with its default value is left out (a value of -0 is not the default). A `put` function writes at an
// offset into bytes that are large enough and returns the offset behind; a `...Bytes` function gives the size beforehand.

import type { LabelPair } from '../model/labels.ts';
import { NAN_HIGH, NAN_LOW } from '../model/sample.ts';
import type { MetricType } from '../exposition/sink.ts';

/** Tags: field number times 8, plus wire type (0 varint, 1 eight bytes, 2 length-delimited). */
export const TAG_TIMESERIES = 0x0a;
export const TAG_METADATA = 0x1a;
export const TAG_SERIES_LABEL = 0x0a;
export const TAG_SERIES_SAMPLE = 0x12;
export const TAG_SERIES_EXEMPLAR = 0x1a;
export const TAG_SERIES_HISTOGRAM = 0x22;

const TAG_LABEL_NAME = 0x0a;
const TAG_LABEL_VALUE = 0x12;
const TAG_SAMPLE_VALUE = 0x09;
const TAG_SAMPLE_TIMESTAMP = 0x10;
const TAG_EXEMPLAR_LABEL = 0x0a;
const TAG_EXEMPLAR_VALUE = 0x11;
const TAG_EXEMPLAR_TIMESTAMP = 0x18;
const TAG_METADATA_TYPE = 0x08;
const TAG_METADATA_FAMILY = 0x12;
const TAG_METADATA_HELP = 0x22;
const TAG_METADATA_UNIT = 0x2a;

/** MetricMetadata.MetricType. */
export const METADATA_TYPE: Readonly<Record<MetricType, number>> = {
  unknown: 0, counter: 1, gauge: 2, histogram: 3, gaugehistogram: 4, summary: 5, info: 6, stateset: 7,
};

/** A double as its two 32-bit halves, so that the payload of a NaN survives. */
export interface DoubleBits {
  readonly high: number;
  readonly low: number;
}

export interface WireExemplar {
  readonly labels: Iterable<LabelPair>;
  readonly value: number;
  readonly timestampMs: number;
}

export interface WireMetadata {
  readonly family: string;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

/** Bytes of a non-negative integer up to 2^53. */
export function varintBytes(value: number): number {
  // Lengths are nearly always small.
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  let bytes = 3;
  for (let above = value / 0x200000; above >= 1; above /= 128) bytes++;
  return bytes;
}

/** Writes a non-negative integer up to 2^53. */
export function putVarint(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  // Above 31 bits the shift operators would cut; below they are quicker than a division.
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

/** Bytes of an int64: negative numbers always take ten. */
export function int64Bytes(value: number): number {
  return value < 0 ? 10 : varintBytes(value);
}

/** Writes an int64 given as a whole number within 2^53. */
export function putInt64(bytes: Uint8Array, offset: number, value: number): number {
  if (value >= 0) return putVarint(bytes, offset, value);
  let at = offset;
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes[at++] = Number(rest & 0x7fn) | 0x80;
  bytes[at++] = Number(rest);
  return at;
}

const double = new DataView(new ArrayBuffer(8));

/** The bits of a number. Any NaN gives the ordinary NaN of Prometheus; the staleness marker never travels as a number. */
export function doubleBits(value: number): DoubleBits {
  if (Number.isNaN(value)) return { high: NAN_HIGH, low: NAN_LOW };
  double.setFloat64(0, value);
  return { high: double.getUint32(0), low: double.getUint32(4) };
}

function putDouble(bytes: Uint8Array, offset: number, bits: DoubleBits): number {
  for (let i = 0; i < 4; i++) {
    bytes[offset + i] = bits.low >>> (8 * i);
    bytes[offset + 4 + i] = bits.high >>> (8 * i);
  }
  return offset + 8;
}

function isZero(bits: DoubleBits): boolean {
  return bits.high === 0 && bits.low === 0;
}

/** Bytes of a Sample message without its tag and length. */
export function sampleBytes(bits: DoubleBits, timestampMs: number): number {
  return (isZero(bits) ? 0 : 9) + (timestampMs === 0 ? 0 : 1 + int64Bytes(timestampMs));
}

/** Writes a Sample message without its tag and length. */
export function putSample(bytes: Uint8Array, offset: number, bits: DoubleBits, timestampMs: number): number {
  let at = offset;
  if (!isZero(bits)) {
    bytes[at++] = TAG_SAMPLE_VALUE;
    at = putDouble(bytes, at, bits);
  }
  if (timestampMs === 0) return at;
  bytes[at++] = TAG_SAMPLE_TIMESTAMP;
  return putInt64(bytes, at, timestampMs);
}

/** Encodes labels as repeated field 1, which is how TimeSeries and Exemplar both hold them. */
export function encodeLabels(labels: Iterable<LabelPair>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, value] of labels) {
    parts.push(field(TAG_EXEMPLAR_LABEL, concat([text(TAG_LABEL_NAME, name), text(TAG_LABEL_VALUE, value)])));
  }
  return concat(parts);
}

/** The beginning of a TimeSeries in a WriteRequest: tag, length of everything in it, labels. `contentBytes` counts what follows the labels. */
export function encodeSeriesHeader(encodedLabels: Uint8Array, contentBytes: number): Uint8Array {
  const length = encodedLabels.length + contentBytes;
  const header = new Uint8Array(1 + varintBytes(length) + encodedLabels.length);
  header[0] = TAG_TIMESERIES;
  header.set(encodedLabels, putVarint(header, 1, length));
  return header;
}

export function encodeExemplar(exemplar: WireExemplar): Uint8Array {
  const bits = doubleBits(exemplar.value);
  const { timestampMs } = exemplar;
  const rest = new Uint8Array((isZero(bits) ? 0 : 9) + (timestampMs === 0 ? 0 : 1 + int64Bytes(timestampMs)));
  let at = 0;
  if (!isZero(bits)) {
    rest[at++] = TAG_EXEMPLAR_VALUE;
    at = putDouble(rest, at, bits);
  }
  if (timestampMs !== 0) {
    rest[at++] = TAG_EXEMPLAR_TIMESTAMP;
    putInt64(rest, at, timestampMs);
  }
  return concat([encodeLabels(exemplar.labels), rest]);
}

/**
 * One series with exemplars and no samples, as a repeated `timeseries` field of a WriteRequest: the payload of a raw queue record.
 * `labels` is the complete label set, sorted by name.
 */
export function encodeExemplarSeries(labels: Iterable<LabelPair>, exemplars: Iterable<WireExemplar>): Uint8Array {
  const content = concat([...exemplars].map((exemplar) => field(TAG_SERIES_EXEMPLAR, encodeExemplar(exemplar))));
  return concat([encodeSeriesHeader(encodeLabels(labels), content.length), content]);
}

/** A whole WriteRequest that holds only metadata. */
export function encodeMetadataRequest(entries: Iterable<WireMetadata>): Uint8Array {
  return concat([...entries].map((entry) => field(TAG_METADATA, encodeMetadata(entry))));
}

function encodeMetadata(entry: WireMetadata): Uint8Array {
  const type = METADATA_TYPE[entry.type];
  return concat([
    type === 0 ? new Uint8Array(0) : Uint8Array.of(TAG_METADATA_TYPE, type),
    text(TAG_METADATA_FAMILY, entry.family),
    text(TAG_METADATA_HELP, entry.help),
    text(TAG_METADATA_UNIT, entry.unit),
  ]);
}

const encoder = new TextEncoder();

function text(tag: number, value: string): Uint8Array {
  return value === '' ? new Uint8Array(0) : field(tag, encoder.encode(value));
}

function field(tag: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + varintBytes(content.length) + content.length);
  bytes[0] = tag;
  bytes.set(content, putVarint(bytes, 1, content.length));
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
