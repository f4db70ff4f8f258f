import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import type { LabelPair } from '../../../src/model/labels.ts';
import { NAN_HIGH, NAN_LOW, STALE_HIGH, STALE_LOW } from '../../../src/model/sample.ts';
import {
  doubleBits, encodeExemplarSeries, encodeLabels, encodeMetadataRequest, encodeSeriesHeader, int64Bytes, putInt64, putSample, putVarint, sampleBytes,
  TAG_SERIES_SAMPLE, varintBytes, type DoubleBits, type WireMetadata,
} from '../../../src/wire/write-request.ts';
import { decodeWriteRequest, encodeWriteRequest, STALE_BITS, valueBits } from '../../support/write-request.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** A series with one sample, put together from the pieces. */
function encodeSeries(labels: readonly LabelPair[], bits: DoubleBits, timestampMs: number): Uint8Array {
  const sample = new Uint8Array(sampleBytes(bits, timestampMs));
  expect(putSample(sample, 0, bits, timestampMs)).toBe(sample.length);
  const content = Buffer.concat([Uint8Array.of(TAG_SERIES_SAMPLE, sample.length), sample]);
  return Buffer.concat([encodeSeriesHeader(encodeLabels(labels), content.length), content]);
}

const hexBits = ({ high, low }: DoubleBits) => (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0');

describe('varints', () => {
  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 1_700_000_000_000, Number.MAX_SAFE_INTEGER]) {
    it(`writes ${value} in as many bytes as foretold, and as BigInt arithmetic would`, () => {
      const bytes = new Uint8Array(10);
      const end = putVarint(bytes, 0, value);
      let expected = '';
      let rest = BigInt(value);
      for (; rest >= 0x80n; rest >>= 7n) expected += Number((rest & 0x7fn) | 0x80n).toString(16).padStart(2, '0');
      expected += Number(rest).toString(16).padStart(2, '0');
      expect([hex(bytes.subarray(0, end)), varintBytes(value)]).toEqual([expected, end]);
    });
  }

  it('writes a negative int64 in ten bytes of two\'s complement', () => {
    const bytes = new Uint8Array(10);
    expect([putInt64(bytes, 0, -1), int64Bytes(-1), hex(bytes)]).toEqual([10, 10, 'ffffffffffffffffff01']);
  });
});

describe('series against protobufjs', () => {
  const labels: LabelPair[] = [['__name__', 'up'], ['instance', '127.0.0.1:9100'], ['job', 'knötchen 😀']];
  const values: Readonly<Record<string, DoubleBits>> = {
    'zero': doubleBits(0), 'minus zero': doubleBits(-0), 'one': doubleBits(1), 'infinity': doubleBits(-Infinity), 'the smallest': doubleBits(5e-324),
    'an ordinary NaN': { high: NAN_HIGH, low: NAN_LOW }, 'the staleness marker': { high: STALE_HIGH, low: STALE_LOW },
  };
  for (const [name, bits] of Object.entries(values)) {
    for (const timestampMs of [0, 1_700_000_000_123, -5]) {
      it(`the same bytes for ${name} at ${timestampMs}`, () => {
        const expected = encodeWriteRequest({ series: [{ labels, samples: [{ value: hexBits(bits), timestampMs }], exemplars: [] }] });
        expect(hex(encodeSeries(labels, bits, timestampMs))).toBe(hex(expected));
      });
    }
  }

  it('the bits of the staleness marker arrive', () => {
    const decoded = decodeWriteRequest(encodeSeries(labels, { high: STALE_HIGH, low: STALE_LOW }, 1));
    expect(decoded.series[0]!.samples).toEqual([{ value: STALE_BITS, timestampMs: 1 }]);
  });

  it('a number that is not one becomes the ordinary NaN of Prometheus', () => {
    expect(hexBits(doubleBits(Number.NaN))).toBe('7ff8000000000001');
  });

  it('the same bytes for 500 random series, seed 7', () => {
    const random = seededRandom(7);
    for (let i = 0; i < 500; i++) {
      const many = Math.floor(random.next() * 30);
      const some: LabelPair[] = Array.from({ length: many }, (_, n) => [`l${n}`, 'x'.repeat(Math.floor(random.next() * 300))]);
      const value = (random.next() - 0.5) * 10 ** Math.floor(random.next() * 30);
      const timestampMs = Math.floor(random.next() * 2 ** 42);
      const expected = encodeWriteRequest({ series: [{ labels: some, samples: [{ value: valueBits(value), timestampMs }], exemplars: [] }] });
      expect(hex(encodeSeries(some, doubleBits(value), timestampMs))).toBe(hex(expected));
    }
  });
});

describe('exemplars', () => {
  it('are a series without samples, equal to protobufjs', () => {
    const labels: LabelPair[] = [['__name__', 'http_requests_total'], ['code', '200']];
    const exemplars = [
      { labels: [['trace_id', 'abc']] as LabelPair[], value: 0.5, timestampMs: 1_700_000_000_000 },
      { labels: [] as LabelPair[], value: 0, timestampMs: 0 },
    ];
    const expected = encodeWriteRequest({
      series: [{ labels, samples: [], exemplars: exemplars.map((e) => ({ labels: e.labels, value: valueBits(e.value), timestampMs: e.timestampMs })) }],
    });
    expect(hex(encodeExemplarSeries(labels, exemplars))).toBe(hex(expected));
  });
});

describe('metadata', () => {
  const types = ['unknown', 'counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset'] as const;
  for (const [number, type] of types.entries()) {
    it(`${type} is ${number}, equal to protobufjs`, () => {
      const entry: WireMetadata = { family: 'process_cpu_seconds', type, help: 'Spent "CPU".\nIn all.', unit: 'seconds' };
      const expected = encodeWriteRequest({ metadata: [{ type: number, family: entry.family, help: entry.help, unit: entry.unit }] });
      expect(hex(encodeMetadataRequest([entry]))).toBe(hex(expected));
    });
  }

  it('leaves out what is empty and keeps the order of the entries', () => {
    const entries: WireMetadata[] = [{ family: 'b', type: 'gauge', help: '', unit: '' }, { family: 'a', type: 'counter', help: 'h', unit: '' }];
    expect(decodeWriteRequest(encodeMetadataRequest(entries)).metadata).toEqual([
      { type: 2, family: 'b', help: '', unit: '' }, { type: 1, family: 'a', help: 'h', unit: '' },
    ]);
  });
});
