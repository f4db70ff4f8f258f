// What the kernel itself tells of counters, beside the files of sysfs. The native sampler answers it; without that there are files only.
//
// Whoever asks waits: RDMA counters cost firmware commands, what ethtool and DCB tell the lock of all network settings. So it is asked about a port that was found, that
// changed, or whose link came up, and of the others about the one that was asked longest ago, ten minutes or more: counters may be switched on, and priorities made
// lossless, without any trace in files.

import { ethtoolMeaning } from './ethtool-names.ts';
import type { FileOutline } from './port-outline.ts';
import { vendorOf } from './vendors.ts';

/** Statistics of an interface that ethtool reads: numbers of attributes of the standard groups, names of the driver's own. */
export interface EthtoolCounters {
  readonly mac: readonly number[];
  readonly ctrl: readonly number[];
  readonly pause: readonly number[];
  readonly strings: readonly string[];
}

/** Nothing there is ordinary everywhere: no device, no such interface, a kernel or a driver that does not know the question. */
export interface KernelCounters {
  /** The driver's counters of a port, by RDMA netlink. */
  rdmaCounters(device: string, port: number): readonly string[];
  ethtoolCounters(link: string): EthtoolCounters;
  /** Priorities for which PFC is on, by DCB; undefined where the interface does not tell. */
  losslessPriorities(link: string): readonly number[] | undefined;
}

/** What the kernel tells of one port or interface. */
export interface KernelOutline {
  /** By RDMA netlink. */
  readonly rdmaCounters: readonly string[];
  /** Of the driver's own statistics those that a table knows: rows of queues come and go. */
  readonly ethtool: EthtoolCounters | undefined;
  /** As DCB tells them. */
  readonly lossless: readonly number[] | undefined;
}

export function askKernel(kernel: KernelCounters | undefined, { kind, device, port, netdev, netdevDriver, hasEthtool }: FileOutline): KernelOutline {
  const rdmaCounters = kind === 'rdma' ? kernel?.rdmaCounters(device, port) : undefined;
  const ethtool = hasEthtool ? kernel?.ethtoolCounters(netdev) : undefined;
  const isKnown = (name: string) => ethtoolMeaning(vendorOf(netdevDriver, ''), name) !== undefined;
  return {
    rdmaCounters: rdmaCounters ?? [], ethtool: ethtool && { ...ethtool, strings: ethtool.strings.filter(isKnown) },
    lossless: netdev === '' ? undefined : kernel?.losslessPriorities(netdev),
  };
}

/** Names that the kernel gives to the attributes of eth-mac, eth-ctrl and pause statistics (its string sets; linux/ethtool_netlink.h). */
export const standardNames: Readonly<Record<'mac' | 'ctrl' | 'pause', readonly (string | undefined)[]>> = {
  mac: [
    'FramesTransmittedOK', 'SingleCollisionFrames', 'MultipleCollisionFrames', 'FramesReceivedOK', 'FrameCheckSequenceErrors', 'AlignmentErrors', 'OctetsTransmittedOK',
    'FramesWithDeferredXmissions', 'LateCollisions', 'FramesAbortedDueToXSColls', 'FramesLostDueToIntMACXmitError', 'CarrierSenseErrors', 'OctetsReceivedOK',
    'FramesLostDueToIntMACRcvError', 'MulticastFramesXmittedOK', 'BroadcastFramesXmittedOK', 'FramesWithExcessiveDeferral', 'MulticastFramesReceivedOK',
    'BroadcastFramesReceivedOK', 'InRangeLengthErrors', 'OutOfRangeLengthField', 'FrameTooLongErrors',
  ],
  ctrl: ['MACControlFramesTransmitted', 'MACControlFramesReceived', 'UnsupportedOpcodesReceived'],
  // The first two numbers are no counters.
  pause: [undefined, undefined, 'tx_pause_frames', 'rx_pause_frames', 'tx_pause_storm_events'],
};
