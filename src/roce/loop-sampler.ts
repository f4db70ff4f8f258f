// The sampler in TypeScript, for machines without the addon: kept descriptors, read in the event loop every 10 ms or slower. Deadlines are absolute;
// those that passed while the loop was busy are counted and not caught up.

import assert from 'node:assert/strict';
import type { Clock, Timer } from '../io/clock.ts';

import { Durations } from './durations.ts';
import { LoopSource } from './loop-source.ts';
import { Reducer } from './reducer.ts';
import type { BurstRow, WindowRow } from './reduction.ts';
import { RowStore } from './row-store.ts';
import { loopPeriodNsMin, type Rows, type Sampler, type SamplerFigures, type SamplerPlan } from './sampler.ts';

/** Rows of each kind kept for a reader that does not come. */
const rowsMax = 32_768;

export class LoopSampler implements Sampler {
  readonly wallOffsetNs: number;
  readonly #clock: Clock;
  readonly #tickNs: number;
  readonly #sources: readonly LoopSource[];
  readonly #lateness = new Durations();
  readonly #windows = new RowStore<WindowRow>(rowsMax);
  readonly #bursts = new RowStore<BurstRow>(rowsMax);
  #missed = 0;
  #cpuNs = 0;
  #deadlineNs = 0;
  #timer: Timer | undefined;

  /** Channels are files, and periods below 10 ms become 10 ms. */
  constructor(plan: SamplerPlan, clock: Clock) {
    this.#clock = clock;
    this.#tickNs = Math.max(plan.reduction.periodNs, loopPeriodNsMin);
    this.wallOffsetNs = (clock.nowMs() - clock.monotonicMs()) * 1e6;
    this.#sources = this.#sourcesOf(plan);
  }

  start(): void {
    this.#deadlineNs = this.#nowNs();
    this.#schedule();
  }

  stop(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    for (const source of this.#sources) source.finish();
  }

  drain(): Rows & { readonly produced: number; readonly overwritten: number } {
    return {
      windows: this.#windows.take(), bursts: this.#bursts.take(), captureStarts: [], captures: [],
      produced: this.#windows.produced + this.#bursts.produced, overwritten: this.#windows.overwritten + this.#bursts.overwritten,
    };
  }

  figures(): SamplerFigures {
    const lateness = this.#lateness;
    return {
      policy: 'loop', ticks: lateness.count, missed: this.#missed, cpuSeconds: this.#cpuNs / 1e9,
      latenessP50Ns: lateness.quantile(0.5), latenessP99Ns: lateness.quantile(0.99), latenessMaxNs: lateness.maxNs,
      latenessBuckets: lateness.buckets, latenessSumNs: lateness.sumNs,
      sources: this.#sources.map((source) => source.figures()),
    };
  }

  #sourcesOf({ sources, channels, reduction }: SamplerPlan): LoopSource[] {
    const sink = { window: (row: WindowRow) => this.#windows.add(row), burst: (row: BurstRow) => this.#bursts.add(row) };
    return sources.map((rules) => {
      const periodNs = Math.max(1, Math.ceil(rules.periodNs / this.#tickNs)) * this.#tickNs;
      const source = new LoopSource(rules, periodNs);
      for (const [index, channel] of channels.entries()) {
        if (channel.source !== rules.name) continue;
        assert(channel.place.kind === 'file', `the sampler in TypeScript reads files, and no ${channel.place.kind}`);
        source.add(channel.place.path, new Reducer(index, channel.rules, { ...reduction, periodNs, alignNs: this.wallOffsetNs }, sink));
      }
      return source;
    });
  }

  #nowNs(): number {
    return this.#clock.monotonicMs() * 1e6;
  }

  #schedule(): void {
    this.#deadlineNs += this.#tickNs;
    this.#timer = this.#clock.after(Math.max(0, this.#deadlineNs - this.#nowNs()) / 1e6, () => this.#tick());
  }

  #tick(): void {
    const beginNs = this.#nowNs();
    // Timers are whole milliseconds and may fire a little early.
    this.#lateness.add(Math.max(0, beginNs - this.#deadlineNs));
    for (const source of this.#sources) if (source.isDue(this.#deadlineNs)) source.read(this.#clock, this.#deadlineNs);
    const endNs = this.#nowNs();
    // Nothing here waits, so the time that passed is about the time that was used.
    this.#cpuNs += endNs - beginNs;
    const passed = Math.max(0, Math.floor((endNs - this.#deadlineNs) / this.#tickNs));
    this.#missed += passed;
    this.#deadlineNs += passed * this.#tickNs;
    this.#schedule();
  }
}
