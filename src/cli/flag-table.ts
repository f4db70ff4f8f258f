// Every command-line flag, once: name, kind, default and sentence. Parser, help text and `/api/v1/status/flags` follow from this table.
// Names, defaults and meanings are Prometheus' (agent mode of 3.x, and what a manifest of 2.x may still have). Flags without a `use` belong to
// the full server or to its own storage: they are accepted, so that a manifest starts unchanged, and a warning names them.

/** `list` may be repeated; every other flag may be given once. */
export type FlagKind = 'string' | 'boolean' | 'duration' | 'integer' | 'list';

export interface FlagDeclaration {
  readonly name: string;
  readonly kind: FlagKind;
  /** As text, as `/api/v1/status/flags` shows it. */
  readonly default: string;
  /** One sentence for the help text; absent where the flag has no effect here. */
  readonly use?: string;
  readonly choices?: readonly string[];
}

export const flagTable = [
  { name: 'config.file', kind: 'string', default: 'prometheus.yml', use: 'Configuration file; may be gzipped, as the Prometheus operator writes it.' },
  { name: 'config.auto-reload', kind: 'boolean', default: 'false', use: 'Accepted for the manifests of Prometheus; changed configuration files are always noticed.' },
  { name: 'web.listen-address', kind: 'list', default: '0.0.0.0:9090', use: 'Address of the page, the API and /metrics; may be repeated.' },
  { name: 'web.config.file', kind: 'string', default: '', use: 'File with TLS, users and tokens of the web server; a change of it needs no reload.' },
  { name: 'web.enable-lifecycle', kind: 'boolean', default: 'false', use: 'Allow POST /-/reload and POST /-/quit.' },
  { name: 'web.enable-remote-write-receiver', kind: 'boolean', default: 'false', use: 'Take what others push with remote write to /api/v1/write.' },
  { name: 'web.external-url', kind: 'string', default: '', use: 'URL under which this collector is reached from outside.' },
  { name: 'web.route-prefix', kind: 'string', default: '', use: 'Prefix of all paths; the path of --web.external-url by default.' },
  { name: 'web.page-title', kind: 'string', default: 'Tributary', use: 'Title of the page.' },
  { name: 'web.read-timeout', kind: 'duration', default: '5m', use: 'Longest time to read a request, and to keep an idle connection.' },
  { name: 'web.max-connections', kind: 'integer', default: '512', use: 'Connections served at once, per listen address.' },
  { name: 'web.cors.origin', kind: 'string', default: '.*', use: 'Anchored regular expression for origins that may read the API.' },
  { name: 'storage.agent.path', kind: 'string', default: 'data-agent/', use: 'Folder of the queue.' },
  { name: 'storage.remote.flush-deadline', kind: 'duration', default: '1m', use: 'Longest time to deliver what is pending at a graceful stop; the rest stays on disk.' },
  { name: 'enable-feature', kind: 'list', default: '', use: 'Comma-separated features of Prometheus; may be repeated. extra-scrape-metrics and auto-reload-config act here.' },
  { name: 'log.level', kind: 'string', default: 'info', choices: ['debug', 'info', 'warn', 'error'], use: 'Least level of messages that are logged.' },
  { name: 'log.format', kind: 'string', default: 'logfmt', choices: ['logfmt', 'json'], use: 'Format of log lines.' },
  { name: 'agent', kind: 'boolean', default: 'true', use: 'Accepted for the manifests of Prometheus; this collector is always an agent.' },
  { name: 'version', kind: 'boolean', default: 'false', use: 'Print the version and exit.' },
  { name: 'help', kind: 'boolean', default: 'false', use: 'Print this text and exit.' },

  { name: 'auto-gomaxprocs', kind: 'boolean', default: 'true' },
  { name: 'auto-gomemlimit', kind: 'boolean', default: 'true' },
  { name: 'auto-gomemlimit.ratio', kind: 'string', default: '0.9' },
  { name: 'alertmanager.drain-notification-queue-on-shutdown', kind: 'boolean', default: 'true' },
  { name: 'alertmanager.notification-batch-size', kind: 'integer', default: '256' },
  { name: 'alertmanager.notification-queue-capacity', kind: 'integer', default: '10000' },
  { name: 'alertmanager.timeout', kind: 'duration', default: '10s' },
  { name: 'config.auto-reload-interval', kind: 'duration', default: '30s' },
  { name: 'query.lookback-delta', kind: 'duration', default: '5m' },
  { name: 'query.max-concurrency', kind: 'integer', default: '20' },
  { name: 'query.max-samples', kind: 'integer', default: '50000000' },
  { name: 'query.timeout', kind: 'duration', default: '2m' },
  { name: 'rules.alert.for-grace-period', kind: 'duration', default: '10m' },
  { name: 'rules.alert.for-outage-tolerance', kind: 'duration', default: '1h' },
  { name: 'rules.alert.resend-delay', kind: 'duration', default: '1m' },
  { name: 'rules.max-concurrent-evals', kind: 'integer', default: '4' },
  { name: 'scrape.adjust-timestamps', kind: 'boolean', default: 'true' },
  { name: 'scrape.discovery-reload-interval', kind: 'duration', default: '5s' },
  { name: 'scrape.name-escaping-scheme', kind: 'string', default: 'values' },
  { name: 'scrape.timestamp-tolerance', kind: 'duration', default: '2ms' },
  { name: 'storage.agent.checkpoint-batch-size', kind: 'integer', default: '1000' },
  { name: 'storage.agent.checkpoint-from-in-memory-series', kind: 'boolean', default: 'false' },
  { name: 'storage.agent.no-lockfile', kind: 'boolean', default: 'false' },
  { name: 'storage.agent.retention.max-time', kind: 'duration', default: '4h' },
  { name: 'storage.agent.retention.min-time', kind: 'duration', default: '5m' },
  { name: 'storage.agent.wal-compression', kind: 'boolean', default: 'true' },
  { name: 'storage.agent.wal-compression-type', kind: 'string', default: 'snappy' },
  { name: 'storage.agent.wal-segment-size', kind: 'string', default: '' },
  { name: 'storage.agent.wal-truncate-frequency', kind: 'duration', default: '2h' },
  { name: 'storage.remote.read-concurrent-limit', kind: 'integer', default: '10' },
  { name: 'storage.remote.read-max-bytes-in-frame', kind: 'string', default: '1048576' },
  { name: 'storage.remote.read-sample-limit', kind: 'integer', default: '50000000' },
  { name: 'storage.tsdb.allow-overlapping-blocks', kind: 'boolean', default: 'true' },
  { name: 'storage.tsdb.delay-compact-file.path', kind: 'string', default: '' },
  { name: 'storage.tsdb.head-chunks-write-queue-size', kind: 'integer', default: '0' },
  { name: 'storage.tsdb.max-block-chunk-segment-size', kind: 'string', default: '' },
  { name: 'storage.tsdb.max-block-duration', kind: 'duration', default: '0s' },
  { name: 'storage.tsdb.min-block-duration', kind: 'duration', default: '2h' },
  { name: 'storage.tsdb.no-lockfile', kind: 'boolean', default: 'false' },
  { name: 'storage.tsdb.path', kind: 'string', default: 'data/' },
  { name: 'storage.tsdb.retention', kind: 'duration', default: '0s' },
  { name: 'storage.tsdb.retention.size', kind: 'string', default: '' },
  { name: 'storage.tsdb.retention.time', kind: 'duration', default: '0s' },
  { name: 'storage.tsdb.samples-per-chunk', kind: 'integer', default: '120' },
  { name: 'storage.tsdb.wal-compression', kind: 'boolean', default: 'true' },
  { name: 'storage.tsdb.wal-compression-type', kind: 'string', default: 'snappy' },
  { name: 'storage.tsdb.wal-segment-size', kind: 'string', default: '' },
  { name: 'web.console.libraries', kind: 'string', default: 'console_libraries' },
  { name: 'web.console.templates', kind: 'string', default: 'consoles' },
  { name: 'web.enable-admin-api', kind: 'boolean', default: 'false' },
  { name: 'web.enable-otlp-receiver', kind: 'boolean', default: 'false' },
  { name: 'web.max-notifications-subscribers', kind: 'integer', default: '16' },
  { name: 'web.remote-write-receiver.accepted-protobuf-messages', kind: 'list', default: 'prometheus.WriteRequest,io.prometheus.write.v2.Request' },
  { name: 'web.user-assets', kind: 'string', default: '' },
] as const satisfies readonly FlagDeclaration[];

export type FlagName = (typeof flagTable)[number]['name'];

/** Features of Prometheus that act here; the others are named in a warning. */
export const activeFeatures: ReadonlySet<string> = new Set(['extra-scrape-metrics', 'auto-reload-config']);
