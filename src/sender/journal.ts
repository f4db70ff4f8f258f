// What people are told about the deliveries of a destination: the last error, the last success, and one specimen of each reason.

import type { Clock } from '../io/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Answer } from './link.ts';
import type { Specimen } from './state.ts';
import type { RejectReason, RetryReason } from './verdict.ts';

/** Reasons with a specimen at a time; a destination rarely has more than two. Each holds at most 4 KiB of an answer. */
const SPECIMENS_MAX = 8;
/** One log line a minute about refused samples; the counters have all of them. */
const REJECT_LOG_INTERVAL_MS = 60_000;

export interface DeliveryState {
  readonly lastError: string;
  readonly lastErrorMs: number | undefined;
  readonly lastSuccessMs: number | undefined;
  readonly requests: number;
  readonly wireBytes: number;
  /** One of each reason, the latest first. */
  readonly specimens: readonly Specimen[];
}

export interface Refusal {
  readonly reason: RejectReason;
  readonly samples: number;
  readonly series: string | undefined;
  readonly isQuarantined: boolean;
}

export class Journal {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #state: DeliveryState = { lastError: '', lastErrorMs: undefined, lastSuccessMs: undefined, requests: 0, wireBytes: 0, specimens: [] };
  #logDueMs = Number.NEGATIVE_INFINITY;
  /** Bodies accepted so far. */
  accepted = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  state(): DeliveryState {
    return this.#state;
  }

  requested(wireBytes: number): void {
    this.#state = { ...this.#state, requests: this.#state.requests + 1, wireBytes: this.#state.wireBytes + wireBytes };
  }

  succeeded(): void {
    this.accepted++;
    this.#state = { ...this.#state, lastSuccessMs: this.#clock.nowMs() };
  }

  delayed(answer: Answer, reason: RetryReason, samples: number): void {
    this.#note(answer, { reason, samples, series: undefined });
  }

  refused(answer: Answer, refusal: Refusal): void {
    const { reason, samples, series, isQuarantined } = refusal;
    this.#note(answer, refusal);
    if (this.#clock.monotonicMs() < this.#logDueMs) return;
    this.#logDueMs = this.#clock.monotonicMs() + REJECT_LOG_INTERVAL_MS;
    const text = isQuarantined ? 'receiver refused samples; they are kept in quarantine' : 'receiver refused samples for good; they are dropped and counted';
    this.#logger.error(text, { reason, samples, ...(series === undefined ? {} : { series }), error: answer.message });
  }

  #note(answer: Answer, { reason, samples, series }: Pick<Specimen, 'reason' | 'samples' | 'series'>): void {
    const atMs = this.#clock.nowMs();
    const specimen: Specimen = { status: statusOf(answer), reason, samples, atMs, body: answer.body === '' ? answer.message : answer.body, series };
    const others = this.#state.specimens.filter((one) => one.reason !== reason);
    this.#state = {
      ...this.#state, specimens: [specimen, ...others].slice(0, SPECIMENS_MAX), lastError: answer.message === '' ? this.#state.lastError : answer.message, lastErrorMs: atMs,
    };
  }
}

/** 0 when there was no answer. */
export function statusOf({ outcome }: Answer): number {
  return typeof outcome === 'object' && 'status' in outcome ? outcome.status : 0;
}
