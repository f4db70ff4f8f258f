// The targets that Prometheus 3.14 made of the recorded jobs: whether they were scraped at all, and the labels of their `up`.

import * as fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { targetGroup } from '../../../discovery/discovery.ts';
import { labelsKey, sortLabels } from '../../../src/model/labels.ts';
import type { RelabelAction, RelabelSettings } from '../../../src/relabel/config.ts';
import { compileRules } from '../../../src/relabel/relabel.ts';
import { buildTarget, readGroup } from '../../../src/targets/build.ts';
import { job, rule } from '../scrape/support/job.ts';

interface RecordedRule {
  readonly action?: string;
  readonly source_labels?: string[];
  readonly separator?: string;
  readonly regex?: string;
  readonly modulus?: number;
  readonly target_label?: string;
  readonly replacement?: string;
}

interface Case {
  readonly name: string;
  readonly metrics_path: string;
  readonly job?: { readonly relabel_configs?: RecordedRule[]; readonly params?: Record<string, string[]> };
  readonly target_labels?: Record<string, string>;
  readonly scraped: boolean;
  readonly expect: { readonly labels: Record<string, string> }[];
}

const file = new URL('../../fixtures/vectors/scrape.jsonl', import.meta.url);
const cases = fs.readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Case);

function settings(recorded: RecordedRule): RelabelSettings {
  return rule({
    ...(recorded.action === undefined ? {} : { action: recorded.action as RelabelAction }),
    ...(recorded.source_labels === undefined ? {} : { sourceLabels: recorded.source_labels }),
    ...(recorded.separator === undefined ? {} : { separator: recorded.separator }),
    ...(recorded.regex === undefined ? {} : { regex: recorded.regex }),
    ...(recorded.modulus === undefined ? {} : { modulus: BigInt(recorded.modulus) }),
    ...(recorded.target_label === undefined ? {} : { targetLabel: recorded.target_label }),
    ...(recorded.replacement === undefined ? {} : { replacement: recorded.replacement }),
  });
}

function build(one: Case) {
  const first = { source_labels: ['__address__'], regex: '127\\.0\\.0\\.1:.*', target_label: 'instance', replacement: 'fixed:80' };
  const rules = [first, ...(one.job?.relabel_configs ?? [])].map(settings);
  const params = new Map(Object.entries(one.job?.params ?? {}));
  const own = job({ jobName: one.name, metricsPath: one.metrics_path, scrapeIntervalMs: 1000, scrapeTimeoutMs: 1000, params, relabel: rules });
  const group = targetGroup('0', [new Map([['__address__', '127.0.0.1:18777']])], new Map(Object.entries(one.target_labels ?? {})));
  return buildTarget(readGroup(group), 0, own, compileRules(rules, 'utf8'));
}

describe('targets as Prometheus 3.14 made them', () => {
  test(`${cases.length} recorded jobs are scraped or not`, () => {
    const wrong = cases.filter((one) => (build(one).kind === 'target') !== one.scraped).map((one) => one.name);
    expect(wrong).toEqual([]);
  });
  test('the labels of up', () => {
    const wrong: unknown[] = [];
    for (const one of cases) {
      const up = one.expect.find((series) => series.labels['__name__'] === 'up');
      const result = build(one);
      if (up === undefined || result.kind !== 'target') continue;
      const { __name__: _name, ...expected } = up.labels;
      const wanted = labelsKey(sortLabels(new Map(Object.entries(expected))));
      const actual = labelsKey(sortLabels(new Map([['cluster', 'ext'], ['region', 'eu'], ...result.target.labels])));
      if (actual !== wanted) wrong.push([one.name, actual, wanted]);
    }
    expect(wrong).toEqual([]);
  });
});
