// Decides sample by sample, in the order of the request, what a receiver takes. A sample that is taken moves the newest timestamps of its series
// and of the tenant at once, so rules of time hold inside a request as well; a rollback takes that back. Source: Prometheus, memSeries.appendable.

import type { FlatRequest } from './flat-request.ts';
import type { OrderRules, Personality } from './personality.ts';

/** Why a sample is bad; 0 is none. The index is the code. */
export const REASONS = ['', 'out of order sample', 'duplicate sample for timestamp', 'out of bounds', 'too old sample', 'too far in the future', 'invalid series'] as const;
const OUT_OF_ORDER = 1;
const DUPLICATE = 2;
const OUT_OF_BOUNDS = 3;
const TOO_OLD = 4;
const FUTURE = 5;
const BAD_SERIES = 6;

export interface Judgement {
  /** One code per sample; undefined when all are good. Valid until the next judgement. */
  readonly reasons: Uint8Array | undefined;
  readonly bad: number;
  /** The first bad one. */
  readonly firstReason: string;
  readonly firstSeries: number;
}

const GOOD: Judgement = { reasons: undefined, bad: 0, firstReason: '', firstSeries: -1 };

interface Newest {
  timeMs: number;
  low: number;
  high: number;
}

/** What a request changed, newest change last. */
interface Change {
  readonly series: number;
  readonly before: Newest | undefined;
}

export class Judge {
  readonly #newest: (Newest | undefined)[] = [];
  #tenantNewestMs = -Infinity;
  #reasons = new Uint8Array(0);
  #changes: Change[] = [];
  #tenantBeforeMs = -Infinity;

  /** `keyOf` gives the text of a series. */
  judge(request: FlatRequest, rules: Personality, nowMs: number, keyOf: (series: number) => string): Judgement {
    const { order, badSeries } = rules;
    this.#changes = [];
    this.#tenantBeforeMs = this.#tenantNewestMs;
    if (order === undefined && badSeries === undefined) return GOOD;
    if (this.#reasons.length < request.samples) this.#reasons = new Uint8Array(request.samples * 2);
    const reasons = this.#reasons;
    let bad = 0;
    let first = -1;
    let lastSeries = -1;
    let isBadSeries = false;
    for (let i = 0; i < request.samples; i++) {
      const series = request.series[i]!;
      if (series !== lastSeries && badSeries !== undefined) isBadSeries = badSeries(keyOf(series));
      lastSeries = series;
      reasons[i] = isBadSeries ? BAD_SERIES : order === undefined ? 0 : this.#appendable(request, i, order, nowMs);
      if (reasons[i] === 0) {
        if (order !== undefined) this.#take(request, i);
      } else if (bad++ === 0) first = i;
    }
    return bad === 0 ? GOOD : { reasons, bad, firstReason: REASONS[reasons[first]!]!, firstSeries: request.series[first]! };
  }

  /** As if the last request had not come. */
  rollback(): void {
    for (const { series, before } of this.#changes.toReversed()) this.#newest[series] = before;
    this.#changes = [];
    this.#tenantNewestMs = this.#tenantBeforeMs;
  }

  #appendable(request: FlatRequest, i: number, { windowMs, floorMs, futureMs }: OrderRules, nowMs: number): number {
    const timeMs = request.timesMs[i]!;
    if (timeMs > nowMs + futureMs) return FUTURE;
    const minValidMs = this.#tenantNewestMs - floorMs;
    const newest = this.#newest[request.series[i]!];
    if (timeMs >= minValidMs) {
      if (newest === undefined || timeMs > newest.timeMs) return 0;
      if (timeMs === newest.timeMs) return newest.low === request.bits[2 * i] && newest.high === request.bits[2 * i + 1] ? 0 : DUPLICATE;
    }
    if (windowMs > 0) return timeMs >= this.#tenantNewestMs - windowMs ? 0 : TOO_OLD;
    return timeMs < minValidMs ? OUT_OF_BOUNDS : OUT_OF_ORDER;
  }

  #take(request: FlatRequest, i: number): void {
    const series = request.series[i]!;
    const timeMs = request.timesMs[i]!;
    const before = this.#newest[series];
    if (timeMs > this.#tenantNewestMs) this.#tenantNewestMs = timeMs;
    if (before !== undefined && timeMs <= before.timeMs) return;
    this.#changes.push({ series, before });
    this.#newest[series] = { timeMs, low: request.bits[2 * i]!, high: request.bits[2 * i + 1]! };
  }
}
