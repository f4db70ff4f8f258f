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

/** What became of the samples of one scrape before write rules, and how many that were: see Tally in queue/queue.ts. */
export interface ScrapeCounts {
  readonly scraped: number;
  readonly failed: number;
  readonly relabelled: number;
  readonly limited: number;
}

/** Of the page, as far as it was read and is not forgotten: samples, those that rules left, and of these those that were refused. */
export interface PageCounts {
  readonly scraped: number;
  readonly postRelabel: number;
  readonly refused: number;
  /** Samples read of pages that count as never read, this one or earlier ones. */
  readonly forgotten: number;
  /** Staleness markers put. */
  readonly markers: number;
}

/** Of a page that is rolled back all samples go, for one reason. */
export function scrapeCounts(page: PageCounts, reports: number, error: ScrapeError | undefined): ScrapeCounts {
  const read = page.scraped + page.forgotten;
  const scraped = read + page.markers + reports;
  if (error === undefined) return { scraped, failed: page.refused + page.forgotten, relabelled: page.scraped - page.postRelabel, limited: 0 };
  return isLimit(error) ? { scraped, failed: 0, relabelled: 0, limited: read } : { scraped, failed: read, relabelled: 0, limited: 0 };
}

function isLimit(error: ScrapeError): boolean {
  return error.class === 'sample_limit' || error.class === 'label_limit' || error.class === 'body_size' || error.class === 'target_limit';
}
