// The owner index alone: memory for 50,000 pods, the time of an answer, and of taking a first state and a snapshot. A part of `npm run bench -- route`, and a
// benchmark of its own.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../src/io/clock.ts';
import { namespaceRule } from '../../src/owners/by-namespace.ts';
import { PodIndex } from '../../src/owners/pod-index.ts';
import type { PodFact } from '../../src/owners/pod-index.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/owners/snapshot.ts';
import { atMost, type Bar } from './queue-disk.ts';
import { sleepMs } from './support/process.ts';

const PODS = 50_000;
const OWNERS = 14;
const NODES = 500;
const NAMESPACES = 200;
const LOOKUPS = 1_000_000;
const MEMORY_MAX_MB = 15;
const MB = 1024 * 1024;
const SETTLE_TURNS = 5;
const SETTLE_MS = 50;

/** What the index holds is heap and buffers, names of pods included; half of the pods were asked for by name and by uid. */
export type OwnersFigures = Readonly<Record<
  'owners_index_mb' | 'owners_bytes_per_pod' | 'owners_lookup_us' | 'owners_fill_ms' | 'owners_snapshot_mb' | 'owners_snapshot_encode_ms' | 'owners_restore_ms', number
>>;

/** Collects garbage, whether or not node was started with --expose-gc. */
export function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** What is to be told in the next turn holds the index; and buffers that nobody holds are given back beside the program, some time after they were found. */
async function settle(gc: () => void): Promise<void> {
  for (let i = 0; i < SETTLE_TURNS; i++) {
    await nextTurn();
    gc();
    await sleepMs(SETTLE_MS);
  }
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A pod as a decoder makes it: its strings are its own, but for what is interned there. */
function fact(i: number): PodFact {
  return {
    namespace: `hero-user-${i % NAMESPACES}`,
    name: `train-job-${i % 977}-worker-${String(i).padStart(6, '0')}-x7k2p`,
    uid: `0b6c1f4e-9c2b-4a53-8d57-${i.toString(16).padStart(12, '0')}`,
    owner: owners[i % OWNERS]!,
    node: nodes[i % NODES]!,
    isRunning: true,
  };
}

const owners = Array.from({ length: OWNERS }, (_, i) => `master-${i}`);
const nodes = Array.from({ length: NODES }, (_, i) => `node-${i}`);

function open(): PodIndex {
  return new PodIndex({
    clock: systemClock, hasPods: true, hasNodes: true, ruleOf: namespaceRule('hero-user-(.+)'), followsLabels: false, tombstoneMs: 600_000, waitMs: 15_000,
    counters: { told: () => undefined, refused: () => undefined },
  });
}

function timed<T>(work: () => T): { result: T; ms: number } {
  const from = performance.now();
  const result = work();
  return { result, ms: performance.now() - from };
}

function fill(): PodIndex {
  const index = open();
  for (let i = 0; i < PODS; i++) index.set(fact(i));
  return index;
}

function ask(index: PodIndex): void {
  for (let i = 0; i < PODS; i += 2) {
    const { namespace, name, uid } = fact(i);
    index.pod(namespace, name);
    index.pod(namespace, name, uid);
  }
}

/** Looks up names that are there, in an order that no cache foresees. */
function lookupMicros(index: PodIndex): number {
  const asked = Array.from({ length: 1000 }, (_, i) => fact((i * 7919) % PODS));
  let found = 0;
  const { ms } = timed(() => {
    for (let i = 0; i < LOOKUPS; i++) {
      const { namespace, name } = asked[i % asked.length]!;
      if (index.owner(index.pod(namespace, name)) !== undefined) found++;
    }
  });
  if (found !== LOOKUPS) throw new Error(`${found} of ${LOOKUPS} lookups had an owner`);
  return (ms * 1000) / LOOKUPS;
}

export async function measureOwners(): Promise<OwnersFigures> {
  const gc = collector();
  fill().stop();
  await settle(gc);
  const before = used();
  const { result: index, ms: fillMs } = timed(fill);
  ask(index);
  await settle(gc);
  const bytes = used() - before;
  const micros = lookupMicros(index);
  const { result: snapshot, ms: encodeMs } = timed(() => encodeSnapshot({ writtenAtMs: 0, podLabel: 'cluster_id', pods: [...index.kept()] }));
  const { ms: restoreMs } = timed(() => {
    const decoded = decodeSnapshot(snapshot);
    if ('reason' in decoded) throw new Error(decoded.text);
    const again = open();
    again.restore(decoded.pods);
    again.stop();
  });
  index.stop();
  return {
    owners_index_mb: bytes / MB,
    owners_bytes_per_pod: bytes / PODS,
    owners_lookup_us: micros,
    owners_fill_ms: fillMs,
    owners_snapshot_mb: snapshot.length / MB,
    owners_snapshot_encode_ms: encodeMs,
    owners_restore_ms: restoreMs,
  };
}

export function ownersBars({ owners_index_mb: megabytes }: OwnersFigures): Bar[] {
  return [atMost('owner index of 50,000 pods, MB', megabytes, MEMORY_MAX_MB)];
}

export async function run(): Promise<{ table: string[]; figures: OwnersFigures; bars: Bar[] }> {
  const figures = await measureOwners();
  const table = Object.entries(figures).map(([name, value]) => `${name.padEnd(28)} ${value.toFixed(2)}`);
  return { table, figures, bars: ownersBars(figures) };
}
