// A node with eight busy mlx5 ports: counters of the golden tree, from its files and with pauses, or with everything that its kernel tells. Traffic in
// bursts, CNP, ECN marks, sequence errors and pauses in every window; what does not happen on a healthy link stays as it is.

import { join } from 'node:path';
import { discover, type FoundCounter, type FoundPort } from '../../../../src/roce/discover.ts';
import { planRoce, type RocePlan } from '../../../../src/roce/plan.ts';
import { utilizationBuckets, type BurstRow, type WindowRow } from '../../../../src/roce/reduction.ts';
import { goldenKernel } from '../../../support/golden-kernel.ts';
import { roceSettings } from '../settings.ts';
import { lineRate, plainMeaning, windowNs, windowRow } from './world.ts';

const sys = join(import.meta.dirname, '../../../fixtures/sys/mlx5-two-ports');

/** What moves on a busy port in every window. */
const busyNames = new RegExp([
  '^port_(rcv|xmit)_(data|packets|wait)$', '^unicast_', '^rx_(write|read)_requests$', '^[rt]x_vport_rdma_unicast_', '^[rt]x_(bytes|packets)_phy$', '^[rt]x_prio[03]_(bytes|packets)$',
  '^[rt]x_prio3_pause', '^(np_cnp_sent|rp_cnp_handled|np_ecn_marked_roce_packets|out_of_sequence|packet_seq_err|rx_prio3_marked)$', '^cc_', '^rdma_[rt]x_', '^(Octets|Frames)(Transmitted|Received)OK$', '^MACControlFrames', '^Multicast',
].join('|'));

/** Eight ports, planned from files alone with PFC's rows beside them, or from everything that the kernel tells. */
export function busyPlan({ asksKernel }: { readonly asksKernel: boolean }): RocePlan {
  const found = discover(sys, asksKernel ? { kernel: goldenKernel(sys) } : {}).find(({ kind }) => kind === 'rdma');
  if (found === undefined) throw new Error(`no port in ${sys}`);
  const groups = asksKernel ? found.groups : [...found.groups, { kind: 'ethtool' as const, counters: pauseCounters }];
  const ports = Array.from({ length: 8 }, (_, i): FoundPort => ({ ...found, groups, device: `mlx5_${i}`, netdev: `eth${i}`, lineRate }));
  return planRoce(roceSettings(), ports, asksKernel).plan;
}

const pauseCounters = (['receive', 'transmit'] as const).flatMap((direction) => (['duration', 'frames'] as const).map((kind): FoundCounter => {
  const name = `${direction === 'receive' ? 'rx' : 'tx'}_prio3_pause${kind === 'duration' ? '_duration' : ''}`;
  return { name, meaning: { ...plainMeaning, pause: { kind, direction, priority: '3' } }, places: [{ kind: 'file', path: `/sys/${name}` }] };
}));

/** The rows of one window; `totals` is kept from one to the next. */
export function busyRows(plan: RocePlan, window: number, totals: Float64Array, random: () => number): { readonly windows: WindowRow[]; readonly bursts: BurstRow[] } {
  const bursts: BurstRow[] = [];
  const windows = plan.channels.map((planned, channel) => {
    if (planned.isThroughput) return throughputRow(channel, window, totals, random, bursts);
    const isBusy = busyNames.test(planned.counter.name);
    const units = isBusy ? 1 + Math.floor(random() * 1e5) : 0;
    totals[channel] = (totals[channel] ?? 0) + units;
    return windowRow(channel, window, { units, intervals: 150, total: totals[channel], peakUnits: Math.ceil(units / 20), peakRate: units / 3, activeNs: isBusy ? Math.ceil(random() * 100) * 1e7 : 0 });
  });
  return { windows, bursts };
}

function throughputRow(channel: number, window: number, totals: Float64Array, random: () => number, bursts: BurstRow[]): WindowRow {
  const utilization = Array.from({ length: utilizationBuckets }, () => Math.floor(random() * 180));
  const units = Math.floor((0.1 + 0.5 * random()) * lineRate * 15);
  totals[channel] = (totals[channel] ?? 0) + units;
  const count = 5 + Math.floor(random() * 40);
  for (let i = 0; i < count; i++) {
    // 1 ms to about 3 s, the short ones far more often.
    const durationNs = 1e6 * Math.exp(8 * random() ** 2);
    bursts.push({ channel, startNs: window * windowNs + random() * 1e10, durationNs, units: Math.floor(durationNs * 30), peakRate: 0.9 * lineRate });
  }
  return windowRow(channel, window, {
    units, total: totals[channel], intervals: 14_900, utilization, peakRate: lineRate * (0.9 + 0.1 * random()), peakAtNs: window * windowNs + random() * windowNs, peakUnits: 1e6,
    activeNs: 12e9, aboveNs: [1e9 + random() * 1e9, random() * 5e8, random() * 1e8, 0], bursts: count,
  });
}
