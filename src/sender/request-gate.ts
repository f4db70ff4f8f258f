// The gate of a destination (contract in gate.ts): every request of either lane passes it, first try or repetition. It joins the policies, each
// of which answers one question and knows nothing of the others:
//
//     breaker      may anything be sent, or is it time for one small probe?
//     concurrency  how many requests at a time?
//     pacer        may this one go now, by items, requests and bytes a second?
//     link rate    how long may it take, and how large should a body be?
//     clock guard  what does the receiver's clock say?
//
// Live requests go before those of the backlog. Whoever waits is woken by every answer and asks again.

import type { DestinationSettings } from '../destinations/config.ts';
import type { Profile } from '../destinations/profile.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Logger } from '../telemetry/logger.ts';
import { fullJitter, type BackoffRange } from '../io/backoff.ts';
import { Breaker } from './breaker.ts';
import { ClockGuard } from './clock-guard.ts';
import { Concurrency } from './concurrency.ts';
import { RateMeter } from './forecast.ts';
import type { Admission, Gate, Lane, RequestWeight } from './gate.ts';
import type { Answer } from './link.ts';
import { LinkRate } from './link-rate.ts';
import { Pacer } from './pace.ts';
import type { DestinationState } from './state.ts';
import type { Verdict } from './verdict.ts';
import { Waits } from './waits.ts';

/** Bytes of a body before compression, at most: a quarter of what VictoriaMetrics and Prometheus accept. */
const RAW_BYTES_MAX = 8 * 1024 ** 2;
/** Below it headers and labels weigh more than samples, whatever the bandwidth cap. Bytes. */
const RAW_BYTES_MIN = 64 * 1024;
/** A pause for the pace is cut into pieces of this length, so that a changed limit or schedule acts soon. Milliseconds. */
const PACE_STEP_MS = 1000;
/** A probe has so few compressed bytes at most. */
const PROBE_BYTES_MAX = 16 * 1024;
/** Weight of the last body in the ratio of compression. */
const NEW_RATIO_SHARE = 0.2;
/** So many answers 429 in a row are met with the shortest pause: finding the limit takes a few. */
const PATIENT_LIMITS = 20;

export interface RequestGateOptions {
  readonly settings: DestinationSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly isStopping: () => boolean;
}

export type GateState = Pick<DestinationState, 'retryAtMs' | 'pace' | 'concurrency' | 'linkBytesPerSecond' | 'clockSkewSeconds'> & {
  readonly state: 'sending' | 'retrying' | 'parked';
};

export class RequestGate implements Gate {
  readonly guard: ClockGuard;
  readonly #options: RequestGateOptions;
  #settings: DestinationSettings;
  readonly #waits: Waits;
  readonly #breaker: Breaker;
  readonly #pacer: Pacer;
  readonly #concurrency: Concurrency;
  #linkRate = new LinkRate();
  /** Milliseconds that answered requests took. */
  readonly #answerMs: RateMeter;
  readonly #inFlight: { [K in Lane]: number } = { live: 0, backfill: 0 };
  /** Live requests that wait, for whatever reason. */
  #liveWaiting = 0;
  /** One of them waits for others to end: the next place is its. */
  #liveWantsPlace = false;
  #status: 'sending' | 'retrying' | 'parked' = 'sending';
  /** Monotonic time before which a receiver that limits the rate is left alone. */
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  /** Answers 429 in a row. */
  #limitedInRow = 0;
  /** Bytes before compression for one byte after it, over the last bodies. */
  #ratio = 8;

  constructor(options: RequestGateOptions) {
    const { settings, clock, random, logger } = options;
    this.#options = options;
    this.#settings = settings;
    this.#waits = new Waits(clock);
    this.#breaker = new Breaker({ clock, random, ...backoffOf(settings) });
    this.#pacer = new Pacer(clock, settings.pace, { initialItemsPerSecond: undefined, backfillShare: settings.backfill.share });
    this.#concurrency = new Concurrency(settings.maxConcurrency);
    this.#answerMs = new RateMeter(clock);
    this.guard = new ClockGuard({ clock, logger, isEnabled: settings.clockGuard });
  }

  async admit(weight: RequestWeight, giveUpAtMs = Number.POSITIVE_INFINITY): Promise<Admission> {
    const { clock } = this.#options;
    let isWaiting = false;
    try {
      for (;;) {
        const waitMs = this.#tryAdmit(weight);
        if (typeof waitMs === 'string') return waitMs;
        if (clock.monotonicMs() + (waitMs ?? 0) >= giveUpAtMs) return 'stop';
        if (weight.lane === 'live' && !isWaiting) {
          isWaiting = true;
          this.#liveWaiting++;
        }
        if (weight.lane === 'live') this.#liveWantsPlace = waitMs === undefined;
        await this.#waits.wait(waitMs === undefined ? finite(giveUpAtMs - clock.monotonicMs()) : Math.min(waitMs, giveUpAtMs - clock.monotonicMs()));
      }
    } finally {
      if (isWaiting) {
        this.#liveWaiting--;
        this.#liveWantsPlace = false;
        this.#pacer.cancel(weight.lane);
        // Whoever let it go first looks again.
        this.wake();
      }
    }
  }

  /** The admission, or how long to wait before asking again; undefined: until something happens. */
  #tryAdmit(weight: RequestWeight): Admission | number | undefined {
    const { signal, isStopping, clock } = this.#options;
    const breakerMs = this.#breaker.waitMs();
    const isOpen = this.#breaker.isOpen;
    if (signal.aborted || (isOpen && isStopping())) return 'stop';
    if (breakerMs > 0) return breakerMs;
    const pauseMs = this.#pausedUntilMs - clock.monotonicMs();
    if (pauseMs > 0) return isStopping() ? 'stop' : pauseMs;
    const busy = this.#busy;
    if (isOpen && (busy > 0 || (weight.lane === 'backfill' && this.#liveWaiting > 0))) return undefined;
    if (busy >= this.#concurrency.limit) return undefined;
    if (weight.lane === 'backfill' && this.#liveWantsPlace) return undefined;
    const paceMs = this.#pacer.take(weight);
    if (paceMs > 0) return Math.min(paceMs, PACE_STEP_MS);
    this.#inFlight[weight.lane]++;
    this.#concurrency.started();
    return isOpen ? 'probe' : 'go';
  }

  answered(weight: RequestWeight, answer: Answer, verdict: Verdict): void {
    this.#inFlight[weight.lane]--;
    const ms = answer.seconds * 1000;
    if (answer.dateMs !== undefined) this.guard.observe({ dateMs: answer.dateMs, receivedAtMs: answer.receivedAtMs, roundTripMs: ms });
    if (verdict.action !== 'retry') this.#worked(weight, ms, verdict);
    else if (verdict.reason === 'rate_limit') this.#limited(weight, ms, answer);
    else this.#failed(weight, ms, answer, verdict);
    this.wake();
  }

  /** The link carried the request and the receiver decided. */
  #worked(weight: RequestWeight, ms: number, verdict: Verdict): void {
    if (this.#status !== 'sending') this.#options.logger.info('delivering again');
    this.#status = 'sending';
    this.#limitedInRow = 0;
    this.#breaker.succeeded();
    this.#ratio = this.#ratio * (1 - NEW_RATIO_SHARE) + (weight.rawBytes / Math.max(1, weight.bytes)) * NEW_RATIO_SHARE;
    this.#answerMs.add(ms);
    this.#linkRate.answered({ bytes: weight.bytes, ms, concurrent: this.#busy + 1 });
    this.#concurrency.ended({ latencyMs: ms, bytes: weight.bytes, outcome: 'good' });
    if (verdict.action === 'done' || verdict.action === 'deduplicated') this.#pacer.accepted(weight.items);
  }

  /** The link works, and the receiver wants less of it. */
  #limited(weight: RequestWeight, ms: number, answer: Answer): void {
    const { clock, random } = this.#options;
    this.#status = 'retrying';
    this.#breaker.succeeded();
    this.#concurrency.ended({ latencyMs: ms, bytes: weight.bytes, outcome: 'good' });
    const refillMs = this.#pacer.limited(weight.items);
    const range = backoffOf(this.#settings);
    // The receiver's own word, else what the pace needs; a receiver that goes on refusing is left alone for longer.
    const backoffMs = this.#limitedInRow++ < PATIENT_LIMITS ? refillMs : fullJitter(range, this.#limitedInRow, random);
    const pauseMs = answer.retryAfterMs === undefined ? backoffMs : answer.retryAfterMs + fullJitter(range, 0, random);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, clock.monotonicMs() + pauseMs);
  }

  #failed(weight: RequestWeight, ms: number, answer: Answer, verdict: RetryVerdict): void {
    const { logger } = this.#options;
    const isParked = verdict.pace === 'park';
    const status = isParked ? 'parked' : 'retrying';
    if (status !== this.#status) logger.warn(isParked ? 'delivery is parked until somebody changes something; samples stay on disk' : 'cannot deliver; trying again', { error: answer.message });
    this.#status = status;
    const isLink = typeof answer.outcome === 'object' && 'error' in answer.outcome;
    this.#breaker.failed(verdict.pace, answer.retryAfterMs, ms);
    this.#concurrency.ended({ latencyMs: ms, bytes: weight.bytes, outcome: isLink ? 'failed' : 'overload' });
    // 408 and 499 are a body that took too long, too: the next ones are smaller.
    // Where not even a connection came about, the receiver is not slow but out of reach.
    if (isLink || verdict.reason === 'timeout') this.#linkRate.failed(verdict.reason === 'timeout' && answer.sentBody);
  }

  abandoned(weight: RequestWeight): void {
    this.#inFlight[weight.lane]--;
    this.#concurrency.ended({ latencyMs: 0, bytes: weight.bytes, outcome: 'failed' });
    this.wake();
  }

  itemsMax(): number {
    return this.#pacer.itemsMax();
  }

  rawBytesMax(lane: Lane): number {
    const paced = Math.max(RAW_BYTES_MIN, this.#pacer.bytesMax() * this.#ratio);
    return this.#linkRate.rawBytesMax(lane, this.#ratio, Math.min(RAW_BYTES_MAX, paced));
  }

  timeoutMs(bytes: number): number {
    return this.#linkRate.timeoutMs(bytes, this.#settings.remoteTimeoutMs, this.#breaker.isOpen && bytes <= PROBE_BYTES_MAX);
  }

  /** New limits and credentials: what waits for a retry does not wait any longer. */
  update(settings: DestinationSettings, profile: Profile): void {
    if (settings.url !== this.#settings.url) this.#forget();
    this.#settings = settings;
    this.#pacer.update(settings.pace, { initialItemsPerSecond: profile.itemsPerSecond, backfillShare: settings.backfill.share });
    this.#concurrency.update(settings.maxConcurrency);
    this.guard.update(settings.clockGuard);
    this.#breaker.reset(backoffOf(settings));
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
    this.wake();
  }

  /** Another receiver has another limit, another clock and another way to it. */
  #forget(): void {
    this.#linkRate = new LinkRate();
    this.#limitedInRow = 0;
    this.#pacer.forget();
    this.guard.forget();
  }

  state(): GateState {
    const { clock } = this.#options;
    const monotonicMs = clock.monotonicMs();
    const waitMs = Math.max(this.#breaker.waitMs(), this.#pausedUntilMs - monotonicMs);
    return {
      state: this.#status,
      retryAtMs: this.#status !== 'sending' && waitMs > 0 ? clock.nowMs() + waitMs : undefined,
      pace: this.#pacer.state(),
      concurrency: this.#concurrency.limit,
      linkBytesPerSecond: this.#linkRate.bytesPerSecond,
      clockSkewSeconds: this.guard.skewMs === undefined ? undefined : this.guard.skewMs / 1000,
    };
  }

  get #busy(): number {
    return this.#inFlight.live + this.#inFlight.backfill;
  }

  get concurrency(): number {
    return this.#concurrency.limit;
  }

  get linkBytesPerSecond(): number | undefined {
    return this.#linkRate.bytesPerSecond;
  }

  /** Share of the last minute in which requests were under way that were answered; above 1 where several are at a time. */
  get linkBusyShare(): number {
    return this.#answerMs.perSecond() / 1000;
  }

  inFlight(lane: Lane): number {
    return this.#inFlight[lane];
  }

  /** Whoever waits asks again. */
  wake(): void {
    this.#waits.wakeAll();
  }
}

type RetryVerdict = Extract<Verdict, { readonly action: 'retry' }>;

function backoffOf({ queue }: DestinationSettings): BackoffRange {
  return { minMs: queue.minBackoffMs, maxMs: queue.maxBackoffMs };
}

function finite(ms: number): number | undefined {
  return Number.isFinite(ms) ? ms : undefined;
}
