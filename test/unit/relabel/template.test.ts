import { expect, test } from 'vitest';
import { expandTemplate, parseTemplate } from '../../../src/relabel/template.ts';

const names = new Map([['name', 2], ['1x', 3]]);
const groups = ['whole', 'one', 'two', 'three'];
const labels = new Map([['pod', 'web-$1'], ['a.b', 'dots']]);

test.each([
  ['$1', 'one'], ['${1}', 'one'], ['$0', 'whole'], ['$name', 'two'], ['${name}x', 'twox'], ['a$1-$2b', 'aone-'], ['${1}${2}', 'onetwo'],
  ['$1x', 'three'], ['$9', ''], ['$unknown', ''], ['$nameé', ''], ['$01', ''], ['$$', '$'], ['$$1', '$1'], ['$$$1', '$one'], ['$', '$'],
  ['a$', 'a$'], ['${', '${'], ['${}', '${}'], ['${1', '${1'], ['${1-}', '${1-}'], ['$-1', '$-1'], ['', ''], ['plain', 'plain'], ['{{pod}}', '{{pod}}'],
])('%s expands to %s', (text, expected) => {
  expect(expandTemplate(parseTemplate(text, names), groups, labels)).toBe(expected);
});

test.each([
  ['{{pod}}', 'web-$1'], ['{{pod}}/$1/{{a.b}}', 'web-$1/one/dots'], ['{{gone}}', ''], ['{{pod', '{{pod'], ['{{', '{{'], ['a}}b', 'a}}b'],
])('with label references, %s expands to %s', (text, expected) => {
  expect(expandTemplate(parseTemplate(text, names, true), groups, labels)).toBe(expected);
});

test('a template without groups and labels is a constant', () => {
  expect(parseTemplate('a$$b', names)).toMatchObject({ constant: 'a$b', usesGroups: false });
  expect(parseTemplate('$unknown', names)).toMatchObject({ constant: '', usesGroups: false });
  expect(parseTemplate('{{pod}}', names, true)).toMatchObject({ constant: undefined, usesGroups: false });
  expect(parseTemplate('$1', names)).toMatchObject({ constant: undefined, usesGroups: true });
});
