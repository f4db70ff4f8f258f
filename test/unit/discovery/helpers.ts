// What the discovery tests share: dependencies of a provider, a clock that counts its timers, and a sink whose calls can be awaited.

import { createDiscoveryMetrics } from '../../../discovery/metrics.ts';
import type { TargetGroup } from '../../../discovery/discovery.ts';
import type { ProviderDependencies } from '../../../discovery/provider.ts';
import { systemClock } from '../../../src/io/clock.ts';
import type { Clock } from '../../../src/io/clock.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import type { Metrics } from '../../../src/telemetry/metrics.ts';
import { MemoryCluster } from '../../support/kubernetes/memory-cluster.ts';

/** The system's clock, with the number of timers that are set. */
export function countingClock(): Clock & { timers(): number } {
  let timers = 0;
  return {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs(),
    timers: () => timers,
    after(delayMs, callback) {
      timers++;
      let set = true;
      const clear = () => {
        if (set) timers--;
        set = false;
      };
      const timer = systemClock.after(delayMs, () => {
        clear();
        callback();
      });
      return { cancel: () => (clear(), timer.cancel()) };
    },
  };
}

/** A clock that stands still until it is told to go on. */
export function manualClock(): Clock & { advance(ms: number): void } {
  let nowMs = 1_700_000_000_000;
  let timers: { atMs: number; callback: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((t) => t !== timer)) };
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const next = timers.filter((t) => t.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        timers = timers.filter((t) => t !== next);
        nowMs = next.atMs;
        next.callback();
      }
      nowMs = untilMs;
    },
  };
}

export function dependencies(clock: Clock, metrics: Metrics = createMetrics()): ProviderDependencies {
  return { clock, metrics: createDiscoveryMetrics(metrics), random: seededRandom(1), logger: silentLogger, job: 'job', userAgent: 'Test/1', kubernetes: new MemoryCluster() };
}

export interface Calls {
  readonly sink: (groups: readonly TargetGroup[]) => void;
  /** The groups of the next call that was not asked for yet. */
  next(): Promise<readonly TargetGroup[]>;
  readonly waiting: readonly (readonly TargetGroup[])[];
}

export function calls(): Calls {
  const waiting: (readonly TargetGroup[])[] = [];
  let wake: () => void = () => undefined;
  return {
    waiting,
    sink(groups) {
      waiting.push(groups);
      wake();
    },
    async next() {
      while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return waiting.shift()!;
    },
  };
}

/** Groups as `source: address, address`, in order of the source. */
export function shown(groups: readonly TargetGroup[]): string[] {
  return groups.map((g) => `${g.source}: ${g.targets.map((t) => t.get('__address__')).join(', ')}`).sort();
}

/** Waits for a condition that real files, sockets or timers bring about. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
