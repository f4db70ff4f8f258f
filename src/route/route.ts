// The contract of routing: to which destinations does a series go? Decided once per series, when the series stage first sees it, from its final labels and
// its provenance; asked again when an index entry that the answer came from has changed.
//
//     labels + provenance -> owner (owner.ts) -> routes in order (router.ts) -> members of groups (shards/shards.ts) -> a set of destinations
//
// Series with equal answers share everything behind this stage: one image, one column per scrape. That is why answers are interned: equal sets have equal keys.

import type { LabelMap, Labels } from '../model/labels.ts';
import type { OwnerIndex } from '../owners/owners.ts';
import type { Budget } from './budget.ts';

/** A destination that a route leads to. */
export interface Leg {
  readonly name: string;
  /** Of the route that leads there; undefined: no limit. */
  readonly budget: Budget | undefined;
}

/**
 * Why samples go nowhere, or not where they should. `no_route`: no route matched. `none`: a route says so. `no_owner`: the route leads to the owner alone, and there is none. `unowned`: the
 * owner has no destination (the series may go to others). `budget`: above the budget of a route. `unresolved`: the pod was not known in time, and its namespace has no owner.
 */
export type UnroutedReason = 'no_route' | 'none' | 'no_owner' | 'unowned' | 'budget' | 'unresolved';

export interface RouteSet {
  /** Equal for equal sets, also across reloads. */
  readonly key: string;
  /** In the order of the configuration, each name once. */
  readonly legs: readonly Leg[];
}

/** A series that stays away from where it should go. Interned, too. */
export interface Unrouted {
  /** Undefined while that is not known yet: nothing is lost. */
  readonly reason: UnroutedReason | undefined;
  /** Whose, for `unowned`; else ''. */
  readonly owner: string;
  /** It goes nowhere at all. */
  readonly isNowhere: boolean;
}

export interface Decision {
  readonly set: RouteSet;
  readonly unrouted: Unrouted | undefined;
  /** The index entries that the answer came from. The array is reused for the next decision. */
  readonly entries: readonly number[];
  /** The index may yet tell the owner: `set` is what holds if it does not. */
  readonly isUnresolved: boolean;
  /** Whose the series is; '' for nobody, and where nothing asks for owners. */
  readonly owner: string;
  /** What it speaks about: `__meta_kubernetes_namespace` as `provenance` has it; '' outside Kubernetes. */
  readonly namespace: string;
}

/** What routing knows of a target. */
export interface TargetFacts {
  readonly job: string;
  readonly labels: Labels;
  /** `__*` labels after relabelling. */
  readonly provenance: ReadonlyMap<string, string>;
  readonly honorLabels: boolean;
}

/** Decides for the series of one target. */
export interface TargetRouter {
  /** The labels of a line as the page tells them, before those of the target join: whose are the labels that name a pod? Before `decide` and `provenance`. */
  notePage(labels: LabelMap): void;
  /** What `notePage` noted, for a series that is decided about again without its page. */
  readonly pageNote: readonly string[];
  recallPage(note: readonly string[]): void;
  /** `labels` are final. The answer for a series of which the page tells nothing (`up`) comes after `notePage(empty)`. */
  decide(labels: LabelMap): Decision;
  /** What write rules may see beside the labels, as far as any of them looks at it: never sent. Reads the owner that `decide` found last. */
  provenance(labels: LabelMap): ReadonlyMap<string, string>;
}

/** Index entries that changed. `all`: so much has changed since that it is not known which. */
export type Changes = { readonly cursor: number; readonly changed: ReadonlySet<number> | 'all' };

export interface Router {
  /** Equal for equal routes, destinations and owners. */
  readonly key: string;
  /** What it asks for owners. */
  readonly index: OwnerIndex | undefined;
  /** Whether there is anything to decide; else everything goes to every destination, by `everything`. */
  readonly hasRoutes: boolean;
  readonly everything: RouteSet;
  open(target: TargetFacts): TargetRouter;
  /** The set of exactly these destinations, and of all members of the groups that any of them is in, without budgets. */
  setOf(names: readonly string[]): RouteSet;
  /** Of such a set what a series with these labels has: of a group some members. */
  share(set: RouteSet, labels: LabelMap): RouteSet;
  /** Where the log of changes ends now. */
  readonly cursor: number;
  /** What changed since `cursor`; undefined when nothing did. */
  changes(cursor: number): Changes | undefined;
  /** Ends listening to the index. */
  close(): void;
}
