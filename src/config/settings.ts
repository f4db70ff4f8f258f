// The whole configuration after loading: complete, checked and frozen.

import type { DestinationSettings } from '../destinations/config.ts';
import type { MastersSettings } from '../destinations/masters/config.ts';
import type { Remark } from './problem.ts';
import type { ServerSettings } from '../kubernetes/kubernetes.ts';
import type { QueueSettings } from '../queue/config.ts';
import type { RoceSettings } from '../roce/config.ts';
import type { RoutingSettings } from '../route/config.ts';
import type { ShardGroupSettings } from '../route/shards/config.ts';
import type { ScrapeSettings } from '../scrape/config.ts';
import type { ShardingSettings } from '../targets/config.ts';

export interface Settings {
  readonly externalLabels: ReadonlyMap<string, string>;
  readonly scrape: readonly ScrapeSettings[];
  readonly destinations: readonly DestinationSettings[];
  readonly queue: QueueSettings;
  /** Absent: every destination gets everything. */
  readonly routing?: RoutingSettings;
  /** Destinations that share their series. */
  readonly shardGroups: readonly ShardGroupSettings[];
  /** Absent: all destinations are configured. */
  readonly masters?: MastersSettings;
  /** The API server that is asked for owners and announced destinations. */
  readonly kubernetes: ServerSettings;
  readonly sharding: ShardingSettings;
  /** Absent: no counters are read here. */
  readonly roce?: RoceSettings;
}

export type { Problem, Remark } from './problem.ts';

export interface LoadedConfig {
  readonly settings: Settings;
  readonly remarks: readonly Remark[];
  /** The configuration in force as YAML: all defaults, secrets masked; loads again to an equal configuration. */
  readonly yaml: string;
  /** Every file the configuration was read from, for watching. */
  readonly files: readonly string[];
  /** Changes when any of the files' content changes. */
  readonly hash: string;
}
