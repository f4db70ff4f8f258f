// Samples that wait for their pod, as bytes: pieces of a write request, each series with what it takes to decide about it in another process. That stands in one more
// label, which nothing but this file reads: [job, target labels, provenance, honor_labels, what the page told], as JSON. See docs/formats/queue.md.

import type { LabelMap, Labels } from '../model/labels.ts';
import type { RawInput } from '../queue/queue.ts';
import type { TargetFacts } from '../route/route.ts';
import { createField, fieldsOf, int64Of, nextField } from '../wire/fields.ts';
import type { Field } from '../wire/fields.ts';
import { ByteWriter, decodeLabels, encodeLabels } from '../wire/labels.ts';
import { encodeSeriesHeader, putSample, putVarint, sampleBytes, TAG_SERIES_LABEL, TAG_SERIES_SAMPLE, TAG_TIMESERIES, varintBytes } from '../wire/write-request.ts';

/** The label that holds the rest. No page has it: names that begin with `__` come from rules, and this one means nothing to them. */
const HELD_LABEL = '__tributary_held__';
const TAG_SAMPLE_VALUE = 0x09;
const TAG_SAMPLE_TIMESTAMP = 0x10;

export interface HeldSample {
  /** Halves of the value. */
  readonly low: number;
  readonly high: number;
  readonly timestampMs: number;
}

export interface HeldSeries {
  readonly labels: LabelMap;
  readonly facts: TargetFacts;
  /** As TargetRouter.pageNote. */
  readonly page: readonly string[];
  readonly samples: readonly HeldSample[];
}

type Facts = readonly [job: string, labels: Labels, provenance: readonly (readonly [string, string])[], honorLabels: boolean, page: readonly string[]];

const scratch = new ByteWriter(4096);

/** A record with these series, none of which is without samples. */
export function encodeHeld(series: readonly HeldSeries[]): RawInput {
  return pieceOf(series.map(({ labels, facts, page, samples }) => {
    const told: Facts = [facts.job, facts.labels, [...facts.provenance], facts.honorLabels, page];
    return { labels: new Map([...labels, [HELD_LABEL, JSON.stringify(told)]]), samples };
  }));
}

/** A record of series with their samples: ready pieces of a write request. */
export function pieceOf(series: readonly { readonly labels: LabelMap; readonly samples: readonly HeldSample[] }[]): RawInput {
  const all = series.flatMap(({ samples }) => samples.map(({ timestampMs }) => timestampMs));
  const pieces = series.flatMap(({ labels, samples }) => encodeSeries(labels, samples));
  return { type: 'raw', samples: all.length, oldestMs: minOf(all), newestMs: -minOf(all.map((ms) => -ms)), body: Buffer.concat(pieces) };
}

function minOf(numbers: readonly number[]): number {
  return numbers.reduce((least, one) => Math.min(least, one), Infinity);
}

function encodeSeries(labels: LabelMap, samples: readonly HeldSample[]): Uint8Array[] {
  scratch.length = 0;
  encodeLabels(labels, scratch);
  const encoded = Buffer.from(scratch.bytes.subarray(0, scratch.length));
  const content = Buffer.concat(samples.map(encodeSample));
  return [encodeSeriesHeader(encoded, content.length), content];
}

function encodeSample({ low, high, timestampMs }: HeldSample): Uint8Array {
  const length = sampleBytes({ low, high }, timestampMs);
  const bytes = new Uint8Array(1 + varintBytes(length) + length);
  bytes[0] = TAG_SERIES_SAMPLE;
  putSample(bytes, putVarint(bytes, 1, length), { low, high }, timestampMs);
  return bytes;
}

/** The series of a record that `encodeHeld` made. Fails with WRITE_REQUEST_DAMAGED or SyntaxError for other bytes: records have checksums. */
export function decodeHeld(body: Uint8Array): HeldSeries[] {
  const found: HeldSeries[] = [];
  const field = createField(body);
  while (nextField(field)) if (field.tag === TAG_TIMESERIES) found.push(decodeSeries(field));
  return found;
}

function decodeSeries(field: Field): HeldSeries {
  const labels: LabelMap = new Map();
  const samples: HeldSample[] = [];
  for (const part = fieldsOf(field); nextField(part); ) {
    if (part.tag === TAG_SERIES_LABEL) for (const [name, value] of decodeLabels(part.bytes.subarray(part.start, part.end))) labels.set(name, value);
    else if (part.tag === TAG_SERIES_SAMPLE) samples.push(decodeSample(fieldsOf(part)));
  }
  const [job, targetLabels, provenance, honorLabels, page] = JSON.parse(labels.get(HELD_LABEL) ?? '') as Facts;
  labels.delete(HELD_LABEL);
  return { labels, facts: { job, labels: targetLabels, provenance: new Map(provenance), honorLabels }, page, samples };
}

function decodeSample(field: Field): HeldSample {
  let [low, high, timestampMs] = [0, 0, 0];
  while (nextField(field)) {
    if (field.tag === TAG_SAMPLE_TIMESTAMP) timestampMs = int64Of(field);
    if (field.tag !== TAG_SAMPLE_VALUE) continue;
    const view = new DataView(field.bytes.buffer, field.bytes.byteOffset + field.contentStart, 8);
    low = view.getUint32(0, true);
    high = view.getUint32(4, true);
  }
  return { low, high, timestampMs };
}
