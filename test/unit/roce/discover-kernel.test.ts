// What the kernel adds to the golden trees: statistics of ethtool in the vocabulary of all vendors, the best place of a counter, and lossless priorities.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { discover, type CounterGroup, type FoundPort } from '../../../src/roce/discover.ts';
import { ethtoolMeaning } from '../../../src/roce/ethtool-names.ts';
import { goldenKernel } from '../../support/golden-kernel.ts';

const sys = join(import.meta.dirname, '../../fixtures/sys');
const found = (tree: string) => discover(join(sys, tree), { kernel: goldenKernel(join(sys, tree)) });
const group = (port: FoundPort | undefined, kind: CounterGroup['kind']) => port?.groups.find((one) => one.kind === kind)?.counters ?? [];
const counter = (port: FoundPort | undefined, name: string) => port?.groups.flatMap(({ counters }) => counters).find((one) => one.name === name);

/** `pause frames receive 3`, `discard`, `receive`, `gauge` to the names that mean it. */
function words(counters: CounterGroup['counters']): Record<string, string[]> {
  const all: Record<string, string[]> = {};
  for (const { name, meaning: { traffic, event, pause, isGauge } } of counters) {
    const own = [traffic, event, pause && `pause ${pause.kind} ${pause.direction} ${pause.priority}`, isGauge ? 'gauge' : undefined];
    for (const word of own) if (word !== undefined) (all[word] ??= []).push(name);
  }
  return all;
}

/** One name for each priority, receiving and transmitting. */
function pauses(kind: 'frames' | 'duration', name: (way: 'rx' | 'tx', priority: number) => string): Record<string, string[]> {
  const priorities = [0, 1, 2, 3, 4, 5, 6, 7];
  const of = (way: 'rx' | 'tx', direction: string) => priorities.map((priority) => [`pause ${kind} ${direction} ${priority}`, [name(way, priority)]]);
  return Object.fromEntries([...of('rx', 'receive'), ...of('tx', 'transmit')]) as Record<string, string[]>;
}

describe('statistics of ethtool', () => {
  const octets = { transmit: ['OctetsTransmittedOK'], receive: ['OctetsReceivedOK'] };
  const linkPauses = { 'pause frames transmit global': ['tx_pause_frames'], 'pause frames receive global': ['rx_pause_frames'] };

  test.each<readonly [string, Record<string, string[]>, Record<string, string[]>]>([
    ['mlx5-two-ports', { ...octets, ...linkPauses }, {
      receive: ['rx_vport_rdma_unicast_bytes', 'rx_vport_rdma_multicast_bytes', 'rx_bytes_phy'],
      transmit: ['tx_vport_rdma_unicast_bytes', 'tx_vport_rdma_multicast_bytes', 'tx_bytes_phy'],
      out_of_buffer: ['rx_out_of_buffer', 'dev_internal_queue_oob'],
      discard: ['rx_discards_phy', 'tx_discards_phy', ...[0, 3].flatMap((p) => [`rx_prio${p}_discards`, `rx_prio${p}_buf_discard`, `rx_prio${p}_cong_discard`])],
      ecn_marked: ['rx_prio0_marked', 'rx_prio3_marked'], pause_storm: ['tx_pause_storm_warning_events', 'tx_pause_storm_error_events'],
      gauge: ['outbound_pci_stalled_rd', 'outbound_pci_stalled_wr'],
      'pause frames receive 3': ['rx_prio3_pause'], 'pause frames transmit 3': ['tx_prio3_pause'],
      'pause duration receive 3': ['rx_prio3_pause_duration'], 'pause duration transmit 3': ['tx_prio3_pause_duration'],
      'pause duration receive global': ['rx_global_pause_duration'], 'pause duration transmit global': ['tx_global_pause_duration'],
    }],
    ['bnxt-re-old', { ...octets, ...linkPauses }, {
      ...pauses('frames', (way, priority) => `${way}_pfc_ena_frames_pri${priority}`), ...pauses('duration', (way, priority) => `pfc_pri${priority}_${way}_duration_us`),
    }],
    ['irdma', linkPauses, pauses('frames', (way, priority) => `${way}_priority_${priority}_xoff.nic`)],
    ['hns', {}, {
      ...pauses('frames', (way, priority) => `mac_${way}_pfc_pri${priority}_pkt`),
      'pause frames transmit global': ['mac_tx_mac_pause_num'], 'pause frames receive global': ['mac_rx_mac_pause_num'],
    }],
    ['ionic', linkPauses, {
      ...pauses('frames', (way, priority) => `frames_${way}_pripause${priority}`), ...pauses('duration', (way, priority) => `${way}_pripause_${priority}_1us_count`),
    }],
  ])('%s', (tree, standard, own) => {
    const [port] = found(tree);
    expect(words(group(port, 'ethtool_mac'))).toEqual(standard);
    expect(words(group(port, 'ethtool'))).toEqual(own);
  });

  test('the storm events of newer kernels are events', () => {
    const kernel = { ...goldenKernel(''), ethtoolCounters: () => ({ mac: [], ctrl: [], pause: [2, 3, 4, 99], strings: [] }) };
    const [port] = discover(join(sys, 'mlx5-two-ports'), { kernel });
    expect(words(group(port, 'ethtool_mac'))).toEqual({ ...linkPauses, pause_storm: ['tx_pause_storm_events'] });
  });
  test('rows of queues, and of drivers without a table, are left out', () => {
    const [port] = found('mlx5-two-ports');
    expect(['ch0_poll', 'rx0_bytes', 'tx0_packets', 'rx_packets'].map((name) => counter(port, name))).toEqual([undefined, undefined, undefined, undefined]);
    expect(ethtoolMeaning(undefined, 'rx_prio3_pause')).toBeUndefined();
    expect(ethtoolMeaning('efa', 'rx_prio3_pause')).toBeUndefined();
  });
  test.each(['rx_buffer_passed_thres_phy', 'rx_prio3_pause_transition', 'rx_pause_ctrl_phy', 'outbound_pci_stalled_rd_events'])('%s is a counter and no event', (name) =>
    expect(counter(found('mlx5-two-ports')[0], name)?.meaning).toEqual({ bits: 64, saturates: false, multiplier: 1, isGauge: false }));
  test('they belong to the RDMA port behind the interface, and to the interface where there is none', () => {
    expect(found('mlx5-two-ports').filter((port) => group(port, 'ethtool').length > 0).map(({ device }) => device)).toEqual(['mlx5_0']);
    const interfaces = discover(join(sys, 'mlx5-two-ports'), { kernel: goldenKernel(join(sys, 'mlx5-two-ports')), include: () => false });
    expect(interfaces.filter((port) => group(port, 'ethtool').length > 0).map(({ device }) => device)).toEqual(['eth0']);
  });
});

describe('places', () => {
  const root = join(sys, 'mlx5-two-ports');
  const [first, second, eth0] = found('mlx5-two-ports');

  test('a driver\'s counter by netlink, else by its file', () => {
    const file = { kind: 'file', path: join(root, 'class/infiniband/mlx5_0/ports/2/hw_counters/np_cnp_sent') };
    expect(counter(second, 'np_cnp_sent')?.places).toEqual([{ kind: 'rdma', device: 'mlx5_0', port: 2, counter: 'np_cnp_sent' }, file]);
    expect(counter(discover(root)[1], 'np_cnp_sent')?.places).toEqual([file]);
  });
  test('optional counters by netlink alone', () => expect(counter(first, 'cc_rx_ce_pkts')).toEqual({
    name: 'cc_rx_ce_pkts', meaning: { bits: 64, saturates: false, multiplier: 1, isGauge: false, event: 'ecn_marked' },
    places: [{ kind: 'rdma', device: 'mlx5_0', port: 1, counter: 'cc_rx_ce_pkts' }],
  }));
  test('an interface\'s statistic by rtnetlink, else by its file', () => expect(counter(eth0, 'tx_bytes')?.places).toEqual([
    { kind: 'link', link: 'eth0', field: 3 }, { kind: 'file', path: join(root, 'class/net/eth0/statistics/tx_bytes') },
  ]));
  test('standard statistics by attribute, those of the driver by name', () => {
    expect(counter(first, 'OctetsReceivedOK')?.places).toEqual([{ kind: 'ethtool', link: 'eth0', group: 'mac', attribute: 12 }]);
    expect(counter(first, 'rx_prio3_pause_duration')?.places).toEqual([{ kind: 'ethtool', link: 'eth0', group: 'strings', name: 'rx_prio3_pause_duration' }]);
  });
  test('traffic of the port stays with its files', () => expect(counter(first, 'port_rcv_data')?.places.map(({ kind }) => kind)).toEqual(['file']));
});

test('lossless priorities are those of DCB, else the usual one', () => {
  expect(found('mlx5-two-ports').map(({ device, port, priorities }) => [device, port, priorities])).toEqual([['mlx5_0', 1, [3, 4]], ['mlx5_0', 2, [3]], ['eth0', 0, [3, 4]], ['lo', 0, [3]]]);
  expect(found('hns')[0]?.priorities).toEqual([0, 5]);
  expect(found('irdma')[0]?.priorities).toEqual([3]);
});
