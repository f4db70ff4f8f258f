// Which counter of a port tells its throughput. Several may count the bytes of the same traffic: the driver's, the port's, the interface's; peaks and bursts are
// told of one.

import type { SourceWord } from './config.ts';
import type { FoundCounter, FoundPort, GroupKind } from './discover.ts';
import type { Direction } from './vendors.ts';

/** A counter that can be read. */
export interface Candidate {
  readonly group: GroupKind;
  readonly counter: FoundCounter;
}

const directions: readonly Direction[] = ['receive', 'transmit'];
const wordByGroup: Readonly<Record<GroupKind, SourceWord>> = {
  hw_counters: 'rdma_netlink', port_data: 'port_data', counters: 'port_data', ethtool_mac: 'ethtool_mac', statistics: 'rtnetlink', ethtool: 'ethtool',
};

/** At most one counter of each direction. */
export function throughputOf(port: FoundPort, candidates: readonly Candidate[], sources: readonly SourceWord[]): ReadonlySet<FoundCounter> {
  const chosen = directions.map((direction) => bestOf(candidates.filter(({ counter }) => counter.meaning.traffic === direction), port, sources)?.counter);
  return new Set(chosen.filter((counter) => counter !== undefined));
}

function bestOf(candidates: readonly Candidate[], port: FoundPort, sources: readonly SourceWord[]): Candidate | undefined {
  const rank = ({ group }: Candidate): number => {
    if (port.kind === 'netdev') return group === 'statistics' ? 0 : 1;
    // A driver that counts IPv4 and IPv6, or unicast and multicast, apart has no counter of the whole.
    const isPart = candidates.filter((other) => other.group === group).length > 1;
    const place = sources.indexOf(wordByGroup[group]);
    return (place < 0 ? sources.length : place) + (isPart ? 10 : 0);
  };
  const isMulticast = ({ counter }: Candidate) => Number(/mcast|multicast/i.test(counter.name));
  return candidates.toSorted((a, b) => rank(a) - rank(b) || isMulticast(a) - isMulticast(b))[0];
}
