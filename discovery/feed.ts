// The groups of one provider on their way to the jobs. A feed is what was passed on, group by group: whoever takes it is told the entries that
// changed and never compares whole sets, because fifty thousand pods under a thousand jobs change a hundred times a second.

import type { TargetGroup } from './discovery.ts';

/** One group's place in a feed. It lives as long as the group does; `group` is exchanged when that changes, and has no targets once it is gone. */
export interface FeedEntry {
  /** Grows with every group that is new to the feed: the order in which duplicates are resolved. */
  readonly sequence: number;
  readonly group: TargetGroup;
}

export interface GroupFeed {
  /** By source, in order of `sequence`. The live state, not a copy. */
  readonly entries: ReadonlyMap<string, FeedEntry>;
  /** Targets of all groups. */
  readonly targetCount: number;
}

interface WritableEntry extends FeedEntry {
  group: TargetGroup;
}

/** The side that writes a feed. */
export class Feed implements GroupFeed {
  readonly entries = new Map<string, WritableEntry>();
  targetCount = 0;
  #nextSequence = 0;

  /** Takes over changed groups; returns the entries that are new, changed or gone. Nothing is told of a group that was never there. */
  apply(groups: Iterable<TargetGroup>): FeedEntry[] {
    const changed: FeedEntry[] = [];
    for (const group of groups) {
      const entry = this.entries.get(group.source);
      if (entry === undefined && group.targetCount === 0) continue;
      changed.push(entry === undefined ? this.#add(group) : this.#replace(entry, group));
    }
    return changed;
  }

  #add(group: TargetGroup): FeedEntry {
    const entry = { sequence: this.#nextSequence++, group };
    this.entries.set(group.source, entry);
    this.targetCount += group.targetCount;
    return entry;
  }

  #replace(entry: WritableEntry, group: TargetGroup): FeedEntry {
    this.targetCount += group.targetCount - entry.group.targetCount;
    entry.group = group;
    if (group.targetCount === 0) this.entries.delete(group.source);
    return entry;
  }
}
