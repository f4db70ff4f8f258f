// The targets of one job: builds them from groups, collapses duplicates, remembers what was dropped and why. It holds no timers and starts
// nothing. What a changed group costs does not depend on the size of the job: whoever runs the targets asks which of them may have changed
// (`takeTouched`) instead of comparing all.
//
// Only groups with something to scrape are kept. Every target of the job's feeds that is not accounted for is dropped: one whose group was never
// given to the pool, because the rules would drop all of it, costs nothing. The reason is worked out when somebody asks.

import type { TargetGroup } from '../../discovery/discovery.ts';
import type { FeedEntry, GroupFeed } from '../../discovery/feed.ts';
import { formatLabels } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import type { Target } from '../model/target.ts';
import { describeRule } from '../relabel/describe.ts';
import { exactKeep } from '../relabel/exact-keep.ts';
import type { ExactKeep } from '../relabel/exact-keep.ts';
import { compileRules, traceRules } from '../relabel/relabel.ts';
import type { CompiledRules, RelabelStep } from '../relabel/relabel.ts';
import type { ScrapeSettings } from '../scrape/config.ts';
import { buildTarget, discoveredLabels, isSeeded, readGroup } from './build.ts';
import type { ReadGroup } from './build.ts';
import { describeOwners } from './sharding.ts';
import type { Sharding } from './sharding.ts';

/** A target that a rule dropped or that another member scrapes. Both fields are worked out when they are asked for: most are never looked at. */
export interface DroppedTarget {
  readonly discoveredLabels: ReadonlyMap<string, string>;
  /** The rule that dropped it, by its place in `relabel_configs` (from 1) and in words; or the members that scrape it. */
  readonly reason: string;
}

export type { RelabelStep } from '../relabel/relabel.ts';

export interface TargetPool {
  readonly settings: ScrapeSettings;
  /** Groups without a target that passes it need not be given to the pool. */
  readonly keep: ExactKeep | undefined;
  /** Feeds of the job in the order in which duplicates are resolved. Groups of feeds that are not among them leave. */
  setFeeds(feeds: readonly GroupFeed[]): void;
  /** Takes in a group that is new or changed. Returns the texts of targets that could not be built, each once. */
  put(feed: GroupFeed, entry: FeedEntry, read: ReadGroup): string[];
  /** The group is gone, or has nothing for this job any more. */
  remove(feed: GroupFeed, entry: FeedEntry): void;
  /** Whether `takeTouched` has anything to tell. */
  readonly isTouched: boolean;
  /** Keys whose target may have come, gone or changed since this was last called. */
  takeTouched(): Iterable<string>;
  /** Of several targets with one key, the one from the first feed, the oldest group, the first place in it. */
  target(key: string): Target | undefined;
  /** Live targets, duplicates collapsed. */
  readonly size: number;
  /** At most `keep_dropped_targets` of them (0: all), in order of the feeds. Read it at once: it walks over the live state. */
  dropped(): Iterable<DroppedTarget>;
  /** All of them, kept or not, those of other members included. */
  droppedCount(): number;
  /** Those that only other members scrape. */
  readonly leftCount: number;
  /** Applies the job's rules to a label set, one by one. */
  relabelSteps(labels: LabelMap): RelabelStep[];
}

/** One feed's part of the pool. */
interface Part {
  readonly feed: GroupFeed;
  order: number;
  readonly groups: Map<FeedEntry, BuiltGroup>;
}

interface BuiltGroup {
  readonly part: Part;
  readonly entry: FeedEntry;
  readonly targets: readonly Target[];
  /** Indices of dropped targets in the group, those of other members among them. */
  readonly dropped: readonly number[];
  /** Targets that only other members scrape. */
  readonly left: number;
  readonly failed: number;
}

interface Candidate {
  readonly target: Target;
  readonly group: BuiltGroup;
}

const none: readonly never[] = [];

export function createTargetPool(settings: ScrapeSettings, sharding?: Sharding): TargetPool {
  return new Pool(settings, sharding);
}

class Pool implements TargetPool {
  readonly settings: ScrapeSettings;
  readonly keep: ExactKeep | undefined;
  leftCount = 0;
  readonly #rules: CompiledRules;
  readonly #sharding: Sharding | undefined;
  #parts = new Map<GroupFeed, Part>();
  readonly #live = new Map<string, Candidate>();
  /** Further groups with a target of a live one's key: rare, so that most keys have no entry. */
  readonly #duplicates = new Map<string, Map<BuiltGroup, Target>>();
  #touched = new Set<string>();
  /** Targets that are not dropped: built or failed. */
  #undropped = 0;

  constructor(settings: ScrapeSettings, sharding: Sharding | undefined) {
    this.settings = settings;
    this.keep = exactKeep(settings.relabel, isSeeded);
    this.#rules = compileRules(settings.relabel, settings.nameScheme);
    this.#sharding = sharding;
  }

  get isTouched(): boolean {
    return this.#touched.size > 0;
  }

  get size(): number {
    return this.#live.size;
  }

  setFeeds(feeds: readonly GroupFeed[]): void {
    for (const [feed, part] of this.#parts) {
      if (!feeds.includes(feed)) for (const group of part.groups.values()) this.#leave(group);
    }
    this.#parts = new Map(feeds.map((feed, order) => [feed, this.#placed(feed, order)]));
    for (const [key, others] of this.#duplicates) {
      const { group, target } = this.#live.get(key)!;
      others.set(group, target);
      this.#promote(key);
    }
  }

  #placed(feed: GroupFeed, order: number): Part {
    const part = this.#parts.get(feed) ?? { feed, order, groups: new Map<FeedEntry, BuiltGroup>() };
    part.order = order;
    return part;
  }

  put(feed: GroupFeed, entry: FeedEntry, read: ReadGroup): string[] {
    const part = this.#parts.get(feed)!;
    const errors: string[] = [];
    const group = this.#build(part, entry, read, errors);
    this.remove(feed, entry);
    if (group.targets.length + group.left + group.failed > 0) this.#enter(group);
    return errors;
  }

  remove(feed: GroupFeed, entry: FeedEntry): void {
    const part = this.#parts.get(feed)!;
    const group = part.groups.get(entry);
    if (group === undefined) return;
    part.groups.delete(entry);
    this.#leave(group);
  }

  takeTouched(): Iterable<string> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  target(key: string): Target | undefined {
    return this.#live.get(key)?.target;
  }

  *dropped(): Iterable<DroppedTarget> {
    let room = this.settings.keepDroppedTargets === 0 ? Infinity : this.settings.keepDroppedTargets;
    for (const { feed, groups } of this.#parts.values()) {
      for (const entry of feed.entries.values()) {
        const indices = groups.get(entry)?.dropped ?? Array.from({ length: entry.group.targetCount }, (_, i) => i);
        for (const index of indices) {
          if (room-- <= 0) return;
          yield this.#describe(entry.group, index);
        }
      }
    }
  }

  droppedCount(): number {
    let discovered = 0;
    for (const feed of this.#parts.keys()) discovered += feed.targetCount;
    return discovered - this.#undropped;
  }

  relabelSteps(labels: LabelMap): RelabelStep[] {
    return traceRules(this.#rules, labels);
  }

  #build(part: Part, entry: FeedEntry, read: ReadGroup, errors: string[]): BuiltGroup {
    const targets: Target[] = [];
    const dropped: number[] = [];
    let left = 0;
    for (let i = 0; i < read.targets.length; i++) {
      const result = buildTarget(read, i, this.settings, this.#rules);
      if (result.kind === 'error') errors.push(`instance ${i} in group ${entry.group.source}: ${result.text}`);
      else if (result.kind === 'target' && this.#sharding?.owns(result.target.labels) !== false) targets.push(result.target);
      else {
        dropped.push(i);
        if (result.kind === 'target') left++;
      }
    }
    return { part, entry, targets, dropped: dropped.length === 0 ? none : dropped, left, failed: errors.length };
  }

  #enter(group: BuiltGroup): void {
    group.part.groups.set(group.entry, group);
    this.#undropped += group.targets.length + group.failed;
    this.leftCount += group.left;
    for (const target of group.targets) this.#offer({ target, group });
  }

  /** Of two in one group the earlier counts: the later one comes and goes with it. */
  #offer(candidate: Candidate): void {
    const { target: { key }, group } = candidate;
    const first = this.#live.get(key);
    const others = this.#duplicates.get(key);
    if (first?.group === group || others?.has(group) === true) return;
    const isFirst = first === undefined || isBefore(group, first.group);
    const loser = isFirst ? first : candidate;
    if (isFirst) this.#setLive(key, candidate);
    if (loser === undefined) return;
    if (others === undefined) this.#duplicates.set(key, new Map([[loser.group, loser.target]]));
    else others.set(loser.group, loser.target);
  }

  #leave(group: BuiltGroup): void {
    this.#undropped -= group.targets.length + group.failed;
    this.leftCount -= group.left;
    for (const { key } of group.targets) {
      if (this.#live.get(key)?.group === group) this.#promote(key);
      else this.#forget(key, group);
    }
  }

  /** The first of the duplicates lives from now on; nothing does where there is none. */
  #promote(key: string): void {
    let first: BuiltGroup | undefined;
    const others = this.#duplicates.get(key);
    for (const group of others?.keys() ?? none) if (first === undefined || isBefore(group, first)) first = group;
    this.#setLive(key, first === undefined ? undefined : { target: others!.get(first)!, group: first });
    if (first !== undefined) this.#forget(key, first);
  }

  #setLive(key: string, candidate: Candidate | undefined): void {
    if (candidate === undefined) this.#live.delete(key);
    else this.#live.set(key, candidate);
    this.#touched.add(key);
  }

  #forget(key: string, group: BuiltGroup): void {
    const others = this.#duplicates.get(key);
    others?.delete(group);
    if (others?.size === 0) this.#duplicates.delete(key);
  }

  #describe(group: TargetGroup, index: number): DroppedTarget {
    const { settings } = this;
    const reason = () => this.#reason(group, index);
    return {
      get discoveredLabels() {
        return discoveredLabels(group, index, settings);
      },
      get reason() {
        return reason();
      },
    };
  }

  #reason(group: TargetGroup, index: number): string {
    const read = readGroup(group);
    const labels = discoveredLabels(read, index, this.settings);
    const steps = traceRules(this.#rules, labels);
    const at = steps.findIndex((step) => !step.keep);
    if (at >= 0) return `relabel rule ${at + 1}: ${describeRule(steps[at]!.rule)}`;
    const built = buildTarget(read, index, this.settings, this.#rules);
    if (built.kind === 'target' && this.#sharding !== undefined) return describeOwners(this.#sharding.owners(built.target.labels), this.#sharding.settings.members);
    // The rules are the ones that dropped it, and they are pure: this is only reached if that is broken.
    return `dropped: ${formatLabels(labels)}`;
  }
}

function isBefore(a: BuiltGroup, b: BuiltGroup): boolean {
  return a.part.order === b.part.order ? a.entry.sequence < b.entry.sequence : a.part.order < b.part.order;
}
