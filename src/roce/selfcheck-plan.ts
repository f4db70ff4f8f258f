// What a self-check reads, and how often. Software counters are read as often as asked. Counters behind firmware are read seldom enough that a node at
// work does not notice: a query may take 300 us, and queues are set up through the same door.

import type { CounterGroup, FoundCounter, FoundPort, GroupKind } from './discover.ts';
import type { PlannedChannel, RocePlan } from './plan.ts';
import { defaultRules, type CounterRules } from './reduction.ts';
import { channelsMax, type CounterPlace, type SourceRules } from './sampler.ts';

/** Milliseconds between two readings, at least. One query of 300 us is 3 % of the first, a round of ninety 27 % of the second. */
const periodMsByGroup: Readonly<Record<GroupKind, number>> = { statistics: 0, port_data: 10, hw_counters: 100, counters: 1000, ethtool_mac: 10, ethtool: 200 };
/** What may take long leaves the fast thread alone. */
const slowGroups: readonly GroupKind[] = ['hw_counters', 'counters', 'ethtool_mac', 'ethtool'];
/** Share of the time that readings may take, where memory is read and where firmware is asked. */
const maxDuty = { software: 0.05, firmware: 0.02 } as const;
/** As the reference has it. */
const schedule = { policy: 'auto', priority: 10, cpu: undefined } as const;
const ringBytes = 64 << 20;

export interface PlanOptions {
  readonly periodMs: number;
  readonly windowMs: number;
  /** Bytes per second of interfaces, and of ports that do not say theirs; 0 believes what they say. */
  readonly lineRate: number;
  /** Whether the kernel can be asked instead of reading files. */
  readonly canAskKernel: boolean;
  /** Measured time between refreshes, by `placeKey`, where it is longer than the period. */
  readonly refreshNs: ReadonlyMap<string, number>;
}

/** A plan, and how many counters it leaves out because they are too many. */
export interface SelfcheckPlan extends RocePlan {
  readonly leftOut: number;
}

/** One sampler for everything. Nothing slows down while it is idle or speeds up after an event: each source is measured at its own pace. */
export function planSelfcheck(ports: readonly FoundPort[], options: PlanOptions): SelfcheckPlan {
  const sources = new Map<string, SourceRules>();
  const found = ports.flatMap((port, number) => port.groups.flatMap((group) => channelsOf(port, number, group, options)));
  const channels = found.slice(0, channelsMax);
  for (const { channel, group } of channels) if (!sources.has(channel.source)) sources.set(channel.source, sourceRules(channel.source, group, options));
  const reduction = { ...defaultRules, periodNs: options.periodMs * 1e6, windowNs: options.windowMs * 1e6 };
  const sampler = { sources: [...sources.values()], channels: channels.map(({ channel }) => channel), reduction, capture: undefined, schedule, ringBytes };
  return { sampler, channels, ports, leftOut: found.length - channels.length };
}

/** Names a place among others. */
export function placeKey(place: CounterPlace): string {
  return JSON.stringify(place);
}

function sourceRules(name: string, group: GroupKind, options: PlanOptions): SourceRules {
  const periodNs = Math.max(options.periodMs, periodMsByGroup[group]) * 1e6;
  return {
    name, thread: slowGroups.includes(group) ? 'slow' : 'fast', periodNs, idlePeriodNs: periodNs, escalatedPeriodNs: periodNs,
    maxDuty: maxDuty[group === 'statistics' ? 'software' : 'firmware'],
  };
}

function channelsOf(port: FoundPort, number: number, group: CounterGroup, options: PlanOptions): PlannedChannel[] {
  // A level has no increments to reduce.
  return group.counters.filter(({ meaning }) => !meaning.isGauge).flatMap((counter) => {
    const place = counter.places.find(({ kind }) => options.canAskKernel || kind === 'file');
    if (place === undefined) return [];
    const source = place.kind === 'link' ? 'rtnetlink' : sourceName(port, group.kind);
    const channel = { source, place, port: number, isEvent: counter.meaning.event !== undefined, isCaptured: false, rules: rulesOf(port, counter, place, options) };
    return [{ port, group: group.kind, counter, isThroughput: isThroughput(port, counter), channel }];
  });
}

/** The first of its direction at its port. */
function isThroughput(port: FoundPort, counter: FoundCounter): boolean {
  const { traffic } = counter.meaning;
  return traffic !== undefined && port.groups.flatMap(({ counters }) => counters).find(({ meaning }) => meaning.traffic === traffic) === counter;
}

function rulesOf(port: FoundPort, { meaning }: FoundCounter, place: CounterPlace, options: PlanOptions): CounterRules {
  const { bits, saturates, multiplier, traffic } = meaning;
  const isTold = port.kind === 'rdma' && port.lineRate > 0;
  const lineRate = options.lineRate > 0 && !isTold ? options.lineRate : port.lineRate;
  return { bits, saturates, multiplier, lineRate: traffic === undefined ? 0 : lineRate, refreshNs: options.refreshNs.get(placeKey(place)) ?? 0 };
}

/** `mlx5_0/1 hw_counters`, `eth0 statistics`. */
function sourceName({ kind, device, port }: FoundPort, group: GroupKind): string {
  return kind === 'rdma' ? `${device}/${port} ${group}` : `${device} ${group}`;
}
