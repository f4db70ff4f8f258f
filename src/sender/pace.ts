// The pace of a destination: token buckets for items, requests and bytes a second. Configured values are ceilings; the limit of items is also
// learned from the receiver (rate-learner.ts). Live requests go before those of the backlog, which keeps a small share, so that it always moves.

import type { PacePeriod, PaceSettings } from '../destinations/pace-config.ts';
import type { Clock } from '../io/clock.ts';
import type { Lane, RequestWeight } from './gate.ts';
import { RateLearner } from './rate-learner.ts';
import type { DestinationState } from './state.ts';

/** A bucket holds what flows in during this time, or one request: more would reach the receiver as a burst. Seconds. */
const BUCKET_SECONDS = 0.2;
/** Sums of fractions are not exact. Tokens. */
const ROUNDING = 1e-6;
/** After a measurement the receiver's bucket is empty: so much runs in before the next request, for differences in time. Seconds. */
const DEBT_SECONDS = 0.3;
/** Credit of the backlog is kept for so long. Seconds. */
const CREDIT_SECONDS = 10;
/** The longest answer: limits and schedules change. Milliseconds. */
const WAIT_MS_MAX = 60_000;
/** A request of more would keep live data waiting while the pace catches up. Seconds of the configured pace. */
const REQUEST_SECONDS_MAX = 1;
/** Part of a burst that a request may hold. */
const BURST_SHARE = 0.25;
const DAY_MINUTES = 1440;

class Bucket {
  tokens = 0;
  /** There was no limit up to now: a new one begins with a full bucket. */
  #isFree = true;
  #lastMs: number;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  /** `capacity`: most tokens, unless there are more already. */
  refill(nowMs: number, perSecond: number, capacity: number): void {
    const more = ((nowMs - this.#lastMs) / 1000) * perSecond;
    this.#lastMs = nowMs;
    if (!Number.isFinite(perSecond)) this.tokens = 0;
    else if (this.#isFree && Number.isFinite(capacity)) this.tokens = capacity;
    else this.tokens = Math.min(capacity, this.tokens + more);
    this.#isFree = !Number.isFinite(perSecond);
  }

  /** Milliseconds until a request of this weight may go; one that is larger than the bucket goes when it is full. */
  waitMs(weight: number, perSecond: number, capacity: number): number {
    const missing = Math.min(weight, capacity) - this.tokens;
    if (!Number.isFinite(perSecond) || missing < ROUNDING) return 0;
    return perSecond === 0 ? WAIT_MS_MAX : Math.max(1, (missing / perSecond) * 1000);
  }

  spend(weight: number, perSecond: number): void {
    if (Number.isFinite(perSecond)) this.tokens -= weight;
  }
}

interface Limits {
  readonly items: number;
  readonly requests: number;
  readonly bytes: number;
}

export interface PacerOptions {
  /** Where to begin before anything was learned; undefined for no limit. */
  readonly initialItemsPerSecond: number | undefined;
  readonly backfillShare: number;
}

export class Pacer {
  readonly #clock: Clock;
  #settings: PaceSettings;
  #options: PacerOptions;
  #learner = new RateLearner();
  readonly #items: Bucket;
  readonly #requests: Bucket;
  readonly #bytes: Bucket;
  /** What backfill may take although live data waits. */
  readonly #credit: Bucket;
  #liveWaits = false;
  #wasMeasuring = false;

  constructor(clock: Clock, settings: PaceSettings, options: PacerOptions) {
    this.#clock = clock;
    this.#settings = settings;
    this.#options = options;
    const nowMs = clock.monotonicMs();
    [this.#items, this.#requests, this.#bytes, this.#credit] = [new Bucket(nowMs), new Bucket(nowMs), new Bucket(nowMs), new Bucket(nowMs)];
  }

  update(settings: PaceSettings, options: PacerOptions): void {
    this.#settings = settings;
    this.#options = options;
  }

  /** Another receiver has another limit. */
  forget(): void {
    this.#learner = new RateLearner();
  }

  /** 0 when the request may go; its tokens are taken then. Otherwise milliseconds until it is worth asking again. */
  take(weight: RequestWeight): number {
    const limits = this.#limits();
    const capacities = this.#refill(limits, weight);
    const waitMs = Math.max(
      this.#items.waitMs(weight.items, limits.items, capacities.items),
      this.#requests.waitMs(1, limits.requests, capacities.requests),
      this.#bytes.waitMs(weight.bytes, limits.bytes, capacities.bytes),
    );
    const isLive = weight.lane === 'live';
    if (waitMs > 0) {
      if (isLive) this.#liveWaits = true;
      return Math.min(waitMs, WAIT_MS_MAX);
    }
    const scarce = scarcest(limits, weight);
    if (!isLive && this.#liveWaits && this.#credit.tokens < scarce.weight) return Math.max(1, this.#credit.waitMs(scarce.weight, scarce.perSecond * this.#options.backfillShare, Number.POSITIVE_INFINITY));
    this.#items.spend(weight.items, limits.items);
    this.#requests.spend(1, limits.requests);
    this.#bytes.spend(weight.bytes, limits.bytes);
    if (isLive) this.#liveWaits = false;
    else this.#credit.tokens = Math.max(0, this.#credit.tokens - scarce.weight);
    return 0;
  }

  /** A request that had asked does not wait any longer. */
  cancel(lane: Lane): void {
    if (lane === 'live') this.#liveWaits = false;
  }

  accepted(items: number): void {
    this.#learner.accepted(items, this.#clock.monotonicMs());
  }

  /** The receiver refused a request for its rate. Returns how long to wait at least where the receiver did not say. Milliseconds. */
  limited(items: number): number {
    return this.#learner.limited(items, this.#clock.monotonicMs());
  }

  /** Most items of one request. */
  itemsMax(): number {
    const { burstItems = Number.POSITIVE_INFINITY, itemsPerSecond = Number.POSITIVE_INFINITY } = this.#settings;
    const configured = Math.min(burstItems * BURST_SHARE, itemsPerSecond * REQUEST_SECONDS_MAX);
    return Math.min(Math.max(1, Math.floor(configured)), this.#learner.itemsMax(this.#clock.monotonicMs()));
  }

  /** Most compressed bytes of one request. */
  bytesMax(): number {
    return this.#limits().bytes * REQUEST_SECONDS_MAX;
  }

  state(): DestinationState['pace'] {
    const { items, bytes } = this.#limits();
    return {
      itemsPerSecond: Number.isFinite(items) ? items : undefined,
      isLearned: items < (this.#settings.itemsPerSecond ?? Number.POSITIVE_INFINITY),
      burstItems: this.#settings.burstItems ?? this.#learner.burstItems,
      bytesPerSecond: Number.isFinite(bytes) ? bytes : undefined,
    };
  }

  #limits(): Limits {
    const { itemsPerSecond, requestsPerSecond, bytesPerSecond, schedule } = this.#settings;
    const none = Number.POSITIVE_INFINITY;
    const learned = this.#learner.rate(this.#clock.monotonicMs());
    const initial = Number.isFinite(learned) ? none : (this.#options.initialItemsPerSecond ?? none);
    return {
      items: Math.min(itemsPerSecond ?? none, learned, initial),
      requests: requestsPerSecond ?? none,
      bytes: activePeriod(schedule, this.#clock.nowMs())?.bytesPerSecond ?? bytesPerSecond ?? none,
    };
  }

  #refill(limits: Limits, weight: RequestWeight): Limits {
    const nowMs = this.#clock.monotonicMs();
    const capacity = (perSecond: number, smallest: number) => Math.max(perSecond * BUCKET_SECONDS, smallest);
    const itemsMax = this.itemsMax();
    // Two requests: what timers that fire late leave unused must not be lost.
    const ofItems = Math.max(Math.min(capacity(limits.items, 1), Math.max(1, 2 * itemsMax)), this.#learner.savedItems);
    if (this.#wasMeasuring && !this.#learner.isMeasuring && Number.isFinite(limits.items)) this.#items.tokens = Math.min(this.#items.tokens, -DEBT_SECONDS * limits.items);
    this.#wasMeasuring = this.#learner.isMeasuring;
    const capacities = {
      items: ofItems,
      requests: capacity(limits.requests, 1),
      bytes: capacity(limits.bytes, 1),
    };
    this.#items.refill(nowMs, limits.items, capacities.items);
    this.#requests.refill(nowMs, limits.requests, capacities.requests);
    this.#bytes.refill(nowMs, limits.bytes, capacities.bytes);
    const scarce = scarcest(limits, weight);
    const share = scarce.perSecond * this.#options.backfillShare;
    this.#credit.refill(nowMs, share, Math.max(scarce.weight, share * CREDIT_SECONDS));
    return capacities;
  }
}

/** What the share of the backlog is measured in: the first of items, bytes and requests that is limited. */
function scarcest({ items, bytes, requests }: Limits, weight: RequestWeight): { perSecond: number; weight: number } {
  if (Number.isFinite(items)) return { perSecond: items, weight: weight.items };
  return Number.isFinite(bytes) ? { perSecond: bytes, weight: weight.bytes } : { perSecond: requests, weight: 1 };
}

/** The period of the schedule that holds this moment of the day, UTC; the first that fits. */
export function activePeriod(schedule: readonly PacePeriod[], nowMs: number): PacePeriod | undefined {
  const minute = Math.floor(nowMs / 60_000) % DAY_MINUTES;
  return schedule.find(({ fromMinute: from, toMinute: to }) => (from < to ? minute >= from && minute < to : minute >= from || minute < to));
}
