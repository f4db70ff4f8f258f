// What is counted about announced destinations.

import type { Counter, Family, Gauge, Metrics } from '../../telemetry/metrics.ts';
import type { MasterState, SourceState } from './state.ts';

export interface MastersMetrics {
  /** By what happened to a document. */
  readonly changes: Family<Counter>;
  readonly keepErrors: Family<Counter>;
  readonly ignored: Counter;
  show(masters: readonly MasterState[], sources: readonly SourceState[], nowMs: number): void;
}

const STATES: readonly MasterState['state'][] = ['active', 'broken', 'leaving', 'refused'];

export function createMastersMetrics(metrics: Metrics): MastersMetrics {
  const masters = metrics.gauges('tributary_masters', 'Documents that announce destinations: in force (active), in force while a newer one is refused (broken), in their grace (leaving), without a destination (refused).', ['state']);
  const age = metrics.gauges('tributary_masters_config_age_seconds', 'Since the document in force came.', ['destination']);
  const lastError = metrics.gauges('tributary_masters_last_error', 'Whether the document that came last was refused: 1 or 0. Why stands in /api/v1/status/masters.', ['document']);
  const synced = metrics.gauges('tributary_masters_source_synced', 'Whether a source has told all its documents since the start.', ['source']);
  const showAge = follow(age);
  const showError = follow(lastError);
  const showSynced = follow(synced);
  return {
    changes: metrics.counters('tributary_masters_changes_total', 'What happened to documents: announced, changed, refused, removed (the grace begins), returned, parked (the grace is over).', ['change']),
    keepErrors: metrics.counters('tributary_masters_keep_errors_total', 'Last good documents that could not be kept on disk, by reason.', ['reason']),
    ignored: metrics.counter('tributary_masters_ignored_documents_total', 'Documents that were not looked at, because there are too many.'),
    show(all, sources, nowMs) {
      for (const state of STATES) masters.with(state).set(all.filter((master) => master.state === state).length);
      showAge(new Map(all.flatMap(({ destination, sinceMs, state }) => (sinceMs === undefined || state === 'refused' ? [] : [[destination, (nowMs - sinceMs) / 1000] as const]))));
      showError(new Map(all.map(({ document, problems }) => [document, problems.length > 0 ? 1 : 0])));
      showSynced(new Map(sources.map(({ source, isSynced }) => [source, isSynced ? 1 : 0])));
    },
  };
}

/** Sets the children of a family to these and removes those that are gone. */
function follow(family: Family<Gauge>): (values: ReadonlyMap<string, number>) => void {
  let shown: ReadonlySet<string> = new Set();
  return (values) => {
    for (const name of shown) if (!values.has(name)) family.remove(name);
    for (const [name, value] of values) family.with(name).set(value);
    shown = new Set(values.keys());
  };
}
