// Patterns that need no regular expression: what they match is a set of texts, or told by the beginning and the end of a value.

import { ANY, OTHERS } from './regex-subset.ts';
import type { Subset, SubsetNode } from './regex-subset.ts';

/** Texts in a Set: rules that list hundreds of metric names stay one lookup, and classes cannot multiply without end. */
const LITERALS_MAX = 4096;

/** `foo|bar`, `(?:a|b)c[12]`: all values that match, in a Set. */
export function literalTest(subset: Subset): ((value: string) => boolean) | undefined {
  const literals = literalsOf(subset.root);
  if (literals === undefined) return undefined;
  const only = literals[0];
  if (literals.length === 1) return (value) => value === only;
  const set = new Set(literals);
  return (value) => set.has(value);
}

/** Every text that the node matches, undefined when there are too many. A text may come twice. */
export function literalsOf(node: SubsetNode): readonly string[] | undefined {
  switch (node.type) {
    case 'literal': return [node.text];
    case 'set': return membersOf(node.set);
    case 'edge': return undefined;
    case 'group': return literalsOf(node.body);
    case 'sequence': return node.items.reduce<readonly string[] | undefined>(joinedLiterals, ['']);
    case 'choice': return bounded(flattened(node.options.map(literalsOf)));
    default: return node.max === 1 ? bounded(flattened([literalsOf(node.body), ['']])) : undefined;
  }
}

function membersOf(set: bigint): string[] | undefined {
  if ((set & OTHERS) !== 0n) return undefined;
  return Array.from({ length: 128 }, (_, c) => c).filter((c) => (set & (1n << BigInt(c))) !== 0n).map((c) => String.fromCharCode(c));
}

function joinedLiterals(before: readonly string[] | undefined, item: SubsetNode): readonly string[] | undefined {
  const after = before === undefined ? undefined : literalsOf(item);
  if (before === undefined || after === undefined || before.length * after.length > LITERALS_MAX) return undefined;
  return before.flatMap((head) => after.map((tail) => head + tail));
}

function flattened(lists: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  return lists.some((list) => list === undefined) ? undefined : lists.flatMap((list) => list ?? []);
}

function bounded(literals: readonly string[] | undefined): readonly string[] | undefined {
  return literals !== undefined && literals.length <= LITERALS_MAX ? literals : undefined;
}

/** `prefix.*suffix` with the least number of characters between, and whether the wildcard is the pattern's one capture. */
export interface Affix {
  readonly prefix: string;
  readonly suffix: string;
  readonly between: number;
  readonly captured: boolean;
}

/** String functions for patterns of literals and wildcards: `foo.*`, `.*foo`, `foo.+bar`, `.*foo.*`, `.*`. */
export function affixTest(subset: Subset): ((value: string) => boolean) | undefined {
  const affix = affixOf(subset);
  if (affix === undefined) return containsTest(subset);
  const { prefix, suffix, between } = affix;
  const least = prefix.length + between + suffix.length;
  if (least === 0) return () => true;
  if (suffix === '' && between === 0) return (value) => value.startsWith(prefix);
  return (value) => value.length >= least && value.startsWith(prefix) && value.endsWith(suffix);
}

/** Undefined when the pattern is not literals around one wildcard. */
export function affixOf(subset: Subset): Affix | undefined {
  const items = itemsOf(subset.root);
  const at = items.findIndex((item) => wildcardMin(item) !== undefined);
  const prefix = textOf(items.slice(0, Math.max(at, 0)));
  const suffix = textOf(items.slice(at + 1));
  if (at < 0 || prefix === undefined || suffix === undefined) return undefined;
  return { prefix, suffix, between: wildcardMin(items[at]!)!, captured: subset.captures === 1 && items[at]!.type === 'group' };
}

/** `.*foo.*` */
function containsTest(subset: Subset): ((value: string) => boolean) | undefined {
  const items = itemsOf(subset.root);
  const text = textOf(items.slice(1, -1));
  if (items.length < 3 || text === undefined || wildcardMin(items[0]!) !== 0 || wildcardMin(items.at(-1)!) !== 0) return undefined;
  return (value) => value.includes(text);
}

function itemsOf(node: SubsetNode): readonly SubsetNode[] {
  return node.type === 'sequence' ? node.items : [node];
}

/** 0 for `.*`, 1 for `.+`, in a group or not; undefined for everything else. */
function wildcardMin(node: SubsetNode): 0 | 1 | undefined {
  const inner = node.type === 'group' ? node.body : node;
  if (inner.type !== 'repeat' || inner.max !== Infinity || inner.body.type !== 'set' || inner.body.set !== ANY) return undefined;
  return inner.min === 0 || inner.min === 1 ? inner.min : undefined;
}

function textOf(items: readonly SubsetNode[]): string | undefined {
  let text = '';
  for (const item of items) {
    if (item.type !== 'literal') return undefined;
    text += item.text;
  }
  return text;
}
