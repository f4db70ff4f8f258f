// One body until every sample in it has a verdict. It is a list of pieces, at first one; the front piece is tried once, and depending on the
// answer it is done, tried again, cut, kept aside or given up. What an answer means is in verdict.ts, when the next try goes out is decided by the gate.
//
// Order: a piece is followed by the next one only when it is through, so the samples of a series arrive in order. The one exception are pieces that
// share no series: those of a body that alone keeps being refused take turns, so that one of them does not hold up the others.

import type { Protocol } from '../destinations/profile.ts';
import { singleSeriesText } from '../wire/series-text.ts';
import { encodePiece, expandBody, transcodeBody, type Body } from './body.ts';
import type { Admission, RequestWeight } from './gate.ts';
import { statusOf } from './journal.ts';
import type { Answer } from './link.ts';
import { newPiece, type Piece, type Tried } from './piece.ts';
import { countedBy, exactly, itemsOf, minus, NOTHING, oneOf } from './items.ts';
import type { DeliverOptions, DeliveryResult, ShipmentContext } from './shipment-context.ts';
import { countRequest, halveRequest, halveSeries, splitFirst, splitLastSeries, splitRequest, type RequestPiece } from './split.ts';
import { isHopeless, isStuck, putOffAgain } from './stuck.ts';
import type { SentItems } from './telemetry.ts';
import { findVerdict, mayHaveStored, unwritten, type Outcome, type RejectReason, type RetryReason, type Verdict } from './verdict.ts';

/**
 * Cuts per body. 24 lead to one bad series anywhere in a body, whichever half it is in; when by then nothing of the body was accepted, the receiver refuses
 * everything and is spared the rest. Otherwise 64, enough for three bad series. Beyond that, what is refused is kept aside whole, and what is too large waits.
 */
const CUTS_MAX = { whileNothingAccepted: 24, inAll: 64 };
/** A receiver that took something so short ago does not refuse everything. Milliseconds. */
const TAKING_MS = 600_000;
/** A receiver that may be ill is asked with so little, bytes before compression: it answers quickly, and little is lost when it does not. */
const PROBE_BYTES_MAX = 16 * 1024;
/** No receiver has a limit below this; a smaller body that was refused and taken in halves was refused for another reason. Bytes before compression. */
const LARGE_BYTES_MIN = 256 * 1024;
/** What suits the link changes with each answer, and a body is a series longer than it should be: only what is much too large is cut again. */
const LINK_TOLERANCE = 2;
/** Items that tell whether a body is stored already. */
const VERIFY_ITEMS = 8;

export class Shipment {
  readonly #context: ShipmentContext;
  readonly #options: DeliverOptions;
  readonly #settled = { deduplicated: 0, rejected: 0, quarantined: 0, expired: 0 };
  #pending: Piece[];
  #cuts = 0;
  #cutsMax = CUTS_MAX.whileNothingAccepted;

  constructor(context: ShipmentContext, body: Body, options: DeliverOptions) {
    this.#context = context;
    this.#options = options;
    this.#pending = [{ ...newPiece(body), mayBeStored: options.isRepetition === true }];
  }

  /** Resolves when the body is through, or given up for now. Fails with WRITE_REQUEST_DAMAGED or ZSTD_MEMORY when a piece cannot be made. */
  async run(): Promise<DeliveryResult> {
    for (let piece = this.#pending.shift(); piece !== undefined; piece = this.#pending.shift()) {
      if (!(await this.#advance(piece))) return { isComplete: false, settled: this.#settled };
    }
    return { isComplete: true, settled: this.#settled };
  }

  /** One step of the front piece. False when the shipment is given up for now. */
  async #advance(piece: Piece): Promise<boolean> {
    if (this.#expire(piece) || this.#fitLimits(piece)) return true;
    const protocol = this.#prepare(piece);
    const { gate, receiver } = this.#context;
    const weight = this.#weight(piece);
    const admission = await gate.admit(weight, this.#options.giveUpAtMs);
    if (admission === 'stop') return false;
    if (receiver() !== piece.knows) {
      // The address has changed meanwhile.
      gate.abandoned(weight);
      this.#pending.unshift(piece);
      return true;
    }
    const sent = this.#probePiece(piece, admission, weight);
    const tried = await this.#try(sent, protocol);
    if (tried === undefined) return false;
    this.#decide(sent, tried);
    return tried.verdict.action !== 'retry' || !this.#context.isStopping();
  }

  #weight({ body }: Piece): RequestWeight {
    return { lane: this.#options.lane, items: itemsOf(body), bytes: body.data.length, rawBytes: body.rawBytes };
  }

  /** Too old to be sent. */
  #expire({ body }: Piece): boolean {
    const { queue, maxAgeMs } = this.#context.settings();
    const limitMs = Math.min(...[queue.sampleAgeLimitMs, maxAgeMs].filter((ms) => ms > 0));
    if (body.newestMs === undefined || body.newestMs >= this.#context.nowMs() - limitMs) return false;
    const lost = exactly(body);
    this.#settled.expired += countedBy(lost);
    this.#context.metrics().rejected('expired', lost);
    return true;
  }

  /** Puts the piece into what it is tried in next. */
  #prepare(piece: Piece): Protocol {
    const wanted = this.#protocolFor(piece);
    piece.body = transcodeBody(piece.body, wanted);
    if (piece.body.message === wanted.message) return wanted;
    // That message cannot say it.
    const protocol = this.#protocolFor(piece);
    piece.body = transcodeBody(piece.body, protocol);
    return protocol;
  }

  #protocolFor(piece: Piece): Protocol {
    const receiver = this.#context.receiver();
    if (piece.knows !== receiver) {
      // Another receiver: what the former one said about the codec does not count.
      piece.knows = receiver;
      piece.refusedIn = [];
      piece.startsAfter = undefined;
    }
    const last = piece.refusedIn.at(-1)?.protocol ?? piece.startsAfter;
    const next = last === undefined ? undefined : receiver.protocols.after(last);
    return next ?? receiver.protocols.next(piece.body.only1);
  }

  /** Cuts a piece that is larger than the receiver is known to take. */
  #fitLimits(piece: Piece): boolean {
    const { gate, receiver } = this.#context;
    const limits = { bytes: Math.min(gate.rawBytesMax(this.#options.lane) * LINK_TOLERANCE, receiver().ceilingBytes()), items: Math.max(1, gate.itemsMax()) };
    if (piece.body.rawBytes <= limits.bytes && itemsOf(piece.body) <= limits.items) return false;
    const parts = splitRequest(expandBody(piece.body), limits);
    if (parts.length < 2) return false;
    this.#pending.unshift(...this.#pieces(piece, parts));
    return true;
  }

  /** A probe is small: the rest of a large piece comes after it. */
  #probePiece(piece: Piece, admission: Admission, weight: RequestWeight): Piece {
    if (admission !== 'probe' || piece.body.rawBytes <= PROBE_BYTES_MAX) return piece;
    try {
      const parts = splitFirst(expandBody(piece.body), { bytes: PROBE_BYTES_MAX, items: Number.POSITIVE_INFINITY });
      if (parts === undefined) return piece;
      const [first, ...rest] = this.#pieces(piece, parts);
      this.#pending.unshift(...rest);
      return first!;
    } catch (error) {
      // No memory, or a body that does not parse: nobody else would end this admission.
      this.#context.gate.abandoned(weight);
      throw error;
    }
  }

  /** Sends a piece. Undefined when the sender stopped meanwhile. */
  async #try(piece: Piece, protocol: Protocol): Promise<Tried | undefined> {
    const { body } = piece;
    const { gate, link, journal, signal } = this.#context;
    const metrics = this.#context.metrics();
    const weight = this.#weight(piece);
    metrics.attempted(body);
    const answer = await link.post(body, { retries: piece.retries, timeoutMs: gate.timeoutMs(body.data.length), signal });
    const { outcome } = answer;
    if (outcome === 'aborted') {
      gate.abandoned(weight);
      return undefined;
    }
    metrics.answered('error' in outcome ? outcome.error : String(outcome.status), answer.seconds);
    journal.requested(body.data.length);
    const verdict = this.#verdict(piece, protocol, { ...answer, outcome });
    gate.answered(weight, answer, verdict);
    if ('error' in outcome) piece.knows!.protocols.reconnected();
    if (mayHaveStored(answer)) {
      piece.mayBeStored = true;
      // Its own refusal tells nothing about the rest any more.
      piece.check = undefined;
    }
    return { answer, verdict, protocol };
  }

  #verdict(piece: Piece, protocol: Protocol, answer: Answer & { readonly outcome: Outcome }): Verdict {
    const receiver = piece.knows!;
    const { profile, protocols } = receiver;
    const { body } = piece;
    const verdict = findVerdict(answer, {
      // A body that 2.0 cannot say goes in 1.0 whatever the choice is.
      message: body.message, codec: body.codec, profile, isProven: protocols.isProven(protocol), hasFallback: protocols.after(protocol) !== undefined,
      rawBytes: body.rawBytes, mayBeStored: piece.mayBeStored, refusesRepeats: this.#refusesRepeats(piece),
    });
    // Exemplars without their samples, and a receiver that takes nothing but 2.0.
    if (statusOf(answer) === 415 && body.only1 && body.samples === 0 && verdict.action === 'retry') return { action: 'reject', reason: 'unprocessable', extent: 'all' };
    if (verdict.action === 'bisect' && this.#refusesEverything()) return { action: 'retry', pace: 'park', reason: 'refused' };
    return verdict.action === 'halve' && !this.#mayGiveUp(body) ? { action: 'retry', pace: 'park', reason: 'refused' } : verdict;
  }

  /** Every part of a body is refused, and lately nothing else was taken either: a gateway that answers 400 to all is no reason to give samples up. */
  #refusesEverything(): boolean {
    return this.#cuts >= this.#cutsMax && this.#hasTakenNothing();
  }

  /** Neither of this body nor, lately, of another one. */
  #hasTakenNothing(): boolean {
    const { lastSuccessMs } = this.#context.journal.state();
    const isTaking = lastSuccessMs !== undefined && this.#context.nowMs() - lastSuccessMs < TAKING_MS;
    return !isTaking && this.#cutsMax === CUTS_MAX.whileNothingAccepted;
  }

  /** A receiver that finds every size too large is set up wrongly; that is no reason to give samples up. */
  #mayGiveUp(body: Body): boolean {
    if (this.#cuts >= this.#cutsMax) return false;
    return itemsOf(body) > 1 || this.#cutsMax === CUTS_MAX.inAll || this.#context.journal.state().lastSuccessMs !== undefined;
  }

  #decide(piece: Piece, { answer, verdict, protocol }: Tried): void {
    const isRefused = verdict.action === 'bisect' || verdict.action === 'verify' || verdict.action === 'reject';
    if (piece.check !== undefined && isRefused) {
      return this.#options.isRepetition === true ? this.#repetitionRefused(piece, piece.check) : this.#checkRefused(piece, piece.check);
    }
    switch (verdict.action) {
      case 'done':
        return this.#accepted(piece, answer, protocol);
      case 'deduplicated':
        if (verdict.extent === 'unwritten') return this.#accepted(piece, answer, protocol);
        // 202 is an answer of success; otherwise it is a refusal.
        if (statusOf(answer) < 300) this.#learn(piece, protocol);
        return this.#deduplicated(piece);
      case 'retry':
        return this.#again(piece, answer, verdict);
      case 'protocol':
        piece.refusedIn = [...piece.refusedIn, { protocol, isPlain: verdict.isPlain }];
        this.#pending.unshift(piece);
        return;
      case 'halve':
        piece.knows!.learnTooLarge(piece.body.rawBytes);
        return this.#cut(piece, answer, verdict.reason, halveRequest);
      case 'bisect':
        return this.#cut(piece, answer, verdict.reason, halveSeries);
      case 'verify':
        return this.#options.isRepetition === true ? this.#verifyRepetition(piece) : this.#verify(piece, answer, verdict.reason);
      case 'reject':
        return this.#reject(piece, answer, verdict);
    }
  }

  #accepted(piece: Piece, answer: Answer, protocol: Protocol): void {
    const { body, cut, check } = piece;
    this.#learn(piece, protocol);
    const missing = answer.written === undefined ? NOTHING : unwritten(exactly(body), answer.written);
    this.#context.metrics().delivered(minus(body, missing), body.data.length, body.rawBytes, body.newestMs);
    this.#notWritten(piece, answer, { ...missing, metadata: 0 });
    if (cut !== undefined && --cut.left === 0 && cut.rawBytes >= LARGE_BYTES_MIN) piece.knows!.learnTooLarge(cut.rawBytes);
    // A bit of the body is taken: it was not stored, and what is refused is in the rest.
    if (this.#options.isRepetition !== true) for (const other of check?.others ?? []) other.mayBeStored = false;
  }

  /** What an earlier try may have stored is not written again. */
  #notWritten(piece: Piece, answer: Answer, items: SentItems): void {
    if (countedBy(items) === 0) return;
    if (!piece.mayBeStored || !this.#refusesRepeats(piece)) return this.#lost(piece, answer, 'not_written', items);
    this.#countDeduplicated(items);
  }

  /** The receiver took the piece. */
  #learn(piece: Piece, protocol: Protocol): void {
    this.#cutsMax = CUTS_MAX.inAll;
    this.#context.journal.succeeded();
    if (piece.knows!.accepted(protocol, piece.refusedIn)) this.#context.metrics().codecFellBack();
  }

  #deduplicated({ body }: Piece): void {
    this.#countDeduplicated(exactly(body));
  }

  #countDeduplicated(items: SentItems): void {
    this.#settled.deduplicated += countedBy(items);
    this.#context.metrics().deduplicated(items);
  }

  #again(piece: Piece, answer: Answer, { pace, reason }: Extract<Verdict, { readonly action: 'retry' }>): void {
    piece.retries++;
    this.#context.metrics().retried(reason, piece.body);
    this.#context.journal.delayed(answer, reason, piece.body.samples);
    if (statusOf(answer) !== 0 && pace === 'fast') this.#notePutOff(piece, reason);
    else if (piece.suspect === undefined) piece.putOff = undefined;
    if (!this.#sortStuck(piece, answer, reason)) this.#takeTurns(piece);
  }

  #notePutOff(piece: Piece, reason: RetryReason): void {
    const { journal, monotonicMs } = this.#context;
    piece.putOff = putOffAgain(piece, reason, { accepted: journal.accepted, nowMs: monotonicMs() });
  }

  /** Cuts a piece that seems to be the reason itself, or keeps it aside when it cannot be cut. False when it is neither. */
  #sortStuck(piece: Piece, answer: Answer, reason: RetryReason): boolean {
    const now = { accepted: this.#context.journal.accepted, nowMs: this.#context.monotonicMs() };
    if (!isStuck(piece, reason, now)) return false;
    const parts = this.#cuts < this.#cutsMax ? halveSeries(expandBody(piece.body)) : undefined;
    if (parts !== undefined) {
      this.#noteCut();
      const fresh = { suspect: piece.suspect ?? { accepted: now.accepted }, putOff: { count: 0, sinceMs: now.nowMs, accepted: now.accepted } };
      this.#pending.unshift(...this.#pieces(piece, parts).map((part) => ({ ...part, ...fresh })));
      return true;
    }
    if (!isHopeless(piece, reason, now)) return false;
    this.#setAside(piece, answer, reason === 'rate_limit' ? 'rate_limit' : 'server_error');
    return true;
  }

  /** Tries it again: next, or when the other suspects had their turn. */
  #takeTurns(piece: Piece): void {
    let at = 0;
    if (piece.suspect !== undefined) while (this.#pending[at]?.suspect === piece.suspect) at++;
    this.#pending.splice(at, 0, piece);
  }

  /**
   * Was refused, and may be stored: a small bit of it tells which. With one sample per series there is nothing to tell, because the newest sample
   * of a series may be repeated.
   */
  #verify(piece: Piece, answer: Answer, reason: RejectReason): void {
    const bytes = expandBody(piece.body);
    const { series, items } = countRequest(bytes);
    if (items <= series) return this.#cut({ ...piece, mayBeStored: false }, answer, reason, halveSeries);
    const parts = splitFirst(bytes, { bytes: Number.POSITIVE_INFINITY, items: VERIFY_ITEMS });
    if (parts === undefined) return series === 1 ? this.#deduplicated(piece) : this.#cut(piece, answer, reason, halveSeries);
    const [first, ...rest] = parts.map((part) => this.#pieces(piece, [part]));
    const following = rest.flat();
    const check = following.length === 1 && first!.length === 1 ? { others: following, isLast: false } : undefined;
    this.#pending.unshift(...first!.map((one) => ({ ...one, check })), ...following);
  }

  /** One sample per series, refused: stored already, in part or wholly. Both ends tell; what is refused alone is stored. */
  #verifyRepetition(piece: Piece): void {
    const bytes = expandBody(piece.body);
    const { series } = countRequest(bytes);
    if (series <= 1) return this.#deduplicated(piece);
    if (series <= 2 * VERIFY_ITEMS) return void this.#pending.unshift(...this.#pieces(piece, halveSeries(bytes) ?? []));
    const [first, ...rest] = splitFirst(bytes, { bytes: Number.POSITIVE_INFINITY, items: VERIFY_ITEMS }) ?? [];
    const others = this.#pieces(piece, rest.flatMap((part) => splitFirst(part.bytes, { bytes: Number.POSITIVE_INFINITY, items: part.items - VERIFY_ITEMS }) ?? [part]));
    const [bit] = first === undefined ? [] : this.#pieces(piece, [first]);
    if (bit === undefined || others.length < 2) return void this.#pending.unshift(...this.#pieces(piece, halveSeries(bytes) ?? []));
    this.#pending.unshift({ ...bit, check: { others, isLast: false } }, ...others);
  }

  /** An end of a repetition is refused: so is the other one, or the piece holds both kinds. */
  #repetitionRefused(piece: Piece, { others, isLast }: NonNullable<Piece['check']>): void {
    this.#pending = this.#pending.filter((other) => !others.includes(other));
    const end = others.at(-1);
    if (isLast || end === undefined) {
      for (const stored of [piece, ...others]) this.#deduplicated(stored);
      return;
    }
    const between = [{ ...piece, check: undefined }, ...others.slice(0, -1)];
    this.#pending.unshift({ ...end, check: { others: between, isLast: true } }, ...between);
  }

  /** A bit of the body is refused, too. It may just hold the bad series, so the other end is asked; refused there as well, the body is stored. */
  #checkRefused(piece: Piece, { others, isLast }: NonNullable<Piece['check']>): void {
    this.#pending = this.#pending.filter((other) => !others.includes(other));
    const [rest] = others;
    const parts = isLast || rest === undefined ? undefined : splitLastSeries(expandBody(rest.body), VERIFY_ITEMS, expandBody(piece.body));
    if (rest === undefined || parts === undefined) {
      for (const stored of [piece, ...others]) this.#deduplicated(stored);
      return;
    }
    const [bit, ...more] = this.#pieces(rest, [parts.first]);
    const following = [{ ...piece, check: undefined }, ...more, ...this.#pieces(rest, parts.rest)];
    this.#pending.unshift({ ...bit!, check: { others: following, isLast: true } }, ...following);
  }

  /** Tries the parts of a piece; what cannot be cut, or no more, is kept aside. */
  #cut(piece: Piece, answer: Answer, reason: RejectReason, cut: (bytes: Uint8Array) => RequestPiece[] | undefined): void {
    const parts = this.#cuts < this.#cutsMax ? cut(expandBody(piece.body)) : undefined;
    if (parts === undefined) {
      if (piece.mayBeStored && cut === halveSeries && this.#refusesRepeats(piece)) return this.#deduplicated(piece);
      if (cut !== halveSeries || this.#cuts === 0 || !this.#hasTakenNothing()) return this.#setAside(piece, answer, reason);
      // Alone it is refused, but so was everything else up to now: the others tell whether it is this series.
      this.#cuts++;
      this.#pending.push(piece);
      return;
    }
    this.#noteCut();
    const pieces = this.#pieces(piece, parts);
    const together = cut === halveSeries ? { left: pieces.length, rawBytes: piece.body.rawBytes } : undefined;
    this.#pending.unshift(...pieces.map((part) => ({ ...part, cut: together })));
  }

  #refusesRepeats({ knows }: Piece): boolean {
    return !knows!.profile.anyOrder && this.#context.settings().outOfOrderWindowMs === 0;
  }

  #noteCut(): void {
    this.#cuts++;
    this.#context.metrics().split();
  }

  #reject(piece: Piece, answer: Answer, { reason, extent }: Extract<Verdict, { readonly action: 'reject' }>): void {
    const { body } = piece;
    const items = exactly(body);
    if (extent === 'all') return this.#lost(piece, answer, reason, items);
    // The rest is stored, and nobody says how much that is: at least one is not.
    const refused = extent === 'unwritten' ? { ...unwritten({ ...items, message: body.message }, answer.written), metadata: 0 } : oneOf(items);
    if (extent === 'some') this.#context.metrics().partlyRefused(reason, items);
    this.#context.journal.succeeded();
    this.#context.metrics().delivered(minus(items, refused), body.data.length, body.rawBytes, body.newestMs);
    this.#lost(piece, answer, reason, refused);
  }

  #lost({ body }: Piece, answer: Answer, reason: RejectReason, items: SentItems): void {
    this.#settled.rejected += countedBy(items);
    this.#context.metrics().rejected(reason, items);
    this.#context.journal.refused(answer, { reason, samples: countedBy(items), series: singleSeriesText(expandBody(body)), isQuarantined: false });
  }

  /** Keeps a piece on disk that the receiver refuses while it takes others. Metadata is told again anyway. */
  #setAside(piece: Piece, answer: Answer, reason: RejectReason): void {
    const bytes = expandBody(piece.body);
    const items = exactly(piece.body);
    const samples = countedBy(items);
    const series = singleSeriesText(bytes);
    const isKept = samples > 0 && this.#context.quarantine({ reason, status: statusOf(answer), answer: answer.body === '' ? answer.message : answer.body, series, samples, body: bytes });
    if (!isKept) return this.#lost(piece, answer, reason, items);
    this.#settled.quarantined += samples;
    this.#context.metrics().quarantined(reason, items);
    this.#context.journal.refused(answer, { reason, samples, series, isQuarantined: true });
  }

  /** Parts of a piece as pieces: what was learned about it holds for them. */
  #pieces(piece: Piece, parts: readonly RequestPiece[]): Piece[] {
    const { body, refusedIn } = piece;
    const inherited = { ...piece, refusedIn: [], startsAfter: refusedIn.at(-1)?.protocol ?? piece.startsAfter, cut: undefined, check: undefined };
    return parts.flatMap((part) => encodePiece(part, body, body, body.options)).map((one) => ({ ...inherited, body: one }));
  }
}
