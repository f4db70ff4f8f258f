// Which owners have a running pod on a node: pods per node and owner are counted, so that one that goes costs no walk over the others.

import { NO_ENTRY } from './owners.ts';

export interface Node {
  readonly name: string;
  /** NO_ENTRY while nobody asked. */
  entry: number;
  /** Running pods by owner. */
  readonly pods: Map<string, number>;
  owners: readonly string[];
  isStale: boolean;
  /** The owners that listeners know of. */
  told: readonly string[];
}

const none: readonly string[] = [];

export class NodeOwners {
  readonly #nodes = new Map<string, Node>();

  get size(): number {
    return this.#nodes.size;
  }

  get(name: string): Node | undefined {
    return this.#nodes.get(name);
  }

  values(): Iterable<Node> {
    return this.#nodes.values();
  }

  of(name: string): Node {
    let node = this.#nodes.get(name);
    if (node === undefined) this.#nodes.set(name, (node = { name, entry: NO_ENTRY, pods: new Map(), owners: none, isStale: false, told: none }));
    return node;
  }

  add(name: string, owner: string): Node {
    const node = this.of(name);
    node.pods.set(owner, (node.pods.get(owner) ?? 0) + 1);
    node.isStale = true;
    return node;
  }

  remove(name: string, owner: string): Node {
    const node = this.of(name);
    const left = (node.pods.get(owner) ?? 0) - 1;
    if (left > 0) node.pods.set(owner, left);
    else node.pods.delete(owner);
    node.isStale = true;
    return node;
  }

  /** Forgets a node of which nothing is left and for which nobody asks. */
  release(node: Node): void {
    if (node.pods.size === 0 && node.entry === NO_ENTRY) this.#nodes.delete(node.name);
  }
}

/** Sorted; the same array until it changes. */
export function ownersOf(node: Node): readonly string[] {
  if (!node.isStale) return node.owners;
  node.isStale = false;
  const owners = [...node.pods.keys()].sort();
  if (owners.length !== node.owners.length || owners.some((owner, i) => owner !== node.owners[i])) node.owners = owners;
  return node.owners;
}
