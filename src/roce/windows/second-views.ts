// Counters that tell again what another one tells with each window: a driver's statistics, bytes of the traffic whose throughput comes from elsewhere, a further counter of an event.
// Of the many statistics most never count anything. Such counters are sent by turns, from their first count on.

import type { GroupKind } from '../discover.ts';
import type { PlannedChannel } from '../plan.ts';
import { nodeExporterName } from './node-exporter-names.ts';

const statistics: ReadonlySet<GroupKind> = new Set(['ethtool', 'ethtool_mac']);

/** The second views among the channels of a plan. */
export function secondViews(channels: readonly PlannedChannel[]): Set<PlannedChannel> {
  const throughput = new Map<string, GroupKind>();
  const events = new Map<string, PlannedChannel>();
  for (const planned of channels) {
    const { traffic, event } = planned.counter.meaning;
    if (planned.isThroughput && traffic !== undefined) throughput.set(keyOf(planned, traffic), planned.group);
    if (event !== undefined) noteEvent(events, keyOf(planned, event), planned);
  }
  return new Set(channels.filter((planned) => {
    const { group, isThroughput, counter: { meaning: { traffic, event } } } = planned;
    if (isThroughput) return false;
    if (statistics.has(group)) return true;
    const first = traffic === undefined ? undefined : throughput.get(keyOf(planned, traffic));
    return (first !== undefined && first !== group) || (event !== undefined && events.get(keyOf(planned, event)) !== planned);
  }));
}

/** The first one tells of the event, or the first that has a name of its own in node_exporter. */
function noteEvent(events: Map<string, PlannedChannel>, key: string, planned: PlannedChannel): void {
  const known = events.get(key);
  if (known === undefined || (nameOf(known) === undefined && nameOf(planned) !== undefined)) events.set(key, planned);
}

function nameOf({ group, counter }: PlannedChannel) {
  return nodeExporterName(group, counter.name);
}

function keyOf({ channel }: PlannedChannel, meaning: string): string {
  return `${channel.port} ${meaning}`;
}
