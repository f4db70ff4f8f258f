// How many requests may be under way at a time, found from latency: one more after each round of answers that came about as quickly as the
// quickest, fewer as soon as answers take longer or the receiver complains. On a link that bandwidth bounds, answers take longer in
// proportion to the number of requests, so it stays at one or two there.

/** An answer may take so many times the lowest latency seen before it counts as slow. */
const SLOW_FACTOR = 2;
/** Latencies below this differ by chance. Milliseconds. */
const SLOW_FLOOR_MS = 50;
/** The lowest latency is forgotten by this much per answer, because routes and receivers change. */
const BASE_DRIFT = 1.002;
const DECREASE = 0.7;

export interface Ended {
  readonly latencyMs: number;
  /** Compressed bytes of the request. */
  readonly bytes: number;
  /** `overload`: the receiver said so; `failed`: no answer. */
  readonly outcome: 'good' | 'overload' | 'failed';
}

export class Concurrency {
  #max: number;
  #limit = 1;
  #inFlight = 0;
  /** Lowest latency of late, milliseconds per request of about the usual size. */
  #baseMs = Number.POSITIVE_INFINITY;
  /** Good answers since the last change, while the limit was in use. */
  #round = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whole requests. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  update(max: number): void {
    this.#max = max;
    this.#limit = Math.min(this.#limit, max);
  }

  started(): void {
    this.#inFlight++;
  }

  ended({ latencyMs, outcome }: Ended): void {
    const wasFull = this.#inFlight >= this.limit;
    this.#inFlight--;
    if (outcome !== 'good') return this.#decrease();
    this.#baseMs = Math.min(this.#baseMs * BASE_DRIFT, latencyMs);
    if (latencyMs > this.#baseMs * SLOW_FACTOR + SLOW_FLOOR_MS) return this.#decrease();
    if (!wasFull) return;
    this.#round++;
    if (this.#round < this.limit) return;
    this.#round = 0;
    this.#limit = Math.min(this.#max, this.limit + 1);
  }

  #decrease(): void {
    this.#round = 0;
    this.#limit = Math.max(1, this.#limit * DECREASE);
  }
}
