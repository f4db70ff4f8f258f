// The oracle for remote write 2.0 bodies: protobufjs with the messages of prometheus/prompb/io/prometheus/write/v2, for tests only. What the
// specification demands of a sender is checked on the way: the symbols table, references in range, samples or histograms in every series.
// Created timestamps are read from both places that versions of the message have had.

import protobuf from 'protobufjs';
import type { PlainExemplar, PlainRequest, PlainSample, PlainSeries } from './write-request.ts';

const SCHEMA = `
syntax = "proto3";
message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
message TimeSeries {
  repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3; repeated Exemplar exemplars = 4;
  Metadata metadata = 5; int64 created_timestamp = 6;
}
message Sample { fixed64 value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
message Exemplar { repeated uint32 labels_refs = 1; fixed64 value = 2; int64 timestamp = 3; }
message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
message Histogram { uint64 count_int = 1; double count_float = 2; double sum = 3; sint32 schema = 4; int64 timestamp = 15; }
`;

const Request = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType('Request');

export interface PlainSeries2 extends PlainSeries {
  /** Undefined when the series came without it. `type` as in remote write 1.0. */
  readonly metadata: { readonly type: number; readonly help: string; readonly unit: string } | undefined;
  /** Of the last sample that has one, milliseconds; undefined when none has. */
  readonly createdMs: number | undefined;
  /** Of each sample, 0 = none. */
  readonly startsMs: readonly number[];
  readonly histograms: readonly { readonly timestampMs: number; readonly count: string; readonly sum: number; readonly schema: number }[];
}

export interface PlainRequest2 extends PlainRequest {
  readonly series: readonly PlainSeries2[];
  readonly symbols: readonly string[];
}

/** Decodes a body; throws when it is no request or breaks a rule of the specification. */
export function decodeWriteRequest2(bytes: Uint8Array): PlainRequest2 {
  const plain = Request.toObject(Request.decode(bytes), { longs: String, arrays: true, defaults: true }) as WireRequest2;
  const { symbols } = plain;
  if (bytes.length > 0 && symbols[0] !== '') throw new Error(`symbols begin with ${JSON.stringify(symbols[0])}, expected an empty string`);
  if (new Set(symbols).size < symbols.length) throw new Error('symbols hold a string twice');
  return { symbols, series: plain.timeseries.map((series) => toSeries(series, symbols)), metadata: [] };
}

/** Encodes a request that is given in the words of the schema, 64-bit numbers as text. */
export function encodeWriteRequest2(request: object): Uint8Array {
  return Request.encode(Request.fromObject(request)).finish();
}

interface WireSample2 {
  readonly value: string;
  readonly timestamp: string;
  readonly start_timestamp?: string;
}

interface WireRequest2 {
  readonly symbols: readonly string[];
  readonly timeseries: readonly WireSeries2[];
}

interface WireSeries2 {
  readonly labels_refs: readonly number[];
  readonly samples: readonly WireSample2[];
  readonly histograms: readonly { readonly timestamp: string; readonly count_int: string; readonly sum: number; readonly schema: number }[];
  readonly exemplars: readonly (WireSample2 & { readonly labels_refs: readonly number[] })[];
  readonly metadata: { readonly type: number; readonly help_ref: number; readonly unit_ref: number } | null;
  readonly created_timestamp: string;
}

function toSeries(series: WireSeries2, symbols: readonly string[]): PlainSeries2 {
  const labels = toLabels(series.labels_refs, symbols);
  const { samples, histograms, metadata } = series;
  if ((samples.length > 0) === (histograms.length > 0)) {
    throw new Error(`series ${JSON.stringify(labels)} holds ${samples.length} samples and ${histograms.length} histograms, expected one kind`);
  }
  const startsMs = samples.map((sample) => Number(sample.start_timestamp ?? 0));
  const createdMs = startsMs.findLast((ms) => ms !== 0) ?? Number(series.created_timestamp);
  return {
    labels,
    samples: samples.map(toSample),
    histograms: histograms.map(({ timestamp, count_int: count, sum, schema }) => ({ timestampMs: Number(timestamp), count, sum, schema })),
    exemplars: series.exemplars.map((exemplar): PlainExemplar => ({ labels: toLabels(exemplar.labels_refs, symbols), ...toSample(exemplar) })),
    metadata: metadata === null ? undefined : { type: metadata.type, help: symbol(symbols, metadata.help_ref), unit: symbol(symbols, metadata.unit_ref) },
    createdMs: createdMs === 0 ? undefined : createdMs,
    startsMs,
  };
}

function toLabels(refs: readonly number[], symbols: readonly string[]): [string, string][] {
  if (refs.length % 2 !== 0) throw new Error(`${refs.length} label references, expected pairs`);
  return Array.from({ length: refs.length / 2 }, (_, i) => [symbol(symbols, refs[2 * i]!), symbol(symbols, refs[2 * i + 1]!)]);
}

function symbol(symbols: readonly string[], ref: number): string {
  const found = symbols[ref];
  if (found === undefined) throw new Error(`reference ${ref} is beyond the ${symbols.length} symbols`);
  return found;
}

function toSample(sample: WireSample2): PlainSample {
  return { value: BigInt(sample.value).toString(16).padStart(16, '0'), timestampMs: Number(sample.timestamp) };
}
