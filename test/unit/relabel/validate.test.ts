import { expect, test } from 'vitest';
import type { RelabelSettings } from '../../../src/relabel/config.ts';
import { validateRule } from '../../../src/relabel/validate.ts';
import { rule } from './rule.ts';

const yamlNames: Readonly<Record<string, string>> = { sourceLabels: 'source_labels', targetLabel: 'target_label' };

/** The modulus is a number here, because case names are JSON. */
type Changes = Partial<Omit<RelabelSettings, 'modulus'>> & { readonly modulus?: number };

function problems(changes: Changes, scheme: 'utf8' | 'legacy' = 'utf8'): string[] {
  return validateRule(rule({ ...changes, modulus: BigInt(changes.modulus ?? 0) }), new Set(Object.keys(changes).map((key) => yamlNames[key] ?? key)), scheme);
}

const equalOnly = (action: string) => `${action} action requires only 'source_labels' and \`target_label\`, and no other fields`;
const regexOnly = (action: string) => `${action} action requires only 'regex', and no other fields`;
const needsTarget = (action: string) => `relabel configuration for ${action} action requires 'target_label' value`;

test.each<[Changes, string[]]>([
  [{ targetLabel: 'a' }, []],
  [{ targetLabel: 'a-b' }, []],
  [{ targetLabel: 'a.label${1}' }, []],
  [{}, [needsTarget('replace')]],
  [{ targetLabel: 'a', regex: '(' }, ['error parsing regexp: missing closing ): `^(?s:()$`']],
  [{ targetLabel: 'a', regex: '' }, []],
  [{ targetLabel: 'a', replacement: '' }, []],
  [{ regex: '\\1' }, ['error parsing regexp: invalid escape sequence: `\\1`', needsTarget('replace')]],
  [{ action: 'hashmod', targetLabel: 'a' }, ['relabel configuration for hashmod requires non-zero modulus']],
  [{ action: 'hashmod' }, ['relabel configuration for hashmod requires non-zero modulus', needsTarget('hashmod')]],
  [{ action: 'hashmod', modulus: 2 }, [needsTarget('hashmod')]],
  [{ action: 'hashmod', modulus: 2, targetLabel: 'a', sourceLabels: ['x'] }, []],
  [{ action: 'labelmap' }, []],
  [{ action: 'labelmap', regex: 'a', replacement: '$1-x' }, []],
  [{ action: 'labelmap', replacement: '' }, ['"" is invalid \'replacement\' for labelmap action']],
  [{ action: 'labeldrop', regex: 'a' }, []],
  [{ action: 'labelkeep' }, []],
  [{ action: 'labeldrop', regex: 'a', sourceLabels: ['b'] }, [regexOnly('labeldrop')]],
  [{ action: 'labeldrop', regex: 'a', sourceLabels: [] }, [regexOnly('labeldrop')]],
  [{ action: 'labelkeep', regex: 'a', targetLabel: 'b' }, [regexOnly('labelkeep')]],
  [{ action: 'labelkeep', regex: 'a', separator: ',' }, [regexOnly('labelkeep')]],
  [{ action: 'labelkeep', regex: 'a', separator: ';' }, []],
  [{ action: 'labeldrop', regex: 'a', modulus: 1 }, [regexOnly('labeldrop')]],
  [{ action: 'labeldrop', regex: 'a', replacement: 'x' }, [regexOnly('labeldrop')]],
  [{ action: 'keep' }, []],
  [{ action: 'drop', sourceLabels: ['a-b'] }, []],
  [{ action: '' as 'keep', sourceLabels: ['a'] }, ['relabel action cannot be empty']],
  [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }, []],
  [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b', regex: 'x' }, [equalOnly('keepequal')]],
  [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b', regex: '(.*)' }, [equalOnly('keepequal')]],
  [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b', separator: ',' }, [equalOnly('dropequal')]],
  [{ action: 'dropequal', sourceLabels: ['a'] }, [needsTarget('dropequal')]],
  [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b', replacement: 'x' }, ["'replacement' can not be set for dropequal action", equalOnly('dropequal')]],
  [{ action: 'lowercase', sourceLabels: ['a'], targetLabel: 'b' }, []],
  [{ action: 'uppercase', sourceLabels: ['a'] }, [needsTarget('uppercase')]],
  [{ action: 'lowercase', sourceLabels: ['a'], targetLabel: '${1}' }, []],
  [{ action: 'lowercase', sourceLabels: ['a'], targetLabel: 'b', replacement: 'x' }, ["'replacement' can not be set for lowercase action"]],
  [{ action: 'keep', if: ['{a="b"}', '{'] }, ['series selector "{", position 2: expected a label name, found the end']],
  [{ action: 'keep_if_equal', sourceLabels: ['a', 'b'] }, []],
  [{ action: 'keep_if_equal', sourceLabels: ['a'], targetLabel: 'b' }, [
    "relabel configuration for keep_if_equal action requires at least two 'source_labels', found 1", "'target_label' can not be set for keep_if_equal action"]],
  [{ action: 'drop_if_equal', sourceLabels: ['a', 'b'], regex: 'x' }, ["'regex' can not be set for drop_if_equal action"]],
  [{ action: 'keep_if_contains', sourceLabels: ['a'], targetLabel: 'b' }, []],
  [{ action: 'drop_if_contains' }, [needsTarget('drop_if_contains'), "relabel configuration for drop_if_contains action requires 'source_labels' value"]],
  [{ action: 'keep_metrics', regex: 'a.*' }, []],
  [{ action: 'keep_metrics', if: ['{a="b"}'] }, []],
  [{ action: 'drop_metrics', sourceLabels: ['a'] }, [
    "relabel configuration for drop_metrics action requires 'regex' or 'if' value", "'source_labels' can not be set for drop_metrics action"]],
  [{ action: 'replace_all', sourceLabels: ['a'], targetLabel: 'b', regex: '-' }, []],
  [{ action: 'replace_all', sourceLabels: ['a'], targetLabel: 'b', regex: '(' }, ['error parsing regexp: missing closing ): `(`']],
  [{ action: 'labelmap_all', regex: '-', replacement: '_' }, []],
])('%j has the problems %j', (changes, expected) => {
  expect(problems(changes)).toEqual(expected);
});

test.each(['label', 'label${1}', '${1}label', '$1', 'asd$2asd', '_${1}_', 'foo${bar}foo'])('under the legacy scheme the target_label %s is accepted', (targetLabel) => {
  expect(problems({ targetLabel }, 'legacy')).toEqual([]);
});

test.each(['-label', '${', '$', '${}', 'foo${', '-foo${1}bar-', 'bar.foo${1}bar', 'a-b', '1a', `${'$aaaaaaaaaa'.repeat(50)}-`])('under the legacy scheme the target_label %s is refused', (targetLabel) => {
  expect(problems({ targetLabel }, 'legacy')).toEqual([`${JSON.stringify(targetLabel)} is invalid 'target_label' for replace action`]);
});

test('under the legacy scheme the other actions take plain names only', () => {
  expect(problems({ action: 'lowercase', sourceLabels: ['a'], targetLabel: '${1}' }, 'legacy')).toEqual(['"${1}" is invalid \'target_label\' for lowercase action']);
  expect(problems({ action: 'labelmap', regex: 'a', replacement: '$1-x' }, 'legacy')).toEqual(['"$1-x" is invalid \'replacement\' for labelmap action']);
  expect(problems({ action: 'labelmap', regex: 'a(.)', replacement: '${1}x' }, 'legacy')).toEqual([]);
});
