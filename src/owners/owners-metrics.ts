// Metrics of the owner index.

import type { Metrics } from '../telemetry/metrics.ts';
import type { OwnersState } from './create-owner-index.ts';
import type { IndexCounters } from './pod-index.ts';
import type { SnapshotFailure } from './snapshot-file.ts';

/** Owners with a series of their own: a label of pods may have any number of values. */
const OWNERS_SHOWN_MAX = 1000;

export interface OwnersMetrics extends IndexCounters {
  snapshotFailed(reason: SnapshotFailure): void;
  /** Sets the gauges; undefined: there is no index. Called before each exposition. */
  show(state: OwnersState | undefined): void;
}

export function createOwnersMetrics(metrics: Metrics): OwnersMetrics {
  const pods = metrics.gauge('tributary_owners_pods', 'Pods that the owner index knows.');
  const tombstones = metrics.gauge('tributary_owners_tombstones', 'Pods that are gone and whose owner is still kept.');
  const unresolved = metrics.gauge('tributary_owners_unresolved', 'Pods that series name, and of which the API server has not told yet.');
  const absent = metrics.gauge('tributary_owners_absent', 'Pods that series name, and that do not exist.');
  const complete = metrics.gauge('tributary_owners_complete', '1 once the API server has told of all pods.');
  const owned = metrics.gauges('tributary_owners_owner_pods', 'Pods of an owner; the thousand first owners by name.', ['owner']);
  const told = metrics.counter('tributary_owners_changes_total', 'Answers about pods and nodes that changed after routing had asked for them.');
  const refused = metrics.counters('tributary_owners_refused_total', 'Pods, names and nodes that the owner index could not keep, and tombstones that went early.', ['limit']);
  const failures = metrics.counters('tributary_owners_snapshot_failures_total', 'Snapshots of the owner index that could not be used or written.', ['reason']);
  const shown = new Set<string>();
  return {
    told: (entries) => told.inc(entries),
    refused: (limit) => refused.with(limit).inc(),
    snapshotFailed: (reason) => failures.with(reason).inc(),
    show(state) {
      pods.set(state?.pods ?? 0);
      tombstones.set(state?.tombstones ?? 0);
      unresolved.set(state?.unresolved ?? 0);
      absent.set(state?.absent ?? 0);
      complete.set(state?.isComplete === true ? 1 : 0);
      const owners = (state?.owners ?? []).slice(0, OWNERS_SHOWN_MAX);
      const names = new Set(owners.map(({ owner }) => owner));
      for (const owner of shown) if (!names.has(owner)) owned.remove(owner);
      shown.clear();
      for (const one of owners) owned.with(one.owner).set(one.pods);
      for (const name of names) shown.add(name);
    },
  };
}
