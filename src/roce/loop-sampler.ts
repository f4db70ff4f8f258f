// The sampler in TypeScript, for machines without the addon: kept descriptors, read in the event loop every 10 ms or slower. Deadlines lie on a grid of ticks;
// those that passed while the loop was busy are counted and not caught up, but for the last one of a source that is read more seldom, and between them nothing runs.

import assert from 'node:assert/strict';
import type { Clock, Timer } from '../io/clock.ts';
import { CounterFile, type CounterReader } from './counter-file.ts';
import { Recorder, type CaptureSink } from './capture.ts';
import { Durations } from './durations.ts';
import { LoopSource } from './loop-source.ts';
import { PortEvents } from './port-events.ts';
import { Reducer, type Recording, type RowSink } from './reducer.ts';
import { windowRowNumbers, type BurstRow, type CaptureRow, type CaptureStart, type WindowRow } from './reduction.ts';
import { RowStore } from './row-store.ts';
import type { Channel, Rows, Sampler, SamplerFigures, SamplerPlan, SourceRules } from './sampler.ts';

/** Windows that wait for a reader: of so long, and at least so many a channel. */
const keptNs = 120e9;
const windowsPerChannelMin = 3;
/** Rows of each other kind. */
const rowsMax = 32_768;

export class LoopSampler implements Sampler {
  readonly wallOffsetNs: number;
  readonly #plan: SamplerPlan;
  readonly #clock: Clock;
  readonly #open: (path: string) => CounterReader;
  readonly #tickNs: number;
  readonly #sources: readonly LoopSource[];
  readonly #events = new PortEvents();
  readonly #lateness = new Durations();
  readonly #windows: RowStore<WindowRow>;
  readonly #bursts = new RowStore<BurstRow>(rowsMax);
  readonly #captureStarts = new RowStore<CaptureStart>(rowsMax);
  readonly #captures = new RowStore<CaptureRow>(rowsMax);
  /** By port. */
  readonly #recorders = new Map<number, Recorder>();
  #missed = 0;
  #cpuNs = 0;
  #gridNs = 0;
  #timer: Timer | undefined;

  /** Channels are files. The event loop keeps up with ticks of `loopPeriodNsMin` or more; whoever plans heeds that. `open` is the files' seam. */
  constructor(plan: SamplerPlan, clock: Clock, open: (path: string) => CounterReader = (path) => new CounterFile(path)) {
    this.#plan = plan;
    this.#clock = clock;
    this.#open = open;
    this.#tickNs = plan.reduction.periodNs;
    this.wallOffsetNs = (clock.nowMs() - clock.monotonicMs()) * 1e6;
    this.#windows = new RowStore(windowsKept(plan));
    const sink: RowSink & CaptureSink = {
      window: (row) => this.#windows.add(row), burst: (row) => this.#bursts.add(row),
      captureStart: (row) => this.#captureStarts.add(row), capture: (row) => this.#captures.add(row),
    };
    this.#sources = plan.sources.map((rules) => this.#sourceOf(rules, sink));
  }

  start(): void {
    this.#gridNs = this.#nowNs();
    for (const source of this.#sources) source.dueNs = this.#gridNs + this.#tickNs;
    this.#schedule();
  }

  stop(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    for (const source of this.#sources) source.finish();
  }

  drain(): Rows & { readonly produced: number; readonly overwritten: number } {
    const stores = [this.#windows, this.#bursts, this.#captureStarts, this.#captures];
    return {
      windows: this.#windows.take(), bursts: this.#bursts.take(), captureStarts: this.#captureStarts.take(), captures: this.#captures.take(),
      produced: stores.reduce((sum, { produced }) => sum + produced, 0), overwritten: stores.reduce((sum, { overwritten }) => sum + overwritten, 0),
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

  #sourceOf(rules: SourceRules, sink: RowSink & CaptureSink): LoopSource {
    const source = new LoopSource(rules, this.#tickNs);
    const reduction = { ...this.#plan.reduction, periodNs: source.periodNs, alignNs: this.wallOffsetNs };
    for (const [index, channel] of this.#plan.channels.entries()) {
      if (channel.source !== rules.name) continue;
      assert(channel.place.kind === 'file', `the sampler in TypeScript reads files, and no ${channel.place.kind}`);
      source.add(this.#open(channel.place.path), channel, new Reducer(index, channel.rules, reduction, sink, this.#recordingOf(index, channel, rules, sink)));
    }
    return source;
  }

  /** A capture keeps what its counters did at the shortest of their periods. */
  #recordingOf(index: number, { port, isEvent, isCaptured, rules }: Channel, { periodNs, escalatedPeriodNs }: SourceRules, sink: CaptureSink): Recording | undefined {
    if (this.#plan.capture === undefined) return undefined;
    const recorder = this.#recorders.get(port) ?? new Recorder(port, this.#plan.capture, sink);
    this.#recorders.set(port, recorder);
    const shortestNs = Math.max(this.#tickNs, Math.min(periodNs, escalatedPeriodNs));
    return { recorder, isEvent, place: isCaptured ? recorder.add(index, shortestNs, rules.lineRate > 0) : undefined };
  }

  #nowNs(): number {
    return this.#clock.monotonicMs() * 1e6;
  }

  #schedule(): void {
    if (this.#sources.length === 0) return;
    const deadlineNs = Math.min(...this.#sources.map(({ dueNs }) => dueNs));
    this.#timer = this.#clock.after(Math.max(0, deadlineNs - this.#nowNs()) / 1e6, () => this.#tick(deadlineNs));
  }

  #tick(deadlineNs: number): void {
    const beginNs = this.#nowNs();
    // Timers are whole milliseconds and may fire a little early.
    this.#lateness.add(Math.max(0, beginNs - deadlineNs));
    const context = { clock: this.#clock, events: this.#events };
    // Sums of periods are not exact to the nanosecond.
    for (const source of this.#sources) if (source.dueNs <= deadlineNs + this.#tickNs / 2) source.read(deadlineNs, context);
    const endNs = this.#nowNs();
    // Nothing here waits, so the time that passed is about the time that was used.
    this.#cpuNs += endNs - beginNs;
    const nextNs = this.#gridNs + (Math.floor((endNs - this.#gridNs) / this.#tickNs) + 1) * this.#tickNs;
    for (const source of this.#sources) source.heed(this.#events, endNs, nextNs);
    // Of the source that is read most often: the deadlines of the others are among its own.
    this.#missed += Math.max(...this.#sources.map((source) => source.skipUntil(endNs, nextNs)));
    this.#schedule();
  }
}

/** Of all channels together. */
function windowsKept({ channels, reduction, ringBytes }: SamplerPlan): number {
  const wanted = (Math.ceil(keptNs / reduction.windowNs) + 1) * channels.length;
  return Math.max(1, windowsPerChannelMin * channels.length, Math.min(wanted, Math.floor(ringBytes / (windowRowNumbers * 8))));
}
