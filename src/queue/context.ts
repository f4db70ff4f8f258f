// What every stream of a queue shares, and what is its own: the parts of the stream get it as one value.

import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { QueueSettings } from './config.ts';
import type { Ledger } from './ledger.ts';
import type { Pressure } from './pressure.ts';
import type { Quarantine } from './quarantine.ts';
import type { RefusedSamples } from './refused.ts';
import type { QueueMetrics } from './queue-metrics.ts';
import type { RecentBudget } from './recent.ts';
import type { ImageBudget } from './segment-reader.ts';

export interface QueueContext {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: QueueMetrics;
  readonly settings: QueueSettings;
  readonly ledger: Ledger;
  readonly recent: RecentBudget;
  readonly images: ImageBudget;
  readonly quarantine: Quarantine;
  readonly pressure: Pressure;
  readonly refused: RefusedSamples;
}

export interface StreamContext extends QueueContext {
  readonly name: string;
  /** The encoded name. */
  readonly folder: string;
  /** Of the segments. */
  readonly path: string;
}
