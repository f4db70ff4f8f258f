// Reading pushed requests, against protobufjs.

import { describe, expect, test, vi } from 'vitest';
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

describe('fields that may stand once', () => {
  const times = 1000;
  /** Around a message that is shorter than 16 KiB. */
  const wrap = (tag: number, content: Buffer) => Buffer.concat([Buffer.from([tag, (content.length & 0x7f) | 0x80, content.length >> 7]), content]);
  const repeated = (...field: readonly number[]) => Buffer.concat(Array.from({ length: times }, () => Buffer.from(field)));
  const series = (tag: number, message: Buffer) => wrap(0x0a, wrap(tag, message));

  test.each<readonly [string, Buffer, '1.0' | '2.0']>([
    ['names of a label', series(0x0a, repeated(0x0a, 0x01, 0x61)), '1.0'],
    ['times of a sample', series(0x12, repeated(0x10, 0x05)), '1.0'],
    ['times of an exemplar', series(0x1a, repeated(0x18, 0x05)), '1.0'],
    ['times of a histogram', series(0x22, repeated(0x78, 0x05)), '1.0'],
    ['help of metadata', wrap(0x1a, repeated(0x22, 0x01, 0x61)), '1.0'],
    ['types of metadata', wrap(0x1a, repeated(0x08, 0x01)), '1.0'],
    ['units of metadata in 2.0', wrap(0x2a, wrap(0x2a, repeated(0x20, 0x01))), '2.0'],
    ['metadata of a series in 2.0', wrap(0x2a, repeated(0x2a, 0x02, 0x20, 0x01)), '2.0'],
  ])('%s are decoded once, however often they stand there', (_name, bytes, message) => {
    const decoded = [vi.spyOn(Buffer, 'from'), vi.spyOn(BigInt, 'asIntN')];
    readRequest(bytes, message);
    const count = decoded.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    for (const spy of decoded) spy.mockRestore();
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(10);
  });
  test('the last one holds', () => {
    const label = Buffer.from([0x0a, 0x01, 0x61, 0x12, 0x01, 0x78, 0x0a, 0x01, 0x62]);
    const sample = Buffer.from([0x10, 0x05, 0x10, 0x07]);
    expect(readRequest(wrap(0x0a, Buffer.concat([wrap(0x0a, label), wrap(0x12, sample)])), '1.0').series[0]).toMatchObject({ labels: [['b', 'x']], samples: [{ timestampMs: 7 }] });
  });
});
