// One relabel rule, as written under relabel_configs, metric_relabel_configs and write_relabel_configs. The first eleven
// actions are Prometheus', the rest vmagent's.

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

export type NameScheme = 'utf8' | 'legacy';
