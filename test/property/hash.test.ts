// The hash of series keys: every bit of a key moves about half of the bits of the hash, and keys that look alike (few bits set, counting up,
// blanks, one word changed) do not meet more often than chance has it. Repeat a run with TEST_SEED.

import { describe, expect, test } from 'vitest';
import { createKeyHash } from '../../src/series/hash.ts';
import type { KeyHash } from '../../src/series/hash.ts';
import { seeded, testSeed } from '../unit/exposition/collecting-sink.ts';

const seed = testSeed();

function randomBytes(length: number, random: () => number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

function newHash(random: () => number): KeyHash {
  return createKeyHash(randomBytes(16, random));
}

/** Both halves of many hashes, in the order of the keys. */
class Hashes {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  readonly #hash: KeyHash;
  readonly #out = new Int32Array(2);
  count = 0;

  constructor(hash: KeyHash, capacity: number) {
    this.#hash = hash;
    this.low = new Uint32Array(capacity);
    this.high = new Uint32Array(capacity);
  }

  add(bytes: Uint8Array, length = bytes.length): void {
    this.#hash(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, length, this.#out);
    this.low[this.count] = this.#out[0]!;
    this.high[this.count++] = this.#out[1]!;
  }

  /** Pairs of neighbours in sorted order that are equal, over 64 bits. */
  collisions(): number {
    const joined = Float64Array.from({ length: this.count }, (_, i) => this.low[i]! * 2 ** 21 + (this.high[i]! >>> 11));
    return equalNeighbours(joined.sort());
  }

  /** The same over one half. */
  halfCollisions(half: 'low' | 'high'): number {
    return equalNeighbours(this[half].slice(0, this.count).sort());
  }
}

function equalNeighbours(sorted: Uint32Array | Float64Array): number {
  let equal = 0;
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) equal++;
  return equal;
}

/** Collisions of `count` random 32-bit numbers, with room for ten standard deviations either way. */
function chance32(count: number): readonly [number, number] {
  const expected = (count * (count - 1)) / 2 ** 33;
  const slack = 10 * Math.sqrt(expected) + 5;
  return [expected - slack, expected + slack];
}

const text = new TextEncoder();

/** Families of keys, each of which a weak hash is known to mix badly. */
const families: readonly (readonly [string, number, (add: (bytes: Uint8Array) => void) => void])[] = [
  ['a label value that counts up', 1_500_000, (add) => {
    for (let i = 0; i < 1_500_000; i++) add(text.encode(`container_memory_bytes{pod="web-${i}",namespace="shop"} `));
  }],
  ['two label values that count up', 1_000_000, (add) => {
    for (let i = 0; i < 1000; i++) for (let j = 0; j < 1000; j++) add(text.encode(`b{le="${i}",path="/x/${j}"} `));
  }],
  ['every length of one byte', 2000, (add) => {
    for (let length = 1; length <= 2000; length++) add(new Uint8Array(length).fill(97));
  }],
  ['every length of zeros', 2000, (add) => {
    for (let length = 1; length <= 2000; length++) add(new Uint8Array(length));
  }],
  ['up to three bits in 32 bytes of zeros', 1 + 256 + 32_640 + 2_763_520, (add) => {
    const bytes = new Uint8Array(32);
    const flip = (bit: number) => void (bytes[bit >> 3]! ^= 1 << (bit & 7));
    const rest = (from: number, left: number) => {
      add(bytes);
      for (let bit = from; left > 0 && bit < 256; bit++) {
        flip(bit);
        rest(bit + 1, left - 1);
        flip(bit);
      }
    };
    rest(0, 3);
  }],
  ['one word that counts up, at each place of 48 bytes', 1_200_000, (add) => {
    const bytes = new Uint8Array(48).fill(120);
    const view = new DataView(bytes.buffer);
    for (let word = 0; word < 12; word++) {
      for (let i = 1; i <= 100_000; i++) {
        view.setInt32(word * 4, i, true);
        add(bytes);
      }
      view.setInt32(word * 4, 0x78787878, true);
    }
  }],
];

describe(`the hash of keys (TEST_SEED=${seed})`, () => {
  test.each(families)('%s: no two keys meet', (_, count, produce) => {
    const hashes = new Hashes(newHash(seeded(seed)), count);
    produce((bytes) => hashes.add(bytes));
    expect(hashes.count).toBe(count);
    expect(hashes.collisions()).toBe(0);
    for (const half of ['low', 'high'] as const) {
      const [fewest, most] = chance32(count);
      expect(hashes.halfCollisions(half)).toBeLessThan(most);
      expect(hashes.halfCollisions(half)).toBeGreaterThan(fewest);
    }
  });

  test.each([1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 60, 100])('keys of %i bytes: each bit moves each bit of the hash in about half of the cases', (length) => {
    const random = seeded(seed + length);
    const trials = 2000;
    const bits = Math.min(length * 8, 64);
    const flips = new Uint32Array(bits * 64);
    const [before, after] = [new Int32Array(2), new Int32Array(2)];
    for (let trial = 0; trial < trials; trial++) {
      // Short keys are few: the process' key has to differ, too.
      const hash = newHash(random);
      const bytes = randomBytes(length, random);
      const view = new DataView(bytes.buffer);
      hash(view, 0, length, before);
      for (let b = 0; b < bits; b++) {
        const bit = length * 8 <= 64 ? b : Math.floor((b * length * 8) / bits);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        hash(view, 0, length, after);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        for (let h = 0; h < 64; h++) flips[b * 64 + h]! += ((before[h >> 5]! ^ after[h >> 5]!) >>> (h & 31)) & 1;
      }
    }
    // Seven standard deviations of a fair coin: over some hundred thousand coins a fair hash never gets there.
    const slack = 7 * Math.sqrt(trials / 4);
    const [least, most] = [Math.min(...flips), Math.max(...flips)];
    expect(least).toBeGreaterThan(trials / 2 - slack);
    expect(most).toBeLessThan(trials / 2 + slack);
  });

  test('the bits of the hash are set in half of the keys', () => {
    const hash = newHash(seeded(seed));
    const out = new Int32Array(2);
    const counts = new Uint32Array(64);
    const keys = 100_000;
    for (let i = 0; i < keys; i++) {
      const bytes = text.encode(`m{i="${i}"} `);
      hash(new DataView(bytes.buffer), 0, bytes.length, out);
      for (let h = 0; h < 64; h++) counts[h]! += (out[h >> 5]! >>> (h & 31)) & 1;
    }
    for (const count of counts) expect(Math.abs(count - keys / 2)).toBeLessThan(7 * Math.sqrt(keys / 4));
  });

  test('another process key gives other hashes, and the place in the page does not matter', () => {
    const bytes = text.encode('xxhttp_requests_total{code="200",method="GET"} ');
    const view = new DataView(bytes.buffer);
    const [first, second, moved] = [new Int32Array(2), new Int32Array(2), new Int32Array(2)];
    newHash(seeded(1))(view, 2, bytes.length - 2, first);
    newHash(seeded(2))(view, 2, bytes.length - 2, second);
    const copy = bytes.slice(2);
    newHash(seeded(1))(new DataView(copy.buffer), 0, copy.length, moved);
    expect([...second]).not.toEqual([...first]);
    expect([...moved]).toEqual([...first]);
  });
});
