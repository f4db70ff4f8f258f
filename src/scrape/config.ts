// Settings of one scrape job, complete: globals are already inherited, durations are milliseconds, sizes bytes.
// Source: Prometheus config.ScrapeConfig.

import { absentDiscovery, buildDiscovery, discoveryKeys } from '../../discovery/config.ts';
import type { DiscoverySettings } from '../../discovery/config.ts';
import { checkStatic } from '../../discovery/static/config.ts';
import { compact, filled } from '../config/build.ts';
import { block, fail, key, optional, remark } from '../config/schema.ts';
import type { Block, KeyExtras, Values } from '../config/schema.ts';
import { bool, choice, duration, filePath, float, listOf, mapOf, size, text, uint } from '../config/types.ts';
import { buildHttpClient, checkHttpClient, httpClientKeys } from '../io/http/config.ts';
import type { HttpClientSettings } from '../io/http/config.ts';
import { buildRelabel, relabelBlock } from '../relabel/config.ts';
import type { NameScheme, RelabelSettings } from '../relabel/config.ts';

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

export const textProtocols: readonly ScrapeProtocol[] = ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4'];
export const scrapeProtocols: readonly ScrapeProtocol[] = ['OpenMetricsText0.0.1', 'OpenMetricsText1.0.0', 'PrometheusProto', 'PrometheusText0.0.4', 'PrometheusText1.0.0'];
const escapingSchemes: readonly EscapingScheme[] = ['allow-utf-8', 'underscores', 'dots', 'values'];

const inherits = (name: string): KeyExtras => ({ defaultText: `that of \`global\`, ${name}` });
const noLimit = 'no limit';
const histograms = 'native histograms are not scraped yet: pages are read as text';
const inheritedLimit = { limit: '0 in a job: that of `global`' };

const nameScheme = choice(['', 'utf8', 'legacy'] as const, (value) => `unrecognized ValidationScheme: ${JSON.stringify(value)}`);

/** Limits that stand in `global` and in a job; the job's counts unless it is 0. */
export const limitKeys = {
  body_size_limit: key(size, 0, 'Largest page, after decompression; a page that reaches it fails.', { unit: 'bytes', ...inheritedLimit, defaultText: noLimit }),
  sample_limit: key(uint, 0, 'Most samples of a page after `metric_relabel_configs`.', { ...inheritedLimit, defaultText: noLimit }),
  target_limit: key(uint, 0, 'Most targets of a job; beyond it none is scraped.', { ...inheritedLimit, defaultText: noLimit }),
  label_limit: key(uint, 0, 'Most labels of a sample.', { ...inheritedLimit, defaultText: noLimit }),
  label_name_length_limit: key(uint, 0, 'Longest label name.', { unit: 'bytes', ...inheritedLimit, defaultText: noLimit }),
  label_value_length_limit: key(uint, 0, 'Longest label value.', { unit: 'bytes', ...inheritedLimit, defaultText: noLimit }),
  keep_dropped_targets: key(uint, 0, 'Dropped targets that are kept for the page.', { ...inheritedLimit, defaultText: noLimit }),
};

/** Keys of which an absent or null value means the global one. */
export const scrapeSwitchKeys = {
  scrape_protocols: optional(listOf(text), 'Formats to ask for, in order of preference.', { limit: scrapeProtocols.join(', '), defaultText: textProtocols.join(', ') }),
  scrape_native_histograms: optional(bool, 'Scrape native histograms.', { defaultText: 'false', noEffect: histograms }),
  convert_classic_histograms_to_nhcb: optional(bool, 'Turn classic histograms into native ones.', { defaultText: 'false', noEffect: histograms }),
  always_scrape_classic_histograms: optional(bool, 'Scrape the classic form as well.', { defaultText: 'false', noEffect: 'classic histograms are always scraped' }),
  extra_scrape_metrics: optional(bool, 'Add `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes`.', { defaultText: 'false' }),
  scrape_failure_log_file: key(filePath, '', 'File that every failed scrape is written to, as JSON lines.'),
  metric_name_validation_scheme: key(nameScheme, '', 'Which names are valid: `utf8` or `legacy`.', { defaultText: 'utf8' }),
  metric_name_escaping_scheme: key(text, '', 'How names are asked for that are not plain identifiers.', { limit: escapingSchemes.join(', '), defaultText: 'allow-utf-8; underscores with `legacy`' }),
};

export const scrapeKeys = {
  job_name: key(text, '', 'Name of the job and value of the label `job`.', { limit: 'required, unique' }),
  scrape_interval: key(duration, 0, 'Time between two scrapes of a target.', { unit: 'duration', ...inherits('1m') }),
  scrape_timeout: key(duration, 0, 'Time that a scrape may take.', { unit: 'duration', limit: 'at most scrape_interval', ...inherits('10s, at most scrape_interval') }),
  fallback_scrape_protocol: key(text, '', 'Format of pages without a usable Content-Type.', { limit: scrapeProtocols.join(', ') }),
  honor_labels: key(bool, false, 'Keep the labels of the page where they conflict with those of the target.'),
  honor_timestamps: key(bool, true, 'Use the timestamps of the page.'),
  track_timestamps_staleness: key(bool, false, 'Staleness markers also for series with timestamps of their own.'),
  metrics_path: key(text, '/metrics', 'Path of the page.'),
  scheme: key(text, 'http', 'http or https.'),
  params: key(mapOf(listOf(text)), new Map<string, readonly string[]>(), 'Query parameters.'),
  enable_compression: key(bool, true, 'Ask for gzip.'),
  ...scrapeSwitchKeys,
  ...limitKeys,
  native_histogram_bucket_limit: key(uint, 0, 'Most buckets of a native histogram.', { noEffect: histograms }),
  native_histogram_min_bucket_factor: key(float, 0, 'Smallest growth factor of buckets.', { noEffect: histograms }),
  relabel_configs: key(listOf(relabelBlock, 'empty or null target relabeling rule in scrape config'), [], 'Rules for the labels of targets.'),
  metric_relabel_configs: key(listOf(relabelBlock, 'empty or null metric relabeling rule in scrape config'), [], 'Rules for the labels of samples.'),
  ...discoveryKeys,
  ...httpClientKeys,
};
export type ScrapeBlock = Block<typeof scrapeKeys>;

export const scrapeBlock = block(scrapeKeys, { check: checkScrape, refused: (name) => renamedKey(name) ?? absentDiscovery(name) });

/** Prometheus 2.45 to 2.55 had the key under another name. */
function renamedKey(name: string): string | undefined {
  return name === 'scrape_classic_histograms' ? 'field scrape_classic_histograms not found, since Prometheus 3 it is called always_scrape_classic_histograms' : undefined;
}

/** Checks that need nothing from `global`; the rest is in config/inherit.ts. */
function checkScrape(at: ScrapeBlock): void {
  const { values } = at;
  if (values.job_name === '' && !at.bad.has('job_name')) fail(at, 'job_name', 'job_name is empty, expected a name');
  const fallback = values.fallback_scrape_protocol;
  if (fallback !== '' && !isProtocol(fallback)) {
    fail(at, 'fallback_scrape_protocol', `invalid fallback_scrape_protocol for scrape config with job name ${JSON.stringify(values.job_name)}: ${unknownProtocol(fallback)}`);
  }
  if (fallback === 'PrometheusProto') remark(at, 'fallback_scrape_protocol', 'no_effect', 'protobuf is not scraped yet: without a usable Content-Type the scrape fails');
  checkProtocols(at, `scrape config with job name ${JSON.stringify(values.job_name)}`);
  checkHttpClient(at);
  checkStatic(values.static_configs, values.relabel_configs.length > 0);
}

function isProtocol(name: string): name is ScrapeProtocol {
  return (scrapeProtocols as readonly string[]).includes(name);
}

function unknownProtocol(name: string): string {
  return `unknown scrape protocol ${name}, supported: [${scrapeProtocols.join(' ')}]`;
}

/** Checks `scrape_protocols` of `global` or of a job; `owner` ends the messages as in Prometheus. */
export function checkProtocols(at: Block<typeof scrapeSwitchKeys>, owner: string): void {
  const list = at.values.scrape_protocols;
  if (list === undefined) return;
  if (list.length === 0) fail(at, 'scrape_protocols', `scrape_protocols cannot be empty for ${owner}`);
  for (const name of list) if (!isProtocol(name)) fail(at, 'scrape_protocols', `scrape_protocols: ${unknownProtocol(name)} for ${owner}`);
  if (new Set(list.map((name) => name.toLowerCase())).size < list.length) {
    fail(at, 'scrape_protocols', `duplicated protocol in scrape_protocols, got [${list.join(' ')}] for ${owner}, expected each once`);
  }
  if (list.includes('PrometheusProto')) remark(at, 'scrape_protocols', 'no_effect', 'PrometheusProto is not scraped yet: the text formats are asked for');
}

export function isEscapingScheme(name: string): name is EscapingScheme {
  return (escapingSchemes as readonly string[]).includes(name);
}

/** The protocols that are asked for: the list without protobuf, or the default one when nothing is left. */
function askedProtocols(list: readonly string[] | undefined): readonly ScrapeProtocol[] {
  const text = (list ?? []).filter((name) => isProtocol(name)).filter((name) => name !== 'PrometheusProto');
  return text.length === 0 ? textProtocols : text;
}

/** The settings of a job whose block has inherited what it leaves open (config/inherit.ts). */
export function buildScrape(values: Values<typeof scrapeKeys>): ScrapeSettings {
  const fallback = values.fallback_scrape_protocol;
  return compact({
    jobName: values.job_name,
    scrapeIntervalMs: values.scrape_interval,
    scrapeTimeoutMs: values.scrape_timeout,
    scrapeProtocols: askedProtocols(values.scrape_protocols),
    fallbackScrapeProtocol: isProtocol(fallback) && fallback !== 'PrometheusProto' ? fallback : undefined,
    scrapeNativeHistograms: values.scrape_native_histograms ?? false,
    convertClassicHistogramsToNhcb: values.convert_classic_histograms_to_nhcb ?? false,
    alwaysScrapeClassicHistograms: values.always_scrape_classic_histograms ?? false,
    extraScrapeMetrics: values.extra_scrape_metrics ?? false,
    scrapeFailureLogFile: filled(values.scrape_failure_log_file),
    honorLabels: values.honor_labels,
    honorTimestamps: values.honor_timestamps,
    trackTimestampsStaleness: values.track_timestamps_staleness,
    metricsPath: values.metrics_path,
    scheme: values.scheme,
    params: values.params,
    enableCompression: values.enable_compression,
    bodySizeLimit: Math.max(values.body_size_limit, 0),
    sampleLimit: values.sample_limit,
    targetLimit: values.target_limit,
    labelLimit: values.label_limit,
    labelNameLengthLimit: values.label_name_length_limit,
    labelValueLengthLimit: values.label_value_length_limit,
    keepDroppedTargets: values.keep_dropped_targets,
    nameScheme: values.metric_name_validation_scheme === 'legacy' ? ('legacy' as const) : ('utf8' as const),
    escapingScheme: isEscapingScheme(values.metric_name_escaping_scheme) ? values.metric_name_escaping_scheme : ('allow-utf-8' as const),
    relabel: values.relabel_configs.map(buildRelabel),
    metricRelabel: values.metric_relabel_configs.map(buildRelabel),
    http: buildHttpClient(values),
    discovery: buildDiscovery(values),
  });
}
