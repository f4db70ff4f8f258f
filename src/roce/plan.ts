// What the sampler reads, and where each counter was found: rows name a channel by its number, and everything after the sampler looks it up here.

import type { FoundCounter, FoundPort, GroupKind } from './discover.ts';
import type { Channel, SamplerPlan } from './sampler.ts';

/** A counter with the place where it was found. */
export interface PlannedChannel {
  readonly channel: Channel;
  readonly port: FoundPort;
  readonly group: GroupKind;
  readonly counter: FoundCounter;
  /**
   * The one counter of its port and direction whose rate is the port's throughput: peaks, utilisation and bursts are told of it alone. Others that count bytes of the same
   * traffic are counters only.
   */
  readonly isThroughput: boolean;
}

export interface RocePlan {
  readonly sampler: SamplerPlan;
  /** In the order of `sampler.channels`. */
  readonly channels: readonly PlannedChannel[];
  /** `Channel.port` is the place here. */
  readonly ports: readonly FoundPort[];
}
