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
  /**
   * What became of samples that were scraped together with those of this record: its `scraped` is the samples of this record and those that were dropped. Rides on
   * one record of a scrape, so that it is exactly as durable; a record without one counts its samples as scraped.
   */
  readonly tally?: Tally | undefined;
}

/** What became of scraped samples for one destination, up to the queue: scraped = failed + relabelled + limited + unrouted + appended. */
export interface Tally {
  /** Samples read from pages, staleness markers and the scrape's own health series. */
  readonly scraped: number;
  /** Read and refused: out of order, duplicate, out of bounds, or of a page that was rolled back. */
  readonly failed: number;
  /** Dropped by metric_relabel_configs, or left out because another series of the page has the same labels. */
  readonly relabelled: number;
  /** Of scrapes above a limit. */
  readonly limited: number;
  /** Of series that go elsewhere; dropped by write_relabel_configs, or of the same labels as another series behind them; above the budget of a route. */
  readonly unrouted: number;
}

export interface RawInput {
  readonly type: 'raw';
  /** Exemplars count as items, not as samples. */
  readonly samples: number;
  readonly oldestMs: number;
  readonly newestMs: number;
  /** Ready pieces of a write request: repeated `timeseries` fields of prometheus.WriteRequest. */
  readonly body: Uint8Array;
  /** Absent: all samples were scraped. */
  readonly tally?: Tally | undefined;
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

/**
 * Why samples left a stream without having been delivered. `evicted`: dropped for room; `expired`: older than `max_age` or `sample_age_limit`; `corrupt`: damaged on disk;
 * `rejected`: refused by the receiver; `quarantined`: refused and kept aside; `disk_full`: not taken by the disk; `quota`: not taken because the policy keeps what is older;
 * `dropped`: by command; `moved_out`: to another stream, by command.
 */
export type LossReason = 'evicted' | 'expired' | 'corrupt' | 'rejected' | 'quarantined' | 'disk_full' | 'quota' | 'dropped' | 'moved_out';

/** The accounting identity of a stream, in samples: appended + movedIn = acknowledged + deduplicated + lost (by reason) + pending. */
export interface StreamCounters {
  readonly appended: number;
  /** Adopted from another stream, put back from quarantine, or left by a killed process that waited to know where they belong. */
  readonly movedIn: number;
  readonly acknowledged: number;
  /** Accepted by the receiver and thrown away there, because another replica had sent them (202), or because they were stored before (409 and 400 on a repetition). */
  readonly deduplicated: number;
  readonly lost: Readonly<Record<LossReason, number>>;
  readonly pending: number;
  /** Of all time, also across `kill -9`: scraped = failed + relabelled + limited + unrouted + appended. Records that no scrape brought count as scraped. */
  readonly scrape: Tally;
}

export interface StreamState {
  readonly name: string;
  readonly counters: StreamCounters;
  readonly pendingRecords: number;
  readonly pendingBytes: number;
  /** Bytes of the segment files on disk. */
  readonly diskBytes: number;
  readonly segments: number;
  /** Bytes written since the stream was opened. */
  readonly writtenBytes: number;
  /** Newest timestamp appended, and oldest one pending; undefined while there is none. Milliseconds. */
  readonly newestMs: number | undefined;
  readonly oldestPendingMs: number | undefined;
  readonly lastSequence: number;
  /** A mode, not a failure: `full` while appends are refused by disk or quota. */
  readonly mode: 'ok' | 'full' | 'failing';
  readonly lastError: string | undefined;
  /** The policy is `block`, and there is no room: what is appended now may be refused. */
  readonly isBlocked: boolean;
}

/** How the samples of a settled range ended, in samples; the rest of them was acknowledged. */
export interface Settled {
  readonly deduplicated?: number;
  readonly rejected?: number;
  readonly quarantined?: number;
  readonly expired?: number;
  /** By command, as the next one; infinite for all that is left. */
  readonly dropped?: number;
  readonly movedOut?: number;
}

/** Samples that a receiver refused while it took others. */
export interface QuarantineInput {
  /** As in `tributary_remote_write_rejected_samples_total`. */
  readonly reason: string;
  readonly status: number;
  /** First 4 KiB of the answer. */
  readonly answer: string;
  /** As `name{label="value"}` where it is a single one. */
  readonly series: string | undefined;
  readonly samples: number;
  /** Ready pieces of a write request: repeated `timeseries` fields of prometheus.WriteRequest. Copied. */
  readonly body: Uint8Array;
}

/** What one read takes at most. */
export interface ReadLimits {
  readonly samples: number;
  /** Of payloads. */
  readonly bytes: number;
  /** The last sequence that may be read; default the newest. */
  readonly until?: number;
  /** Longest time between the oldest sample of the first record and the newest one of any other, milliseconds; default none. */
  readonly spanMs?: number;
}

/** What a stream does when its quota is reached. */
export type OverflowPolicy = 'drop_oldest' | 'drop_newest' | 'block';

export interface StreamOptions {
  /** Guaranteed quota. */
  readonly maxBytes: number;
  /** Default `drop_oldest`. With `block` the stream says so (`isBlocked`) and refuses what is appended nevertheless. */
  readonly policy?: OverflowPolicy;
  /** When free space is short, streams of lower priority give up their oldest segments first. Default 0. */
  readonly priority?: number;
}

export interface Stream {
  readonly name: string;
  /**
   * Appends records in order; their bytes must not change afterwards. Everything appended in one turn of the event loop is written together, at the latest
   * after the queue's write window (docs/formats/queue.md). Never throws: what cannot be kept is counted.
   */
  append(records: readonly RecordInput[]): void;
  /**
   * Appends records and writes them at once. Resolves to whether they are as safe as the settings ask for (with `fsync: always` on the medium); what a stream with `drop_newest`
   * refuses at its quota is lost by its policy, and counts as taken.
   */
  appendNow(records: readonly RecordInput[]): Promise<boolean>;
  /** Whether what is appended now would be refused, other than by `drop_newest`: somebody who can wait should not append. */
  refuses(): boolean;
  /** Counts what was scraped and dropped by a scrape of which nothing is appended. A kill within a second forgets it, on both sides of the identity. */
  count(tally: Tally): void;
  /**
   * Up to `limits` unsettled records after `afterSequence`, in order, from memory where they still are, else from disk. Damaged records are
   * counted and skipped. Empty when there is nothing; fails with QUEUE_UNREADABLE when what comes next cannot be opened now.
   */
  read(afterSequence: number, limits: ReadLimits): Promise<QueuedRecord[]>;
  /** Settles the records of a closed sequence range. A second settlement of the same record changes nothing. */
  settle(first: number, last: number, outcome?: Settled): void;
  /** Keeps refused samples aside on disk, for a person to look at, put back or drop. False when there is no room for them. */
  quarantine(input: QuarantineInput): boolean;
  /** Calls back (once per registration) as soon as a record after `sequence` is readable. */
  onRecord(sequence: number, callback: () => void): void;
  state(): StreamState;
}

/** A stream without destination. */
export interface RetiredStream {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly removedMs: number;
  /** The grace is over: it is the first to go when room is needed, and stays as long as none is. */
  readonly isParked: boolean;
  readonly state: StreamState;
}

export interface Queue {
  /** Opens or creates the stream; the same name gives the same stream again, also after a restart. */
  stream(name: string, options: StreamOptions): Stream;
  /** Names of all streams on disk, whether opened or not. */
  names(): string[];
  /**
   * The destination is gone: its stream stays on disk, is kept like any other for `removed_grace` from the first call on (also across restarts), and is parked then.
   * `stream(name)` brings it back. Does nothing for a name without a stream.
   */
  retire(name: string): void;
  retired(): RetiredStream[];
  /** Whether a stream with policy `block` has no room: nothing should be scraped until this is false again. */
  isBlocked(): boolean;
  /** Small values kept in the ledger, such as the names of unnamed destinations. */
  note(key: string): string | undefined;
  setNote(key: string, value: string): Promise<void>;
  /** Writes what is buffered, saves the ledger and closes every file. */
  close(): Promise<void>;
}
