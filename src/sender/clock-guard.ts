// What the receiver's clock says, from the `Date` of its answers, and which samples lie so far ahead of it that they must not be sent: one future
// sample can make a tenant refuse everything that comes after it. Jumps of our own wall clock are found by comparing it with the
// monotonic one; what was learned before a jump is carried over.

import type { Clock } from '../io/clock.ts';
import { AHEAD_MAX_MS } from '../model/sample.ts';
import type { Logger } from '../telemetry/logger.ts';

/** `Date` has whole seconds, and half of the round trip is a guess: a smaller difference is none. Milliseconds. */
const SKEW_MIN_MS = 2000;
/** Answers that take longer say too little about the moment they were made. Milliseconds. */
const ROUND_TRIP_MAX_MS = 20_000;
/** The median of so many answers is believed: one proxy with a wrong clock among others does not matter. */
const ANSWERS_KEPT = 9;
/** Wall and monotonic time may part by so much between two looks before it is a jump: clocks are slewed. Milliseconds. */
const JUMP_MIN_MS = 2000;

export interface DatedAnswer {
  readonly dateMs: number;
  readonly receivedAtMs: number;
  readonly roundTripMs: number;
}

export class ClockGuard {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #isEnabled: boolean;
  #skews: number[] = [];
  #wallMs: number;
  #monotonicMs: number;
  /** Jumps of our wall clock so far. */
  jumps = 0;

  constructor(options: { readonly clock: Clock; readonly logger: Logger; readonly isEnabled: boolean }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#isEnabled = options.isEnabled;
    this.#wallMs = options.clock.nowMs();
    this.#monotonicMs = options.clock.monotonicMs();
  }

  update(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
  }

  /** Another receiver: its clock is not known yet. */
  forget(): void {
    this.#skews = [];
  }

  observe({ dateMs, receivedAtMs, roundTripMs }: DatedAnswer): void {
    this.#findJump();
    if (roundTripMs > ROUND_TRIP_MAX_MS) return;
    // The date is cut off to the second, and was written about half a round trip ago.
    this.#skews.push(receivedAtMs - roundTripMs / 2 - (dateMs + 500));
    if (this.#skews.length > ANSWERS_KEPT) this.#skews.shift();
  }

  /** Our wall clock minus the receiver's, milliseconds; undefined before an answer told. */
  get skewMs(): number | undefined {
    this.#findJump();
    if (this.#skews.length === 0) return undefined;
    const median = this.#skews.toSorted((a, b) => a - b)[this.#skews.length >> 1]!;
    return Math.abs(median) < SKEW_MIN_MS ? 0 : median;
  }

  isHeld(newestMs: number): boolean {
    return this.#isEnabled && this.releaseAtMs(newestMs) - this.#clock.nowMs() > AHEAD_MAX_MS;
  }

  /** Our wall time at which the receiver's clock shows `newestMs`. */
  releaseAtMs(newestMs: number): number {
    return newestMs + (this.skewMs ?? 0);
  }

  /** Whether what was held may go: its time has come, or the guard is switched off. */
  isDue(newestMs: number): boolean {
    return !this.#isEnabled || this.releaseAtMs(newestMs) <= this.#clock.nowMs();
  }

  #findJump(): void {
    const wallMs = this.#clock.nowMs();
    const monotonicMs = this.#clock.monotonicMs();
    const jumpMs = wallMs - this.#wallMs - (monotonicMs - this.#monotonicMs);
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
    if (Math.abs(jumpMs) < JUMP_MIN_MS) return;
    this.jumps++;
    this.#skews = this.#skews.map((skewMs) => skewMs + jumpMs);
    this.#logger.warn('the wall clock has jumped', { seconds: Math.round(jumpMs / 1000) });
  }
}
