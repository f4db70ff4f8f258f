// The words of reduction: what is known about a counter, by which rules its readings are reduced, and the rows that come out. The native sampler
// (native/sampler/reducer.h) follows the same rules and gives the same rows; test/conformance/roce-reduction.test.ts holds both to one suite.
// All times are nanoseconds of the monotonic clock. "Units" are bytes for traffic, and what the counter counts for everything else.

/** How one counter is read. */
export interface CounterRules {
  /** Width in the hardware: 1 to 64. A narrower counter that goes back has wrapped if that is plausible, else it was reset. */
  readonly bits: number;
  /** Stays at its largest value instead of wrapping, as the classic counters of InfiniBand ports do. */
  readonly saturates: boolean;
  /** Units per count: 4 for counters of 32-bit words. */
  readonly multiplier: number;
  /** Units per second that the link can carry at most; 0 for events, and where nobody knows: no bursts and no utilisation then. */
  readonly lineRate: number;
  /** Time between refreshes where that is longer than the period; 0 where each reading is fresh; `learn` where it is found out from the readings, and again when it changes. */
  readonly refreshNs: number | 'learn';
}

export interface ReductionRules {
  readonly periodNs: number;
  readonly windowNs: number;
  /** Added to the monotonic clock before windows are aligned: the wall clock's distance. */
  readonly alignNs: number;
  /** Shares of the line rate, ascending; at most `thresholdsMax`. */
  readonly thresholds: readonly number[];
  /** A burst begins at this share of the line rate ... */
  readonly enter: number;
  /** ... and ends below this one, */
  readonly leave: number;
  /** when more than so many intervals in a row stayed below it. */
  readonly mergeGap: number;
  /** Intervals at `leave` or more that make a burst, at least; what is shorter is none. */
  readonly minIntervals: number;
}

/** More would cost each reading of each counter; four are enough to draw a distribution's tail. */
export const thresholdsMax = 4;

/** A rate above this share of the line is an artefact of timing: its bytes count, its rate does not. */
export const plausibleShare = 1.05;

/** Rules of the reference: bursts from half the line rate, hysteresis, gaps of one interval joined. */
export const defaultRules: ReductionRules = {
  periodNs: 1e6, windowNs: 15e9, alignNs: 0, thresholds: [0.5, 0.9, 0.99], enter: 0.5, leave: 0.3, mergeGap: 1, minIntervals: 1,
};

/** Buckets of utilisation: 8 an octave, from 2^-10 (0.1 %) to 1; one for less than that in front. */
export const utilizationBuckets = 81;

/** What one counter did in one window. */
export interface WindowRow {
  readonly channel: number;
  readonly startNs: number;
  readonly endNs: number;
  readonly units: number;
  readonly intervals: number;
  /** Readings that differed from the one before. */
  readonly changes: number;
  /** Units per second of the fastest interval, and when that ended. */
  readonly peakRate: number;
  readonly peakAtNs: number;
  /** Most units in one interval. */
  readonly peakUnits: number;
  /** Sum of the intervals in which the counter moved. */
  readonly activeNs: number;
  /** By threshold. */
  readonly aboveNs: readonly number[];
  readonly bursts: number;
  readonly burstNs: number;
  readonly burstUnits: number;
  readonly implausible: number;
  readonly wraps: number;
  readonly resets: number;
  readonly saturations: number;
  /** Shortest and mean time between two changes; 0 where there were fewer than two. */
  readonly gapMinNs: number;
  readonly gapMeanNs: number;
  /**
   * What the counter stands at after the last reading, in units, wraps unrolled: it starts at the first reading and, after a reset, at the one that showed it. After a
   * loss of the source it goes on where the counter stands at or above where it was, by units that no window claims. NaN without any reading.
   */
  readonly total: number;
  /** Time between readings that ended intervals: less than the window where readings are missing. */
  readonly coveredNs: number;
  /** Time between refreshes as it is known at the end of the window; 0 where each reading is fresh, and while nothing is known. */
  readonly refreshNs: number;
  /** Intervals by utilisation. */
  readonly utilization: readonly number[];
}

/** One burst of one counter. */
export interface BurstRow {
  readonly channel: number;
  readonly startNs: number;
  readonly durationNs: number;
  readonly units: number;
  readonly peakRate: number;
}

/** One reading kept for a capture: what one counter did in the interval that ended then. */
export interface CaptureRow {
  readonly channel: number;
  readonly atNs: number;
  /** Units per second for traffic, increments for everything else. */
  readonly value: number;
}

/** A capture began. */
export interface CaptureStart {
  /** As in `Channel.port`. */
  readonly port: number;
  /** The channel whose event or burst was the reason. */
  readonly channel: number;
  readonly atNs: number;
}

/** Numbers in a row of a window, of a burst, of a capture's start or of a captured interval, as the native sampler hands them over. */
export const windowRowNumbers = 22 + thresholdsMax + utilizationBuckets;
export const burstRowNumbers = 5;
export const captureRowNumbers = 3;

/** Reads a row of the native sampler: `windowRowNumbers` numbers from `at`, in the order of `WindowRow`. */
export function windowRowAt(rows: Float64Array, at: number): WindowRow {
  const number = (index: number) => rows[at + index] ?? 0;
  const afterAbove = 10 + thresholdsMax;
  return {
    channel: number(0), startNs: number(1), endNs: number(2), units: number(3), intervals: number(4), changes: number(5), peakRate: number(6),
    peakAtNs: number(7), peakUnits: number(8), activeNs: number(9), aboveNs: [...rows.subarray(at + 10, at + afterAbove)],
    bursts: number(afterAbove), burstNs: number(afterAbove + 1), burstUnits: number(afterAbove + 2), implausible: number(afterAbove + 3),
    wraps: number(afterAbove + 4), resets: number(afterAbove + 5), saturations: number(afterAbove + 6),
    gapMinNs: number(afterAbove + 7), gapMeanNs: number(afterAbove + 8),
    total: number(afterAbove + 9), coveredNs: number(afterAbove + 10), refreshNs: number(afterAbove + 11),
    utilization: [...rows.subarray(at + afterAbove + 12, at + windowRowNumbers)],
  };
}

export function burstRowAt(rows: Float64Array, at: number): BurstRow {
  const number = (index: number) => rows[at + index] ?? 0;
  return { channel: number(0), startNs: number(1), durationNs: number(2), units: number(3), peakRate: number(4) };
}

export function captureStartAt(rows: Float64Array, at: number): CaptureStart {
  return { port: rows[at] ?? 0, channel: rows[at + 1] ?? 0, atNs: rows[at + 2] ?? 0 };
}

export function captureRowAt(rows: Float64Array, at: number): CaptureRow {
  return { channel: rows[at] ?? 0, atNs: rows[at + 1] ?? 0, value: rows[at + 2] ?? 0 };
}

/** 2^(-8/8) to 2^(-1/8): written down, so that the native sampler has the same to the last bit. */
const octaveEdges = [0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048, Math.SQRT1_2, 0.7711054127039704, 0.8408964152537145, 0.9170040432046712] as const;
const edges = Float64Array.from({ length: utilizationBuckets }, (_, bucket) => (octaveEdges[bucket % 8] ?? 0) * 2 ** (Math.floor(bucket / 8) - 9));

/** The bucket of a share of the line rate, the first whose upper edge it does not exceed; 0 holds everything below 0.1 %, the last one everything above 92 %. */
export function utilizationBucket(share: number): number {
  let from = 0;
  let until = utilizationBuckets - 1;
  while (from < until) {
    const middle = (from + until) >> 1;
    if (share <= (edges[middle] ?? 1)) until = middle;
    else from = middle + 1;
  }
  return from;
}

/** The upper edge of a bucket as a share of the line rate. */
export function utilizationEdge(bucket: number): number {
  return edges[bucket] ?? NaN;
}
