// The pairs in go-regexp.jsonl were computed by Go 1.26's regexp package: hand-picked ones first, then random ones. `groups` and
// `expanded` belong to the anchored pattern, `replacedAll` to the pattern as it stands.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cost, toRegExpSource } from '../../../src/relabel/regex-backtrack.ts';
import { parseSubset } from '../../../src/relabel/regex-subset.ts';
import { compilePlainRegex, compileRegex, compileReplacer } from '../../../src/relabel/regex.ts';
import { expandTemplate, parseTemplate } from '../../../src/relabel/template.ts';

interface GoCase {
  readonly pattern: string;
  readonly value: string;
  readonly error?: string;
  readonly groups: readonly string[] | null;
  readonly template: string;
  readonly expanded?: string;
  readonly replacedAll: string;
}

const goCases = readFileSync(new URL('../../fixtures/relabel/go-regexp.jsonl', import.meta.url), 'utf8')
  .trim().split('\n').map((line) => JSON.parse(line) as GoCase);
const refused = goCases.filter(({ error }) => error !== undefined);
const accepted = goCases.filter(({ error }) => error === undefined);

test.each(refused)('$pattern is refused in the words of Go', ({ pattern, error }) => {
  expect(() => compileRegex(pattern)).toThrow(error);
});

test('a pattern that is refused has the code REGEX_INVALID', () => {
  expect(() => compileRegex('(')).toThrow(expect.objectContaining({ code: 'REGEX_INVALID' }));
});

test.each(accepted)('$pattern on $value gives the groups that Go finds', ({ pattern, value, groups }) => {
  for (const matcher of [compileRegex(pattern), compilePlainRegex(pattern)]) {
    expect(matcher.match(value)).toEqual(groups ?? undefined);
    expect(matcher.matches(value)).toBe(groups !== null);
  }
});

test.each(accepted.filter(({ groups }) => groups !== null))('$pattern on $value expands $template as Go does', ({ pattern, value, template, expanded }) => {
  const matcher = compileRegex(pattern);
  expect(expandTemplate(parseTemplate(template, matcher.groupNames), matcher.match(value)!, new Map())).toBe(expanded);
});

// One pattern is balanced only inside the anchors.
test.each(accepted.filter(({ pattern }) => pattern !== 'a)(?:b'))('$pattern in $value is replaced by $template as Go does', ({ pattern, value, template, replacedAll }) => {
  const replacer = compileReplacer(pattern);
  const parsed = parseTemplate(template, replacer.groupNames);
  expect(replacer.replaceAll(value, (found) => expandTemplate(parsed, found, new Map()))).toBe(replacedAll);
});

describe('fast paths', () => {
  const yes = (pattern: string, ...values: string[]) => [pattern, values, true] as const;
  const no = (pattern: string, ...values: string[]) => [pattern, values, false] as const;
  test.each([
    yes('', ''), no('', 'a'),
    yes('foo|bar|', 'foo', 'bar', ''), no('foo|bar|', 'fooo', 'ba'),
    yes('(?:a|b)c[12]?', 'ac', 'bc2'), no('(?:a|b)c[12]?', 'cc', 'ac3'),
    yes('foo.*', 'foo', 'foo\nbar'), no('foo.*', 'fo', 'xfoo'),
    yes('.*foo', 'foo', 'x\nfoo'), no('.*foo', 'foox'),
    yes('foo.+', 'foo1', 'foo😀'), no('foo.+', 'foo'),
    yes('foo.*bar', 'foobar', 'foo-bar'), no('foo.*foo', 'foo', 'fofoo'),
    yes('.*foo.*', 'foo', 'a foo b'), no('.*foo.*', 'fo o'),
    yes('.+', 'a', '\n', '😀'), no('.+', ''),
    yes('.', '😀', 'a', '\n'), no('.', '', 'ab'),
    yes('^foo$', 'foo'), no('^foo$', 'foo\n'),
    yes('[^a]', '\n', '😀'), no('[^a]', 'a'),
  ])('%s on %j: %s', (pattern, values, expected) => {
    for (const value of values) expect([value, compileRegex(pattern).matches(value)]).toEqual([value, expected]);
  });

  test.each([['(?i)a'], ['\\pL'], ['\\bfoo'], ['(a+)+'], ['(?:a*)*'], ['(ab)*'], ['[[:alpha:]]'], ['[é]'], ['a{101}'], ['a{x}'], ['\\Qa\\E'], ['(?U)a*']])(
    '%s is left to RE2', (pattern) => expect(parseSubset(pattern)).toBeUndefined(),
  );

  test.each([
    ['foo', 1, 0], ['[^:]+:.*', 1, 0], ['(.*):.*', 1, 1], ['(.*)-(.*)-(.*)', 1, 2], ['a|b|c', 3, 0], ['(a|b)(c|d)', 4, 0],
    ['a?a?a', 4, 0], ['a{1,3}a', 3, 0], ['([^:;]+)(?::\\d+)?;(\\d+)', 2, 0], ['([^:]+)(?::\\d+)?;(\\d+)', 2, 1],
  ])('the work for %s is bounded by %d ways and %d free repetitions', (pattern, ways, freedom) => {
    // The second `.*` of `(.*):.*` is followed by the end only, so it has no choice.
    expect(cost(parseSubset(pattern)!.root)).toEqual({ ways, freedom });
  });

  test('a pattern is written anew for RegExp', () => {
    expect(toRegExpSource(parseSubset('(?P<a>[\\w.-]+)/\\d{2,}?|é')!.root, true)).toBe('([\\u{2d}-\\u{2e}0-9A-Z\\u{5f}a-z]+)\\u{2f}[0-9]{2,}?|\\u{e9}'.replace('\\u{5f}', '_'));
  });

  test('values too long to backtrack over are answered by RE2', () => {
    const value = `${'a-'.repeat(20_000)}!`;
    expect(compileRegex('(.*)-(.*)-(.*)-b').matches(value)).toBe(false);
    expect(compileRegex('(.*)-(.*)-(.*)').match(value)?.slice(2)).toEqual(['a', '!']);
  });

  test.each(['(a+)+b', '(.*a){12}b', '(x+x+)+y', '(?:a|aa)+b', '(.*)(.*)(.*)(.*)(.*)b'])('%s does not hang on a long value', (pattern) => {
    expect(compileRegex(pattern).matches('a'.repeat(20_000))).toBe(false);
  });
});

test('answers of slow patterns stay right while older ones are forgotten', () => {
  const matcher = compileRegex('(?i)host-(\\d+)');
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 3000; i++) {
      expect(matcher.match(`HOST-${i}`)?.[1]).toBe(String(i));
      expect(matcher.matches(`node-${i}`)).toBe(false);
    }
  }
});

test('named groups are known by number, in both spellings', () => {
  expect(compileRegex('(?P<a>x)(y)(?<b>z)').groupNames).toEqual(new Map([['a', 1], ['b', 3]]));
  expect(compileRegex('(?i)(?P<a>x)(y)(?<b>z)').groupNames).toEqual(new Map([['a', 1], ['b', 3]]));
});

test('two groups with one name are refused, unlike in Go', () => {
  expect(() => compileRegex('(?P<n>a)|(?P<n>b)')).toThrow('error parsing regexp: duplicate capture group name: `n`');
});
