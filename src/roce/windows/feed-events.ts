// What is told about a port's events and its flow control by direction and priority.
//
// Several counters may mean the same event: parts of it (each priority has its own), or the same thing told by another way (a driver's counter, an optional one, ethtool), which cannot
// be told apart. Of each window the counter that was active longest counts, and the one with the highest peak: the event was active at least so long, and never longer than the window.

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
  /** How long the event was active in the last windows, by their ends. */
  readonly activeNs: Map<number, number>;
}

/** Windows for which a counter may come late. */
const windowsKept = 4;

export function feedEvent(feed: Feed, event: RoceEvent, port: PortFeeds, making: FeedMaking): void {
  const outlets = port.events.get(event) ?? claimEvent(feed, event, making);
  if (outlets === undefined) return;
  port.events.set(event, outlets);
  feed.outlets.add(outlets.active).add(outlets.peak);
  feed.takers.push((fold) => addEvent(outlets, fold));
}

function claimEvent(feed: Feed, event: RoceEvent, { store }: FeedMaking): EventOutlets | undefined {
  // What never happened is not worth repeating.
  const labels = portLabels(feed.planned.port).set('event', event);
  const active = store.claimValue(families.eventActive, labels, { partsPerUnit: 1e9, isLazy: true });
  const peak = store.claimValue(families.eventPeak, labels, { isLazy: true });
  if (active === undefined || peak === undefined) return undefined;
  active.add(0);
  return { active, peak, activeNs: new Map() };
}

function addEvent({ active, peak, activeNs }: EventOutlets, { row, windowMs }: Fold): void {
  const known = activeNs.get(windowMs) ?? 0;
  active.add(Math.max(0, row.activeNs - known));
  activeNs.set(windowMs, Math.max(known, row.activeNs));
  const oldest = activeNs.keys().next().value;
  if (activeNs.size > windowsKept && oldest !== undefined) activeNs.delete(oldest);
  if (hasPeak(row)) peak.raise(row.peakUnits, windowMs);
}

/** The plan has pauses of priorities that matter alone. One channel tells of each: a second that says the same would count it twice. */
export function feedPause(feed: Feed, pause: Pause, port: PortFeeds, { store }: FeedMaking): void {
  const { kind, direction, priority } = pause;
  const key = `${kind} ${direction} ${priority}`;
  if (port.pauses.has(key)) return;
  const labels = portLabels(feed.planned.port).set('direction', direction).set('priority', priority);
  // Durations are counted in microseconds.
  const outlet = kind === 'duration' ? store.claimValue(families.paused, labels, { partsPerUnit: 1e6, isLazy: true }) : store.claimValue(families.pauseFrames, labels, { isLazy: true });
  if (outlet === undefined) return;
  port.pauses.add(key);
  outlet.add(0);
  feed.outlets.add(outlet);
  feed.takers.push(({ step }) => outlet.add(step));
}
