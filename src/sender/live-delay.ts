// `max_delay: auto`: how long the live lane collects. Longer means more samples of a series in one body and so fewer bytes for each; it is
// lengthened while sending live data takes nearly all of the time, and shortened again when the link has room.

import type { Clock } from '../io/clock.ts';

const DELAY_MS = { min: 1000, max: 300_000 };
/** Share of the time that sending takes, above and below which the delay changes. */
const BUSY_SHARE = { high: 0.8, low: 0.3 };
/** Batches that a decision rests on. */
const WINDOW_BATCHES = 4;

export class LiveDelay {
  readonly #clock: Clock;
  #delayMs = DELAY_MS.min;
  #busyMs = 0;
  #batches = 0;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  get delayMs(): number {
    return this.#delayMs;
  }

  /** A live batch was sent; it took so long. */
  sent(busyMs: number): void {
    this.#busyMs += busyMs;
    this.#batches++;
    if (this.#batches < WINDOW_BATCHES) return;
    const nowMs = this.#clock.monotonicMs();
    const share = this.#busyMs / Math.max(1, nowMs - this.#sinceMs);
    if (share > BUSY_SHARE.high) this.#delayMs = Math.min(DELAY_MS.max, this.#delayMs * 2);
    else if (share < BUSY_SHARE.low) this.#delayMs = Math.max(DELAY_MS.min, this.#delayMs / 2);
    this.#batches = 0;
    this.#busyMs = 0;
    this.#sinceMs = nowMs;
  }
}
