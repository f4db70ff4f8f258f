// The series that tell about a scrape itself. Source: Prometheus scrape/scrape.go, report.

import type { ScrapeError } from '../model/scrape-error.ts';
import type { ScrapeResult } from '../scrape/page-series.ts';

export interface ReportFacts {
  readonly result: ScrapeResult;
  readonly error: ScrapeError | undefined;
  readonly samplesScraped: number;
  readonly samplesPostRelabel: number;
  readonly seriesAdded: number;
  /** extra_scrape_metrics; undefined when it is off. */
  readonly extra: { readonly scrapeTimeoutMs: number; readonly sampleLimit: number } | undefined;
}

/** Their names, in the order of `reportValues`. */
export function reportNames(extra: boolean): string[] {
  const names = ['up', 'scrape_duration_seconds', 'scrape_samples_scraped', 'scrape_samples_post_metric_relabeling', 'scrape_series_added'];
  return extra ? [...names, 'scrape_timeout_seconds', 'scrape_sample_limit', 'scrape_body_size_bytes'] : names;
}

export function reportValues(facts: ReportFacts): number[] {
  const { result, error, extra } = facts;
  const values = [error === undefined ? 1 : 0, result.durationSeconds, facts.samplesScraped, facts.samplesPostRelabel, facts.seriesAdded];
  return extra === undefined ? values : [...values, extra.scrapeTimeoutMs / 1000, extra.sampleLimit, result.bodyBytes];
}

/** Errors that stop a page half way, after some of it was taken; all others mean that there was no page. */
export function isPageError(error: ScrapeError): boolean {
  return error.class === 'parse' || error.class === 'sample_limit' || error.class === 'label_limit' || error.class === 'labels';
}
