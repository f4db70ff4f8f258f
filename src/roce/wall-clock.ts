// The wall clock's distance from the monotonic one, which readings are timed by. It is measured once for each sampler and stays as it is, so that a correction of the wall
// clock cannot put samples out of order:
//
//   forward   -> windows are aligned anew, by a new sampler; between the two there is a gap, as there was one in time
//   backward  -> timestamps go on as before, ahead of the clock, until the clock is where they are: two samples of one series never have the same time
//   backward by more than two minutes -> all series end, and new ones begin where the clock is: so far ahead nothing would be delivered
//
// The monotonic clock is slewed with the wall clock, so that the two go at the same speed and only steps tell them apart.

import type { Clock } from '../io/clock.ts';
import { AHEAD_MAX_MS } from '../model/sample.ts';

/** Smaller differences come from the measurement: two readings of clocks, between which the process may have to wait. Milliseconds. */
const stepMsMin = 200;
/** A measurement that took longer is none. Milliseconds. */
const errorMsMax = 5;
const triesMax = 5;

export type ClockStep = { readonly direction: 'forward' | 'backward'; readonly stepMs: number };

export class WallClock {
  readonly #clock: Clock;
  /** Of the timestamps from the monotonic clock. */
  #offsetMs: number;
  /** How far the clock is behind the timestamps. */
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offsetMs = clock.nowMs() - clock.monotonicMs();
  }

  /** A sampler began just now, whose timestamps are so far ahead of the clock. */
  begin(aheadMs: number): void {
    this.#offsetMs = this.#measureSurely() + aheadMs;
    this.#aheadMs = aheadMs > stepMsMin ? aheadMs : 0;
  }

  /** How far timestamps are ahead of the clock, milliseconds; 0 where they are not. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  /** Whether timestamps are too far ahead to go on like that: the sender would hold samples back until the clock is where they are, perhaps for ever. */
  get isTooFarAhead(): boolean {
    return this.#aheadMs > AHEAD_MAX_MS;
  }

  /** Now, as timestamps have it. */
  nowMs(): number {
    return this.#clock.monotonicMs() + this.#offsetMs;
  }

  /** A step since the last call. Forward, it is a step beyond the timestamps: a clock that comes back to where they are is none. */
  check(): ClockStep | undefined {
    const { offsetMs, errorMs } = this.#measure();
    if (errorMs > errorMsMax) return undefined;
    const aheadMs = this.#offsetMs - offsetMs;
    if (aheadMs < -stepMsMin) return { direction: 'forward', stepMs: -aheadMs };
    const before = this.#aheadMs;
    this.#aheadMs = aheadMs > stepMsMin ? aheadMs : 0;
    return this.#aheadMs - before > stepMsMin ? { direction: 'backward', stepMs: this.#aheadMs - before } : undefined;
  }

  /** The best of a few. */
  #measureSurely(): number {
    const measured = Array.from({ length: triesMax }, () => this.#measure());
    return measured.reduce((best, one) => (one.errorMs < best.errorMs ? one : best)).offsetMs;
  }

  #measure(): { readonly offsetMs: number; readonly errorMs: number } {
    const beforeMs = this.#clock.monotonicMs();
    const nowMs = this.#clock.nowMs();
    const afterMs = this.#clock.monotonicMs();
    return { offsetMs: nowMs - (beforeMs + afterMs) / 2, errorMs: afterMs - beforeMs };
  }
}
