// An owner index with everything behind it: the watch that feeds it and the snapshot that outlives the process.

import { join } from 'node:path';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { ApiServer } from '../kubernetes/kubernetes.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createNamespaceOwners, namespaceRule } from './by-namespace.ts';
import type { OwnerIndex } from './owners.ts';
import type { OwnersMetrics } from './owners-metrics.ts';
import type { OwnersPlan } from './plan.ts';
import { PodIndex } from './pod-index.ts';
import { SnapshotFile } from './snapshot-file.ts';
import { watchPods } from './watch.ts';
import type { PodKind } from './watch.ts';

export interface OwnersDeps {
  /** The folder of the snapshot; it exists. */
  readonly path: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: OwnersMetrics;
}

/** For `/api/v1/status/owners` and the page. */
export interface OwnersState {
  /** What is watched; `namespaces`: nothing, the rule over namespaces is enough. */
  readonly source: PodKind | 'namespaces';
  /** The API server has told of all pods, or nothing is watched. */
  readonly isComplete: boolean;
  readonly pods: number;
  readonly tombstones: number;
  readonly unresolved: number;
  readonly absent: number;
  /** By name; only owners of pods, which are known where pods are watched. */
  readonly owners: readonly { readonly owner: string; readonly pods: number; readonly tombstones: number }[];
}

export interface RunningOwners {
  readonly index: OwnerIndex;
  /** Reads the snapshot, so that answers are there when it returns, and begins to watch. `api` is needed where the plan watches something. */
  start(api: ApiServer | undefined): void;
  /** Writes the snapshot, for an index that takes over. */
  save(): void;
  /** Writes the snapshot and ends the watch. The index answers on, and changes no more. */
  stop(): void;
  state(): OwnersState;
}

const SNAPSHOT_FILE = 'owners.snapshot';

/** Fails with REGEX_INVALID for a pattern that was not checked. */
export function createOwnerIndex(plan: OwnersPlan, deps: OwnersDeps): RunningOwners {
  return plan.kind === undefined ? ownersByNamespace(plan) : ownersByPods({ ...plan, kind: plan.kind }, deps);
}

function ownersByNamespace({ namespace }: OwnersPlan): RunningOwners {
  return {
    index: createNamespaceOwners(namespaceRule(namespace)),
    start: () => undefined,
    save: () => undefined,
    stop: () => undefined,
    state: () => ({ source: 'namespaces', isComplete: true, pods: 0, tombstones: 0, unresolved: 0, absent: 0, owners: [] }),
  };
}

function ownersByPods({ podLabel = '', namespace, kind, followsLabels, tombstoneMs, waitMs }: OwnersPlan & { readonly kind: PodKind }, deps: OwnersDeps): RunningOwners {
  const { path, disk, clock, logger, metrics } = deps;
  const index = new PodIndex({
    clock, followsLabels, tombstoneMs, waitMs,
    hasPods: podLabel !== '',
    hasNodes: kind === 'pods',
    ruleOf: namespaceRule(namespace),
    counters: metrics,
  });
  const file = new SnapshotFile({ path: join(path, SNAPSHOT_FILE), podLabel, disk, clock, logger, countFailure: (reason) => metrics.snapshotFailed(reason) });
  let endWatch: (() => void) | undefined;
  return {
    index,
    start(api) {
      index.restore(file.read());
      file.follow(index);
      if (api !== undefined) endWatch = watchPods({ api, kind, podLabel, sink: index });
    },
    save: () => file.save(index),
    stop() {
      endWatch?.();
      file.close(index);
      index.stop();
    },
    state: () => ({
      source: kind,
      isComplete: index.isComplete,
      ...index.counts(),
      owners: index.owned().map(({ name, pods, tombstones }) => ({ owner: name, pods, tombstones })),
    }),
  };
}
