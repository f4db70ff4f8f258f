// What a destination is doing now, as gauges: filled from its state before each exposition. Counters of what happened are in telemetry.ts.

import type { Family, Gauge, Metrics } from '../telemetry/metrics.ts';
import type { DestinationState, LaneState } from './state.ts';

export interface SenderGauges {
  destination(name: string): DestinationGauges;
}

export interface DestinationGauges {
  observe(state: DestinationState): void;
  remove(): void;
}

type Read = (state: DestinationState) => number | undefined;

/** Name, help and value; undefined while it is not known, which shows as no series. */
const GAUGES: readonly (readonly [name: string, help: string, read: Read])[] = [
  ['parked', '1 while somebody has to change something (credentials, path, certificate) before samples can be delivered; nothing is dropped.', (s) => bit(s.state === 'parked')],
  ['falling_behind', '1 while more samples come in than go out and the oldest of them have waited a minute longer than they are collected.', (s) => bit(s.isFallingBehind)],
  ['drain_seconds', 'Time until the backlog is gone at the present rates; absent while it grows.', (s) => s.drainSeconds],
  ['outage_hours', 'Hours of outage that the free quota holds at the present rate.', (s) => s.outageHours],
  ['held_samples', 'Samples ahead of the receiver\'s clock that are held back until their time has come.', (s) => s.heldSamples],
  ['clock_skew_seconds', 'Our clock minus the receiver\'s.', (s) => s.clockSkewSeconds],
  ['pace_items_per_second', 'Limit of samples, exemplars and metadata entries in force; absent while there is none.', (s) => s.pace.itemsPerSecond],
  ['concurrency', 'Requests that may be under way at a time.', (s) => s.concurrency],
  ['link_bytes_per_second', 'Compressed bytes a second that the link carries, as measured.', (s) => s.linkBytesPerSecond],
  ['max_delay_seconds', 'Delay of the live lane in force.', (s) => s.maxDelayMs / 1000],
  ['zstd_level', 'Compression level in force.', (s) => s.zstdLevel],
];

const LANE_GAUGES: readonly (readonly [name: string, help: string, read: (lane: LaneState) => number])[] = [
  ['lag_seconds', 'Age of the oldest sample of the lane without a verdict.', (lane) => lane.lagSeconds],
  ['samples_per_second', 'Samples of the lane that got a verdict, a second.', (lane) => lane.samplesPerSecond],
];

export function createSenderGauges(metrics: Metrics): SenderGauges {
  const own = GAUGES.map(([name, help, read]) => ({ family: metrics.gauges(`tributary_destination_${name}`, help, ['destination']), read }));
  const lanes = LANE_GAUGES.map(([name, help, read]) => ({ family: metrics.gauges(`tributary_destination_${name}`, help, ['destination', 'lane']), read }));
  return {
    destination: (name) => ({
      observe(state) {
        for (const { family, read } of own) setOrRemove(family, read(state), name);
        for (const lane of ['live', 'backfill'] as const) {
          const laneState = state[lane];
          for (const { family, read } of lanes) setOrRemove(family, laneState && read(laneState), name, lane);
        }
      },
      remove() {
        for (const { family } of own) family.remove(name);
        for (const { family } of lanes) for (const lane of ['live', 'backfill']) family.remove(name, lane);
      },
    }),
  };
}

function setOrRemove(family: Family<Gauge>, value: number | undefined, ...labels: string[]): void {
  if (value === undefined) family.remove(...labels);
  else family.with(...labels).set(value);
}

function bit(flag: boolean): number {
  return flag ? 1 : 0;
}
