// What to do with a pattern of the subset: how much work a backtracking engine may have with it, and how RegExp spells it.
//
// RegExp backtracks, so `cost` bounds the work for a value of n characters by `ways * n ** (freedom + 1)` steps: a repetition is free
// (it can give characters back in a way that matters) when what follows may begin with a character that it repeats. `[^:]+:.*`
// has no free repetition, `(.*)-(.*)` has one, and nested repetitions are not in the subset at all.

import { ANY, OTHERS } from './regex-subset.ts';
import type { CharacterSet, SubsetNode } from './regex-subset.ts';

/** Upper bound of the steps for n characters: `ways * n ** (freedom + 1)`. */
export interface Cost {
  readonly ways: number;
  readonly freedom: number;
}

function setOf(text: string): CharacterSet {
  return text.charCodeAt(0) < 128 ? 1n << BigInt(text.charCodeAt(0)) : OTHERS;
}

/** The characters with which a match of `node`, or of what follows where it may be empty, can begin. */
function firstOf(node: SubsetNode, following: CharacterSet): CharacterSet {
  switch (node.type) {
    case 'literal': return setOf(node.text);
    case 'set': return node.set;
    case 'edge': return following;
    case 'group': return firstOf(node.body, following);
    case 'sequence': return node.items.reduceRight((next, item) => firstOf(item, next), following);
    case 'choice': return node.options.reduce((set, option) => set | firstOf(option, following), 0n);
    default: return firstOf(node.body, following) | (node.min === 0 ? following : 0n);
  }
}

/** Bounds the work of a backtracking match, see the top of this file. `following`: what may come behind the node. */
export function cost(node: SubsetNode, following: CharacterSet = 0n): Cost {
  switch (node.type) {
    case 'literal': case 'set': case 'edge': return { ways: 1, freedom: 0 };
    case 'group': return cost(node.body, following);
    case 'sequence': return sequenceCost(node.items, following);
    case 'choice': {
      const costs = node.options.map((option) => cost(option, following));
      return { ways: costs.reduce((sum, c) => sum + c.ways, 0), freedom: Math.max(...costs.map((c) => c.freedom)) };
    }
    default: return repeatCost(node, following);
  }
}

function sequenceCost(items: readonly SubsetNode[], following: CharacterSet): Cost {
  let next = following;
  const total = { ways: 1, freedom: 0 };
  for (const item of items.toReversed()) {
    const { ways, freedom } = cost(item, next);
    total.ways *= ways;
    total.freedom += freedom;
    next = firstOf(item, next);
  }
  return total;
}

function repeatCost(node: SubsetNode & { type: 'repeat' }, following: CharacterSet): Cost {
  const body = cost(node.body, following);
  if (node.body.type === 'group') return { ways: body.ways + 1, freedom: body.freedom };
  if (node.min === node.max || (firstOf(node.body, 0n) & following) === 0n) return body;
  return node.max === Infinity ? { ways: 1, freedom: 1 } : { ways: node.max - node.min + 1, freedom: 0 };
}

/** The pattern as RegExp source for the flags `su`, not anchored. Without captures, every group is a plain one. */
export function toRegExpSource(node: SubsetNode, withCaptures: boolean): string {
  switch (node.type) {
    case 'literal': return escapeCharacter(node.text.codePointAt(0)!);
    case 'set': return setSource(node.set);
    case 'edge': return node.at;
    case 'group': return `${node.captures && withCaptures ? '(' : '(?:'}${toRegExpSource(node.body, withCaptures)})`;
    case 'sequence': return node.items.map((item) => toRegExpSource(item, withCaptures)).join('');
    case 'choice': return node.options.map((option) => toRegExpSource(option, withCaptures)).join('|');
    default: return toRegExpSource(node.body, withCaptures) + countSource(node.min, node.max) + (node.lazy ? '?' : '');
  }
}

function countSource(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  return min === 0 && max === 1 ? '?' : `{${min},${max}}`;
}

function escapeCharacter(codePoint: number): string {
  const c = String.fromCodePoint(codePoint);
  return /^\w$/.test(c) ? c : `\\u{${codePoint.toString(16)}}`;
}

/** Sets with the non-ASCII bit are written as what they leave out. */
function setSource(set: CharacterSet): string {
  if (set === ANY) return '.';
  const listed = (set & OTHERS) === 0n ? set : ANY ^ set;
  let members = '';
  for (let c = 0; c < 128; c++) {
    if ((listed & (1n << BigInt(c))) === 0n) continue;
    const first = c;
    while (c < 127 && (listed & (1n << BigInt(c + 1))) !== 0n) c++;
    members += first === c ? escapeCharacter(c) : `${escapeCharacter(first)}-${escapeCharacter(c)}`;
  }
  return listed === set ? `[${members}]` : `[^${members}]`;
}
