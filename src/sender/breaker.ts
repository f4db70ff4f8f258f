// The circuit breaker of a destination. While requests fail, all but one wait: after a pause with jitter a single small probe asks whether the
// receiver is back. Closed is the normal state; open means that the last answer was a failure.

import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import { equalJitter, fullJitter, SLOW_BACKOFF, type BackoffRange } from '../io/backoff.ts';

/** `fast`: the link or the receiver; `slow` and `park`: nothing changes before a person does something. */
export type FailurePace = 'fast' | 'slow' | 'park';

export class Breaker {
  readonly #clock: Clock;
  readonly #random: Random;
  #range: BackoffRange;
  #attempts = 0;
  /** Whether the failures that were counted were those of the link, or such that a person has to act. */
  #isFast = true;
  /** Monotonic time of the next probe; undefined while closed. */
  #probeAtMs: number | undefined;

  constructor(options: { readonly clock: Clock; readonly random: Random } & BackoffRange) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#range = options;
  }

  get isOpen(): boolean {
    return this.#probeAtMs !== undefined;
  }

  /** How long to wait before the next try; 0 when it may be made now. */
  waitMs(): number {
    return this.#probeAtMs === undefined ? 0 : Math.max(0, this.#probeAtMs - this.#clock.monotonicMs());
  }

  succeeded(): void {
    this.#probeAtMs = undefined;
    this.#attempts = 0;
  }

  /**
   * Of several requests that fail together only the first one counts: the others were sent before it was known. `tookMs`: what the request took to fail;
   * a pause counts from its begin, so that a link that swallows everything is asked again at once.
   */
  failed(pace: FailurePace, retryAfterMs: number | undefined, tookMs = 0): void {
    if (this.waitMs() > 0) return;
    // What took a person so far says nothing about the link, and the other way round.
    if ((pace === 'fast') !== this.#isFast) this.#attempts = 0;
    this.#isFast = pace === 'fast';
    const step = pace === 'fast' ? fullJitter(this.#range, this.#attempts, this.#random) : equalJitter(SLOW_BACKOFF, this.#attempts, this.#random);
    // The smallest step on top, so that the collectors of a region do not come back in the same instant.
    const waitMs = retryAfterMs === undefined ? Math.max(step - tookMs, Math.min(step, this.#range.minMs)) : retryAfterMs + fullJitter(this.#range, 0, this.#random);
    this.#attempts++;
    this.#probeAtMs = this.#clock.monotonicMs() + waitMs;
  }

  /** Something has changed: the next try is made at once. */
  reset(range: BackoffRange): void {
    this.#range = range;
    this.#attempts = 0;
    if (this.#probeAtMs !== undefined) this.#probeAtMs = Number.NEGATIVE_INFINITY;
  }
}
