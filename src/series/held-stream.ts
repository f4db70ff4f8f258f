// Samples that wait for their pod, on disk: a stream without a destination, `(unresolved)`. While a process lives it works with what it has in memory (held.ts) and only settles
// here what has gone where it belongs. What a killed process left is decided about again by the next one and moves then.
//
//     a series comes, its pod is not known       its samples are written here, and count as moved in
//     its next scrape: it is known where to      they are appended there; a second later they count as moved out here
//     killed before that                         the next start waits until its pods are known, or a minute, moves them, and then counts them as moved out
//
// Series that no page brings have nobody who works with them in memory: their records are left here, and placed as soon as it is known where they belong, at the latest after a minute.
//
// A kill between appending and settling sends them once more. Nothing is pushed out for them: without room they wait in memory alone.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Timer } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import type { CommandQueue, OpenStream } from '../queue/command-queue.ts';
import { HELD_STREAM } from '../queue/config.ts';
import type { QueuedRecord, RawInput } from '../queue/queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { HeldPlacement } from './held-placement.ts';

/** A scrape of 50,000 series with their target's labels are some 20 MB. Bytes. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** What is appended is written at the end of its turn; longer than any of them, milliseconds. */
const SETTLE_AFTER_MS = 1000;
/** The API server may need that long after a start; afterwards namespaces decide. Milliseconds. */
const RECOVERY_WAIT_MS = 60_000;
const RECOVERY_STEP_MS = 1000;
/** As long as pods are waited for at most, milliseconds: the index gives up earlier while its watch works. */
const LEFT_WAIT_MS = 60_000;
/** Pages of what is moved in one turn. */
const RECOVERY_BATCH = { samples: 100_000, bytes: 1024 * 1024 };

/** What the series stage needs of it. */
export interface HeldJournal {
  /** Writes a record at once. Returns its sequence; undefined when there is no room. */
  write(record: RawInput): number | undefined;
  /** The samples of a record are being appended where they belong; `lost` of them go nowhere. */
  settle(sequence: number, lost: number): void;
  /** Writes a record that is decided about here. Returns its sequence; undefined when there is no room. */
  leave(record: RawInput): number | undefined;
  /** Whether a record that was left has not gone yet. */
  holds(sequence: number): boolean;
  /** Resolves to whether everything written is as safe as it can be. */
  flush(): Promise<boolean>;
  /** Nobody here will: it is decided about as if it came from another process. */
  abandon(sequence: number): void;
}

export interface HeldStreamOptions {
  readonly queue: CommandQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As `placeHeld`. */
  readonly place: (body: Uint8Array, mayWait: boolean) => HeldPlacement | undefined;
}

export class HeldStream implements HeldJournal {
  readonly #options: HeldStreamOptions;
  #stream: OpenStream | undefined;
  /** Up to here everything is another process'. */
  #inherited = 0;
  readonly #abandoned = new Set<number>();
  /** Records that were left, with the time until which their pods are waited for. */
  readonly #left = new Map<number, number>();
  /** Streams that have the samples of a record that others refuse: they get them once. */
  readonly #delivered = new Map<number, Set<string>>();
  #gone: { readonly sequence: number; readonly lost: number }[] = [];
  #settling: Timer | undefined;
  #recovering: Timer | undefined;
  #deadlineMs = 0;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: HeldStreamOptions) {
    this.#options = options;
  }

  /** Begins to move what another process left. Destinations are there. */
  start(): void {
    const { queue, clock } = this.#options;
    this.#deadlineMs = clock.monotonicMs() + RECOVERY_WAIT_MS;
    if (!queue.names().includes(HELD_STREAM)) return;
    const state = this.#open().state();
    this.#inherited = state.lastSequence;
    if (state.pendingRecords > 0) this.#recoverLater(0);
  }

  #open(): OpenStream {
    const { queue } = this.#options;
    if (this.#stream === undefined) {
      queue.stream(HELD_STREAM, { maxBytes: HELD_BYTES_MAX });
      this.#stream = queue.find(HELD_STREAM)!;
    }
    return this.#stream;
  }

  write(record: RawInput): number | undefined {
    const stream = this.#open();
    return stream.moveIn([record]) === undefined ? stream.state().lastSequence : undefined;
  }

  settle(sequence: number, lost: number): void {
    this.#gone.push({ sequence, lost });
    this.#settling ??= this.#options.clock.after(SETTLE_AFTER_MS, () => {
      this.#settling = undefined;
      this.#settleGone();
    });
  }

  #settleGone(): void {
    for (const { sequence, lost } of this.#gone) this.#open().settle(sequence, sequence, { dropped: lost, movedOut: Infinity });
    this.#gone = [];
  }

  leave(record: RawInput): number | undefined {
    // The queue may be closed by then, and a stream that is opened would write all the same.
    const sequence = this.#isStopped && this.#stream === undefined ? undefined : this.write(record);
    if (sequence === undefined) return undefined;
    this.#left.set(sequence, this.#options.clock.monotonicMs() + LEFT_WAIT_MS);
    this.#recoverLater(RECOVERY_STEP_MS);
    return sequence;
  }

  holds(sequence: number): boolean {
    return this.#left.has(sequence);
  }

  flush(): Promise<boolean> {
    return this.#open().flush();
  }

  abandon(sequence: number): void {
    this.#abandoned.add(sequence);
    this.#recoverLater(RECOVERY_STEP_MS);
  }

  #recoverLater(delayMs: number): void {
    if (this.#isStopped) return;
    this.#recovering ??= this.#options.clock.after(delayMs, () => {
      this.#running = this.#recover();
    });
  }

  async #recover(): Promise<void> {
    let isLeft = true;
    try {
      isLeft = await this.#moveOrphans();
    } catch (error) {
      this.#options.logger.warn('samples that wait for their pod cannot be moved; it is tried again', { error: errorText(error) });
    }
    this.#recovering = undefined;
    if (isLeft) this.#recoverLater(RECOVERY_STEP_MS);
  }

  /** Returns whether some are left. */
  async #moveOrphans(): Promise<boolean> {
    const stream = this.#open();
    const reader = stream.openReader();
    const { lastSequence } = stream.state();
    const gone = new Set([...this.#left.keys()].filter((sequence) => sequence <= lastSequence));
    let isLeft = false;
    let isStuck = false;
    try {
      for (let after = 0; !this.#isStopped; ) {
        const batch = reader.read(after, RECOVERY_BATCH);
        if (batch.length === 0) break;
        after = batch.at(-1)!.sequence;
        for (const record of batch) {
          gone.delete(record.sequence);
          if (!this.#isOrphan(record.sequence)) continue;
          // A series may be in several that were left: none overtakes another.
          const placement: HeldPlacement | undefined = isStuck && this.#left.has(record.sequence) ? undefined : this.#placeOf(record);
          isStuck ||= placement === undefined;
          isLeft = placement === undefined || !(await this.#moveOrphan(stream, record, placement)) || isLeft;
        }
        await nextTurn();
      }
      // Dropped by command, or damaged.
      if (!this.#isStopped) for (const sequence of gone) this.#left.delete(sequence);
    } finally {
      reader.close();
    }
    return isLeft;
  }

  #isOrphan(sequence: number): boolean {
    return sequence <= this.#inherited || this.#abandoned.has(sequence) || this.#left.has(sequence);
  }

  #placeOf({ sequence, payload }: QueuedRecord): HeldPlacement | undefined {
    return this.#options.place(payload, this.#options.clock.monotonicMs() < (this.#left.get(sequence) ?? this.#deadlineMs));
  }

  /** Returns whether it has moved, and is on the disk there. */
  async #moveOrphan(stream: OpenStream, { sequence }: QueuedRecord, placement: HeldPlacement): Promise<boolean> {
    const { queue } = this.#options;
    const delivered = this.#delivered.get(sequence) ?? new Set();
    this.#delivered.set(sequence, delivered);
    let isDone = true;
    for (const [name, parcel] of placement.parcels) {
      const target = queue.find(name);
      if (target !== undefined && !delivered.has(name) && (await this.#deliver(target, parcel, this.#left.has(sequence)))) delivered.add(name);
      isDone = target !== undefined && delivered.has(name) && (await target.flush()) && isDone;
    }
    if (!isDone) return false;
    stream.settle(sequence, sequence, { dropped: placement.unrouted, movedOut: Infinity });
    placement.count();
    this.#abandoned.delete(sequence);
    this.#left.delete(sequence);
    this.#delivered.delete(sequence);
    return true;
  }

  /** What was left comes for the first time, as what is appended: it may push out what is older. */
  async #deliver(target: OpenStream, parcel: RawInput, isFirst: boolean): Promise<boolean> {
    if (!isFirst) return target.moveIn([parcel]) === undefined;
    return !target.refuses() && (await target.appendNow([parcel]));
  }

  /** Before the queue is closed, and after the last scrape. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#settling?.cancel();
    this.#recovering?.cancel();
    await this.#running;
    this.#settleGone();
  }
}
