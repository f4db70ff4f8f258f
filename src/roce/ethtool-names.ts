// Names of ethtool statistics in the vocabulary of vendors.ts: the standard ones, which every driver shares, and those of drivers. Drivers give hundreds
// of rows, most of them one for each queue: what the tables here do not have is left out. Sources: the drivers' own name tables, and vendors' documents.

import type { Direction, Meaning, Vendor } from './vendors.ts';

/** What a row says: bytes, time or frames of flow control, or whatever is given. A pattern's `way` is the direction, its `priority` the priority, else `global`. */
type Word = 'bytes' | 'pause duration' | 'pause frames' | Pick<Meaning, 'event'> | { readonly isGauge: true };

const plain: Meaning = { bits: 64, saturates: false, multiplier: 1, isGauge: false };
const counted = {};

const standardRows: readonly (readonly [RegExp, Word])[] = [
  [/^Octets(?<way>Transmitted|Received)OK$/, 'bytes'],
  [/^(?<way>[rt]x)_pause_frames$/, 'pause frames'],
  [/^tx_pause_storm_events$/, { event: 'pause_storm' }],
];

const driverRows: Readonly<Partial<Record<Vendor, readonly (readonly [RegExp, Word])[]>>> = {
  mlx5: [
    [/^(?<way>[rt]x)_vport_rdma_(uni|multi)cast_bytes$/, 'bytes'],
    [/^(?<way>[rt]x)_bytes_phy$/, 'bytes'],
    // Rows of a priority exist only while PFC is on for it, those of the whole link while global pause is.
    [/^(?<way>[rt]x)_prio(?<priority>[0-7])_pause_duration$/, 'pause duration'],
    [/^(?<way>[rt]x)_prio(?<priority>[0-7])_pause$/, 'pause frames'],
    [/^(?<way>[rt]x)_global_pause_duration$/, 'pause duration'],
    [/^(?<way>[rt]x)_(global_pause|pause_ctrl_phy)$/, 'pause frames'],
    [/^tx_pause_storm_(warning|error)_events$/, { event: 'pause_storm' }],
    [/^([rt]x_discards_phy|rx_prio[0-7]_(discards|buf_discard|cong_discard))$/, { event: 'discard' }],
    [/^rx_prio[0-7]_marked$/, { event: 'ecn_marked' }],
    [/^(rx_out_of_buffer|dev_internal_queue_oob)$/, { event: 'out_of_buffer' }],
    // Per cent of the last second in which the device waited for the PCI bus.
    [/^outbound_pci_stalled_(rd|wr)$/, { isGauge: true }],
    [/^outbound_pci_stalled_(rd|wr)_events$/, counted],
    [/^([rt]x_vport_rdma_(uni|multi)cast_packets|[rt]x_packets_phy|[rt]x_prio[0-7]_(bytes|packets)|rx_(prio[0-7]|global)_pause_transition)$/, counted],
    [/^(rx_(crc_errors|symbol_err|pcs_symbol_err|corrected_bits|buffer_passed_thres)_phy|link_down_events_phy)$/, counted],
  ],
  bnxt_re: [
    [/^(?<way>[rt]x)_pfc_ena_frames_pri(?<priority>[0-7])$/, 'pause frames'],
    [/^pfc_pri(?<priority>[0-7])_(?<way>[rt]x)_duration_us$/, 'pause duration'],
    [/^(?<way>[rt]x)_pause_frames$/, 'pause frames'],
    [/^pfc_pri[0-7]_[rt]x_transitions$/, counted],
  ],
  irdma: [
    // XOFF frames are the pauses, XON frames their ends.
    [/^(?<way>[rt]x)_priority_(?<priority>[0-7])_xoff\.nic$/, 'pause frames'],
    [/^[rt]x_priority_[0-7]_xon\.nic$/, counted],
  ],
  hns: [
    [/^mac_(?<way>[rt]x)_pfc_pri(?<priority>[0-7])_pkt(_num)?$/, 'pause frames'],
    [/^mac_(?<way>[rt]x)_mac_pause_num$/, 'pause frames'],
    [/^mac_rx_fcs_err_pkt(_num)?$/, counted],
  ],
  ionic: [
    [/^frames_(?<way>[rt]x)_pripause_?(?<priority>[0-7])$/, 'pause frames'],
    [/^(?<way>[rt]x)_pripause_(?<priority>[0-7])_1us_count$/, 'pause duration'],
    [/^frames_(?<way>[rt]x)_pause$/, 'pause frames'],
    [/^frames_[rt]x_pripause$/, counted],
  ],
};

/** A statistic of the standard groups, by the kernel's name for it. */
export function standardStatisticMeaning(name: string): Meaning {
  return meaningIn(standardRows, name) ?? plain;
}

/** A statistic of the driver; undefined for those that nobody asks for, as rows of single queues. */
export function ethtoolMeaning(vendor: Vendor | undefined, name: string): Meaning | undefined {
  return vendor === undefined ? undefined : meaningIn(driverRows[vendor] ?? [], name);
}

function meaningIn(rows: readonly (readonly [RegExp, Word])[], name: string): Meaning | undefined {
  for (const [pattern, word] of rows) {
    const match = pattern.exec(name);
    if (match !== null) return meaningOf(word, match.groups ?? {});
  }
  return undefined;
}

function meaningOf(word: Word, { way, priority }: Readonly<Record<string, string>>): Meaning {
  if (typeof word === 'object') return { ...plain, ...word };
  const direction: Direction = way === 'rx' || way === 'Received' ? 'receive' : 'transmit';
  if (word === 'bytes') return { ...plain, traffic: direction };
  return { ...plain, pause: { kind: word === 'pause duration' ? 'duration' : 'frames', direction, priority: priority ?? 'global' } };
}
