// Encodes remote write 2.0 with protobufjs, from the same plain series as 1.0: a third opinion beside the sender and the flat decoder.

import protobuf from 'protobufjs';
import type { PlainSeries } from '../../../support/write-request.ts';

const Request = protobuf.parse(`
syntax = "proto3";
message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
message TimeSeries { repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 4; Metadata metadata = 5; }
message Sample { fixed64 value = 1; int64 timestamp = 2; }
message Exemplar { repeated uint32 labels_refs = 1; fixed64 value = 2; int64 timestamp = 3; }
message Metadata { int32 type = 1; }
`, { keepCase: true }).root.lookupType('Request');

export function encodePlain2(series: readonly PlainSeries[]): Uint8Array {
  const symbols = [''];
  const refs = (labels: PlainSeries['labels']) => labels.flat().map((text) => {
    if (!symbols.includes(text)) symbols.push(text);
    return symbols.indexOf(text);
  });
  const sample = ({ value, timestampMs }: PlainSeries['samples'][number]) => ({ value: BigInt(`0x${value}`).toString(), timestamp: String(timestampMs) });
  const timeseries = series.map(({ labels, samples, exemplars }) => ({
    labels_refs: refs(labels),
    samples: samples.map(sample),
    exemplars: exemplars.map((exemplar) => ({ labels_refs: refs(exemplar.labels), ...sample(exemplar) })),
  }));
  return Request.encode(Request.fromObject({ symbols, timeseries })).finish();
}
