// Lists that are equal from object to object are kept once: pods of one workload have the same labels, the same owner and the same ports, which
// are half of what is kept of a pod. As with strings (intern.ts) the table is bounded by its shape: a newcomer takes over the slot of its hash.
// What comes out has no room to grow either, which lists that were filled one by one have plenty of.

import type { ContainerPort, OwnerReference, Pairs } from './objects.ts';

/** Slots of each table, a power of two. API servers list the pods of a workload one after another, so even one slot would do for many of them. */
const SLOTS = 4096;
const EMPTY: readonly never[] = [];

class SharedLists<T> {
  readonly #slots: (readonly T[])[] = Array.from({ length: SLOTS }, () => EMPTY);
  readonly #hash: (item: T) => number;
  readonly #equals: (a: T, b: T) => boolean;

  constructor(hash: (item: T) => number, equals: (a: T, b: T) => boolean) {
    this.#hash = hash;
    this.#equals = equals;
  }

  share(list: readonly T[]): readonly T[] {
    if (list.length === 0) return EMPTY;
    let hash = list.length;
    for (const item of list) hash = Math.imul(hash, 31) + this.#hash(item);
    const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
    const known = this.#slots[slot]!;
    if (known.length === list.length && known.every((item, i) => this.#equals(item, list[i]!))) return known;
    return (this.#slots[slot] = list.slice());
  }
}

/** Some characters tell most strings apart; equality is checked anyway. */
function textHash(text: string): number {
  const { length } = text;
  if (length === 0) return 7;
  return length + 31 * text.charCodeAt(length - 1) + 961 * text.charCodeAt(length >> 1) + 29791 * text.charCodeAt(length >> 2);
}

const sameText = (a: string, b: string) => a === b;
const labels = new SharedLists<string>(textHash, sameText);
// A table of their own: annotations that differ from pod to pod must not push labels out.
const annotations = new SharedLists<string>(textHash, sameText);
const owners = new SharedLists<OwnerReference>(
  ({ name }) => textHash(name),
  (a, b) => a.name === b.name && a.kind === b.kind && a.controller === b.controller,
);
const ports = new SharedLists<ContainerPort>(
  ({ name, port }) => port + 31 * textHash(name),
  (a, b) => a.port === b.port && a.name === b.name && a.protocol === b.protocol,
);

export const shareLabels = (list: Pairs): Pairs => labels.share(list);
export const shareAnnotations = (list: Pairs): Pairs => annotations.share(list);
export const shareOwners = (list: readonly OwnerReference[]): readonly OwnerReference[] => owners.share(list);
export const sharePorts = (list: readonly ContainerPort[]): readonly ContainerPort[] => ports.share(list);
