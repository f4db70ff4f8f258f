// MD5 (RFC 1321) for `hashmod`. Our own, because systems in FIPS mode take it out of OpenSSL, and it is no secret here: it only spreads
// targets over shards, and must give Prometheus' numbers.

/** Left rotations: four rounds of four, repeated four times each. */
const ROTATIONS = Uint8Array.from(
  [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]].flatMap((round) => [...round, ...round, ...round, ...round]),
);
/** floor(2^32 * |sin(i + 1)|), as the RFC defines them. */
const CONSTANTS = Int32Array.from({ length: 64 }, (_, i) => Math.floor(2 ** 32 * Math.abs(Math.sin(i + 1))) | 0);
/** The word of the block that each step takes. */
const WORDS = Uint8Array.from({ length: 64 }, (_, i) => [i, 5 * i + 1, 3 * i + 5, 7 * i][i >> 4]! % 16);

const state = new Int32Array(4);
const words = new Int32Array(16);
/** Most texts fit in here, so that a digest needs no memory of its own. */
const scratch = Buffer.alloc(1024);

/** The last eight bytes of the digest of the text's UTF-8 bytes, as a big-endian number. */
export function md5LastEightBytes(text: string): bigint {
  const block = padded(text);
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  for (let offset = 0; offset < block.length; offset += 64) addBlock(block, offset);
  return (BigInt(swapped(state[2])) << 32n) | BigInt(swapped(state[3]));
}

/** The text, a one bit, zeros, and the length in bits: whole blocks of 64 bytes. */
function padded(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const total = Math.ceil((bytes + 9) / 64) * 64;
  const block = total <= scratch.length ? scratch.subarray(0, total) : Buffer.allocUnsafe(total);
  block.write(text);
  block[bytes] = 0x80;
  block.fill(0, bytes + 1, total - 8);
  block.writeUInt32LE((bytes << 3) >>> 0, total - 8);
  block.writeUInt32LE(Math.floor(bytes / 2 ** 29), total - 4);
  return block;
}

function addBlock(block: Buffer, offset: number): void {
  for (let i = 0, at = offset; i < 16; i++, at += 4) words[i] = block[at]! | (block[at + 1]! << 8) | (block[at + 2]! << 16) | (block[at + 3]! << 24);
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  for (let i = 0; i < 64; i++) {
    const mixed = (a + mix(i >> 4, b, c, d) + CONSTANTS[i]! + words[WORDS[i]!]!) | 0;
    const rotation = ROTATIONS[i]!;
    a = d;
    d = c;
    c = b;
    b = (b + ((mixed << rotation) | (mixed >>> (32 - rotation)))) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
}

function mix(round: number, b: number, c: number, d: number): number {
  if (round === 0) return (b & c) | (~b & d);
  if (round === 1) return (d & b) | (~d & c);
  return round === 2 ? b ^ c ^ d : c ^ (b | ~d);
}

/** The digest holds its words with the low byte first. */
function swapped(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
