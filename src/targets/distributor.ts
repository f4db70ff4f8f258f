// From feeds to the jobs that have them: a changed group goes to the jobs that may keep one of its targets, and to nobody else. Its labels are read
// once for all of them and let go of afterwards.
//
// A job whose rules begin with an exact `keep` is found through the index of its feeds (lookup.ts); any other job gets every group.

import type { FeedEntry, GroupFeed } from '../../discovery/feed.ts';
import type { ExactKeep } from '../relabel/exact-keep.ts';
import { readGroup } from './build.ts';
import type { ReadGroup } from './build.ts';
import { Lookup, tupleKey } from './lookup.ts';

/** A job, as far as groups are brought to it. */
export interface Taker {
  /** Groups without a target that passes it may be kept from the taker. Must not change while it is connected. */
  readonly keep: ExactKeep | undefined;
  /** A group that is new to the taker, or changed. */
  put(feed: GroupFeed, entry: FeedEntry, read: ReadGroup): void;
  /** A group that is gone or does not pass any more; perhaps one it never had. */
  remove(feed: GroupFeed, entry: FeedEntry): void;
  /** All that changed together has been told. Not called by `connect`. */
  flush(): void;
}

export class Distributor {
  readonly #feeds = new Map<GroupFeed, FeedIndex>();
  readonly #connected = new Map<Taker, readonly GroupFeed[]>();

  /** From now on the taker gets the groups of these feeds; it is given what they hold where it did not have them. It forgets those of others by itself. */
  connect(taker: Taker, feeds: readonly GroupFeed[]): void {
    const before = this.#connected.get(taker) ?? [];
    this.#connected.set(taker, feeds);
    for (const feed of before) if (!feeds.includes(feed)) this.#leave(taker, feed);
    for (const feed of feeds) if (!before.includes(feed)) this.#index(feed).join(taker);
  }

  disconnect(taker: Taker): void {
    for (const feed of this.#connected.get(taker) ?? []) this.#leave(taker, feed);
    this.#connected.delete(taker);
  }

  /** Tells changed entries of a feed to everybody they concern. */
  change(feed: GroupFeed, changed: readonly FeedEntry[]): void {
    const index = this.#feeds.get(feed);
    if (index === undefined) return;
    const touched = new Set<Taker>();
    for (const entry of changed) index.change(entry, touched);
    for (const taker of touched) taker.flush();
  }

  #index(feed: GroupFeed): FeedIndex {
    const known = this.#feeds.get(feed);
    if (known !== undefined) return known;
    const index = new FeedIndex(feed);
    this.#feeds.set(feed, index);
    return index;
  }

  #leave(taker: Taker, feed: GroupFeed): void {
    const index = this.#feeds.get(feed);
    if (index?.leave(taker) === true) this.#feeds.delete(feed);
  }
}

/** The takers of one feed. */
class FeedIndex {
  readonly #feed: GroupFeed;
  /** Those that get every group. */
  readonly #everything = new Set<Taker>();
  readonly #lookups = new Map<string, Lookup<Taker>>();

  constructor(feed: GroupFeed) {
    this.#feed = feed;
  }

  join(taker: Taker): void {
    const { keep } = taker;
    if (keep === undefined) this.#everything.add(taker);
    const entries = keep === undefined ? this.#feed.entries.values() : this.#lookup(keep).join(taker, keep.values);
    for (const entry of entries) taker.put(this.#feed, entry, readGroup(entry.group));
  }

  /** True when nobody is left. */
  leave(taker: Taker): boolean {
    const { keep } = taker;
    if (keep === undefined) this.#everything.delete(taker);
    else {
      const lookup = this.#lookup(keep);
      lookup.leave(taker, keep.values);
      if (lookup.isUnused) this.#lookups.delete(tupleKey(keep));
    }
    return this.#everything.size === 0 && this.#lookups.size === 0;
  }

  change(entry: FeedEntry, touched: Set<Taker>): void {
    const read = entry.group.targetCount === 0 ? undefined : readGroup(entry.group);
    this.#tell(entry, read, this.#everything, touched);
    for (const lookup of this.#lookups.values()) {
      const { takers, losers } = lookup.place(entry, read);
      this.#tell(entry, read, takers, touched);
      this.#tell(entry, undefined, losers, touched);
    }
  }

  #tell(entry: FeedEntry, read: ReadGroup | undefined, takers: Iterable<Taker>, touched: Set<Taker>): void {
    for (const taker of takers) {
      if (read === undefined) taker.remove(this.#feed, entry);
      else taker.put(this.#feed, entry, read);
      touched.add(taker);
    }
  }

  /** The table of a tuple of labels; a new one takes in all groups of the feed. */
  #lookup(keep: ExactKeep): Lookup<Taker> {
    const key = tupleKey(keep);
    const known = this.#lookups.get(key);
    if (known !== undefined) return known;
    const lookup = new Lookup<Taker>(keep);
    this.#lookups.set(key, lookup);
    for (const entry of this.#feed.entries.values()) lookup.place(entry, readGroup(entry.group));
    return lookup;
  }
}
