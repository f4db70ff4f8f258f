// Whose the series of one target are and about which namespace they speak, as routing found it when it decided about them. Counted when a series comes, moves or goes, so that a
// scrape costs nothing: what it brought is shared out by these counts. A series remembers a number; one that nothing was found about is none of these.

import { grown } from './key-table.ts';

/** What routing found about a series; '' where it is nobody's, or about no namespace. */
export interface About {
  readonly owner: string;
  /** `__meta_kubernetes_namespace` as write rules see it: of the pod that the series names where its job speaks about others, else of the target. */
  readonly namespace: string;
}

export interface Share extends About {
  readonly series: number;
}

interface Counted extends About {
  readonly key: string;
  readonly number: number;
  series: number;
}

const NONE = 0;

export class Shares {
  /** Number by id. */
  #of: Uint32Array;
  /** By number. */
  readonly #counted: (Counted | undefined)[] = [undefined];
  /** Numbers given up. */
  readonly #free: number[] = [];
  readonly #byKey = new Map<string, Counted>();

  constructor(capacity: number) {
    this.#of = new Uint32Array(capacity);
  }

  grow(capacity: number): void {
    this.#of = grown(this.#of, new Uint32Array(capacity));
  }

  /** What was found about a series, in place of what it was; undefined: nothing. */
  set(id: number, about: About | undefined): void {
    const before = this.#counted[this.#of[id]!];
    if (about !== undefined && before?.owner === about.owner && before.namespace === about.namespace) return;
    if (before !== undefined) this.#leave(id, before);
    if (about !== undefined) this.#join(id, about);
  }

  *[Symbol.iterator](): Iterator<Share> {
    for (const { owner, namespace, series } of this.#byKey.values()) yield { owner, namespace, series };
  }

  #join(id: number, about: About): void {
    const key = `${about.owner}\u0000${about.namespace}`;
    const counted = this.#byKey.get(key) ?? this.#open(key, about);
    counted.series++;
    this.#of[id] = counted.number;
  }

  #open(key: string, { owner, namespace }: About): Counted {
    const counted = { key, owner, namespace, number: this.#free.pop() ?? this.#counted.length, series: 0 };
    this.#counted[counted.number] = counted;
    this.#byKey.set(key, counted);
    return counted;
  }

  #leave(id: number, counted: Counted): void {
    this.#of[id] = NONE;
    if (--counted.series > 0) return;
    this.#byKey.delete(counted.key);
    this.#counted[counted.number] = undefined;
    this.#free.push(counted.number);
  }
}
