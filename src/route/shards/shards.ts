// Sharded storage: of the members of a group a series goes to some, told by its labels. Routes lead to a group as if it were one destination with all its members; what they
// said is then narrowed to the members that the series has. Members are chosen by rendezvous hashing over their names, so that their order in the configuration does
// not matter, and one more member takes its share and moves nothing else.
//
// The labels that count are the final ones, external labels included, before write rules. Hidden names (`__*`) do not count, but for the metric's: replicas of a
// collector that differ in `__replica__` alone send a series to the same members.

import { compareUtf8, labelsKey, METRIC_NAME } from '../../model/labels.ts';
import type { LabelMap, LabelPair, Labels } from '../../model/labels.ts';
import { heaviest, saltOfName } from '../../model/rendezvous.ts';
import type { Salt } from '../../model/rendezvous.ts';
import type { Leg, RouteSet } from '../route.ts';
import type { ShardGroupSettings } from './config.ts';

/** Members of a group that have a series. Equal choices are one object. */
interface Choice {
  readonly members: ReadonlySet<string>;
}

export class ShardGroup {
  readonly settings: ShardGroupSettings;
  readonly members: ReadonlySet<string>;
  readonly #names: readonly string[];
  readonly #salts: readonly Salt[];
  readonly #by: ReadonlySet<string>;
  readonly #ignored: ReadonlySet<string>;
  readonly #choices = new Map<string, Choice>();

  constructor(settings: ShardGroupSettings) {
    this.settings = settings;
    this.members = new Set(settings.members);
    this.#names = [...settings.members].sort();
    this.#salts = this.#names.map(saltOfName);
    this.#by = new Set(settings.shardBy);
    this.#ignored = new Set(settings.ignoreLabels);
  }

  /** Those labels of a series that tell its members. */
  keyLabels(labels: LabelMap): Labels {
    const counted: LabelPair[] = [];
    for (const [name, value] of labels) if (value !== '' && this.#counts(name)) counted.push([name, value]);
    return counted.sort(([a], [b]) => compareUtf8(a, b));
  }

  #counts(name: string): boolean {
    if (this.#by.size > 0) return this.#by.has(name);
    return !this.#ignored.has(name) && (!name.startsWith('__') || name === METRIC_NAME);
  }

  choose(labels: LabelMap): Choice {
    const places = heaviest(labelsKey(this.keyLabels(labels)), this.#salts, this.settings.replicationFactor);
    const key = places.join();
    let choice = this.#choices.get(key);
    if (choice === undefined) this.#choices.set(key, (choice = { members: new Set(places.map((place) => this.#names[place]!)) }));
    return choice;
  }
}

/** The groups of a configuration, and the sets of destinations narrowed by them. */
export class Shards {
  readonly groups: readonly ShardGroup[];
  readonly #groupOf = new Map<string, ShardGroup>();
  readonly #within = new WeakMap<RouteSet, readonly ShardGroup[]>();
  readonly #narrowed = new WeakMap<RouteSet, Map<Choice, RouteSet>>();
  readonly #make: (legs: readonly Leg[]) => RouteSet;

  /** `make`: the set of these legs. */
  constructor(settings: readonly ShardGroupSettings[], make: (legs: readonly Leg[]) => RouteSet) {
    this.groups = settings.map((one) => new ShardGroup(one));
    for (const group of this.groups) for (const name of group.members) this.#groupOf.set(name, group);
    this.#make = make;
  }

  /** The destinations that a name in a route stands for: a group's members, else the destination. */
  named(name: string): Iterable<string> {
    return this.groups.find(({ settings }) => settings.name === name)?.members ?? [name];
  }

  /** The same destinations and, where one is a member of a group, all members of it. */
  whole(names: readonly string[]): readonly string[] {
    return [...new Set(names.flatMap((name) => [...(this.#groupOf.get(name)?.members ?? [name])]))];
  }

  /** What is left of a set, which has whole groups, for a series with these labels. Equal answers are one object. */
  share(set: RouteSet, labels: LabelMap): RouteSet {
    if (this.groups.length === 0) return set;
    let narrowed = set;
    for (const group of this.groupsIn(set)) narrowed = this.#narrow(narrowed, group, group.choose(labels));
    return narrowed;
  }

  groupsIn(set: RouteSet): readonly ShardGroup[] {
    let found = this.#within.get(set);
    if (found === undefined) {
      found = this.groups.filter(({ members }) => set.legs.some(({ name }) => members.has(name)));
      this.#within.set(set, found);
    }
    return found;
  }

  #narrow(set: RouteSet, group: ShardGroup, choice: Choice): RouteSet {
    let known = this.#narrowed.get(set);
    if (known === undefined) this.#narrowed.set(set, (known = new Map()));
    let narrowed = known.get(choice);
    if (narrowed === undefined) {
      narrowed = this.#make(set.legs.filter(({ name }) => !group.members.has(name) || choice.members.has(name)));
      known.set(choice, narrowed);
    }
    return narrowed;
  }
}
