// Brings segments to the medium by policy. A segment whose fsync failed is suspect: the system may have thrown its pages away and call them clean, so that a second
// fsync would succeed and mean nothing. It is never synced again but written anew (rewrite.ts), and until that has succeeded the stream is not safe. Meanwhile
// nothing else is synced either: each attempt would make another suspect.
//
// A segment that ends in a refused write which could not be cut off is suspect as well: a sync would bring to the medium what was counted as lost.

import type { Timer } from '../io/clock.ts';
import type { StreamContext } from './context.ts';
import type { Segment } from './segment.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** After so many attempts a record of a suspect segment that cannot be read counts as damaged: as long as one is suspect, nothing is synced. */
const READ_ATTEMPTS = 3;

interface Suspect {
  /** To rewrite it. */
  attempts: number;
  /** It ends in a refused write that could not be cut off. */
  readonly isUncut: boolean;
}

export interface SyncHooks {
  /** The segment being written, if any. */
  current(): SegmentWriter | undefined;
  /** The segment could not be synced: nothing more may be written to it. */
  failed(error: unknown, writer: SegmentWriter): void;
  /** Closing failed. */
  closeFailed(error: unknown): void;
  /** Replaces the segment by a synced copy, without what cannot be read if need be; resolves to whether it did, and never fails. */
  rewrite(segment: Segment, skipsUnreadable: boolean): Promise<boolean>;
}

export class SegmentSync {
  readonly #context: StreamContext;
  readonly #hooks: SyncHooks;
  readonly #suspects = new Map<Segment, Suspect>();
  readonly #closing = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #isDirty = false;
  #syncing: Promise<void> | undefined;
  #healing: Promise<void> | undefined;

  constructor(context: StreamContext, hooks: SyncHooks) {
    this.#context = context;
    this.#hooks = hooks;
  }

  get hasSuspects(): boolean {
    return this.#suspects.size > 0;
  }

  /** Whether something that was refused may still come back from a segment. */
  get hasUncut(): boolean {
    return [...this.#suspects.values()].some(({ isUncut }) => isUncut);
  }

  /** The segment ends in a refused write that could not be cut off: it is written anew without it. */
  doubt(segment: Segment): void {
    this.#suspects.set(segment, { attempts: 0, isUncut: true });
    void this.heal();
  }

  /** Something was written to the current segment. */
  written(): void {
    const { settings, clock } = this.#context;
    if (settings.fsync === 'none') return;
    this.#isDirty = true;
    if (settings.fsync === 'always') return this.#syncDirty();
    this.#timer ??= clock.after(settings.fsyncIntervalMs, () => {
      this.#timer = undefined;
      this.#syncDirty();
    });
  }

  /** Syncs what was written so far; resolves to whether all of it is safe. */
  async flush(): Promise<boolean> {
    await Promise.all([...this.#closing, this.#syncing]);
    this.#syncDirty();
    // A segment that was finished meanwhile took what was written along.
    await Promise.all([...this.#closing, this.#syncing]);
    return !this.hasSuspects;
  }

  /** The segment is complete: synced once more, unless it is suspect already, and closed. */
  finish(writer: SegmentWriter): void {
    this.#isDirty = false;
    const closed = this.#finish(writer);
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }

  /** Writes suspect segments anew; what could not be synced meanwhile follows. Never fails. */
  heal(): Promise<void> {
    this.#healing ??= this.#heal().finally(() => (this.#healing = undefined));
    return this.#healing;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await Promise.all([...this.#closing, this.#syncing]);
    await this.heal();
  }

  async #heal(): Promise<void> {
    for (const [segment, suspect] of this.#suspects) {
      suspect.attempts += 1;
      if (!(await this.#hooks.rewrite(segment, suspect.attempts > READ_ATTEMPTS))) return;
      this.#suspects.delete(segment);
    }
    this.#syncDirty();
    await this.#syncing;
  }

  async #finish(writer: SegmentWriter): Promise<void> {
    await this.#syncing;
    if (this.#context.settings.fsync !== 'none' && !this.#suspects.has(writer.segment)) await this.#sync(writer);
    try {
      writer.close();
    } catch (error) {
      // Nobody waits for it but the stop: a rejection would end the process.
      this.#hooks.closeFailed(error);
    }
  }

  /** One sync at a time; what was written meanwhile is synced by the next one. */
  #syncDirty(): void {
    const writer = this.#hooks.current();
    if (writer === undefined || !this.#isDirty || this.#syncing !== undefined || this.hasSuspects) return;
    this.#isDirty = false;
    this.#syncing = this.#sync(writer).finally(() => {
      this.#syncing = undefined;
      if (this.#context.settings.fsync === 'always') this.#syncDirty();
    });
  }

  async #sync(writer: SegmentWriter): Promise<void> {
    const { clock, metrics, name } = this.#context;
    const startedMs = clock.monotonicMs();
    try {
      await writer.sync();
      metrics.fsyncSeconds.with(name).observe((clock.monotonicMs() - startedMs) / 1000);
    } catch (error) {
      this.#suspects.set(writer.segment, { attempts: 0, isUncut: writer.isBroken });
      this.#hooks.failed(error, writer);
    }
  }
}
