// Who depends on an object: the endpoints that name a pod, the pods on a node. An event of one object makes exactly those groups again.

import type { Kind } from '../../src/kubernetes/objects.ts';
import type { Reference } from './role.ts';

/** One dependent, which is by far the most frequent case, without the cost of a set: 200 bytes for each of fifty thousand pods. */
type Dependents = string | Set<string>;

export class ReverseIndex {
  readonly #byKind = new Map<Kind, Map<string, Dependents>>();

  /** References to other kinds are not kept. */
  constructor(kinds: Iterable<Kind>) {
    for (const kind of kinds) this.#byKind.set(kind, new Map());
  }

  add(dependent: string, references: Iterable<Reference>): void {
    for (const { kind, key } of references) {
      const index = this.#byKind.get(kind);
      const known = index?.get(key);
      if (known instanceof Set) known.add(dependent);
      else if (known !== dependent) index?.set(key, known === undefined ? dependent : new Set([known, dependent]));
    }
  }

  /** `references` are those that were added. */
  remove(dependent: string, references: Iterable<Reference>): void {
    for (const { kind, key } of references) {
      const index = this.#byKind.get(kind);
      const known = index?.get(key);
      if (known instanceof Set) known.delete(dependent);
      if (known === dependent || (known instanceof Set && known.size === 0)) index?.delete(key);
    }
  }

  dependents(kind: Kind, key: string): Iterable<string> {
    const known = this.#byKind.get(kind)?.get(key);
    if (known === undefined) return [];
    return typeof known === 'string' ? [known] : known;
  }
}
