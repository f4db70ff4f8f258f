// Metrics of the Kubernetes client: Prometheus' own two, which dashboards know, and ours.

import type { Counter, Family, Metrics } from '../telemetry/metrics.ts';
import type { ReflectorState } from './kubernetes.ts';
import type { Kind } from './objects.ts';
import type { ChangeKind } from './store.ts';

export interface KubernetesMetrics {
  readonly failures: Counter;
  readonly lists: Family<Counter>;
  readonly watchRestarts: Family<Counter>;
  readonly skipped: Family<Counter>;
  event(kind: Kind, change: ChangeKind): void;
  /** Sets the gauges of all reflectors; called before each exposition. */
  show(reflectors: readonly ShownReflector[]): void;
}

export interface ShownReflector {
  readonly state: ReflectorState;
  readonly ageMs: number;
}

/** Kinds that Prometheus counts, by its name of the role. */
const roles: Partial<Record<Kind, string>> = {
  pods: 'pod', services: 'service', endpoints: 'endpoints', endpointslices: 'endpointslice', nodes: 'node', ingresses: 'ingress',
};

export function createKubernetesMetrics(metrics: Metrics): KubernetesMetrics {
  const events = metrics.counters('prometheus_sd_kubernetes_events_total', 'Objects of the API server that appeared, changed or vanished.', ['role', 'event']);
  const labels = ['server', 'kind', 'namespace'];
  const objects = metrics.gauges('tributary_kubernetes_objects', 'Objects kept of the API server.', labels);
  const ages = metrics.gauges('tributary_kubernetes_state_age_seconds', 'Since the state of the objects was last known to be current.', labels);
  const denied = metrics.gauges('tributary_kubernetes_denied', '1 while the API server refuses to list or watch for want of permission.', labels);
  const shown = new Set<string>();
  return {
    failures: metrics.counter('prometheus_sd_kubernetes_failures_total', 'Failed requests to list or watch.'),
    lists: metrics.counters('tributary_kubernetes_lists_total', 'Complete lists that were asked for.', ['kind']),
    watchRestarts: metrics.counters('tributary_kubernetes_watch_restarts_total', 'Watches that were continued where an earlier one had ended.', ['kind']),
    skipped: metrics.counters('tributary_kubernetes_objects_skipped_total', 'Objects of a list that could not be read.', ['kind', 'reason']),
    event(kind, change) {
      const role = roles[kind];
      if (role !== undefined && change !== 'none') events.with(role, change).inc();
    },
    show(reflectors) {
      const rows = joinRows(reflectors);
      for (const key of shown) if (!rows.has(key)) for (const family of [objects, ages, denied]) family.remove(...key.split('\n'));
      shown.clear();
      for (const [key, row] of rows) {
        shown.add(key);
        const values = key.split('\n');
        objects.with(...values).set(row.objects);
        ages.with(...values).set(row.ageMs / 1000);
        denied.with(...values).set(row.isDenied ? 1 : 0);
      }
    },
  };
}

interface Row {
  readonly objects: number;
  readonly ageMs: number;
  readonly isDenied: boolean;
}

/** Reflectors that differ only in their field selector are one row: all objects, the oldest state. */
function joinRows(reflectors: readonly ShownReflector[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const { state, ageMs } of reflectors) {
    const key = `${state.server}\n${state.kind}\n${state.namespace}`;
    const row = rows.get(key) ?? { objects: 0, ageMs: 0, isDenied: false };
    rows.set(key, { objects: row.objects + state.objects, ageMs: Math.max(row.ageMs, ageMs), isDenied: row.isDenied || state.isDenied });
  }
  return rows;
}
