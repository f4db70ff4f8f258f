// What each channel of a plan feeds: its own counter, and what is told about throughput, events and pauses of its port. Made once per plan.

import type { FoundPort } from '../discover.ts';
import type { PlannedChannel } from '../plan.ts';
import { CounterTrack } from './counter-track.ts';
import { portLabels, type Feed, type FeedMaking } from './feed.ts';
import { feedEvent, feedPause, type PortFeeds } from './feed-events.ts';
import { feedThroughput } from './feed-throughput.ts';
import { families, nodeExporterFamily } from './families.ts';
import { nodeExporterName, type NodeExporterName } from './node-exporter-names.ts';
import type { OutletStore } from './outlet-store.ts';
import type { ValueOutlet, ValueTraits } from './outlets.ts';

/** In the order of the plan's channels. `tracks` holds the counters of the plan before by their names, and those of this one afterwards. */
export function makeFeeds(making: FeedMaking, tracks: Map<string, CounterTrack>): Feed[] {
  const known = new Map(tracks);
  tracks.clear();
  const ports = making.plan.ports.map((): PortFeeds => ({ events: new Map(), pauses: new Set() }));
  const sums = new Map<ValueOutlet, CounterTrack[]>();
  return making.plan.channels.map((planned) => {
    const key = keyOf(planned);
    const track = known.get(key) ?? new CounterTrack(planned.channel.rules);
    tracks.set(key, track);
    const feed: Feed = { planned, track, port: planned.channel.port, takers: [], takeBurst: undefined, outlets: new Set() };
    // Levels that go up and down are no counters.
    if (!planned.counter.meaning.isGauge) feedAll(feed, making, ports[feed.port] ?? { events: new Map(), pauses: new Set() }, sums);
    return feed;
  });
}

function feedAll(feed: Feed, making: FeedMaking, port: PortFeeds, sums: Map<ValueOutlet, CounterTrack[]>): void {
  const { isThroughput, counter: { meaning } } = feed.planned;
  if (isThroughput && meaning.traffic !== undefined) feedThroughput(feed, meaning.traffic, making);
  if (meaning.event !== undefined) feedEvent(feed, meaning.event, port, making);
  if (meaning.pause !== undefined) feedPause(feed, meaning.pause, port, making);
  feedCounter(feed, making, sums);
}

/** The counter itself, under node_exporter's name or its own. */
function feedCounter(feed: Feed, making: FeedMaking, sums: Map<ValueOutlet, CounterTrack[]>): void {
  const { port, group, counter } = feed.planned;
  const name = making.settings.hasNodeExporterNames ? nodeExporterName(group, counter.name) : undefined;
  if (name !== undefined && feedNamed(feed, name, making.store, sums)) return;
  const outlet = rawCounter(port, [counter.name, `${group}/${counter.name}`], { isLazy: true, isSlow: making.second.has(feed.planned) }, making.store);
  if (outlet !== undefined) feedSum(feed, outlet, [feed.track]);
}

/** Whether there is such a series for it: several statistics of an interface make one, and nothing else is summed. */
function feedNamed(feed: Feed, { metric, hasPort }: NodeExporterName, store: OutletStore, sums: Map<ValueOutlet, CounterTrack[]>): boolean {
  const { device, port } = feed.planned.port;
  const labels = new Map([['device', device], ...(hasPort ? [['port', String(port)] as const] : [])]);
  const known = hasPort ? undefined : store.claimed(metric, labels);
  const outlet = known ?? store.claimValue(nodeExporterFamily(metric), labels);
  if (outlet === undefined) return false;
  const members = sums.get(outlet) ?? [];
  sums.set(outlet, members);
  members.push(feed.track);
  feedSum(feed, outlet, members);
  return true;
}

/** Two ways to a counter may have one name for it: the second is called by its way as well. */
function rawCounter(port: FoundPort, names: readonly string[], traits: ValueTraits, store: OutletStore): ValueOutlet | undefined {
  for (const name of names) {
    const outlet = store.claimValue(families.hardwareCounter, portLabels(port).set('counter', name), traits);
    if (outlet !== undefined) return outlet;
  }
  return undefined;
}

/** Known when all of them are: a sum that grows by a member would jump. */
function feedSum(feed: Feed, outlet: ValueOutlet, members: readonly CounterTrack[]): void {
  feed.outlets.add(outlet);
  feed.takers.push(() => {
    outlet.value = members.reduce((sum, { value }) => sum + value, 0);
  });
}

function keyOf({ port, group, counter }: PlannedChannel): string {
  return `${port.kind} ${port.device} ${port.port} ${group} ${counter.name}`;
}
