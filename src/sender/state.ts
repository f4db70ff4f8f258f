// What a destination tells about itself: plain data for the page, /api/v1/status/destinations and `queue inspect`.

import type { Tenant } from '../destinations/tenant.ts';

/** The last answer of its reason that cost, delayed or kept aside samples. */
export interface Specimen {
  /** 0 when there was no answer. */
  readonly status: number;
  /** As in `tributary_remote_write_rejected_samples_total` and `tributary_remote_write_retries_total`. */
  readonly reason: string;
  readonly samples: number;
  /** Wall time, milliseconds since the epoch. */
  readonly atMs: number;
  /** First 4 KiB of the answer, or the text of the error. */
  readonly body: string;
  /** The series, as `name{label="value"}`, where a single one could be isolated. */
  readonly series: string | undefined;
}

export interface EndpointState {
  /** Without password. */
  readonly url: string;
  readonly inUse: boolean;
  /** Empty while the last try was good. */
  readonly lastError: string;
}

export interface LaneState {
  /** Age of the oldest sample of the lane that has no verdict; 0 when there is none. */
  readonly lagSeconds: number;
  /** Samples with a verdict a second, over the last minute or so. */
  readonly samplesPerSecond: number;
  readonly requestsInFlight: number;
}

export interface DestinationState {
  readonly name: string;
  /** Of the endpoint in use, without password. */
  readonly url: string;
  readonly endpoints: readonly EndpointState[];
  /** `parked`: somebody has to change something (credentials, path, certificate); probed slowly, nothing is dropped. */
  readonly state: 'idle' | 'sending' | 'retrying' | 'parked' | 'stopped';
  readonly profile: string;
  readonly codec: string;
  /** Remote write version, `1.0` or `2.0`. */
  readonly message: string;
  readonly tenant: Tenant | undefined;
  readonly lastError: string;
  readonly lastErrorMs: number | undefined;
  readonly lastSuccessMs: number | undefined;
  /** Wall time of the next try; undefined while none is waited for. */
  readonly retryAtMs: number | undefined;
  readonly requests: number;
  readonly wireBytes: number;
  /** One of each reason, the latest first. */
  readonly specimens: readonly Specimen[];
  readonly laneOrder: 'live_first' | 'oldest_first';
  readonly live: LaneState;
  /** Undefined while there is no backlog beside the live lane. */
  readonly backfill: LaneState | undefined;
  readonly pace: {
    /** The limit in force; undefined while there is none. */
    readonly itemsPerSecond: number | undefined;
    readonly isLearned: boolean;
    readonly burstItems: number | undefined;
    /** Bandwidth cap of this hour. */
    readonly bytesPerSecond: number | undefined;
  };
  readonly concurrency: number;
  /** Compressed bytes a second that the link has carried; undefined before it was measured. */
  readonly linkBytesPerSecond: number | undefined;
  readonly zstdLevel: number;
  /** Delay of the live lane in force. */
  readonly maxDelayMs: number;
  /** Our clock minus the receiver's `Date`; undefined before the first answer that had one. */
  readonly clockSkewSeconds: number | undefined;
  /** Samples held back by the clock guard; they are part of what is pending. */
  readonly heldSamples: number;
  /** Wall time at which the first of them goes out. */
  readonly heldUntilMs: number | undefined;
  /** Seconds until the backlog is gone at the present rates: 0 without one, undefined when it grows or is not measured yet. */
  readonly drainSeconds: number | undefined;
  /** More comes in than goes out. */
  readonly isFallingBehind: boolean;
  /** Hours of outage that the free quota still holds at the present rate of bytes; undefined before it was measured. */
  readonly outageHours: number | undefined;
}
