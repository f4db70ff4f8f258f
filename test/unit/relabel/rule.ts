// Rules for tests: Prometheus' defaults with what a case changes, written as settings or as in YAML.

import type { RelabelSettings } from '../../../src/relabel/config.ts';

const defaults: RelabelSettings = {
  action: 'replace', sourceLabels: [], separator: ';', regex: '(.*)', modulus: 0n, targetLabel: '', replacement: '$1', if: [],
};

export function rule(changes: Partial<RelabelSettings>): RelabelSettings {
  return { ...defaults, ...changes };
}

export interface YamlRule {
  readonly action?: RelabelSettings['action'];
  readonly source_labels?: readonly string[];
  readonly separator?: string;
  readonly regex?: string;
  readonly modulus?: number;
  readonly target_label?: string;
  readonly replacement?: string;
}

export function ruleFromYaml(yaml: YamlRule): RelabelSettings {
  return {
    action: yaml.action ?? defaults.action,
    sourceLabels: yaml.source_labels ?? defaults.sourceLabels,
    separator: yaml.separator ?? defaults.separator,
    regex: yaml.regex ?? defaults.regex,
    modulus: BigInt(yaml.modulus ?? 0),
    targetLabel: yaml.target_label ?? defaults.targetLabel,
    replacement: yaml.replacement ?? defaults.replacement,
    if: [],
  };
}
