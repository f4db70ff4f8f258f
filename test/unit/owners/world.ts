// An owner index without a watch: what the API server would tell is told by hand, on a clock that stands still.

import { namespaceRule } from '../../../src/owners/by-namespace.ts';
import { PodIndex } from '../../../src/owners/pod-index.ts';
import type { IndexLimits, PodFact, PodIndexOptions, Refusal } from '../../../src/owners/pod-index.ts';
import { createTestClock } from '../../support/clock.ts';
import type { TestClock } from '../../support/clock.ts';

export interface IndexWorld {
  readonly clock: TestClock;
  readonly index: PodIndex;
  /** Each call of the listener. */
  readonly told: number[][];
  readonly refused: Refusal[];
  readonly counted: { told: number };
}

export const noCounters = { told: () => undefined, refused: () => undefined };

export function createIndex(options: Partial<PodIndexOptions> & { readonly namespace?: string; readonly limits?: IndexLimits } = {}): IndexWorld {
  const clock = createTestClock();
  const refused: Refusal[] = [];
  const counted = { told: 0 };
  const index = new PodIndex({
    clock, hasPods: true, hasNodes: true, followsLabels: false, tombstoneMs: 600_000, waitMs: 15_000,
    ruleOf: namespaceRule(options.namespace),
    counters: { told: (entries) => void (counted.told += entries), refused: (what) => void refused.push(what) },
    ...options,
  });
  const told: number[][] = [];
  index.onChange((entries) => void told.push([...entries]));
  return { clock, index, told, refused, counted };
}

/** `ns/name` with a uid that is the name's by default. */
export function pod(key: string, owner: string, more: Partial<PodFact> = {}): PodFact {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name, uid: `uid-${name}`, owner, node: 'n1', isRunning: true, ...more };
}

/** State and owner of an entry, in a word. */
export function answer(index: PodIndex, entry: number): string {
  return `${index.state(entry)} ${index.owner(entry) ?? '-'}`;
}
