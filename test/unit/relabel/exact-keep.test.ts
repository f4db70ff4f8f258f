import { describe, expect, test } from 'vitest';
import type { RelabelSettings } from '../../../src/relabel/config.ts';
import { exactKeep, joinValues } from '../../../src/relabel/exact-keep.ts';
import { literalValues } from '../../../src/relabel/regex.ts';
import { rule } from '../scrape/support/job.ts';

const keep = (regex: string, ...sourceLabels: string[]) => rule({ action: 'keep', sourceLabels, regex });
const write = (targetLabel: string, changes: Partial<RelabelSettings> = {}) => rule({ sourceLabels: ['x'], targetLabel, ...changes });
const isGiven = (label: string) => label === 'job';

describe('exactKeep', () => {
  test.each<[string, RelabelSettings[], string | undefined]>([
    ['a literal', [keep('team-1', 'ns')], 'ns = team-1'],
    ['a choice of literals', [keep('a|(?:b|c)d', 'ns')], 'ns = a, bd, cd'],
    ['several labels', [keep('a;true', 'ns', 'p')], 'ns;p = a;true'],
    ['anchors are always there', [keep('^a$', 'ns')], 'ns = a'],
    ['an empty value is a value', [keep('', 'ns')], 'ns = '],
    ['a wildcard is no literal', [keep('team-.*', 'ns')], undefined],
    ['a flag is no literal', [keep('(?i)a', 'ns')], undefined],
    ['a drop is no keep', [rule({ action: 'drop', sourceLabels: ['ns'], regex: 'a' })], undefined],
    ['a selector may let others through', [rule({ action: 'keep', sourceLabels: ['ns'], regex: 'a', if: ['{b="c"}'] })], undefined],
    ['without source labels', [keep('a')], undefined],
    ['a label that the job gives', [keep('a', 'job')], undefined],
    ['behind other tests', [keep('.+', 'b'), rule({ action: 'drop', sourceLabels: ['c'], regex: 'd' }), keep('a', 'ns')], 'ns = a'],
    ['behind a test of a given label', [keep('a', 'job'), keep('b', 'ns')], 'ns = b'],
    ['behind a rule that writes another label', [write('other'), keep('a', 'ns')], 'ns = a'],
    ['behind a rule that writes the label', [write('ns'), keep('a', 'ns')], undefined],
    ['behind a rule that writes one of the labels', [write('p', { action: 'lowercase' }), keep('a;b', 'ns', 'p')], undefined],
    ['behind a rule that writes any label', [write('$1'), keep('a', 'ns')], undefined],
    ['behind a labelmap', [rule({ action: 'labelmap', regex: 'x_(.+)' }), keep('a', 'ns')], undefined],
    ['behind a labeldrop', [rule({ action: 'labeldrop', regex: 'ns' }), keep('a', 'ns')], undefined],
  ])('%s', (_name, rules, expected) => {
    const found = exactKeep(rules, isGiven);
    expect(found === undefined ? undefined : `${found.sourceLabels.join(found.separator)} = ${found.values.join(', ')}`).toBe(expected);
  });

  test('values are joined as the rule joins them', () => {
    const labels = new Map([['a', '1'], ['c', '3']]);
    expect(joinValues({ sourceLabels: ['a', 'b', 'c'], separator: '-' }, (name) => labels.get(name))).toBe('1--3');
  });
  test('a literal comes once, however often it is written', () => expect(literalValues('a|b|a')).toEqual(['a', 'b']));
});
