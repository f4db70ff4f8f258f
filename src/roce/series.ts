// What leaves the sampler: series with samples, as the line takes them from a source.

import type { LabelMap } from '../model/labels.ts';

/** One series of a batch. */
export interface RoceSeries {
  /** With the metric's name; without labels that are equal for everything from here (`tributary.roce.labels`). */
  readonly labels: LabelMap;
  /** Halves of the double, so that the staleness marker survives. */
  readonly samples: readonly { readonly low: number; readonly high: number; readonly timestampMs: number }[];
  /** Native histograms: Histogram messages without tag and length; a marker says that the series ended. */
  readonly histograms: readonly { readonly bytes: Uint8Array; readonly timestampMs: number; readonly isMarker: boolean }[];
  /** Set on histograms, which exist in both forms: for destinations that take native ones, and for all others. */
  readonly form?: 'native' | 'classic';
}
