// One relabel rule, as written under relabel_configs, metric_relabel_configs and write_relabel_configs. The first eleven
// actions are Prometheus', the rest vmagent's.

import { block, key, optional, report } from '../config/schema.ts';
import type { Block, Context, Type } from '../config/schema.ts';
import type { Node } from '../config/node.ts';
import { listOf, text, uint64 } from '../config/types.ts';

export const relabelActions = [
  'replace', 'keep', 'drop', 'keepequal', 'dropequal', 'hashmod', 'labelmap', 'labeldrop', 'labelkeep', 'lowercase', 'uppercase',
  'keep_if_equal', 'drop_if_equal', 'keep_if_contains', 'drop_if_contains', 'keep_metrics', 'drop_metrics', 'replace_all', 'labelmap_all',
] as const;
export type RelabelAction = (typeof relabelActions)[number];

export interface RelabelSettings {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  /** Default `;`. */
  readonly separator: string;
  /** The pattern as written, not anchored. Default `(.*)`. A list of patterns (vmagent) is joined as alternatives. */
  readonly regex: string;
  /** 0 when not set. */
  readonly modulus: bigint;
  readonly targetLabel: string;
  /** Default `$1`. */
  readonly replacement: string;
  /** PromQL series selectors; the rule acts where one of them matches. Empty: everywhere. */
  readonly if: readonly string[];
}

export type { NameScheme } from '../model/names.ts';

/** A label name as Prometheus' decoder takes it; null is the empty name, which it does not check. */
export const labelName: Type<string> = {
  ...text,
  name: 'label name',
  read(node, path, context) {
    const name = text.read(node, path, context);
    return name === '' ? report(context, node.at, path, '"" is not a valid label name, expected a name that is not empty') : name;
  },
};

/** One text or, as vmagent allows, a list of texts. */
const texts: Type<readonly string[]> = {
  name: 'string, or list of string',
  zero: [''],
  json: { anyOf: [text.json, { type: 'array', items: text.json }] },
  print: (value) => (value.length === 1 ? value[0] : value),
  read: (node: Node, path: string, context: Context) => (node.kind === 'list' ? listOf(text).read(node, path, context) : wrap(text.read(node, path, context))),
};

function wrap(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value];
}

const action: Type<string> = {
  ...text,
  name: 'action',
  json: { enum: [...relabelActions, null] },
  read(node, path, context) {
    const written = text.read(node, path, context);
    if (written === undefined) return undefined;
    const lower = written.toLowerCase();
    if ((relabelActions as readonly string[]).includes(lower)) return lower;
    const wrong = written === '' ? 'relabel action cannot be empty' : `unknown relabel action ${JSON.stringify(written)}`;
    return report(context, node.at, path, `${wrong}, expected one of ${relabelActions.join(', ')}`);
  },
};

export const relabelKeys = {
  source_labels: key(listOf(labelName), [], 'Labels whose values are joined to the text that `regex` is matched with.'),
  separator: key(text, ';', 'Stands between the joined values.'),
  regex: key(texts, ['(.*)'], 'RE2 expression that must match the whole text. A list means any of its items.'),
  modulus: key(uint64, 0n, 'Divisor of `hashmod`.'),
  target_label: key(text, '', 'Label that is written; may hold `$1` for `replace`.'),
  replacement: key(text, '$1', 'What is written, with `$1` or `${name}` for what the groups of `regex` matched.'),
  action: key(action, 'replace', 'What the rule does.', { limit: relabelActions.join(', ') }),
  if: optional(texts, 'Series selectors: the rule acts where one of them matches.'),
};
export type RelabelBlock = Block<typeof relabelKeys>;

/** Only what is written is printed: some actions refuse keys that stand there, even with their default. */
export const relabelBlock = block(relabelKeys, { printExplicitOnly: true });

/** The rule, not yet validated. A null `action` is refused where rules are validated, as an action that is empty. */
export function buildRelabel(rule: RelabelBlock): RelabelSettings {
  const { values } = rule;
  return {
    action: values.action as RelabelAction,
    sourceLabels: values.source_labels,
    separator: values.separator,
    regex: values.regex.length === 1 ? (values.regex[0] ?? '') : values.regex.map((one) => `(?:${one})`).join('|'),
    modulus: values.modulus,
    targetLabel: values.target_label,
    replacement: values.replacement,
    if: values.if ?? [],
  };
}
