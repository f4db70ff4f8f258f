// What the oracle has kept: for every series its samples in the order of arrival, 16 bytes each, or with `countsOnly` five numbers a series.

import type { FlatRequest } from './flat-request.ts';

/** One series. With `countsOnly` the arrays stay empty. */
export interface KeptSeries {
  count: number;
  timesMs: Float64Array;
  /** Low and high half of each value. */
  bits: Uint32Array;
  oldestMs: number;
  newestMs: number;
  /** Arrivals whose timestamp was not above all earlier ones: 0 and no missing count means that each came once and in order. */
  notAscending: number;
}

const FIRST_ROOM = 8;

export class SampleStore {
  readonly #series: (KeptSeries | undefined)[] = [];
  readonly #countsOnly: boolean;
  samples = 0;

  constructor(countsOnly: boolean) {
    this.#countsOnly = countsOnly;
  }

  get(id: number): KeptSeries | undefined {
    return this.#series[id];
  }

  /** Ids of the series that have samples. */
  *ids(): Generator<number> {
    for (let id = 0; id < this.#series.length; id++) if (this.#series[id] !== undefined) yield id;
  }

  /** Keeps the samples of a request whose `reasons` are 0; all without `reasons`. */
  add(request: FlatRequest, reasons: Uint8Array | undefined): void {
    const { series, timesMs, bits } = request;
    for (let i = 0; i < request.samples; i++) {
      if (reasons !== undefined && reasons[i] !== 0) continue;
      this.#add(series[i]!, timesMs[i]!, bits[2 * i]!, bits[2 * i + 1]!);
    }
  }

  #add(id: number, timeMs: number, low: number, high: number): void {
    const kept = (this.#series[id] ??= empty(this.#countsOnly));
    this.samples++;
    if (timeMs > kept.newestMs) kept.newestMs = timeMs;
    else kept.notAscending++;
    if (timeMs < kept.oldestMs) kept.oldestMs = timeMs;
    const at = kept.count++;
    if (this.#countsOnly) return;
    if (at === kept.timesMs.length) grow(kept);
    kept.timesMs[at] = timeMs;
    kept.bits[2 * at] = low;
    kept.bits[2 * at + 1] = high;
  }

  clear(): void {
    this.#series.length = 0;
    this.samples = 0;
  }
}

function empty(countsOnly: boolean): KeptSeries {
  const room = countsOnly ? 0 : FIRST_ROOM;
  return { count: 0, timesMs: new Float64Array(room), bits: new Uint32Array(2 * room), oldestMs: Infinity, newestMs: -Infinity, notAscending: 0 };
}

function grow(kept: KeptSeries): void {
  const { timesMs, bits } = kept;
  kept.timesMs = new Float64Array(timesMs.length * 2);
  kept.bits = new Uint32Array(bits.length * 2);
  kept.timesMs.set(timesMs);
  kept.bits.set(bits);
}
