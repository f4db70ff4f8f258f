// What the snapshot keeps of the table: pods that exist and tombstones.

import { NO_ROW, row } from './pod-table.ts';
import type { PodTable } from './pod-table.ts';

export interface KeptPod {
  readonly namespace: string;
  readonly name: string;
  /** See `uidNumber`. */
  readonly uidNumber: number;
  /** What the label said; '' for nothing. */
  readonly owner: string;
  /** '' where it is not known. */
  readonly node: string;
  readonly isRunning: boolean;
  /** How much longer its tombstone stands, milliseconds; undefined: the pod exists. */
  readonly tombstoneMs: number | undefined;
}

/** Older incarnations of a name before newer ones. */
export function* keptPods(table: PodTable, nowMs: number): Generator<KeptPod> {
  for (let at = 0; at < table.used; at++) {
    if (!table.isHead(at)) continue;
    // Most names have one row.
    if (table.older[at] === NO_ROW) {
      if (isKept(table, at)) yield keptPod(table, at, nowMs);
      continue;
    }
    for (const one of chain(table, at).reverse()) if (isKept(table, one)) yield keptPod(table, one, nowMs);
  }
}

function isKept({ state }: PodTable, at: number): boolean {
  return state[at] === row.known || state[at] === row.tombstone;
}

function chain(table: PodTable, head: number): number[] {
  const rows: number[] = [];
  for (let at = head; at !== NO_ROW; at = table.older[at]!) rows.push(at);
  return rows;
}

function keptPod({ space, name, uid, owner, node, isRunning, state, dueMs }: PodTable, at: number, nowMs: number): KeptPod {
  return {
    namespace: space[at]!.name,
    name: name[at]!,
    uidNumber: uid[at]!,
    owner: owner[at]!,
    node: node[at]!,
    isRunning: isRunning[at] === 1,
    tombstoneMs: state[at] === row.tombstone ? Math.max(0, dueMs[at]! - nowMs) : undefined,
  };
}

/** In the order in which rows have to come back: tombstones that end first, then pods that exist. */
export function inOrderOfReturn(pods: readonly KeptPod[]): KeptPod[] {
  return [...pods].sort((a, b) => (a.tombstoneMs ?? Infinity) - (b.tombstoneMs ?? Infinity) || 0);
}
