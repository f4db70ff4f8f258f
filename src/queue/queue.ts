// The queue contract: one stream per destination, records in order, kept until they are settled. See docs/formats/queue.md.

import type { Image } from '../wire/image.ts';

export { openQueue, type QueueOptions } from './open-queue.ts';

/** What a source appends. The queue writes the runs of `image` that the current segment lacks before the record that needs them. */
export type RecordInput = SamplesInput | RawInput;

export interface SamplesInput {
  readonly type: 'samples';
  readonly image: Image;
  /** How many positions of the image the column covers (the image may grow later). */
  readonly positions: number;
  readonly samples: number;
  readonly timestampMs: number;
  readonly oldestMs: number;
  readonly newestMs: number;
  /** An encoded column, see wire/column.ts. */
  readonly column: Uint8Array;
}

export interface RawInput {
  readonly type: 'raw';
  /** Exemplars count as items, not as samples. */
  readonly samples: number;
  readonly oldestMs: number;
  readonly newestMs: number;
  /** Ready pieces of a write request: repeated `timeseries` fields of prometheus.WriteRequest. */
  readonly body: Uint8Array;
}

/** A record as the sender takes it. */
export interface QueuedRecord {
  /** Position in the stream, from 1, without holes except where records were lost. */
  readonly sequence: number;
  readonly type: 'samples' | 'raw';
  readonly samples: number;
  readonly timestampMs: number;
  readonly oldestMs: number;
  readonly newestMs: number;
  /** Bytes on disk. */
  readonly bytes: number;
  readonly image: Image | undefined;
  readonly positions: number;
  /** The column or the raw body. */
  readonly payload: Uint8Array;
}

/** Why records left a stream without having been delivered. */
export type LossReason = 'evicted' | 'expired' | 'corrupt' | 'rejected' | 'disk_full' | 'dropped';

/** The accounting identity of a stream, in samples: appended = acknowledged + lost (by reason) + pending. */
export interface StreamCounters {
  readonly appended: number;
  readonly acknowledged: number;
  readonly lost: Readonly<Record<LossReason, number>>;
  readonly pending: number;
}

export interface StreamState {
  readonly name: string;
  readonly counters: StreamCounters;
  readonly pendingRecords: number;
  readonly pendingBytes: number;
  /** Bytes of the segment files on disk. */
  readonly diskBytes: number;
  readonly segments: number;
  /** Newest timestamp appended, and oldest one pending; undefined while there is none. Milliseconds. */
  readonly newestMs: number | undefined;
  readonly oldestPendingMs: number | undefined;
  readonly lastSequence: number;
  /** A mode, not a failure: `full` while appends are refused by disk or quota. */
  readonly mode: 'ok' | 'full' | 'failing';
  readonly lastError: string | undefined;
}

/** How records leave: delivered, or refused for good by the receiver. */
export type Settlement = 'acknowledged' | 'rejected';

export interface Stream {
  readonly name: string;
  /**
   * Appends records in order; their bytes must not change afterwards. Everything appended in one turn of the event loop is written together, at the latest
   * after the queue's write window (docs/formats/queue.md). Never throws: what cannot be kept is counted.
   */
  append(records: readonly RecordInput[]): void;
  /**
   * Up to `limits` unsettled records after `afterSequence`, in order, from memory where they still are, else from disk. Damaged records are
   * counted and skipped. Empty when there is nothing.
   */
  read(afterSequence: number, limits: { readonly samples: number; readonly bytes: number }): Promise<QueuedRecord[]>;
  /**
   * Settles the records of a closed sequence range. Of their samples, `rejectedSamples` were refused for good and `expiredSamples` (default 0) were given
   * up for their age by the sender; the rest counts as acknowledged.
   */
  settle(first: number, last: number, rejectedSamples: number, expiredSamples?: number): void;
  /** Calls back (once per registration) as soon as a record after `sequence` is readable. */
  onRecord(sequence: number, callback: () => void): void;
  state(): StreamState;
}

export interface Queue {
  /** Opens or creates the stream; the same name gives the same stream again, also after a restart. */
  stream(name: string, options: { readonly maxBytes: number }): Stream;
  /** Names of all streams on disk, whether opened or not. */
  names(): string[];
  /** Small values kept in the ledger, such as the names of unnamed destinations. */
  note(key: string): string | undefined;
  setNote(key: string, value: string): Promise<void>;
  /** Writes what is buffered, saves the ledger and closes every file. */
  close(): Promise<void>;
}
