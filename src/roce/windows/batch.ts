// What one call gives: series with their samples in the order of time, and how many samples of each kind there are.

import type { LabelMap } from '../../model/labels.ts';
import { STALE_HIGH, STALE_LOW } from '../../model/sample.ts';
import { encodeStaleHistogram } from '../../wire/native-histogram.ts';
import { doubleBits, type DoubleBits } from '../../wire/write-request.ts';
import type { RoceSeries } from '../series.ts';

/**
 * `plain` goes to every destination, of `native` and `classic` each destination takes one; `marker`s are of all forms. `late` were not sent, because their
 * series had a later timestamp already: counters send what they missed with the next window, gauges of such a window are lost.
 */
export type SampleKind = 'plain' | 'native' | 'classic' | 'capture' | 'marker' | 'late';

export type SampleCounts = Record<SampleKind, number>;

interface Source {
  readonly labels: LabelMap;
  readonly traits?: { readonly form?: RoceSeries['form'] };
}

type Collected = { -readonly [K in keyof RoceSeries]: RoceSeries[K] extends readonly (infer T)[] ? T[] : RoceSeries[K] };

export class Batch {
  readonly #series = new Map<LabelMap, Collected>();
  readonly #counts: SampleCounts;

  /** Adds to `counts`. */
  constructor(counts: SampleCounts) {
    this.#counts = counts;
  }

  series(): RoceSeries[] {
    return [...this.#series.values()];
  }

  sample(source: Source, value: number, timestampMs: number): void {
    this.#counts[source.traits?.form ?? 'plain']++;
    this.#add(source, doubleBits(value), timestampMs);
  }

  late(): void {
    this.#counts.late++;
  }

  captured(source: Source, value: number, timestampMs: number): void {
    this.#counts.capture++;
    this.#add(source, doubleBits(value), timestampMs);
  }

  marker(source: Source, timestampMs: number): void {
    this.#counts.marker++;
    this.#add(source, { high: STALE_HIGH, low: STALE_LOW }, timestampMs);
  }

  histogram(source: Source, bytes: Uint8Array, timestampMs: number): void {
    this.#counts.native++;
    this.#of(source.labels, 'native').histograms.push({ bytes, timestampMs, isMarker: false });
  }

  histogramMarker(source: Source, timestampMs: number): void {
    this.#counts.marker++;
    this.#of(source.labels, 'native').histograms.push({ bytes: encodeStaleHistogram(timestampMs), timestampMs, isMarker: true });
  }

  #add(source: Source, { low, high }: DoubleBits, timestampMs: number): void {
    this.#of(source.labels, source.traits?.form).samples.push({ low, high, timestampMs });
  }

  #of(labels: LabelMap, form: RoceSeries['form']): Collected {
    let series = this.#series.get(labels);
    if (series === undefined) this.#series.set(labels, (series = { labels, samples: [], histograms: [], ...(form !== undefined && { form }) }));
    return series;
  }
}
