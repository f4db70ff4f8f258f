// What the link carries, measured from answers: bytes a second while a request was under way. From it follow the size of a body (about two
// seconds of the link, so that fresh data gets its turn and little work is lost when the link breaks) and the time a request may
// take before it counts as lost (a link that fell silent is noticed within seconds, and not after the half minute of remote_timeout).

import type { Lane } from './gate.ts';

/** A body takes about this long on the link; one of the backlog less, because live data waits for its end. Milliseconds. */
const BODY_MS: Readonly<Record<Lane, number>> = { live: 2000, backfill: 1000 };
/** Bodies before compression. Below the smallest, labels and headers cost more than the samples. Bytes. */
const RAW_BYTES = { min: 64 * 1024, afterFailure: 256 * 1024 };
/** Answers that came faster carried too little to measure the link. Milliseconds. */
const MEASURABLE_MS = 20;
/** What of an answer's time may count as latency: where bodies are alike, the lowest time is that of a whole body. Milliseconds. */
const LATENCY_MS_MAX = 100;
/** Weight of a new measurement. */
const NEW_SHARE = 0.3;
/** A request may take this long, and this many times what is expected, before it counts as lost: jitter, a slow receiver, others on the link. */
const TIMEOUT = { baseMs: 5000, factor: 4, minMs: 10_000, probeMs: 5000 };
/** Doubling ends here: no ceiling is above. */
const TIMEOUTS_MAX = 24;
/** Probes that time out before they get twice the time: a receiver that lets requests wait is to be told from a link that is down. */
const PATIENCE = 8;

export class LinkRate {
  #bytesPerSecond: number | undefined;
  /** Timeouts in a row: each doubles the time that is granted, because a receiver that lets requests wait answers after a minute. */
  #timeouts = 0;
  #hasFailed = false;
  /** Lowest of late: what an answer takes that carries nothing. */
  #latencyMs = Number.POSITIVE_INFINITY;

  /** Undefined before it was measured. */
  get bytesPerSecond(): number | undefined {
    return this.#bytesPerSecond;
  }

  /** `concurrent`: requests that shared the link, this one included. */
  answered({ bytes, ms, concurrent }: { readonly bytes: number; readonly ms: number; readonly concurrent: number }): void {
    this.#timeouts = 0;
    this.#hasFailed = false;
    this.#latencyMs = Math.min(this.#latencyMs * 1.01, ms);
    const carriedMs = ms - Math.min(this.#latencyMs * 0.5, LATENCY_MS_MAX);
    if (carriedMs < MEASURABLE_MS) return this.#raise((bytes * concurrent * 1000) / MEASURABLE_MS);
    const rate = (bytes * concurrent * 1000) / carriedMs;
    // A small body tells about the latency and not about the link: it can only show that the link carries more than believed.
    if (bytes < 4096 && this.#bytesPerSecond !== undefined) return this.#raise(rate);
    this.#bytesPerSecond = this.#bytesPerSecond === undefined ? rate : this.#bytesPerSecond * (1 - NEW_SHARE) + rate * NEW_SHARE;
  }

  /** A request ended without an answer after `ms`. */
  failed(isTimeout: boolean): void {
    this.#hasFailed = true;
    if (isTimeout) this.#timeouts = Math.min(this.#timeouts + 1, TIMEOUTS_MAX);
  }

  /** Bytes before compression that a body should have; `ratio` is what compression makes of them. */
  rawBytesMax(lane: Lane, ratio: number, most: number): number {
    const wanted = this.#bytesPerSecond === undefined ? most : (this.#bytesPerSecond * BODY_MS[lane] * ratio) / 1000;
    const bound = this.#hasFailed ? Math.min(most, RAW_BYTES.afterFailure) : most;
    return Math.floor(Math.min(bound, Math.max(RAW_BYTES.min, wanted)));
  }

  /** `isProbe`: it is only asked whether the link is back. A new connection is tried soon then, because one that began in silence repeats itself ever more seldom. */
  timeoutMs(bytes: number, ceilingMs: number, isProbe: boolean): number {
    if (isProbe) return Math.min(ceilingMs, TIMEOUT.probeMs * 2 ** Math.floor(this.#timeouts / PATIENCE));
    if (this.#bytesPerSecond === undefined) return ceilingMs;
    const expectedMs = (bytes * 1000) / this.#bytesPerSecond;
    return Math.min(ceilingMs, Math.max(TIMEOUT.minMs, TIMEOUT.baseMs + TIMEOUT.factor * expectedMs) * 2 ** this.#timeouts);
  }

  #raise(rate: number): void {
    if (this.#bytesPerSecond === undefined || rate > this.#bytesPerSecond) this.#bytesPerSecond = rate;
  }
}
