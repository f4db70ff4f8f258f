// The names that node_exporter gives to the counters that it knows, so that dashboards keep working: files of an RDMA port by its collector `infiniband`, an
// interface's statistics by `netdev`. What is not here has no such name. Source: node_exporter, collector/infiniband_linux.go and netdev_common.go.

import type { GroupKind } from '../discover.ts';

/** File below `ports/<n>/counters` to the name behind `node_infiniband_`. Data counters are in bytes, as they are here. */
const portNames: Readonly<Record<string, string>> = {
  port_rcv_data: 'port_data_received_bytes_total', port_xmit_data: 'port_data_transmitted_bytes_total',
  port_rcv_packets: 'port_packets_received_total', port_xmit_packets: 'port_packets_transmitted_total',
  unicast_rcv_packets: 'unicast_packets_received_total', unicast_xmit_packets: 'unicast_packets_transmitted_total',
  multicast_rcv_packets: 'multicast_packets_received_total', multicast_xmit_packets: 'multicast_packets_transmitted_total',
  port_rcv_errors: 'port_errors_received_total', port_rcv_discards: 'port_discards_received_total', port_xmit_discards: 'port_discards_transmitted_total',
  port_rcv_constraint_errors: 'port_constraint_errors_received_total', port_xmit_constraint_errors: 'port_constraint_errors_transmitted_total',
  port_rcv_remote_physical_errors: 'port_receive_remote_physical_errors_total', port_rcv_switch_relay_errors: 'port_receive_switch_relay_errors_total',
  port_xmit_wait: 'port_transmit_wait_total', symbol_error: 'symbol_error_total', VL15_dropped: 'vl15_dropped_total',
  link_downed: 'link_downed_total', link_error_recovery: 'link_error_recovery_total', local_link_integrity_errors: 'local_link_integrity_errors_total',
  excessive_buffer_overrun_errors: 'excessive_buffer_overrun_errors_total',
};

/** File below `hw_counters` to the name behind `node_infiniband_`. */
const hardwareNames: Readonly<Record<string, string>> = {
  duplicate_request: 'duplicate_requests_packets_total', implied_nak_seq_err: 'implied_nak_seq_errors_total', local_ack_timeout_err: 'local_ack_timeout_errors_total',
  np_cnp_sent: 'np_cnp_packets_sent_total', np_ecn_marked_roce_packets: 'np_ecn_marked_roce_packets_received_total',
  out_of_buffer: 'out_of_buffer_drops_total', out_of_sequence: 'out_of_sequence_packets_received_total', packet_seq_err: 'packet_sequence_errors_total',
  req_cqe_error: 'req_cqes_errors_total', req_cqe_flush_error: 'req_cqes_flush_errors_total',
  req_remote_access_errors: 'req_remote_access_errors_total', req_remote_invalid_request: 'req_remote_invalid_request_errors_total',
  resp_cqe_error: 'resp_cqes_errors_total', resp_cqe_flush_error: 'resp_cqes_flush_errors_total',
  resp_local_length_error: 'resp_local_length_errors_total', resp_remote_access_errors: 'resp_remote_access_errors_total',
  rnr_nak_retry_err: 'rnr_nak_retry_packets_received_total',
  roce_adp_retrans: 'roce_adp_retransmits_total', roce_adp_retrans_to: 'roce_adp_retransmits_timeout_total',
  roce_slow_restart: 'roce_slow_restart_used_total', roce_slow_restart_cnps: 'roce_slow_restart_cnps_total', roce_slow_restart_trans: 'roce_slow_restart_total',
  rp_cnp_handled: 'rp_cnp_packets_handled_total', rp_cnp_ignored: 'rp_cnp_ignored_packets_received_total',
  rx_atomic_requests: 'rx_atomic_requests_total', rx_read_requests: 'rx_read_requests_total', rx_write_requests: 'rx_write_requests_total',
  rx_dct_connect: 'rx_dct_connect_requests_total', rx_icrc_encapsulated: 'rx_icrc_encapsulated_errors_total',
};

/** File of an interface's `statistics` to the name behind `node_network_`. Some names are the sum of several files, as in /proc/net/dev. */
const networkNames: Readonly<Record<string, string>> = {
  rx_bytes: 'receive_bytes_total', tx_bytes: 'transmit_bytes_total', rx_packets: 'receive_packets_total', tx_packets: 'transmit_packets_total',
  rx_errors: 'receive_errs_total', tx_errors: 'transmit_errs_total',
  rx_dropped: 'receive_drop_total', rx_missed_errors: 'receive_drop_total', tx_dropped: 'transmit_drop_total',
  rx_fifo_errors: 'receive_fifo_total', tx_fifo_errors: 'transmit_fifo_total',
  rx_frame_errors: 'receive_frame_total', rx_length_errors: 'receive_frame_total', rx_over_errors: 'receive_frame_total', rx_crc_errors: 'receive_frame_total',
  multicast: 'receive_multicast_total', collisions: 'transmit_colls_total',
  tx_carrier_errors: 'transmit_carrier_total', tx_aborted_errors: 'transmit_carrier_total', tx_heartbeat_errors: 'transmit_carrier_total',
  tx_window_errors: 'transmit_carrier_total',
  rx_compressed: 'receive_compressed_total', tx_compressed: 'transmit_compressed_total', rx_nohandler: 'receive_nohandler_total',
};

export interface NodeExporterName {
  readonly metric: string;
  /** Interfaces have the label `device` alone. */
  readonly hasPort: boolean;
}

/** Undefined for what node_exporter does not export, or exports in another way. */
export function nodeExporterName(group: GroupKind, counter: string): NodeExporterName | undefined {
  if (group === 'statistics') return named('node_network_', networkNames, counter, false);
  if (group === 'hw_counters') return named('node_infiniband_', hardwareNames, counter, true);
  return group === 'counters' || group === 'port_data' ? named('node_infiniband_', portNames, counter, true) : undefined;
}

function named(prefix: string, names: Readonly<Record<string, string>>, counter: string, hasPort: boolean): NodeExporterName | undefined {
  return Object.hasOwn(names, counter) ? { metric: `${prefix}${names[counter]}`, hasPort } : undefined;
}
