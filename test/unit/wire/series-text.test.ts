import { expect, it } from 'vitest';
import { seriesText, singleSeriesText } from '../../../src/wire/series-text.ts';
import { encodeWriteRequest } from '../../support/write-request.ts';

const request = (...labels: [string, string][][]) => encodeWriteRequest({ series: labels.map((one) => ({ labels: one, samples: [{ value: '0000000000000000', timestampMs: 1 }], exemplars: [] })) });

for (const [labels, expected] of [
  [[['__name__', 'up'], ['job', 'x'], ['zone', 'ö "quoted"']], 'up{job="x", zone="ö \\"quoted\\""}'],
  [[['__name__', 'up']], 'up'],
  [[['job', 'x']], '{job="x"}'],
] as const) {
  it(`${JSON.stringify(labels)} reads ${expected}`, () => expect(singleSeriesText(request(labels.map(([name, value]) => [name, value])))).toBe(expected));
}

it('several pieces of one series are one series', () => expect(singleSeriesText(request([['__name__', 'a']], [['__name__', 'a']]))).toBe('a'));
it('several series have no text', () => expect(singleSeriesText(request([['__name__', 'a']], [['__name__', 'b']]))).toBeUndefined());
it('no series has none', () => expect(singleSeriesText(new Uint8Array(0))).toBeUndefined());
it('a text is cut to what pages bear', () => expect(seriesText([['__name__', 'a'], ['b', 'x'.repeat(5000)]])).toHaveLength(2048));
