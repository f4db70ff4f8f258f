// What a sampler is: it reads counters at a fixed period, reduces the readings where they are read, and hands over rows. The native one does so in a
// thread of its own; the one in TypeScript shares the event loop, so it is slower and later, and it reads files only.

import type { BurstRow, CaptureRow, CaptureStart, CounterRules, ReductionRules, WindowRow } from './reduction.ts';

/** Counters that are read, and timed, together: one system call, or files one after the other. */
export interface SourceRules {
  readonly name: string;
  /** `fast` may be read every tick; `slow` sources may block in firmware and have a thread of their own. */
  readonly thread: 'fast' | 'slow';
  /** Between two readings, at least; the sampler takes a whole number of its ticks. */
  readonly periodNs: number;
  /** Share of the time that readings may take: above it the source is read more seldom. */
  readonly maxDuty: number;
  /** Between two readings while all its traffic has been below 1 % of the line for 10 s; `periodNs` where it shall not slow down. */
  readonly idlePeriodNs: number;
  /** Between two readings for 2 s after an event at one of its ports; `periodNs` where events change nothing. */
  readonly escalatedPeriodNs: number;
}

/** Where the number is. A way to ask the kernel goes before the file; the sampler in TypeScript reads files only. */
export type CounterPlace =
  /** A file that holds the number. */
  | { readonly kind: 'file'; readonly path: string }
  /** Field of an interface's `rtnl_link_stats64`. */
  | { readonly kind: 'link'; readonly link: string; readonly field: number }
  /** A counter of a port by RDMA netlink STAT_GET. */
  | { readonly kind: 'rdma'; readonly device: string; readonly port: number; readonly counter: string }
  /** A statistic of an interface: `mac`, `ctrl` and `pause` by ethtool netlink with the attribute's number, `strings` by GSTATS with its name. */
  | { readonly kind: 'ethtool'; readonly link: string; readonly group: 'mac' | 'ctrl' | 'pause'; readonly attribute: number }
  | { readonly kind: 'ethtool'; readonly link: string; readonly group: 'strings'; readonly name: string };

/** One counter to read. Rows name it by its place in the list. */
export interface Channel {
  /** The `SourceRules` of that name. */
  readonly source: string;
  readonly place: CounterPlace;
  readonly rules: CounterRules;
  /** Number of the port that it belongs to, from 0: captures and escalation are by port. */
  readonly port: number;
  /** A movement is an event: it begins a capture and has the slower sources of its port read more often. */
  readonly isEvent: boolean;
  /** Kept at full resolution while a capture of its port lasts. */
  readonly isCaptured: boolean;
}

export interface SourceFigures {
  readonly source: string;
  readonly reads: number;
  /** Readings of single counters that gave no number. */
  readonly failedReadings: number;
  readonly readP50Ns: number;
  readonly readP99Ns: number;
  readonly readMaxNs: number;
  /** Between two readings as it is now, after governor, idleness and escalation. */
  readonly periodNs: number;
  /** Readings by duration, as `durationEdgesNs` has them, and the sum of all. */
  readonly readBuckets: readonly number[];
  readonly readSumNs: number;
}

/** Ticks and lateness are those of the fast thread, or of the slow one where it is alone; CPU time is that of both. */
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
  /** Ticks by lateness, as `durationEdgesNs` has them, and the sum of all. */
  readonly latenessBuckets: readonly number[];
  readonly latenessSumNs: number;
  readonly sources: readonly SourceFigures[];
}

export interface Rows {
  readonly windows: readonly WindowRow[];
  readonly bursts: readonly BurstRow[];
  readonly captureStarts: readonly CaptureStart[];
  /** In the order of time for each channel. */
  readonly captures: readonly CaptureRow[];
}

export interface Sampler {
  /** Add to a row's time for nanoseconds of wall time. */
  readonly wallOffsetNs: number;
  /** Once. */
  start(): void;
  /** Closes open windows, which `drain` then gives. */
  stop(): void;
  /** The rows since the last call; since the start, how many there were by then, and how many of them were lost because nobody called: produced = given + overwritten. */
  drain(): Rows & { readonly produced: number; readonly overwritten: number };
  figures(): SamplerFigures;
}

/** Windows are aligned by the sampler, by its own clock. `periodNs` is the tick of the fast thread; that of the slow one is `slowTickNs`. */
export type SamplingRules = Omit<ReductionRules, 'alignNs'>;

export interface CaptureRules {
  /** Kept from before the event ... */
  readonly preNs: number;
  /** ... and from after the last event or the end of the burst. */
  readonly postNs: number;
  /** A capture ends after so long, whatever goes on. */
  readonly maxNs: number;
}

export interface ScheduleRules {
  /** `auto`: SCHED_FIFO, else the best nice value with a short slice, else an ordinary thread; a name begins the chain there. */
  readonly policy: 'auto' | 'fifo' | 'nice' | 'plain';
  /** Of SCHED_FIFO, 1 to 99. */
  readonly priority: number;
  /** The processor of the fast thread; undefined leaves it to the scheduler. */
  readonly cpu: number | undefined;
}

/** Everything a sampler is made of. */
export interface SamplerPlan {
  readonly sources: readonly SourceRules[];
  readonly channels: readonly Channel[];
  readonly reduction: SamplingRules;
  readonly capture: CaptureRules | undefined;
  readonly schedule: ScheduleRules;
  /** Rows that wait for the reader, at most: fewer windows of each channel are kept where it is not enough for two minutes. */
  readonly ringBytes: number;
}

/** The tick of the thread of slow sources: no source there needs to be more punctual. */
export const slowTickNs = 1e7;
/** Upper edges of the buckets of durations; one more bucket holds what is longer. */
export const durationEdgesNs = [1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 5e6, 1e7] as const;
/** Nanoseconds: the event loop comes late by milliseconds, and each reading costs it twice what it costs the thread. */
export const loopPeriodNsMin = 1e7;
/** Two thousand ports with two hot counters each; bounds the memory of windows. */
export const channelsMax = 4096;
/** Three for each port of a thousand; bounds what the two threads look after. */
export const sourcesMax = 1024;
