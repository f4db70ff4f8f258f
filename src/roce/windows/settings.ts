// What the way from windows to series is set to; everything else about windows stands in the sampler's plan.

import type { NativeRules } from './distribution.ts';

export interface WindowSettings {
  readonly native: NativeRules;
  /** Counters that node_exporter knows have its names; else all are `tributary_roce_hw_counter_total`. */
  readonly hasNodeExporterNames: boolean;
  /** Samples of captures, for the whole node; 0 sends none. */
  readonly captureSamplesPerMinute: number;
}

export const defaultWindowSettings: WindowSettings = {
  native: { schema: 3, bucketsMax: 80 },
  hasNodeExporterNames: true,
  captureSamplesPerMinute: 20_000,
};
