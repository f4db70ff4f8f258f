// What the beginning of a rule list asks for in so many words: the first `keep` that compares labels with literal texts. Whoever has many rule lists
// over the same label sets can look up which of them may keep a set instead of applying them all. Operators and platform teams generate such
// lists by the hundred, one per namespace or service.

import type { RelabelAction, RelabelSettings } from './config.ts';
import { literalValues } from './regex.ts';

/** A set in which the joined values of the source labels are none of `values` is dropped by the rules, whatever else it holds. */
export interface ExactKeep {
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly values: readonly string[];
}

/** They look at labels and change none. */
const testing: ReadonlySet<RelabelAction> = new Set([
  'keep', 'drop', 'keepequal', 'dropequal', 'keep_if_equal', 'drop_if_equal', 'keep_if_contains', 'drop_if_contains', 'keep_metrics', 'drop_metrics',
]);
/** They write their target label and no other. */
const writing: ReadonlySet<RelabelAction> = new Set(['replace', 'hashmod', 'lowercase', 'uppercase', 'replace_all']);

/**
 * The first such `keep` that sees its labels as they were discovered: rules before it may test labels and write others. `isGiven` tells labels whose
 * value may come from elsewhere than the set, such as the defaults of a job: a rule over these does not count. Undefined without one.
 */
export function exactKeep(rules: readonly RelabelSettings[], isGiven: (label: string) => boolean): ExactKeep | undefined {
  const written = new Set<string>();
  for (const rule of rules) {
    const values = exactValues(rule);
    const isOriginal = rule.sourceLabels.every((name) => !written.has(name) && !isGiven(name));
    if (values !== undefined && isOriginal) return { sourceLabels: rule.sourceLabels, separator: rule.separator, values };
    if (testing.has(rule.action)) continue;
    // A name that is put together from values may be any label's.
    if (!writing.has(rule.action) || rule.targetLabel.includes('$')) return undefined;
    written.add(rule.targetLabel);
  }
  return undefined;
}

function exactValues({ action, sourceLabels, regex, if: selectors }: RelabelSettings): readonly string[] | undefined {
  return action === 'keep' && sourceLabels.length > 0 && selectors.length === 0 ? literalValues(regex) : undefined;
}

/** The text that a `keep` over these labels compares. `valueOf` gives a label's value, undefined or '' where there is none. */
export function joinValues({ sourceLabels, separator }: Omit<ExactKeep, 'values'>, valueOf: (label: string) => string | undefined): string {
  let joined = valueOf(sourceLabels[0] ?? '') ?? '';
  for (let i = 1; i < sourceLabels.length; i++) joined += separator + (valueOf(sourceLabels[i]!) ?? '');
  return joined;
}
