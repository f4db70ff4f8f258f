// The part of RE2's syntax that the fast paths understand: it parses a pattern that RE2 has already accepted, and says undefined for
// everything it does not know for certain (flags, Unicode classes, word boundaries, repeated groups, odd escapes ...).
// What it knows has the same meaning for JavaScript's RegExp as for RE2; the pattern is never handed over as text, it is
// written anew from the tree.

/** A set of characters: bit c for each ASCII character, and one bit for all others. */
export type CharacterSet = bigint;

export type SubsetNode =
  | { readonly type: 'literal'; readonly text: string }
  | { readonly type: 'set'; readonly set: CharacterSet }
  | { readonly type: 'edge'; readonly at: '^' | '$' }
  | { readonly type: 'group'; readonly captures: boolean; readonly body: SubsetNode }
  | { readonly type: 'sequence'; readonly items: readonly SubsetNode[] }
  | { readonly type: 'choice'; readonly options: readonly SubsetNode[] }
  | { readonly type: 'repeat'; readonly body: SubsetNode; readonly min: number; readonly max: number; readonly lazy: boolean };

export interface Subset {
  readonly root: SubsetNode;
  readonly captures: number;
  readonly names: ReadonlyMap<string, number>;
}

/** The bit of the characters that are not ASCII. */
export const OTHERS: CharacterSet = 1n << 128n;
export const ANY: CharacterSet = (1n << 129n) - 1n;
const DIGITS = range('0', '9');
const WORD = DIGITS | range('a', 'z') | range('A', 'Z') | range('_', '_');
const SPACE = range('\t', '\n') | range('\f', '\r') | range(' ', ' ');
const PERL_SETS: Readonly<Record<string, CharacterSet>> = { d: DIGITS, w: WORD, s: SPACE, D: ANY ^ DIGITS, W: ANY ^ WORD, S: ANY ^ SPACE };
const ESCAPED_CONTROLS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f' };
const PUNCTUATION = /^[!-/:-@[-`{-~]$/;
const REPEAT_COUNT = /^\{(\d{1,4})(,(\d{0,4}))?\}/;
const GROUP_OPENING = /^\((?:\?:|\?s:|\?P?<(\w+)>)?/;
/** Deeper nesting is left to RE2; it also bounds the recursion here. */
const DEPTH_MAX = 20;
/** A longer counted repetition would only be unrolled by RegExp's compiler. */
const REPEAT_MAX = 100;

function range(first: string, last: string): CharacterSet {
  let set = 0n;
  for (let c = first.charCodeAt(0); c <= last.charCodeAt(0); c++) set |= 1n << BigInt(c);
  return set;
}

/** Thrown inside this file only, and always caught in it: one value, because a stack trace for each would be wasted work. */
const OUTSIDE = new Error('outside the subset');

interface Cursor {
  readonly text: string;
  at: number;
  captures: number;
  readonly names: Map<string, number>;
}

/** Parses a pattern, not anchored, that RE2 accepts. Undefined when it is outside the subset. */
export function parseSubset(pattern: string): Subset | undefined {
  if (/\p{Surrogate}/u.test(pattern)) return undefined;
  const cursor: Cursor = { text: pattern, at: 0, captures: 0, names: new Map() };
  try {
    const root = parseChoice(cursor, 0);
    if (cursor.at < pattern.length) return undefined;
    return { root: withoutEdges(root), captures: cursor.captures, names: cursor.names };
  } catch (error) {
    if (error === OUTSIDE) return undefined;
    throw error;
  }
}

/** `^foo$` is `foo`: the whole pattern is anchored anyway. */
function withoutEdges(root: SubsetNode): SubsetNode {
  if (root.type !== 'sequence') return root.type === 'edge' ? { type: 'sequence', items: [] } : root;
  let items = root.items;
  if (items[0]?.type === 'edge' && items[0].at === '^') items = items.slice(1);
  const last = items.at(-1);
  if (last?.type === 'edge' && last.at === '$') items = items.slice(0, -1);
  return items.length === 1 ? items[0]! : { type: 'sequence', items };
}

function parseChoice(cursor: Cursor, depth: number): SubsetNode {
  if (depth > DEPTH_MAX) throw OUTSIDE;
  const options = [parseSequence(cursor, depth)];
  while (cursor.text[cursor.at] === '|') {
    cursor.at++;
    options.push(parseSequence(cursor, depth));
  }
  return options.length === 1 ? options[0]! : { type: 'choice', options };
}

function parseSequence(cursor: Cursor, depth: number): SubsetNode {
  const items: SubsetNode[] = [];
  while (cursor.at < cursor.text.length && !'|)'.includes(cursor.text[cursor.at]!)) items.push(parseItem(cursor, depth));
  return items.length === 1 ? items[0]! : { type: 'sequence', items };
}

function parseItem(cursor: Cursor, depth: number): SubsetNode {
  const body = parseAtom(cursor, depth);
  const count = parseCount(cursor);
  if (count === undefined) return body;
  const lazy = cursor.text[cursor.at] === '?';
  if (lazy) cursor.at++;
  // RE2 would refuse a second operator, so what follows is ours to read again; but not in every spelling.
  if ('*+?{'.includes(cursor.text[cursor.at] ?? ' ')) throw OUTSIDE;
  const one = body.type === 'literal' || body.type === 'set';
  const optionalGroup = body.type === 'group' && count.min === 0 && count.max === 1 && !isNullable(body);
  if (!one && !optionalGroup) throw OUTSIDE;
  return { type: 'repeat', body, ...count, lazy };
}

function parseCount(cursor: Cursor): { min: number; max: number } | undefined {
  const next = cursor.text[cursor.at];
  if (next === '{') return parseBraces(cursor);
  if (next !== '*' && next !== '+' && next !== '?') return undefined;
  cursor.at++;
  return { min: next === '+' ? 1 : 0, max: next === '?' ? 1 : Infinity };
}

function parseBraces(cursor: Cursor): { min: number; max: number } {
  const found = REPEAT_COUNT.exec(cursor.text.slice(cursor.at, cursor.at + 12));
  if (found === null) throw OUTSIDE;
  cursor.at += found[0].length;
  const min = Number(found[1]);
  const max = found[2] === undefined ? min : found[3] === '' ? Infinity : Number(found[3]);
  if (min > REPEAT_MAX || (max > REPEAT_MAX && max !== Infinity)) throw OUTSIDE;
  return { min, max };
}

function parseAtom(cursor: Cursor, depth: number): SubsetNode {
  const c = String.fromCodePoint(cursor.text.codePointAt(cursor.at)!);
  if (c === '(') return parseGroup(cursor, depth);
  if (c === '[') return { type: 'set', set: parseClass(cursor) };
  if (c === '\\') return parseEscape(cursor);
  if ('*+?{'.includes(c)) throw OUTSIDE;
  cursor.at += c.length;
  if (c === '.') return { type: 'set', set: ANY };
  if (c === '^' || c === '$') return { type: 'edge', at: c };
  return { type: 'literal', text: c };
}

function parseGroup(cursor: Cursor, depth: number): SubsetNode {
  const opening = GROUP_OPENING.exec(cursor.text.slice(cursor.at))!;
  const captures = opening[0] === '(' || opening[1] !== undefined;
  cursor.at += opening[0].length;
  if (cursor.text[cursor.at] === '?') throw OUTSIDE;
  if (captures) cursor.captures++;
  if (opening[1] !== undefined) cursor.names.set(opening[1], cursor.captures);
  const body = parseChoice(cursor, depth + 1);
  if (cursor.text[cursor.at] !== ')') throw OUTSIDE;
  cursor.at++;
  return { type: 'group', captures, body };
}

function parseEscape(cursor: Cursor): SubsetNode {
  const c = cursor.text[cursor.at + 1] ?? '';
  cursor.at += 2;
  const set = PERL_SETS[c];
  if (set !== undefined) return { type: 'set', set };
  return { type: 'literal', text: escapedCharacter(c) };
}

function escapedCharacter(c: string): string {
  const control = ESCAPED_CONTROLS[c];
  if (control !== undefined) return control;
  if (!PUNCTUATION.test(c)) throw OUTSIDE;
  return c;
}

/** ASCII members, ranges and \d \w \s; `-` only as first or last member or between two characters. */
function parseClass(cursor: Cursor): CharacterSet {
  cursor.at++;
  const negated = cursor.text[cursor.at] === '^';
  if (negated) cursor.at++;
  let set = 0n;
  for (let first = true; first || cursor.text[cursor.at] !== ']'; first = false) set |= parseMember(cursor, first);
  cursor.at++;
  return negated ? ANY ^ set : set;
}

function parseMember(cursor: Cursor, first: boolean): CharacterSet {
  const low = parseMemberCharacter(cursor);
  if (typeof low === 'bigint') {
    if (cursor.text[cursor.at] === '-') throw OUTSIDE;
    return low;
  }
  if (low === '-' && !first && cursor.text[cursor.at] !== ']') throw OUTSIDE;
  if (cursor.text[cursor.at] !== '-' || cursor.text[cursor.at + 1] === ']') return range(low, low);
  cursor.at++;
  const high = parseMemberCharacter(cursor);
  if (typeof high === 'bigint' || low === '-') throw OUTSIDE;
  return range(low, high);
}

function parseMemberCharacter(cursor: Cursor): string | CharacterSet {
  const c = cursor.text[cursor.at] ?? '[';
  if (c === '[' || c > '\x7f') throw OUTSIDE;
  cursor.at++;
  if (c !== '\\') return c;
  const escaped = cursor.text[cursor.at] ?? '';
  cursor.at++;
  return PERL_SETS[escaped] ?? escapedCharacter(escaped);
}

function isNullable(node: SubsetNode): boolean {
  switch (node.type) {
    case 'literal': case 'set': return false;
    case 'edge': return true;
    case 'group': return isNullable(node.body);
    case 'sequence': return node.items.every(isNullable);
    case 'choice': return node.options.some(isNullable);
    default: return node.min === 0 || isNullable(node.body);
  }
}
