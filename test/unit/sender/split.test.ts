import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { countRequest, halveRequest, halveSeries, splitFirst, splitLastSeries, splitRequest } from '../../../src/sender/split.ts';
import { decodeWriteRequest, encodeWriteRequest, valueBits, type PlainRequest, type PlainSeries } from '../../support/write-request.ts';

function series(name: string, samples: number, exemplars = 0): PlainSeries {
  const at = (i: number) => ({ value: valueBits(i), timestampMs: 1000 + i });
  return {
    labels: [['__name__', name], ['job', 'test']],
    samples: Array.from({ length: samples }, (_, i) => at(i)),
    exemplars: Array.from({ length: exemplars }, (_, i) => ({ ...at(i), labels: [['trace_id', String(i)]] })),
  };
}

/** Every sample and exemplar with its labels, in order: what no cut may change. */
function items(request: PlainRequest): string[] {
  return request.series.flatMap(({ labels, samples, exemplars }) => [...samples, ...exemplars].map((item) => JSON.stringify([labels, item])))
    .concat(request.metadata.map((entry) => JSON.stringify(entry)));
}

const bytesOf = (...all: PlainSeries[]) => encodeWriteRequest({ series: all });

describe('splitRequest', () => {
  it('counts series, samples, exemplars and items', () => {
    expect(countRequest(bytesOf(series('a', 3), series('b', 1, 2)))).toEqual({ series: 2, samples: 4, exemplars: 2, items: 6 });
  });

  it('leaves a request that fits in one piece, byte for byte', () => {
    const bytes = bytesOf(series('a', 2), series('b', 2));
    const pieces = splitRequest(bytes, { bytes: bytes.length, items: 4 });
    expect(pieces.map((piece) => Buffer.from(piece.bytes).equals(bytes))).toEqual([true]);
  });

  it('never has more items in a piece than allowed, cutting inside a series', () => {
    const pieces = splitRequest(bytesOf(series('a', 5), series('b', 1)), { bytes: Infinity, items: 2 });
    expect(pieces.map((piece) => piece.samples)).toEqual([2, 2, 2]);
  });

  it('never has more bytes in a piece than allowed', () => {
    const pieces = splitRequest(bytesOf(series('a', 50), series('b', 50), series('c', 1)), { bytes: 300, items: Infinity });
    expect(pieces.every((piece) => piece.bytes.length <= 300)).toBe(true);
  });

  it('lets a single item be larger than the limit', () => {
    expect(splitRequest(bytesOf(series('a'.repeat(500), 1)), { bytes: 100, items: Infinity })).toHaveLength(1);
  });

  it('repeats the labels of a series that is cut', () => {
    const [first, second] = splitRequest(bytesOf(series('a', 2)), { bytes: Infinity, items: 1 }).map((piece) => decodeWriteRequest(piece.bytes));
    expect(first!.series[0]!.labels).toEqual(second!.series[0]!.labels);
  });

  it('cuts metadata between entries', () => {
    const metadata = ['a', 'b', 'c'].map((family) => ({ type: 1, family, help: '', unit: '' }));
    const pieces = splitRequest(encodeWriteRequest({ metadata }), { bytes: Infinity, items: 2 });
    expect(pieces.map((piece) => decodeWriteRequest(piece.bytes).metadata.map((entry) => entry.family))).toEqual([['a', 'b'], ['c']]);
  });

  it('keeps every item in order, for 200 random requests and limits, seed 11', () => {
    const random = seededRandom(11);
    const upTo = (most: number) => Math.floor(random.next() * most);
    for (let round = 0; round < 200; round++) {
      const bytes = bytesOf(...Array.from({ length: 1 + upTo(8) }, (_, n) => series(`m${n}${'x'.repeat(upTo(40))}`, 1 + upTo(9), upTo(3))));
      const pieces = splitRequest(bytes, { bytes: 60 + upTo(500), items: 1 + upTo(12) });
      expect(pieces.flatMap((piece) => items(decodeWriteRequest(piece.bytes)))).toEqual(items(decodeWriteRequest(bytes)));
      for (const piece of pieces) expect(countRequest(piece.bytes)).toEqual({ series: piece.series, samples: piece.samples, exemplars: piece.exemplars, items: piece.items });
    }
  });

  it('fails with a code on bytes that are no request', () => {
    expect(() => countRequest(Uint8Array.of(0x0a, 0x50, 1))).toThrow(expect.objectContaining({ code: 'WRITE_REQUEST_DAMAGED' }));
  });
});

describe('halveRequest', () => {
  it('gives two pieces of about half the items', () => {
    expect(halveRequest(bytesOf(series('a', 3), series('b', 2)))!.map((piece) => piece.items)).toEqual([3, 2]);
  });

  it('gives nothing for a request of one item', () => {
    expect(halveRequest(bytesOf(series('a', 1)))).toBeUndefined();
  });
});

describe('halveSeries', () => {
  const names = (pieces: readonly { readonly bytes: Uint8Array }[] | undefined) => pieces?.map((piece) => decodeWriteRequest(piece.bytes).series.map((one) => one.labels[0]![1]).join(''));

  it('gives pieces of about half the items that share no series', () => {
    expect(names(halveSeries(bytesOf(series('a', 2), series('b', 2), series('c', 2), series('d', 2))))).toEqual(['ab', 'cd']);
  });

  it('leaves a series of many samples whole', () => {
    expect(names(halveSeries(bytesOf(series('a', 1), series('b', 50), series('c', 1))))).toEqual(['a', 'b', 'c']);
    expect(names(halveSeries(bytesOf(series('a', 50), series('b', 1))))).toEqual(['a', 'b']);
  });

  it('gives nothing for one series, whatever is in it', () => {
    expect(halveSeries(bytesOf(series('a', 100)))).toBeUndefined();
  });

  it('cuts metadata between entries, and one entry not at all', () => {
    const metadata = ['a', 'b'].map((family) => ({ type: 1, family, help: '', unit: '' }));
    expect([halveSeries(encodeWriteRequest({ metadata }))?.length, halveSeries(encodeWriteRequest({ metadata: metadata.slice(1) }))]).toEqual([2, undefined]);
  });
});

describe('splitFirst', () => {
  it('gives a first piece within the limits and the rest in order', () => {
    const bytes = bytesOf(series('a', 3), series('b', 3), series('c', 3));
    const [first, rest] = splitFirst(bytes, { bytes: Infinity, items: 4 })!;
    expect([first.items, rest.items, [first, rest].flatMap((piece) => items(decodeWriteRequest(piece.bytes)))]).toEqual([3, 6, items(decodeWriteRequest(bytes))]);
  });

  it('cuts only the first series, and that in two', () => {
    const bytes = bytesOf(series('a', 50), series('b', 50));
    const [first, rest] = splitFirst(bytes, { bytes: Infinity, items: 8 })!.map((piece) => decodeWriteRequest(piece.bytes));
    expect([first!.series.map((one) => one.samples.length), rest!.series.map((one) => one.samples.length)]).toEqual([[8], [42, 50]]);
    expect([...items(first!), ...items(rest!)]).toEqual(items(decodeWriteRequest(bytes)));
  });

  it('keeps every item in order, for 200 random requests and limits, seed 12', () => {
    const random = seededRandom(12);
    const upTo = (most: number) => Math.floor(random.next() * most);
    for (let round = 0; round < 200; round++) {
      const bytes = bytesOf(...Array.from({ length: 1 + upTo(8) }, (_, n) => series(`m${n}${'x'.repeat(upTo(40))}`, 1 + upTo(9), upTo(3))));
      const limits = { bytes: 60 + upTo(500), items: 1 + upTo(12) };
      const pieces = splitFirst(bytes, limits) ?? [{ bytes, ...countRequest(bytes) }];
      expect(pieces.flatMap((piece) => items(decodeWriteRequest(piece.bytes)))).toEqual(items(decodeWriteRequest(bytes)));
      const [first] = pieces;
      expect(first.items === 1 || (first.items <= limits.items && first.bytes.length <= limits.bytes)).toBe(true);
    }
  });

  it('gives nothing when everything is within them', () => {
    expect(splitFirst(bytesOf(series('a', 3)), { bytes: Infinity, items: 3 })).toBeUndefined();
  });
});

describe('splitLastSeries', () => {
  const nothing = new Uint8Array(0);
  const told = (bytes: Uint8Array, other: Uint8Array = nothing) => {
    const parts = splitLastSeries(bytes, 2, other);
    return parts && [parts.first, ...parts.rest].map((piece) => decodeWriteRequest(piece.bytes).series.map((one) => `${one.labels[0]![1]}${one.samples.length}`).join(' '));
  };

  it('gives its first items, what is before it, and the rest of it', () => {
    expect(told(bytesOf(series('a', 1), series('b', 3), series('c', 5)))).toEqual(['c2', 'a1 b3', 'c3']);
    expect(told(bytesOf(series('a', 1), series('c', 2)))).toEqual(['c2', 'a1']);
    expect(told(bytesOf(series('c', 3)))).toEqual(['c2', 'c1']);
  });

  it('passes over series of one item: a receiver takes the newest sample of a series again', () => {
    expect(told(bytesOf(series('a', 1), series('b', 3), series('c', 1), series('d', 1)))).toEqual(['b2', 'a1', 'b1', 'c1 d1']);
  });

  it('gives nothing when the series is also elsewhere: its order would be lost', () => {
    expect([told(bytesOf(series('a', 1), series('b', 1), series('a', 1))), told(bytesOf(series('a', 1), series('b', 1)), bytesOf(series('b', 1)))]).toEqual([undefined, undefined]);
  });
});
