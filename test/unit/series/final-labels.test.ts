import { describe, expect, test } from 'vitest';
import type { Labels } from '../../../src/model/labels.ts';
import { reportLabels } from '../../../src/series/final-labels.ts';

describe('reportLabels', () => {
  const cases: readonly (readonly [string, Labels, Record<string, string>])[] = [
    ['are the target labels and the name', [['instance', 'i'], ['job', 'j']], { __name__: 'up', instance: 'i', job: 'j' }],
    ['lose exported_x to a target label x that sorts behind it', [['exported_n', '1'], ['n', '2']], { __name__: 'up', n: '2' }],
    ['keep exported_x when x sorts before it', [['a', '1'], ['exported_a', '2']], { __name__: 'up', a: '1', exported_a: '2' }],
    ['keep exported_x without a label x', [['exported_n', '1'], ['job', 'j']], { __name__: 'up', exported_n: '1', job: 'j' }],
  ];
  test.each(cases)('%s', (_, target, expected) => expect(Object.fromEntries(reportLabels(target, 'up'))).toEqual(expected));
});
