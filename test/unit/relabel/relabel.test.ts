import { describe, expect, test } from 'vitest';
import type { RelabelSettings } from '../../../src/relabel/config.ts';
import { describeRule } from '../../../src/relabel/describe.ts';
import { applyRules, compileRules, droppingRule, traceRules } from '../../../src/relabel/relabel.ts';
import { rule } from './rule.ts';

type LabelObject = Readonly<Record<string, string>>;

/** The labels after the rules, or 'dropped'. */
function relabel(labels: LabelObject, rules: readonly Partial<RelabelSettings>[], scheme: 'utf8' | 'legacy' = 'utf8'): LabelObject | 'dropped' {
  const map = new Map(Object.entries(labels));
  return applyRules(compileRules(rules.map(rule), scheme), map) ? Object.fromEntries(map) : 'dropped';
}

type Case = readonly [name: string, labels: LabelObject, rules: readonly Partial<RelabelSettings>[], expected: LabelObject | 'dropped'];

function check(_: string, labels: LabelObject, rules: readonly Partial<RelabelSettings>[], expected: LabelObject | 'dropped'): void {
  expect(relabel(labels, rules)).toEqual(expected);
}

const abc = { a: 'foo', b: 'bar', c: 'baz' };

describe('replace', () => {
  test.each<Case>([
    ['copies the joined values by default', abc, [{ sourceLabels: ['a', 'b'], targetLabel: 'd' }], { ...abc, d: 'foo;bar' }],
    ['puts groups into the replacement', abc, [{ sourceLabels: ['a'], regex: 'f(.*)', targetLabel: 'd', replacement: 'ch${1}-ch${1}' }], { ...abc, d: 'choo-choo' }],
    ['without a match changes nothing', abc, [{ sourceLabels: ['a'], regex: 'o|f', targetLabel: 'd', replacement: 'x' }], abc],
    ['without source labels sets a constant', abc, [{ targetLabel: 'd', replacement: 'x' }], { ...abc, d: 'x' }],
    ['with an empty result removes the label', abc, [{ sourceLabels: ['a'], targetLabel: 'b', replacement: '' }, { sourceLabels: ['gone'], targetLabel: 'c' }], { a: 'foo' }],
    ['missing labels are empty, the separator stays', {}, [{ sourceLabels: ['x', 'y'], targetLabel: 'd' }], { d: ';' }],
    ['puts groups into the target', { a: 'k=v' }, [{ sourceLabels: ['a'], regex: '(.*)=(.*)', targetLabel: 'l_$1', replacement: '$2' }], { a: 'k=v', l_k: 'v' }],
    ['with a target that becomes empty changes nothing', abc, [{ sourceLabels: ['a'], regex: '(x)?.*', targetLabel: '$1', replacement: 'y' }], abc],
    ['`$1x` is the group 1x, which does not exist', abc, [{ sourceLabels: ['a'], targetLabel: 'd', replacement: '$1x' }], abc],
    ['named groups can be used', abc, [{ sourceLabels: ['a'], regex: '(?P<n>fo+)', targetLabel: 'd', replacement: '${n}!' }], { ...abc, d: 'foo!' }],
    ['the empty pattern matches only the empty text', { a: 'x' }, [
      { sourceLabels: ['a'], regex: '', targetLabel: 'd', replacement: '1' }, { sourceLabels: ['b'], regex: '', targetLabel: 'e', replacement: '2' }], { a: 'x', e: '2' }],
    ['`.` matches a newline', { a: 'x\ny' }, [{ sourceLabels: ['a'], regex: 'x.y', targetLabel: 'd', replacement: '1' }], { a: 'x\ny', d: '1' }],
    ['a label removed before can be set again', abc, [{ action: 'labeldrop', regex: 'a' }, { targetLabel: 'a', replacement: 'new' }], { ...abc, a: 'new' }],
    ['every rule sees the result of those before it', abc, [{ sourceLabels: ['a'], targetLabel: 'd' }, { sourceLabels: ['d'], targetLabel: 'e' }], { ...abc, d: 'foo', e: 'foo' }],
    ['{{label}} puts a label in', abc, [{ targetLabel: 'd', replacement: '{{a}}/{{b}}/{{gone}}' }], { ...abc, d: 'foo/bar/' }],
    ['a dollar sign in a label that {{label}} puts in is text', { a: '$1' }, [{ sourceLabels: ['a'], regex: '.(.)', targetLabel: 'd', replacement: '{{a}}-$1' }], { a: '$1', d: '$1-1' }],
  ])('%s', check);
});

test('replace with a target that becomes an invalid name under the legacy scheme changes nothing', () => {
  const rules = [{ sourceLabels: ['a'], targetLabel: 'l_$1', replacement: 'x' }];
  expect(relabel({ a: 'k-1' }, rules, 'legacy')).toEqual({ a: 'k-1' });
  expect(relabel({ a: 'k-1' }, rules, 'utf8')).toEqual({ a: 'k-1', 'l_k-1': 'x' });
});

describe('keep and drop', () => {
  test.each<Case>([
    ['keep drops what does not match', abc, [{ action: 'keep', sourceLabels: ['a'], regex: 'no-match' }], 'dropped'],
    ['keep keeps what matches', abc, [{ action: 'keep', sourceLabels: ['a'], regex: 'f.*' }], abc],
    ['drop drops what matches', abc, [{ action: 'drop', sourceLabels: ['a'], regex: '.*o.*' }], 'dropped'],
    ['drop keeps what does not match', abc, [{ action: 'drop', sourceLabels: ['a'], regex: 'f|o' }], abc],
    ['two missing labels are the separator', {}, [{ action: 'keep', sourceLabels: ['x', 'y'], regex: ';' }], {}],
    ['keepequal keeps equal values', { a: '1', b: '1' }, [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }], { a: '1', b: '1' }],
    ['keepequal drops others', { a: '1', b: '2' }, [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }], 'dropped'],
    ['dropequal drops equal values', { a: '1', b: '1' }, [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }], 'dropped'],
    ['dropequal takes missing labels for empty', {}, [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }], 'dropped'],
    ['dropequal keeps others', { a: '1' }, [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }], { a: '1' }],
  ])('%s', check);
});

describe('hashmod, lowercase, uppercase', () => {
  test.each<Case>([
    ['hashmod of baz modulo 1000 is 976', abc, [{ action: 'hashmod', sourceLabels: ['c'], targetLabel: 'd', modulus: 1000n }], { ...abc, d: '976' }],
    ['hashmod takes newlines as they are', { a: 'foo\nbar' }, [{ action: 'hashmod', sourceLabels: ['a'], targetLabel: 'd', modulus: 1000n }], { a: 'foo\nbar', d: '734' }],
    ['hashmod is exact for large moduli', abc, [{ action: 'hashmod', sourceLabels: ['c'], targetLabel: 'd', modulus: 18446744073709551615n }], { ...abc, d: '16450797887570275976' }],
    ['lowercase and uppercase map single letters', { a: 'İßΣ' }, [
      { action: 'lowercase', sourceLabels: ['a'], targetLabel: 'l' }, { action: 'uppercase', sourceLabels: ['a'], targetLabel: 'u' }], { a: 'İßΣ', l: 'ißσ', u: 'İßΣ' }],
    ['uppercase of nothing removes the label', { b: 'x' }, [{ action: 'uppercase', sourceLabels: ['a'], targetLabel: 'b' }], {}],
  ])('%s', check);
});

describe('label names', () => {
  test.each<Case>([
    ['labelmap copies, and keeps the original', { __meta_a: '1', __meta_b: '2', c: '3' }, [{ action: 'labelmap', regex: '__meta_(.+)' }], { __meta_a: '1', __meta_b: '2', c: '3', a: '1', b: '2' }],
    ['labelmap goes in name order, later ones win', { b: '2', a: '1' }, [{ action: 'labelmap', regex: 'a|b', replacement: 'x' }], { a: '1', b: '2', x: '2' }],
    ['labelmap looks at the labels as they were', { a: '1', aa: '2' }, [{ action: 'labelmap', regex: '(a+)', replacement: 'a$1' }], { a: '1', aa: '1', aaa: '2' }],
    ['labelmap does not check names', { a: '1' }, [{ action: 'labelmap', regex: 'a', replacement: '' }], { a: '1', '': '1' }],
    ['labelmap passes over empty labels', { a: '' }, [{ action: 'labelmap', regex: 'a', replacement: 'b' }], { a: '' }],
    ['labeldrop removes every label whose name matches', abc, [{ action: 'labeldrop', regex: '(a|b.*)' }], { c: 'baz' }],
    ['labelkeep removes every label whose name does not match', abc, [{ action: 'labelkeep', regex: 'a' }], { a: 'foo' }],
  ])('%s', check);
});

describe("vmagent's actions", () => {
  test.each<Case>([
    ['keep_if_equal keeps when all source labels are equal', { a: '1', b: '1' }, [{ action: 'keep_if_equal', sourceLabels: ['a', 'b'] }], { a: '1', b: '1' }],
    ['keep_if_equal drops others', { a: '1', b: '1' }, [{ action: 'keep_if_equal', sourceLabels: ['a', 'b', 'c'] }], 'dropped'],
    ['drop_if_equal drops when all source labels are equal', { a: '1', b: '1' }, [{ action: 'drop_if_equal', sourceLabels: ['a', 'b'] }], 'dropped'],
    ['drop_if_equal keeps others', { a: '1' }, [{ action: 'drop_if_equal', sourceLabels: ['a', 'b'] }], { a: '1' }],
    ['keep_if_contains keeps when the target label contains every value', { t: ',x,y,', a: 'x', b: 'y' }, [
      { action: 'keep_if_contains', sourceLabels: ['a', 'b', 'gone'], targetLabel: 't' }], { t: ',x,y,', a: 'x', b: 'y' }],
    ['keep_if_contains drops others', { t: ',x,', a: 'x', b: 'y' }, [{ action: 'keep_if_contains', sourceLabels: ['a', 'b'], targetLabel: 't' }], 'dropped'],
    ['drop_if_contains drops when the target label contains every value', { t: ',x,', a: 'x' }, [{ action: 'drop_if_contains', sourceLabels: ['a'], targetLabel: 't' }], 'dropped'],
    ['drop_if_contains keeps others', { t: ',x,', a: 'z' }, [{ action: 'drop_if_contains', sourceLabels: ['a'], targetLabel: 't' }], { t: ',x,', a: 'z' }],
    ['keep_metrics looks at the metric name', { __name__: 'up' }, [{ action: 'keep_metrics', regex: 'foo|up' }], { __name__: 'up' }],
    ['keep_metrics drops others', { __name__: 'up' }, [{ action: 'keep_metrics', regex: 'foo' }], 'dropped'],
    ['drop_metrics drops by metric name', { __name__: 'foo' }, [{ action: 'drop_metrics', regex: 'foo' }], 'dropped'],
    ['replace_all replaces every match', { a: 'x-y-z' }, [{ action: 'replace_all', sourceLabels: ['a'], regex: '-', targetLabel: 'b', replacement: '_' }], { a: 'x-y-z', b: 'x_y_z' }],
    ['replace_all uses groups', { a: 'k1=v1;k2=v2' }, [{ action: 'replace_all', sourceLabels: ['a'], regex: '(\\w+)=(\\w+)', targetLabel: 'a', replacement: '$2=$1' }], { a: 'v1=k1;v2=k2' }],
    ['replace_all without a match changes nothing', { a: 'x' }, [{ action: 'replace_all', sourceLabels: ['a'], regex: '-', targetLabel: 'b' }], { a: 'x' }],
    ['labelmap_all renames by every match', { 'a-b-c': '1', d: '2' }, [{ action: 'labelmap_all', regex: '-', replacement: '_' }], { a_b_c: '1', d: '2' }],
    ['labelmap_all may overwrite, in name order', { 'a.b': '2', 'a-b': '1', a_b: '0' }, [{ action: 'labelmap_all', regex: '[.-]', replacement: '_' }], { a_b: '2' }],
    ['labelmap_all with an empty name removes the label', { a: '1', b: '2' }, [{ action: 'labelmap_all', regex: 'a', replacement: '' }], { b: '2' }],
    ['if skips the rule where it does not match', abc, [{ if: ['{a="x"}'], targetLabel: 'd', replacement: '1' }], abc],
    ['one matching selector of if is enough', abc, [{ if: ['{a="x"}', '{b=~"b.*"}'], targetLabel: 'd', replacement: '1' }], { ...abc, d: '1' }],
    ['keep with if keeps what the selector matches', abc, [{ action: 'keep', if: ['{a="foo"}'] }], abc],
    ['keep with if drops what the selector does not match', abc, [{ action: 'keep', if: ['{a="x"}'] }], 'dropped'],
    ['keep_metrics with if drops what the selector does not match', { ...abc, __name__: 'up' }, [{ action: 'keep_metrics', if: ['{a="x"}'] }], 'dropped'],
    ['drop with if drops what the selector matches', abc, [{ action: 'drop', if: ['{a="foo"}'] }], 'dropped'],
    ['drop with if keeps what the selector does not match', abc, [{ action: 'drop', if: ['{a="x"}'] }], abc],
  ])('%s', check);
});

test('the rule that drops a set is told', () => {
  const rules = compileRules([rule({ targetLabel: 'd', replacement: 'x' }), rule({ action: 'drop', sourceLabels: ['d'], regex: 'x' })], 'utf8');
  expect(droppingRule(rules, new Map())).toBe(rules[1]!.rule);
  expect(droppingRule([], new Map())).toBeUndefined();
});

test('a trace has one entry per rule and leaves the input alone', () => {
  const input = new Map([['a', 'x']]);
  const rules = [rule({ sourceLabels: ['a'], targetLabel: 'b' }), rule({ action: 'keep', sourceLabels: ['b'], regex: 'y' }), rule({ targetLabel: 'c', replacement: '1' })];
  expect(traceRules(compileRules(rules, 'utf8'), input)).toEqual([
    { rule: rules[0], output: new Map([['a', 'x'], ['b', 'x']]), keep: true },
    { rule: rules[1], output: new Map(), keep: false },
    { rule: rules[2], output: new Map(), keep: false },
  ]);
  expect(input).toEqual(new Map([['a', 'x']]));
});

test.each<[Partial<RelabelSettings>, string]>([
  [{ action: 'drop', sourceLabels: ['__meta_x'], regex: 'foo' }, 'drop __meta_x =~ foo'],
  [{ action: 'keep', if: ['{a="b"}', 'up'] }, 'keep if {a="b"} or up'],
  [{ action: 'keep', sourceLabels: ['a', 'b'], regex: '' }, 'keep a;b =~ ""'],
  [{ targetLabel: 'env', replacement: 'prod' }, 'env = prod'],
  [{ sourceLabels: ['__address__'], regex: '(.*):.*', targetLabel: 'instance' }, 'instance = $1 where __address__ =~ (.*):.*'],
  [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }, 'keepequal a == b'],
  [{ action: 'uppercase', sourceLabels: ['a'], targetLabel: 'b' }, 'b = uppercase(a)'],
  [{ action: 'labelmap', regex: '__meta_(.+)' }, 'labelmap __meta_(.+) to $1'],
  [{ action: 'labeldrop', regex: 'tmp_.*' }, 'labeldrop tmp_.*'],
  [{ action: 'keep_if_equal', sourceLabels: ['a', 'b'] }, 'keep_if_equal a, b'],
  [{ action: 'drop_if_contains', sourceLabels: ['a', 'b'], targetLabel: 't' }, 'drop_if_contains t: a, b'],
  [{ action: 'drop_metrics', regex: 'go_.*' }, 'drop_metrics go_.*'],
  [{ action: 'replace_all', sourceLabels: ['a'], regex: '-', targetLabel: 'b', replacement: '_' }, 'b = a with - replaced by _'],
])('%j is described', (changes, text) => expect(describeRule(rule(changes))).toBe(text));

test('hashmod is described with its modulus', () => {
  expect(describeRule(rule({ action: 'hashmod', sourceLabels: ['a'], targetLabel: 'b', modulus: 4n }))).toBe('b = hashmod(a, 4)');
});
