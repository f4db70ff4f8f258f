// A source of the sampler in TypeScript: files that are read one after the other with kept descriptors, each reading reduced at once.

import type { Clock } from '../io/clock.ts';
import { CounterFile } from './counter-file.ts';
import { Durations } from './durations.ts';
import type { Reducer } from './reducer.ts';
import type { SourceFigures, SourceRules } from './sampler.ts';

interface LoopCounter {
  readonly file: CounterFile;
  readonly reducer: Reducer;
}

export class LoopSource {
  readonly #name: string;
  readonly #periodNs: number;
  readonly #counters: LoopCounter[] = [];
  readonly #read = new Durations();
  #dueNs = -Infinity;
  #failedReadings = 0;

  /** `periodNs` is a whole number of ticks. */
  constructor({ name }: SourceRules, periodNs: number) {
    this.#name = name;
    this.#periodNs = periodNs;
  }

  add(path: string, reducer: Reducer): void {
    this.#counters.push({ file: new CounterFile(path), reducer });
  }

  isDue(deadlineNs: number): boolean {
    return deadlineNs >= this.#dueNs;
  }

  /** Reads all counters, and is due again a period after `deadlineNs`. */
  read(clock: Clock, deadlineNs: number): void {
    this.#dueNs = deadlineNs + this.#periodNs;
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
      source: this.#name, reads: read.count, failedReadings: this.#failedReadings, periodNs: this.#periodNs,
      readP50Ns: read.quantile(0.5), readP99Ns: read.quantile(0.99), readMaxNs: read.maxNs, readBuckets: read.buckets, readSumNs: read.sumNs,
    };
  }
}
