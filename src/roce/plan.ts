// What the sampler reads, and where each counter was found: rows name a channel by its number, and everything after the sampler looks it up here. A plan follows from
// the settings, the ports that were found, and whether the native sampler runs; the same three give the same plan.

import type { RoceSettings } from './config.ts';
import type { FoundCounter, FoundPort, GroupKind } from './discover.ts';
import { channelsMax, loopPeriodNsMin, sourcesMax, type CaptureRules, type Channel, type SamplerPlan, type SourceRules } from './sampler.ts';
import { throughputOf } from './throughput.ts';
import { placeOf, sourceRules, wayOf, type Way } from './tiers.ts';
import type { RoceEvent } from './vendors.ts';
import { capturedChannels } from './windows/capture-signals.ts';

/** A counter with the place where it was found. */
export interface PlannedChannel {
  readonly channel: Channel;
  readonly port: FoundPort;
  readonly group: GroupKind;
  readonly counter: FoundCounter;
  /**
   * The one counter of its port and direction whose rate is the port's throughput: peaks, utilisation and bursts are told of it alone. Others that count bytes of the same
   * traffic are counters only.
   */
  readonly isThroughput: boolean;
}

export interface RocePlan {
  readonly sampler: SamplerPlan;
  /** In the order of `sampler.channels`. */
  readonly channels: readonly PlannedChannel[];
  /** `Channel.port` is the place here. */
  readonly ports: readonly FoundPort[];
}

/** Events that mean loss or a stop. Congestion marks are none: where they are used, some are always under way. */
const triggers: ReadonlySet<RoceEvent> = new Set(['out_of_sequence', 'packet_seq_err', 'ack_timeout', 'rnr_nak', 'discard', 'out_of_buffer', 'policer_drop', 'retransmit', 'pause_storm']);

/** A counter with the way it will be read. */
interface Wanted extends Way {
  readonly number: number;
  readonly port: FoundPort;
  readonly group: GroupKind;
  readonly counter: FoundCounter;
  readonly isThroughput: boolean;
}

/** `found` are the ports to be sampled. `leftOut` counters were too many. */
export function planRoce(settings: RoceSettings, found: readonly FoundPort[], isNative: boolean): { readonly plan: RocePlan; readonly leftOut: number } {
  const { priorities } = settings;
  const ports = priorities === 'lossless' ? found : found.map((port) => ({ ...port, priorities }));
  const wanted = ports.flatMap((port, number) => wantedOf(port, number, settings, isNative)).toSorted((a, b) => a.tier - b.tier);
  const taken = withinSources(wanted).slice(0, channelsMax);
  const tickNs = isNative ? settings.intervalNs : Math.max(settings.intervalNs, loopPeriodNsMin);
  const capture = captureRules(settings);
  const captured = capture === undefined ? new Set<Wanted>() : chooseCaptured(taken, settings.capture.signals);
  const channels = taken.map((one) => plannedChannel(one, captured.has(one)));
  const { burst: { enter, leave, mergeGap, minIntervals }, thresholds, windowNs, schedule, ringBytes } = settings;
  const sampler: SamplerPlan = {
    sources: sourcesOf(taken, { isNative, tickNs }, settings),
    channels: channels.map(({ channel }) => channel),
    reduction: { periodNs: tickNs, windowNs, thresholds, enter, leave, mergeGap, minIntervals },
    capture: captured.size === 0 ? undefined : capture,
    schedule, ringBytes,
  };
  return { plan: { sampler, channels, ports }, leftOut: wanted.length - taken.length };
}

/** What of the first sources there is. */
function withinSources(wanted: readonly Wanted[]): Wanted[] {
  const names = new Set([...new Set(wanted.map(({ source }) => source))].slice(0, sourcesMax));
  return wanted.filter(({ source }) => names.has(source));
}

function wantedOf(port: FoundPort, number: number, { sources }: RoceSettings, isNative: boolean): Wanted[] {
  const found = port.groups
    .flatMap(({ kind: group, counters }) => counters.filter((counter) => isOfUse(counter, port.priorities)).map((counter) => ({ group, counter, place: placeOf(counter, group, sources, isNative) })));
  const readable = found.flatMap(({ place, ...candidate }) => (place === undefined ? [] : [{ ...candidate, place }]));
  const throughput = throughputOf(port, readable, sources);
  return readable.map(({ group, counter, place }) => {
    const isThroughput = throughput.has(counter);
    return { number, port, group, counter, isThroughput, ...wayOf(port, group, counter, place, isThroughput) };
  });
}

/** A level has no increments to reduce, and pauses of priorities that may lose frames are nobody's concern. */
function isOfUse({ meaning: { isGauge, pause } }: FoundCounter, lossless: readonly number[]): boolean {
  return !isGauge && (pause === undefined || pause.priority === 'global' || lossless.includes(Number(pause.priority)));
}

function sourcesOf(wanted: readonly Wanted[], how: { readonly isNative: boolean; readonly tickNs: number }, settings: RoceSettings): SourceRules[] {
  const sources = new Map<string, SourceRules>();
  // Sorted by tier: the first counter of a source is the one that is wanted most often.
  for (const { source, tier, port, group } of wanted) {
    if (!sources.has(source)) sources.set(source, sourceRules(source, tier, { ...how, isSoftware: group === 'statistics' || port.vendor === 'rxe' }, settings));
  }
  return [...sources.values()];
}

function plannedChannel(wanted: Wanted, isCaptured: boolean): PlannedChannel {
  const { number, port, group, counter, isThroughput, source, place } = wanted;
  const { bits, saturates, multiplier, event } = counter.meaning;
  const rules = { bits, saturates, multiplier, lineRate: isThroughput ? port.lineRate : 0, refreshNs: isFresh(port) ? 0 : ('learn' as const) };
  const channel = { source, place, rules, port: number, isEvent: event !== undefined && triggers.has(event), isCaptured };
  return { channel, port, group, counter, isThroughput };
}

/** What the kernel itself counts is fresh at each reading: interfaces without hardware behind them, and RDMA in software. */
function isFresh({ kind, driver, vendor }: FoundPort): boolean {
  return vendor === 'rxe' || (kind === 'netdev' && (driver === '' || driver === 'virtio_net'));
}

/** A page of metrics has one moment for each series: there is no room for captures. */
function captureRules({ output, capture: { preNs, postNs, maxNs, signals, samplesPerMinute } }: RoceSettings): CaptureRules | undefined {
  return output === 'metrics' || signals === 0 || samplesPerMinute === 0 ? undefined : { preNs, postNs, maxNs };
}

/** From the fast tiers alone: what is read every few seconds shows nothing of a millisecond. */
function chooseCaptured(wanted: readonly Wanted[], signals: number): Set<Wanted> {
  return capturedChannels(wanted.filter(({ tier }) => tier <= 1), signals);
}
