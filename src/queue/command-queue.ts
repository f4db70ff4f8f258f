// What the queue commands need beyond the contract of the stages: streams as they are on disk, a way in for samples that were counted before, and the
// quarantine.

import type { Queue, QueuedRecord, ReadLimits, RecordInput, Stream } from './queue.ts';
import type { RefusedSamples } from './refused.ts';

/** A queue as commands need it; `openQueue` gives one. */
export interface CommandQueue extends Queue {
  readonly refused: RefusedSamples;
  /** The stream as it is, without a change of its options; undefined when there is none. */
  find(name: string): OpenStream | undefined;
  /** Deletes the stream with its folder. Everything in it must be settled. */
  remove(name: string): Promise<void>;
}

export interface OpenStream extends Stream {
  /**
   * Writes records of another stream, or from the quarantine, at once; they count as moved in. Undefined when all of them are written, else why not;
   * they never push anything out.
   */
  moveIn(records: readonly RecordInput[]): string | undefined;
  /** Whether everything written so far is on the medium, as far as the settings ask for that at all. */
  flush(): Promise<boolean>;
  /** A reading place of its own, which leaves those of the sender alone. Close it. */
  openReader(): { read(afterSequence: number, limits: ReadLimits): QueuedRecord[]; close(): void };
  details(): StreamDetails;
}

export interface StreamDetails {
  readonly segments: readonly { readonly file: string; readonly first: number; readonly last: number; readonly bytes: number; readonly oldestMs: number; readonly newestMs: number }[];
  /** Ranges of records without a verdict: what lies between two of them is settled. */
  readonly pending: readonly { readonly first: number; readonly last: number; readonly samples: number }[];
}

/** The last answer of its reason that cost, delayed or kept aside samples, as the sender tells it. */
export interface CommandSpecimen {
  readonly status: number;
  readonly reason: string;
  readonly samples: number;
  readonly atMs: number;
  readonly body: string;
  readonly series: string | undefined;
}
