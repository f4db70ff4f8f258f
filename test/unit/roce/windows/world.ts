// A plan made of a few counters, rows as a sampler would give them, and what comes out in words: `name{label="value"} number @milliseconds`.

import type { FoundCounter, FoundPort, GroupKind } from '../../../../src/roce/discover.ts';
import type { PlannedChannel, RocePlan } from '../../../../src/roce/plan.ts';
import { defaultRules, utilizationBuckets, type BurstRow, type WindowRow } from '../../../../src/roce/reduction.ts';
import type { Rows, SourceRules } from '../../../../src/roce/sampler.ts';
import type { RoceSeries } from '../../../../src/roce/series.ts';
import type { Meaning } from '../../../../src/roce/vendors.ts';
import { METRIC_NAME, sortLabels } from '../../../../src/model/labels.ts';
import { RoceWindows } from '../../../../src/roce/windows/windows.ts';
import { defaultWindowSettings, type WindowSettings } from '../../../../src/roce/windows/settings.ts';

/** Wall clock of the first window's beginning, a whole minute. */
export const beginMs = 1_800_000_000_000;
export const wallOffsetNs = beginMs * 1e6;
export const lineRate = 50e9;
export const windowNs = 15e9;

export const plainMeaning: Meaning = { bits: 64, saturates: false, multiplier: 1, isGauge: false };

export function portOf(device: string, more: Partial<FoundPort> = {}): FoundPort {
  return {
    kind: 'rdma', device, port: 1, driver: 'mlx5_core', vendor: 'mlx5', lineRate, linkLayer: 'Ethernet', netdev: '', firmware: '', pci: '', numaNode: '',
    priorities: [3], groups: [], unreadable: [], ...more,
  };
}

export interface ChannelTraits {
  readonly group?: GroupKind;
  readonly meaning?: Partial<Meaning>;
  readonly isThroughput?: boolean;
  readonly isCaptured?: boolean;
  readonly source?: string;
  readonly lineRate?: number;
}

export function channelOf(port: FoundPort, name: string, traits: ChannelTraits = {}): PlannedChannel {
  const meaning = { ...plainMeaning, ...traits.meaning };
  const counter: FoundCounter = { name, meaning, places: [{ kind: 'file', path: `/sys/${name}` }] };
  const { bits, saturates, multiplier } = meaning;
  const isThroughput = traits.isThroughput === true;
  return {
    channel: {
      source: traits.source ?? 'quick', place: { kind: 'file', path: `/sys/${name}` }, port: 0, isEvent: meaning.event !== undefined, isCaptured: traits.isCaptured === true,
      rules: { bits, saturates, multiplier, lineRate: traits.lineRate ?? (isThroughput ? port.lineRate : 0), refreshNs: 0 },
    },
    port, group: traits.group ?? 'hw_counters', counter, isThroughput,
  };
}

export const receive: ChannelTraits = { group: 'port_data', isThroughput: true, meaning: { traffic: 'receive', multiplier: 4 } };
export const transmit: ChannelTraits = { group: 'port_data', isThroughput: true, meaning: { traffic: 'transmit', multiplier: 4 } };

const source = (name: string, periodNs: number): SourceRules => ({ name, thread: 'fast', periodNs, maxDuty: 0.05, idlePeriodNs: periodNs, escalatedPeriodNs: periodNs });

/** Sources: `quick` reads every millisecond, `fine` every 100 us, `seldom` every 15 s. */
export function planOf(channels: readonly PlannedChannel[], more: Partial<RocePlan['sampler']['reduction']> = {}): RocePlan {
  const ports = [...new Set(channels.map(({ port }) => port))];
  const numbered = channels.map((planned) => ({ ...planned, channel: { ...planned.channel, port: ports.indexOf(planned.port) } }));
  const { alignNs: _, ...rules } = defaultRules;
  return {
    ports, channels: numbered,
    sampler: {
      sources: [source('quick', 1e6), source('fine', 1e5), source('seldom', 15e9)], channels: numbered.map(({ channel }) => channel), reduction: { ...rules, windowNs, ...more },
      capture: { preNs: 50e6, postNs: 100e6, maxNs: 2e9 }, schedule: { policy: 'plain', priority: 10, cpu: undefined }, ringBytes: 1 << 20,
    },
  };
}

/** The window with that number, from 0. */
export function windowRow(channel: number, window: number, more: Partial<WindowRow> = {}, length = windowNs): WindowRow {
  return {
    channel, startNs: window * length, endNs: (window + 1) * length, units: 0, intervals: 0, changes: 0, peakRate: 0, peakAtNs: 0, peakUnits: 0, activeNs: 0, aboveNs: [0, 0, 0, 0],
    bursts: 0, burstNs: 0, burstUnits: 0, implausible: 0, wraps: 0, resets: 0, saturations: 0, gapMinNs: 0, gapMeanNs: 0, total: 0, coveredNs: length, refreshNs: 0,
    utilization: Array.from({ length: utilizationBuckets }, () => 0), ...more,
  };
}

export const emptyRows: Rows = { windows: [], bursts: [], captureStarts: [], captures: [] };

const value = new DataView(new ArrayBuffer(8));

export function numberOf({ low, high }: { readonly low: number; readonly high: number }): number {
  value.setUint32(0, high);
  value.setUint32(4, low);
  return value.getFloat64(0);
}

export const isMarker = ({ low, high }: { readonly low: number; readonly high: number }) => high === 0x7ff00000 && low === 2;

export function nameOf({ labels }: RoceSeries): string {
  const pairs = sortLabels(labels).filter(([name]) => name !== METRIC_NAME);
  return `${labels.get(METRIC_NAME)}{${pairs.map(([name, text]) => `${name}="${text}"`).join(',')}}`;
}

/** Times are milliseconds since `beginMs`. */
export function inWords(series: readonly RoceSeries[]): string[] {
  return series.flatMap((one) => [
    ...one.samples.map((sample) => `${nameOf(one)} ${isMarker(sample) ? 'stale' : numberOf(sample)} @${sample.timestampMs - beginMs}`),
    ...one.histograms.map(({ timestampMs }) => `${nameOf(one)} histogram @${timestampMs - beginMs}`),
  ]);
}

/** Windows with one plan; `words` keeps what matches. */
export class World {
  readonly windows = new RoceWindows();

  begin(plan: RocePlan, settings: Partial<WindowSettings> = {}, atMs = 0): RoceSeries[] {
    return this.windows.begin(plan, { ...defaultWindowSettings, ...settings }, beginMs + atMs);
  }

  /** Drained at that time since the beginning. */
  take(rows: Partial<Rows>, atMs: number, offsetNs = wallOffsetNs): RoceSeries[] {
    return this.windows.take({ ...emptyRows, ...rows }, { wallOffsetNs: offsetNs, nowMs: beginMs + atMs });
  }

  /** One window of all rows, drained when it is over. */
  window(windows: readonly WindowRow[], bursts: readonly BurstRow[] = []): RoceSeries[] {
    const endNs = Math.max(...windows.map((row) => row.endNs));
    return this.take({ windows, bursts }, endNs / 1e6 + 1000);
  }
}

export function matching(series: readonly RoceSeries[], pattern: RegExp): string[] {
  return inWords(series).filter((line) => pattern.test(line)).sort();
}
