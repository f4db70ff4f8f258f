// A job with Prometheus' defaults, and pieces of configuration for the tests of targets and scraping.

import { targetGroup } from '../../../../discovery/discovery.ts';
import type { TargetGroup } from '../../../../discovery/discovery.ts';
import { Feed } from '../../../../discovery/feed.ts';
import { defaultHttpClientSettings } from '../../../../src/io/http/config.ts';
import type { RelabelSettings } from '../../../../src/relabel/config.ts';
import type { ScrapeSettings } from '../../../../src/scrape/config.ts';
import type { Scraper } from '../../../../src/scrape/scraper.ts';

export function job(changes: Partial<ScrapeSettings> = {}): ScrapeSettings {
  return {
    jobName: 'test',
    scrapeIntervalMs: 10_000,
    scrapeTimeoutMs: 10_000,
    scrapeProtocols: ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4'],
    scrapeNativeHistograms: false,
    convertClassicHistogramsToNhcb: false,
    alwaysScrapeClassicHistograms: false,
    extraScrapeMetrics: false,
    honorLabels: false,
    honorTimestamps: true,
    trackTimestampsStaleness: false,
    metricsPath: '/metrics',
    scheme: 'http',
    params: new Map(),
    enableCompression: true,
    bodySizeLimit: 0,
    sampleLimit: 0,
    targetLimit: 0,
    labelLimit: 0,
    labelNameLengthLimit: 0,
    labelValueLengthLimit: 0,
    keepDroppedTargets: 0,
    nameScheme: 'utf8',
    escapingScheme: 'allow-utf-8',
    relabel: [],
    metricRelabel: [],
    http: defaultHttpClientSettings,
    discovery: [],
    ...changes,
  };
}

export function rule(changes: Partial<RelabelSettings>): RelabelSettings {
  return { action: 'replace', sourceLabels: [], separator: ';', regex: '(.*)', modulus: 0n, targetLabel: '', replacement: '$1', if: [], ...changes };
}

export function group(addresses: readonly string[], labels: Record<string, string> = {}, source = 'static/0'): TargetGroup {
  return targetGroup(source, addresses.map((address) => new Map([['__address__', address]])), new Map(Object.entries(labels)));
}

/** Discovery of one job with one feed: each call says all groups there are. */
export function discoveryOf(scraper: Scraper, jobName = 'test'): (groups: readonly TargetGroup[]) => void {
  const feed = new Feed();
  let isAttached = false;
  return (groups) => {
    const told = new Set(groups.map(({ source }) => source));
    const gone = [...feed.entries.keys()].filter((source) => !told.has(source)).map((source) => targetGroup(source, []));
    const changed = feed.apply([...gone, ...groups]);
    if (isAttached) scraper.change(feed, changed);
    else scraper.setFeeds(jobName, [feed]);
    isAttached = true;
  };
}
