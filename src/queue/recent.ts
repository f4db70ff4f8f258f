// Records that were written a moment ago, still in memory, so that a healthy link never reads the disk. One list per stream, in
// order and without holes; one bound for all streams, and one for the images they need, kept by letting the longest list forget
// its oldest records.

import type { Image } from '../wire/image.ts';
import type { QueuedRecord, Tally } from './queue.ts';

/** A record with the samples of the stream before it. */
export interface RecentRecord extends QueuedRecord {
  readonly samplesBefore: number;
  /** It was counted when the record was written; a segment that is written anew keeps it. */
  readonly tally?: Tally | undefined;
}

/** Payloads of all streams together. Bytes. */
export const RECENT_BYTES_MAX = 32 * 1024 ** 2;
/**
 * Images that these records need, all streams together. Where series come and go fast and a destination does not answer, records would hold many
 * generations of every image; those in use, some 22 MB per million series, fit. Bytes.
 */
export const RECENT_IMAGE_BYTES_MAX = 128 * 1024 ** 2;
/** A record costs memory beyond its payload; small ones would otherwise be held by the hundred thousand. Bytes. */
const RECORD_OVERHEAD_BYTES = 300;

/** What all lists of a queue hold together. */
export class RecentBudget {
  bytes = 0;
  imageBytes = 0;
  readonly lists = new Set<RecentRecords>();
  readonly #bytesMax: number;
  readonly #imageBytesMax: number;

  constructor(bytesMax: number, imageBytesMax = RECENT_IMAGE_BYTES_MAX) {
    this.#bytesMax = bytesMax;
    this.#imageBytesMax = imageBytesMax;
  }

  enforce(): void {
    while (this.bytes > this.#bytesMax || this.imageBytes > this.#imageBytesMax) {
      let longest: RecentRecords | undefined;
      for (const list of this.lists) if (longest === undefined || list.bytes > longest.bytes) longest = list;
      if (longest === undefined || longest.bytes === 0) return;
      // An eighth at a time: many streams are not compared again for every record.
      longest.forgetBytes(Math.max(this.bytes - this.#bytesMax, longest.bytes / 8));
    }
  }
}

interface HeldImage {
  records: number;
  runs: number;
  bytes: number;
}

export class RecentRecords {
  bytes = 0;
  readonly #images = new Map<Image, HeldImage>();
  readonly #budget: RecentBudget;
  #records: (RecentRecord | undefined)[] = [];
  #head = 0;

  constructor(budget: RecentBudget) {
    this.#budget = budget;
    budget.lists.add(this);
  }

  push(record: RecentRecord): void {
    if (this.get(record.sequence - 1) === undefined) this.clear();
    this.#records.push(record);
    this.#count(size(record));
    if (record.image !== undefined) this.#hold(record.image);
  }

  /** Images grow: only runs that came since are added up. */
  #hold(image: Image): void {
    let held = this.#images.get(image);
    if (held === undefined) this.#images.set(image, (held = { records: 0, runs: 0, bytes: 0 }));
    held.records++;
    for (; held.runs < image.runs.length; held.runs++) {
      const bytes = image.runs[held.runs]!.data.length;
      held.bytes += bytes;
      this.#budget.imageBytes += bytes;
    }
  }

  #release(image: Image): void {
    const held = this.#images.get(image)!;
    if (--held.records > 0) return;
    this.#images.delete(image);
    this.#budget.imageBytes -= held.bytes;
  }

  get(sequence: number): RecentRecord | undefined {
    const first = this.#records[this.#head];
    return first === undefined || sequence < first.sequence ? undefined : this.#records[this.#head + sequence - first.sequence];
  }

  /** The sequence of the oldest record held, or undefined. */
  get first(): number | undefined {
    return this.#records[this.#head]?.sequence;
  }

  forgetUpTo(sequence: number): void {
    for (let first = this.first; first !== undefined && first <= sequence; first = this.first) this.#shift();
  }

  forgetBytes(bytes: number): void {
    const target = this.bytes - bytes;
    while (this.bytes > target && this.first !== undefined) this.#shift();
  }

  clear(): void {
    this.#count(-this.bytes);
    for (const { bytes } of this.#images.values()) this.#budget.imageBytes -= bytes;
    this.#images.clear();
    this.#records = [];
    this.#head = 0;
  }

  #shift(): void {
    const record = this.#records[this.#head]!;
    this.#records[this.#head++] = undefined;
    this.#count(-size(record));
    if (record.image !== undefined) this.#release(record.image);
    if (this.#head < 1024 || this.#head * 2 < this.#records.length) return;
    this.#records = this.#records.slice(this.#head);
    this.#head = 0;
  }

  #count(bytes: number): void {
    this.bytes += bytes;
    this.#budget.bytes += bytes;
  }
}

function size(record: RecentRecord): number {
  return record.payload.length + RECORD_OVERHEAD_BYTES;
}
