// An image while the zstd heap has no room: whatever fails, no series may lose its place, because its samples would be lost in silence.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ImageWriter } from '../../../src/series/image-writer.ts';
import { ByteWriter, encodeLabels } from '../../../src/wire/labels.ts';
import { initZstd } from '../../../src/wire/zstd.ts';

interface Allocator {
  _malloc(this: void, bytes: number): number;
  _free(this: void, pointer: number): void;
}

let codec: Allocator;
let original: Allocator;
let allocated = 0;
beforeAll(async () => {
  await initZstd();
  const require = createRequire(import.meta.url);
  codec = (require(join(dirname(require.resolve('@bokuweb/zstd-wasm')), 'module.js')) as { Module: Allocator }).Module;
  // The codec puts the real functions in place at their first call.
  codec._free(codec._malloc(8));
  original = { _malloc: codec._malloc, _free: codec._free };
});
afterEach(() => void Object.assign(codec, original));

/** The next allocations succeed, the one after them finds no room. */
function failAfter(successes: number): void {
  let left = successes;
  codec._malloc = (bytes) => {
    if (left-- === 0) return 0;
    allocated++;
    return original._malloc(bytes);
  };
  codec._free = (pointer) => {
    allocated--;
    original._free(pointer);
  };
}

const writer = (text: string) => {
  const bytes = new ByteWriter(256);
  encodeLabels(new Map([['__name__', 'm'], ['x', text]]), bytes);
  return bytes;
};
const name = (id: number) => `value ${String(id).padStart(6, '0')}`;
const labelOf = (image: ImageWriter, id: number) => image.labelsAt(image.positionOf(id)).find(([label]) => label === 'x')?.[1];

function filled(series: number): ImageWriter {
  const image = new ImageWriter();
  image.grow(series);
  for (let id = 0; id < series; id++) image.stage(id, writer(name(id)));
  return image;
}

describe('an image without memory', () => {
  test('series that cannot be placed are placed later', () => {
    const image = filled(10);
    failAfter(0);
    expect(() => image.place()).toThrow('no room');
    expect([image.positions, image.positionOf(3)]).toEqual([0, -1]);
    Object.assign(codec, original);
    image.place();
    expect([image.positions, labelOf(image, 3)]).toEqual([10, name(3)]);
  });

  test('a rebuild that fails half way changes nothing and leaves nothing behind', () => {
    const image = filled(20_000);
    image.place();
    for (let id = 0; id < 10_000; id++) image.remove(id);
    const before = image.image;
    for (const successes of [0, 1]) {
      allocated = 0;
      failAfter(successes);
      expect(() => image.rebuildIfWorn()).toThrow('no room');
      expect(allocated).toBe(0);
      Object.assign(codec, original);
      expect([image.image, image.positions, labelOf(image, 15_000)]).toEqual([before, 20_000, name(15_000)]);
    }
    image.rebuildIfWorn();
    expect([image.positions, labelOf(image, 10_000), labelOf(image, 19_999)]).toEqual([10_000, name(10_000), name(19_999)]);
  });
});
