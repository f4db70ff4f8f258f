// The keys of one target's page: which bytes stand for which series. Off-heap, no object per series: a key is 64 bits of keyed
// hash and its length, found through an open-addressing table, and usually not even that, because pages keep their
// order: the key that followed last time is compared first.
//
// Ids are small integers, reused after removal. `capacity` grows by half; all arrays of the cache that are indexed by id
// follow it (see `onGrow`).

import type { KeyHash } from './hash.ts';

const EMPTY = -1;
const FIRST_CAPACITY = 64;

export class KeyTable {
  /** Ids ever used lie below this. */
  used = 0;
  /** Ids in use. */
  count = 0;
  capacity = FIRST_CAPACITY;

  readonly #hash: KeyHash;
  readonly #onGrow: (capacity: number) => void;
  readonly #probe = new Int32Array(2);
  #low = new Int32Array(FIRST_CAPACITY);
  #high = new Int32Array(FIRST_CAPACITY);
  #length = new Uint32Array(FIRST_CAPACITY);
  #slots = new Int32Array(FIRST_CAPACITY * 2).fill(EMPTY);
  #free: number[] = [];

  constructor(hash: KeyHash, onGrow: (capacity: number) => void) {
    this.#hash = hash;
    this.#onGrow = onGrow;
  }

  /** Length of a key in bytes. */
  lengthOf(id: number): number {
    return this.#length[id]!;
  }

  /** Whether the bytes at `start` are the key of `id`. The caller has checked that its length fits. */
  matches(id: number, view: DataView, start: number): boolean {
    const probe = this.#probe;
    this.#hash(view, start, this.#length[id]!, probe);
    return probe[0] === this.#low[id] && probe[1] === this.#high[id];
  }

  /** The id of a key, or -1. */
  find(view: DataView, start: number, length: number): number {
    const probe = this.#probe;
    this.#hash(view, start, length, probe);
    const low = probe[0]!;
    const high = probe[1]!;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const id = slots[slot]!;
      if (id === EMPTY) return -1;
      if (this.#low[id] === low && this.#high[id] === high && this.#length[id] === length) return id;
    }
  }

  /** Adds the key that `find` was just asked for and did not know: it is hashed once for both. */
  addMissing(length: number): number {
    const id = this.#free.pop() ?? this.used++;
    if (id >= this.capacity) this.#grow();
    this.#low[id] = this.#probe[0]!;
    this.#high[id] = this.#probe[1]!;
    this.#length[id] = length;
    this.count++;
    this.#insert(id);
    if (this.count * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2);
    return id;
  }

  /** A place without a key, for series that do not come from the page. */
  addUnkeyed(): number {
    const id = this.#free.pop() ?? this.used++;
    if (id >= this.capacity) this.#grow();
    this.#length[id] = 0;
    return id;
  }

  /** Removes a key, if it has one, and frees its id. */
  remove(id: number): void {
    this.detach(id);
    this.#free.push(id);
  }

  /** Removes the key of an id that stays in use. Later entries of the same chain move up, so that searches still end at a gap. */
  detach(id: number): void {
    if (this.#length[id] === 0) return;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let gap = this.#low[id]! & mask;
    while (slots[gap] !== id) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; slots[slot] !== EMPTY; slot = (slot + 1) & mask) {
      const home = this.#low[slots[slot]!]! & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      slots[gap] = slots[slot]!;
      gap = slot;
    }
    slots[gap] = EMPTY;
    this.#length[id] = 0;
    this.count--;
  }

  #insert(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#low[id]! & mask;
    while (slots[slot] !== EMPTY) slot = (slot + 1) & mask;
    slots[slot] = id;
  }

  #rehash(size: number): void {
    const old = this.#slots;
    this.#slots = new Int32Array(size).fill(EMPTY);
    for (const id of old) if (id !== EMPTY) this.#insert(id);
  }

  #grow(): void {
    this.capacity = Math.ceil((this.capacity * 1.5) / 16) * 16;
    this.#low = grown(this.#low, new Int32Array(this.capacity));
    this.#high = grown(this.#high, new Int32Array(this.capacity));
    this.#length = grown(this.#length, new Uint32Array(this.capacity));
    this.#onGrow(this.capacity);
  }
}

/** A key as text, one character per byte. */
export function keyText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/** Copies a smaller array into a larger one. */
export function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
