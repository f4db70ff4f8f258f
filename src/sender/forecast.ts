// Rates over about a minute, and what follows from them: when the backlog is gone, and how long an outage the quota still holds.

import type { Clock } from '../io/clock.ts';

/** A rate follows a change by half in this time. Milliseconds. */
const HALF_LIFE_MS = 30_000;
/** Before so much has been seen there is no rate. Milliseconds. */
const WARM_UP_MS = 5000;
/** What waits longer than it is collected and then sent takes is a backlog; this long a request may take. Seconds. */
const SENDING_SECONDS = 10;
/** A younger backlog than this is no reason for an alarm, although it may grow. Seconds. */
const BEHIND_SECONDS = 60;

/** Events a second, exponentially weighted. */
export class RateMeter {
  readonly #clock: Clock;
  readonly #startMs: number;
  #lastMs: number;
  /** Weighted sum of events and of the milliseconds they took. */
  #sum = 0;
  #weightMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#lastMs = this.#startMs;
  }

  add(count: number): void {
    this.#decay();
    this.#sum += count;
  }

  /** 0 before anything was measured. */
  perSecond(): number {
    this.#decay();
    return this.#weightMs < WARM_UP_MS ? 0 : (this.#sum * 1000) / this.#weightMs;
  }

  #decay(): void {
    const nowMs = this.#clock.monotonicMs();
    const passedMs = nowMs - this.#lastMs;
    if (passedMs <= 0) return;
    const kept = 0.5 ** (passedMs / HALF_LIFE_MS);
    this.#sum *= kept;
    this.#weightMs = this.#weightMs * kept + passedMs;
    this.#lastMs = nowMs;
  }
}

export interface Backlog {
  readonly pendingSamples: number;
  readonly inPerSecond: number;
  readonly outPerSecond: number;
  /** Age of the oldest sample that waits. */
  readonly ageSeconds: number;
  /** How long samples are collected before they are sent. */
  readonly delaySeconds: number;
}

/** Seconds until the backlog is gone: 0 without one, undefined while it grows or is not measured. */
export function forecastDrain({ pendingSamples, inPerSecond, outPerSecond, ageSeconds, delaySeconds }: Backlog): { drainSeconds: number | undefined; isFallingBehind: boolean } {
  if (ageSeconds <= delaySeconds + SENDING_SECONDS) return { drainSeconds: 0, isFallingBehind: false };
  const gain = outPerSecond - inPerSecond;
  if (gain > 0) return { drainSeconds: pendingSamples / gain, isFallingBehind: false };
  return { drainSeconds: undefined, isFallingBehind: inPerSecond > 0 && ageSeconds > delaySeconds + BEHIND_SECONDS };
}

/** Hours until `freeBytes` are written at this rate; undefined before there is one. */
export function outageHours(freeBytes: number, bytesPerSecond: number): number | undefined {
  return bytesPerSecond > 0 ? Math.max(0, freeBytes) / bytesPerSecond / 3600 : undefined;
}
