// What alerts and dashboard ask for exists: every metric is in docs/metrics.md or docs/roce.md, and every label that they name is one of its labels.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..', '..', '..');
const files = join(root, 'deploy', 'helm', 'tributary', 'files');
const read = (...path: readonly string[]) => readFileSync(join(...path), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const { spec } = parse(read(files, 'alerts', 'alerts.yaml')) as { readonly spec: { readonly groups: readonly { readonly rules: readonly Rule[] }[] } };
const rules = spec.groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read(files, 'dashboards', 'tributary.json')) as { readonly panels: readonly Panel[]; readonly templating: { readonly list: readonly { readonly definition?: string }[] } };
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

/** Metrics of a table to their labels: names, type, labels are the first columns. */
function documentedIn(document: string, more: readonly string[]): [string, string[]][] {
  const rows = [...read(root, 'docs', document).matchAll(/^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| (?:counter|gauge|histogram)[^|]*\|([^|]*)\|/gm)];
  const words = (cell = '') => [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '');
  return rows.flatMap(([, names, labels]) => words(names).map((name): [string, string[]] => [name, [...more, ...words(labels)]]));
}

/** Our own metrics, and those of sampled ports. */
const documented = new Map([...documentedIn('metrics.md', []), ...documentedIn('roce.md', ['device', 'port'])]);
/** Of the target, given by whoever scrapes us, in a cluster with its pod and what a PodMonitor adds; `le` by a histogram. */
const targetLabels = ['job', 'instance', 'namespace', 'pod', 'container', 'endpoint', 'le'];

function unknownNames(expression: string): string[] {
  const names = [...expression.matchAll(/\b(?:tributary|prometheus|process|nodejs)_[a-z0-9_]+/g)].map(([name]) => name.replace(/_bucket$/, ''));
  const allowed = new Set([...names.flatMap((name) => documented.get(name) ?? []), ...targetLabels]);
  const inBraces = [...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, text = '']) => [...text.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map((match) => match[1] ?? ''));
  const inLists = [...expression.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, text = '']) => text.split(',').map((name) => name.trim()));
  return [...names.filter((name) => !documented.has(name)), ...[...inBraces, ...inLists].filter((label) => !allowed.has(label))];
}

describe('alerts', () => {
  test.each(rules.map((rule) => [rule.alert, rule] as const))('%s asks for what exists', (_name, { expr }) => {
    expect(expr).toMatch(/\b(tributary|prometheus)_/);
    expect(unknownNames(expr)).toEqual([]);
  });
  test.each(rules.map((rule) => [rule.alert, rule] as const))('%s has a severity, and says what happened and what follows', (_name, { labels, annotations }) => {
    expect(['warning', 'critical']).toContain(labels['severity']);
    expect([annotations['summary'], annotations['description']].map((text) => text?.endsWith('.'))).toEqual([true, true]);
  });
  test('names are unique', () => expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length));
  test('everything that has to be told is told', () =>
    expect(rules.map(({ alert }) => alert)).toEqual(
      expect.arrayContaining([
        'TributaryQueueOld', 'TributarySamplesLost', 'TributaryDestinationParked', 'TributaryDestinationDown', 'TributaryDiscoveryStale', 'TributaryTargetsDown', 'TributaryScrapeBudgetExceeded',
      ]),
    ));
});

describe('dashboard', () => {
  test.each(panels.map((panel) => [panel.title, panel] as const))('"%s" asks for what exists, and says what it shows', (_title, { targets = [], description = '' }) => {
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.flatMap(({ expr }) => unknownNames(expr))).toEqual([]);
    expect(description).toMatch(/\.$/);
  });
  test('variables ask for what exists', () => expect(dashboard.templating.list.flatMap(({ definition }) => (definition === undefined ? [] : unknownNames(definition.replace(/, \w+\)$/, ')'))))).toEqual([]));
  test('identifiers of panels are unique', () => expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length));
});

test('the chart, the image in the overlays and the program have one version', () => {
  const { version } = JSON.parse(read(root, 'package.json')) as { readonly version: string };
  const chart = parse(read(files, '..', 'Chart.yaml')) as { readonly version: string; readonly appVersion: string };
  const workloads = ['deployment/deployment.yaml', 'overlays/sharded/stateful-set.yaml'].map((path) => read(root, 'deploy', 'kustomize', path));
  expect(chart).toMatchObject({ version, appVersion: version });
  for (const text of workloads) expect(text).toContain(`image: tributary:${version}\n`);
});
