// Where series may go, worked out once per configuration: destinations that make the same labels of a series share a feed, and with it images and columns.
// The router says which destinations a series goes to; the plan says what stands behind their names.

import type { LabelMap } from '../model/labels.ts';
import { METRIC_NAME } from '../model/labels.ts';
import type { Stream } from '../queue/queue.ts';
import type { RelabelSettings } from '../relabel/config.ts';
import { applyRules, compileRules } from '../relabel/relabel.ts';
import type { CompiledRules } from '../relabel/relabel.ts';
import type { Router } from '../route/route.ts';
import { META_PREFIX, OWNER } from '../route/subject.ts';

/** A destination as this stage knows it. */
export interface SeriesDestination {
  readonly stream: Stream;
  readonly writeRelabel: readonly RelabelSettings[];
  readonly sendExemplars: boolean;
  /** Where a histogram comes in both forms: takes the native one, instead of classic buckets. */
  readonly sendNativeHistograms?: boolean;
  /** Whose series `owner` in a route brings here. */
  readonly owner?: string;
  /** Set on every series after the rules. */
  readonly replicaLabel?: { readonly name: string; readonly value: string };
}

/** Destinations that make the same labels of a series. */
export interface Feed {
  /** Equal for equal rules and replica labels. */
  readonly key: string;
  /** write_relabel_configs; undefined when there are none. */
  readonly rules: CompiledRules | undefined;
  readonly replicaLabel: SeriesDestination['replicaLabel'];
  /** Hidden names that the rules look at. */
  readonly hiddenNames: HiddenNames;
  readonly streams: readonly Stream[];
  /** Those of them that want exemplars. */
  readonly exemplarStreams: readonly Stream[];
  /** Those of them that want native histograms. */
  readonly nativeStreams: ReadonlySet<Stream>;
}

/** `all`: a rule copies labels by a pattern over hidden names. */
export type HiddenNames = ReadonlySet<string> | 'all';

export interface Plan {
  readonly feeds: readonly Feed[];
  readonly router: Router;
  readonly externalLabels: ReadonlyMap<string, string>;
}

/** Destinations with equal rules and replica labels share a feed. */
export function planFeeds(destinations: readonly SeriesDestination[]): Feed[] {
  const groups = new Map<string, SeriesDestination[]>();
  for (const destination of destinations) {
    const key = feedKey(destination);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [destination]);
    else group.push(destination);
  }
  return [...groups].map(([key, members]) => {
    const { writeRelabel, replicaLabel } = members[0]!;
    return {
      key,
      // Write rules may name any label: UTF-8 names are valid there whatever a job says.
      rules: writeRelabel.length === 0 ? undefined : compileRules(writeRelabel, 'utf8'),
      replicaLabel,
      hiddenNames: hiddenNamesOf(writeRelabel),
      streams: members.map((member) => member.stream),
      exemplarStreams: members.filter((member) => member.sendExemplars).map((member) => member.stream),
      nativeStreams: new Set(members.filter((member) => member.sendNativeHistograms === true).map((member) => member.stream)),
    };
  });
}

function feedKey({ writeRelabel, replicaLabel }: SeriesDestination): string {
  return JSON.stringify([writeRelabel, replicaLabel], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

/** Hidden names in a text: of a selector, or of a template. */
const hiddenName = /__[A-Za-z0-9_]+/g;

/** Which hidden names the rules look at. Patterns over names see them only where the pattern itself speaks of such names: `(.+)` means visible labels. */
export function hiddenNamesOf(rules: readonly RelabelSettings[]): HiddenNames {
  const names = new Set<string>();
  for (const { action, sourceLabels, regex, targetLabel, replacement, if: conditions } of rules) {
    if ((action === 'labelmap' || action === 'labelmap_all') && regex.includes('__')) return 'all';
    for (const text of [...sourceLabels, targetLabel, replacement, ...conditions]) for (const [name] of text.matchAll(hiddenName)) names.add(name);
  }
  names.delete(METRIC_NAME);
  return names;
}

export function wantExemplars(feeds: readonly Feed[]): boolean {
  return feeds.some(({ exemplarStreams }) => exemplarStreams.length > 0);
}

export function readsHidden({ hiddenNames }: Feed): boolean {
  return hiddenNames === 'all' || hiddenNames.size > 0;
}

/**
 * The labels as the destinations of a feed get them, in a map of its own; undefined when the rules drop the series. Provenance is there while rules work and is gone
 * afterwards: only what a rule copied to another name stays. The series' own hidden labels stay, as in Prometheus.
 */
export function writeLabels(feed: Feed, labels: LabelMap, provenance: () => ReadonlyMap<string, string>): LabelMap | undefined {
  const own: LabelMap = new Map(labels);
  if (feed.rules !== undefined && !(readsHidden(feed) ? applyWithProvenance(feed, own, provenance()) : applyRules(feed.rules, own))) return undefined;
  if (feed.replicaLabel !== undefined) own.set(feed.replicaLabel.name, feed.replicaLabel.value);
  return own;
}

function applyWithProvenance({ rules, hiddenNames }: Feed, own: LabelMap, provenance: ReadonlyMap<string, string>): boolean {
  for (const name of own.keys()) if (isProvenance(name)) own.delete(name);
  const lent: string[] = [];
  for (const [name, value] of provenance) {
    if (value === '' || own.has(name) || !(hiddenNames === 'all' || hiddenNames.has(name))) continue;
    own.set(name, value);
    lent.push(name);
  }
  if (!applyRules(rules!, own)) return false;
  for (const name of lent) own.delete(name);
  for (const name of own.keys()) if (isProvenance(name)) own.delete(name);
  return true;
}

/** Names that are never sent. */
export function isProvenance(name: string): boolean {
  return name.startsWith(META_PREFIX) || name === OWNER;
}
