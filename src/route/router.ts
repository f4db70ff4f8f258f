// Decides where series go. Everything that the configuration fixes is compiled when it is loaded; what is left per series is finding its owner and testing
// routes in order. Answers are interned by which routes matched and who the owner is, so that a set of destinations is put together once.

import type { LabelMap } from '../model/labels.ts';
import type { OwnerIndex } from '../owners/owners.ts';
import { Budget } from './budget.ts';
import { ChangeLog } from './change-log.ts';
import type { PodlessPolicy, RouteSettings, RoutingSettings } from './config.ts';
import { compileMatch } from './match.ts';
import type { Candidate, Match } from './match.ts';
import { clearOwnership, emptyOwnership, findOwner } from './owner.ts';
import type { Ownership, OwnerRule } from './owner.ts';
import { createPolicies } from './policy.ts';
import type { JobPolicy } from './policy.ts';
import type { Changes, Decision, Leg, Router, RouteSet, TargetFacts, TargetRouter, UnroutedReason } from './route.ts';
import type { ShardGroupSettings } from './shards/config.ts';
import { Shards } from './shards/shards.ts';
import { NAMESPACE, OWNER, Subject } from './subject.ts';

type Answer = Pick<Decision, 'set' | 'unrouted'>;

export interface RoutedDestination {
  readonly name: string;
  /** Whose series `owner` in a route brings here. */
  readonly owner?: string;
}

export interface RouterOptions {
  /** Undefined: no block, everything goes everywhere. */
  readonly routing: RoutingSettings | undefined;
  readonly destinations: readonly RoutedDestination[];
  /** Destinations that share what any of them would get. */
  readonly shardGroups?: readonly ShardGroupSettings[];
  readonly index: OwnerIndex | undefined;
  /** Something else than routes looks at `__owner__`: it is found for every series. */
  readonly isOwnerRead?: boolean;
}

export interface CompiledRoute {
  readonly settings: RouteSettings;
  readonly matches: Match;
  readonly budget: Budget | undefined;
  /** It leads to the owner. */
  readonly asksOwner: boolean;
}

/** Answers kept, and sets: nodes with ever other owners on them make ever other ones. */
const ANSWERS_MAX = 10_000;

/** Stands before the place of every route that matched. */
const PLACE = '.';

/** What holds without routes, where something has to be decided all the same. */
const toAll: RouteSettings = { match: [], to: ['all'], continue: false, samplesPerSecond: 0, overBudget: 'drop' };

const noRouting: RoutingSettings = { owner: { rules: [], podLabel: undefined, namespace: undefined, followsLabels: false, tombstoneMs: 0 }, jobs: [], unowned: [], routes: [] };

/** Fails with SELECTOR_INVALID or REGEX_INVALID for settings that were not checked. */
export function createRouter(options: RouterOptions): RouteTable {
  return new RouteTable(options);
}

export class RouteTable implements Router {
  readonly key: string;
  readonly routes: readonly CompiledRoute[];
  readonly rules: readonly OwnerRule[];
  readonly index: OwnerIndex | undefined;
  /** Selectors or write rules look at the owner: it is found before routes are tested. */
  readonly isOwnerFirst: boolean;
  readonly #routing: RoutingSettings;
  readonly #destinations: readonly RoutedDestination[];
  readonly #byOwner = new Map<string, string[]>();
  readonly #policyOf: (job: string) => JobPolicy;
  readonly #log: ChangeLog;
  readonly #answers = new Map<string, Answer>();
  readonly #sets = new Map<string, RouteSet>();
  readonly shards: Shards;

  constructor({ routing = noRouting, destinations, shardGroups = [], index, isOwnerRead = false }: RouterOptions) {
    this.key = JSON.stringify([routing, destinations, isOwnerRead, shardGroups]);
    this.index = index;
    this.isOwnerFirst = isOwnerRead || routing.routes.some(({ match }) => match.some((text) => text.includes(OWNER)));
    this.#routing = routing;
    this.#destinations = destinations;
    for (const { name, owner } of destinations) if (owner !== undefined) this.#byOwner.set(owner, [...(this.#byOwner.get(owner) ?? []), name]);
    this.#policyOf = createPolicies(routing.jobs);
    this.#log = new ChangeLog(index);
    this.shards = new Shards(shardGroups, (legs) => this.#setWith(legs));
    const routes = routing.routes.length === 0 && shardGroups.length > 0 ? [toAll] : routing.routes;
    this.routes = routes.map((settings) => ({
      settings,
      matches: compileMatch(settings.match),
      budget: settings.samplesPerSecond > 0 ? new Budget({ samplesPerSecond: settings.samplesPerSecond, mode: settings.overBudget }) : undefined,
      asksOwner: settings.to.includes('owner'),
    }));
    this.rules = routing.owner.rules.map(({ match, owner }) => {
      const test = compileMatch(match);
      return { owner, matches: (subject, labels) => test({ subject, labels, owner: '' }) };
    });
  }

  get hasRoutes(): boolean {
    return this.routes.length > 0;
  }

  get everything(): RouteSet {
    return this.setOf(this.#destinations.map(({ name }) => name));
  }

  get cursor(): number {
    return this.#log.cursor;
  }

  open(facts: TargetFacts): OpenTarget {
    return new OpenTarget(this, new Subject(facts, this.#policyOf(facts.job)));
  }

  setOf(names: readonly string[]): RouteSet {
    return this.#setWith(this.#legs(new Map(this.shards.whole(names).map((name) => [name, undefined]))));
  }

  share(set: RouteSet, labels: LabelMap): RouteSet {
    return this.shards.share(set, labels);
  }

  changes(cursor: number): Changes | undefined {
    return this.#log.since(cursor);
  }

  close(): void {
    this.#log.close();
  }

  /** The answer for the routes that matched, given by their places, and an owner. */
  answerFor(matched: string, found: Ownership): Answer {
    const key = `${matched}|${ownerKey(found)}|${found.isUnresolved ? 'u' : ''}`;
    let answer = this.#answers.get(key);
    if (answer !== undefined) return answer;
    if (this.#answers.size >= ANSWERS_MAX) this.#answers.clear();
    answer = this.#build(matched, found);
    this.#answers.set(key, answer);
    return answer;
  }

  #build(matched: string, found: Ownership): Answer {
    const places = matched.split(PLACE).filter((place) => place !== '').map(Number);
    const budgets = new Map<string, Budget | undefined>();
    let missing: UnroutedReason = places.length === 0 ? 'no_route' : 'none';
    for (const place of places) {
      const { settings, budget } = this.routes[place]!;
      for (const word of settings.to) {
        if (word === 'owner') missing = found.isUnresolved ? 'unresolved' : 'no_owner';
        // Of two routes that lead to one destination the first one's budget counts.
        for (const name of this.#named(word, found)) for (const one of this.shards.named(name)) if (!budgets.has(one)) budgets.set(one, budget);
      }
    }
    const set = this.#setWith(this.#legs(budgets));
    const isNowhere = set.legs.length === 0;
    const unowned = this.#unowned(places, found);
    if (unowned !== undefined) return { set, unrouted: { reason: 'unowned', owner: unowned, isNowhere } };
    return { set, unrouted: isNowhere ? { reason: missing, owner: '', isNowhere } : undefined };
  }

  /** Equal legs are one set. */
  #setWith(legs: readonly Leg[]): RouteSet {
    const key = legs.map(({ name, budget }) => (budget === undefined ? name : `${name}\u0001${budget.id}`)).join('\u0000');
    let set = this.#sets.get(key);
    if (set !== undefined) return set;
    if (this.#sets.size >= ANSWERS_MAX) this.#sets.clear();
    set = { key, legs };
    this.#sets.set(key, set);
    return set;
  }

  #named(word: string, found: Ownership): readonly string[] {
    if (word === 'all') return this.#destinations.map(({ name }) => name);
    return word === 'owner' ? this.#ofOwner(found) : [word];
  }

  #ofOwner({ owner, policy, owners }: Ownership): readonly string[] {
    if (owner !== '') return this.#byOwner.get(owner) ?? this.#routing.unowned;
    if (policy === undefined) return [];
    if (policy === 'broadcast') return [...this.#byOwner.values()].flat();
    if (policy === 'node_owners') return owners.flatMap((one) => this.#byOwner.get(one) ?? this.#routing.unowned);
    return isNames(policy) ? policy : [];
  }

  /** An owner of the series that has no destination, where a route leads to the owner. */
  #unowned(places: readonly number[], { owner, owners }: Ownership): string | undefined {
    if (this.#routing.unowned.length > 0 || !places.some((place) => this.routes[place]!.asksOwner)) return undefined;
    return [...(owner === '' ? owners : [owner])].find((one) => !this.#byOwner.has(one));
  }

  #legs(budgets: ReadonlyMap<string, Budget | undefined>): Leg[] {
    return this.#destinations.filter(({ name }) => budgets.has(name)).map(({ name }) => ({ name, budget: budgets.get(name) }));
  }
}

function isNames(policy: PodlessPolicy): policy is readonly string[] {
  return typeof policy !== 'string';
}

function ownerKey({ owner, policy, owners }: Ownership): string {
  if (owner !== '') return `o${owner}`;
  if (policy === undefined) return '';
  if (policy === 'node_owners') return `n${owners.join()}`;
  return isNames(policy) ? `d${policy.join()}` : policy;
}

/** The router of one target: one series at a time. */
export class OpenTarget implements TargetRouter {
  readonly subject: Subject;
  readonly found = emptyOwnership();
  readonly #table: RouteTable;
  readonly #candidate: Candidate;
  #matched = '';

  constructor(table: RouteTable, subject: Subject) {
    this.#table = table;
    this.subject = subject;
    this.#candidate = { subject, labels: new Map(), owner: '' };
  }

  notePage(labels: LabelMap): void {
    this.subject.notePage(labels);
  }

  get pageNote(): readonly string[] {
    return this.subject.own;
  }

  recallPage(note: readonly string[]): void {
    this.subject.own = note;
  }

  decide(labels: LabelMap): Decision {
    this.subject.look(labels);
    const { isOwnerFirst } = this.#table;
    if (isOwnerFirst) this.#find(labels);
    else clearOwnership(this.found);
    const asksOwner = this.#match(labels);
    if (asksOwner && !isOwnerFirst) this.#find(labels);
    const { entries, isUnresolved, owner } = this.found;
    const { set, unrouted } = this.#table.answerFor(this.#matched, this.found);
    return { set: this.#table.share(set, labels), unrouted, entries, isUnresolved, owner, namespace: this.subject.provenance(NAMESPACE) };
  }

  #find(labels: LabelMap): void {
    findOwner(this.subject, labels, this.#table, this.found);
  }

  /** Notes the places of the routes that match, each behind PLACE. Returns whether one of them leads to the owner. */
  #match(labels: LabelMap): boolean {
    const candidate = this.#candidate;
    candidate.labels = labels;
    candidate.owner = this.found.owner;
    this.#matched = '';
    let asksOwner = false;
    const { routes } = this.#table;
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i]!;
      if (!route.matches(candidate)) continue;
      this.#matched += PLACE + String(i);
      asksOwner ||= route.asksOwner;
      if (!route.settings.continue) break;
    }
    return asksOwner;
  }

  provenance(labels: LabelMap): ReadonlyMap<string, string> {
    this.subject.look(labels);
    const seen = new Map<string, string>();
    for (const name of this.subject.provenanceNames()) seen.set(name, this.subject.provenance(name));
    if (this.found.owner !== '') seen.set(OWNER, this.found.owner);
    return seen;
  }
}
