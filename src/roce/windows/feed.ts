// One channel of a plan on its way into series: what its windows move.

import type { FoundPort } from '../discover.ts';
import type { PlannedChannel, RocePlan } from '../plan.ts';
import type { BurstRow, WindowRow } from '../reduction.ts';
import type { CounterTrack } from './counter-track.ts';
import type { OutletStore } from './outlet-store.ts';
import type { Outlet } from './outlets.ts';
import type { WindowSettings } from './settings.ts';

/** A window of a channel on its way into outlets. */
export interface Fold {
  readonly row: WindowRow;
  /** Units since the window before, windows that were lost included. */
  readonly step: number;
  /** End of the window, wall clock. */
  readonly windowMs: number;
  readonly wallOffsetNs: number;
}

export interface Feed {
  readonly planned: PlannedChannel;
  readonly track: CounterTrack;
  /** The port's place in the plan. */
  readonly port: number;
  readonly takers: ((fold: Fold) => void)[];
  /** Takes a burst; undefined where the channel has none. */
  takeBurst: ((burst: BurstRow) => void) | undefined;
  /** What a window of this channel may move. */
  readonly outlets: Set<Outlet>;
}

/** Everything that a plan's feeds are made with. */
export interface FeedMaking {
  readonly plan: RocePlan;
  readonly settings: WindowSettings;
  readonly store: OutletStore;
  /** Channels that tell again what another one tells. */
  readonly second: ReadonlySet<PlannedChannel>;
}

/** Whether a window can tell a peak: there was a believable interval, or nothing moved. */
export function hasPeak({ intervals, units }: WindowRow): boolean {
  return intervals > 0 || units === 0;
}

export function portLabels({ device, port }: FoundPort): Map<string, string> {
  return new Map([['device', device], ['port', String(port)]]);
}
