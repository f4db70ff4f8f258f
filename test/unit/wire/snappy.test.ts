import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { javascriptSnappy, nativeSnappy, snappyCompress, snappyDecompress, snappyName } from '../../../src/wire/snappy.ts';

const native = nativeSnappy();
const random = seededRandom(20261121);
const texts: Readonly<Record<string, Uint8Array>> = {
  'nothing': new Uint8Array(0),
  'one byte': Uint8Array.of(7),
  'noise': random.bytes(100_000),
  'repetitions': Buffer.from('node_cpu_seconds_total{cpu="0",mode="idle"} '.repeat(20_000)),
};

describe('snappy', () => {
  it('uses the native package where it loads', () => {
    expect(snappyName()).toBe(native === undefined ? 'javascript' : 'native');
  });

  it('has no native codec when the package cannot be loaded', () => {
    const load = () => {
      throw new Error('no binary for this system');
    };
    expect(nativeSnappy(load)).toBeUndefined();
  });

  for (const writer of [native, javascriptSnappy()]) {
    for (const reader of [native, javascriptSnappy()]) {
      if (writer === undefined || reader === undefined) continue;
      for (const [name, bytes] of Object.entries(texts)) {
        it(`${reader.name} reads what ${writer.name} wrote: ${name}`, () => {
          expect(Buffer.from(reader.decompress(writer.compress(bytes))).equals(bytes)).toBe(true);
        });
      }
    }
  }

  it('gives a copy: the input may be overwritten afterwards', () => {
    const bytes = Buffer.from('abcdefgh'.repeat(10));
    const packed = snappyCompress(bytes);
    bytes.fill(0);
    expect(Buffer.from(snappyDecompress(packed)).toString()).toBe('abcdefgh'.repeat(10));
  });

  it('refuses a block that claims more than allowed before expanding it', () => {
    expect(() => snappyDecompress(snappyCompress(texts['repetitions']!), 1000)).toThrow(/claims 880000 bytes, at most 1000/);
  });

  for (const [name, data] of Object.entries({ 'an empty block': new Uint8Array(0), 'a preamble without end': Uint8Array.of(0x80, 0x80), 'a cut block': snappyCompress(texts['noise']!).subarray(0, 500) })) {
    it(`fails with a code on ${name}`, () => {
      expect(() => snappyDecompress(data)).toThrow(expect.objectContaining({ code: 'SNAPPY_DECOMPRESS' }));
    });
  }
});
