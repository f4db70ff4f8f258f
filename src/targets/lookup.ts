// Which jobs may keep a group: an index over the values that the jobs' rules ask for first. Jobs that compare the same labels share a table from
// value to groups and to jobs, so that a changed group finds its jobs, and a new job its groups, without a look at the others.

import type { FeedEntry } from '../../discovery/feed.ts';
import { joinValues } from '../relabel/exact-keep.ts';
import type { ExactKeep } from '../relabel/exact-keep.ts';
import type { ReadGroup } from './build.ts';

/** Groups and takers of one value. */
interface Bucket<T> {
  readonly value: string;
  readonly entries: Set<FeedEntry>;
  readonly takers: Set<T>;
  /** The bucket as a list, shared by all groups that are in no other. */
  readonly alone: readonly Bucket<T>[];
}

const none: readonly never[] = [];

/** Takers of one tuple of labels. A group is in the buckets of all its targets' values, whether somebody asks for these or not. */
export class Lookup<T> {
  readonly #tuple: Omit<ExactKeep, 'values'>;
  readonly #buckets = new Map<string, Bucket<T>>();
  readonly #places = new Map<FeedEntry, readonly Bucket<T>[]>();
  #takers = 0;

  constructor(tuple: Omit<ExactKeep, 'values'>) {
    this.#tuple = tuple;
  }

  get isUnused(): boolean {
    return this.#takers === 0;
  }

  /** Takes in a group; `read` is undefined when it is gone. Returns who may keep it now, and who had it and may not any more. */
  place(entry: FeedEntry, read: ReadGroup | undefined): { readonly takers: ReadonlySet<T>; readonly losers: ReadonlySet<T> } {
    const before = this.#places.get(entry) ?? none;
    const after = read === undefined ? none : this.#bucketsOf(read);
    if (after.length === 0) this.#places.delete(entry);
    else this.#places.set(entry, after);
    for (const bucket of after) bucket.entries.add(entry);
    const takers = takersOf(after);
    const losers = new Set([...takersOf(before)].filter((taker) => !takers.has(taker)));
    for (const bucket of before) if (!after.includes(bucket)) this.#clear(bucket, entry);
    return { takers, losers };
  }

  /** From now on the taker is told of groups with these values; returns those that are there. */
  join(taker: T, values: readonly string[]): ReadonlySet<FeedEntry> {
    this.#takers++;
    const found = new Set<FeedEntry>();
    for (const value of values) {
      const bucket = this.#bucket(value);
      bucket.takers.add(taker);
      for (const entry of bucket.entries) found.add(entry);
    }
    return found;
  }

  leave(taker: T, values: readonly string[]): void {
    this.#takers--;
    for (const value of values) {
      const bucket = this.#bucket(value);
      bucket.takers.delete(taker);
      this.#clear(bucket);
    }
  }

  #bucketsOf(read: ReadGroup): readonly Bucket<T>[] {
    const values = valuesOf(read, this.#tuple);
    const [first] = values;
    if (first !== undefined && values.size === 1) return this.#bucket(first).alone;
    return [...values].map((value) => this.#bucket(value));
  }

  #bucket(value: string): Bucket<T> {
    const known = this.#buckets.get(value);
    if (known !== undefined) return known;
    const alone: Bucket<T>[] = [];
    const bucket = { value, entries: new Set<FeedEntry>(), takers: new Set<T>(), alone };
    alone.push(bucket);
    this.#buckets.set(value, bucket);
    return bucket;
  }

  #clear(bucket: Bucket<T>, entry?: FeedEntry): void {
    if (entry !== undefined) bucket.entries.delete(entry);
    if (bucket.entries.size === 0 && bucket.takers.size === 0) this.#buckets.delete(bucket.value);
  }
}

function takersOf<T>(buckets: readonly Bucket<T>[]): ReadonlySet<T> {
  return buckets.length === 1 ? buckets[0]!.takers : new Set(buckets.flatMap(({ takers }) => [...takers]));
}

/** The values of all targets. Jobs must not have a say in these labels. */
function valuesOf({ targets, labels }: ReadGroup, tuple: Omit<ExactKeep, 'values'>): Set<string> {
  const values = new Set<string>();
  for (const own of targets) values.add(joinValues(tuple, (name) => own.get(name) ?? labels.get(name)));
  return values;
}

/** Equal for tuples that give equal texts. */
export function tupleKey({ sourceLabels, separator }: ExactKeep): string {
  return JSON.stringify([sourceLabels, sourceLabels.length === 1 ? '' : separator]);
}
