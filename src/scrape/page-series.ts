// What a scrape loop needs of the next station on the line: somewhere to put the pages of one target. The series stage implements it.

import type { MetricType, PageSink } from '../exposition/sink.ts';
import type { ScrapeError } from '../model/scrape-error.ts';
import type { Target } from '../model/target.ts';

export interface ScrapeResult {
  /** Wall time of the scrape's start, whole milliseconds: the time of every sample that brings none, of markers and of report series. */
  readonly timestampMs: number;
  /**
   * Why the scrape failed. The classes `parse`, `sample_limit`, `label_limit` and `labels` mean a page that counts as seen up to the error; any
   * other class means that there was no page, also when part of it was read already.
   */
  readonly error: ScrapeError | undefined;
  readonly durationSeconds: number;
  /** Bytes of the page after decompression; -1 when the body size limit was exceeded, 0 for an empty body and when there was no complete page. */
  readonly bodyBytes: number;
}

export interface FamilyMetadata {
  readonly family: string;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

/** The part of a job's settings that series may outlive. */
export interface SeriesLimits {
  /** Samples per page after metric relabelling; 0 = no limit. */
  readonly sampleLimit: number;
  readonly scrapeTimeoutMs: number;
}

/** The series of one target. Used by one loop at a time; scrapes never overlap. */
export interface PageSeries extends PageSink {
  /** Begins a page. Every `begin` is followed by a `commit`, or by `release`. */
  begin(timestampMs: number): void;
  /** Samples of the last page, before and after metric relabelling; valid after `commit`. */
  readonly samplesScraped: number;
  readonly samplesPostRelabel: number;
  /**
   * Ends the scrape: on an error the page is rolled back; series that vanished get markers; report series are added. Returns the error that the
   * scrape counts with: the given one, or one that only the whole page shows, such as an exceeded sample limit.
   */
  commit(result: ScrapeResult): { readonly seriesAdded: number; readonly error: ScrapeError | undefined };
  /** From the next page on. Never called between `begin` and `commit`. */
  reconfigure(limits: SeriesLimits): void;
  /** The same target with other provenance, from the next page on. May be called at any time. */
  retarget(target: Target): void;
  /** The target is gone: every series that is followed, and the report series, get a marker. */
  end(timestampMs: number): void;
  /** What `end` would mark, in words that only `untrack` understands. */
  trackedLabels(): ReadonlySet<string>;
  /** These go on elsewhere: `end` will not mark them. */
  untrack(labels: ReadonlySet<string>): void;
  /** What TYPE, HELP and UNIT of the last pages said. */
  metadataEntries(): Iterable<FamilyMetadata>;
  /** Gives back everything it holds. No call may follow. */
  release(): void;
}
