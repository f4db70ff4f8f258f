// Samples that wait for their pod, as bytes: pieces of a write request, with what it takes to decide about them in another process. That stands in a series of its own, without
// samples and with one label that nothing but this file reads: [job, target labels, provenance, honor_labels, what the page told], as JSON. It holds for the series behind it, until
// another one comes: those of a target share it. See docs/formats/queue.md.

import type { LabelMap, Labels } from '../model/labels.ts';
import type { RawInput } from '../queue/queue.ts';
import type { TargetFacts } from '../route/route.ts';
import { createField, fieldsOf, int64Of, nextField } from '../wire/fields.ts';
import type { Field } from '../wire/fields.ts';
import { ByteWriter, decodeLabels, encodeLabels } from '../wire/labels.ts';
import { putSample, putVarint, sampleBytes, TAG_SERIES_HISTOGRAM, TAG_SERIES_LABEL, TAG_SERIES_SAMPLE, TAG_TIMESERIES, varintBytes } from '../wire/write-request.ts';

/** The only label of a series that tells of those behind it. */
const HELD_LABEL = '__tributary_held__';
const TAG_SAMPLE_VALUE = 0x09;
const TAG_SAMPLE_TIMESTAMP = 0x10;
const TAG_HISTOGRAM_TIMESTAMP = 0x78;

export interface HeldSample {
  /** Halves of the value. */
  readonly low: number;
  readonly high: number;
  readonly timestampMs: number;
}

export interface HeldHistogram {
  /** A Histogram message without its tag and length. */
  readonly bytes: Uint8Array;
  readonly timestampMs: number;
}

export interface HeldSeries {
  readonly labels: LabelMap;
  readonly facts: TargetFacts;
  /** As TargetRouter.pageNote. */
  readonly page: readonly string[];
  readonly samples: readonly HeldSample[];
  /** Native ones, of series that no page brings. */
  readonly histograms?: readonly HeldHistogram[];
}

/** What a record has of a series. */
export type HeldItems = Pick<HeldSeries, 'labels' | 'samples' | 'histograms'>;

type Facts = readonly [job: string, labels: Labels, provenance: readonly (readonly [string, string])[], honorLabels: boolean, page: readonly string[]];

// One record at a time is under construction.
const encoded = new ByteWriter(4096);
const body = new ByteWriter(64 * 1024);

/** A record with these series, none of which is without samples. */
export function encodeHeld(series: readonly HeldSeries[]): RawInput {
  const pieces: HeldItems[] = [];
  let last: HeldSeries | undefined;
  for (const one of series) {
    if (last === undefined || !isToldAlike(last, one)) pieces.push({ labels: new Map([[HELD_LABEL, tell(one)]]), samples: [] });
    pieces.push(one);
    last = one;
  }
  return pieceOf(pieces);
}

function isToldAlike(a: HeldSeries, b: HeldSeries): boolean {
  return a.facts === b.facts && a.page.join('\u0000') === b.page.join('\u0000');
}

function tell({ facts, page }: HeldSeries): string {
  const told: Facts = [facts.job, facts.labels, [...facts.provenance], facts.honorLabels, page];
  return JSON.stringify(told);
}

/** A record of series with their samples: ready pieces of a write request. */
export function pieceOf(series: readonly HeldItems[]): RawInput {
  let count = 0;
  let oldestMs = Infinity;
  let newestMs = -Infinity;
  body.length = 0;
  for (const one of series) {
    putSeries(one);
    for (const { timestampMs } of [...one.samples, ...(one.histograms ?? [])]) {
      count++;
      oldestMs = Math.min(oldestMs, timestampMs);
      newestMs = Math.max(newestMs, timestampMs);
    }
  }
  return { type: 'raw', samples: count, oldestMs, newestMs, body: Buffer.from(body.bytes.subarray(0, body.length)) };
}

function putSeries({ labels, samples, histograms = [] }: HeldItems): void {
  encoded.length = 0;
  encodeLabels(labels, encoded);
  let content = encoded.length;
  for (const sample of samples) content += fieldBytes(sampleBytes(sample, sample.timestampMs));
  for (const histogram of histograms) content += fieldBytes(histogram.bytes.length);
  body.reserve(fieldBytes(content));
  const { bytes } = body;
  bytes[body.length] = TAG_TIMESERIES;
  let at = putVarint(bytes, body.length + 1, content);
  encoded.bytes.copy(bytes, at, 0, encoded.length);
  at += encoded.length;
  for (const sample of samples) {
    bytes[at] = TAG_SERIES_SAMPLE;
    at = putSample(bytes, putVarint(bytes, at + 1, sampleBytes(sample, sample.timestampMs)), sample, sample.timestampMs);
  }
  for (const histogram of histograms) {
    bytes[at] = TAG_SERIES_HISTOGRAM;
    at = putVarint(bytes, at + 1, histogram.bytes.length);
    bytes.set(histogram.bytes, at);
    at += histogram.bytes.length;
  }
  body.length = at;
}

/** Of a field with a content of so many bytes. */
function fieldBytes(content: number): number {
  return 1 + varintBytes(content) + content;
}

/** The series of a record that `encodeHeld` made. Fails with WRITE_REQUEST_DAMAGED or SyntaxError for other bytes: records have checksums. */
export function decodeHeld(bytes: Uint8Array): HeldSeries[] {
  const found: HeldSeries[] = [];
  const field = createField(bytes);
  let told: Pick<HeldSeries, 'facts' | 'page'> | undefined;
  while (nextField(field)) {
    if (field.tag !== TAG_TIMESERIES) continue;
    const items = decodeSeries(field);
    const { labels } = items;
    // A page may tell a label of that name; it cannot tell a series of no other label.
    const text = labels.size === 1 ? labels.get(HELD_LABEL) : undefined;
    if (text !== undefined) told = hear(text);
    else if (told !== undefined) found.push({ ...items, ...told });
  }
  return found;
}

function hear(text: string): Pick<HeldSeries, 'facts' | 'page'> {
  const [job, labels, provenance, honorLabels, page] = JSON.parse(text) as Facts;
  return { facts: { job, labels, provenance: new Map(provenance), honorLabels }, page };
}

function decodeSeries(field: Field): HeldItems {
  const labels: LabelMap = new Map();
  const samples: HeldSample[] = [];
  const histograms: HeldHistogram[] = [];
  for (const part = fieldsOf(field); nextField(part); ) {
    if (part.tag === TAG_SERIES_LABEL) for (const [name, value] of decodeLabels(part.bytes.subarray(part.start, part.end))) labels.set(name, value);
    else if (part.tag === TAG_SERIES_SAMPLE) samples.push(decodeSample(fieldsOf(part)));
    else if (part.tag === TAG_SERIES_HISTOGRAM) histograms.push({ bytes: part.bytes.subarray(part.contentStart, part.end), timestampMs: histogramTime(fieldsOf(part)) });
  }
  return { labels, samples, ...(histograms.length > 0 && { histograms }) };
}

function histogramTime(field: Field): number {
  let timestampMs = 0;
  while (nextField(field)) if (field.tag === TAG_HISTOGRAM_TIMESTAMP) timestampMs = int64Of(field);
  return timestampMs;
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
