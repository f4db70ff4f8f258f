// Laws of relabelling on random input. The seed is in the names of the tests; SEED=<number> repeats a run.

import { expect, test } from 'vitest';
import { seededRandom } from '../../src/io/random.ts';
import { relabelActions } from '../../src/relabel/config.ts';
import type { RelabelSettings } from '../../src/relabel/config.ts';
import { parseSubset } from '../../src/relabel/regex-subset.ts';
import { compilePlainRegex, compileRegex } from '../../src/relabel/regex.ts';
import { applyRules, compileRules, droppingRule, traceRules } from '../../src/relabel/relabel.ts';
import { validateRule } from '../../src/relabel/validate.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const PATTERNS = 3000;
const VALUES_PER_PATTERN = 8;
const RULE_SETS = 2000;

type Pick = <T>(from: readonly T[]) => T;

function picker(offset: number): { pick: Pick; chance: (p: number) => boolean } {
  const random = seededRandom(seed + offset);
  return {
    pick: (from) => from[Math.floor(random.next() * from.length)]!,
    chance: (p) => random.next() < p,
  };
}

const { pick, chance } = picker(0);

/** Each piece with a text that it matches, so that values come close to matching. */
const pieces: readonly (readonly [pattern: string, ...matching: string[]])[] = [
  ['a', 'a'], ['b', 'b'], ['foo', 'foo'], ['-', '-'], [':', ':'], ['\\.', '.'], ['.', 'x', '\n', '😀', '-'], ['[ab]', 'a', 'b'], ['[^a]', 'b', 'é', '\n'],
  ['\\d', '7'], ['\\w', '_', 'q'], ['\\s', ' ', '\t'], ['\\W', '-', 'é'], ['\\S', 'x'], ['[a-c0-9_]', 'c', '5'], ['é', 'é'], ['😀', '😀'], ['[^:]', '/', '😀'], ['\\/', '/'],
  ['[]a]', ']', 'a'], ['[a-]', '-'], ['[\\w.-]', '.', '-'], ['[^\\d]', 'a'], ['^', ''], ['$', ''], ['', ''], ['(?i)k', 'K', '\u212a'], ['\\pL', 'é'], ['\\b', ''], ['\\Q.\\E', '.'],
];
const repeats: readonly (readonly [pattern: string, ...times: number[]])[] = [
  ['*', 0, 1, 3], ['+', 1, 2, 4], ['?', 0, 1], ['{2}', 2], ['{1,3}', 1, 3], ['{2,}', 2, 5], ['*?', 0, 2], ['+?', 1, 3], ['??', 0, 1],
];

interface Sample {
  readonly pattern: string;
  readonly value: () => string;
}

function randomPattern(depth: number): Sample {
  if (depth === 0 || chance(0.4)) return randomPiece();
  if (chance(0.5)) {
    const parts = Array.from({ length: pick([2, 2, 3]) }, () => randomPattern(depth - 1));
    return { pattern: parts.map((part) => part.pattern).join(''), value: () => parts.map((part) => part.value()).join('') };
  }
  const options = Array.from({ length: pick([1, 2, 3]) }, () => randomPattern(depth - 1));
  const opening = pick(['(', '(?:', '(?s:']);
  const optional = chance(0.25);
  const body = options.map((option) => option.pattern).join('|');
  return { pattern: `${opening}${body})${optional ? '?' : ''}`, value: () => (optional && chance(0.5) ? '' : pick(options).value()) };
}

function randomPiece(): Sample {
  const [piece, ...matching] = pick(pieces);
  if (piece === '' || piece === '^' || piece === '$' || chance(0.6)) return { pattern: piece, value: () => pick(matching) };
  const [repeat, ...times] = pick(repeats);
  const body = piece.length > 1 && !/^[[\\]/.test(piece) ? `(?:${piece})` : piece;
  return { pattern: body + repeat, value: () => Array.from({ length: pick(times) }, () => pick(matching)).join('') };
}

/** A matching value, sometimes with a small change. */
function randomValue(sample: Sample): string {
  const value = sample.value();
  if (chance(0.5)) return value;
  const characters = Array.from(value);
  const at = Math.floor(pick([0, 0.3, 0.6, 0.99]) * characters.length);
  characters.splice(at, chance(0.5) ? 1 : 0, pick(['a', '-', ':', '\n', '😀', '']));
  return characters.join('');
}

test(`fast paths give the answers of RE2 (SEED=${seed})`, () => {
  let fast = 0;
  let matched = 0;
  for (let i = 0; i < PATTERNS; i++) {
    const sample = randomPattern(3);
    const { pattern } = sample;
    const ours = compileRegex(pattern);
    const plain = compilePlainRegex(pattern);
    if (parseSubset(pattern) !== undefined) fast++;
    for (let j = 0; j < VALUES_PER_PATTERN; j++) {
      const value = randomValue(sample);
      const expected = plain.match(value);
      if (expected !== undefined) matched++;
      expect({ pattern, value, groups: ours.match(value), matches: ours.matches(value) })
        .toEqual({ pattern, value, groups: expected, matches: expected !== undefined });
    }
  }
  // The generator is worth something only while it reaches both sides.
  expect(fast).toBeGreaterThan(PATTERNS / 10);
  expect(matched).toBeGreaterThan((PATTERNS * VALUES_PER_PATTERN) / 10);
});

const rules = picker(1);
const names = ['a', 'b', 'c', '__name__', 'x_a'];
const values = ['', 'foo', 'bar', 'a;b', 'UPPER', 'é'];

function randomRule(): RelabelSettings {
  return {
    action: rules.pick(relabelActions),
    sourceLabels: Array.from({ length: rules.pick([1, 2]) }, () => rules.pick(names)),
    separator: rules.pick([';', '']),
    regex: rules.pick(['(.*)', '.*o.*', 'a|b', '(.)(.*)', 'foo', '(?i)upper', '']),
    modulus: 7n,
    targetLabel: rules.pick([...names, 't_$1', 'new']),
    replacement: rules.pick(['$1', 'x', '', '${2}y', '{{a}}']),
    if: rules.chance(0.2) ? [rules.pick(['{a="foo"}', '{b=~".+"}'])] : [],
  };
}

test(`a trace ends where applying ends, and no rule leaves an empty value behind (SEED=${seed})`, () => {
  for (let i = 0; i < RULE_SETS; i++) {
    const settings = Array.from({ length: rules.pick([1, 2, 3, 4]) }, randomRule);
    const compiled = compileRules(settings, 'utf8');
    const input = new Map(names.map((name) => [name, rules.pick(values)] as const).filter(([, value]) => value !== ''));
    const trace = traceRules(compiled, input);
    const labels = new Map(input);
    const keep = applyRules(compiled, labels);
    expect(trace).toHaveLength(settings.length);
    expect(trace.at(-1)).toMatchObject({ keep, output: keep ? labels : new Map() });
    expect(droppingRule(compiled, new Map(input))).toBe(trace.find((step) => !step.keep)?.rule);
    expect([...labels.values()]).not.toContain('');
    for (const rule of settings) expect(Array.isArray(validateRule(rule, new Set(), 'utf8'))).toBe(true);
  }
});
