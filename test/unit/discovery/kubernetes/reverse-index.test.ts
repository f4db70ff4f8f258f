import { expect, test } from 'vitest';
import { ReverseIndex } from '../../../../discovery/kubernetes/reverse-index.ts';
import type { Kind } from '../../../../src/kubernetes/objects.ts';

const pod = (key: string) => ({ kind: 'pods' as Kind, key });
const dependents = (index: ReverseIndex, key: string) => [...index.dependents('pods', key)];

test('finds everybody who refers to an object, one or many', () => {
  const index = new ReverseIndex(['pods']);
  index.add('e1', [pod('a'), pod('b'), pod('a')]);
  index.add('e2', [pod('a')]);
  expect(['a', 'b', 'c'].map((key) => dependents(index, key))).toEqual([['e1', 'e2'], ['e1'], []]);
});

test('what is removed is not found any more, and the others are', () => {
  const index = new ReverseIndex(['pods']);
  for (const dependent of ['e1', 'e2', 'e3']) index.add(dependent, [pod('a')]);
  index.remove('e2', [pod('a')]);
  expect(dependents(index, 'a')).toEqual(['e1', 'e3']);
  index.remove('e1', [pod('a'), pod('b')]);
  index.remove('e3', [pod('a')]);
  expect(dependents(index, 'a')).toEqual([]);
  index.add('e4', [pod('a')]);
  index.remove('e5', [pod('a')]);
  expect(dependents(index, 'a')).toEqual(['e4']);
});

test('references to kinds that are not watched are not kept', () => {
  const index = new ReverseIndex(['nodes']);
  index.add('e1', [pod('a'), { kind: 'nodes', key: 'n1' }]);
  expect([dependents(index, 'a'), [...index.dependents('nodes', 'n1')]]).toEqual([[], ['e1']]);
});
