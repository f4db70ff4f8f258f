import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { encodeBody, expandBody, transcodeBody } from '../../../src/sender/body.ts';
import { snappyDecompress } from '../../../src/wire/snappy.ts';
import { heap, heapAllocate, heapFree, initZstd, zstdCodec } from '../../../src/wire/zstd.ts';
import { decodeWriteRequest2 } from '../../support/write-request-2.ts';
import { encodeWriteRequest, valueBits } from '../../support/write-request.ts';

await initZstd();

const zstd = { message: '1.0', codec: 'zstd' } as const;
const snappy = { message: '1.0', codec: 'snappy' } as const;
const snappy2 = { message: '2.0', codec: 'snappy' } as const;
const content = { samples: 3, exemplars: 1, metadata: 0, newestMs: 5 };
const text = Buffer.from('node_cpu_seconds_total{cpu="0"} '.repeat(5000));

describe('bodies', () => {
  for (const codec of ['zstd', 'snappy'] as const) {
    it(`${codec}: expanding gives the request back, with its size and counts`, () => {
      const body = encodeBody(text, { message: '1.0', codec }, content);
      expect([Buffer.from(expandBody(body)).equals(text), body.rawBytes]).toEqual([true, text.length]);
      expect(body).toMatchObject({ codec, ...content });
    });
  }

  it('a request on the zstd heap survives that the heap grows while it is compressed', () => {
    // Noise of 24 MiB: the output needs as much again, which the heap does not have yet.
    const noise = seededRandom(5).bytes(24 * 1024 ** 2);
    const pointer = heapAllocate(noise.length);
    heap().set(noise, pointer);
    const before = heap().buffer;
    const body = encodeBody(heap().subarray(pointer, pointer + noise.length), zstd, content);
    heapFree(pointer);
    // A comparison of booleans: a failing one of buffers would print them. The native codec writes outside the heap.
    if (zstdCodec() === 'wasm') expect(heap().buffer === before).toBe(false);
    expect(Buffer.from(expandBody(body)).equals(noise)).toBe(true);
  });

  it('transcoding keeps samples and counts', () => {
    const body = transcodeBody(encodeBody(text, zstd, content), snappy);
    expect([body.codec, Buffer.from(expandBody(body)).equals(text)]).toEqual(['snappy', true]);
    expect(body).toMatchObject(content);
  });

  it('transcoding to the same codec is the same body', () => {
    const body = encodeBody(text, zstd, content);
    expect(transcodeBody(body, zstd)).toBe(body);
  });
});

describe('bodies in 2.0', () => {
  const request = encodeWriteRequest({ series: [{ labels: [['__name__', 'a']], samples: [{ value: valueBits(1), timestampMs: 5 }], exemplars: [] }] });
  const counts = { samples: 1, exemplars: 0, metadata: 0, newestMs: 5 };

  it('have the 1.0 request beside them, and its size', () => {
    const body = encodeBody(request, snappy2, counts);
    expect([body.message, body.rawBytes, Buffer.from(expandBody(body)).equals(request)]).toEqual(['2.0', request.length, true]);
    expect(decodeWriteRequest2(snappyDecompress(body.data)).series[0]!.samples).toEqual([{ value: valueBits(1), timestampMs: 5 }]);
  });

  it('become 1.0 and 2.0 again', () => {
    const body = transcodeBody(transcodeBody(encodeBody(request, snappy2, counts), zstd), snappy2);
    expect([body.message, Buffer.from(expandBody(body)).equals(request)]).toEqual(['2.0', true]);
  });

  it('what 2.0 cannot say stays 1.0', () => {
    const metadata = encodeWriteRequest({ metadata: [{ type: 1, family: 'a', help: 'h', unit: '' }] });
    const body = encodeBody(metadata, snappy2, { ...counts, samples: 0, metadata: 1 });
    expect([body.message, body.only1, transcodeBody(body, snappy2)]).toEqual(['1.0', true, body]);
  });
});

it('a higher zstd level gives fewer bytes', () => {
  const random = seededRandom(3);
  const words = Buffer.from(Array.from({ length: 20_000 }, () => `word${Math.floor(random.next() * 500)} `).join(''));
  expect(encodeBody(words, zstd, content, { level: 12 }).data.length).toBeLessThan(encodeBody(words, zstd, content, { level: 1 }).data.length);
});
