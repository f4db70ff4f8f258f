// Reading pushed requests, against protobufjs.

import { describe, expect, test } from 'vitest';
import { readRequest, type PushedSeries } from '../../../src/wire/read-request.ts';
import { transcodeRequest } from '../../../src/wire/write-request-2.ts';
import { encodeWriteRequest, STALE_BITS, valueBits, type PlainRequest } from '../../support/write-request.ts';
import { encodeWriteRequest2 } from '../../support/write-request-2.ts';

const request: PlainRequest = {
  series: [
    {
      labels: [['__name__', 'a_total'], ['path', '/ä🙂'], ['empty', '']],
      samples: [{ value: valueBits(1.5), timestampMs: 1_700_000_000_123 }, { value: STALE_BITS, timestampMs: -5 }, { value: valueBits(0), timestampMs: 0 }],
      exemplars: [{ labels: [['trace_id', 'x']], value: valueBits(-2), timestampMs: 7 }],
    },
    { labels: [['__name__', 'b']], samples: [{ value: valueBits(-0), timestampMs: 1 }], exemplars: [] },
  ],
  metadata: [{ type: 1, family: 'a', help: 'Of a.', unit: 'seconds' }],
};

const bitsOf = (low: number, high: number) => high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');

function plain(series: readonly PushedSeries[]) {
  return series.map(({ labels, samples, exemplars }) => ({
    labels,
    samples: samples.map(({ low, high, timestampMs }) => ({ value: bitsOf(low, high), timestampMs })),
    exemplars: exemplars.map(({ labels: own, value, timestampMs }) => ({ labels: [...own], value: valueBits(value), timestampMs })),
  }));
}

describe('1.0', () => {
  const read = readRequest(encodeWriteRequest(request), '1.0');
  test('series come as protobufjs encoded them, to the bit', () => expect(plain(read.series)).toEqual(request.series));
  test('metadata has its type by name', () => expect(read.metadata).toEqual([{ type: 'counter', family: 'a', help: 'Of a.', unit: 'seconds' }]));
  test('an empty body is an empty request', () => expect(readRequest(new Uint8Array(0), '1.0')).toEqual({ series: [], metadata: [] }));
});

describe('2.0', () => {
  test('tells what the same request in 1.0 tells', () => {
    const body = transcodeRequest(encodeWriteRequest({ series: request.series }), () => ({ type: 'counter', help: 'Of a.', unit: '' }))!;
    const read = readRequest(body, '2.0');
    expect(plain(read.series)).toEqual(request.series);
    expect(read.series[0]!.metadata).toEqual({ type: 'counter', help: 'Of a.', unit: '' });
  });
  test('histograms stay the bytes they are, with their time', () => {
    const body = encodeWriteRequest2({ symbols: ['', '__name__', 'h'], timeseries: [{ labels_refs: [1, 2], histograms: [{ count_int: '3', sum: 2.5, schema: 1, timestamp: '1700000000000' }] }] });
    const [histogram] = readRequest(body, '2.0').series[0]!.histograms;
    expect(histogram!.timestampMs).toBe(1_700_000_000_000);
    expect(Buffer.from(body).includes(Buffer.from(histogram!.bytes))).toBe(true);
  });
  test.each([
    ['no pairs', [1], '1 label references are no pairs'],
    ['no such symbol', [1, 9], 'a label refers to symbols 1 and 9 of 3'],
  ])('references that are %s are told with their series', (_name, refs, problem) =>
    expect(readRequest(encodeWriteRequest2({ symbols: ['', '__name__', 'h'], timeseries: [{ labels_refs: refs }] }), '2.0').series[0]!.problem).toBe(problem));
});

describe('damage', () => {
  const whole = encodeWriteRequest(request);
  test('a message that is cut off does not parse', () => expect(() => readRequest(whole.subarray(0, whole.length - 3), '1.0')).toThrow('does not parse'));
  test('every cut is told or harmless, never anything else', () => {
    for (let end = 0; end < whole.length; end++) {
      try {
        readRequest(whole.subarray(0, end), '1.0');
      } catch (error) {
        expect(error).toMatchObject({ code: 'WRITE_REQUEST_DAMAGED' });
      }
    }
  });
  test('text that is no UTF-8 is not well formed', () => {
    const bytes = Buffer.from(encodeWriteRequest({ series: [{ labels: [['name', 'QQ']], samples: [], exemplars: [] }] }));
    bytes.fill(0xff, bytes.indexOf('QQ'), bytes.indexOf('QQ') + 2);
    expect(readRequest(bytes, '1.0').series[0]!.labels[0]![1].isWellFormed()).toBe(false);
  });
});
