// Rules of a document that would take all memory are refused; what people write is not.

import { describe, expect, test } from 'vitest';
import { growthProblem } from '../../../../src/destinations/masters/growth.ts';
import type { RelabelSettings } from '../../../../src/relabel/config.ts';
import { applyRules, compileRules } from '../../../../src/relabel/relabel.ts';

const rule = (change: Partial<RelabelSettings>): RelabelSettings => ({ action: 'replace', sourceLabels: ['a'], separator: ';', regex: '(.*)', modulus: 0n, targetLabel: 'a', replacement: '$1', if: [], ...change });
const times = (count: number, ...rules: RelabelSettings[]) => Array.from({ length: count }, () => rules).flat();

describe('refused', () => {
  test.each([
    ['doubling a value', times(40, rule({ replacement: '$1$1' })), 'may make a value'],
    ['doubling it from label to label', times(20, rule({ targetLabel: 'b', replacement: '$1$1' }), rule({ sourceLabels: ['b'], replacement: '$1' })), 'may make a value'],
    ['joining a label with itself', times(20, rule({ sourceLabels: ['a', 'a'] })), 'may make a value'],
    ['doubling it by name of the label', times(40, rule({ replacement: '{{a}}{{a}}' })), 'may make a value'],
    ['doubling whatever label is meant', times(40, rule({ targetLabel: '${1}', replacement: '$1$1' })), 'may make a'],
    ['replacing each letter by the whole', times(2, rule({ action: 'replace_all', regex: '(.)', replacement: '{{a}}' })), 'may make a value'],
    ['writing a novel', times(1, rule({ replacement: 'x'.repeat(65_537) })), 'may make a value'],
    ['doubling the number of labels', times(40, rule({ action: 'labelmap', replacement: 'x$1' })), 'may make 2048 labels'],
    ['doubling names', times(12, rule({ action: 'labelmap', replacement: '$1$1' })), 'may make'],
    ['replacing each letter of names', times(3, rule({ action: 'labelmap_all', regex: '.', replacement: 'xxxxxxxxxx' })), 'may make a name'],
    ['growing by letter case', times(10, rule({ action: 'uppercase' })), 'may make a value'],
  ])('%s', (_what, rules, expected) => expect(growthProblem(rules)?.text).toContain(expected));
});

describe('accepted', () => {
  test.each([
    ['no rules', []],
    ['a hundred that copy', times(100, rule({ sourceLabels: ['b'] }))],
    ['a hundred labels of two each', Array.from({ length: 100 }, (_, i) => rule({ sourceLabels: ['namespace', 'pod'], targetLabel: `l${i}`, replacement: '$1/$1' }))],
    ['two labelmaps', times(2, rule({ action: 'labelmap', regex: 'pod_(.+)' }))],
    ['letters that are replaced', times(1, rule({ action: 'replace_all', regex: '[^a-z]', replacement: '_' }))],
    ['a hundred drops', times(100, rule({ action: 'drop', regex: 'x' }))],
    ['a hash', times(100, rule({ action: 'hashmod', modulus: 7n }))],
  ])('%s', (_what, rules) => expect(growthProblem(rules)).toBeUndefined());
});

test('what is accepted stays below the bound at work', () => {
  const rules = [...times(4, rule({ replacement: '$1$1' })), ...times(2, rule({ action: 'uppercase' })), rule({ sourceLabels: ['a', 'b'], targetLabel: 'c' }), rule({ action: 'labelmap', replacement: 'x_$1' })];
  expect(growthProblem(rules)).toBeUndefined();
  const labels = new Map([['a', 'ΐ'.repeat(64)], ['b', 'y'.repeat(128)]]);
  expect(applyRules(compileRules(rules, 'utf8'), labels)).toBe(true);
  expect(Math.max(...[...labels.values()].map((value) => Buffer.byteLength(value)))).toBeLessThanOrEqual(64 * 1024);
});
