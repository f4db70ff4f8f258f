// Under which names and labels counters leave.

import { describe, expect, test } from 'vitest';
import { METRIC_NAME } from '../../../../src/model/labels.ts';
import { channelOf, matching, planOf, portOf, receive, windowRow, World, type ChannelTraits } from './world.ts';

/** The series of one counter with total 7. */
function seriesOf(counter: string, traits: ChannelTraits, hasNodeExporterNames = true, kind: 'rdma' | 'netdev' = 'rdma'): string[] {
  const world = new World();
  const port = kind === 'rdma' ? portOf('mlx5_0') : portOf('eth0', { kind: 'netdev', port: 0 });
  world.begin(planOf([channelOf(port, counter, traits)]), { hasNodeExporterNames });
  return matching(world.window([windowRow(0, 0, { total: 7 })]), /^node_|hw_counter/);
}

describe('a counter leaves as', () => {
  test.each<readonly [string, ChannelTraits, string]>([
    ['port_rcv_data', { group: 'port_data' }, 'node_infiniband_port_data_received_bytes_total'],
    ['port_xmit_data', { group: 'port_data' }, 'node_infiniband_port_data_transmitted_bytes_total'],
    ['VL15_dropped', { group: 'counters' }, 'node_infiniband_vl15_dropped_total'],
    ['port_xmit_wait', { group: 'counters' }, 'node_infiniband_port_transmit_wait_total'],
    ['port_rcv_remote_physical_errors', { group: 'counters' }, 'node_infiniband_port_receive_remote_physical_errors_total'],
    ['np_cnp_sent', { group: 'hw_counters' }, 'node_infiniband_np_cnp_packets_sent_total'],
    ['roce_slow_restart_trans', { group: 'hw_counters' }, 'node_infiniband_roce_slow_restart_total'],
  ])('%s of an RDMA port: node_exporter\'s name', (counter, traits, metric) => expect(seriesOf(counter, traits)).toEqual([`${metric}{device="mlx5_0",port="1"} 7 @15000`]));

  test.each([
    ['rx_bytes', 'receive_bytes'], ['tx_packets', 'transmit_packets'], ['rx_errors', 'receive_errs'], ['tx_dropped', 'transmit_drop'], ['rx_fifo_errors', 'receive_fifo'],
    ['multicast', 'receive_multicast'], ['collisions', 'transmit_colls'], ['rx_nohandler', 'receive_nohandler'], ['tx_compressed', 'transmit_compressed'],
  ])('%s of an interface: node_exporter\'s name', (counter, name) => expect(seriesOf(counter, { group: 'statistics' }, true, 'netdev')).toEqual([`node_network_${name}_total{device="eth0"} 7 @15000`]));

  test.each<readonly [string, ChannelTraits]>([
    ['req_transport_retries_exceeded', { group: 'hw_counters' }], ['rx_prio3_bytes', { group: 'ethtool' }], ['OctetsReceivedOK', { group: 'ethtool_mac' }], ['np_cnp_sent', { group: 'ethtool' }],
  ])('%s, which node_exporter does not know there: itself', (counter, traits) =>
    expect(seriesOf(counter, traits)).toEqual([`tributary_roce_hw_counter_total{counter="${counter}",device="mlx5_0",port="1"} 7 @15000`]));

  test('itself where names of node_exporter are off', () =>
    expect(seriesOf('np_cnp_sent', {}, false)).toEqual(['tributary_roce_hw_counter_total{counter="np_cnp_sent",device="mlx5_0",port="1"} 7 @15000']));
  test('nothing under its own name before it has counted anything', () => {
    const world = new World();
    world.begin(planOf([channelOf(portOf('mlx5_0'), 'req_rnr_retries_exceeded')]));
    const sent = [0, 0, 5].map((total, window) => matching(world.window([windowRow(0, window, { total })]), /hw_counter/).map((line) => line.split('} ')[1]));
    expect(sent).toEqual([[], [], ['0 @30000', '5 @45000']]);
  });
  test('nothing when it is a level', () => expect(seriesOf('active_qps', { meaning: { isGauge: true } })).toEqual([]));
});

test('statistics that node_exporter adds up are one series, known when all of them are', () => {
  const world = new World();
  const port = portOf('eth0', { kind: 'netdev', port: 0 });
  world.begin(planOf(['rx_dropped', 'rx_missed_errors'].map((name) => channelOf(port, name, { group: 'statistics' }))));
  expect(matching(world.window([windowRow(0, 0, { total: 5 })]), /^node_/)).toEqual([]);
  expect(matching(world.window([windowRow(0, 1, { total: 6 }), windowRow(1, 1, { total: 30 })]), /^node_/)).toEqual(['node_network_receive_drop_total{device="eth0"} 36 @30000']);
});

test('no two series have equal labels: the second way to a counter has the name of its group', () => {
  const world = new World();
  const port = portOf('mlx5_0');
  const names = [channelOf(port, 'rx_bytes', { group: 'hw_counters' }), channelOf(port, 'rx_bytes', { group: 'ethtool' }), channelOf(port, 'rx_bytes', { group: 'ethtool' })];
  world.begin(planOf(names));
  expect(matching(world.window([0, 1, 2].map((channel) => windowRow(channel, 0, { total: channel + 1 }))), /hw_counter/)).toEqual([
    'tributary_roce_hw_counter_total{counter="ethtool/rx_bytes",device="mlx5_0",port="1"} 2 @15000',
    'tributary_roce_hw_counter_total{counter="rx_bytes",device="mlx5_0",port="1"} 1 @15000',
  ]);
});

test('what is known about a port stands beside it, and what is not has no label', () => {
  const world = new World();
  const port = portOf('mlx5_0', { netdev: 'eth4', firmware: '28.43.1000', pci: '0000:17:00.0' });
  world.begin(planOf([channelOf(port, 'port_rcv_data', receive)]));
  expect(matching(world.window([windowRow(0, 0)]), /info|line_rate/)).toEqual([
    'tributary_roce_line_rate_bytes_per_second{device="mlx5_0",port="1"} 50000000000 @15000',
    'tributary_roce_port_info{device="mlx5_0",driver="mlx5_core",firmware="28.43.1000",link_layer="Ethernet",netdev="eth4",pci="0000:17:00.0",port="1"} 1 @15000',
  ]);
});

test('families are told with type, help and unit, those of node_exporter included', () => {
  const world = new World();
  world.begin(planOf([channelOf(portOf('mlx5_0'), 'port_rcv_data', receive)]));
  const families = world.windows.families();
  expect(families.find(({ family }) => family === 'node_infiniband_port_data_received_bytes_total')).toMatchObject({ type: 'counter', unit: 'bytes' });
  expect(families.find(({ family }) => family === 'tributary_roce_utilization_ratio')).toMatchObject({ type: 'histogram', unit: 'ratio' });
  const names = new Set(families.map(({ family }) => family));
  const sent = world.window([windowRow(0, 0)]).map(({ labels }) => (labels.get(METRIC_NAME) ?? '').replace(/_(bucket|sum|count)$/, ''));
  expect(sent.filter((name) => !names.has(name))).toEqual([]);
});
