// Requests for the oracle's own tests, encoded by protobufjs.

import { snappyCompress } from '../../../../src/wire/snappy.ts';
import { zstdCompress } from '../../../../src/wire/zstd.ts';
import { encodeWriteRequest, valueBits, type PlainSeries } from '../../../support/write-request.ts';
import type { Oracle, OracleAnswer } from '../../../support/oracle/oracle.ts';
import { encodePlain2 } from './encode-2.ts';

export const NOW_MS = 1_700_000_000_000;

/** `one('up', [0, 1], [10, 2])`: samples as [seconds after NOW_MS, value]. */
export function one(name: string, ...samples: readonly (readonly [seconds: number, value: number])[]): PlainSeries {
  return {
    labels: [['__name__', name], ['job', 'x']],
    samples: samples.map(([seconds, value]) => ({ value: valueBits(value), timestampMs: NOW_MS + seconds * 1000 })),
    exemplars: [],
  };
}

export interface SendOptions {
  readonly message?: '1.0' | '2.0';
  readonly codec?: 'zstd' | 'snappy';
  readonly nowMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export function send(oracle: Oracle, series: readonly PlainSeries[], options: SendOptions = {}): OracleAnswer {
  const { message = '1.0', codec = 'snappy', nowMs = NOW_MS, headers = {} } = options;
  const bytes = message === '1.0' ? encodeWriteRequest({ series }) : encodePlain2(series);
  const body = codec === 'zstd' ? zstdCompress(bytes, 3) : snappyCompress(bytes);
  const type = message === '1.0' ? 'application/x-protobuf' : 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
  return oracle.receive({ headers: { 'content-encoding': codec, 'content-type': type, ...headers }, body, nowMs });
}
