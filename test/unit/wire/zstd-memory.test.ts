// What happens when the zstd heap has no room: the call fails, and what was given back is not used again.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { expandedRun } from '../../../src/sender/run-cache.ts';
import { heap, initZstd, zstdCompress, zstdDecompress } from '../../../src/wire/zstd.ts';

interface Allocator {
  _malloc(this: void, bytes: number): number;
}

let codec: Allocator;
let original: Allocator['_malloc'];
beforeAll(async () => {
  await initZstd();
  const require = createRequire(import.meta.url);
  codec = (require(join(dirname(require.resolve('@bokuweb/zstd-wasm')), 'module.js')) as { Module: Allocator }).Module;
  // The codec puts the real function in place at its first call.
  codec._malloc(8);
  original = codec._malloc;
});
afterEach(() => void (codec._malloc = original));

const run = (bytes: number) => {
  const raw = Buffer.alloc(bytes, 'labels');
  return { raw, run: { base: 0, count: 1, rawBytes: bytes, data: zstdCompress(raw, 1) } };
};

/** Room for nothing, and afterwards something that takes the place of what was given back. */
function failOnce(action: () => unknown, bytes: number): void {
  codec._malloc = () => 0;
  expect(action).toThrow('no room');
  codec._malloc = original;
  const other = codec._malloc(bytes);
  heap().fill(0x77, other, other + bytes);
  taken.push({ other, bytes });
}
const taken: { other: number; bytes: number }[] = [];
const untouched = () => taken.every(({ other, bytes }) => heap().subarray(other, other + bytes).every((byte) => byte === 0x77));

describe('a heap without room', () => {
  test('expanding a large run later does not write where the run before it was', () => {
    const [first, larger, second] = [run(300_000), run(900_000), run(290_000)];
    expandedRun(first.run, false);
    failOnce(() => expandedRun(larger.run, false), 300_000);
    const at = expandedRun(second.run, false);
    expect(Buffer.from(heap().subarray(at, at + 290_000)).equals(second.raw)).toBe(true);
    expect(untouched()).toBe(true);
  });

  test('the regions of the codec are not used after they were given back', () => {
    const [first, larger, second] = [run(400_000), run(2_000_000), run(390_000)];
    zstdDecompress(first.run.data, 400_000);
    failOnce(() => zstdDecompress(larger.run.data, 20_000_000), 400_000);
    expect(Buffer.from(zstdDecompress(second.run.data, 390_000)).equals(second.raw)).toBe(true);
    expect(untouched()).toBe(true);
  });
});
