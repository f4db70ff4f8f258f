import { describe, expect, test } from 'vitest';
import { parseJsonGroups, parseYamlGroups } from '../../../discovery/groups.ts';
import { fileNameMatcher } from '../../../discovery/file/file.ts';

const origin = { prefix: 'f', labels: [['__meta_filepath', 'f']] as const };
const plain = (groups: ReturnType<typeof parseJsonGroups>) => groups.map((g) => [g.source, g.targets.map((t) => t.get('__address__')), Object.fromEntries(g.labels)]);

test('JSON groups carry source and labels', () =>
  expect(plain(parseJsonGroups('[{"targets":["a:1"],"labels":{"x":"y"}},{}]', origin))).toEqual([
    ['f:0', ['a:1'], { x: 'y', __meta_filepath: 'f' }], ['f:1', [], { __meta_filepath: 'f' }],
  ]));

test('YAML values are text', () =>
  expect(plain(parseYamlGroups('- targets: [a:1, 1.2.3.4:80]\n  labels: {n: 1, f: 1.0, b: yes, e: }\n', origin))).toEqual([
    ['f:0', ['a:1', '1.2.3.4:80'], { n: '1', f: '1.0', b: 'yes', e: '', __meta_filepath: 'f' }],
  ]));

test('an empty document has no groups', () => expect([parseYamlGroups('', origin), parseYamlGroups('# x\n', origin), parseJsonGroups('null', origin)]).toEqual([[], [], []]));

describe('broken JSON', () => {
  test.each([
    ['[null]', 'nil target group item found (index 0)'], ['[{"targets":[],"source":"x"}]', 'unknown field "source"'], ['{}', 'expected a list'], ['[{"targets":[1]}]', 'is not a text'],
    ['[{"labels":{"a":1}}]', 'the value of "a" is not a text'], ['[{"labels":[]}]', 'expected a map'], ['[{"targets":"a"}]', 'expected a list of addresses'], ['[1]', 'expected targets and labels'],
    ['[{"labels":{"":"x"}}]', 'not a valid label name'], ['', 'JSON'],
  ])('%s', (text, problem) => expect(() => parseJsonGroups(text, origin)).toThrow(problem));
});

describe('broken YAML', () => {
  test.each([
    ['- targets: [a]\n  label: {}\n', 'unknown field "label"'], ['-\n', 'nil target group item found (index 0)'], ['- targets: [a]\n  targets: [b]\n', 'already set'], ['a: b', 'expected a list'], ['- [', 'yaml: line'],
  ])('%j', (text, problem) => expect(() => parseYamlGroups(text, origin)).toThrow(problem));
});

test.each([
  ['*.json', 'a.json', true], ['*.json', 'a.yml', false], ['a*.json', 'ab.json', true], ['a*.json', 'ba.json', false], ['a?.yml', 'ab.yml', true], ['[ab].yml', 'b.yml', true],
  ['[^ab].yml', 'b.yml', false], ['a.json', 'axjson', false], ['a+b (1).json', 'a+b (1).json', true], ['*.json', '.a.json', true],
])('%s and %s: %s', (pattern, name, expected) => expect(fileNameMatcher(pattern)(name)).toBe(expected));
