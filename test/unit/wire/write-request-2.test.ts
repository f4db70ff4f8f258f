import { describe, expect, it } from 'vitest';
import { joinExemplars } from '../../../src/wire/join-exemplars.ts';
import { transcodeRequest, type FindMetadata } from '../../../src/wire/write-request-2.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { decodeWriteRequest, encodeWriteRequest, STALE_BITS, valueBits, type PlainExemplar, type PlainSeries } from '../../support/write-request.ts';
import { decodeWriteRequest2 } from '../../support/write-request-2.ts';

const nothingKnown: FindMetadata = () => undefined;

function series(name: string, values: readonly (readonly [number, number])[], labels: Record<string, string> = {}, exemplars: readonly PlainExemplar[] = []): PlainSeries {
  const pairs = Object.entries({ __name__: name, ...labels }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { labels: pairs, samples: values.map(([timestampMs, value]) => ({ value: valueBits(value), timestampMs })), exemplars };
}

const exemplar = (id: string, timestampMs: number): PlainExemplar => ({ labels: [['trace_id', id]], value: valueBits(2), timestampMs });
const transcoded = (all: readonly PlainSeries[], find = nothingKnown) => decodeWriteRequest2(transcodeRequest(encodeWriteRequest({ series: all }), find)!);

/** What both versions can say. */
const content = (all: readonly PlainSeries[]) => all.map(({ labels, samples, exemplars }) => ({ labels, samples, exemplars }));

describe('a 2.0 request', () => {
  it('holds the labels, samples and exemplars of the 1.0 one, in order', () => {
    const all = [series('a', [[1, 1.5], [2, -0]], { job: 'x' }), series('b', [[1, Number.NaN]], { job: 'x', zone: 'ö' }, [exemplar('t1', 1), exemplar('t2', 2)])];
    expect(content(transcoded(all).series)).toEqual(content(all));
  });

  it('holds each string once, the empty one first', () => {
    expect(transcoded([series('a', [[1, 1]], { job: 'a' }), series('b', [[1, 1]], { job: 'a' })]).symbols).toEqual(['', '__name__', 'a', 'job', 'b']);
  });

  it('keeps the staleness marker', () => {
    const stale = { ...series('a', []), samples: [{ value: STALE_BITS, timestampMs: 5 }] };
    expect(transcoded([stale]).series[0]!.samples).toEqual([{ value: STALE_BITS, timestampMs: 5 }]);
  });

  it('keeps timestamps below zero', () => {
    expect(transcoded([series('a', [[-5, 1]])]).series[0]!.samples[0]!.timestampMs).toBe(-5);
  });

  it('is the same content for 200 random requests, seed 7', () => {
    const random = seededRandom(7);
    const upTo = (most: number) => Math.floor(random.next() * most);
    for (let round = 0; round < 200; round++) {
      const all = Array.from({ length: 1 + upTo(20) }, () => series(`m${upTo(5)}`, Array.from({ length: 1 + upTo(4) }, (_, i) => [upTo(1e13) + i, random.next()] as const),
        { le: `b${upTo(200)}`, path: 'x'.repeat(upTo(300)) || '/' }, upTo(3) === 0 ? [exemplar(`t${upTo(9)}`, upTo(1000))] : []));
      expect(content(transcoded(all).series)).toEqual(content(all));
    }
  });

  it('carries histograms over and never mixes them with samples', () => {
    // TimeSeries { labels { __name__: "h" }, histograms { count_int: 3, sum: 1.5, schema: -1, timestamp: 9 } }
    const histogram = Buffer.from([0x08, 3, 0x19, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x20, 1, 0x78, 9]);
    const label = Buffer.from([0x0a, 13, 0x0a, 8, ...Buffer.from('__name__'), 0x12, 1, 0x68]);
    const sample = Buffer.from([0x12, 2, 0x10, 9]);
    const build = (...parts: Buffer[]) => Buffer.concat([Buffer.from([0x0a, Buffer.concat(parts).length]), ...parts]);
    const field = Buffer.concat([Buffer.from([0x22, histogram.length]), histogram]);
    const [alone] = decodeWriteRequest2(transcodeRequest(build(label, field), nothingKnown)!).series;
    expect(alone).toMatchObject({ labels: [['__name__', 'h']], samples: [], histograms: [{ timestampMs: 9, count: '3', sum: 1.5, schema: -1 }] });
    const both = decodeWriteRequest2(transcodeRequest(build(label, sample, field), nothingKnown)!).series;
    expect(both.map((one) => [one.samples.length, one.histograms.length])).toEqual([[1, 0], [0, 1]]);
  });

  it('cannot say exemplars without samples, nor metadata alone', () => {
    const lonely = encodeWriteRequest({ series: [series('a', [], {}, [exemplar('t', 1)])] });
    expect([transcodeRequest(lonely, nothingKnown), transcodeRequest(encodeWriteRequest({ metadata: [{ type: 1, family: 'a', help: '', unit: '' }] }), nothingKnown)])
      .toEqual([undefined, undefined]);
  });
});

describe('metadata in a 2.0 request', () => {
  const find: FindMetadata = (family) => ({
    http_requests: { type: 'counter', help: 'Requests.', unit: '' } as const,
    latency_seconds: { type: 'histogram', help: 'Latency. ö', unit: 'seconds' } as const,
    node_load1_total: { type: 'gauge', help: '', unit: '' } as const,
  })[family];

  for (const [name, expected] of [
    ['http_requests_total', { type: 1, help: 'Requests.', unit: '' }], ['latency_seconds_bucket', { type: 3, help: 'Latency. ö', unit: 'seconds' }],
    ['latency_seconds_count', { type: 3, help: 'Latency. ö', unit: 'seconds' }], ['latency_seconds', { type: 3, help: 'Latency. ö', unit: 'seconds' }],
    ['node_load1_total', { type: 2, help: '', unit: '' }], ['unheard_of', undefined],
  ] as const) {
    it(`${name} gets that of its family`, () => expect(transcoded([series(name, [[1, 1]])], find).series[0]!.metadata).toEqual(expected));
  }
});

describe('created timestamps', () => {
  const seconds = 1_700_000_000;
  const at = (seconds + 60) * 1000;

  it('come from the _created series of the same labels and scrape', () => {
    const all = transcoded([
      series('requests_created', [[at, seconds], [at + 1000, seconds + 0.5]], { code: '200' }),
      series('requests_total', [[at, 1], [at + 1000, 2], [at + 2000, 3]], { code: '200' }),
      series('requests_total', [[at, 1]], { code: '500' }),
    ]).series;
    expect(all.map((one) => [one.createdMs, one.startsMs])).toEqual([
      [undefined, [0, 0]], [seconds * 1000 + 500, [seconds * 1000, seconds * 1000 + 500, 0]], [undefined, [0]],
    ]);
  });

  it('hold for every part of a histogram', () => {
    const all = transcoded([
      series('h_bucket', [[at, 1]], { le: '1' }), series('h_count', [[at, 1]]), series('h_sum', [[at, 1]]), series('h_created', [[at, seconds]]), series('other', [[at, 1]]),
    ]).series;
    expect(all.map((one) => one.createdMs)).toEqual([seconds * 1000, seconds * 1000, seconds * 1000, undefined, undefined]);
  });

  for (const value of [0, -5, Number.NaN, seconds + 3600]) {
    it(`are left out when the series says ${value}`, () => {
      expect(transcoded([series('c_total', [[at, 1]]), series('c_created', [[at, value]])]).series[0]!.createdMs).toBeUndefined();
    });
  }
});

describe('joinExemplars', () => {
  const join = (...all: PlainSeries[]) => {
    const { joined, orphans } = joinExemplars(encodeWriteRequest({ series: all }));
    return { joined: joined === undefined ? [] : decodeWriteRequest(joined).series, orphans: orphans === undefined ? [] : decodeWriteRequest(orphans).series };
  };

  it('puts exemplars beside the samples of their series, once and in order', () => {
    const a = series('a', [[1, 1], [2, 2]]);
    const b = series('b', [[1, 1]]);
    const { joined, orphans } = join(a, b, series('a', [], {}, [exemplar('t1', 1)]), series('a', [], {}, [exemplar('t2', 2)]), a);
    expect([joined, orphans]).toEqual([[{ ...a, exemplars: [exemplar('t1', 1), exemplar('t2', 2)] }, b, a], []]);
  });

  it('gives those whose samples are elsewhere apart', () => {
    const lonely = series('c', [], {}, [exemplar('t1', 1)]);
    expect(join(series('a', [[1, 1]]), lonely)).toEqual({ joined: [series('a', [[1, 1]])], orphans: [lonely] });
    expect(join(lonely)).toEqual({ joined: [], orphans: [lonely] });
  });

  it('leaves a request without exemplars as it is', () => {
    const bytes = encodeWriteRequest({ series: [series('a', [[1, 1]])] });
    expect(joinExemplars(bytes).joined).toBe(bytes);
  });
});
