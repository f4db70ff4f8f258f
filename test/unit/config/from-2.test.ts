// Every difference between Prometheus 2.x and 3.x that a file can touch: a configuration that touches it, with the place and what to write, and
// configurations that do not.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem, formatRemark } from '../../../src/config/problem.ts';
import { file, remarks } from './helper.ts';

/** What touches no difference by itself: the scheme is chosen, and each job says how pages without a type are read. */
const settled = 'global: {metric_name_validation_scheme: legacy}\n';

function differences(text: string | Uint8Array): string[] {
  const result = loadConfig(file, { readFile: () => Buffer.from(text), env: {}, from: 2 });
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.config.remarks.filter(({ kind }) => kind === 'from_2').map((remark) => formatRemark(remark).replace(`${file}:`, '').replace('differs from Prometheus 2.x: ', ''));
}

/** A job on lines 2 and following. */
function job(...lines: readonly string[]): string {
  return `${settled}scrape_configs:\n- job_name: j\n  fallback_scrape_protocol: PrometheusText0.0.4\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

const metricRule = (rule: string) => differences(job('metric_relabel_configs:', `- {${rule}}`));
const targetRule = (rule: string) => differences(job('relabel_configs:', `- {${rule}}`));

test('a file that touches nothing is told nothing', () => expect(differences(job('static_configs: [{targets: [a:1]}]'))).toEqual([]));
test('an empty file is told nothing', () => expect(differences('')).toEqual([]));
test('nobody is told who did not ask', () => expect(remarks('scrape_configs: [{job_name: j, static_configs: [{targets: [a]}]}]')).toEqual([]));
test('a gzipped file has the places of its text', () => {
  expect(differences(gzipSync(job('static_configs: [{targets: [a]}]')))[0]).toMatch(/^5:21: scrape_configs\[0\]\.static_configs\[0\]\.targets: /);
});

describe('default port', () => {
  test('2.x added it to instance', () => expect(differences(job('static_configs:', '- targets: [a:1, b.example]'))).toEqual([
    '6:5: scrape_configs[0].static_configs[0].targets: 2.x adds the default port: the label instance was "b.example:80" and is "b.example" here; to keep the series write b.example:80',
  ]));
  test('of https it was 443', () => expect(differences(job('scheme: https', 'static_configs: [{targets: ["[::1]"]}]'))[0]).toContain('write [::1]:443'));
  test('of the scheme that a rule gives', () => {
    expect(differences(job('relabel_configs: [{target_label: __scheme__, replacement: https}]', 'static_configs: [{targets: [a]}]'))[0]).toContain('write a:443');
  });
  test.each([
    ['a port that is written', 'static_configs: [{targets: ["a:80", "[::1]:80"]}]', ''],
    ['instance from a rule', 'static_configs: [{targets: [a]}]', 'relabel_configs: [{target_label: instance, replacement: x}]'],
    ['instance from the group', 'static_configs: [{targets: [a], labels: {instance: x}}]', ''],
    ['an address from a rule, as for a blackbox exporter', 'static_configs: [{targets: [a]}]', 'relabel_configs: [{target_label: __address__, replacement: "prober:9115"}]'],
    ['a target that a rule drops', 'static_configs: [{targets: [a]}]', 'relabel_configs: [{source_labels: [__address__], regex: a, action: drop}]'],
  ])('%s touches nothing', (_name, ...lines) => expect(differences(job(...lines.filter((line) => line !== '')))).toEqual([]));
});

describe('default port of pods', () => {
  const pods = 'kubernetes_sd_configs: [{role: pod}]';
  test('a job of pods that says nothing of ports is told', () => expect(differences(job(pods))[0]).toMatch(/^5:3: scrape_configs\[0\]\.kubernetes_sd_configs: 2\.x adds the default port .* write a rule that sets __address__$/));
  test.each([
    ['another role', 'kubernetes_sd_configs: [{role: endpoints}]'],
    ['an address from a rule', pods, "relabel_configs: [{source_labels: [__meta_kubernetes_pod_ip], target_label: __address__, replacement: '$1:8080'}]"],
    ['instance from a rule', pods, 'relabel_configs: [{source_labels: [__meta_kubernetes_pod_name], target_label: instance}]'],
    ['ports by their name', pods, 'relabel_configs: [{source_labels: [__meta_kubernetes_pod_container_port_name], regex: metrics, action: keep}]'],
  ])('%s touches nothing', (_name, ...lines) => expect(differences(job(...lines))).toEqual([]));
});

describe('pages without a type', () => {
  test('a job without a fallback is told where it begins', () => expect(differences(`${settled}scrape_configs:\n- job_name: a\n- job_name: b\n  fallback_scrape_protocol: OpenMetricsText1.0.0`)).toEqual([
    '3:3: scrape_configs[0]: 2.x reads a page without a valid Content-Type as text, here that scrape fails (up = 0); where a target of this job may send none write fallback_scrape_protocol: PrometheusText0.0.4',
  ]));
});

describe('the dot and line breaks', () => {
  test('a rule on an annotation', () => expect(targetRule("source_labels: [__meta_kubernetes_pod_annotation_note], regex: 'a(.+)', target_label: note")).toEqual([
    '6:62: scrape_configs[0].relabel_configs[0].regex: the dot of "a(.+)" does not match a line break in 2.x, here it does, and __meta_kubernetes_pod_annotation_note may hold one; to keep the meaning of 2.x write [^\\n] for the dot',
  ]));
  test('a rule on a free label of samples', () => expect(metricRule("source_labels: [__name__, query], regex: 'pg_x;.*secret.*', action: drop")[0]).toContain('and query may hold one'));
  test('the expression that nobody wrote, at the rule', () => expect(targetRule('source_labels: [__meta_consul_tags], target_label: tags')[0]).toMatch(/^6:5: .*the dot of "\(\.\*\)"/));
  test('a rule before a storage', () => {
    expect(differences(`${settled}remote_write: [{url: http://x/w, name: a, write_relabel_configs: [{source_labels: [message], regex: .+, action: drop}]}]`)[0]).toContain('remote_write[0].write_relabel_configs[0].regex');
  });
  test.each([
    ['labels of Kubernetes', 'source_labels: [__meta_kubernetes_pod_label_app, __meta_kubernetes_namespace], regex: .+, target_label: app'],
    ['whether an annotation is there', 'source_labels: [__meta_kubernetes_pod_annotationpresent_note], regex: .+, target_label: app'],
    ['names of labels', 'regex: __meta_kubernetes_pod_annotation_(.+), action: labelmap'],
    ['no dot', 'source_labels: [__meta_kubernetes_pod_annotation_note], regex: "true", action: keep'],
    ['a dot that is written', "source_labels: [__meta_kubernetes_pod_annotation_note], regex: 'a\\.b', action: keep"],
    ['a dot in a class', "source_labels: [__meta_kubernetes_pod_annotation_note], regex: '[^.]+[].]', action: keep"],
    ['a quoted dot', "source_labels: [__meta_kubernetes_pod_annotation_note], regex: '\\Qa.b\\E', action: keep"],
    ['the repair', "source_labels: [__meta_kubernetes_pod_annotation_note], regex: '[^\\n]*', target_label: a"],
    ['a flag that says it', "source_labels: [__meta_kubernetes_pod_annotation_note], regex: '(?is)a.*', target_label: a"],
    ['an action without expression', 'source_labels: [__meta_kubernetes_pod_annotation_note], modulus: 4, target_label: a, action: hashmod'],
  ])('%s touch nothing', (_name, rule) => expect(targetRule(rule)).toEqual([]));
  test('names and numbers of samples touch nothing', () => expect(metricRule('source_labels: [__name__, exported_namespace], regex: "go_.*;.+", action: drop')).toEqual([]));
});

describe('le and quantile', () => {
  test.each([
    ["source_labels: [le], regex: '1|5|10', action: keep", '1'],
    ["source_labels: [le], regex: '0\\.5|25', action: drop", '25'],
    ["source_labels: [quantile], regex: '[0-9]+', action: drop", '0'],
    ["source_labels: [__name__, le], regex: 'http_1xx_bucket;(100|250)', action: drop", '100'],
    ["source_labels: [le, __name__], separator: '@', regex: '3@.*', action: drop", '3'],
  ])('%s', (rule, number) => {
    const [told] = metricRule(rule);
    expect(told).toMatch(/^6:\d+: scrape_configs\[0\]\.metric_relabel_configs\[0\]\.regex: /);
    expect(told).toContain(`of a text page is ${number} in 2.x and ${number}.0 here`);
  });
  test('before a storage', () => {
    expect(differences(`${settled}remote_write: [{url: http://x/w, name: a, write_relabel_configs: [{source_labels: [le], regex: "1", action: drop}]}]`)[0]).toContain('write (\\.0)? after whole numbers');
  });
  test.each([
    ['both forms', "source_labels: [le], regex: '(1|5|10)(\\.0)?', action: keep"],
    ['only fractions', "source_labels: [le], regex: '0\\.005|0.25', action: drop"],
    ['the way back to the names of 2.x', "source_labels: [le], regex: '(\\d+)\\.0+', target_label: le"],
    ['everything', 'source_labels: [__name__, le], regex: "a_bucket;.+", action: drop'],
    ['repetitions', "source_labels: [__name__, le], regex: '[a-z]{2,3}_bucket;[+]Inf', action: drop"],
    ['another label', "source_labels: [code], regex: '200|500', action: drop"],
  ])('%s touch nothing', (_name, rule) => expect(metricRule(rule)).toEqual([]));
});

describe('UTF-8 names', () => {
  const jobs = 'scrape_configs:\n- job_name: j\n  fallback_scrape_protocol: PrometheusText0.0.4\n';
  test('a file that does not name the scheme', () => {
    const [told] = differences(`global:\n  scrape_interval: 30s\n${jobs}`);
    expect(told).toMatch(/^1:1: global: .*write metric_name_validation_scheme: legacy under global$/);
  });
  test('also without a global block', () => expect(differences(jobs)[0]).toMatch(/^1:1: global: /));
  test.each([
    ['chosen for all', `global: {metric_name_validation_scheme: utf8}\n${jobs}`],
    ['chosen by each job', `${jobs}  metric_name_validation_scheme: legacy`],
  ])('%s touches nothing', (_name, text) => expect(differences(text)).toEqual([]));
});

describe('dollars in external labels', () => {
  const labels = (value: string) => `global: {metric_name_validation_scheme: legacy, external_labels: {price: ${value}}}`;
  test('are variables', () => expect(differences(labels('5$'))).toEqual([
    '1:49: global.external_labels: in price a $ is a plain character in 2.x (without the feature expand-external-labels), here it begins an environment variable; write $$ for a dollar',
  ]));
  test.each(['5 EUR', '5$$'])('%s touches nothing', (value) => expect(differences(labels(value))).toEqual([]));
});

test('of a file as the operator writes it, what 2.x understood otherwise is told, and nothing else', () => {
  const text = readFileSync(join(import.meta.dirname, '../../fixtures/config/operator.yml'));
  const result = loadConfig(file, { readFile: () => gzipSync(text), env: { POD_NAME: 'prometheus-k8s-0', SHARD: '0' }, from: 2 });
  const places = result.ok ? result.config.remarks.filter(({ kind }) => kind === 'from_2').map(({ line, path }) => `${line} ${path}`) : result.problems;
  expect(places).toEqual(['1 global', '10 scrape_configs[0]', '64 scrape_configs[0].metric_relabel_configs[1].regex', '66 scrape_configs[1]']);
});

test('the key that Prometheus 3 renamed is refused with its new name', () => {
  const result = loadConfig(file, { readFile: () => Buffer.from('scrape_configs: [{job_name: j, scrape_classic_histograms: true}]') });
  expect(result.ok ? '' : result.problems[0]?.text).toBe('field scrape_classic_histograms not found, since Prometheus 3 it is called always_scrape_classic_histograms');
});
