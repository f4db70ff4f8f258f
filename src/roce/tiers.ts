// How a counter is read: by which source, how often, in which thread. Tiers: 0 is traffic, 1 events, 2 a driver's own statistics, 3 everything else.
//
// What one system call gives is one source, read as often as its most wanted counter. Of files, each costs its own: they are split by tier, with the counter that
// makes the others of its set cheap in the fastest one.

import type { RoceSettings, SourceWord } from './config.ts';
import type { FoundCounter, FoundPort, GroupKind } from './discover.ts';
import { slowTickNs, type CounterPlace, type SourceRules } from './sampler.ts';

export type Tier = 0 | 1 | 2 | 3;

/** A way to a counter that is possible and allowed. */
export interface Way {
  readonly place: CounterPlace;
  readonly tier: Tier;
  /** Name of its source. */
  readonly source: string;
}

/** The driver's statistics are not asked for more often, whatever happens: some take a millisecond, with the lock of all network settings held. */
const bulkPeriodNsMin = 1e8;

/** What the native sampler takes. */
const periodNsMax = 60e9;

const wordByKind = { rdma: 'rdma_netlink', link: 'rtnetlink' } as const;

/** The word in `sources` that allows a place; undefined for files that are always allowed: they stand in for what the kernel cannot be asked for. */
function wordOf(place: CounterPlace, group: GroupKind): SourceWord | undefined {
  if (place.kind === 'ethtool') return place.group === 'strings' ? 'ethtool' : 'ethtool_mac';
  if (place.kind === 'file') return group === 'port_data' ? 'port_data' : undefined;
  return wordByKind[place.kind];
}

/** The best place that is possible and allowed. */
export function placeOf({ places }: FoundCounter, group: GroupKind, sources: readonly SourceWord[], isNative: boolean): CounterPlace | undefined {
  return places.find((place) => {
    const word = wordOf(place, group);
    return (isNative || place.kind === 'file') && (word === undefined || sources.includes(word));
  });
}

export function wayOf(port: FoundPort, group: GroupKind, counter: FoundCounter, place: CounterPlace, isThroughput: boolean): Way {
  const tier = tierOf(group, counter, isThroughput);
  const name = port.kind === 'rdma' ? `${port.device}/${port.port}` : port.device;
  if (place.kind === 'link') return { place, tier: 0, source: 'rtnetlink' };
  if (place.kind === 'rdma') return { place, tier, source: `${name} rdma_netlink` };
  if (place.kind === 'ethtool') return { place, tier: place.group === 'strings' ? 2 : 1, source: `${place.link} ${place.group === 'strings' ? 'ethtool' : 'ethtool_mac'}` };
  return { place, tier, source: tier === 3 ? `${name} ${group} slow` : `${name} ${group}${isThroughput && group === 'hw_counters' ? ' bytes' : ''}` };
}

function tierOf(group: GroupKind, { name, meaning }: FoundCounter, isThroughput: boolean): Tier {
  if (isThroughput) return 0;
  if (meaning.event !== undefined || meaning.pause !== undefined) return 1;
  return group === 'hw_counters' && isFirstOfSet(name) ? 1 : 3;
}

/** mlx5 fills its cache only when the first counter of the set is asked for; read with the events, it serves the slow ones, too. */
function isFirstOfSet(name: string): boolean {
  return /^(vport_)?rx_write_requests$/.test(name);
}

/** `tickNs`: of the fast thread. `isSoftware`: no device is asked. */
export function sourceRules(name: string, tier: Tier, { isSoftware, isNative, tickNs }: { readonly isSoftware: boolean; readonly isNative: boolean; readonly tickNs: number }, settings: RoceSettings): SourceRules {
  const { intervalNs, idleIntervalNs, tiers, maxDuty } = settings;
  // What asks ethtool may wait for the lock of all network settings; what is read every 15 s need not be punctual. In the event loop there is one thread alone.
  const isSlow = isNative && (tier >= 2 || name.endsWith(' ethtool_mac'));
  const whole = (ns: number) => wholeTicks(ns, isSlow ? slowTickNs : tickNs);
  const periodNs = whole([intervalNs, tiers.t1Ns, tiers.t2Ns, tiers.t3Ns][tier] ?? tiers.t3Ns);
  return {
    name, thread: isSlow ? 'slow' : 'fast', periodNs,
    maxDuty: isSoftware ? maxDuty.software : maxDuty.firmware,
    idlePeriodNs: tier === 0 ? Math.max(periodNs, whole(idleIntervalNs)) : periodNs,
    escalatedPeriodNs: tier === 2 ? Math.min(periodNs, whole(bulkPeriodNsMin)) : periodNs,
  };
}

function wholeTicks(ns: number, tickNs: number): number {
  return Math.min(Math.max(1, Math.ceil(ns / tickNs)), Math.floor(periodNsMax / tickNs)) * tickNs;
}
