// Relabelling: nanoseconds per rule for typical rules, with values that repeat (as labels of series do) and with values that are new
// each time, and how much faster the pattern is than plain re2js. Copying the label set is measured apart and taken off.

import type { RelabelSettings } from '../../src/relabel/config.ts';
import { compilePlainRegex, compileRegex } from '../../src/relabel/regex.ts';
import { applyRules, compileRules } from '../../src/relabel/relabel.ts';

const ROUNDS = 5;
const APPLICATIONS = 40_000;
/** Values that repeat fit into the memory of slow patterns, fresh ones do not. */
const REPEATING = 200;
const FRESH = 20_000;
/** The goal for a simple rule: a new series with ten of them costs at most 10 us. */
const SIMPLE_RULE_NS_MAX = 1000;

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

const defaults: RelabelSettings = {
  action: 'replace', sourceLabels: [], separator: ';', regex: '(.*)', modulus: 0n, targetLabel: '', replacement: '$1', if: [],
};

const rules: readonly (readonly [name: string, simple: boolean, rule: Partial<RelabelSettings>])[] = [
  ['constant', true, { targetLabel: 'env', replacement: 'prod' }],
  ['copy', true, { sourceLabels: ['pod'], targetLabel: 'pod_name' }],
  ['drop_literals', true, { action: 'drop', sourceLabels: ['__name__'], regex: 'go_gc_.*|process_cpu_seconds_total|up' }],
  ['keep_alternation', true, { action: 'keep', sourceLabels: ['namespace'], regex: 'kube-system|monitoring|ns-.*' }],
  ['drop_prefix', true, { action: 'drop', sourceLabels: ['__name__'], regex: 'apiserver_.*' }],
  ['keep_contains', true, { action: 'keep', sourceLabels: ['pod'], regex: '.*-web-.*' }],
  ['replace_groups', true, { sourceLabels: ['instance'], regex: '([^:]+):(\\d+)', targetLabel: 'host', replacement: '$1' }],
  ['join_two', true, { sourceLabels: ['namespace', 'pod'], separator: '/', targetLabel: 'id' }],
  ['replace_split', true, { sourceLabels: ['pod'], regex: '(.*)-(.*)-(.*)', targetLabel: 'app', replacement: '$1' }],
  ['if_selector', true, { if: ['{namespace=~"kube-.*",pod!=""}'], targetLabel: 'tier', replacement: 'system' }],
  ['labeldrop', false, { action: 'labeldrop', regex: 'uid|id|container_.*' }],
  ['labelmap', false, { action: 'labelmap', regex: '__meta_label_(.+)', replacement: 'label_$1' }],
  ['hashmod', false, { action: 'hashmod', sourceLabels: ['instance'], modulus: 16n, targetLabel: '__shard' }],
  ['lowercase', true, { action: 'lowercase', sourceLabels: ['pod'], targetLabel: 'pod' }],
  ['slow_pattern', false, { action: 'drop', sourceLabels: ['pod'], regex: '(?i).*-(canary|test)-[a-z0-9]+' }],
];

function labelSet(i: number): Map<string, string> {
  return new Map([
    ['__name__', `container_memory_${i % 50}_bytes`], ['namespace', `ns-${i % 40}`], ['pod', `app-${i}-web-7d9f${i % 977}`], ['instance', `10.1.${i % 250}.7:9100`],
    ['container', 'main'], ['uid', `u-${i}`], ['__meta_label_app', `app-${i}`], ['job', 'cadvisor'],
  ]);
}

/** Nanoseconds for one call, the best of some rounds. */
function measure(call: (i: number) => void): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < APPLICATIONS; i++) call(i);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / APPLICATIONS);
  }
  return best;
}

function measureRule(rule: RelabelSettings, sets: readonly Map<string, string>[]): number {
  const compiled = compileRules([rule], 'utf8');
  const copying = measure((i) => void new Map(sets[i % sets.length]));
  const both = measure((i) => void applyRules(compiled, new Map(sets[i % sets.length])));
  return Math.max(0, both - copying);
}

/** How many times faster the pattern of a rule is than plain re2js. */
function measureRatio(rule: RelabelSettings, values: readonly string[]): number {
  const ours = compileRegex(rule.regex);
  const plain = compilePlainRegex(rule.regex);
  const time = (matches: (value: string) => boolean) => measure((i) => void matches(values[i % values.length]!));
  return time((value) => plain.matches(value)) / time((value) => ours.matches(value));
}

/** Prints the table. Figures are nanoseconds per rule (`<rule>_ns`, `<rule>_fresh_ns`) and factors over re2js (`<rule>_vs_re2js`). */
export async function run(): Promise<{ figures: Record<string, number>; bars: Bar[] }> {
  const repeating = Array.from({ length: REPEATING }, (_, i) => labelSet(i));
  const fresh = Array.from({ length: FRESH }, (_, i) => labelSet(i));
  const figures: Record<string, number> = {};
  const bars: Bar[] = [];
  console.log(`${'rule'.padEnd(18)}${'repeating ns'.padStart(14)}${'fresh ns'.padStart(14)}${'vs re2js'.padStart(12)}`);
  for (const [name, simple, changes] of rules) {
    const rule = { ...defaults, ...changes };
    const value = Math.round(measureRule(rule, repeating));
    const freshNs = Math.round(measureRule(rule, fresh));
    const source = rule.sourceLabels[0] ?? 'pod';
    const ratio = Number(measureRatio(rule, fresh.map((labels) => labels.get(source)!)).toFixed(1));
    Object.assign(figures, { [`${name}_ns`]: value, [`${name}_fresh_ns`]: freshNs, [`${name}_vs_re2js`]: ratio });
    if (simple) bars.push({ name: `${name}: ns per rule, fresh values`, value: freshNs, limit: SIMPLE_RULE_NS_MAX, holds: freshNs <= SIMPLE_RULE_NS_MAX });
    console.log(`${name.padEnd(18)}${String(value).padStart(14)}${String(freshNs).padStart(14)}${`${ratio}x`.padStart(12)}`);
  }
  return { figures, bars };
}
