// The vendors' counters: what a driver's names mean in one vocabulary. A `signal` is traffic in bytes with a direction; an `event` is something that went
// wrong or was signalled; everything else keeps its raw name alone. Names that a table does not have are read all the same, as 64-bit counters: drivers
// gain counters, and what is discovered is not thrown away. Sources: the drivers' own name tables and the kernel's InfiniBand sysfs documents.

export type Direction = 'receive' | 'transmit';

export const events = [
  'cnp_sent', 'cnp_handled', 'ecn_marked', 'out_of_sequence', 'packet_seq_err', 'ack_timeout', 'rnr_nak', 'discard', 'out_of_buffer', 'policer_drop', 'retransmit',
  'pause_storm',
] as const;

export type RoceEvent = (typeof events)[number];

/** What a counter's name means. */
export interface Meaning {
  /** Width in the hardware. */
  readonly bits: number;
  /** Stays at its largest value. */
  readonly saturates: boolean;
  /** Units per count. */
  readonly multiplier: number;
  /** A level that goes up and down: no counter. */
  readonly isGauge: boolean;
  readonly traffic?: Direction;
  readonly event?: RoceEvent;
  readonly pause?: Pause;
}

/** Flow control: time for which somebody was told to wait, counted in microseconds, or the frames that said so. */
export interface Pause {
  readonly kind: 'duration' | 'frames';
  readonly direction: Direction;
  /** `0` to `7`; `global` for the whole link. */
  readonly priority: string;
}

export type Vendor = 'mlx5' | 'bnxt_re' | 'irdma' | 'hns' | 'ionic' | 'erdma' | 'efa' | 'rxe' | 'hfi1';

interface VendorTable {
  readonly receiveBytes?: readonly string[];
  readonly transmitBytes?: readonly string[];
  readonly events: Readonly<Partial<Record<RoceEvent, readonly string[]>>>;
  /** Names of 32-bit counters. */
  readonly narrow?: RegExp;
  readonly gauges?: RegExp;
}

/** mlx5's words, which newer bnxt_re drivers use as well. Those with `cc_` are optional counters, which netlink alone tells and an administrator switches on. */
const mlx5Events = {
  cnp_sent: ['np_cnp_sent', 'cc_tx_cnp_pkts'], cnp_handled: ['rp_cnp_handled', 'cc_rx_cnp_pkts'], ecn_marked: ['np_ecn_marked_roce_packets', 'cc_rx_ce_pkts'],
  out_of_sequence: ['out_of_sequence'],
  packet_seq_err: ['packet_seq_err', 'implied_nak_seq_err'], ack_timeout: ['local_ack_timeout_err'], rnr_nak: ['rnr_nak_retry_err'],
  out_of_buffer: ['out_of_buffer'], retransmit: ['roce_adp_retrans', 'roce_adp_retrans_to'],
} satisfies VendorTable['events'];

const tables: Readonly<Record<Vendor, VendorTable>> = {
  mlx5: {
    // Optional counters, too.
    receiveBytes: ['rdma_rx_bytes'], transmitBytes: ['rdma_tx_bytes'],
    events: mlx5Events,
    // Q counters are 32-bit in firmware, and the driver does not follow their wraps. Congestion and ICRC counters are 64-bit.
    narrow: /^(vport_)?(rx_(write|read|atomic)_requests|rx_dct_connect|out_of_buffer|out_of_sequence|duplicate_request|rnr_nak_retry_err|packet_seq_err|implied_nak_seq_err|local_ack_timeout_err|(req|resp)_.*|roce_(adp|slow)_.*)$/,
  },
  bnxt_re: {
    receiveBytes: ['rx_bytes'], transmitBytes: ['tx_bytes'],
    events: {
      ...mlx5Events,
      // Old names first, then those of newer drivers.
      cnp_sent: ['tx_cnp_pkts', 'np_cnp_pkts', 'np_cnp_sent'], cnp_handled: ['rx_cnp_pkts', 'rp_cnp_handled'],
      ecn_marked: ['rx_ecn_marked_pkts', 'np_ecn_marked_roce_packets'], out_of_sequence: ['oos_drop_count', 'out_of_sequence'],
      packet_seq_err: ['seq_err_naks_rcvd', 'packet_seq_err', 'missing_resp', 'implied_nak_seq_err'], ack_timeout: ['to_retransmits', 'local_ack_timeout_err'],
      rnr_nak: ['rnr_naks_rcvd', 'rnr_nak_retry_err'], discard: ['rx_roce_discards', 'tx_roce_discards'], out_of_buffer: ['rx_out_of_buffer', 'out_of_buffer'],
    },
    gauges: /^((active|watermark)_(pds|ahs|qps|rc_qps|ud_qps|srqs|cqs|mrs|mws)|db_fifo_register)$/,
  },
  irdma: {
    receiveBytes: ['ip4InOctets', 'ip6InOctets'], transmitBytes: ['ip4OutOctets', 'ip6OutOctets'],
    events: {
      cnp_sent: ['cnpSent'], cnp_handled: ['cnpHandled'], ecn_marked: ['RxECNMrkd'], rnr_nak: ['RNR received'], retransmit: ['tcpRetransSegs', 'RetransSegs'],
      discard: ['ip4InDiscards', 'ip6InDiscards'],
    },
  },
  // Spellings differ by kernel.
  hns: { events: { cnp_sent: ['tx_cnp_pkt', 'tx_cnp_pkts'], cnp_handled: ['rx_cnp_pkt', 'rx_cnp_pkts'] } },
  ionic: {
    receiveBytes: ['rx_rdma_ucast_bytes', 'rx_rdma_mcast_bytes'], transmitBytes: ['tx_rdma_ucast_bytes', 'tx_rdma_mcast_bytes'],
    events: {
      cnp_sent: ['tx_rdma_cnp_pkts'], cnp_handled: ['rx_rdma_cnp_pkts'], ecn_marked: ['rx_rdma_ecn_pkts'],
      // Spelt so by the driver.
      out_of_sequence: ['resp_rx_outouf_seq'],
      packet_seq_err: ['req_rx_pkt_seq_err', 'req_rx_impl_nak_seq_err', 'resp_tx_pkt_seq_err'], rnr_nak: ['req_rx_rnr_retry_err'],
      ack_timeout: ['tx_rdma_ack_timeout'], retransmit: ['tx_rdma_retx_pkts'], out_of_buffer: ['resp_rx_outof_buf'],
    },
  },
  erdma: {
    receiveBytes: ['rx_bytes_cnt'], transmitBytes: ['tx_bytes_cnt'],
    // On that cloud a burst meets a token bucket, not a pause.
    events: {
      policer_drop: ['tx_bps_limit_drop_cnt', 'tx_pps_limit_drop_cnt', 'rx_bps_limit_drop_cnt', 'rx_pps_limit_drop_cnt'],
      discard: ['tx_disable_drop_cnt', 'rx_disable_drop_cnt'],
    },
  },
  efa: {
    receiveBytes: ['rx_bytes'], transmitBytes: ['tx_bytes'],
    events: { discard: ['rx_drops'], retransmit: ['retrans_pkts'], ack_timeout: ['retrans_timeout_events'] },
  },
  rxe: {
    events: {
      out_of_sequence: ['out_of_seq_request'], packet_seq_err: ['rcvd_seq_err'], rnr_nak: ['rcvd_rnr_err'], ack_timeout: ['completer_retry_err'],
    },
  },
  hfi1: { events: {} },
};

/** Names of RDMA devices' drivers, as `device/driver` links to them; a driver without a row is read by its raw names. */
const vendorByDriver: Readonly<Record<string, Vendor>> = {
  mlx5_core: 'mlx5', mlx5_ib: 'mlx5', bnxt_en: 'bnxt_re', bnxt_re: 'bnxt_re', ice: 'irdma', i40e: 'irdma', irdma: 'irdma', hns3: 'hns', hns_roce: 'hns', hns_roce_hw_v2: 'hns',
  ionic: 'ionic', ionic_rdma: 'ionic', erdma: 'erdma', efa: 'efa', rdma_rxe: 'rxe', hfi1: 'hfi1',
};

/** Widths of the classic port counters, which stay at their largest value (InfiniBand architecture, PortCounters). */
const classicBits: Readonly<Record<string, number>> = {
  symbol_error: 16, link_error_recovery: 8, link_downed: 8, port_rcv_errors: 16, port_rcv_remote_physical_errors: 16, port_rcv_switch_relay_errors: 16,
  port_xmit_discards: 16, port_xmit_constraint_errors: 8, port_rcv_constraint_errors: 8, local_link_integrity_errors: 4, excessive_buffer_overrun_errors: 4,
  VL15_dropped: 16, port_xmit_wait: 32,
};

const plain: Meaning = { bits: 64, saturates: false, multiplier: 1, isGauge: false };

/** The vendor behind a driver; devices of rxe have no driver, and are known by their name. */
export function vendorOf(driver: string, device: string): Vendor | undefined {
  if (driver === '' && device.startsWith('rxe')) return 'rxe';
  return vendorByDriver[driver];
}

/** A counter below `ports/<n>/counters`, which is the same for every vendor. */
export function portCounterMeaning(name: string): Meaning {
  // The kernel counts 32-bit words (sysfs InfiniBand ABI document).
  if (name === 'port_rcv_data') return { ...plain, multiplier: 4, traffic: 'receive' };
  if (name === 'port_xmit_data') return { ...plain, multiplier: 4, traffic: 'transmit' };
  const bits = classicBits[name];
  const counter = bits === undefined ? plain : { ...plain, bits, saturates: true };
  return name === 'port_xmit_discards' ? { ...counter, event: 'discard' } : counter;
}

/** A counter below `statistics` of an interface. */
export function statisticMeaning(name: string): Meaning {
  if (name === 'rx_bytes') return { ...plain, traffic: 'receive' };
  if (name === 'tx_bytes') return { ...plain, traffic: 'transmit' };
  return /^[rt]x_dropped$/.test(name) ? { ...plain, event: 'discard' } : plain;
}

/** A counter below `hw_counters`. */
export function hardwareCounterMeaning(vendor: Vendor | undefined, name: string): Meaning {
  const table = vendor === undefined ? undefined : tables[vendor];
  if (table === undefined) return plain;
  // Representors of an embedded switch have the same counters with a prefix.
  const bare = vendor === 'mlx5' ? name.replace(/^vport_/, '') : name;
  const event = events.find((candidate) => table.events[candidate]?.includes(bare));
  const traffic = trafficOf(table, bare);
  return {
    ...plain,
    bits: table.narrow?.test(bare) === true ? 32 : 64,
    isGauge: table.gauges?.test(bare) === true,
    ...(event !== undefined && { event }),
    ...(traffic !== undefined && { traffic }),
  };
}

function trafficOf(table: VendorTable, name: string): Direction | undefined {
  if (table.receiveBytes?.includes(name) === true) return 'receive';
  return table.transmitBytes?.includes(name) === true ? 'transmit' : undefined;
}
