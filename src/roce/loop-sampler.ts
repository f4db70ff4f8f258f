// The sampler in TypeScript, for machines without the addon: kept descriptors, read in the event loop every 10 ms or slower. Deadlines are absolute;
// those that passed while the loop was busy are counted and not caught up.

import type { Clock, Timer } from '../io/clock.ts';
import { CounterFile } from './counter-file.ts';
import type { BurstRow, ReductionRules, WindowRow } from './reduction.ts';
import { Reducer } from './reducer.ts';
import type { Channel, Rows, Sampler, SamplerFigures, SamplingRules, SourceFigures } from './sampler.ts';

/** Rows kept for a reader that does not come: the oldest half goes then. */
const rowsMax = 32_768;
/** Durations kept for the quantiles: the last so many. */
const durationsMax = 4096;

class Durations {
  #values: number[] = [];
  #max = 0;
  #next = 0;

  add(ns: number): void {
    this.#values[this.#next % durationsMax] = ns;
    this.#next++;
    this.#max = Math.max(this.#max, ns);
  }

  get max(): number {
    return this.#max;
  }

  quantile(share: number): number {
    const sorted = this.#values.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  }
}

interface LoopCounter {
  readonly file: CounterFile;
  readonly reducer: Reducer;
}

class LoopSource {
  readonly #name: string;
  readonly #counters: LoopCounter[] = [];
  readonly #read = new Durations();
  #reads = 0;
  #failedReadings = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(counter: LoopCounter): void {
    this.#counters.push(counter);
  }

  read(clock: Clock): void {
    const beginMs = clock.monotonicMs();
    for (const { file, reducer } of this.#counters) {
      const fromMs = clock.monotonicMs();
      const value = file.read(fromMs);
      if (value !== undefined) {
        reducer.take(value, fromMs * 1e6, clock.monotonicMs() * 1e6);
        continue;
      }
      this.#failedReadings++;
      reducer.lose();
    }
    this.#read.add((clock.monotonicMs() - beginMs) * 1e6);
    this.#reads++;
  }

  finish(): void {
    for (const { file, reducer } of this.#counters) {
      reducer.finish();
      file.close();
    }
  }

  figures(): SourceFigures {
    const read = this.#read;
    return {
      source: this.#name, reads: this.#reads, failedReadings: this.#failedReadings,
      readP50Ns: read.quantile(0.5), readP99Ns: read.quantile(0.99), readMaxNs: read.max,
    };
  }
}

export class LoopSampler implements Sampler {
  readonly wallOffsetNs: number;
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #sources = new Map<string, LoopSource>();
  readonly #lateness = new Durations();
  #windows: WindowRow[] = [];
  #bursts: BurstRow[] = [];
  #overwritten = 0;
  #ticks = 0;
  #missed = 0;
  #cpuMs = 0;
  #deadlineMs = 0;
  #timer: Timer | undefined;

  constructor(channels: readonly Channel[], rules: SamplingRules, clock: Clock) {
    this.#clock = clock;
    this.#periodMs = rules.periodNs / 1e6;
    this.wallOffsetNs = (clock.nowMs() - clock.monotonicMs()) * 1e6;
    for (const [index, channel] of channels.entries()) this.#add(index, channel, { ...rules, alignNs: this.wallOffsetNs });
  }

  start(): void {
    this.#deadlineMs = this.#clock.monotonicMs();
    this.#schedule();
  }

  stop(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    for (const source of this.#sources.values()) source.finish();
  }

  drain(): Rows & { readonly overwritten: number } {
    const rows = { windows: this.#windows, bursts: this.#bursts, overwritten: this.#overwritten };
    this.#windows = [];
    this.#bursts = [];
    return rows;
  }

  figures(): SamplerFigures {
    return {
      policy: 'loop', ticks: this.#ticks, missed: this.#missed, cpuSeconds: this.#cpuMs / 1000,
      latenessP50Ns: this.#lateness.quantile(0.5), latenessP99Ns: this.#lateness.quantile(0.99), latenessMaxNs: this.#lateness.max,
      sources: [...this.#sources.values()].map((source) => source.figures()),
    };
  }

  #add(index: number, { source: name, path, rules: counter }: Channel, rules: ReductionRules): void {
    const source = this.#sources.get(name) ?? new LoopSource(name);
    this.#sources.set(name, source);
    const sink = { window: (row: WindowRow) => this.#keep(this.#windows, row), burst: (row: BurstRow) => this.#keep(this.#bursts, row) };
    source.add({ file: new CounterFile(path), reducer: new Reducer(index, counter, rules, sink) });
  }

  #keep<T>(rows: T[], row: T): void {
    if (rows.length >= rowsMax) this.#overwritten += rows.splice(0, rowsMax / 2).length;
    rows.push(row);
  }

  #schedule(): void {
    this.#deadlineMs += this.#periodMs;
    this.#timer = this.#clock.after(Math.max(0, this.#deadlineMs - this.#clock.monotonicMs()), () => this.#tick());
  }

  #tick(): void {
    const beginMs = this.#clock.monotonicMs();
    // Timers are whole milliseconds and may fire a little early.
    this.#lateness.add(Math.max(0, beginMs - this.#deadlineMs) * 1e6);
    for (const source of this.#sources.values()) source.read(this.#clock);
    this.#ticks++;
    const endMs = this.#clock.monotonicMs();
    // Nothing here waits, so the time that passed is about the time that was used.
    this.#cpuMs += endMs - beginMs;
    const passed = Math.max(0, Math.floor((endMs - this.#deadlineMs) / this.#periodMs));
    this.#missed += passed;
    this.#deadlineMs += passed * this.#periodMs;
    this.#schedule();
  }
}
