// Checks of one rule when the configuration is loaded, with Prometheus' words where it has them. All problems of a rule are told,
// the pattern first, because Prometheus reads that first. Sources: Prometheus model/relabel Config.Validate; for vmagent's
// actions VictoriaMetrics' documentation on relabelling.

import { errorText } from '../model/error.ts';
import { isValidLabelName } from '../model/names.ts';
import type { NameScheme } from '../model/names.ts';
import type { RelabelAction, RelabelSettings } from './config.ts';
import { compileRegex, compileReplacer } from './regex.ts';
import { compileSelector } from './selector.ts';

const DEFAULT_REPLACEMENT = '$1';
const DEFAULT_SEPARATOR = ';';

const NEED_TARGET: readonly RelabelAction[] = [
  'replace', 'hashmod', 'lowercase', 'uppercase', 'keepequal', 'dropequal', 'replace_all', 'keep_if_contains', 'drop_if_contains',
];
const FIXED_REPLACEMENT: readonly RelabelAction[] = ['lowercase', 'uppercase', 'keepequal', 'dropequal'];
/** What the actions without a pattern of their own must not have been given. */
const NO_REGEX: readonly RelabelAction[] = ['keep_if_equal', 'drop_if_equal', 'keep_if_contains', 'drop_if_contains'];

/** Pieces of an identifier mixed with `$n`, `$name` and `${name}`; a digit cannot be first. */
const LEGACY_TEMPLATE = /^(?:[a-zA-Z_]|\$\{\w+\}|\$\w)(?:\w|\$\{\w+\}|\$\w)*$/;

/**
 * Tells everything that is wrong with a rule, in the order in which Prometheus checks. `explicit` holds the snake_case keys that
 * the YAML gives a value; `regex` also when it is null (the empty pattern), other keys with null count as not given.
 */
export function validateRule(rule: RelabelSettings, explicit: ReadonlySet<string>, scheme: NameScheme): string[] {
  return [
    ...readingProblems(rule),
    ...targetProblems(rule, scheme),
    ...replacementProblems(rule, scheme),
    ...fieldProblems(rule, explicit),
    ...extraProblems(rule, explicit),
  ];
}

/** What Prometheus finds while it still reads the YAML, and the selectors of `if`. */
function readingProblems(rule: RelabelSettings): string[] {
  const problems: string[] = [];
  // The decoder lets a null through where the action stands.
  if ((rule.action as string) === '') problems.push('relabel action cannot be empty');
  const searches = rule.action === 'replace_all' || rule.action === 'labelmap_all';
  problems.push(...failure(() => (searches ? compileReplacer(rule.regex) : compileRegex(rule.regex))));
  for (const text of rule.if) problems.push(...failure(() => compileSelector(text)));
  return problems;
}

function failure(attempt: () => unknown): string[] {
  try {
    attempt();
    return [];
  } catch (error) {
    return [errorText(error)];
  }
}

function targetProblems(rule: RelabelSettings, scheme: NameScheme): string[] {
  const { action, targetLabel } = rule;
  const problems: string[] = [];
  if (action === 'hashmod' && rule.modulus === 0n) problems.push('relabel configuration for hashmod requires non-zero modulus');
  if (!NEED_TARGET.includes(action)) return problems;
  if (targetLabel === '') return [...problems, `relabel configuration for ${action} action requires 'target_label' value`];
  const isTemplate = action === 'replace' && targetLabel.includes('$');
  const valid = isTemplate ? isValidTemplate(targetLabel, scheme) : isValidLabelName(targetLabel, scheme);
  if (!valid) problems.push(`${quote(targetLabel)} is invalid 'target_label' for ${action} action`);
  return problems;
}

function isValidTemplate(text: string, scheme: NameScheme): boolean {
  return scheme === 'legacy' ? LEGACY_TEMPLATE.test(text) : isValidLabelName(text, scheme);
}

function replacementProblems(rule: RelabelSettings, scheme: NameScheme): string[] {
  const { action, replacement } = rule;
  if (FIXED_REPLACEMENT.includes(action) && replacement !== DEFAULT_REPLACEMENT) return [`'replacement' can not be set for ${action} action`];
  if (action !== 'labelmap' || isValidTemplate(replacement, scheme)) return [];
  return [`${quote(replacement)} is invalid 'replacement' for labelmap action`];
}

function fieldProblems(rule: RelabelSettings, explicit: ReadonlySet<string>): string[] {
  const { action } = rule;
  const hasOthers = rule.modulus !== 0n || rule.separator !== DEFAULT_SEPARATOR || rule.replacement !== DEFAULT_REPLACEMENT;
  if (action === 'keepequal' || action === 'dropequal') {
    // Prometheus compares the compiled pattern with the default one by identity, so the default written out is refused too.
    if (!hasOthers && !explicit.has('regex')) return [];
    return [`${action} action requires only 'source_labels' and \`target_label\`, and no other fields`];
  }
  if (action !== 'labeldrop' && action !== 'labelkeep') return [];
  // An empty list of source labels is refused like any other.
  if (!hasOthers && rule.targetLabel === '' && !explicit.has('source_labels') && rule.sourceLabels.length === 0) return [];
  return [`${action} action requires only 'regex', and no other fields`];
}

function extraProblems(rule: RelabelSettings, explicit: ReadonlySet<string>): string[] {
  const { action, sourceLabels } = rule;
  const problems: string[] = [];
  if (NO_REGEX.includes(action) && explicit.has('regex')) problems.push(`'regex' can not be set for ${action} action`);
  switch (action) {
    case 'keep_if_equal': case 'drop_if_equal':
      if (sourceLabels.length < 2) problems.push(`relabel configuration for ${action} action requires at least two 'source_labels', found ${sourceLabels.length}`);
      if (rule.targetLabel !== '') problems.push(`'target_label' can not be set for ${action} action`);
      break;
    case 'keep_if_contains': case 'drop_if_contains': case 'replace_all':
      if (sourceLabels.length === 0) problems.push(`relabel configuration for ${action} action requires 'source_labels' value`);
      break;
    case 'keep_metrics': case 'drop_metrics':
      if (rule.if.length === 0 && (rule.regex === '' || !explicit.has('regex'))) problems.push(`relabel configuration for ${action} action requires 'regex' or 'if' value`);
      if (sourceLabels.length > 0) problems.push(`'source_labels' can not be set for ${action} action`);
      break;
    default:
  }
  return problems;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
