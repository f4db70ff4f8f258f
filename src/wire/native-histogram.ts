// The Histogram message of remote write, which is the same in 1.0 and 2.0: a native histogram with exponential buckets that counts up. Source:
// prometheus/prompb/types.proto:
//
//     Histogram  { uint64 count_int = 1; double sum = 3; sint32 schema = 4; double zero_threshold = 5; uint64 zero_count_int = 6;
//                  repeated BucketSpan positive_spans = 11; repeated sint64 positive_deltas = 12; ResetHint reset_hint = 14; int64 timestamp = 15 }
//     BucketSpan { sint32 offset = 1; uint32 length = 2 }
//
// The reset hint stays UNKNOWN, as in what Prometheus scrapes: whoever stores it finds resets by himself. Both counts stand in a `oneof` and are written
// even when they are 0.

import { STALE_HIGH, STALE_LOW } from '../model/sample.ts';
import { doubleBits, putVarint, type DoubleBits } from './write-request.ts';

/** Bucket `i` of schema `s` counts what lies in (2^((i-1)/2^s), 2^(i/2^s)]. */
export interface NativeHistogram {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  /** What lies at most so far from 0 is counted by `zeroCount`. */
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  /** Index and count, ascending; empty buckets are left out. */
  readonly buckets: readonly (readonly [index: number, count: number])[];
}

const TAG_COUNT = 0x08;
const TAG_SUM = 0x19;
const TAG_SCHEMA = 0x20;
const TAG_ZERO_THRESHOLD = 0x29;
const TAG_ZERO_COUNT = 0x30;
const TAG_SPAN = 0x5a;
const TAG_DELTAS = 0x62;
const TAG_TIMESTAMP = 0x78;
const TAG_SPAN_OFFSET = 0x08;
const TAG_SPAN_LENGTH = 0x10;

/** A Histogram message without tag and length. */
export function encodeNativeHistogram(histogram: NativeHistogram, timestampMs: number): Uint8Array {
  const { spans, deltas } = spansOf(histogram.buckets);
  return Uint8Array.from([
    TAG_COUNT, ...varint(histogram.count),
    ...double(TAG_SUM, doubleBits(histogram.sum)),
    ...(histogram.schema === 0 ? [] : [TAG_SCHEMA, ...varint(zigzag(histogram.schema))]),
    ...double(TAG_ZERO_THRESHOLD, doubleBits(histogram.zeroThreshold)),
    TAG_ZERO_COUNT, ...varint(histogram.zeroCount),
    ...spans.flatMap((span) => message(TAG_SPAN, encodeSpan(span))),
    ...(deltas.length === 0 ? [] : message(TAG_DELTAS, deltas.flatMap((delta) => varint(zigzag(delta))))),
    TAG_TIMESTAMP, ...varint(timestampMs),
  ]);
}

/** The staleness marker of a series of histograms: an empty one whose sum is the marker. Source: Prometheus tsdb/head_append. */
export function encodeStaleHistogram(timestampMs: number): Uint8Array {
  const sum = double(TAG_SUM, { high: STALE_HIGH, low: STALE_LOW });
  return Uint8Array.from([TAG_COUNT, 0, ...sum, TAG_ZERO_COUNT, 0, TAG_TIMESTAMP, ...varint(timestampMs)]);
}

interface Span {
  /** Of the first one its index, of others the empty buckets between it and the one before. */
  readonly offset: number;
  length: number;
}

/** Runs of neighbouring buckets, and the counts as differences to the one before. */
function spansOf(buckets: NativeHistogram['buckets']): { readonly spans: Span[]; readonly deltas: number[] } {
  const spans: Span[] = [];
  const deltas: number[] = [];
  let next = 0;
  let before = 0;
  for (const [index, count] of buckets) {
    const span = spans.at(-1);
    if (span !== undefined && index === next) span.length++;
    else spans.push({ offset: index - next, length: 1 });
    deltas.push(count - before);
    next = index + 1;
    before = count;
  }
  return { spans, deltas };
}

function encodeSpan({ offset, length }: Span): number[] {
  return [...(offset === 0 ? [] : [TAG_SPAN_OFFSET, ...varint(zigzag(offset))]), TAG_SPAN_LENGTH, ...varint(length)];
}

function message(tag: number, content: readonly number[]): number[] {
  return [tag, ...varint(content.length), ...content];
}

/** Signed numbers so that small ones stay short; within 2^52. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

const room = new Uint8Array(10);

function varint(value: number): number[] {
  return [...room.subarray(0, putVarint(room, 0, value))];
}

function double(tag: number, { high, low }: DoubleBits): number[] {
  if (high === 0 && low === 0) return [];
  return [tag, ...[low, high].flatMap((word) => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24])];
}
