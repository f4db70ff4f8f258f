// A node with eight busy mlx5 ports: counters of the golden tree, with ethtool's pauses, or with everything that ethtool tells of such a port. Traffic in
// bursts, CNP, ECN marks, sequence errors and pauses in every window; what does not happen on a healthy link stays as it is.

import { join } from 'node:path';
import { discover, type FoundPort } from '../../../../src/roce/discover.ts';
import type { PlannedChannel, RocePlan } from '../../../../src/roce/plan.ts';
import { utilizationBuckets, type BurstRow, type WindowRow } from '../../../../src/roce/reduction.ts';
import type { Pause } from '../../../../src/roce/vendors.ts';
import { channelOf, lineRate, planOf, portOf, windowNs, windowRow } from './world.ts';

const sys = join(import.meta.dirname, '../../../fixtures/sys/mlx5-two-ports');

/** What moves on a busy port, beside traffic and events. */
const busyNames = new RegExp([
  '^port_(rcv|xmit)_(data|packets|wait)$', '^unicast_', '^rx_(write|read)_requests$', '^[rt]x_vport_rdma_unicast_', '^[rt]x_(bytes|packets)_phy$', '^[rt]x_prio[03]_(bytes|packets)$',
  '^[rt]x_prio3_pause', '^(Octets|Frames)(Transmitted|Received)OK$', '^MACControlFrames', '^Multicast',
].join('|'));
const busyEvents = new Set(['cnp_sent', 'cnp_handled', 'ecn_marked', 'out_of_sequence', 'packet_seq_err']);

function pauseChannels(port: FoundPort): PlannedChannel[] {
  return (['receive', 'transmit'] as const).flatMap((direction) => (['duration', 'frames'] as const).map((kind) => {
    const pause: Pause = { kind, direction, priority: '3' };
    return channelOf(port, `${direction === 'receive' ? 'rx' : 'tx'}_prio3_pause${kind === 'duration' ? '_duration' : ''}`, { group: 'ethtool', meaning: { pause } });
  }));
}

const both = (name: string) => [`rx_${name}`, `tx_${name}`];
const priorities = [0, 1, 2, 3, 4, 5, 6, 7];

/** Rows of mlx5's ethtool statistics, without those of single queues, and the standard groups. */
const ethtoolNames = [
  ...['unicast', 'multicast'].flatMap((cast) => [...both(`vport_rdma_${cast}_bytes`), ...both(`vport_rdma_${cast}_packets`)]), ...both('bytes_phy'), ...both('packets_phy'),
  ...priorities.flatMap((p) => [...both(`prio${p}_bytes`), ...both(`prio${p}_packets`), `rx_prio${p}_buf_discard`, `rx_prio${p}_cong_discard`, `rx_prio${p}_marked`]),
  'rx_prio3_pause_transition', ...both('discards_phy'), ...both('pause_ctrl_phy'), 'tx_pause_storm_warning_events', 'tx_pause_storm_error_events', 'rx_out_of_buffer',
  'dev_internal_queue_oob', 'outbound_pci_stalled_rd_events', 'outbound_pci_stalled_wr_events', 'rx_crc_errors_phy', 'rx_symbol_err_phy', 'rx_pcs_symbol_err_phy', 'rx_corrected_bits_phy',
  'rx_buffer_passed_thres_phy', 'link_down_events_phy',
];
const standardNames = [
  'FramesTransmittedOK', 'FramesReceivedOK', 'OctetsTransmittedOK', 'OctetsReceivedOK', 'MulticastFramesXmittedOK', 'MulticastFramesReceivedOK', 'BroadcastFramesXmittedOK',
  'BroadcastFramesReceivedOK', 'FrameCheckSequenceErrors', 'AlignmentErrors', 'InRangeLengthErrors', 'OutOfRangeLengthField', 'FrameTooLongErrors', 'MACControlFramesTransmitted',
  'MACControlFramesReceived', 'UnsupportedOpcodesReceived',
];
/** Beside those of the golden tree. */
const moreCounters = [
  'unicast_rcv_packets', 'unicast_xmit_packets', 'multicast_rcv_packets', 'multicast_xmit_packets', 'port_rcv_errors', 'port_rcv_remote_physical_errors', 'port_rcv_switch_relay_errors',
  'port_rcv_constraint_errors', 'port_xmit_constraint_errors', 'excessive_buffer_overrun_errors', 'link_error_recovery',
];

/** Eight ports. */
export function busyPlan({ isComplete }: { readonly isComplete: boolean }): RocePlan {
  const found = discover(sys).find(({ kind }) => kind === 'rdma');
  if (found === undefined) throw new Error(`no port in ${sys}`);
  const ports = Array.from({ length: 8 }, (_, i) => portOf(`mlx5_${i}`, { netdev: `eth${i}`, pci: `0000:${i}7:00.0`, firmware: '28.43.1000', numaNode: String(i % 2) }));
  return planOf(ports.flatMap((port) => [
    ...found.groups.flatMap(({ kind, counters }) => counters.map(({ name, meaning }) => channelOf(port, name, { group: kind, meaning, isThroughput: kind === 'port_data' }))),
    ...pauseChannels(port),
    ...(isComplete ? completeChannels(port) : []),
  ]));
}

function completeChannels(port: FoundPort): PlannedChannel[] {
  return [
    ...moreCounters.map((name) => channelOf(port, name, { group: 'counters' })),
    ...ethtoolNames.map((name) => channelOf(port, name, { group: 'ethtool' })),
    ...standardNames.map((name) => channelOf(port, name, { group: 'ethtool_mac' })),
  ];
}

/** The rows of one window; `totals` is kept from one to the next. */
export function busyRows(plan: RocePlan, window: number, totals: Float64Array, random: () => number): { readonly windows: WindowRow[]; readonly bursts: BurstRow[] } {
  const bursts: BurstRow[] = [];
  const windows = plan.channels.map((planned, channel) => {
    if (planned.isThroughput) return throughputRow(channel, window, totals, random, bursts);
    const isBusy = busyNames.test(planned.counter.name) || busyEvents.has(planned.counter.meaning.event ?? '');
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
