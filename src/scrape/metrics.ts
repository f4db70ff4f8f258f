// The scrape stage's own metrics, declared once, and the `prometheus_target_*` names that dashboards rely on.

import type { ScrapeErrorClass } from '../model/scrape-error.ts';
import type { Counter, Family, Gauge, Histogram, Metrics } from '../telemetry/metrics.ts';

export interface ScrapeMetrics {
  readonly scrapes: Counter;
  readonly failures: Family<Counter>;
  readonly ticksSkipped: Counter;
  readonly ticksBlocked: Counter;
  readonly samples: Counter;
  readonly bodyBytes: Counter;
  readonly wireBytes: Counter;
  readonly duration: Histogram;
  readonly inFlight: Gauge;
  readonly droppedTargets: Family<Gauge>;
  readonly leftTargets: Family<Gauge>;
  readonly failureLogErrors: Counter;
  readonly intervalLength: Family<Histogram>;
  readonly pools: Counter;
  readonly poolsFailed: Counter;
  readonly poolReloads: Counter;
  readonly poolReloadsFailed: Counter;
  readonly poolSyncs: Family<Counter>;
  readonly poolTargets: Family<Gauge>;
  readonly poolTargetLimit: Family<Gauge>;
  readonly syncFailed: Family<Counter>;
  readonly syncLength: Family<Histogram>;
  readonly exceededTargetLimit: Counter;
  readonly exceeded: Readonly<Partial<Record<ScrapeErrorClass, Counter>>>;
}

const DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 10, 30];
const INTERVAL_BUCKETS = [0.1, 1, 5, 10, 15, 30, 60, 120, 300];
const SYNC_BUCKETS = [0.001, 0.01, 0.1, 1, 10];

export function declareScrapeMetrics(metrics: Metrics): ScrapeMetrics {
  return {
    scrapes: metrics.counter('tributary_scrape_scrapes_total', 'Scrapes that ended, good or failed.'),
    failures: metrics.counters('tributary_scrape_failures_total', 'Scrapes that failed, by class of error.', ['class']),
    ticksSkipped: metrics.counter(
      'tributary_scrape_ticks_skipped_total',
      'Scrapes that were due and not started, because the one before was still running or the process was busy.',
    ),
    ticksBlocked: metrics.counter('tributary_scrape_ticks_blocked_total', 'Scrapes that were due and not started, because a destination with `overflow: block` has no room.'),
    samples: metrics.counter('tributary_scrape_samples_total', 'Samples read from pages, before metric relabelling.'),
    bodyBytes: metrics.counter('tributary_scrape_body_bytes_total', 'Bytes of page bodies after decompression.'),
    wireBytes: metrics.counter('tributary_scrape_wire_bytes_total', 'Bytes of page bodies as received.'),
    duration: metrics.histogram('tributary_scrape_duration_seconds', 'Time from the start of a scrape until its page was taken in.', DURATION_BUCKETS),
    inFlight: metrics.gauge('tributary_scrape_in_flight', 'Scrapes running now.'),
    droppedTargets: metrics.gauges('tributary_targets_dropped', 'Discovered targets that relabelling dropped.', ['scrape_job']),
    leftTargets: metrics.gauges('tributary_targets_left_to_members', 'Targets that other members of `tributary.sharding` scrape.', ['scrape_job']),
    failureLogErrors: metrics.counter('tributary_scrape_failure_log_lost_total', 'Lines of scrape_failure_log_file that could not be written.'),
    intervalLength: metrics.histograms(
      'prometheus_target_interval_length_seconds', 'Actual intervals between scrapes.', ['interval'], INTERVAL_BUCKETS),
    ...declarePoolMetrics(metrics),
    exceeded: {
      sample_limit: metrics.counter('prometheus_target_scrapes_exceeded_sample_limit_total', 'Scrapes that hit the sample limit.'),
      body_size: metrics.counter('prometheus_target_scrapes_exceeded_body_size_limit_total', 'Scrapes that hit the body size limit.'),
      label_limit: metrics.counter('prometheus_target_scrape_pool_exceeded_label_limits_total', 'Scrapes that hit one of the label limits.'),
    },
  };
}

function declarePoolMetrics(metrics: Metrics) {
  return {
    pools: metrics.counter('prometheus_target_scrape_pools_total', 'Scrape pools that were to be created.'),
    poolsFailed: metrics.counter('prometheus_target_scrape_pools_failed_total', 'Scrape pools whose HTTP client could not be created.'),
    poolReloads: metrics.counter('prometheus_target_scrape_pool_reloads_total', 'Reloads of scrape pools.'),
    poolReloadsFailed: metrics.counter('prometheus_target_scrape_pool_reloads_failed_total', 'Reloads of scrape pools whose HTTP client could not be created.'),
    poolSyncs: metrics.counters('prometheus_target_scrape_pool_sync_total', 'Times the targets of a scrape pool were compared with discovery.', ['scrape_job']),
    poolTargets: metrics.gauges('prometheus_target_scrape_pool_targets', 'Active targets of a scrape pool.', ['scrape_job']),
    poolTargetLimit: metrics.gauges('prometheus_target_scrape_pool_target_limit', 'Most targets a scrape pool may have; 0 is no limit.', ['scrape_job']),
    syncFailed: metrics.counters('prometheus_target_sync_failed_total', 'Discovered targets that could not be built.', ['scrape_job']),
    syncLength: metrics.histograms('prometheus_target_sync_length_seconds', 'Time to bring a scrape pool in line with discovery.', ['scrape_job'], SYNC_BUCKETS),
    exceededTargetLimit: metrics.counter('prometheus_target_scrape_pool_exceeded_target_limit_total', 'Times a scrape pool hit its target limit.'),
  };
}
