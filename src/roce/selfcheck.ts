// `tributary roce selfcheck`: finds the counters of this machine, reads them for some seconds as the sampler does, and measures what can be expected
// of it here: how long a reading takes, how often counters really refresh, what the scheduler allows, what it costs. With bursts asked for, it
// first learns the refresh periods and then records.

import { sleep, type Clock } from '../io/clock.ts';
import { discover, type FoundPort } from './discover.ts';
import { LoopSampler } from './loop-sampler.ts';
import { createNativeSampler, type NativeAddon } from './native-sampler.ts';
import type { BurstRow, WindowRow } from './reduction.ts';
import { loopPeriodNsMin, type Sampler, type SamplerFigures, type SourceFigures } from './sampler.ts';
import type { PlannedChannel } from './plan.ts';
import { placeKey, planSelfcheck, type PlanOptions, type SelfcheckPlan } from './selfcheck-plan.ts';
import { showsOwnInterfaces } from './surroundings.ts';

export interface SelfcheckOptions {
  readonly sysfs: string;
  readonly periodMs: number;
  readonly durationMs: number;
  /** Records bursts after the measurement, for `durationMs`. */
  readonly isBurst: boolean;
  /** Bytes per second of interfaces, and of ports that do not say theirs; 0 believes what they say. */
  readonly lineRate: number;
}

export interface SelfcheckDeps {
  readonly clock: Clock;
  /** Absent: the sampler in TypeScript, for the reason given. */
  readonly native: { readonly addon: NativeAddon } | { readonly reason: string };
}

/** Counters that are read together, and what was measured. */
export interface SourceReport extends SourceFigures {
  readonly counters: number;
  /** Counters that changed at least once. */
  readonly moved: number;
  /** Nanoseconds between refreshes of the counter that refreshes fastest; 0 where nothing moved often enough to tell. */
  readonly refreshNs: number;
  readonly implausible: number;
  readonly resets: number;
}

export interface BurstReport {
  readonly device: string;
  readonly port: number;
  readonly direction: 'receive' | 'transmit';
  readonly startMs: number;
  readonly durationMs: number;
  readonly bytes: number;
  /** Share of the line rate. */
  readonly peakShare: number;
}

export interface SamplerReport extends Omit<SamplerFigures, 'sources'> {
  readonly periodMs: number;
  /** Read; and found above `channelsMax`. */
  readonly counters: number;
  readonly leftOut: number;
  /** Share of one core. */
  readonly cpuShare: number;
  readonly overwritten: number;
}

export interface SelfcheckReport {
  readonly sampler: 'native' | 'typescript';
  /** Why it is not the native one. */
  readonly reason: string | undefined;
  /** As asked for: bytes per second where it is used instead of what devices say, else 0. */
  readonly lineRate: number;
  readonly ports: readonly FoundPort[];
  /** Undefined where nothing was found. */
  readonly figures: SamplerReport | undefined;
  readonly sources: readonly SourceReport[];
  /** Undefined where nobody asked. */
  readonly bursts: readonly BurstReport[] | undefined;
}

/** Milliseconds. Rows are fetched this often; a window is as long. */
const drainMs = 1000;
/** Milliseconds for learning refresh periods before bursts are recorded. */
const learnMs = 3000;
/** A refresh period is believed when so many changes were seen, and the shortest is not much shorter than the mean: else the traffic is sparse. */
const refreshChangesMin = 8;
const refreshEvenness = 0.5;
/** Shorter than so many periods, the counter may as well be fresh at each reading. */
const slowPeriods = 3;

/** Takes `durationMs`, and for bursts as much again with the learning; reads only. */
export async function selfcheck(options: SelfcheckOptions, deps: SelfcheckDeps): Promise<SelfcheckReport> {
  const kernel = 'addon' in deps.native && showsOwnInterfaces(options.sysfs) ? deps.native.addon : undefined;
  const ports = discover(options.sysfs, kernel === undefined ? {} : { kernel });
  const isNative = 'addon' in deps.native;
  const periodMs = isNative ? options.periodMs : Math.max(options.periodMs, loopPeriodNsMin / 1e6);
  const plan: PlanOptions = { periodMs, windowMs: drainMs, lineRate: options.lineRate, canAskKernel: kernel !== undefined, refreshNs: new Map() };
  const measured = await record(planSelfcheck(ports, plan), options.isBurst ? learnMs : options.durationMs, deps);
  const recorded = options.isBurst ? await record(planSelfcheck(ports, { ...plan, refreshNs: refreshPeriods(measured) }), options.durationMs, deps) : measured;
  return {
    sampler: isNative ? 'native' : 'typescript',
    reason: 'reason' in deps.native ? deps.native.reason : undefined,
    lineRate: options.lineRate,
    ports,
    figures: recorded.planned.channels.length === 0 ? undefined : samplerReport(recorded),
    // In the recording, counters known to be slow are no longer read for their refresh.
    sources: sourceReports(measured),
    bursts: options.isBurst ? burstReports(recorded).sort((a, b) => a.startMs - b.startMs) : undefined,
  };
}

/** What the sampler did. */
interface Recording {
  readonly planned: SelfcheckPlan;
  readonly windows: readonly WindowRow[];
  readonly bursts: readonly BurstRow[];
  readonly overwritten: number;
  readonly figures: SamplerFigures;
  readonly elapsedMs: number;
  readonly wallOffsetNs: number;
}

async function record(planned: SelfcheckPlan, durationMs: number, { native, clock }: SelfcheckDeps): Promise<Recording> {
  const sampler = 'addon' in native ? createNativeSampler(native.addon, planned.sampler) : new LoopSampler(planned.sampler, clock);
  const rows = { windows: [] as WindowRow[], bursts: [] as BurstRow[] };
  const startMs = clock.monotonicMs();
  sampler.start();
  for (let leftMs = durationMs; leftMs > 0; leftMs = durationMs - (clock.monotonicMs() - startMs)) {
    await sleep(clock, Math.min(drainMs, leftMs));
    fetchRows(sampler, rows);
  }
  sampler.stop();
  const elapsedMs = clock.monotonicMs() - startMs;
  return { ...rows, planned, overwritten: fetchRows(sampler, rows), figures: sampler.figures(), elapsedMs, wallOffsetNs: sampler.wallOffsetNs };
}

function fetchRows(sampler: Sampler, { windows, bursts }: { windows: WindowRow[]; bursts: BurstRow[] }): number {
  const rows = sampler.drain();
  windows.push(...rows.windows);
  bursts.push(...rows.bursts);
  return rows.overwritten;
}

function samplerReport({ planned, figures, elapsedMs, overwritten }: Recording): SamplerReport {
  const { sources: _, ...rest } = figures;
  const { sampler, leftOut } = planned;
  return { ...rest, periodMs: sampler.reduction.periodNs / 1e6, counters: sampler.channels.length, leftOut, cpuShare: (figures.cpuSeconds * 1000) / elapsedMs, overwritten };
}

function sourceReports(recording: Recording): SourceReport[] {
  const { planned, figures } = recording;
  return figures.sources.map((source) => {
    const channels = new Set(planned.channels.flatMap(({ channel }, index) => (channel.source === source.source ? [index] : [])));
    const windows = recording.windows.filter(({ channel }) => channels.has(channel));
    const total = (count: (window: WindowRow) => number) => windows.reduce((sum, window) => sum + count(window), 0);
    const refreshes = [...channels].map((channel) => refreshOf(recording, channel)).filter((ns) => ns > 0);
    return {
      ...source,
      counters: channels.size,
      moved: new Set(windows.filter(({ changes }) => changes > 0).map(({ channel }) => channel)).size,
      refreshNs: refreshes.length === 0 ? 0 : Math.min(...refreshes),
      implausible: total(({ implausible }) => implausible),
      resets: total(({ resets }) => resets),
    };
  });
}

/** Nanoseconds between changes where these are even enough to be refreshes, else 0. */
function refreshOf({ windows }: Recording, channel: number): number {
  const own = windows.filter((window) => window.channel === channel && window.gapMeanNs > 0);
  const changes = own.reduce((sum, window) => sum + window.changes, 0);
  if (changes < refreshChangesMin) return 0;
  const meanNs = own.reduce((sum, window) => sum + window.gapMeanNs * window.changes, 0) / changes;
  const shortestNs = Math.min(...own.map(({ gapMinNs }) => gapMinNs));
  return shortestNs >= refreshEvenness * meanNs ? meanNs : 0;
}

/** By place: counters whose changes are evenly further apart than they are read. */
function refreshPeriods(recording: Recording): Map<string, number> {
  const periods = new Map<string, number>();
  const periodNs = new Map(recording.figures.sources.map((source) => [source.source, source.periodNs]));
  for (const [index, { channel }] of recording.planned.channels.entries()) {
    const refreshNs = refreshOf(recording, index);
    if (refreshNs >= slowPeriods * (periodNs.get(channel.source) ?? 0)) periods.set(placeKey(channel.place), refreshNs);
  }
  return periods;
}

function burstReports({ planned, bursts, wallOffsetNs }: Recording): BurstReport[] {
  return bursts.flatMap((row) => {
    const found = planned.channels[row.channel];
    return found === undefined ? [] : burstReport(row, found, wallOffsetNs);
  });
}

function burstReport(row: BurstRow, { port, counter, channel }: PlannedChannel, wallOffsetNs: number): BurstReport[] {
  const { traffic } = counter.meaning;
  if (traffic === undefined) return [];
  return [{
    device: port.device, port: port.port, direction: traffic, startMs: (row.startNs + wallOffsetNs) / 1e6, durationMs: row.durationNs / 1e6,
    bytes: Math.round(row.units), peakShare: row.peakRate / channel.rules.lineRate,
  }];
}
