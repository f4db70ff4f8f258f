// What is told about a port's events, summed over the counters that mean the same one, and about its flow control by direction and priority.

import type { Pause, RoceEvent } from '../vendors.ts';
import { families } from './families.ts';
import { hasPeak, portLabels, type Feed, type FeedMaking, type Fold } from './feed.ts';
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
  const active = store.claimValue(families.eventActive, labels, { partsPerUnit: 1e9 });
  // What never happened has no peak worth repeating.
  const peak = store.claimValue(families.eventPeak, labels, { isLazy: true });
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
  outlets.active.add(added);
  if (hasPeak(row)) outlets.peak.raise(row.peakUnits, windowMs);
}

/** The plan has pauses of priorities that matter alone. One channel tells of each: a second that says the same would count it twice. */
export function feedPause(feed: Feed, pause: Pause, port: PortFeeds, { store }: FeedMaking): void {
  const { kind, direction, priority } = pause;
  const key = `${kind} ${direction} ${priority}`;
  if (port.pauses.has(key)) return;
  const labels = portLabels(feed.planned.port).set('direction', direction).set('priority', priority);
  // Durations are counted in microseconds.
  const outlet = kind === 'duration' ? store.claimValue(families.paused, labels, { partsPerUnit: 1e6 }) : store.claimValue(families.pauseFrames, labels);
  if (outlet === undefined) return;
  port.pauses.add(key);
  outlet.add(0);
  feed.outlets.add(outlet);
  feed.takers.push(({ step }) => outlet.add(step));
}
