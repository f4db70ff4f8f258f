// Regular expressions with RE2's rules, as Prometheus uses them: the whole value must match, `.` matches a newline, classes are
// ASCII. The only file that knows re2js, a port of RE2 in linear time, which reads and checks every pattern. Above it lie
// faster ways for the patterns that rules really have; each gives the same answers (a property test compares them):
//
//   1. a literal or a choice of literals       -> a Set
//   2. `foo.*`, `.*foo`, `foo.*bar`, `.*foo.*`, `.+` -> string functions
//   3. what backtracks little, see regex-backtrack.ts -> JavaScript's RegExp, written anew from the parsed tree
//   4. everything else                          -> re2js, with the latest answers remembered
//
// One known difference: two groups with one name are refused, which Go accepts.

import { RE2JS } from 're2js';
import { TributaryError, errorText } from '../model/error.ts';
import { cost, toRegExpSource } from './regex-backtrack.ts';
import { parseSubset } from './regex-subset.ts';
import type { Subset } from './regex-subset.ts';
import { affixOf, affixTest, literalTest, literalsOf } from './regex-text.ts';

/** The text of the whole match at 0, then of each group; '' for a group that took no part. */
export type Groups = readonly string[];

export interface Matcher {
  /** As written, not anchored. */
  readonly pattern: string;
  /** Number of each named group. */
  readonly groupNames: ReadonlyMap<string, number>;
  /** Does the whole value match? */
  matches(value: string): boolean;
  match(value: string): Groups | undefined;
}

export interface Replacer {
  readonly groupNames: ReadonlyMap<string, number>;
  /** Replaces every match in the value, from left to right, by what `expand` makes of its groups. */
  replaceAll(value: string, expand: (groups: Groups) => string): string;
}

/** Compiled patterns kept for the next rule with the same text: generated configurations repeat a few dozen patterns in each of hundreds of jobs. */
const PATTERNS_MAX = 4096;
/** Answers remembered per slow pattern and generation, of which there are two: about 100 kB a pattern at worst with label values of usual length. */
const ANSWERS_MAX = 512;
/** Longer values are not remembered, so that the bound above holds in bytes. */
const REMEMBERED_LENGTH_MAX = 256;
/** RegExp is used for values for which it needs at most so many steps: well under a millisecond. */
const BACKTRACK_STEPS_MAX = 2 ** 18;
/** Keeps RegExp's own stack of choices small, whatever the pattern. */
const BACKTRACK_LENGTH_MAX = 2 ** 16;

const compiled = new Map<string, Matcher>();

/**
 * Compiles a pattern that must match whole values, `^(?s:pattern)$`. Fails with REGEX_INVALID, in the words of Go's regexp
 * package: "error parsing regexp: missing closing ): `^(?s:()$`".
 */
export function compileRegex(pattern: string): Matcher {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const matcher = buildMatcher(pattern);
  if (compiled.size >= PATTERNS_MAX) compiled.delete(compiled.keys().next().value!);
  compiled.set(pattern, matcher);
  return matcher;
}

/** The same without fast paths and memory: the yardstick of tests and benchmarks. */
export function compilePlainRegex(pattern: string): Matcher {
  return plainMatcher(pattern, compileRe2(anchored(pattern)));
}

/** All values that a pattern matches as a whole, when these are literal texts: `a|b` gives a and b, `x[12]` gives x1 and x2. Undefined for any other. */
export function literalValues(pattern: string): readonly string[] | undefined {
  const subset = parseSubset(pattern);
  const literals = subset === undefined ? undefined : literalsOf(subset.root);
  return literals === undefined ? undefined : [...new Set(literals)];
}

/** Compiles a pattern that is looked for anywhere in a value; `.` does not match a newline here, as in vmagent. Fails with REGEX_INVALID. */
export function compileReplacer(pattern: string): Replacer {
  const re2 = compileRe2(pattern);
  return {
    groupNames: namesOf(re2),
    replaceAll: (value, expand) => replaceMatches(re2, value, expand),
  };
}

function anchored(pattern: string): string {
  return `^(?s:${pattern})$`;
}

function compileRe2(text: string): RE2JS {
  try {
    return RE2JS.compile(text);
  } catch (error) {
    throw new TributaryError('REGEX_INVALID', errorText(error), { cause: error });
  }
}

function buildMatcher(pattern: string): Matcher {
  const re2 = compileRe2(anchored(pattern));
  const subset = parseSubset(pattern);
  if (subset === undefined) return rememberingMatcher(pattern, re2);
  // Most rules never need the automaton again: it is made anew for the first value that does.
  let slow: Matcher | undefined;
  const fallback = () => (slow ??= rememberingMatcher(pattern, compileRe2(anchored(pattern))));
  const matches = literalTest(subset) ?? affixTest(subset) ?? backtrackingTest(subset, fallback);
  return { pattern, groupNames: subset.names, matches, match: groupsFunction(subset, matches, fallback) };
}

function plainMatcher(pattern: string, re2: RE2JS): Matcher {
  const groups = re2.groupCount();
  const match = (value: string): Groups | undefined => {
    const matcher = re2.matcher(value);
    if (!matcher.find()) return undefined;
    return Array.from({ length: groups + 1 }, (_, i) => matcher.group(i) ?? '');
  };
  return { pattern, groupNames: namesOf(re2), matches: (value) => re2.test(value), match };
}

function rememberingMatcher(pattern: string, re2: RE2JS): Matcher {
  const plain = plainMatcher(pattern, re2);
  const matches = remembering((value) => plain.matches(value));
  const match = remembering((value) => plain.match(value) ?? null);
  return { pattern, groupNames: plain.groupNames, matches, match: (value) => match(value) ?? undefined };
}

function namesOf(re2: RE2JS): ReadonlyMap<string, number> {
  return new Map(Object.entries(re2.namedGroups()));
}

/** Two generations: when the young one is full it becomes the old one, and what is asked for again moves back. */
function remembering<T extends boolean | Groups | null>(compute: (value: string) => T): (value: string) => T {
  let young = new Map<string, T>();
  let old = new Map<string, T>();
  return (value) => {
    const known = young.get(value);
    if (known !== undefined) return known;
    const answer = old.get(value) ?? compute(value);
    if (value.length > REMEMBERED_LENGTH_MAX) return answer;
    if (young.size >= ANSWERS_MAX) {
      old = young;
      young = new Map();
    }
    young.set(value, answer);
    return answer;
  };
}

function backtrackingTest(subset: Subset, fallback: () => Matcher): (value: string) => boolean {
  const lengthMax = backtrackLengthMax(subset);
  const regExp = new RegExp(`^(?:${toRegExpSource(subset.root, false)})$`, 'su');
  return (value) => (value.length <= lengthMax ? regExp.test(value) : fallback().matches(value));
}

/** The longest value that stays within the steps. */
function backtrackLengthMax(subset: Subset): number {
  const { ways, freedom } = cost(subset.root);
  return Math.min(BACKTRACK_LENGTH_MAX, Math.floor((BACKTRACK_STEPS_MAX / ways) ** (1 / (freedom + 1))));
}

function groupsFunction(subset: Subset, matches: (value: string) => boolean, fallback: () => Matcher): (value: string) => Groups | undefined {
  if (subset.captures === 0) return (value) => (matches(value) ? [value] : undefined);
  const affix = affixOf(subset);
  if (affix?.captured === true) {
    const { prefix, suffix } = affix;
    return (value) => (matches(value) ? [value, value.slice(prefix.length, value.length - suffix.length)] : undefined);
  }
  const lengthMax = backtrackLengthMax(subset);
  const regExp = new RegExp(`^(?:${toRegExpSource(subset.root, true)})$`, 'su');
  return (value) => {
    if (value.length > lengthMax) return fallback().match(value);
    const found = regExp.exec(value);
    return found === null ? undefined : groupsOf(found);
  };
}

/** A plain array: RegExp's own one also holds the input, and undefined for a group that took no part. */
function groupsOf(found: readonly (string | undefined)[]): Groups {
  const groups: string[] = [];
  for (const group of found) groups.push(group ?? '');
  return groups;
}

/** Go's rule for empty matches: one counts unless it touches the match before it. */
function replaceMatches(re2: RE2JS, value: string, expand: (groups: Groups) => string): string {
  const matcher = re2.matcher(value);
  const groups = re2.groupCount();
  let result = '';
  let copied = 0;
  for (let from = 0; from <= value.length && matcher.find(from); ) {
    const start = matcher.start();
    const end = matcher.end();
    result += value.slice(copied, start);
    if (end > copied || start === 0) result += expand(Array.from({ length: groups + 1 }, (_, i) => matcher.group(i) ?? ''));
    copied = end;
    from = end > from ? end : from + ((value.codePointAt(from) ?? 0) > 0xffff ? 2 : 1);
  }
  return result + value.slice(copied);
}
