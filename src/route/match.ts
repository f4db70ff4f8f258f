// Selectors of routes and rules, over the labels of a series and its provenance. `__meta_*` and `__owner__` are provenance alone, whatever a page says; of other
// hidden names the series' own label counts first.

import type { LabelMap } from '../model/labels.ts';
import { compileSelector } from '../relabel/selector.ts';
import { META_PREFIX, OWNER } from './subject.ts';
import type { Subject } from './subject.ts';

/** A series at hand: `subject` has looked at its labels. */
export interface Candidate {
  subject: Subject;
  labels: LabelMap;
  /** '' for nobody, or while it is looked for. */
  owner: string;
}

export type Match = (candidate: Candidate) => boolean;

/** Whether any of the selectors matches; without one everything does. Fails with SELECTOR_INVALID. */
export function compileMatch(selectors: readonly string[]): Match {
  const tests = selectors.map((text) => compileSelector(text, lookup));
  const [first] = tests;
  if (first === undefined) return () => true;
  if (tests.length === 1) return first;
  return (candidate) => tests.some((test) => test(candidate));
}

function lookup({ subject, labels, owner }: Candidate, name: string): string | undefined {
  if (!name.startsWith('__')) return labels.get(name);
  if (name === OWNER) return owner;
  if (name.startsWith(META_PREFIX)) return subject.provenance(name);
  return labels.get(name) ?? subject.provenance(name);
}
