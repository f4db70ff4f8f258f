// What the series stage counts, over all targets.

import type { UnroutedReason } from '../route/route.ts';
import type { Counter, Metrics } from '../telemetry/metrics.ts';

/**
 * Why samples of a page are not appended. `scrape_failed`: the page broke off or broke a limit, so all of it is rolled back. `metric_relabel`,
 * `write_relabel`: a rule drops the series. `same_labels`: rules or the page itself gave several series one label set, and another one's value stands there.
 */
export type SeriesDropReason = 'duplicate' | 'out_of_order' | 'out_of_bounds' | 'scrape_failed' | 'metric_relabel' | 'write_relabel' | 'same_labels';

/** Owners without a destination that are counted by their names. Labels of pods and names of namespaces are others' to choose, and a counter stays as long as the process. */
export const OWNERS_MAX = 1000;
/** Stands for the rest; no label of a pod has such a value. */
const OTHER_OWNERS = '(others)';

export interface SeriesMetrics {
  dropped(reason: SeriesDropReason, samples: number): void;
  /** Samples that routes take nowhere, or not to the owner. */
  unrouted(reason: UnroutedReason, owner: string, samples: number): void;
  moved(series: number): void;
  /** How the wait of a series for its pod ended. */
  unresolved(outcome: 'resolved' | 'by_namespace' | 'no_room'): void;
  added(series: number): void;
  removed(series: number): void;
  markers(series: number): void;
  exemplarsDropped(reason: 'too_long' | 'out_of_order' | 'out_of_bounds', exemplars: number): void;
  flushedByForce(): void;
}

export function createSeriesMetrics(metrics: Metrics): SeriesMetrics {
  const owners = new Set<string>();
  const countedOwner = (owner: string): string => {
    if (owner !== '' && owners.size < OWNERS_MAX) owners.add(owner);
    return owner === '' || owners.has(owner) ? owner : OTHER_OWNERS;
  };
  const dropped = metrics.counters(
    'tributary_series_samples_dropped_total',
    'Samples read from pages, or pushed, that were not appended, by reason; write_relabel and same_labels count copies per destination.',
    ['reason'],
  );
  const unrouted = metrics.counters('tributary_route_unrouted_samples_total', 'Samples that routes took nowhere, or not to their owner, by reason; with the owner that has no destination: `(others)` beyond 1,000 of them.', ['reason', 'owner']);
  const moved = metrics.counter('tributary_route_moved_series_total', 'Series whose destinations changed while they were scraped.');
  const unresolved = metrics.counters('tributary_route_unresolved_series_total', 'Series whose pod was not known when they came, by how that ended: the pod became known in time, the namespace decided, or it did so at once because too many waited.', ['outcome']);
  const added = metrics.counter('tributary_series_added_total', 'Series that were new to their target.');
  const removed = metrics.counter('tributary_series_removed_total', 'Series that left the cache of their target.');
  const markers = metrics.counter('tributary_series_staleness_markers_total', 'Staleness markers written for vanished series.');
  const exemplars = metrics.counters('tributary_series_exemplars_dropped_total', 'Exemplars not sent, by reason.', ['reason']);
  const flushes = metrics.counter(
    'prometheus_target_scrapes_cache_flush_forced_total',
    'How many times a series cache was emptied because scrapes kept failing.',
  );
  const duplicates = metrics.counter(
    'prometheus_target_scrapes_sample_duplicate_timestamp_total',
    'Samples rejected because of a duplicate timestamp.',
  );
  const outOfOrder = metrics.counter('prometheus_target_scrapes_sample_out_of_order_total', 'Samples rejected because they are out of order.');
  const outOfBounds = metrics.counter(
    'prometheus_target_scrapes_sample_out_of_bounds_total',
    'Samples rejected because their timestamp is too far ahead.',
  );
  const asPrometheus: Partial<Record<SeriesDropReason, Counter>> = {
    duplicate: duplicates,
    out_of_order: outOfOrder,
    out_of_bounds: outOfBounds,
  };
  return {
    dropped(reason, samples) {
      if (samples === 0) return;
      dropped.with(reason).inc(samples);
      asPrometheus[reason]?.inc(samples);
    },
    unrouted: (reason, owner, samples) => void (samples > 0 && unrouted.with(reason, countedOwner(owner)).inc(samples)),
    moved: (series) => moved.inc(series),
    unresolved: (outcome) => unresolved.with(outcome).inc(),
    added: (series) => added.inc(series),
    removed: (series) => removed.inc(series),
    markers: (series) => markers.inc(series),
    exemplarsDropped: (reason, count) => exemplars.with(reason).inc(count),
    flushedByForce: () => flushes.inc(),
  };
}
