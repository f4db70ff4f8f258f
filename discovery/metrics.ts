// Metrics of discovery, under the names that dashboards for Prometheus use.

import type { Counter, Family, Gauge, Metrics } from '../src/telemetry/metrics.ts';

export interface DiscoveryMetrics {
  readonly discoveredTargets: Family<Gauge>;
  readonly lastUpdate: Family<Gauge>;
  readonly receivedUpdates: Counter;
  readonly updates: Counter;
  readonly delayedUpdates: Counter;
  readonly refreshFailures: Family<Counter>;
  readonly fileReadErrors: Counter;
  readonly fileWatcherErrors: Counter;
  readonly httpFailures: Counter;
}

/** `name` is always `scrape`: there is no alerting here whose discovery would be told apart. */
export function createDiscoveryMetrics(metrics: Metrics): DiscoveryMetrics {
  const perJob = ['name', 'config'];
  const counter = (name: string, help: string) => metrics.counters(`prometheus_sd_${name}`, help, ['name']).with('scrape');
  return {
    discoveredTargets: metrics.gauges('prometheus_sd_discovered_targets', 'Targets that discovery has found, before relabelling.', perJob),
    lastUpdate: metrics.gauges('prometheus_sd_last_update_timestamp_seconds', 'When targets were last passed on, seconds since the epoch.', perJob),
    receivedUpdates: counter('received_updates_total', 'Changes received from providers.'),
    updates: counter('updates_total', 'Changed sets of targets passed on.'),
    delayedUpdates: counter('updates_delayed_total', 'Changes that waited to be passed on together with others.'),
    refreshFailures: metrics.counters('prometheus_sd_refresh_failures_total', 'Failed refreshes; the targets known before are kept.', ['mechanism', 'config']),
    fileReadErrors: metrics.counter('prometheus_sd_file_read_errors_total', 'Files that could not be read or are broken.'),
    fileWatcherErrors: metrics.counter('prometheus_sd_file_watcher_errors_total', 'Folders that could not be watched.'),
    httpFailures: metrics.counter('prometheus_sd_http_failures_total', 'Failed requests for target groups.'),
  };
}
