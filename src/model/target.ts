// A target: one endpoint of a job after relabelling. Immutable; a changed target is a new one.

import type { Labels } from './labels.ts';

export interface Target {
  /** Equal for equal labels and URL: two targets with one key are one. */
  readonly key: string;
  readonly job: string;
  /** Public labels: those that do not begin with `__`, with `instance`. */
  readonly labels: Labels;
  /** Every label before relabelling. Worked out on each access, as `provenance` is: ask once and keep what is needed. */
  readonly discoveredLabels: ReadonlyMap<string, string>;
  /** `__meta_*` and other `__*` labels after relabelling: provenance, never sent. */
  readonly provenance: ReadonlyMap<string, string>;
  readonly url: string;
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
}
