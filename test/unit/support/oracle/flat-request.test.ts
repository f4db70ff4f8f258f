// The flat decoder against the decoders that protobufjs makes.

import { expect, test } from 'vitest';
import { seededRandom } from '../../../../src/io/random.ts';
import { decodeFlat, FlatRequest, SeriesIds } from '../../../support/oracle/flat-request.ts';
import { seriesKey } from '../../../support/oracle/series-key.ts';
import { decodeWriteRequest2 } from '../../../support/write-request-2.ts';
import { decodeWriteRequest, encodeWriteRequest, STALE_BITS, type PlainSeries } from '../../../support/write-request.ts';
import { encodePlain2 } from './encode-2.ts';

function randomSeries(seed: number): PlainSeries[] {
  const random = seededRandom(seed);
  const below = (count: number) => Math.floor(random.next() * count);
  const text = () => ['up', 'käse', 'ünïcode "x"', 'a\\b', '', 'x'.repeat(200)][below(6)]!;
  const sample = () => ({ value: [STALE_BITS, '0000000000000000', '8000000000000000', Buffer.from(random.bytes(8)).toString('hex')][below(4)]!, timestampMs: [0, -5, -1e12, 1, 1.7e12 + below(1e9)][below(5)]! });
  return Array.from({ length: below(20) }, (_, i) => ({
    labels: [['__name__', `m${i}`], ['job', text()], ['zone', text()]] as const,
    samples: Array.from({ length: 1 + below(3) }, sample),
    exemplars: Array.from({ length: below(2) }, () => ({ labels: [['trace', text()]] as const, ...sample() })),
  }));
}

function flatten(series: readonly PlainSeries[]): string[] {
  return series.flatMap(({ labels, samples }) => samples.map(({ value, timestampMs }) => `${seriesKey(labels)} ${timestampMs} ${value}`));
}

function decoded(bytes: Uint8Array, message: '1.0' | '2.0'): { texts: string[]; exemplars: number } {
  const ids = new SeriesIds();
  const flat = new FlatRequest();
  decodeFlat(bytes, message, ids, flat);
  const hex = (word: number) => word.toString(16).padStart(8, '0');
  const texts = Array.from({ length: flat.samples }, (_, i) => `${ids.keys[flat.series[i]!]} ${flat.timesMs[i]} ${hex(flat.bits[2 * i + 1]!)}${hex(flat.bits[2 * i]!)}`);
  return { texts, exemplars: flat.exemplars };
}

const exemplarsOf = (series: readonly PlainSeries[]) => series.reduce((sum, { exemplars }) => sum + exemplars.length, 0);

test('every sample of a 1.0 request, to the last bit, as protobufjs reads it', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const bytes = encodeWriteRequest({ series: randomSeries(seed) });
    const { series } = decodeWriteRequest(bytes);
    expect(decoded(bytes, '1.0'), `seed ${seed}`).toEqual({ texts: flatten(series), exemplars: exemplarsOf(series) });
  }
});

test('every sample of a 2.0 request, to the last bit, as protobufjs reads it', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const bytes = encodePlain2(randomSeries(seed));
    const { series } = decodeWriteRequest2(bytes);
    expect(decoded(bytes, '2.0'), `seed ${seed}`).toEqual({ texts: flatten(series), exemplars: exemplarsOf(series) });
  }
});

test('a request of one message is empty for a reader of the other, as it is for receivers that do not look', () => {
  const bytes = encodePlain2(randomSeries(3));
  expect([bytes.length > 0, decoded(bytes, '1.0')]).toEqual([true, { texts: [], exemplars: 0 }]);
});

test('a cut request never decodes to more, and most cuts are refused', () => {
  const bytes = encodeWriteRequest({ series: randomSeries(5) });
  const all = decoded(bytes, '1.0').texts;
  let refused = 0;
  for (let length = 0; length < bytes.length; length++) {
    try {
      const { texts } = decoded(bytes.subarray(0, length), '1.0');
      expect(all.slice(0, texts.length)).toEqual(texts);
    } catch {
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(bytes.length * 0.9);
});

test('a 2.0 reference beyond the symbols is refused', () => {
  expect(() => decoded(Uint8Array.of(0x22, 0, 0x2a, 4, 0x0a, 2, 0, 9), '2.0')).toThrow('reference 9 is beyond the 1 symbols');
});
