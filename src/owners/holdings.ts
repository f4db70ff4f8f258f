// What owners have: pods and tombstones, and running pods by node. Kept up to date row by row, so that no question walks over the table.

import type { Node, NodeOwners } from './node-owners.ts';
import type { OwnerNames } from './owner-names.ts';
import { row } from './pod-table.ts';
import type { PodTable } from './pod-table.ts';

export interface HoldingsOptions {
  readonly table: PodTable;
  readonly owners: OwnerNames;
  readonly nodes: NodeOwners;
  /** Whether the label of pods has a say beside their namespace. */
  readonly hasPods: boolean;
  readonly hasNodes: boolean;
}

export class Holdings {
  readonly #options: HoldingsOptions;
  readonly #rows = new Int32Array(Object.keys(row).length);
  /** Nodes of which a running pod came or went. */
  readonly movedNodes = new Set<Node>();

  constructor(options: HoldingsOptions) {
    this.#options = options;
  }

  /** Rows in a state. */
  count(state: number): number {
    return this.#rows[state]!;
  }

  /** The row counts from now on, as it is now. */
  add(at: number): void {
    this.#move(at, 1);
  }

  /** The row does not count any more; before it changes. */
  remove(at: number): void {
    this.#move(at, -1);
  }

  #move(at: number, by: 1 | -1): void {
    const { table, owners, nodes, hasPods, hasNodes } = this.#options;
    const state = table.state[at]!;
    this.#rows[state]! += by;
    if (state !== row.known && state !== row.tombstone) return;
    const label = hasPods ? table.owner[at]! : '';
    const owner = owners.of(label === '' ? table.space[at]!.owner : label);
    if (owner === undefined) return;
    if (state === row.known) owner.pods += by;
    else owner.tombstones += by;
    owners.release(owner);
    const node = table.node[at]!;
    if (!hasNodes || node === '' || table.isRunning[at] === 0) return;
    this.movedNodes.add(by > 0 ? nodes.add(node, owner.name) : nodes.remove(node, owner.name));
  }
}
