// A rule in one short line, for people: the targets page and logs.

import type { RelabelSettings } from './config.ts';

/** For example `drop __meta_x =~ foo`, `instance = $1 where __address__ =~ (.*):.*`, `labeldrop tmp_.*`. */
export function describeRule(rule: RelabelSettings): string {
  const condition = rule.if.length === 0 ? '' : ` if ${rule.if.join(' or ')}`;
  return describeAction(rule) + condition;
}

function describeAction(rule: RelabelSettings): string {
  const { action, regex, replacement, targetLabel } = rule;
  const sources = rule.sourceLabels.join(rule.separator);
  switch (action) {
    case 'replace': return `${targetLabel} = ${quoteEmpty(replacement)}${whereText(rule)}`;
    case 'keep': case 'drop': return isDefaultMatch(rule) ? action : `${action} ${sources} =~ ${quoteEmpty(regex)}`;
    case 'keepequal': case 'dropequal': return `${action} ${sources} == ${targetLabel}`;
    case 'hashmod': return `${targetLabel} = hashmod(${sources}, ${rule.modulus})`;
    case 'lowercase': case 'uppercase': return `${targetLabel} = ${action}(${sources})`;
    case 'labelmap': case 'labelmap_all': return `${action} ${quoteEmpty(regex)} to ${quoteEmpty(replacement)}`;
    case 'labeldrop': case 'labelkeep': case 'keep_metrics': case 'drop_metrics': return `${action} ${quoteEmpty(regex)}`;
    case 'keep_if_equal': case 'drop_if_equal': return `${action} ${rule.sourceLabels.join(', ')}`;
    case 'keep_if_contains': case 'drop_if_contains': return `${action} ${targetLabel}: ${rule.sourceLabels.join(', ')}`;
    default: return `${targetLabel} = ${sources} with ${quoteEmpty(regex)} replaced by ${quoteEmpty(replacement)}`;
  }
}

function whereText(rule: RelabelSettings): string {
  return isDefaultMatch(rule) ? '' : ` where ${rule.sourceLabels.join(rule.separator)} =~ ${quoteEmpty(rule.regex)}`;
}

/** Every value matches, and there is nothing to take from it. */
function isDefaultMatch(rule: RelabelSettings): boolean {
  return rule.sourceLabels.length === 0 && rule.regex === '(.*)';
}

function quoteEmpty(text: string): string {
  return text === '' ? '""' : text;
}
