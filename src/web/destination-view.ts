// What the web surface may know about destinations: plain data, free of secrets (URLs come without password). `agent-view.ts` fills it from the
// sender's state, the queue's state and the configuration. Undefined means: not known yet, or there is none.

import type { StreamCounters, StreamState } from '../queue/queue.ts';

/** The last answer of its reason that cost, delayed or kept aside samples. */
export interface SpecimenView {
  /** 0 when there was no answer. */
  readonly status: number;
  readonly reason: string;
  readonly samples: number;
  /** Wall time, milliseconds since the epoch. */
  readonly atMs: number;
  /** First 4 KiB of the answer, or the text of the error. */
  readonly body: string;
  /** As `name{label="value"}`, where a single one could be isolated. */
  readonly series: string | undefined;
}

export interface EndpointView {
  readonly url: string;
  readonly inUse: boolean;
  /** Empty while the last try was good. */
  readonly lastError: string;
}

export interface LaneView {
  /** Age of the oldest sample of the lane that has no verdict; 0 when there is none. */
  readonly lagSeconds: number;
  /** Samples with a verdict a second. */
  readonly samplesPerSecond: number;
  readonly requestsInFlight: number;
}

export interface PaceView {
  /** The limit in force: samples, exemplars and metadata entries. */
  readonly itemsPerSecond: number | undefined;
  /** From answers of the receiver; else from the configuration or the profile. */
  readonly isLearned: boolean;
  readonly burstItems: number | undefined;
  /** Bandwidth cap of this hour. */
  readonly bytesPerSecond: number | undefined;
}

export interface TenantView {
  readonly by: 'path' | 'headers' | 'labels';
  /** `account:project`; undefined where each series names its own. */
  readonly id: string | undefined;
}

/**
 * `sending`: answers are good, or there was nothing to send. `retrying`: the last answer or connection failed and the same records are tried
 * again. `parked`: somebody has to change something (credentials, path, certificate); it is probed slowly and nothing is dropped. `stopped`: the
 * agent is ending.
 */
export type DeliveryStateView = 'sending' | 'retrying' | 'parked' | 'stopped';

export interface DestinationView {
  readonly name: string;
  /** Of the endpoint in use. */
  readonly url: string;
  readonly endpoints: readonly EndpointView[];
  readonly profile: string;
  readonly tenant: TenantView | undefined;
  /** Remote write version, `1.0` or `2.0`. */
  readonly message: string;
  /** Compression in use, such as `zstd` or `snappy`. */
  readonly encoding: string;
  readonly zstdLevel: number;

  readonly state: DeliveryStateView;
  /** Of delivery. Empty when there is none. */
  readonly lastError: string;
  readonly lastErrorMs: number | undefined;
  readonly lastSuccessMs: number | undefined;
  readonly retryAtMs: number | undefined;
  readonly requests: number;
  /** Bytes of compressed bodies sent. */
  readonly wireBytes: number;
  /** One of each reason, the latest first. */
  readonly specimens: readonly SpecimenView[];

  readonly laneOrder: 'live_first' | 'oldest_first';
  readonly live: LaneView;
  /** Undefined while there is no backlog beside the live lane. */
  readonly backfill: LaneView | undefined;
  readonly pace: PaceView;
  /** Requests that may be under way at a time. */
  readonly concurrency: number;
  /** Compressed bytes a second that the link has carried. */
  readonly linkBytesPerSecond: number | undefined;
  /** Delay of the live lane in force. */
  readonly maxDelaySeconds: number;

  /** Our clock minus the receiver's. */
  readonly clockSkewSeconds: number | undefined;
  /** Samples held back by the clock guard; they are part of what is pending. */
  readonly heldSamples: number;
  readonly heldUntilMs: number | undefined;

  /** 0 without a backlog, undefined when it grows or is not measured yet. */
  readonly drainSeconds: number | undefined;
  /** Wall time at which the backlog will be gone. */
  readonly drainedAtMs: number | undefined;
  /** More comes in than goes out. */
  readonly isFallingBehind: boolean;
  /** Hours of outage that the free quota still holds at the present rate of bytes. */
  readonly outageHours: number | undefined;

  /** Age of the oldest sample that has no verdict yet; 0 while there is none. */
  readonly oldestUnsentAgeSeconds: number;
  readonly pendingBytes: number;
  readonly pendingRecords: number;
  /** Bytes of the segment files. */
  readonly diskBytes: number;
  /** Bytes that the segment files may have. */
  readonly quotaBytes: number;
  readonly segments: number;
  readonly queueMode: StreamState['mode'];
  /** The policy is `block` and there is no room: scrapes wait. */
  readonly isBlocked: boolean;
  /** Of the disk; it holds as long as the mode. Empty when there is none. */
  readonly queueError: string;
  /** Entries in quarantine, to look at with `queue inspect`. */
  readonly quarantinedEntries: number;
  /** The accounting identities, in samples. */
  readonly counters: StreamCounters;
}

/** A destination that was taken out of the configuration while its queue held samples. */
export interface RetiredView {
  readonly name: string;
  /** Wall time of its removal, milliseconds since the epoch. */
  readonly removedMs: number;
  /** `grace`: it can come back under its name as if nothing had happened. `parked`: it waits for a command (adopt, export or drop). */
  readonly state: 'grace' | 'parked';
  readonly pendingSamples: number;
  readonly diskBytes: number;
}
