// Where Prometheus 3.x, our measure, differs from the 2.42 that Debian has. This table is the only place where the two may differ.

export interface Difference {
  /** What changed and where it is written down. */
  readonly source: string;
  /** What 3.x sends for the case, `scrape_duration_seconds` aside: series without instance and job, to its samples. */
  readonly since3: Readonly<Record<string, readonly string[]>>;
}

/** What every target sends about `n` scrapes of which each has the given number of samples, and the given number of new series. */
function reports(up: readonly number[], scraped: readonly number[], kept: readonly number[], added: readonly number[]): Record<string, readonly string[]> {
  const numbered = (values: readonly number[]) => values.map((value, i) => `#${i}=${value}`);
  return {
    'up{}': numbered(up),
    'scrape_samples_scraped{}': numbered(scraped),
    'scrape_samples_post_metric_relabeling{}': numbered(kept),
    'scrape_series_added{}': numbered(added),
  };
}

const refusedContentType: Difference['since3'] = { 'a{}': ['#1=2'], ...reports([0, 1], [0, 1], [0, 1], [0, 1]) };

export const differences: Readonly<Record<string, Difference>> = {
  'no-content-type': {
    source: 'Prometheus 3.0 migration guide, scrape protocols: a page without Content-Type fails unless fallback_scrape_protocol is set',
    since3: refusedContentType,
  },
  'html-content-type': {
    source: 'Prometheus 3.0 migration guide, scrape protocols: a page with an unknown Content-Type fails unless fallback_scrape_protocol is set',
    since3: refusedContentType,
  },
  'utf8-names': {
    source: 'Prometheus 3.0 migration guide, UTF-8 names: quoted names are accepted by default',
    since3: { 'a.b{l.m="1"}': ['#0=1', '#1=stale'], 'a{}': ['#1=2'], ...reports([1, 1], [1, 1], [1, 1], [1, 1]) },
  },
  'sample-limit': {
    source:
      'Prometheus 2.42, tsdb/agent: a series first seen in a scrape that is rolled back is never written to the log, its samples are lost and markers of others come without a value; later versions store it',
    since3: {
      'a{}': ['#0=1', '#2=3', '#4=stale', '#5=6'],
      'b{}': ['#0=1', '#2=3', '#4=stale'],
      'c{}': ['#2=3', '#4=stale'],
      ...reports([1, 0, 1, 0, 0, 1], [2, 4, 3, 5, 0, 1], [2, 4, 3, 5, 0, 1], [2, 1, 0, 0, 0, 0]),
    },
  },
  'sample-limit-after-relabelling': {
    source: 'As sample-limit: the marker of a series of which no value was ever sent may be missing',
    since3: { 'a{}': ['#0=1', '#2=3'], 'b{}': ['#0=1', '#2=stale'], ...reports([1, 0, 1], [4, 4, 1], [2, 3, 1], [2, 0, 0]) },
  },
  'text-syntax': {
    source: 'Prometheus tracks what it read before a bad line although it stored nothing of it, and marks it a second time (#3); a marker of a series that is already marked may be missing',
    since3: {
      'a{}': ['#0=1', '#1=stale', '#10=10'],
      'b{x="1"}': ['#0=2', '#1=stale'],
      'c{x="1"}': ['#0=3', '#1=stale'],
      'd{}': ['#0=4', '#1=stale'],
      'e{}': ['#0=5', '#1=stale'],
      'tabs{}': ['#0=1', '#1=stale'],
      ...reports([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [6, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], [6, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], [6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    },
  },
};

/** Jobs where `le` and `quantile` are ordinary labels: their family is neither histogram nor summary. */
const plainJobs = new Set(['le-of-a-gauge']);

/**
 * `le` of classic histograms and `quantile` of summaries as OpenMetrics floats, `1` becoming `1.0`. Source: Prometheus 3.0 changelog and migration guide,
 * "le and quantile label values".
 */
export function floatLabels(told: Readonly<Record<string, readonly string[]>>, job: string): Record<string, readonly string[]> {
  if (plainJobs.has(job)) return { ...told };
  const rewritten = Object.entries(told).map(([series, values]) => [series.replace(/([{,](?:le|quantile)=")([^"]+)"/, (_, before: string, value: string) => `${before}${openMetricsFloat(value)}"`), values] as const);
  return Object.fromEntries(rewritten);
}

function openMetricsFloat(value: string): string {
  if (!/^[0-9.e+-]+$/.test(value)) return value;
  const number = Number(value);
  return Number.isInteger(number) && Math.abs(number) < 1e17 ? `${number}.0` : String(number);
}
