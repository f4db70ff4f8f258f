// The oracle for Histogram messages: protobufjs with the message of prometheus/prompb/types.proto, and the buckets worked out of spans and deltas as
// Prometheus does.

import protobuf from 'protobufjs';

const SCHEMA = `
syntax = "proto3";
message BucketSpan { sint32 offset = 1; uint32 length = 2; }
message Histogram {
  enum ResetHint { UNKNOWN = 0; YES = 1; NO = 2; GAUGE = 3; }
  oneof count { uint64 count_int = 1; double count_float = 2; }
  double sum = 3;
  sint32 schema = 4;
  double zero_threshold = 5;
  oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
  repeated BucketSpan negative_spans = 8;
  repeated sint64 negative_deltas = 9;
  repeated double negative_counts = 10;
  repeated BucketSpan positive_spans = 11;
  repeated sint64 positive_deltas = 12;
  repeated double positive_counts = 13;
  ResetHint reset_hint = 14;
  int64 timestamp = 15;
  repeated double custom_values = 16;
}
`;

const Histogram = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType('Histogram');

export interface PlainHistogram {
  /** The kinds of counts that are there. */
  readonly count: 'count_int' | 'count_float' | undefined;
  readonly zeroCount: 'zero_count_int' | 'zero_count_float' | undefined;
  readonly total: number;
  readonly zero: number;
  readonly sum: number;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly resetHint: number;
  readonly timestampMs: number;
  /** Index to count. */
  readonly buckets: Readonly<Record<number, number>>;
}

interface WireHistogram {
  readonly count?: PlainHistogram['count'];
  readonly zero_count?: PlainHistogram['zeroCount'];
  readonly count_int?: number;
  readonly zero_count_int?: number;
  readonly sum: number;
  readonly schema: number;
  readonly zero_threshold: number;
  readonly reset_hint: number;
  readonly timestamp: number;
  readonly positive_spans: readonly { readonly offset: number; readonly length: number }[];
  readonly positive_deltas: readonly number[];
  readonly negative_spans: readonly object[];
  readonly custom_values: readonly number[];
}

/** Throws where the message is none, or where what Prometheus checks of it does not hold (model/histogram, Validate). */
export function decodeHistogram(bytes: Uint8Array): PlainHistogram {
  const plain = Histogram.toObject(Histogram.decode(bytes), { longs: Number, arrays: true, defaults: true, oneofs: true }) as WireHistogram;
  if (plain.negative_spans.length > 0 || plain.custom_values.length > 0) throw new Error('unexpected negative or custom buckets');
  const buckets = bucketsOf(plain);
  const total = plain.count_int ?? 0;
  const zero = plain.zero_count_int ?? 0;
  const inBuckets = zero + Object.values(buckets).reduce((sum, count) => sum + count, 0);
  if (inBuckets !== total) throw new Error(`${inBuckets} observations in buckets, ${total} counted`);
  return {
    count: plain.count, zeroCount: plain.zero_count, total, zero, sum: plain.sum, schema: plain.schema, zeroThreshold: plain.zero_threshold, resetHint: plain.reset_hint,
    timestampMs: plain.timestamp, buckets,
  };
}

function bucketsOf({ positive_spans: spans, positive_deltas: deltas }: WireHistogram): Record<number, number> {
  const buckets: Record<number, number> = {};
  let index = 0;
  let count = 0;
  let at = 0;
  for (const [i, { offset, length }] of spans.entries()) {
    if (i > 0 && offset < 0) throw new Error(`span ${i} begins ${-offset} buckets before the end of the one before`);
    index += offset;
    for (let j = 0; j < length; j++) {
      count += deltas[at++] ?? NaN;
      if (!(count >= 0)) throw new Error(`bucket ${index} has count ${count}`);
      buckets[index++] = count;
    }
  }
  if (at !== deltas.length) throw new Error(`${deltas.length} deltas for ${at} buckets`);
  return buckets;
}
