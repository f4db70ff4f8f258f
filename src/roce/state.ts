// The stage as people see it: what is sampled, how well, and what is wrong. Gathered while windows pass, and from the sampler's figures when somebody asks.

import type { PlannedChannel, RocePlan } from './plan.ts';
import type { WindowRow } from './reduction.ts';
import type { SamplerFigures, SourceFigures, SourceRules } from './sampler.ts';
import type { Direction } from './vendors.ts';

export interface RocePeak {
  readonly direction: Direction;
  readonly bytesPerSecond: number;
  /** Of the line. */
  readonly share: number;
  readonly atMs: number;
  readonly bursts: number;
}

export interface RocePort {
  readonly kind: 'rdma' | 'netdev';
  readonly device: string;
  readonly port: number;
  readonly netdev: string;
  readonly driver: string;
  readonly firmware: string;
  readonly pci: string;
  readonly linkLayer: string;
  /** Bytes per second; 0: not known, so there are no bursts. */
  readonly lineRate: number;
  readonly counters: number;
  /** Of the last window, by direction; empty where the line rate is not known. */
  readonly peaks: readonly RocePeak[];
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
}

export interface RoceSource {
  readonly source: string;
  readonly thread: 'fast' | 'slow';
  readonly counters: number;
  readonly effectiveIntervalSeconds: number;
  readonly reads: number;
  readonly failedReadings: number;
  readonly readP50Seconds: number;
  readonly readP99Seconds: number;
  /** How often its counters change; undefined where that was not seen yet, 0 where each reading is fresh. */
  readonly refreshSeconds: number | undefined;
}

export interface RoceState {
  readonly sampler: 'native' | 'typescript' | 'none';
  /** Why it is not the native one; '' where it is. */
  readonly reason: string;
  readonly policy: string;
  readonly intervalSeconds: number;
  readonly windowSeconds: number;
  readonly output: 'remote_write' | 'metrics';
  readonly ticks: number;
  readonly missedTicks: number;
  readonly latenessP99Seconds: number;
  readonly producedRows: number;
  readonly overwrittenRows: number;
  readonly captures: number;
  /** Wall time at which the last window ended; undefined before the first. */
  readonly lastWindowMs: number | undefined;
  /** Memory of what the line could not take yet. */
  readonly pendingBytes: number;
  readonly ports: readonly RocePort[];
  readonly sources: readonly RoceSource[];
  readonly problems: readonly string[];
}

/** A refresh period is told after so many changes in one window. */
const changesMin = 8;

/** What the windows of one plan showed. */
export class RoceWatch {
  readonly #plan: RocePlan;
  readonly #peaks = new Map<number, WindowRow>();
  /** Source to nanoseconds: of the counter that refreshes most often. */
  readonly #refresh = new Map<string, number>();
  captures = 0;
  lastWindowNs: number | undefined;

  constructor(plan: RocePlan) {
    this.#plan = plan;
  }

  /** Returns the refresh period that the window tells of its counter, nanoseconds. */
  take(row: WindowRow): number | undefined {
    const planned = this.#plan.channels[row.channel];
    if (planned === undefined) return undefined;
    this.lastWindowNs = Math.max(this.lastWindowNs ?? -Infinity, row.endNs);
    if (planned.isThroughput) this.#peaks.set(row.channel, row);
    if (row.changes < changesMin) return undefined;
    const { source } = planned.channel;
    this.#refresh.set(source, Math.min(this.#refresh.get(source) ?? Infinity, row.refreshNs));
    return row.refreshNs;
  }

  ports(wallOffsetNs: number): RocePort[] {
    return this.#plan.ports.map((port, number) => {
      const { kind, device, port: portNumber, netdev, driver, firmware, pci, linkLayer, lineRate, unreadable } = port;
      const own = [...this.#plan.channels.entries()].filter(([, { channel }]) => channel.port === number);
      const peaks = own.flatMap(([index, planned]) => this.#peakOf(index, planned, wallOffsetNs));
      return { kind, device, port: portNumber, netdev, driver, firmware, pci, linkLayer, lineRate, counters: own.length, peaks, unreadable };
    });
  }

  sources(figures: SamplerFigures): RoceSource[] {
    const counts = new Map<string, number>();
    for (const { channel: { source } } of this.#plan.channels) counts.set(source, (counts.get(source) ?? 0) + 1);
    const rules = new Map(this.#plan.sampler.sources.map((source) => [source.name, source]));
    return figures.sources.map((source) => this.#sourceOf(source, rules.get(source.source), counts.get(source.source) ?? 0));
  }

  #sourceOf({ source, reads, failedReadings, readP50Ns, readP99Ns, periodNs }: SourceFigures, rules: SourceRules | undefined, counters: number): RoceSource {
    const refreshNs = this.#refresh.get(source);
    return {
      source, thread: rules?.thread ?? 'fast', counters, effectiveIntervalSeconds: periodNs / 1e9, reads, failedReadings,
      readP50Seconds: readP50Ns / 1e9, readP99Seconds: readP99Ns / 1e9, refreshSeconds: refreshNs === undefined ? undefined : refreshNs / 1e9,
    };
  }

  #peakOf(index: number, { counter, port }: PlannedChannel, wallOffsetNs: number): RocePeak[] {
    const row = this.#peaks.get(index);
    const direction = counter.meaning.traffic;
    // Without a line rate no interval is judged.
    if (row === undefined || direction === undefined || port.lineRate === 0) return [];
    const atNs = row.peakRate > 0 ? row.peakAtNs : row.endNs;
    return [{ direction, bytesPerSecond: row.peakRate, share: row.peakRate / port.lineRate, atMs: Math.round((atNs + wallOffsetNs) / 1e6), bursts: row.bursts }];
  }
}
