// What Prometheus made of random rules: the cases fuzzrelabel* (metric_relabel_configs) and fuzztarget* (relabel_configs) of the recorded
// scrapes. The pages of these cases are simple, so a few lines stand in for discovery and scraping here.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { LabelMap } from '../../../src/model/labels.ts';
import { formatLabels, sortLabels } from '../../../src/model/labels.ts';
import { applyRules, compileRules } from '../../../src/relabel/relabel.ts';
import { validateRule } from '../../../src/relabel/validate.ts';
import type { YamlRule } from './rule.ts';
import { ruleFromYaml } from './rule.ts';

interface Case {
  readonly name: string;
  readonly metrics_path: string;
  readonly job: { readonly metric_relabel_configs?: YamlRule[]; readonly relabel_configs?: YamlRule[]; readonly honor_labels?: boolean };
  readonly target_labels?: Readonly<Record<string, string>>;
  readonly pages: readonly { readonly body: string }[];
  readonly scraped: boolean;
  readonly expect: readonly { readonly labels: Readonly<Record<string, string>> }[];
}

const EXTERNAL = { cluster: 'ext', region: 'eu' };
const REPORTED = /^(?:up|scrape_\w+)$/;
const instanceRule: YamlRule = {
  source_labels: ['__address__'], regex: '127\\.0\\.0\\.1:.*', target_label: 'instance', replacement: 'fixed:80',
};

const cases = readFileSync(new URL('../../fixtures/vectors/scrape.jsonl', import.meta.url), 'utf8')
  .trim().split('\n').map((line) => JSON.parse(line) as Case)
  .filter(({ name }) => /^fuzz(?:relabel|target)\d/.test(name));

function targetLabels(vector: Case): LabelMap | undefined {
  const labels: LabelMap = new Map(Object.entries({
    ...vector.target_labels, __address__: '127.0.0.1:18777', job: vector.name, __metrics_path__: vector.metrics_path,
    __scheme__: 'http', __scrape_interval__: '1s', __scrape_timeout__: '1s', __convert_classic_histograms_to_nhcb__: 'false',
    __always_scrape_classic_histograms__: 'false', __scrape_native_histograms__: 'false',
  }));
  const rules = compileRules([instanceRule, ...(vector.job.relabel_configs ?? [])].map(ruleFromYaml), 'utf8');
  if (!applyRules(rules, labels) || !labels.has('__address__')) return undefined;
  // Longer than the interval of a second, or no duration at all: Prometheus refuses the target.
  if (labels.get('__scrape_timeout__') !== '1s' && vector.job.relabel_configs?.some((r) => r.target_label === '__scrape_timeout__') === true) return undefined;
  if (!labels.has('instance')) labels.set('instance', labels.get('__address__')!);
  return new Map([...labels].filter(([name, value]) => !name.startsWith('__') && value !== ''));
}

/** `{"name","label"="value"} 1`, `name{label="value"} 1`, `name 1` */
function parseLine(line: string): LabelMap {
  const labels: LabelMap = new Map();
  const name = /^\w+/.exec(line)?.[0] ?? (JSON.parse(/^\{("[^"]*")/.exec(line)![1]!) as string);
  labels.set('__name__', name);
  for (const [, quoted, bare, value] of line.matchAll(/(?:("[^"]*")|(\w+))=("(?:[^"\\]|\\.)*")/g)) {
    labels.set(quoted === undefined ? bare! : (JSON.parse(quoted) as string), JSON.parse(value!) as string);
  }
  return labels;
}

function attachTarget(sample: LabelMap, target: LabelMap, honor: boolean): void {
  const conflicts = [...target.keys()].filter((name) => (sample.get(name) ?? '') !== '').sort((a, b) => a.length - b.length);
  if (!honor) {
    for (const name of conflicts) {
      let exported = `exported_${name}`;
      while (sample.has(exported) || target.has(exported)) exported = `exported_${exported}`;
      sample.set(exported, sample.get(name)!);
    }
  }
  for (const [name, value] of target) if (!honor || !sample.has(name)) sample.set(name, value);
}

function expectedSeries(vector: Case): string[] {
  return vector.expect.map(({ labels }) => new Map(Object.entries(labels)))
    .filter((labels) => !REPORTED.test(labels.get('__name__') ?? ''))
    .map((labels) => formatLabels(sortLabels(labels))).sort();
}

function ourSeries(vector: Case): string[] {
  const target = targetLabels(vector);
  if (target === undefined) return [];
  const rules = compileRules((vector.job.metric_relabel_configs ?? []).map(ruleFromYaml), 'utf8');
  const series = vector.pages[0]!.body.trim().split('\n').map(parseLine);
  for (const sample of series) attachTarget(sample, target, vector.job.honor_labels ?? false);
  const kept = series.filter((sample) => applyRules(rules, sample));
  // A series without a name fails the whole scrape.
  if (kept.some((sample) => !sample.has('__name__'))) return [];
  // Only series with the case's job were recorded.
  const recorded = kept.filter((sample) => sample.get('job') === vector.name);
  for (const sample of recorded) for (const [name, value] of Object.entries(EXTERNAL)) if (!sample.has(name)) sample.set(name, value);
  return [...new Set(recorded.map((sample) => formatLabels(sortLabels(sample))))].sort();
}

test.each(cases.map((vector) => [vector.name, vector] as const))('%s gives the series that Prometheus sent', (_, vector) => {
  const rules = [...(vector.job.relabel_configs ?? []), ...(vector.job.metric_relabel_configs ?? [])];
  for (const yaml of rules) expect(validateRule(ruleFromYaml(yaml), new Set(Object.keys(yaml)), 'utf8')).toEqual([]);
  expect(targetLabels(vector) !== undefined).toBe(vector.scraped);
  expect(ourSeries(vector)).toEqual(expectedSeries(vector));
});
