// Where the series of one target go. A series is decided about once, when it comes in, and belongs to a branch from then on; whatever follows it through a scrape works on
// branches, so that what a sample costs does not depend on how many destinations there are.
//
// A decision is made again when an index entry it came from has changed, when the target's provenance has, or when the configuration has: the series is then parsed once
// more at its next line (series.ts) and comes back through `move`. If the answer is the same nothing happens. If not, it leaves its old images, and streams that it does
// not go to any more get a staleness marker; streams that it goes on to, with the same labels, see nothing of it.
//
// Report series (`up` ...) go wherever any series of the page goes; before any is known, where their own labels lead. A target that is down tells those who knew it. In a group that
// shares its series they are shared like any other.

import { sameLabels } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import type { Stream } from '../queue/queue.ts';
import type { RouteSet, TargetFacts, TargetRouter, Unrouted } from '../route/route.ts';
import { NAMESPACE } from '../route/subject.ts';
import type { ByteWriter } from '../wire/labels.ts';
import { Branch } from './branch.ts';
import { Dependents } from './dependents.ts';
import { Held } from './held.ts';
import type { HeldJournal } from './held-stream.ts';
import type { IncomingLabels } from './incoming-labels.ts';
import { grown } from './key-table.ts';
import { Outlet } from './outlet.ts';
import type { Incoming } from './outlet.ts';
import type { ExtraSample } from './page-samples.ts';
import { Places } from './places.ts';
import { readsHidden } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Scratch } from './scratch.ts';
import type { SeriesMetrics } from './series-metrics.ts';
import { Shares } from './shares.ts';
import type { About, Share } from './shares.ts';
import { Strays } from './strays.ts';
import type { TargetVolume } from './volume.ts';

/** Of the branch that everything is in where there are no routes. No name of a destination begins so, and so no key of another set. */
const EVERYTHING = '\u0000everything';
/** Of the branch of series that wait for their pod to become known. */
const WAITING: RouteSet = { key: '\u0000waiting', legs: [] };
const notYet: Unrouted = { reason: undefined, owner: '', isNowhere: true };
const NO_BRANCH = 0xffff;

export interface FanOutOptions {
  readonly plan: Plan;
  readonly facts: TargetFacts;
  readonly hash: (encoded: ByteWriter) => number;
  readonly metrics: SeriesMetrics;
  /** What scrapes bring is told here. */
  readonly volume: TargetVolume;
  /** Keeps what waits for a pod on disk. */
  readonly journal: HeldJournal | undefined;
  /** Differs between targets: where they begin to count their scrapes. */
  readonly turn: number;
}

/** Series to be decided about again: all, or those that `mark` finds for these entries. */
export type Doubt = 'all' | ReadonlySet<number>;

const nothing: LabelMap = new Map();

export class FanOut {
  readonly #options: FanOutOptions;
  #plan: Plan;
  #facts: TargetFacts;
  #router: TargetRouter;
  /** Whether decisions are asked for: there are routes, or write rules look at what is hidden. */
  #decides = false;
  #cursor = 0;
  readonly #branches = new Map<string, Branch>();
  readonly #byNumber: (Branch | undefined)[] = [];
  #branchOf = new Uint16Array(64).fill(NO_BRANCH);
  readonly #places = new Map<string, Places>();
  readonly #dependents = new Dependents();
  readonly held: Held;
  readonly strays = new Strays();
  /** Undefined until something is decided about. */
  #shares: Shares | undefined;
  #capacity = 64;
  /** The set that report series go to, once series of a page have said so; undefined: where their own labels lead. */
  #health: RouteSet | undefined;
  /** Branches got their first or lost their last series since the set was worked out. */
  #isHealthOld = false;

  constructor(options: FanOutOptions) {
    this.#options = options;
    this.held = new Held(options.journal);
    this.#plan = options.plan;
    this.#facts = options.facts;
    this.#router = this.#openRouter();
    this.#cursor = options.plan.router.cursor;
    if (!this.#hasRoutes) this.#everything();
  }

  get #hasRoutes(): boolean {
    return this.#plan.router.hasRoutes;
  }

  #openRouter(): TargetRouter {
    const { router, feeds } = this.#plan;
    this.#decides = router.hasRoutes || feeds.some(readsHidden);
    return router.open(this.#facts);
  }

  get branches(): readonly Branch[] {
    return [...this.#branches.values()];
  }

  /** Of every branch. */
  *outlets(): Iterable<Outlet> {
    for (const branch of this.#branches.values()) yield* branch.outlets;
  }

  get volume(): TargetVolume {
    return this.#options.volume;
  }

  /** Series that pages brought. */
  get members(): number {
    let count = 0;
    for (const { members } of this.#branches.values()) count += members;
    return count;
  }

  /** All of these: whose they are and what they speak about. What nothing was decided about speaks about its target. */
  shares(): readonly Share[] {
    const decided = [...(this.#shares ?? [])];
    const rest = decided.reduce((left, { series }) => left - series, this.members);
    return rest === 0 ? decided : [...decided, { owner: '', namespace: this.#facts.provenance.get(NAMESPACE) ?? '', series: rest }];
  }

  grow(capacity: number): void {
    this.#capacity = capacity;
    this.#shares?.grow(capacity);
    this.#branchOf = grown(this.#branchOf, new Uint16Array(capacity).fill(NO_BRANCH));
    this.#dependents.grow(capacity);
    for (const places of this.#places.values()) places.grow(capacity);
  }

  // ---- what changes

  /**
   * Another configuration. What is in a branch stays there for now; `used` is the bound of ids. Returns whether every series is to be decided about again.
   */
  follow(plan: Plan, used: number): boolean {
    const before = this.#plan;
    this.#plan = plan;
    const isRouted = before.router.hasRoutes || plan.router.hasRoutes;
    // The same router goes on, and with it what has changed since the last page. Another one may ask another index, whose entries mean something else: not even
    // one with equal routes knows what decisions came from.
    const isOther = plan.router !== before.router;
    this.#router = this.#openRouter();
    if (isOther) this.#cursor = plan.router.cursor;
    let fresh = 0;
    for (const branch of this.#branches.values()) {
      for (const outlet of branch.follow(plan, this.#openOutlet)) {
        fresh++;
        // Nothing of what is known was sent there: a marker is not for it.
        for (let id = 0; id < used; id++) if (this.#branchOf[id] === branch.number) outlet.exclude(id);
      }
    }
    for (const key of this.#places.keys()) if (!plan.feeds.some((feed) => feed.key === key)) this.#places.delete(key);
    if (!plan.router.hasRoutes) this.#everything();
    if (!this.#decides) this.#shares = undefined;
    this.#isHealthOld = true;
    return fresh > 0 || (isOther && (isRouted || this.#decides));
  }

  /** Other provenance. Returns whether it matters to routes or rules. */
  retarget(facts: TargetFacts): boolean {
    const before = this.#facts;
    this.#facts = facts;
    if (!this.#decides || sameLabels(before.provenance, facts.provenance)) return false;
    this.#router = this.#openRouter();
    return true;
  }

  /** What has changed since the last call and may change decisions. */
  doubt(): Doubt | undefined {
    if (!this.#decides) return undefined;
    const changes = this.#plan.router.changes(this.#cursor);
    if (changes === undefined) return undefined;
    this.#cursor = changes.cursor;
    return changes.changed;
  }

  /** Calls back with the series whose decisions came from these entries. */
  mark(entries: ReadonlySet<number>, used: number, callback: (id: number) => void): void {
    this.#dependents.forEach(entries, used, callback);
  }

  // ---- series

  /** As TargetRouter.notePage. */
  notePage(labels: LabelMap): void {
    if (this.#decides) this.#router.notePage(labels);
  }

  /** A series that is new. It waits if its pod is not known. */
  takeIn(id: number, incoming: Omit<Incoming, 'provenance'>): void {
    const { branch, isUnresolved, about } = this.#decide(id, incoming.labels);
    this.#count(id, about);
    if (!isUnresolved) return this.#enter(id, branch, this.#complete(incoming));
    if (!this.held.hasRoom) {
      this.#options.metrics.unresolved('no_room');
      return this.#enter(id, branch, this.#complete(incoming));
    }
    this.held.add(id, incoming.labels, this.#router.pageNote);
    this.strays.set(id, notYet);
    this.#enter(id, this.#branchFor(WAITING), this.#complete(incoming));
  }

  /** A scrape was accepted: samples of series that wait are kept. */
  keepHeld(scratch: Scratch, extras: readonly ExtraSample[], timestampMs: number): void {
    this.held.keep(scratch, extras, timestampMs, this.#facts);
  }

  /** At the end of a scrape: what has waited for one goes where it is known to belong now, or by what is known without its pod. */
  settleHeld(again: IncomingLabels): void {
    for (const { id, labels, page } of [...this.held.due()]) {
      this.#router.recallPage(page);
      this.move(id, again.again(id, labels), 0, false);
    }
  }

  /** A series that is known and was decided about before. `before` is half the hash of the labels it had; `wasSent`: its end is to be marked where it leaves. */
  move(id: number, incoming: Omit<Incoming, 'provenance'>, before: number, wasSent: boolean): void {
    const old = this.#byNumber[this.#branchOf[id]!]!;
    const { branch, isUnresolved, about } = this.#decide(id, incoming.labels);
    this.#count(id, about);
    if (old !== branch) {
      if (--old.members === 0) this.#isHealthOld = true;
      if (branch.members++ === 0) this.#isHealthOld = true;
    }
    if (this.held.free(id)) this.#options.metrics.unresolved(isUnresolved ? 'by_namespace' : 'resolved');
    else if (old !== branch) this.#options.metrics.moved(1);
    this.#shift(id, { old, branch }, this.#complete(incoming), { before, wasSent });
  }

  /** A report series, new or not. */
  takeInReport(id: number, incoming: Omit<Incoming, 'provenance'>): void {
    const branch = this.#reportBranch(id, incoming.labels);
    branch.reports++;
    this.#place(id, branch, this.#complete(incoming));
  }

  moveReport(id: number, incoming: Omit<Incoming, 'provenance'>, before: number, wasSent: boolean): void {
    const old = this.#byNumber[this.#branchOf[id]!]!;
    const branch = this.#reportBranch(id, incoming.labels);
    old.reports--;
    branch.reports++;
    this.#shift(id, { old, branch }, this.#complete(incoming), { before, wasSent });
  }

  #count(id: number, about: About | undefined): void {
    if (about !== undefined) this.#shares ??= new Shares(this.#capacity);
    this.#shares?.set(id, about);
  }

  /** Works out where report series go. Returns whether that has changed. Before the end of each scrape. */
  settleHealth(): boolean {
    if (!this.#isHealthOld || !this.#hasRoutes) return false;
    this.#isHealthOld = false;
    const next = this.#healthSet();
    const isSame = next?.key === this.#health?.key;
    this.#health = next;
    return !isSame;
  }

  /** Undefined where none of those that got series is there any more: a target that is down has to be told of all the same. */
  #healthSet(): RouteSet | undefined {
    const names = new Set<string>();
    for (const { members, set } of this.#branches.values()) if (members > 0) for (const { name } of set.legs) names.add(name);
    if (names.size === 0) for (const { name } of this.#health?.legs ?? []) names.add(name);
    // In the order of the configuration, so that equal sets are one.
    const ordered = this.#plan.router.everything.legs.map(({ name }) => name).filter((name) => names.has(name));
    return ordered.length === 0 ? undefined : this.#plan.router.setOf(ordered);
  }

  /** Decided in any case: write rules may look at the owner. */
  #reportBranch(id: number, labels: LabelMap): Branch {
    this.notePage(nothing);
    const { branch } = this.#decide(id, labels);
    if (this.#health === undefined || !this.#hasRoutes) return branch;
    this.strays.set(id, undefined);
    return this.#branchFor(this.#plan.router.share(this.#health, labels));
  }

  #decide(id: number, labels: LabelMap): { readonly branch: Branch; readonly isUnresolved: boolean; readonly about: About | undefined } {
    if (!this.#decides) return { branch: this.#everything(), isUnresolved: false, about: undefined };
    const decision = this.#router.decide(labels);
    const { set, unrouted, entries, isUnresolved } = decision;
    this.#dependents.set(id, entries);
    this.strays.set(id, this.#hasRoutes ? unrouted : undefined);
    return this.#hasRoutes ? { branch: this.#branchFor(set), isUnresolved, about: decision } : { branch: this.#everything(), isUnresolved: false, about: decision };
  }

  #complete(incoming: Omit<Incoming, 'provenance'>): Incoming {
    return { ...incoming, provenance: () => this.#router.provenance(incoming.labels) };
  }

  #enter(id: number, branch: Branch, incoming: Incoming): void {
    if (branch.members++ === 0) this.#isHealthOld = true;
    this.#place(id, branch, incoming);
  }

  #place(id: number, branch: Branch, incoming: Incoming): void {
    this.#branchOf[id] = branch.number;
    for (const outlet of branch.outlets) outlet.stage(id, incoming);
  }

  #shift(id: number, { old, branch }: { readonly old: Branch; readonly branch: Branch }, incoming: Incoming, past: Past): void {
    const next = new Map<Stream, number>();
    for (const outlet of branch.outlets) {
      const identity = outlet.identityOf(incoming);
      if (identity !== undefined) for (const stream of outlet.streams) next.set(stream, identity);
    }
    const kept = new Set<Outlet>();
    for (const outlet of old.outlets) {
      const identity = outlet.identity(id, past.before);
      const gone = identity === undefined ? [] : outlet.streams.filter((stream) => next.get(stream) !== identity);
      if (identity !== undefined && gone.length === 0 && old === branch) kept.add(outlet);
      else outlet.leave(id, gone, past.wasSent);
    }
    this.#branchOf[id] = branch.number;
    for (const outlet of branch.outlets) {
      if (kept.has(outlet)) continue;
      // Nothing was sent of a series that waited.
      if (old.set === WAITING) outlet.stage(id, incoming);
      else outlet.receive(id, incoming);
    }
  }

  remove(id: number): void {
    const branch = this.#byNumber[this.#branchOf[id]!];
    if (branch === undefined) return;
    this.#branchOf[id] = NO_BRANCH;
    this.#dependents.remove(id);
    this.#options.metrics.unrouted('unresolved', '', this.held.drop(id));
    this.strays.set(id, undefined);
    this.#shares?.set(id, undefined);
    if (--branch.members === 0) this.#isHealthOld = true;
    for (const outlet of branch.outlets) outlet.remove(id);
  }

  /** A series lives on under another key as `heir`: only destinations that get nothing of that one are told of its end. */
  inherit(id: number, heir: number): void {
    const branch = this.#byNumber[this.#branchOf[heir]!]!;
    const old = this.#byNumber[this.#branchOf[id]!]!;
    if (old === branch) return;
    const streams = new Set(branch.outlets.flatMap((outlet) => outlet.streams));
    for (const outlet of old.outlets) outlet.leave(id, outlet.streams.filter((stream) => !streams.has(stream)), true);
    for (const outlet of branch.outlets) outlet.renew();
  }

  /** No scrape follows. */
  close(): void {
    this.#options.metrics.unrouted('unresolved', '', this.held.close());
  }

  /** After a scrape: branches that nothing is in any more go, images that are worn are built anew. */
  tidy(): void {
    for (const [key, branch] of this.#branches) {
      if (branch.isEmpty && (!branch.takesAll || this.#hasRoutes)) {
        this.#branches.delete(key);
        this.#byNumber[branch.number] = undefined;
      } else for (const outlet of branch.outlets) outlet.writer.rebuildIfWorn();
    }
  }

  // ---- branches

  #everything(): Branch {
    return this.#branches.get(EVERYTHING) ?? this.#openBranch(EVERYTHING, { ...this.#plan.router.everything, key: EVERYTHING });
  }

  #branchFor(set: RouteSet): Branch {
    return this.#branches.get(set.key) ?? this.#openBranch(set.key, set);
  }

  #openBranch(key: string, set: RouteSet): Branch {
    const free = this.#byNumber.indexOf(undefined);
    const number = free < 0 ? this.#byNumber.length : free;
    const branch = new Branch(set, { number, turn: this.#options.turn, takesAll: key === EVERYTHING });
    this.#branches.set(key, branch);
    this.#byNumber[number] = branch;
    branch.follow(this.#plan, this.#openOutlet);
    return branch;
  }

  readonly #openOutlet = (feed: Plan['feeds'][number], streams: readonly Stream[], branch: Branch): Outlet => {
    let places = this.#places.get(feed.key);
    if (places === undefined) this.#places.set(feed.key, (places = new Places({ capacity: this.#capacity, keepsLabels: feed.rules !== undefined })));
    const { hash, metrics } = this.#options;
    return new Outlet({ feed, streams, places, holds: (id) => this.#branchOf[id] === branch.number, hash, metrics });
  };
}

/** What a series was until now. */
interface Past {
  readonly before: number;
  readonly wasSent: boolean;
}
