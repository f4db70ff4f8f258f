// What is found below the golden sysfs trees of the vendors: signals, events, widths, and what cannot be read.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { discover, lineRateOf, type FoundPort } from '../../../src/roce/discover.ts';

const sys = join(import.meta.dirname, '../../fixtures/sys');
const countersOf = ({ groups }: FoundPort) => groups.flatMap((group) => group.counters);

function only(tree: string): FoundPort {
  const [port, ...more] = discover(join(sys, tree)).filter(({ kind }) => kind === 'rdma');
  expect(more).toEqual([]);
  if (port === undefined) throw new Error(`no port in ${tree}`);
  return port;
}

/** Meaning to the names that have it, in the order they are read. */
function vocabulary(port: FoundPort): Record<string, string[]> {
  const words: Record<string, string[]> = {};
  for (const { name, meaning } of countersOf(port)) {
    for (const word of [meaning.traffic, meaning.event, meaning.isGauge ? 'gauge' : undefined]) if (word !== undefined) (words[word] ??= []).push(name);
  }
  return words;
}

describe('each vendor in one vocabulary', () => {
  test.each<readonly [string, string | undefined, Record<string, string[]>]>([
    ['mlx5-representor', 'mlx5', { receive: ['port_rcv_data'], transmit: ['port_xmit_data'], out_of_buffer: ['vport_out_of_buffer'], out_of_sequence: ['vport_out_of_sequence'] }],
    ['bnxt-re-old', 'bnxt_re', {
      receive: ['port_rcv_data', 'rx_bytes'], transmit: ['port_xmit_data', 'tx_bytes'], gauge: ['active_mrs', 'active_qps', 'db_fifo_register'],
      cnp_sent: ['tx_cnp_pkts'], cnp_handled: ['rx_cnp_pkts'], ecn_marked: ['rx_ecn_marked_pkts'], out_of_sequence: ['oos_drop_count'],
      packet_seq_err: ['seq_err_naks_rcvd'], ack_timeout: ['to_retransmits'], rnr_nak: ['rnr_naks_rcvd'], discard: ['rx_roce_discards', 'port_xmit_discards'],
      out_of_buffer: ['rx_out_of_buffer'],
    }],
    ['bnxt-re-newest', 'bnxt_re', {
      receive: ['port_rcv_data', 'rx_bytes'], transmit: ['port_xmit_data', 'tx_bytes'], gauge: ['watermark_qps'], cnp_sent: ['np_cnp_pkts'], cnp_handled: ['rp_cnp_handled'],
      ecn_marked: ['np_ecn_marked_roce_packets'], out_of_sequence: ['out_of_sequence'], packet_seq_err: ['implied_nak_seq_err', 'packet_seq_err'],
      ack_timeout: ['local_ack_timeout_err'], rnr_nak: ['rnr_nak_retry_err'], out_of_buffer: ['out_of_buffer'],
      discard: ['rx_roce_discards', 'tx_roce_discards', 'port_xmit_discards'],
    }],
    ['bnxt-re-new', 'bnxt_re', {
      receive: ['port_rcv_data', 'rx_bytes'], transmit: ['port_xmit_data', 'tx_bytes'], gauge: ['active_qps'], cnp_sent: ['np_cnp_pkts'], cnp_handled: ['rp_cnp_handled'],
      ecn_marked: ['np_ecn_marked_roce_packets'], out_of_sequence: ['oos_drop_count'], ack_timeout: ['to_retransmits'], out_of_buffer: ['out_of_buffer'], discard: ['port_xmit_discards'],
    }],
    ['irdma', 'irdma', {
      receive: ['ip4InOctets', 'ip6InOctets'], transmit: ['ip4OutOctets', 'ip6OutOctets'], cnp_sent: ['cnpSent'], cnp_handled: ['cnpHandled'], ecn_marked: ['RxECNMrkd'],
      rnr_nak: ['RNR received'], retransmit: ['tcpRetransSegs'], discard: ['ip4InDiscards', 'ip6InDiscards'],
    }],
    ['hns', 'hns', { cnp_sent: ['tx_cnp_pkt'], cnp_handled: ['rx_cnp_pkt'] }],
    ['ionic', 'ionic', {
      receive: ['rx_rdma_mcast_bytes', 'rx_rdma_ucast_bytes'], transmit: ['tx_rdma_mcast_bytes', 'tx_rdma_ucast_bytes'], cnp_sent: ['tx_rdma_cnp_pkts'],
      cnp_handled: ['rx_rdma_cnp_pkts'], ecn_marked: ['rx_rdma_ecn_pkts'], packet_seq_err: ['req_rx_impl_nak_seq_err', 'req_rx_pkt_seq_err', 'resp_tx_pkt_seq_err'],
      out_of_sequence: ['resp_rx_outouf_seq'], rnr_nak: ['req_rx_rnr_retry_err'], out_of_buffer: ['resp_rx_outof_buf'], ack_timeout: ['tx_rdma_ack_timeout'], retransmit: ['tx_rdma_retx_pkts'],
    }],
    ['erdma', 'erdma', {
      receive: ['rx_bytes_cnt'], transmit: ['tx_bytes_cnt'], discard: ['rx_disable_drop_cnt', 'tx_disable_drop_cnt'],
      policer_drop: ['rx_bps_limit_drop_cnt', 'rx_pps_limit_drop_cnt', 'tx_bps_limit_drop_cnt', 'tx_pps_limit_drop_cnt'],
    }],
    ['efa', 'efa', { receive: ['rx_bytes'], transmit: ['tx_bytes'], discard: ['rx_drops'], retransmit: ['retrans_pkts'], ack_timeout: ['retrans_timeout_events'] }],
    ['rxe', 'rxe', { out_of_sequence: ['out_of_seq_request'], packet_seq_err: ['rcvd_seq_err'], rnr_nak: ['rcvd_rnr_err'], ack_timeout: ['completer_retry_err'] }],
    ['omnipath', 'hfi1', { receive: ['port_rcv_data'], transmit: ['port_xmit_data'], discard: ['port_xmit_discards'] }],
  ])('%s', (tree, vendor, words) => {
    const port = only(tree);
    expect(port.vendor).toBe(vendor);
    expect(vocabulary(port)).toEqual(words);
  });
});

describe('mlx5', () => {
  const [first, second, ...interfaces] = discover(join(sys, 'mlx5-two-ports'));
  const named = (name: string) => first === undefined ? undefined : countersOf(first).find((counter) => counter.name === name)?.meaning;

  test('has both ports with their line rates', () => expect([first, second].map((port) => [port?.port, port?.lineRate, port?.linkLayer])).toEqual([[1, 50e9, 'Ethernet'], [2, 25e9, 'InfiniBand']]));
  test('has its interfaces, one without a speed', () => expect(interfaces.map(({ device, lineRate }) => [device, lineRate])).toEqual([['eth0', 50e9], ['lo', 0]]));
  test('has the first counter of the set first', () => expect(first?.groups.find(({ kind }) => kind === 'hw_counters')?.counters[0]?.name).toBe('rx_write_requests'));
  test('traffic is in words of four bytes', () => expect(named('port_rcv_data')).toMatchObject({ multiplier: 4, bits: 64, traffic: 'receive' }));
  test('queue counters are 32 bits wide, congestion counters 64', () => expect(['out_of_sequence', 'roce_adp_retrans', 'req_cqe_error', 'np_cnp_sent', 'rx_icrc_encapsulated'].map((name) => named(name)?.bits)).toEqual([32, 32, 32, 64, 64]));
  test('classic error counters stay at their largest value', () => expect(named('link_downed')).toMatchObject({ bits: 8, saturates: true }));
  test('one unreadable file costs itself', () => {
    expect(first?.unreadable).toEqual([{ name: 'VL15_dropped', reason: 'ELOOP' }]);
    expect(first === undefined ? 0 : countersOf(first).length).toBe(40);
  });
  test('lifespan is no counter', () => expect(named('lifespan')).toBeUndefined());
});

describe('what cannot be read', () => {
  test('a port without a management agent keeps its other counters', () => {
    const reason = 'not a number: "N/A (no PMA)"';
    expect(only('omnipath').unreadable).toEqual([{ name: 'VL15_dropped', reason }, { name: 'port_rcv_errors', reason }]);
    expect(only('rxe').unreadable).toEqual([{ name: 'port_rcv_data', reason }]);
    expect(countersOf(only('rxe')).length).toBe(9);
  });
  test('a root without anything has nothing', () => expect(discover(join(sys, 'absent'))).toEqual([]));
});

test.each([['400 Gb/sec (4X NDR)', 50e9], ['2.5 Gb/sec (1X SDR)', 312_500_000], ['', 0], ['unknown', 0]])('the rate %j is %d bytes a second', (text, rate) => expect(lineRateOf(text)).toBe(rate));
