// What a self-check reads, and how often: channels by period. Software counters are read as often as asked. Counters behind firmware are read seldom
// enough that a node at work does not notice: a query may take 300 us, and queues are set up through the same door.

import type { CounterGroup, FoundCounter, FoundPort, GroupKind } from './discover.ts';
import type { Channel } from './sampler.ts';

/** Milliseconds between two readings, at least. One query of 300 us is 3 % of the first, a round of ninety 27 % of the second. */
const periodMsByGroup: Readonly<Record<GroupKind, number>> = { statistics: 0, port_data: 10, hw_counters: 100, counters: 1000 };

/** A counter with the place where it was found. */
export interface PlannedChannel {
  readonly channel: Channel;
  readonly port: FoundPort;
  readonly group: GroupKind;
  readonly counter: FoundCounter;
}

/** Counters that are read by one sampler. */
export interface PlannedSampler {
  readonly periodMs: number;
  readonly channels: readonly PlannedChannel[];
}

export interface PlanOptions {
  readonly periodMs: number;
  /** Bytes per second of interfaces, and of ports that do not say theirs; 0 believes what they say. */
  readonly lineRate: number;
  /** Whether the kernel can be asked for all interfaces at once. */
  readonly canAskKernel: boolean;
  /** Measured time between refreshes, by file, where it is longer than the period. */
  readonly refreshNs: ReadonlyMap<string, number>;
}

/** One sampler for each period, the fastest first. */
export function planSamplers(ports: readonly FoundPort[], options: PlanOptions): PlannedSampler[] {
  const byPeriod = new Map<number, PlannedChannel[]>();
  for (const port of ports) {
    for (const group of port.groups) {
      const periodMs = Math.max(options.periodMs, periodMsByGroup[group.kind]);
      byPeriod.set(periodMs, [...(byPeriod.get(periodMs) ?? []), ...channelsOf(port, group, options)]);
    }
  }
  return [...byPeriod].sort(([a], [b]) => a - b).map(([periodMs, channels]) => ({ periodMs, channels }));
}

function channelsOf(port: FoundPort, group: CounterGroup, options: PlanOptions): PlannedChannel[] {
  // A level has no increments to reduce.
  const counters = group.counters.filter(({ meaning }) => !meaning.isGauge);
  return counters.map((counter) => ({ port, group: group.kind, counter, channel: channelOf(port, group.kind, counter, options) }));
}

function channelOf(port: FoundPort, group: GroupKind, { meaning, path, linkField }: FoundCounter, options: PlanOptions): Channel {
  const isTold = port.kind === 'rdma' && port.lineRate > 0;
  const lineRate = options.lineRate > 0 && !isTold ? options.lineRate : port.lineRate;
  const isLink = options.canAskKernel && linkField !== undefined;
  return {
    source: isLink ? 'rtnetlink' : sourceName(port, group),
    path,
    ...(isLink && { link: { name: port.device, field: linkField } }),
    rules: {
      bits: meaning.bits, saturates: meaning.saturates, multiplier: meaning.multiplier,
      lineRate: meaning.traffic === undefined ? 0 : lineRate, refreshNs: options.refreshNs.get(path) ?? 0,
    },
  };
}

/** `mlx5_0/1 hw_counters`, `eth0 statistics`. */
function sourceName({ kind, device, port }: FoundPort, group: GroupKind): string {
  return kind === 'rdma' ? `${device}/${port} ${group}` : `${device} ${group}`;
}
