// One sampler at work, with the plan that it was made from. What it counted and showed is passed on as its rows are fetched.

import type { Clock } from '../io/clock.ts';
import { LoopSampler } from './loop-sampler.ts';
import { createNativeSampler, type NativeAddon } from './native-sampler.ts';
import type { RocePlan } from './plan.ts';
import type { RoceMetrics, RowCounts } from './roce-metrics.ts';
import type { Rows, Sampler, SamplerFigures } from './sampler.ts';
import { RoceWatch } from './state.ts';

export type Native = { readonly addon: NativeAddon } | { readonly reason: string };

export class RunningSampler {
  readonly plan: RocePlan;
  readonly watch: RoceWatch;
  readonly #sampler: Sampler;
  readonly #metrics: RoceMetrics;
  readonly #failed = new Map<string, number>();
  #rows: RowCounts = { produced: 0, read: 0, overwritten: 0 };

  /** Starts it. Throws what the native sampler throws when it does not take the plan. */
  constructor(plan: RocePlan, native: Native, clock: Clock, metrics: RoceMetrics) {
    this.plan = plan;
    this.watch = new RoceWatch(plan);
    this.#metrics = metrics;
    this.#sampler = 'addon' in native ? createNativeSampler(native.addon, plan.sampler) : new LoopSampler(plan.sampler, clock);
    this.#sampler.start();
    metrics.begin(plan, 'addon' in native ? 'native' : 'typescript');
  }

  get wallOffsetNs(): number {
    return this.#sampler.wallOffsetNs;
  }

  get rowCounts(): RowCounts {
    return this.#rows;
  }

  figures(): SamplerFigures {
    return this.#sampler.figures();
  }

  /** Readings of each source that gave no number since the last call. */
  newFailures(): { readonly source: string; readonly failed: number }[] {
    return this.figures().sources.map(({ source, failedReadings }) => {
      const failed = failedReadings - (this.#failed.get(source) ?? 0);
      this.#failed.set(source, failedReadings);
      return { source, failed };
    });
  }

  drain(): Rows {
    const { produced, overwritten, ...rows } = this.#sampler.drain();
    const count = rows.windows.length + rows.bursts.length + rows.captureStarts.length + rows.captures.length;
    this.#rows = { produced, read: this.#rows.read + count, overwritten };
    this.watch.captures += rows.captureStarts.length;
    for (const row of rows.windows) {
      this.#metrics.window(row);
      const refreshNs = this.watch.take(row);
      const planned = this.plan.channels[row.channel];
      if (refreshNs !== undefined && planned !== undefined) this.#metrics.refresh(planned, refreshNs / 1e9);
    }
    return rows;
  }

  /** The rows that were left, with those of windows that were open. */
  stop(): Rows {
    this.#sampler.stop();
    const rows = this.drain();
    this.#metrics.show(this.figures(), this.#rows);
    this.#metrics.end();
    return rows;
  }
}
