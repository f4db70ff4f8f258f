// The gate every request of a destination passes, whatever lane it belongs to: pace, concurrency, bandwidth, circuit breaker and the pauses
// after failures. Delivery asks before each try and reports each answer; what follows from the answers is decided here.

import type { Answer } from './link.ts';
import type { Verdict } from './verdict.ts';

export type Lane = 'live' | 'backfill';

/** What a request weighs. */
export interface RequestWeight {
  readonly lane: Lane;
  /** Samples, exemplars and metadata entries. */
  readonly items: number;
  /** Compressed bytes, and what they were before. */
  readonly bytes: number;
  readonly rawBytes: number;
}

/**
 * `go`: send it now. `probe`: send a small part of it first; nothing else of the destination is under way. `stop`: the sender is stopping, or the
 * request was given up.
 */
export type Admission = 'go' | 'probe' | 'stop';

export interface Gate {
  /** Resolves when a request of this weight may go out; its tokens are taken then. `giveUpAtMs`: monotonic time after which the answer is `stop`. */
  admit(weight: RequestWeight, giveUpAtMs?: number): Promise<Admission>;
  /** Every admitted request ends with exactly one of these; `retry` verdicts make later requests wait. */
  answered(weight: RequestWeight, answer: Answer, verdict: Verdict): void;
  /** An admitted request that ended without an answer because the sender stops. */
  abandoned(weight: RequestWeight): void;
  /** Most items of one request, as far as is known; infinite where only bytes count. */
  itemsMax(): number;
  /** Most bytes of one body before compression. */
  rawBytesMax(lane: Lane): number;
  /** Time a request of so many compressed bytes may take, milliseconds. */
  timeoutMs(bytes: number): number;
}
