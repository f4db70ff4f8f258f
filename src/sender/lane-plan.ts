// Which records a lane takes next. Pure bookkeeping over sequences; the queue knows what is settled, this file who reads what:
//
//     1 ............. backfilled ........ boundary ............ live ........ last
//                     |-- backfill lane --|     (live lane's)   |-- live lane --|
//
// With `oldest_first` there is the live lane alone and it reads everything. With `live_first` the live lane leaves behind what has become
// too old: the boundary moves up to its new place, and the backfill lane takes what lies below, oldest first. Several outages leave several
// gaps below the boundary; they need no list here, because reading skips what is settled. A lane has one batch at a time, and the live lane
// leaves records behind only between two batches, so no record is taken twice.
//
// Held records (see held.ts) are passed over and come back as ranges of their own when their time has come.

import type { QueuedRecord } from '../queue/queue.ts';
import type { Lane } from './gate.ts';
import { HeldRecords, type HeldRange } from './held.ts';

/** What a lane may read: records after `after`, up to `until`. */
export interface Interval {
  readonly after: number;
  readonly until: number;
  /** A held range whose time has come; undefined for the lane's ordinary progress. */
  readonly released: HeldRange | undefined;
}

export class LanePlan {
  readonly held = new HeldRecords();
  /** Everything above belongs to the live lane. */
  #livePosition = 0;
  /** Below it, what is not settled belongs to the backfill lane. */
  #boundary = 0;
  #backfillPosition = 0;
  #released: HeldRange[] = [];
  /** The released range that the live lane is sending. */
  #underWay: HeldRange | undefined;

  get livePosition(): number {
    return this.#livePosition;
  }

  get boundary(): number {
    return this.#boundary;
  }

  /** Whether the backfill lane may still find something. */
  get hasBackfill(): boolean {
    return this.#backfillPosition < this.#boundary;
  }

  get hasReleased(): boolean {
    return this.#released.length > 0;
  }

  next(lane: Lane): Interval {
    if (lane === 'backfill') return { after: this.#backfillPosition, until: this.#boundary, released: undefined };
    this.#underWay = undefined;
    const released = this.#released[0];
    if (released !== undefined) return { after: released.first - 1, until: released.last, released };
    return { after: this.#livePosition, until: Number.POSITIVE_INFINITY, released: undefined };
  }

  /** The lane has read its interval up to this sequence. */
  advance(lane: Lane, interval: Interval, sequence: number): void {
    if (interval.released !== undefined) {
      this.#underWay = interval.released;
      const [head, ...rest] = this.#released;
      this.#released = head !== undefined && sequence < head.last ? [{ ...head, first: sequence + 1 }, ...rest] : rest;
    } else if (lane === 'live') this.#livePosition = Math.max(this.#livePosition, sequence);
    else this.#backfillPosition = Math.max(this.#backfillPosition, sequence);
  }

  /** The backfill lane found nothing up to the boundary. */
  backfillIsDone(interval: Interval): void {
    this.#backfillPosition = Math.max(this.#backfillPosition, interval.until);
  }

  /** The live lane goes on after `sequence`; what lies before is left to the backfill lane. */
  leaveBehind(sequence: number): void {
    this.#livePosition = Math.max(this.#livePosition, sequence);
    this.#boundary = this.#livePosition;
  }

  /** One lane again: the live lane takes over what the backfill lane had left. Only while no batch of either is under way. */
  join(): void {
    this.#livePosition = Math.min(this.#livePosition, this.#backfillPosition);
    this.#boundary = this.#livePosition;
    this.#backfillPosition = this.#livePosition;
  }

  /** Records of a batch that may go out now; those ahead of the receiver's clock are held. */
  admit(records: readonly QueuedRecord[], interval: Interval, isHeld: (newestMs: number) => boolean): QueuedRecord[] {
    return records.filter((record) => {
      if (interval.released === undefined && this.#isElsewhere(record.sequence)) return false;
      if (!isHeld(record.newestMs)) return true;
      this.held.add(record);
      return false;
    });
  }

  /** Moves held ranges whose time has come to where the live lane reads first. */
  release(isDue: (newestMs: number) => boolean): void {
    this.#released.push(...this.held.release(isDue));
  }

  #isElsewhere(sequence: number): boolean {
    const covers = (range: HeldRange) => sequence >= range.first && sequence <= range.last;
    return this.held.covers(sequence) || this.#released.some(covers) || (this.#underWay !== undefined && covers(this.#underWay));
  }
}

/** Stretches of a batch that are settled together: `records` are in order; between two stretches lie records that are not part of it. */
export function stretches(all: readonly QueuedRecord[], taken: readonly QueuedRecord[]): { first: number; last: number; samples: number }[] {
  const left = new Set(taken.map((record) => record.sequence));
  const found: { first: number; last: number; samples: number }[] = [];
  let open: { first: number; last: number; samples: number } | undefined;
  for (const record of all) {
    if (!left.has(record.sequence)) {
      open = undefined;
      continue;
    }
    if (open === undefined) found.push((open = { first: record.sequence, last: record.sequence, samples: 0 }));
    open.last = record.sequence;
    open.samples += record.samples;
  }
  return found;
}
