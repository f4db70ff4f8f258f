// Queued samples as the lines of VictoriaMetrics' /api/v1/import: {"metric":{..},"values":[..],"timestamps":[..]}. One batch of records at a time,
// the samples of a series in it on one line. The format knows samples only: exemplars, histograms and staleness markers, which it would store as
// nothing, are counted and left out.
//
// Numbers as VictoriaMetrics writes them: NaN is null, infinities are "Infinity" and "-Infinity". Its older versions write them and do not read them: they
// throw the whole line away, so these values stand on a line of their own.

import { STALE_HIGH, STALE_LOW } from '../model/sample.ts';
import { decodeColumnToHeap, freeColumn } from '../wire/column.ts';
import { createField, type Field, fieldsOf, int64Of, nextField } from '../wire/fields.ts';
import type { Image, ImageRun } from '../wire/image.ts';
import { decodeLabels, readVarint } from '../wire/labels.ts';
import { heap } from '../wire/zstd.ts';
import { TAG_SERIES_LABEL, TAG_SERIES_SAMPLE, TAG_TIMESERIES } from '../wire/write-request.ts';
import { zstdDecompress } from '../wire/zstd.ts';
import type { QueuedRecord } from './queue.ts';

/** Counted over a whole export. */
export interface ExportFigures {
  lines: number;
  samples: number;
  staleMarkers: number;
  /** Exemplars and histograms. */
  otherItems: number;
}

export const noExport = (): ExportFigures => ({ lines: 0, samples: 0, staleMarkers: 0, otherItems: 0 });

const TAG_SAMPLE_VALUE = 0x09;
const TAG_SAMPLE_TIMESTAMP = 0x10;

interface Points {
  readonly values: string[];
  readonly timestampsMs: number[];
}

/** The samples of one series. */
interface Line {
  readonly numbers: Points;
  /** NaN and infinities. */
  readonly others: Points;
}

const emptyLine = (): Line => ({ numbers: { values: [], timestampsMs: [] }, others: { values: [], timestampsMs: [] } });

/** The lines of some records, without line feeds. Records of one image share lines. */
export function* exportRecords(records: readonly QueuedRecord[], figures: ExportFigures): Generator<string> {
  const images = new Map<Image, QueuedRecord[]>();
  for (const record of records) {
    if (record.image === undefined) yield* exportRequest(record.payload, figures);
    else images.set(record.image, [...(images.get(record.image) ?? []), record]);
  }
  for (const [image, group] of images) yield* exportImage(image, group, figures);
}

/** The lines of ready pieces of a write request. Fails with WRITE_REQUEST_DAMAGED when it does not parse. */
export function* exportRequest(bytes: Uint8Array, figures: ExportFigures): Generator<string> {
  const field = createField(bytes);
  while (nextField(field)) {
    if (field.tag !== TAG_TIMESERIES) continue;
    const labels: Uint8Array[] = [];
    const line = emptyLine();
    for (const part = fieldsOf(field); nextField(part); ) {
      if (part.tag === TAG_SERIES_LABEL) labels.push(bytes.subarray(part.start, part.end));
      else if (part.tag === TAG_SERIES_SAMPLE) takeSample(fieldsOf(part), line, figures);
      else figures.otherItems++;
    }
    yield* lineTexts(Buffer.concat(labels), line, figures);
  }
}

/** Oldest and newest timestamp of ready pieces of a write request, milliseconds; 0 without samples. */
export function timeRange(bytes: Uint8Array): { readonly oldestMs: number; readonly newestMs: number } {
  let oldestMs = Infinity;
  let newestMs = -Infinity;
  const timestampsMs: number[] = [];
  const field = createField(bytes);
  while (nextField(field)) {
    if (field.tag !== TAG_TIMESERIES) continue;
    for (const part = fieldsOf(field); nextField(part); ) if (part.tag === TAG_SERIES_SAMPLE) timestampsMs.push(timeOf(fieldsOf(part)));
  }
  for (const ms of timestampsMs) {
    oldestMs = Math.min(oldestMs, ms);
    newestMs = Math.max(newestMs, ms);
  }
  return timestampsMs.length === 0 ? { oldestMs: 0, newestMs: 0 } : { oldestMs, newestMs };
}

function timeOf(sample: Field): number {
  let timestampMs = 0;
  while (nextField(sample)) if (sample.tag === TAG_SAMPLE_TIMESTAMP) timestampMs = int64Of(sample);
  return timestampMs;
}

function takeSample(sample: Field, line: Line, figures: ExportFigures): void {
  let low = 0;
  let high = 0;
  let timestampMs = 0;
  while (nextField(sample)) {
    if (sample.tag === TAG_SAMPLE_TIMESTAMP) timestampMs = int64Of(sample);
    if (sample.tag !== TAG_SAMPLE_VALUE) continue;
    const view = new DataView(sample.bytes.buffer, sample.bytes.byteOffset + sample.contentStart, 8);
    low = view.getUint32(0, true);
    high = view.getUint32(4, true);
  }
  pushSample(line, low, high, timestampMs, figures);
}

const double = new DataView(new ArrayBuffer(8));

function pushSample(line: Line, low: number, high: number, timestampMs: number, figures: ExportFigures): void {
  if (high === STALE_HIGH && low === STALE_LOW) return void figures.staleMarkers++;
  double.setUint32(0, high);
  double.setUint32(4, low);
  const value = double.getFloat64(0);
  const points = Number.isFinite(value) ? line.numbers : line.others;
  points.values.push(valueText(value));
  points.timestampsMs.push(timestampMs);
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return 'null';
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  return value > 0 ? '"Infinity"' : '"-Infinity"';
}

function* lineTexts(labels: Uint8Array, line: Line, figures: ExportFigures): Generator<string> {
  for (const { values, timestampsMs } of [line.numbers, line.others]) {
    if (values.length === 0) continue;
    figures.lines++;
    figures.samples += values.length;
    const metric = JSON.stringify(Object.fromEntries(decodeLabels(labels)));
    yield `{"metric":${metric},"values":[${values.join(',')}],"timestamps":[${timestampsMs.join(',')}]}`;
  }
}

/** A column in memory of its own, and how many of its values were taken. */
interface Cursor {
  readonly positions: number;
  readonly bitmap: Uint8Array | undefined;
  readonly words: Uint32Array;
  readonly timestampsMs: Float64Array | undefined;
  readonly timestampMs: number;
  taken: number;
}

function* exportImage(image: Image, records: readonly QueuedRecord[], figures: ExportFigures): Generator<string> {
  const cursors = records.map(openCursor);
  const positions = Math.max(...cursors.map((cursor) => cursor.positions));
  for (const run of image.runs) {
    if (run.base < positions) yield* exportRun(run, cursors, figures);
  }
}

function* exportRun(run: ImageRun, cursors: readonly Cursor[], figures: ExportFigures): Generator<string> {
  const labels = zstdDecompress(run.data, run.rawBytes);
  let at = 0;
  for (let i = 0; i < run.count; i++) {
    const length = readVarint(labels, at);
    const line = emptyLine();
    for (const cursor of cursors) takePosition(cursor, run.base + i, line, figures);
    at = length.next + length.value;
    yield* lineTexts(labels.subarray(length.next, at), line, figures);
  }
}

function takePosition(cursor: Cursor, position: number, line: Line, figures: ExportFigures): void {
  if (position >= cursor.positions) return;
  if (cursor.bitmap !== undefined && (cursor.bitmap[position >>> 3]! & (1 << (position & 7))) === 0) return;
  const index = cursor.taken++;
  pushSample(line, cursor.words[2 * index]!, cursor.words[2 * index + 1]!, cursor.timestampsMs?.[index] ?? cursor.timestampMs, figures);
}

function openCursor(record: QueuedRecord): Cursor {
  const column = decodeColumnToHeap(record.payload, record.positions, record.samples);
  try {
    // Copies: lines are handed out one by one, and the heap moves meanwhile.
    const slice = (at: number, bytes: number) => heap().slice(at, at + bytes);
    const { samples, positions, bitmapAt, valuesAt, timestampsAt } = column;
    return {
      positions,
      bitmap: bitmapAt === 0 ? undefined : slice(bitmapAt, Math.ceil(positions / 8)),
      words: new Uint32Array(slice(valuesAt, samples * 8).buffer),
      timestampsMs: timestampsAt === 0 ? undefined : new Float64Array(slice(timestampsAt, samples * 8).buffer),
      timestampMs: record.timestampMs,
      taken: 0,
    };
  } finally {
    freeColumn(column);
  }
}
