// Why a series goes where it goes: the same decision as the line makes it, told step by step. For `check route`, the API and the page.

import type { LabelMap } from '../model/labels.ts';
import { METRIC_NAME } from '../model/labels.ts';
import { NO_ENTRY } from '../owners/owners.ts';
import type { EntryState } from '../owners/owners.ts';
import { parseSelector } from '../relabel/selector.ts';
import { findOwner } from './owner.ts';
import type { OwnerSource } from './owner.ts';
import type { RouteSet, TargetFacts, UnroutedReason } from './route.ts';
import type { OpenTarget, RouteTable } from './router.ts';

export interface RouteStep {
  /** Place in the list, from 1. */
  readonly route: number;
  readonly match: readonly string[];
  readonly to: readonly string[];
  readonly matched: boolean;
  readonly continue: boolean;
}

export interface IndexStep {
  readonly namespace: string;
  readonly pod: string;
  /** `no_index`: pods are not watched. */
  readonly state: EntryState | 'no_index';
  /** That the entry names; '' for none. */
  readonly owner: string;
}

export interface ShardStep {
  readonly group: string;
  /** Labels that told. */
  readonly by: Readonly<Record<string, string>>;
  /** That have the series, of `of`. */
  readonly members: readonly string[];
  readonly of: number;
}

export interface Explanation {
  readonly labels: Readonly<Record<string, string>>;
  readonly provenance: Readonly<Record<string, string>>;
  readonly aboutOthers: boolean;
  /** Index entries that were asked, in order. */
  readonly index: readonly IndexStep[];
  readonly owner: string;
  readonly ownerSource: OwnerSource;
  /** What stands for the owner where no pod is named. */
  readonly policy: string;
  readonly isUnresolved: boolean;
  readonly routes: readonly RouteStep[];
  /** Groups that the routes lead to. */
  readonly shards: readonly ShardStep[];
  readonly destinations: readonly string[];
  readonly unrouted: { readonly reason: UnroutedReason; readonly owner: string } | undefined;
}

/**
 * Reads a series as people write it: `up{job="x", namespace="y"}`. Only `=` makes sense here. `__*` names are its provenance. A text says what is wrong.
 * Fails with SELECTOR_INVALID for what is no selector.
 */
export function parseSeries(text: string): { readonly labels: LabelMap; readonly provenance: LabelMap } | string {
  const [matchers = [], ...others] = parseSelector(text);
  if (others.length > 0) return 'the series has alternatives (`or`), expected one set of labels';
  const labels: LabelMap = new Map();
  const provenance: LabelMap = new Map();
  for (const { name, operator, value } of matchers) {
    if (operator !== '=') return `label ${name} is compared with ${operator}, expected a value: ${name}="..."`;
    (name.startsWith('__') && name !== METRIC_NAME ? provenance : labels).set(name, value);
  }
  return { labels, provenance };
}

/** Explains a series of a target of which only this is known. */
export function explainSeries(table: RouteTable, series: { readonly labels: LabelMap; readonly provenance: LabelMap }, facts?: TargetFacts): Explanation {
  const { labels } = series;
  const provenance = new Map([...(facts?.provenance ?? []), ...series.provenance]);
  // Without a target every label counts as one that the page told.
  const open = table.open({ job: labels.get('job') ?? '', labels: facts?.labels ?? [], provenance, honorLabels: facts?.honorLabels ?? true });
  if (facts === undefined) open.notePage(labels);
  const { set, unrouted, isUnresolved } = open.decide(labels);
  const routes = table.routes.map((_, i) => routeStep(table, open, labels, i));
  const end = routes.findIndex(({ matched, continue: goesOn }) => matched && !goesOn);
  findOwner(open.subject, labels, table, open.found);
  const { owner, source, policy } = open.found;
  return {
    labels: Object.fromEntries(labels),
    provenance: Object.fromEntries([...open.provenance(labels)].filter(([, value]) => value !== '')),
    aboutOthers: open.subject.policy.aboutOthers,
    index: indexSteps(table, open),
    owner,
    ownerSource: source,
    policy: policy === undefined ? '' : String(policy),
    isUnresolved,
    routes: end < 0 ? routes : routes.slice(0, end + 1),
    shards: shardSteps(table, set, labels),
    destinations: (table.hasRoutes ? set : table.everything).legs.map(({ name }) => name),
    unrouted: !table.hasRoutes || unrouted?.reason === undefined ? undefined : { reason: unrouted.reason, owner: unrouted.owner },
  };
}

function routeStep(table: RouteTable, { subject, found }: OpenTarget, labels: LabelMap, i: number): RouteStep {
  const { settings, matches } = table.routes[i]!;
  return { route: i + 1, match: settings.match, to: settings.to, matched: matches({ subject, labels, owner: found.owner }), continue: settings.continue };
}

function shardSteps({ shards }: RouteTable, set: RouteSet, labels: LabelMap): ShardStep[] {
  return shards.groupsIn(set).map((group) => {
    const { members } = group.choose(labels);
    return { group: group.settings.name, by: Object.fromEntries(group.keyLabels(labels)), members: [...members], of: group.members.size };
  });
}

function indexSteps({ index }: RouteTable, { subject, found }: OpenTarget): IndexStep[] {
  const { policy, namespace, pod, scrapedNamespace, scrapedPod } = subject;
  const scraped: [string, string] = [scrapedNamespace, scrapedPod];
  const named: [string, string] = [namespace, pod];
  const candidates = policy.aboutOthers ? [named] : found.source.startsWith('scraped') ? [scraped] : [scraped, named];
  return candidates.filter(([space, name]) => space !== '' && name !== '').map(([space, name]) => {
    const entry = index?.pod(space, name) ?? NO_ENTRY;
    if (index === undefined || entry === NO_ENTRY) return { namespace: space, pod: name, state: 'no_index', owner: '' };
    return { namespace: space, pod: name, state: index.state(entry), owner: index.owner(entry) ?? '' };
  });
}
