// What a sampler is: it reads counters at a fixed period, reduces the readings where they are read, and hands over rows. The native one does so in a
// thread of its own; the one in TypeScript shares the event loop, so it is slower and later, and it reads files only.

import type { BurstRow, CounterRules, ReductionRules, WindowRow } from './reduction.ts';

/** One counter to read. Rows name it by its place in the list. */
export interface Channel {
  /** Counters of one source are read, and timed, together. */
  readonly source: string;
  /** A file that holds the number ... */
  readonly path: string;
  /** ... and where the kernel gives the same number for all interfaces at once: the interface, and the field of its `rtnl_link_stats64`. */
  readonly link?: { readonly name: string; readonly field: number };
  readonly rules: CounterRules;
}

export interface SourceFigures {
  readonly source: string;
  readonly reads: number;
  /** Readings of single counters that gave no number. */
  readonly failedReadings: number;
  readonly readP50Ns: number;
  readonly readP99Ns: number;
  readonly readMaxNs: number;
}

export interface SamplerFigures {
  /** What the scheduler granted; `loop` is the event loop of the process. */
  readonly policy: 'fifo' | 'nice' | 'plain' | 'loop';
  readonly ticks: number;
  /** Deadlines that passed unused; they are not caught up. */
  readonly missed: number;
  readonly cpuSeconds: number;
  readonly latenessP50Ns: number;
  readonly latenessP99Ns: number;
  readonly latenessMaxNs: number;
  readonly sources: readonly SourceFigures[];
}

export interface Rows {
  readonly windows: readonly WindowRow[];
  readonly bursts: readonly BurstRow[];
}

export interface Sampler {
  /** Add to a row's time for nanoseconds of wall time. */
  readonly wallOffsetNs: number;
  /** Once. */
  start(): void;
  /** Closes open windows, which `drain` then gives. */
  stop(): void;
  /** The rows since the last call, and in `overwritten` how many were lost since the start because nobody called. */
  drain(): Rows & { readonly overwritten: number };
  figures(): SamplerFigures;
}

/** Windows are aligned by the sampler, by its own clock. */
export type SamplingRules = Omit<ReductionRules, 'alignNs'>;

/** Nanoseconds: the event loop comes late by milliseconds, and each reading costs it twice what it costs the thread. */
export const loopPeriodNsMin = 1e7;
/** Two thousand ports with two hot counters each; bounds the memory of windows. */
export const channelsMax = 4096;
