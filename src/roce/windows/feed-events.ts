// What is told about a port's events, summed over the counters that mean the same one, and about its flow control by direction and priority.

import type { FoundPort } from '../discover.ts';
import type { Pause, RoceEvent } from '../vendors.ts';
import { families } from './families.ts';
import { portLabels, type Feed, type FeedMaking, type Fold } from './feed.ts';
import type { ValueOutlet } from './outlets.ts';

/** What the channels of one port share. */
export interface PortFeeds {
  readonly events: Map<RoceEvent, EventOutlets>;
  /** Kind, direction and priority of pauses that a channel feeds already. */
  readonly pauses: Set<string>;
}

interface EventOutlets {
  readonly active: ValueOutlet;
  readonly peak: ValueOutlet;
  /** The latest window, and how long the event was active in it. */
  windowMs: number;
  activeNs: number;
}

export function feedEvent(feed: Feed, event: RoceEvent, port: PortFeeds, making: FeedMaking): void {
  const outlets = port.events.get(event) ?? claimEvent(feed, event, making);
  if (outlets === undefined) return;
  port.events.set(event, outlets);
  feed.outlets.add(outlets.active).add(outlets.peak);
  const { windowNs } = making.plan.sampler.reduction;
  feed.takers.push((fold) => addEvent(outlets, fold, windowNs));
}

function claimEvent(feed: Feed, event: RoceEvent, { store }: FeedMaking): EventOutlets | undefined {
  const labels = portLabels(feed.planned.port).set('event', event);
  const active = store.claimValue(families.eventActive, labels);
  const peak = store.claimValue(families.eventPeak, labels);
  if (active === undefined || peak === undefined) return undefined;
  active.add(0);
  return { active, peak, windowMs: -Infinity, activeNs: 0 };
}

/** Several counters of one event may have moved at the same time: together they are active no longer than the window. */
function addEvent(outlets: EventOutlets, { row, windowMs }: Fold, windowNs: number): void {
  if (windowMs > outlets.windowMs) {
    outlets.windowMs = windowMs;
    outlets.activeNs = 0;
  }
  const added = windowMs < outlets.windowMs ? row.activeNs : Math.min(row.activeNs, Math.max(0, windowNs - outlets.activeNs));
  outlets.activeNs += added;
  outlets.active.add(added, 1e9);
  if (row.intervals > 0) outlets.peak.raise(row.peakUnits, windowMs);
}

/** Whether this channel now is the one that tells of the pause; another that says the same would count it twice. */
export function feedPause(feed: Feed, pause: Pause, port: PortFeeds, { store }: FeedMaking): boolean {
  const { kind, direction, priority } = pause;
  const key = `${kind} ${direction} ${priority}`;
  if (!isWatched(feed.planned.port, pause) || port.pauses.has(key)) return false;
  const labels = portLabels(feed.planned.port).set('direction', direction).set('priority', priority);
  const outlet = store.claimValue(kind === 'duration' ? families.paused : families.pauseFrames, labels);
  if (outlet === undefined) return false;
  port.pauses.add(key);
  outlet.add(0);
  feed.outlets.add(outlet);
  // Durations are counted in microseconds.
  feed.takers.push(({ step }) => outlet.add(step, kind === 'duration' ? 1e6 : 1));
  return true;
}

/** Priorities that must not lose frames, and the link as a whole. */
export function isWatched({ priorities }: FoundPort, { priority }: Pause): boolean {
  return priority === 'global' || priorities.some((one) => String(one) === priority);
}
