import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { javascriptSnappy, nativeSnappy, snappyCompress, snappyDecompress, snappyName, snappyRawBytes, type SnappyCodec } from '../../../src/wire/snappy.ts';

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

  it('refuses a literal of negative length, which the package would read for ever', () => {
    expect(() => javascriptSnappy().decompress(Uint8Array.of(10, 63 << 2, 0xf0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0))).toThrow('breaks off');
  });
  it('refuses a block that makes fewer bytes than it claims', () => {
    expect(() => javascriptSnappy().decompress(Uint8Array.of(10, 0, 65))).toThrow('its elements make 1 bytes, it claims 10');
  });
  it.skipIf(native === undefined)('both codecs agree about damaged blocks (seed 20261129)', () => {
    const chance = seededRandom(20261129);
    const number = (below: number) => Buffer.from(chance.bytes(4)).readUInt32LE() % below;
    const attempt = (codec: SnappyCodec, data: Uint8Array) => {
      try {
        return Buffer.from(codec.decompress(data)).toString('hex');
      } catch {
        return 'refused';
      }
    };
    const source = snappyCompress(Buffer.from('node_cpu_seconds_total{cpu="0",mode="idle"} node_cpu_seconds_total{cpu="1"}'));
    let refused = 0;
    for (let i = 0; i < 5000; i++) {
      const data = Uint8Array.from(source.subarray(0, number(4) === 0 ? number(source.length) : source.length));
      for (let changes = number(3); changes >= 0 && data.length > 0; changes--) data[number(data.length)] = number(256);
      if ((snappyRawBytes(data) ?? 0) > 1024) continue;
      const expected = attempt(native!, data);
      expect(attempt(javascriptSnappy(), data), Buffer.from(data).toString('hex')).toBe(expected);
      if (expected === 'refused') refused++;
    }
    expect(refused).toBeGreaterThan(100);
  });
});
