// The table behind the owner index: a row per incarnation of a pod, in columns, because an object per pod would cost several times as much. Rows of one
// name form a chain that begins with the newest; a map per namespace leads to its beginning.
//
//     'hero-user-a' -> 'train-0' -> row 7 (uid 1f.., known) -> row 3 (uid 9c.., tombstone)
//
// Here is only how rows are kept; what they mean is decided in pod-index.ts.

import { NO_ENTRY } from './owners.ts';

export const NO_ROW = -1;

/** What a row is. */
export const row = { free: 0, waiting: 1, absent: 2, known: 3, tombstone: 4 } as const;
export type RowState = (typeof row)[keyof typeof row];

export interface Space {
  readonly name: string;
  /** By the rule over namespaces. */
  readonly owner: string | undefined;
  /** The newest row of a name. */
  readonly heads: Map<string, number>;
}

const FIRST_CAPACITY = 64;

export class PodTable {
  readonly #ruleOf: (namespace: string) => string | undefined;
  readonly #spaces = new Map<string, Space>();
  readonly #free: number[] = [];
  #used = 0;

  // Columns.
  readonly space: (Space | undefined)[] = [];
  readonly name: string[] = [];
  /** What the label says; '' for nothing. */
  readonly owner: string[] = [];
  /** '' where it is not known. */
  readonly node: string[] = [];
  state = new Uint8Array(FIRST_CAPACITY);
  isRunning = new Uint8Array(FIRST_CAPACITY);
  /** The watch has told of it, not only a snapshot. */
  isConfirmed = new Uint8Array(FIRST_CAPACITY);
  /** See `uidNumber`. */
  uid = new Float64Array(FIRST_CAPACITY);
  /** When a waiting row becomes absent or a tombstone ends, monotonic milliseconds. */
  dueMs = new Float64Array(FIRST_CAPACITY);
  older = new Int32Array(FIRST_CAPACITY);
  /** The entry of those who asked for the newest of the name; at the first row of a chain only. */
  nameEntry = new Int32Array(FIRST_CAPACITY);
  uidEntry = new Int32Array(FIRST_CAPACITY);

  constructor(ruleOf: (namespace: string) => string | undefined) {
    this.#ruleOf = ruleOf;
  }

  /** Rows from 0 to below this may be in use. */
  get used(): number {
    return this.#used;
  }

  /** The newest row of a name. */
  head(namespace: string, name: string): number {
    return this.#spaces.get(namespace)?.heads.get(name) ?? NO_ROW;
  }

  /** Whether the row is in use and the newest of its name. */
  isHead(at: number): boolean {
    return this.space[at]?.heads.get(this.name[at]!) === at;
  }

  find(head: number, uid: number): number {
    let at = head;
    while (at !== NO_ROW && this.uid[at] !== uid) at = this.older[at]!;
    return at;
  }

  /** A new row at the beginning of the chain of its name, or behind the first one. It is `waiting`. */
  add(namespace: string, name: string, uid: number, place: 'first' | 'behind'): number {
    const space = this.#spaceOf(namespace);
    const at = this.#take();
    const head = space.heads.get(name) ?? NO_ROW;
    this.space[at] = space;
    // The name of the chain, so that its rows share one string.
    this.name[at] = head === NO_ROW ? name : this.name[head]!;
    this.owner[at] = '';
    this.node[at] = '';
    this.state[at] = row.waiting;
    this.isRunning[at] = 0;
    this.isConfirmed[at] = 0;
    this.uid[at] = uid;
    this.dueMs[at] = 0;
    this.nameEntry[at] = NO_ENTRY;
    this.uidEntry[at] = NO_ENTRY;
    if (place === 'first' || head === NO_ROW) this.#link(space, at, head);
    else {
      this.older[at] = this.older[head]!;
      this.older[head] = at;
    }
    return at;
  }

  /** Puts a row at the beginning of its chain. The entry by name stays where it was: with the first row. */
  lift(at: number): void {
    const space = this.space[at]!;
    const head = space.heads.get(this.name[at]!)!;
    if (head === at) return;
    this.#cut(at, head);
    this.#link(space, at, head);
  }

  #link(space: Space, at: number, head: number): void {
    this.older[at] = head;
    if (head !== NO_ROW) {
      this.nameEntry[at] = this.nameEntry[head]!;
      this.nameEntry[head] = NO_ENTRY;
    }
    space.heads.set(this.name[at]!, at);
  }

  /** Takes a row out of the chain behind `head`. */
  #cut(at: number, head: number): void {
    let before = head;
    while (this.older[before] !== at) before = this.older[before]!;
    this.older[before] = this.older[at]!;
  }

  /** Gives a row up. Nobody may have an entry of it. */
  remove(at: number): void {
    const space = this.space[at]!;
    const name = this.name[at]!;
    const head = space.heads.get(name)!;
    const next = this.older[at]!;
    if (head !== at) this.#cut(at, head);
    else if (next !== NO_ROW) space.heads.set(name, next);
    else space.heads.delete(name);
    if (space.heads.size === 0) this.#spaces.delete(space.name);
    this.space[at] = undefined;
    this.name[at] = '';
    this.owner[at] = '';
    this.node[at] = '';
    this.state[at] = row.free;
    this.#free.push(at);
  }

  #spaceOf(name: string): Space {
    let space = this.#spaces.get(name);
    if (space === undefined) this.#spaces.set(name, (space = { name, owner: this.#ruleOf(name), heads: new Map() }));
    return space;
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#used === this.state.length) this.#grow(this.#used + Math.max(FIRST_CAPACITY, this.#used >> 1));
    return this.#used++;
  }

  #grow(capacity: number): void {
    this.state = copied(this.state, new Uint8Array(capacity));
    this.isRunning = copied(this.isRunning, new Uint8Array(capacity));
    this.isConfirmed = copied(this.isConfirmed, new Uint8Array(capacity));
    this.uid = copied(this.uid, new Float64Array(capacity));
    this.dueMs = copied(this.dueMs, new Float64Array(capacity));
    this.older = copied(this.older, new Int32Array(capacity));
    this.nameEntry = copied(this.nameEntry, new Int32Array(capacity));
    this.uidEntry = copied(this.uidEntry, new Int32Array(capacity));
  }
}

function copied<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from);
  return into;
}

/**
 * 53 bits of a hash of a uid, 0 for ''. A uid is compared only with those of other incarnations of the same name, so this tells them apart; the text would cost 56
 * bytes a pod. The snapshot holds it: it must not change.
 */
export function uidNumber(uid: string): number {
  if (uid === '') return 0;
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (let i = 0; i < uid.length; i++) {
    const code = uid.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x5bd1e995);
    high ^= high >>> 15;
  }
  return (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0) || 1;
}
