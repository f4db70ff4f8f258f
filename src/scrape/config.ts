// Settings of one scrape job, complete: globals are already inherited, durations are milliseconds, sizes bytes.
// Source: Prometheus config.ScrapeConfig.

import type { HttpClientSettings } from '../io/http/config.ts';
import type { NameScheme, RelabelSettings } from '../relabel/config.ts';
import type { DiscoverySettings } from '../../discovery/config.ts';

export type ScrapeProtocol =
  | 'PrometheusProto' | 'OpenMetricsText0.0.1' | 'OpenMetricsText1.0.0' | 'PrometheusText0.0.4' | 'PrometheusText1.0.0';
export type EscapingScheme = 'allow-utf-8' | 'underscores' | 'dots' | 'values';

export interface ScrapeSettings {
  readonly jobName: string;
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
  /** In order of preference; never contains PrometheusProto, which has no effect yet. */
  readonly scrapeProtocols: readonly ScrapeProtocol[];
  readonly fallbackScrapeProtocol?: ScrapeProtocol;
  readonly scrapeNativeHistograms: boolean;
  readonly convertClassicHistogramsToNhcb: boolean;
  readonly alwaysScrapeClassicHistograms: boolean;
  readonly extraScrapeMetrics: boolean;
  readonly scrapeFailureLogFile?: string;
  readonly honorLabels: boolean;
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  readonly metricsPath: string;
  readonly scheme: string;
  readonly params: ReadonlyMap<string, readonly string[]>;
  readonly enableCompression: boolean;
  /** Bytes after decompression; 0 = no limit. The other limits are counts or bytes of one name or value; 0 = no limit. */
  readonly bodySizeLimit: number;
  readonly sampleLimit: number;
  readonly targetLimit: number;
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
  /** Dropped targets kept for the page; 0 = all. */
  readonly keepDroppedTargets: number;
  readonly nameScheme: NameScheme;
  readonly escapingScheme: EscapingScheme;
  readonly relabel: readonly RelabelSettings[];
  readonly metricRelabel: readonly RelabelSettings[];
  readonly http: HttpClientSettings;
  readonly discovery: readonly DiscoverySettings[];
}
