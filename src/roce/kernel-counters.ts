// What the kernel itself tells of counters, beside the files of sysfs: asked when ports are looked for, never while they are sampled. The native sampler
// answers it; without that there are files only.

/** Statistics of an interface that ethtool reads: numbers of attributes of the standard groups, names of the driver's own. */
export interface EthtoolCounters {
  readonly mac: readonly number[];
  readonly ctrl: readonly number[];
  readonly pause: readonly number[];
  readonly strings: readonly string[];
}

/** Nothing there is ordinary everywhere: no device, no such interface, a kernel or a driver that does not know the question. */
export interface KernelCounters {
  /** The drivers' counters of all ports, by RDMA netlink. */
  rdmaCounters(): readonly { readonly device: string; readonly port: number; readonly counters: readonly string[] }[];
  ethtoolCounters(link: string): EthtoolCounters;
  /** Priorities for which PFC is on, by DCB; undefined where the interface does not tell. */
  losslessPriorities(link: string): readonly number[] | undefined;
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
