// One body until every sample in it has a verdict. Repeats it as long as the receiver may still take it, changes the codec on proof, cuts it
// where it is too large or something in it is refused, and gives up only what was refused for good or has become too old. What it
// decides with is in verdict.ts; the order of samples holds, because the next body waits until this one is through.

import type { Codec, Profile } from '../destinations/profile.ts';
import { findProfile, profileAfter } from '../destinations/profile.ts';
import type { DestinationSettings } from '../destinations/config.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Logger } from '../telemetry/logger.ts';
import { equalJitter, fullJitter, SLOW_BACKOFF } from './backoff.ts';
import { encodeBody, expandBody, transcodeBody, type Body } from './body.ts';
import { CodecChoice } from './codec.ts';
import type { Answer, Link } from './link.ts';
import { countRequest, halveRequest, splitRequest, type RequestPiece } from './split.ts';
import type { DestinationMetrics, LossLabel } from './telemetry.ts';
import { findVerdict, type DropReason, type Verdict } from './verdict.ts';
import type { Waits } from './waits.ts';

/**
 * Cuts per body. 24 lead to one bad series anywhere in a body, whichever half it is in; when by then nothing of the body was accepted, the receiver refuses
 * everything and is spared the rest. Otherwise 64, enough for three bad series. Beyond that, what is refused is dropped whole, and what is too large waits.
 */
const CUTS_MAX = { whileNothingAccepted: 24, inAll: 64 };
/** A learned size limit is doubled after an hour without 413, until it is this far above any body. */
const CEILING_STEP_MS = 3_600_000;
const CEILING_MAX_BYTES = 64 * 1024 ** 2;
/** One log line a minute about refused samples; the counters have all of them. */
const REJECT_LOG_INTERVAL_MS = 60_000;

/** The last answer that cost samples. */
export interface Specimen {
  readonly status: number;
  readonly reason: DropReason;
  readonly samples: number;
  readonly atMs: number;
  /** First 4 KiB of the answer. */
  readonly body: string;
}

export interface DeliveryState {
  readonly status: 'sending' | 'retrying' | 'parked';
  readonly lastError: string;
  readonly lastErrorMs: number | undefined;
  readonly lastSuccessMs: number | undefined;
  /** Wall time of the next try; undefined while none is waited for. */
  readonly retryAtMs: number | undefined;
  readonly requests: number;
  readonly wireBytes: number;
  readonly specimen: Specimen | undefined;
}

export interface DeliveryResult {
  /** False when it was given up for now: nothing may be settled. */
  readonly isComplete: boolean;
  /** With exemplars, as the stream counts them. */
  readonly rejectedSamples: number;
  readonly expiredSamples: number;
}

export interface DeliveryOptions {
  readonly link: Link;
  readonly settings: DestinationSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly waits: Waits;
  /** Aborts requests in flight. */
  readonly signal: AbortSignal;
  /** Asked before every wait: true ends the delivery where it is. */
  readonly isStopping: () => boolean;
}

/** How one piece ended. */
type PieceEnd = Extract<Verdict, { readonly action: 'done' | 'halve' | 'bisect' | 'drop' }> | { readonly action: 'expired' } | { readonly action: 'left' };

interface Piece {
  readonly body: Body;
  /** Cut from a body that had been refused in zstd and snappy alike: only snappy is tried. */
  readonly onlySnappy: boolean;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  #settings: DestinationSettings;
  #metrics: DestinationMetrics;
  #profile: Profile;
  #codecs: CodecChoice;
  #ceiling: { bytes: number; atMs: number } | undefined;
  #state: DeliveryState = {
    status: 'sending', lastError: '', lastErrorMs: undefined, lastSuccessMs: undefined, retryAtMs: undefined, requests: 0, wireBytes: 0, specimen: undefined,
  };
  #rejectLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: DeliveryOptions, metrics: DestinationMetrics) {
    this.#options = options;
    this.#settings = options.settings;
    this.#metrics = metrics;
    this.#profile = findProfile(options.settings.profile, options.settings.url);
    this.#codecs = new CodecChoice(this.#profile.codecs, options.clock);
  }

  /** What was learned about the receiver is forgotten when the address or the profile changes. */
  update(settings: DestinationSettings, metrics: DestinationMetrics): void {
    const isSame = settings.url === this.#settings.url && settings.profile === this.#settings.profile;
    this.#settings = settings;
    this.#metrics = metrics;
    if (isSame) return;
    this.#profile = findProfile(settings.profile, settings.url);
    this.#codecs = new CodecChoice(this.#profile.codecs, this.#options.clock);
    this.#ceiling = undefined;
  }

  state(): DeliveryState {
    return this.#state;
  }

  profile(): Profile {
    return this.#profile;
  }

  codec(): Codec {
    return this.#codecs.inUse();
  }

  /**
   * Compresses a request, cut to the receiver's known limits. `bytes` need to be valid only until the first body is taken. `exemplars`: at most
   * so many are in it. Returns how many the bodies account for.
   */
  *bodies(bytes: Uint8Array, raw: { readonly samples: number; readonly newestMs: number; readonly exemplars: number }): Generator<Body, number> {
    const { samples, newestMs } = raw;
    const limits = { bytes: this.#ceilingBytes(), items: this.#settings.queue.maxSamplesPerSend ?? this.#profile.itemsPerBody ?? Number.POSITIVE_INFINITY };
    if (bytes.length <= limits.bytes && samples + raw.exemplars <= limits.items) {
      yield encodeBody(bytes, this.#codecs.next(), { samples, exemplars: raw.exemplars, metadata: 0, newestMs });
      return raw.exemplars;
    }
    let counted = 0;
    for (const piece of splitRequest(bytes, limits)) {
      const exemplars = Math.min(piece.exemplars, raw.exemplars - counted);
      counted += exemplars;
      yield encodeBody(piece.bytes, this.#codecs.next(), { samples: piece.samples, exemplars, metadata: 0, newestMs });
    }
    return counted;
  }

  /** Resolves when the body is through, or given up for now; after `giveUpAtMs` (monotonic) no further try is made. Never rejects. */
  async deliver(body: Body, giveUpAtMs = Number.POSITIVE_INFINITY): Promise<DeliveryResult> {
    const pending: Piece[] = [{ body, onlySnappy: false }];
    let cuts = 0;
    let cutsMax = CUTS_MAX.whileNothingAccepted;
    let rejectedSamples = 0;
    let expiredSamples = 0;
    for (let piece = pending.pop(); piece !== undefined; piece = pending.pop()) {
      const { end, answer, body: sent } = await this.#untilEnd(piece, cuts < cutsMax && this.#mayCut(piece.body, cutsMax), giveUpAtMs);
      if (end.action === 'left') return { isComplete: false, rejectedSamples, expiredSamples };
      if (end.action === 'expired') {
        const lost = exactly(sent);
        expiredSamples += lost.samples + lost.exemplars;
        this.#metrics.rejected('expired', lost);
        continue;
      }
      if (end.action === 'done') {
        cutsMax = CUTS_MAX.inAll;
        continue;
      }
      const parts = end.action === 'drop' || cuts >= cutsMax ? undefined : this.#cut(sent, end.action);
      cuts++;
      if (parts === undefined) {
        const lost = exactly(sent);
        rejectedSamples += lost.samples + lost.exemplars;
        this.#reject(lost, end.reason, answer);
      } else {
        for (const part of parts.toReversed()) pending.push({ body: part, onlySnappy: sent.codec === 'snappy' });
      }
    }
    return { isComplete: true, rejectedSamples, expiredSamples };
  }

  /** A single series that is too large is dropped only where others were accepted: else it is the receiver that is set up wrongly. */
  #mayCut(body: Body, cutsMax: number): boolean {
    const isSingle = body.samples + body.exemplars + body.metadata <= 1;
    return !isSingle || cutsMax === CUTS_MAX.inAll || this.#state.lastSuccessMs !== undefined;
  }

  /** Counts samples that could not be made into a request. */
  giveUpUnreadable(samples: number): void {
    this.#metrics.rejected('unreadable', { samples, exemplars: 0, metadata: 0 });
  }

  /** Tries until the answer is more than "again". `mayCut`: otherwise what is too large waits as if it had been refused. */
  async #untilEnd(piece: Piece, mayCut: boolean, giveUpAtMs: number): Promise<{ end: PieceEnd; body: Body; answer: Answer | undefined }> {
    let codecs = this.#codecs;
    let refusedInZstd = false;
    let { body } = piece;
    for (let retries = 0; ; ) {
      if (this.#isExpired(body)) return { end: { action: 'expired' }, body, answer: undefined };
      if (codecs !== this.#codecs) {
        // Another receiver: what the former one said about the codec does not count.
        codecs = this.#codecs;
        refusedInZstd = false;
      }
      body = transcodeBody(body, refusedInZstd || piece.onlySnappy ? 'snappy' : codecs.next());
      const answer = await this.#attempt(body, retries);
      if (answer.outcome === 'aborted') return { end: { action: 'left' }, body, answer };
      const verdict = patient(findVerdict(answer.outcome, { codec: body.codec, profile: this.#profile }), mayCut);
      if (verdict.action === 'codec') {
        refusedInZstd = true;
        continue;
      }
      if (verdict.action !== 'retry') {
        this.#receiverAnswered(body, verdict.action === 'done');
        // An answer of the former address teaches nothing about the present one.
        if (verdict.action === 'done' && codecs === this.#codecs) this.#learnCodec(body, refusedInZstd);
        return { end: verdict, body, answer };
      }
      if ('error' in answer.outcome) codecs.reconnected();
      if (!(await this.#waitForRetry(verdict, answer, body, retries, giveUpAtMs))) return { end: { action: 'left' }, body, answer };
      retries++;
    }
  }

  async #attempt(body: Body, retries: number): Promise<Answer> {
    this.#metrics.attempted(body);
    this.#state = { ...this.#state, retryAtMs: undefined };
    const answer = await this.#options.link.post(body, retries, this.#options.signal);
    if (answer.outcome === 'aborted') return answer;
    this.#metrics.answered('error' in answer.outcome ? answer.outcome.error : String(answer.outcome.status), answer.seconds);
    this.#state = { ...this.#state, requests: this.#state.requests + 1, wireBytes: this.#state.wireBytes + body.data.length };
    return answer;
  }

  /** The link works and the receiver has decided. */
  #receiverAnswered(body: Body, isAccepted: boolean): void {
    if (this.#state.status !== 'sending') this.#options.logger.info('delivering again');
    this.#state = { ...this.#state, status: 'sending' };
    if (!isAccepted) return;
    this.#state = { ...this.#state, lastSuccessMs: this.#options.clock.nowMs() };
    this.#metrics.delivered(body, body.data.length, body.rawBytes, body.newestMs);
  }

  /** Accepted in snappy what it refused in zstd: that proves the codec. */
  #learnCodec(body: Body, wasRefusedInZstd: boolean): void {
    if (wasRefusedInZstd) return this.#fallBack();
    this.#codecs.accepted(body.codec);
    this.#profile = profileAfter(this.#profile, body.codec);
  }

  #fallBack(): void {
    if (this.#codecs.inUse() !== 'snappy') this.#options.logger.info('receiver refuses zstd and accepts snappy; zstd is tried again later');
    this.#codecs.proveRefused();
    this.#profile = findProfile(this.#settings.profile, this.#settings.url);
    this.#metrics.codecFellBack();
  }

  /** Waits for the next try. False when there will be none. */
  async #waitForRetry(verdict: RetryVerdict, answer: Answer, body: Body, retries: number, giveUpAtMs: number): Promise<boolean> {
    const { clock, logger, waits, isStopping } = this.#options;
    const delayMs = this.#retryDelayMs(verdict, answer, retries);
    const status = verdict.pace === 'slow' ? 'parked' : 'retrying';
    if (this.#state.status !== status) logger.warn(status === 'parked' ? 'destination refuses; samples wait on disk' : 'delivery fails; retrying', { error: answer.message });
    this.#metrics.retried(verdict.reason, body);
    this.#state = { ...this.#state, status, lastError: answer.message, lastErrorMs: clock.nowMs(), retryAtMs: clock.nowMs() + delayMs };
    if (isStopping() || clock.monotonicMs() + delayMs > giveUpAtMs) return false;
    await waits.wait(delayMs);
    return !isStopping();
  }

  #retryDelayMs(verdict: RetryVerdict, answer: Answer, retries: number): number {
    const { random } = this.#options;
    const { minBackoffMs: minMs, maxBackoffMs: maxMs } = this.#settings.queue;
    // The smallest step on top, so that the collectors of a region do not come back in the same instant.
    if (answer.retryAfterMs !== undefined) return answer.retryAfterMs + fullJitter({ minMs, maxMs }, 0, random);
    return verdict.pace === 'slow' ? equalJitter(SLOW_BACKOFF, retries, random) : fullJitter({ minMs, maxMs }, retries, random);
  }

  #isExpired(body: Body): boolean {
    const { sampleAgeLimitMs } = this.#settings.queue;
    return sampleAgeLimitMs > 0 && body.newestMs !== undefined && body.newestMs < this.#options.clock.nowMs() - sampleAgeLimitMs;
  }

  /** Smaller bodies with the same samples; undefined when there is only one item left. A size that was too large is remembered. */
  #cut(body: Body, action: 'halve' | 'bisect'): Body[] | undefined {
    const bytes = expandBody(body);
    const pieces = halveRequest(bytes);
    if (pieces === undefined) return undefined;
    if (action === 'halve') this.#ceiling = { bytes: Math.max(1, Math.ceil(body.rawBytes / 2)), atMs: this.#options.clock.monotonicMs() };
    this.#metrics.split();
    return pieces.map((piece) => encodeBody(piece.bytes, body.codec, contentOf(piece, body)));
  }

  /** Bytes a body may have before compression, learned from 413. Grows back, as the proxy that set the limit may be gone. */
  #ceilingBytes(): number {
    if (this.#ceiling === undefined) return Number.POSITIVE_INFINITY;
    const nowMs = this.#options.clock.monotonicMs();
    while (nowMs - this.#ceiling.atMs >= CEILING_STEP_MS) {
      if (this.#ceiling.bytes >= CEILING_MAX_BYTES) {
        this.#ceiling = undefined;
        return Number.POSITIVE_INFINITY;
      }
      this.#ceiling = { bytes: this.#ceiling.bytes * 2, atMs: this.#ceiling.atMs + CEILING_STEP_MS };
    }
    return this.#ceiling.bytes;
  }

  #reject(body: Body, reason: DropReason, answer: Answer | undefined): void {
    const { clock, logger } = this.#options;
    const label: LossLabel = reason;
    this.#metrics.rejected(label, body);
    const outcome = answer?.outcome;
    const status = typeof outcome === 'object' && 'status' in outcome ? outcome.status : 0;
    const specimen = { status, reason, samples: body.samples, atMs: clock.nowMs(), body: answer?.body ?? '' };
    this.#state = { ...this.#state, specimen, lastError: answer?.message ?? '', lastErrorMs: clock.nowMs() };
    if (clock.monotonicMs() - this.#rejectLoggedMs < REJECT_LOG_INTERVAL_MS) return;
    this.#rejectLoggedMs = clock.monotonicMs();
    logger.error('receiver refused samples for good; they are dropped and counted', { reason, samples: body.samples, error: answer?.message ?? '' });
  }
}

type RetryVerdict = Extract<Verdict, { readonly action: 'retry' }>;

/** A body with the exemplars that are really in it: before it is cut only the sum over a batch is known. In a stream each of them counts as one sample. */
function exactly(body: Body): Body {
  return body.exemplars === 0 ? body : { ...body, exemplars: countRequest(expandBody(body)).exemplars };
}

/** A receiver that finds every size too large is set up wrongly; that is no reason to lose samples. */
function patient(verdict: Verdict, mayCut: boolean): Verdict {
  return verdict.action === 'halve' && !mayCut ? { action: 'retry', pace: 'slow', reason: 'refused' } : verdict;
}

function contentOf(piece: RequestPiece, body: Body): { samples: number; exemplars: number; metadata: number; newestMs: number | undefined } {
  const metadata = body.metadata > 0 ? piece.items : 0;
  return { samples: piece.samples, exemplars: piece.exemplars, metadata, newestMs: body.newestMs };
}
