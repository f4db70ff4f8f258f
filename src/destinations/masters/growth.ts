// What the relabel rules of a document may make of labels, at worst. `replacement: $1$1` doubles a value and `labelmap` doubles their number: forty such rules, one after
// another, would take all memory with the first series, and with it every other master. So lengths are worked out from rule to rule before any of them is applied.

import type { RelabelSettings } from '../../relabel/config.ts';

/** What is assumed of a series that comes in: its labels, and the bytes of a name and of a value. Longer ones grow in proportion. */
const START = { labels: 32, nameBytes: 64, valueBytes: 128 };
/** Five hundred times that is more than any rule for people's eyes needs. */
const MOST = { labels: 1024, nameBytes: 64 * 1024, valueBytes: 64 * 1024 };
/** Three letters in upper case are the most that one in lower case becomes. */
const CASE_GROWTH = 3;

interface Sizes {
  labels: number;
  nameBytes: number;
  /** The longest value of any label. */
  valueBytes: number;
  /** Of labels that no rule has written by name. */
  otherBytes: number;
  /** Of those that one has. */
  readonly byName: Map<string, number>;
}

/** Number of the first rule, from 1, that may make labels too large or too many, and what it does; undefined where none does. */
export function growthProblem(rules: readonly RelabelSettings[]): { readonly rule: number; readonly text: string } | undefined {
  const sizes: Sizes = { ...START, otherBytes: START.valueBytes, byName: new Map() };
  for (const [index, rule] of rules.entries()) {
    grow(rule, sizes);
    if (sizes.labels > MOST.labels) return { rule: index + 1, text: `may make ${sizes.labels} labels of ${START.labels}, expected at most ${MOST.labels}` };
    if (sizes.nameBytes > MOST.nameBytes) return { rule: index + 1, text: `may make a name of ${sizes.nameBytes} bytes of one of ${START.nameBytes}, expected at most ${MOST.nameBytes}` };
    if (sizes.valueBytes > MOST.valueBytes) return { rule: index + 1, text: `may make a value of ${sizes.valueBytes} bytes of one of ${START.valueBytes}, expected at most ${MOST.valueBytes}` };
  }
  return undefined;
}

function grow(rule: RelabelSettings, sizes: Sizes): void {
  const source = sourceBytes(rule, sizes);
  const { replacement, targetLabel } = rule;
  if (rule.action === 'replace') write(targetLabel, expandedBytes(replacement, source, sizes), sizes);
  if (rule.action === 'replace_all') write(targetLabel, source + (source + 1) * expandedBytes(replacement, source, sizes), sizes);
  if (rule.action === 'lowercase' || rule.action === 'uppercase') write(targetLabel, CASE_GROWTH * source, sizes);
  if (rule.action === 'labelmap') {
    sizes.labels *= 2;
    sizes.nameBytes = Math.max(sizes.nameBytes, expandedBytes(replacement, sizes.nameBytes, sizes));
    writeAny(sizes);
  }
  if (rule.action === 'labelmap_all') {
    sizes.nameBytes += (sizes.nameBytes + 1) * expandedBytes(replacement, sizes.nameBytes, sizes);
    writeAny(sizes);
  }
}

/** Any label may have been written: each is as long as the longest. */
function writeAny(sizes: Sizes): void {
  sizes.otherBytes = sizes.valueBytes;
  sizes.byName.clear();
}

/** A rule may not act, so what was there may stay. */
function write(target: string, bytes: number, sizes: Sizes): void {
  sizes.valueBytes = Math.max(sizes.valueBytes, bytes);
  if (isReference.test(target)) {
    sizes.labels++;
    sizes.nameBytes = Math.max(sizes.nameBytes, expandedBytes(target, sizes.valueBytes, sizes));
    return writeAny(sizes);
  }
  if (!sizes.byName.has(target)) sizes.labels++;
  sizes.byName.set(target, Math.max(valueBytes(target, sizes), bytes));
}

function valueBytes(name: string, sizes: Sizes): number {
  return sizes.byName.get(name) ?? sizes.otherBytes;
}

function sourceBytes({ sourceLabels, separator }: RelabelSettings, sizes: Sizes): number {
  return sourceLabels.reduce((sum, name) => sum + valueBytes(name, sizes) + separator.length, 0);
}

const isReference = /\$|\{\{/;

/** `$1`, `${name}` and `{{label}}`: each as long as what it may stand for. */
function expandedBytes(template: string, matched: number, sizes: Sizes): number {
  const groups = template.split('$').length - 1;
  const labels = template.split('{{').length - 1;
  return Buffer.byteLength(template) + groups * matched + labels * sizes.valueBytes;
}
