// Entries: the numbers under which answers are remembered. They count up and are never given twice, so that who comes with an old one cannot get another's answer.

import { NO_ENTRY } from './owners.ts';
import type { Node } from './node-owners.ts';

export class Entries {
  readonly #rows = new Map<number, number>();
  readonly #nodes = new Map<number, Node>();
  #next = 0;

  giveRow(at: number): number {
    this.#rows.set(this.#next, at);
    return this.#next++;
  }

  giveNode(node: Node): number {
    this.#nodes.set(this.#next, node);
    return this.#next++;
  }

  row(entry: number): number | undefined {
    return this.#rows.get(entry);
  }

  node(entry: number): Node | undefined {
    return this.#nodes.get(entry);
  }

  nodes(): Iterable<Node> {
    return this.#nodes.values();
  }

  /** The entry stands for another row from now on. */
  move(entry: number, at: number): void {
    if (entry !== NO_ENTRY) this.#rows.set(entry, at);
  }

  /** It answers as absent from now on. NO_ENTRY is none. */
  drop(entry: number): void {
    this.#rows.delete(entry);
    this.#nodes.delete(entry);
  }
}
