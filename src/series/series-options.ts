// What the series of one target need to know; see series.ts.

import type { FanOut } from './fan-out.ts';
import type { LabelPolicy } from './final-labels.ts';
import type { KeyHash } from './hash.ts';
import type { SeriesMetrics } from './series-metrics.ts';

export interface SeriesOptions {
  readonly policy: LabelPolicy;
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  /** 0 = no limit. */
  readonly sampleLimit: number;
  readonly extraScrapeMetrics: boolean;
  readonly scrapeTimeoutMs: number;
  /** Global external labels, added where absent. */
  readonly externalLabels: ReadonlyMap<string, string>;
  readonly fanOut: FanOut;
  /** Whether any destination wants exemplars. */
  readonly wantsExemplars: boolean;
  readonly hash: KeyHash;
  readonly metrics: SeriesMetrics;
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number;
  readonly onRelease: () => void;
}
