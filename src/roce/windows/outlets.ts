// Where numbers leave: each outlet is one series, or one distribution, and knows what it has sent. What moved is sent with its window; what did not is sent
// when it is its turn, once a minute. Timestamps of an outlet only go up: a window that comes after a later one adds to the numbers and is
// not sent itself.

import { formatOpenMetricsFloat } from '../../exposition/go-text.ts';
import { METRIC_NAME, type LabelMap } from '../../model/labels.ts';
import { encodeNativeHistogram } from '../../wire/native-histogram.ts';
import type { RoceSeries } from '../series.ts';
import type { Batch } from './batch.ts';
import type { Distribution, NativeRules } from './distribution.ts';
import type { RoceFamily } from './families.ts';

/** The end of a window, as it is for one outlet. */
export interface Moment {
  readonly timestampMs: number;
  readonly windowMs: number;
  /** Whether it is sent though it did not move. */
  readonly isTurn: boolean;
  /** The time between two turns: what was not sent for so long is sent, too. */
  readonly repeatMs: number;
}

export interface ValueTraits {
  readonly form?: RoceSeries['form'];
  /** What is added is counted in parts of which so many are one: sums of whole numbers stay exact. */
  readonly partsPerUnit?: number;
  /** Sent when it is its turn, even while it moves. */
  readonly isSlow?: boolean;
  /** Appears when it is no longer 0: when it was 0 last is sent as well, so that the first count counts. */
  readonly isLazy?: boolean;
  /** Of a lazy one that is made for its first count: it was 0 since then. Before, it may be one of the process before, which stood elsewhere. */
  readonly zeroSinceMs?: number | undefined;
}

export class ValueOutlet {
  readonly family: RoceFamily;
  readonly labels: LabelMap;
  traits: ValueTraits;
  /** NaN until it is known: nothing is sent then. */
  value = NaN;
  /** As it stood at the end of the last window, whether it was sent or not. */
  shown: { readonly value: number; readonly timestampMs: number } | undefined;
  #sum = 0;
  /** The window that a gauge is of. */
  #windowMs = -Infinity;
  /** When a lazy one was 0 last. */
  #zeroMs: number | undefined;
  /** What was sent last; NaN before anything was. */
  #sent = NaN;
  /** When, at least: an outlet may follow one of the same name that has ended. */
  lastMs: number;

  constructor(family: RoceFamily, labels: LabelMap, traits: ValueTraits = {}, lastMs = -Infinity) {
    this.family = family;
    this.labels = labels;
    this.traits = traits;
    this.lastMs = lastMs;
  }

  get isSent(): boolean {
    return !Number.isNaN(this.#sent);
  }

  /** Counts up from 0, in the parts of its traits. */
  add(parts: number): void {
    this.#sum += parts;
    this.value = this.#sum / (this.traits.partsPerUnit ?? 1);
  }

  /** A gauge of one window: the largest of its numbers. A window that comes late has no say. Returns whether this number is it. */
  raise(value: number, windowMs: number): boolean {
    if (windowMs < this.#windowMs || (windowMs === this.#windowMs && value <= this.value)) return false;
    this.value = value;
    this.#windowMs = windowMs;
    return true;
  }

  emit(batch: Batch, moment: Moment): void {
    if (Number.isNaN(this.value)) return;
    const { timestampMs } = moment;
    if (timestampMs <= (this.shown?.timestampMs ?? this.lastMs)) return this.value === this.shown?.value ? undefined : batch.late();
    this.shown = { value: this.value, timestampMs };
    if (this.traits.isLazy === true && !this.isSent) {
      if (this.value === 0) return void (this.#zeroMs = timestampMs);
      const zeroMs = this.#zeroMs ?? this.#zeroBefore(moment);
      if (zeroMs > this.lastMs && zeroMs < timestampMs) batch.sample(this, 0, zeroMs);
    }
    if (!this.#isDue(moment)) return;
    batch.sample(this, this.value, timestampMs);
    this.#sent = this.value;
    this.lastMs = timestampMs;
  }

  /** One staleness marker, if anything was sent. */
  end(batch: Batch, nowMs: number): void {
    if (!this.isSent) return;
    this.lastMs = Math.max(nowMs, this.lastMs + 1);
    batch.marker(this, this.lastMs);
  }

  #zeroBefore({ timestampMs, windowMs }: Moment): number {
    const { zeroSinceMs } = this.traits;
    return zeroSinceMs === undefined ? -Infinity : Math.max(timestampMs - windowMs, zeroSinceMs);
  }

  #isDue({ timestampMs, isTurn, repeatMs }: Moment): boolean {
    const hasMoved = this.value !== this.#sent && this.traits.isSlow !== true;
    return !this.isSent || hasMoved || isTurn || timestampMs - this.lastMs >= repeatMs;
  }
}

/** A distribution: one series of native histograms, and the classic series for whoever does not take these. */
export class DistributionOutlet {
  readonly family: RoceFamily;
  readonly labels: LabelMap;
  readonly distribution: Distribution;
  /** By edge, then +Inf, sum and count. */
  readonly classic: readonly ValueOutlet[];
  native: NativeRules;
  #sentCount = NaN;
  lastMs: number;

  constructor(family: RoceFamily, labels: LabelMap, distribution: Distribution, native: NativeRules, lastMs = -Infinity) {
    this.family = family;
    this.labels = labels;
    this.distribution = distribution;
    this.native = native;
    this.lastMs = lastMs;
    const part = (suffix: string, extra: readonly (readonly [string, string])[] = []) =>
      new ValueOutlet(family, new Map([...labels, [METRIC_NAME, `${family.family}_${suffix}`], ...extra]), { form: 'classic' }, lastMs);
    // As Prometheus normalises them when it scrapes.
    const edges = [...distribution.shape.edges, Infinity].map(formatOpenMetricsFloat);
    this.classic = [...edges.map((le) => part('bucket', [['le', le]])), part('sum'), part('count')];
  }

  emit(batch: Batch, moment: Moment): void {
    const { count, sum } = this.distribution;
    const values = [...this.distribution.cumulative(), count, sum, count];
    this.classic.forEach((outlet, index) => {
      outlet.value = values[index] ?? NaN;
      outlet.emit(batch, moment);
    });
    this.#emitNative(batch, moment);
  }

  end(batch: Batch, nowMs: number): void {
    for (const outlet of this.classic) outlet.end(batch, nowMs);
    if (Number.isNaN(this.#sentCount)) return;
    this.lastMs = Math.max(nowMs, this.lastMs + 1);
    batch.histogramMarker(this, this.lastMs);
  }

  #emitNative(batch: Batch, { timestampMs, isTurn, repeatMs }: Moment): void {
    const { count } = this.distribution;
    if (timestampMs <= this.lastMs) return count === this.#sentCount ? undefined : batch.late();
    if (count === this.#sentCount && !isTurn && timestampMs - this.lastMs < repeatMs) return;
    batch.histogram(this, encodeNativeHistogram(this.distribution.native(this.native), timestampMs), timestampMs);
    this.#sentCount = count;
    this.lastMs = timestampMs;
  }
}

export type Outlet = ValueOutlet | DistributionOutlet;
