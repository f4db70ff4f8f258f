// Templates of `replacement` and `target_label`, as Go's Regexp.Expand reads them:
//
//   $1 ${1}     a group by number; without braces the longest run of letters, digits and `_` is the name, so `$1x` is the group `1x`
//   $name       a named group; unknown groups and groups that took no part are empty
//   $$          a dollar sign; a dollar sign with no name behind it stays as it is
//   {{label}}   the value of a label, without source_labels; only where asked for. vmagent has this, in `replacement` of `replace`
//
// vmagent puts label values in before it looks for groups; here a `$` in a label value is never taken for a group.

import type { Groups } from './regex.ts';
import type { LabelMap } from '../model/labels.ts';

/** Text, the number of a group, or a label. */
type Part = string | number | { readonly label: string };

export interface Template {
  /** The text, when it depends on neither groups nor labels. */
  readonly constant: string | undefined;
  readonly usesGroups: boolean;
  readonly parts: readonly Part[];
}

const GROUP_REFERENCE = /\$(?:(\$)|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu;
const LABEL_REFERENCE = /\{\{(.*?)\}\}/su;
/** Go reads a number as one up to nine digits without a leading zero; anything else is a name. */
const GROUP_NUMBER = /^(?:0|[1-9]\d{0,8})$/;

/** Reads a template for a pattern with these named groups. Never fails: what is malformed is text. */
export function parseTemplate(text: string, groupNames: ReadonlyMap<string, number>, withLabels = false): Template {
  const parts: Part[] = [];
  if (withLabels) splitLabels(parts, text, groupNames);
  else splitGroups(parts, text, groupNames);
  const merged = mergeTexts(parts);
  const constant = merged.length === 0 ? '' : merged.length === 1 && typeof merged[0] === 'string' ? merged[0] : undefined;
  return { constant, usesGroups: merged.some((part) => typeof part === 'number'), parts: merged };
}

/** Puts the groups of a match, and the labels, in. */
export function expandTemplate(template: Template, groups: Groups, labels: LabelMap): string {
  if (template.constant !== undefined) return template.constant;
  let result = '';
  for (const part of template.parts) {
    if (typeof part === 'string') result += part;
    else if (typeof part === 'number') result += groups[part] ?? '';
    else result += labels.get(part.label) ?? '';
  }
  return result;
}

function splitLabels(parts: Part[], text: string, groupNames: ReadonlyMap<string, number>): void {
  const found = LABEL_REFERENCE.exec(text);
  if (found === null) return splitGroups(parts, text, groupNames);
  splitGroups(parts, text.slice(0, found.index), groupNames);
  parts.push({ label: found[1]! });
  splitLabels(parts, text.slice(found.index + found[0].length), groupNames);
}

function splitGroups(parts: Part[], text: string, groupNames: ReadonlyMap<string, number>): void {
  let copied = 0;
  for (const found of text.matchAll(GROUP_REFERENCE)) {
    parts.push(text.slice(copied, found.index));
    copied = found.index + found[0].length;
    if (found[1] !== undefined) parts.push('$');
    else pushGroup(parts, found[2] ?? found[3]!, groupNames);
  }
  parts.push(text.slice(copied));
}

function pushGroup(parts: Part[], name: string, groupNames: ReadonlyMap<string, number>): void {
  const group = GROUP_NUMBER.test(name) ? Number(name) : groupNames.get(name);
  if (group !== undefined) parts.push(group);
}

function mergeTexts(parts: readonly Part[]): Part[] {
  const merged: Part[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (typeof part === 'string' && typeof last === 'string') merged[merged.length - 1] = last + part;
    else if (part !== '') merged.push(part);
  }
  return merged;
}
