// Where a series goes and what each destination gets of it, without scraping it: routes first, then the write rules of every destination that is led to. For
// `check route`, the API and the page.

import { sameLabels, sortLabels } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import type { OwnerIndex } from '../owners/owners.ts';
import type { RelabelSettings } from '../relabel/config.ts';
import { describeRule } from '../relabel/describe.ts';
import { compileRules, traceRules } from '../relabel/relabel.ts';
import type { RoutingSettings } from '../route/config.ts';
import { explainSeries } from '../route/explain.ts';
import type { Explanation } from '../route/explain.ts';
import type { TargetFacts } from '../route/route.ts';
import { createRouter } from '../route/router.ts';
import type { ShardGroupSettings } from '../route/shards/config.ts';
import { isProvenance } from './plan.ts';

export interface ExplainedDestination {
  readonly name: string;
  readonly owner?: string;
  readonly writeRelabel: readonly RelabelSettings[];
  readonly replicaLabel?: { readonly name: string; readonly value: string };
}

export interface ExplainOptions {
  readonly destinations: readonly ExplainedDestination[];
  readonly externalLabels: ReadonlyMap<string, string>;
  readonly routing: RoutingSettings | undefined;
  readonly shardGroups: readonly ShardGroupSettings[];
  readonly index: OwnerIndex | undefined;
}

/** What a write rule did to the series: nothing is told of those that did nothing. */
export interface WriteStep {
  /** Place in `write_relabel_configs`, from 1. */
  readonly rule: number;
  /** In words. */
  readonly text: string;
  readonly effect: 'changed' | 'dropped';
}

export interface WriteExplanation {
  readonly destination: string;
  readonly isSent: boolean;
  readonly steps: readonly WriteStep[];
  /** As they are sent; empty when they are not. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface SeriesExplanation extends Explanation {
  readonly writes: readonly WriteExplanation[];
}

/** Explains a series by its final labels, external ones left out, and its provenance. `facts`: of the target that it comes from, if it is known. */
export function explain(options: ExplainOptions, series: { readonly labels: LabelMap; readonly provenance: LabelMap }, facts?: TargetFacts): SeriesExplanation {
  const { destinations, externalLabels, routing, shardGroups, index } = options;
  const routed = destinations.map(({ name, owner }) => ({ name, ...(owner !== undefined && { owner }) }));
  const table = createRouter({ routing, destinations: routed, shardGroups, index, isOwnerRead: true });
  try {
    const labels: LabelMap = new Map([...externalLabels, ...series.labels]);
    const explanation = explainSeries(table, { labels, provenance: series.provenance }, facts);
    const reached = destinations.filter(({ name }) => explanation.destinations.includes(name));
    return { ...explanation, writes: reached.map((one) => explainWrite(one, labels, explanation.provenance)) };
  } finally {
    table.close();
  }
}

function explainWrite({ name, writeRelabel, replicaLabel }: ExplainedDestination, labels: LabelMap, provenance: Readonly<Record<string, string>>): WriteExplanation {
  let current: LabelMap = new Map([...labels].filter(([label]) => !isProvenance(label)));
  for (const [label, value] of Object.entries(provenance)) if (!current.has(label)) current.set(label, value);
  const steps: WriteStep[] = [];
  for (const [i, { rule, output, keep }] of traceRules(compileRules(writeRelabel, 'utf8'), current).entries()) {
    const text = describeRule(rule);
    if (!keep) return { destination: name, isSent: false, steps: [...steps, { rule: i + 1, text, effect: 'dropped' }], labels: {} };
    if (!sameLabels(current, output)) steps.push({ rule: i + 1, text, effect: 'changed' });
    current = output;
  }
  for (const label of current.keys()) if (isProvenance(label) || (Object.hasOwn(provenance, label) && !labels.has(label))) current.delete(label);
  if (replicaLabel !== undefined) current.set(replicaLabel.name, replicaLabel.value);
  return { destination: name, isSent: current.size > 0, steps, labels: Object.fromEntries(sortLabels(current)) };
}
