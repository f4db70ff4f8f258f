// The line from page to queue without network and schedule: synthetic pages go through the real page reader and the real series stage
// into any stream. A few distinct pages of a kind are rendered once per scrape and shared by its targets, as the page server does
// it; every target has labels, and therefore an image, of its own.

import { createPageReader } from '../../../src/exposition/page-reader.ts';
import { systemRandom } from '../../../src/io/random.ts';
import { sortLabels } from '../../../src/model/labels.ts';
import type { RecordInput, SamplesInput, Stream } from '../../../src/queue/queue.ts';
import type { ScrapeSettings } from '../../../src/scrape/config.ts';
import type { PageSeries } from '../../../src/scrape/page-series.ts';
import { createSeriesStage } from '../../../src/series/stage.ts';
import type { SeriesStage } from '../../../src/series/stage.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { cadvisorPage, kubeStatePage, nodeExporterPage } from '../pages.ts';
import type { Page } from '../pages.ts';
import { CADVISOR_SERIES, KUBE_SERIES } from './page-server.ts';

export type Kind = 'kube' | 'cadvisor' | 'node';

/** Targets of each kind. */
export type Mix = Readonly<Record<Kind, number>>;

export const kinds: readonly Kind[] = ['kube', 'cadvisor', 'node'];
export const largeMix: Mix = { kube: 28, cadvisor: 28, node: 40 };
export const nodeMix: Mix = { kube: 0, cadvisor: 0, node: 200 };

const makePage: Readonly<Record<Kind, (seed: number) => Page>> = {
  kube: (seed) => kubeStatePage(KUBE_SERIES, seed),
  cadvisor: (seed) => cadvisorPage(CADVISOR_SERIES, seed),
  node: (seed) => nodeExporterPage(seed),
};

/** Settings that the series stage reads, with the defaults of Prometheus. */
export const inProcessSettings: ScrapeSettings = {
  jobName: 'bench', scrapeIntervalMs: 10_000, scrapeTimeoutMs: 10_000, scrapeProtocols: ['PrometheusText0.0.4'], scrapeNativeHistograms: false,
  convertClassicHistogramsToNhcb: false, alwaysScrapeClassicHistograms: false, extraScrapeMetrics: false, honorLabels: false, honorTimestamps: true,
  trackTimestampsStaleness: false, metricsPath: '/metrics', scheme: 'http', params: new Map(), enableCompression: true, bodySizeLimit: 0,
  sampleLimit: 0, targetLimit: 0, labelLimit: 0, labelNameLengthLimit: 0, labelValueLengthLimit: 0, keepDroppedTargets: 0, nameScheme: 'utf8',
  escapingScheme: 'allow-utf-8', relabel: [], metricRelabel: [], discovery: [],
  // Nothing is fetched here.
  http: {} as ScrapeSettings['http'],
};

interface Source {
  /** Which of the rendered pages it serves. */
  readonly page: number;
  scrape(body: Buffer, timestampMs: number): void;
}

export interface Inside {
  /** Samples of one scrape of all targets, report series included. */
  readonly samplesPerScrape: number;
  readonly targets: number;
  readonly distinctPages: number;
  /** One scrape of every target; calls `between` after each. Pages change afterwards. */
  scrape(timestampMs: number, between?: () => Promise<void>): Promise<void>;
}

/** Opens the targets of a mix with at most `distinctMax` different pages of a kind. */
export function openInside(mix: Mix, distinctMax: number, stream: Stream): Inside {
  let nowMs = 0;
  const stage = openStage(stream, () => nowMs);
  const pages: Page[] = [];
  const sources: Source[] = [];
  for (const kind of kinds) {
    const distinct = Math.min(distinctMax, mix[kind]);
    const first = pages.length;
    for (let i = 0; i < distinct; i++) pages.push(makePage[kind](1000 + i));
    for (let i = 0; i < mix[kind]; i++) sources.push(openSource(stage.open(targetOf(kind, i), inProcessSettings), first + (i % distinct)));
  }
  return {
    targets: sources.length,
    distinctPages: pages.length,
    samplesPerScrape: sources.reduce((sum, source) => sum + pages[source.page]!.seriesCount + REPORT_SERIES, 0),
    async scrape(timestampMs, between) {
      nowMs = timestampMs;
      const bodies = pages.map((page) => page.render());
      for (const source of sources) {
        source.scrape(bodies[source.page]!, timestampMs);
        await between?.();
      }
    },
  };
}

function openStage(stream: Stream, nowMs: () => number): SeriesStage {
  const stage = createSeriesStage({ random: systemRandom, metrics: createMetrics(), nowMs });
  stage.configure({ destinations: [{ stream, writeRelabel: [], sendExemplars: false }], externalLabels: new Map([['cluster', 'bench']]) });
  return stage;
}

/** Gives the pages of one target to a stream, ten seconds apart. */
export function readPages(bodies: readonly Buffer[], stream: Stream): void {
  const startMs = 1_760_000_000_000;
  const source = openSource(openStage(stream, () => startMs + bodies.length * 10_000).open(targetOf('node', 0), inProcessSettings), 0);
  for (const [i, body] of bodies.entries()) source.scrape(body, startMs + i * 10_000);
}

/** up, scrape_duration_seconds, scrape_samples_scraped, scrape_samples_post_metric_relabeling, scrape_series_added. */
const REPORT_SERIES = 5;

function openSource(series: PageSeries, page: number): Source {
  const reader = createPageReader('text', series);
  return {
    page,
    scrape(body, timestampMs) {
      const startedMs = performance.now();
      series.begin(timestampMs);
      reader.reset();
      reader.feed(body);
      reader.finish();
      series.commit({ timestampMs, error: undefined, durationSeconds: (performance.now() - startedMs) / 1000, bodyBytes: body.length });
    },
  };
}

function targetOf(kind: Kind, index: number) {
  const labels = new Map([['job', kind], ['instance', `${kind}-${index}`]]);
  return {
    key: `${kind}/${index}`,
    job: kind,
    labels: sortLabels(labels),
    discoveredLabels: labels,
    provenance: new Map<string, string>(),
    url: `http://127.0.0.1/${kind}/${index}`,
    scrapeIntervalMs: 10_000,
    scrapeTimeoutMs: 10_000,
  };
}

/** A stream that gives everything to `take` and keeps nothing. */
export function catchRecords(take: (record: SamplesInput) => void): Stream {
  const unused = () => {
    throw new Error('this stream only takes');
  };
  const append = (records: readonly RecordInput[]) => {
    for (const record of records) if (record.type === 'samples') take(record);
  };
  return { name: 'bench', append, appendNow: unused, refuses: unused, read: unused, settle: unused, quarantine: unused, onRecord: unused, count: unused, state: unused };
}
