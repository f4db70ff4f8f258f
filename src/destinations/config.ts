// A destination: one remote_write entry together with its block under tributary.destinations.

import type { HttpClientSettings } from '../io/http/config.ts';
import type { RelabelSettings } from '../relabel/config.ts';

export type ProfileName = 'auto' | 'victoriametrics' | 'generic';

export interface DestinationSettings {
  /** Identity of queue, metrics and pages. Undefined for an entry without a name: the ledger gives it one. */
  readonly name?: string;
  readonly url: string;
  readonly remoteTimeoutMs: number;
  readonly protobufMessage: 'prometheus.WriteRequest' | 'io.prometheus.write.v2.Request';
  readonly writeRelabel: readonly RelabelSettings[];
  readonly sendExemplars: boolean;
  readonly sendNativeHistograms: boolean;
  readonly roundRobinDns: boolean;
  readonly http: HttpClientSettings;
  /** Only explicit values; what is absent comes from the profile. */
  readonly queue: {
    readonly maxSamplesPerSend?: number;
    readonly batchSendDeadlineMs?: number;
    readonly minBackoffMs: number;
    readonly maxBackoffMs: number;
    /** 0 = no limit. */
    readonly sampleAgeLimitMs: number;
  };
  readonly metadata: { readonly send: boolean; readonly sendIntervalMs: number; readonly maxSamplesPerSend: number };
  /** From tributary.destinations.<name>. */
  readonly profile: ProfileName;
  readonly maxBytes?: number;
  /** The live lane closes a body this long after its first record. Default 1 s. */
  readonly maxDelayMs: number;
}
