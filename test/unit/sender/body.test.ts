import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { encodeBody, expandBody, transcodeBody } from '../../../src/sender/body.ts';
import { heap, heapAllocate, heapFree, initZstd, zstdCodec } from '../../../src/wire/zstd.ts';

await initZstd();

const content = { samples: 3, exemplars: 1, metadata: 0, newestMs: 5 };
const text = Buffer.from('node_cpu_seconds_total{cpu="0"} '.repeat(5000));

describe('bodies', () => {
  for (const codec of ['zstd', 'snappy'] as const) {
    it(`${codec}: expanding gives the request back, with its size and counts`, () => {
      const body = encodeBody(text, codec, content);
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
    const body = encodeBody(heap().subarray(pointer, pointer + noise.length), 'zstd', content);
    heapFree(pointer);
    // A comparison of booleans: a failing one of buffers would print them. The native codec writes outside the heap.
    if (zstdCodec() === 'wasm') expect(heap().buffer === before).toBe(false);
    expect(Buffer.from(expandBody(body)).equals(noise)).toBe(true);
  });

  it('transcoding keeps samples and counts', () => {
    const body = transcodeBody(encodeBody(text, 'zstd', content), 'snappy');
    expect([body.codec, Buffer.from(expandBody(body)).equals(text)]).toEqual(['snappy', true]);
    expect(body).toMatchObject(content);
  });

  it('transcoding to the same codec is the same body', () => {
    const body = encodeBody(text, 'zstd', content);
    expect(transcodeBody(body, 'zstd')).toBe(body);
  });
});
