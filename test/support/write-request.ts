// The oracle for remote write 1.0 bodies: protobufjs with the messages of prometheus/prompb, for tests only. Doubles are fixed64 in
// this schema (same bytes on the wire), so that NaN payloads can be compared bit by bit.

import protobuf from 'protobufjs';

const SCHEMA = `
syntax = "proto3";
message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; }
message Label { string name = 1; string value = 2; }
message Sample { fixed64 value = 1; int64 timestamp = 2; }
message Exemplar { repeated Label labels = 1; fixed64 value = 2; int64 timestamp = 3; }
message MetricMetadata { int32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
`;

const WriteRequest = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType('WriteRequest');

export interface PlainSample {
  /** The eight bytes of the double as 16 hexadecimal digits, such as `7ff0000000000002` for the staleness marker. */
  readonly value: string;
  readonly timestampMs: number;
}

export interface PlainExemplar extends PlainSample {
  readonly labels: readonly (readonly [string, string])[];
}

export interface PlainSeries {
  /** In the order of the wire. */
  readonly labels: readonly (readonly [string, string])[];
  readonly samples: readonly PlainSample[];
  readonly exemplars: readonly PlainExemplar[];
}

export interface PlainMetadata {
  readonly type: number;
  readonly family: string;
  readonly help: string;
  readonly unit: string;
}

export interface PlainRequest {
  readonly series: readonly PlainSeries[];
  readonly metadata: readonly PlainMetadata[];
}

/** The 16 hexadecimal digits of a number. */
export function valueBits(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

export const STALE_BITS = '7ff0000000000002';

/** Decodes a body; throws when it is no write request. */
export function decodeWriteRequest(bytes: Uint8Array): PlainRequest {
  const plain = WriteRequest.toObject(WriteRequest.decode(bytes), { longs: String, arrays: true, defaults: true }) as WireRequest;
  return {
    series: plain.timeseries.map((series) => ({
      labels: series.labels.map(toPair),
      samples: series.samples.map(toSample),
      exemplars: series.exemplars.map((exemplar) => ({ labels: exemplar.labels.map(toPair), ...toSample(exemplar) })),
    })),
    metadata: plain.metadata.map((entry) => ({ type: entry.type, family: entry.metric_family_name, help: entry.help, unit: entry.unit })),
  };
}

/** Encodes with protobufjs. Fields with their default value are left out, as proto3 says. */
export function encodeWriteRequest(request: Partial<PlainRequest>): Uint8Array {
  return WriteRequest.encode(
    WriteRequest.fromObject({
      timeseries: request.series?.map((series) => ({
        labels: series.labels.map(fromPair),
        samples: series.samples.map(fromSample),
        exemplars: series.exemplars.map((exemplar) => ({ labels: exemplar.labels.map(fromPair), ...fromSample(exemplar) })),
      })),
      metadata: request.metadata?.map((entry) =>
        withoutDefaults({ type: entry.type, metric_family_name: entry.family, help: entry.help, unit: entry.unit })),
    }),
  ).finish();
}

interface WireLabel {
  readonly name: string;
  readonly value: string;
}

interface WireSample {
  readonly value: string;
  readonly timestamp: string;
}

interface WireRequest {
  readonly timeseries: readonly {
    readonly labels: readonly WireLabel[];
    readonly samples: readonly WireSample[];
    readonly exemplars: readonly (WireSample & { readonly labels: readonly WireLabel[] })[];
  }[];
  readonly metadata: readonly { readonly type: number; readonly metric_family_name: string; readonly help: string; readonly unit: string }[];
}

function toPair(label: WireLabel): readonly [string, string] {
  return [label.name, label.value];
}

function toSample(sample: WireSample): PlainSample {
  return { value: BigInt(sample.value).toString(16).padStart(16, '0'), timestampMs: Number(sample.timestamp) };
}

function fromPair([name, value]: readonly [string, string]): object {
  return withoutDefaults({ name, value });
}

function fromSample(sample: PlainSample): object {
  return withoutDefaults({ value: BigInt(`0x${sample.value}`).toString(), timestamp: String(sample.timestampMs) });
}

function withoutDefaults(fields: Record<string, string | number>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '' && value !== 0 && value !== '0'));
}
