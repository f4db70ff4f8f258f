// The top level of the file, with the sections that belong to no stage: `global`, `runtime`, `tributary`, and the sections of a full
// server, which are checked as far as Prometheus' agent checks them and then left alone.

import { destinationsMap, remoteWriteBlock } from '../destinations/config.ts';
import type { DestinationBlock } from '../destinations/config.ts';
import { mastersBlock } from '../destinations/masters/config.ts';
import { tlsBlock, tlsKeys } from '../io/http/config.ts';
import { kubernetesBlock, kubernetesKeys } from '../kubernetes/config.ts';
import { queueBlock, queueKeys } from '../queue/config.ts';
import { relabelBlock } from '../relabel/config.ts';
import { roceBlock } from '../roce/config.ts';
import { routingBlock } from '../route/config.ts';
import { shardGroupsMap } from '../route/shards/config.ts';
import type { ShardGroupBlock } from '../route/shards/config.ts';
import { checkProtocols, limitKeys, scrapeBlock, scrapeSwitchKeys } from '../scrape/config.ts';
import { shardingBlock, shardingKeys } from '../targets/config.ts';
import { block, defaultBlock, fail, key, optional, remark } from './schema.ts';
import type { Block } from './schema.ts';
import { anything, bool, choice, duration, filePath, float, int, listOf, mapOf, pathPattern, size, text } from './types.ts';

const rulesAbsent = 'rules are not evaluated here';

export const globalKeys = {
  scrape_interval: key(duration, 60_000, 'Time between two scrapes of a target.', { unit: 'duration' }),
  scrape_timeout: key(duration, 0, 'Time that a scrape may take.', { unit: 'duration', limit: 'at most scrape_interval', defaultText: '10s, at most scrape_interval' }),
  ...scrapeSwitchKeys,
  ...limitKeys,
  external_labels: key(mapOf(text), new Map<string, string>(), 'Labels added to everything that is sent, where a series does not have them; `$NAME` and `${NAME}` are taken from the environment, `$$` is `$`.'),
  evaluation_interval: key(duration, 60_000, 'Time between two evaluations of rules.', { unit: 'duration', noEffect: rulesAbsent }),
  rule_query_offset: key(duration, 0, 'Delay of rules.', { unit: 'duration', noEffect: rulesAbsent }),
  query_log_file: key(filePath, '', 'Log of queries.', { noEffect: 'there are no queries here' }),
};
export type GlobalBlock = Block<typeof globalKeys>;

const globalBlock = block(globalKeys, { nullIsDefault: true, check: (at) => checkProtocols(at, 'global config') });

const runtimeKeys = { gogc: key(int, 75, 'Garbage collection of a Go program.', { noEffect: 'this is not a Go program' }) };

const globPath = (what: string) => pathPattern(/^[^*]*(\*[^/]*)?$/, (name) => `invalid ${what} file path ${name}, expected * in the last element only`);

const tributaryKeys = {
  queue: key(queueBlock, defaultBlock(queueKeys), 'Where and how records are kept until they are acknowledged.'),
  destinations: key(destinationsMap, new Map<string, DestinationBlock>(), 'What is known about a destination beyond its `remote_write` entry, by its name.'),
  routing: optional(routingBlock, 'Which series go to which destinations. Without it every destination gets everything that its `write_relabel_configs` keep.'),
  shard_groups: key(shardGroupsMap, new Map<string, ShardGroupBlock>(), 'Destinations that share the series of one storage, by a name that may stand in routes: docs/sharded-storage.md.'),
  masters: optional(mastersBlock, 'Destinations that arrive and leave at run time, announced by documents: docs/masters.md.'),
  kubernetes: key(kubernetesBlock, defaultBlock(kubernetesKeys), 'The API server that Tributary asks for itself.'),
  sharding: key(shardingBlock, defaultBlock(shardingKeys), 'How several collectors share the targets.'),
  roce: optional(roceBlock, 'Counters of RDMA devices and interfaces that are read at this machine, up to a thousand times a second: docs/roce.md. Without it none are.'),
};
export type TributaryBlock = Block<typeof tributaryKeys>;

const alertingKeys = {
  alert_relabel_configs: key(listOf(relabelBlock, 'empty or null alert relabeling rule'), [], 'Rules for alerts.'),
  alertmanagers: key(listOf(anything, 'empty or null alertmanager config'), [], 'Where alerts are sent.'),
};

const retentionKeys = {
  time: key(duration, 0, 'Age of data.', { unit: 'duration' }),
  size: key(size, 0, 'Size of data.', { unit: 'bytes', limit: '0 or more' }),
  percentage: key(float, 0, 'Share of the disk.', { unit: '%', limit: '0 to 100' }),
};

const chunkEncodingKeys = { floats: optional(text, 'Encoding of samples.', { limit: 'xor, xor2' }) };

const tsdbKeys = {
  out_of_order_time_window: key(duration, 0, 'How far back samples may come.', { unit: 'duration' }),
  stale_series_compaction_threshold: key(float, 0, 'Share of stale series that starts a compaction.'),
  chunk_encoding: key(block(chunkEncodingKeys, { check: checkChunkEncoding }), defaultBlock(chunkEncodingKeys), 'Encoding of chunks.'),
  retention: key(block(retentionKeys, { check: checkRetention }), defaultBlock(retentionKeys), 'What is kept.'),
};

function checkChunkEncoding(at: Block<typeof chunkEncodingKeys>): void {
  const { floats } = at.values;
  if (floats === undefined || floats === 'xor' || floats === 'xor2') return;
  fail(at, 'floats', `'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got ${JSON.stringify(floats)}`);
}

function checkRetention(at: Block<typeof retentionKeys>): void {
  if (at.values.size < 0) fail(at, 'size', "'storage.tsdb.retention.size' must be greater than or equal to 0");
  if (!(at.values.percentage >= 0 && at.values.percentage <= 100)) fail(at, 'percentage', "'storage.tsdb.retention.percentage' must be in the range [0, 100]");
}

const exemplarsKeys = { max_exemplars: key(int, 100_000, 'Exemplars kept.') };

const storageKeys = {
  tsdb: optional(block(tsdbKeys), 'The database.'),
  exemplars: optional(block(exemplarsKeys), 'The store of exemplars.'),
};

const tracingHeader = (name: string) => {
  const lower = name.toLowerCase();
  if (lower === 'authorization') return 'custom authorization header configuration is not yet supported';
  return reservedTracingHeaders.has(lower) ? `${name} is a reserved header. It must not be changed` : undefined;
};
const reservedTracingHeaders = new Set([
  'host', 'content-encoding', 'content-length', 'content-type', 'user-agent', 'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'www-authenticate', 'accept-encoding',
  'x-prometheus-remote-write-version', 'x-prometheus-remote-read-version', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256',
]);

const tracingKeys = {
  client_type: key(choice(['grpc', 'http'] as const, (value) => `unknown tracing client type ${JSON.stringify(value)}`), 'grpc', 'Protocol.'),
  endpoint: key(text, '', 'Where spans are sent.', { limit: 'required' }),
  sampling_fraction: key(float, 0, 'Share of requests that are traced.'),
  insecure: key(bool, false, 'No TLS.'),
  tls_config: key(tlsBlock, defaultBlock(tlsKeys), 'TLS towards the endpoint.'),
  headers: key(mapOf(text, tracingHeader), new Map<string, string>(), 'Further headers.'),
  compression: key(choice(['', 'gzip'] as const, (value) => `invalid compression type ${value} provided, valid options: gzip`), '', 'Compression.'),
  timeout: key(duration, 0, 'Time that a request may take.', { unit: 'duration' }),
};

function checkTracing(at: Block<typeof tracingKeys>): void {
  if (at.values.endpoint === '' && !at.bad.has('endpoint')) fail(at, 'endpoint', 'tracing endpoint must be set');
}

const strategies = ['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes', 'NoUTF8EscapingWithSuffixes', 'NoTranslation'] as const;

export const otlpKeys = {
  promote_all_resource_attributes: key(bool, false, 'All resource attributes become labels.'),
  promote_resource_attributes: key(listOf(text), [], 'Resource attributes that become labels.'),
  ignore_resource_attributes: key(listOf(text), [], 'Resource attributes that do not become labels.'),
  translation_strategy: key(choice(strategies, (value) => `unsupported OTLP translation strategy ${JSON.stringify(value)}`), 'UnderscoreEscapingWithSuffixes', 'How names are translated.'),
  keep_identifying_resource_attributes: key(bool, false, 'Keep the attributes that identify a service.'),
  convert_histograms_to_nhcb: key(bool, false, 'Turn histograms into native ones.'),
  promote_scope_metadata: key(bool, false, 'The scope becomes labels.'),
  label_name_underscore_sanitization: key(bool, true, 'Put a prefix before names that begin with an underscore.'),
  label_name_preserve_multiple_underscores: key(bool, true, 'Keep repeated underscores.'),
};
export type OtlpBlock = Block<typeof otlpKeys>;

function checkOtlp(at: OtlpBlock): void {
  const { promote_all_resource_attributes: all, promote_resource_attributes: promoted, ignore_resource_attributes: ignored } = at.values;
  if (all && promoted.length > 0) {
    fail(at, 'promote_resource_attributes', "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously");
  }
  if (!all && ignored.length > 0) {
    fail(at, 'ignore_resource_attributes', "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true");
  }
  checkAttributes(at, 'promote_resource_attributes', promoted, 'promoted');
  checkAttributes(at, 'ignore_resource_attributes', ignored, 'ignored');
}

function checkAttributes(at: OtlpBlock, name: string, attributes: readonly string[], word: string): void {
  const trimmed = attributes.map((attribute) => attribute.trim());
  const wrong: string[] = [];
  for (const [index, attribute] of trimmed.entries()) {
    if (attribute === '') wrong.push(`empty ${word} OTel resource attribute`);
    else if (trimmed.indexOf(attribute) < index) wrong.push(`duplicated ${word} OTel resource attribute ${JSON.stringify(attribute)}`);
  }
  if (wrong.length > 0) fail(at, name, `invalid '${name}': ${wrong.join(', ')}`);
}

export const topKeys = {
  global: key(globalBlock, defaultBlock(globalKeys), 'Defaults of all jobs, and the labels of this collector.'),
  scrape_configs: key(listOf(scrapeBlock, 'empty or null scrape config section'), [], 'Jobs.'),
  scrape_config_files: key(listOf(globPath('scrape config')), [], 'Files with further `scrape_configs`, or patterns with `*` in the last path element.'),
  remote_write: key(listOf(remoteWriteBlock, 'empty or null remote write config section'), [], 'Destinations.'),
  tributary: key(block(tributaryKeys, { nullIsDefault: true }), defaultBlock(tributaryKeys), 'Everything that Prometheus does not know.'),
  runtime: key(block(runtimeKeys, { nullIsDefault: true }), defaultBlock(runtimeKeys), 'Go runtime.'),
  rule_files: key(listOf(globPath('rule')), [], 'Rules: ignored.'),
  alerting: key(block(alertingKeys), defaultBlock(alertingKeys), 'Alerting: ignored.'),
  remote_read: key(listOf(anything, 'empty or null remote read config section'), [], 'Remote read: ignored.'),
  otlp: key(block(otlpKeys, { check: checkOtlp }), defaultBlock(otlpKeys), 'OTLP receiver: checked and ignored.'),
  storage: key(block(storageKeys), defaultBlock(storageKeys), 'Storage of a server: checked and ignored.'),
  tracing: optional(block(tracingKeys, { check: checkTracing }), 'Tracing: checked and ignored.'),
};
export type TopBlock = Block<typeof topKeys>;

export const topBlock = block(topKeys, { nullIsDefault: true, check: checkTop });

/** What a member of `scrape_config_files` may hold. */
export const scrapeFileKeys = { scrape_configs: topKeys.scrape_configs };
export const scrapeFileBlock = block(scrapeFileKeys, { nullIsDefault: true });

const ignoredSections: Readonly<Record<string, string>> = {
  rule_files: rulesAbsent,
  alerting: 'alerts are not sent from here',
  remote_read: 'there are no queries here',
  otlp: 'there is no OTLP receiver in this version',
  storage: 'samples are kept in the queue only: see tributary.queue',
  tracing: 'no spans are sent',
};

function checkTop(at: TopBlock): void {
  for (const [name, why] of Object.entries(ignoredSections)) {
    if (at.explicit.has(name) && !isEmptySection(at.values[name as 'otlp'])) remark(at, name, 'ignored_section', why);
  }
}

function isEmptySection(value: readonly unknown[] | Block<typeof otlpKeys> | undefined): boolean {
  if (value === undefined) return true;
  return Array.isArray(value) ? value.length === 0 : (value as OtlpBlock).explicit.size === 0;
}
