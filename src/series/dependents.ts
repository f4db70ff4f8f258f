// Which series of a target depend on which index entries, so that a change of an entry finds them. A series remembers one number: the entry itself, or, where a
// decision came from several, the number of a set of entries, counted downwards from -2. Numbers are counted, so that what nobody depends on is forgotten.

import { grown } from './key-table.ts';

const NONE = -1;
const FIRST_SET = -2;

export class Dependents {
  #of = new Int32Array(64).fill(NONE);
  /** Series by number. */
  readonly #counts = new Map<number, number>();
  readonly #sets = new Map<number, readonly number[]>();
  readonly #numberOf = new Map<string, number>();
  #nextSet = FIRST_SET;

  grow(capacity: number): void {
    if (capacity > this.#of.length) this.#of = grown(this.#of, new Int32Array(capacity).fill(NONE));
  }

  /** What the decision about a series came from, in place of what it was. The list may be reused by the caller. */
  set(id: number, entries: readonly number[]): void {
    const number = this.#numberFor(entries);
    const before = this.#of[id]!;
    if (number === before) return;
    this.#of[id] = number;
    if (number !== NONE) this.#counts.set(number, (this.#counts.get(number) ?? 0) + 1);
    if (before !== NONE) this.#release(before);
  }

  remove(id: number): void {
    const before = this.#of[id]!;
    if (before === NONE) return;
    this.#of[id] = NONE;
    this.#release(before);
  }

  #numberFor(entries: readonly number[]): number {
    if (entries.length === 0) return NONE;
    if (entries.length === 1) return entries[0]!;
    const key = entries.join();
    let number = this.#numberOf.get(key);
    if (number === undefined) {
      number = this.#nextSet--;
      this.#numberOf.set(key, number);
      this.#sets.set(number, [...entries]);
    }
    return number;
  }

  #release(number: number): void {
    const left = this.#counts.get(number)! - 1;
    if (left > 0) return void this.#counts.set(number, left);
    this.#counts.delete(number);
    const entries = this.#sets.get(number);
    if (entries === undefined) return;
    this.#sets.delete(number);
    this.#numberOf.delete(entries.join());
  }

  /** Calls back with the ids below `used` that depend on any of these entries. Costs next to nothing when none does. */
  forEach(changed: ReadonlySet<number>, used: number, callback: (id: number) => void): void {
    const numbers = new Set<number>();
    for (const entry of changed) if (this.#counts.has(entry)) numbers.add(entry);
    for (const [number, entries] of this.#sets) if (entries.some((entry) => changed.has(entry))) numbers.add(number);
    if (numbers.size === 0) return;
    for (let id = 0; id < used; id++) if (numbers.has(this.#of[id]!)) callback(id);
  }
}
