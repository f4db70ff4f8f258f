// An owner index in memory, moved by hand: pods come, change and go when a test says so. Behaves as the contract (src/owners/owners.ts) says,
// changes included, which are told at once.

import { NO_ENTRY } from '../../src/owners/owners.ts';
import type { EntryState, OwnerIndex } from '../../src/owners/owners.ts';

interface Entry {
  state: EntryState;
  owner: string | undefined;
  owners: readonly string[];
}

export interface TestOwnersOptions {
  /** First group of it, over whole names, is the owner of a namespace. */
  readonly namespace?: RegExp;
  /** Whether pods have a say; default yes. */
  readonly hasPods?: boolean;
  /** State of pods that were never set; default `unresolved`. */
  readonly unknownState?: 'unresolved' | 'absent';
}

export class TestOwners implements OwnerIndex {
  readonly #options: TestOwnersOptions;
  readonly #ids = new Map<string, number>();
  readonly #entries: Entry[] = [];
  readonly #listeners = new Set<(entries: readonly number[]) => void>();

  constructor(options: TestOwnersOptions = {}) {
    this.#options = options;
  }

  pod(namespace: string, name: string): number {
    return this.#options.hasPods === false ? NO_ENTRY : this.#entry(`pod ${namespace}/${name}`, this.#options.unknownState ?? 'unresolved');
  }

  ownerOfNamespace(name: string): string | undefined {
    return this.#options.namespace?.exec(name)?.[1];
  }

  node(name: string): number {
    return this.#options.hasPods === false ? NO_ENTRY : this.#entry(`node ${name}`, 'known');
  }

  state(entry: number): EntryState {
    return this.#entries[entry]!.state;
  }

  owner(entry: number): string | undefined {
    return this.#entries[entry]!.owner;
  }

  owners(entry: number): readonly string[] {
    return this.#entries[entry]!.owners;
  }

  onChange(listener: (entries: readonly number[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A pod as the watch tells it; `owner` undefined: its label names none. */
  setPod(namespace: string, name: string, owner: string | undefined, state: EntryState = 'known'): void {
    this.#change(`pod ${namespace}/${name}`, { state, owner, owners: [] });
  }

  setNode(name: string, owners: readonly string[]): void {
    this.#change(`node ${name}`, { state: 'known', owner: undefined, owners });
  }

  #change(key: string, next: Entry): void {
    const isAsked = this.#ids.has(key);
    const id = this.#entry(key, 'unresolved');
    const before = this.#entries[id]!;
    this.#entries[id] = next;
    const same = before.state === next.state && before.owner === next.owner && before.owners.join() === next.owners.join();
    if (isAsked && !same) for (const listener of this.#listeners) listener([id]);
  }

  #entry(key: string, state: EntryState): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#entries.push({ state, owner: undefined, owners: [] }) - 1;
    this.#ids.set(key, id);
    return id;
  }
}
