// The newest timestamp sent of every series, to tell samples that are out of order. Only kept once a sample came with a timestamp of its own:
// without those, scrapes follow one another.

import { grown } from './key-table.ts';
import { MARKER, VALUE } from './scratch.ts';
import type { Scratch } from './scratch.ts';

/** Series that left whose newest timestamp is remembered, per target; more than an ordinary page of samples with timestamps loses at once. */
const LEFT_MAX = 4096;

export interface TimedSample {
  readonly id: number;
  readonly timestampMs: number;
}

export class NewestTimestamps {
  #newestMs: Float64Array | undefined;
  /** By label set for series that left: one that comes back with an older timestamp is out of order, as in Prometheus. */
  readonly #leftMs = new Map<string, number>();

  get isKept(): boolean {
    return this.#newestMs !== undefined;
  }

  /** Begins to keep them. `initial` tells what was newest so far. */
  keep(capacity: number, initial: (id: number) => number): void {
    if (this.#newestMs !== undefined) return;
    this.#newestMs = Float64Array.from({ length: capacity }, (_, id) => initial(id));
  }

  grow(capacity: number): void {
    if (this.#newestMs !== undefined) this.#newestMs = grown(this.#newestMs, new Float64Array(capacity).fill(-Infinity));
  }

  /** -Infinity when nothing is known. */
  of(id: number): number {
    return this.#newestMs === undefined ? -Infinity : this.#newestMs[id]!;
  }

  /** An id begins to stand for the series with these labels. */
  begin(id: number, labelKey: () => string): void {
    if (this.#newestMs !== undefined) this.#newestMs[id] = this.#leftMs.get(labelKey()) ?? -Infinity;
  }

  /** The series of this id leaves. */
  leave(id: number, labelKey: () => string): void {
    const newestMs = this.of(id);
    if (newestMs === -Infinity) return;
    const oldest = this.#leftMs.size < LEFT_MAX ? undefined : this.#leftMs.keys().next().value;
    if (oldest !== undefined) this.#leftMs.delete(oldest);
    this.#leftMs.set(labelKey(), newestMs);
  }

  /** Takes note of what went out. */
  note(scratch: Scratch, extras: readonly TimedSample[], timestampMs: number, used: number): void {
    const newest = this.#newestMs;
    if (newest === undefined) return;
    for (let id = 0; id < used; id++) {
      const state = scratch.seen[id];
      if (state !== VALUE && state !== MARKER) continue;
      const own = scratch.timestampsMs?.[id];
      newest[id] = Math.max(newest[id]!, own === undefined || Number.isNaN(own) ? timestampMs : own);
    }
    for (const extra of extras) newest[extra.id] = Math.max(newest[extra.id]!, extra.timestampMs);
  }
}
