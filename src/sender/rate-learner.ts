// The limit of a receiver in items a second, learned from its answers 429. Such limits are token buckets, and a bucket is (nearly) empty whenever it
// refuses: what was accepted between two refusals, divided by the time between them, is the limit itself, but for one request. So after the
// first refusal the learner sends small requests a little faster than it believes, meets the limit again and again, and lays a line
// through the refusals: items accepted over time. After ten seconds or so its slope is known to a few per mille.
//
//     free       no limit is known                    -> measuring at the first 429
//     measuring  a bit faster than the estimate       -> firm when the slope is exact enough; soft when a while did not do
//     firm       just below the limit, for hours      -> a refusal lowers it by a per cent; several: measuring again
//     soft       the answers fit no bucket (overload, limits of series): down by a factor, up by steps
//                                                     -> free after a minute without a refusal, or measuring after ten
//
// What makes the slope wrong is a bucket that was full meanwhile, because what ran into it then is lost. So the line begins anew whenever the
// estimate proves too low. And where a pause fills the bucket each time (a small burst, and a receiver that asks for seconds with Retry-After), the
// points are the runs after those pauses: what was accepted until the refusal is the burst and what ran in, so that a line through
// several runs of different length gives both.
//
// Limits are configuration values of the receiver and rarely change, so a firm one is asked again only after hours; each question costs a 429.

import { Slope, type Fit } from './slope.ts';

/**
 * A measurement ends when the standard error of its slope is below this share, but not before this time and so many refusals. After `maxMs` a
 * worse one does; what is worse still fits no bucket. `bursts` and `burstError` hold where pauses fill the bucket.
 */
const MEASURE = { error: 0.0015, minMs: 8000, marks: 5, maxMs: 45_000, worstError: 0.05, bursts: 4, burstError: 0.004 };
/** An estimate that is less exact than this share is none. */
const ROUGH_ERROR = 0.33;
/** Time that the first estimate takes at least, and from when on two refusals are enough for it. Milliseconds. */
const ESTIMATE_MS = { min: 500, two: 3000 };
/** A shorter pause does not fill a bucket that is worth knowing. Milliseconds. */
const PAUSE_FILLS_MS = 500;
/** A pause in which this share of the burst runs in may have filled the bucket. */
const FULL_SHARE = 0.7;
/** Where pauses fill the bucket, it is emptied within about this time. Seconds. */
const RUN_SECONDS = 4;
/** So much faster than the estimate while measuring, to meet the limit again and again. */
const OVERDRIVE = 1.08;
/** Kept below what was measured, besides two standard errors: clocks drift and answers come late. */
const SAFETY = 0.993;
/**
 * While measuring, so long without a refusal means that the estimate is too low, or the requests too small to reach it. `greedyMs`: before
 * there is an estimate. `idleMs`: less is sent than the limit allows, it does not matter.
 */
const UNREFUSED = { ms: 1500, increase: 1.3, increaseKnown: 1.08, sizeFactor: 2, greedyMs: 6000, idleMs: 30_000 };
/** A firm limit is asked again after this time, by steps of this size. Refusals of a `young` one show that it is none. */
const FIRM = { holdMs: 6 * 3_600_000, stepMs: 600_000, step: 1.01, less: 0.99, refusals: 3, refusalsMs: 60_000, youngMs: 120_000 };
/** Without a bucket: multiplicative decrease, not too often, and an increase by a share a second. */
const SOFT = { decrease: 0.7, decreaseMs: 10_000, increasePerSecond: 0.05, freeMs: 60_000, againMs: 600_000 };
/** Requests while measuring hold what the limit allows in this time; and the first ones, before it is known. Seconds. */
const REQUEST_SECONDS = { measured: 0.05, first: 0.02 };
/** Refusals closer than this, or than the pause, answer requests of the same moment. Milliseconds. */
const ROUND_MS = 200;
/** Pause after a refusal, while the rate is not known; it doubles when nothing is accepted in between. Milliseconds. */
const PAUSE_MS = { first: 100, min: 5, max: 2000 };
/** Rounds of refusals without anything accepted, after which the size of the requests is doubted. */
const ROUNDS_MAX = 3;
/** Nobody limits to less: items a second, items of a request. */
const RATE_MIN = 10;
const ITEMS_MIN = 100;
/** Part of a burst that a request may hold. */
const BURST_SHARE = 0.25;
/** A request holds what the limit allows in this time, at most: live data waits for it. Seconds. */
const REQUEST_SECONDS_MAX = 5;
/** A size that was doubted doubles after this time without a refusal. Milliseconds. */
const SIZE_STEP_MS = { free: 10_000, limited: 6 * 3_600_000 };

type Mode = 'free' | 'measuring' | 'firm' | 'soft';

/** What happened since the last refusal. */
interface Run {
  readonly refusedMs: number;
  /** The first good answer after a pause, and how long that was. */
  pauseMs: number;
  startMs: number | undefined;
  items: number;
  /** The pace at its beginning; it is only raised. */
  perSecond: number;
  /** The size of the requests was not changed meanwhile. */
  isEven: boolean;
  /** Whether the limit is met is judged from here: at most so much was in the bucket. */
  look: { readonly atMs: number; readonly items: number; readonly held: number };
}

export class RateLearner {
  #mode: Mode = 'free';
  /** Limit in force; infinite while free. */
  #rate = Number.POSITIVE_INFINITY;
  #modeMs = 0;
  #changedMs = 0;
  /** Accepted before the first refusal: a full bucket and what ran into it meanwhile. */
  #first: { readonly startMs: number; items: number; lastMs: number } | undefined;
  /** Items over time at the refusals. */
  #line = new Slope();
  /** Where pauses fill the bucket: items over time from a full bucket to a refusal. */
  #bursts = new Slope();
  #fills = false;
  /** The last estimate of this measurement. */
  #fit: Fit | undefined;
  /** Largest request while measuring. */
  #measureItems = ITEMS_MIN;
  /** It follows from the limit, and not from a guess. */
  #isSized = false;
  #sizeMax = Number.POSITIVE_INFINITY;
  #sizeMs = 0;
  #burst: number | undefined;
  #run: Run = newRun(0, 0);
  #answerMs = 0;
  #softened = { atMs: 0, items: 0 };
  /** Since the measurement began. */
  #items = 0;
  /** Rounds of refusals with nothing accepted in between. */
  #round = { count: 0, atMs: Number.NEGATIVE_INFINITY, pauseMs: 0 };
  #firmRefusals: number[] = [];

  /** Items a second; infinite while no limit is known. */
  rate(nowMs: number): number {
    const passedMs = nowMs - this.#changedMs;
    if (this.#mode === 'measuring') this.#lookUnrefused(nowMs);
    else if (this.#mode === 'soft' && nowMs - this.#round.atMs > SOFT.freeMs) this.#release();
    else if (this.#mode === 'soft') this.#set(this.#rate * (1 + (SOFT.increasePerSecond * passedMs) / 1000), nowMs);
    else if (this.#mode === 'firm' && passedMs >= FIRM.holdMs) this.#set(this.#isUsed(nowMs) ? this.#rate * FIRM.step : this.#rate, nowMs - FIRM.holdMs + FIRM.stepMs);
    return this.#rate;
  }

  /** What may be saved up while nothing is sent. While measuring the receiver's bucket fills meanwhile, and all of that is to be used. */
  get savedItems(): number {
    if (this.#mode === 'measuring') return this.#fills ? 0 : Number.POSITIVE_INFINITY;
    return this.#mode === 'firm' ? this.#sizeMax : 0;
  }

  /** When this ends the receiver's bucket is empty. */
  get isMeasuring(): boolean {
    return this.#mode === 'measuring';
  }

  /** What the receiver takes at once, as far as it is known. */
  get burstItems(): number | undefined {
    return this.#burst;
  }

  /** Most items of a request. */
  itemsMax(nowMs: number): number {
    if (this.#mode === 'measuring') return Math.min(this.#sizeMax, this.#measureItems);
    const stepMs = this.#mode === 'free' ? SIZE_STEP_MS.free : SIZE_STEP_MS.limited;
    if (Number.isFinite(this.#sizeMax) && nowMs - Math.max(this.#sizeMs, this.#round.atMs) >= stepMs) {
      this.#sizeMax *= 2;
      this.#sizeMs = nowMs;
    }
    return this.#sizeMax;
  }

  accepted(items: number, nowMs: number): void {
    this.#round.count = 0;
    if (this.#run.startMs === undefined || nowMs - this.#answerMs > PAUSE_FILLS_MS) this.#begins(nowMs);
    this.#answerMs = nowMs;
    this.#run.items += items;
    this.#items += items;
    if (this.#mode !== 'free') return;
    this.#first ??= { startMs: nowMs, items: 0, lastMs: nowMs };
    this.#first.items += items;
    this.#first.lastMs = nowMs;
  }

  /** The first good answer after a pause. */
  #begins(nowMs: number): void {
    this.#run.pauseMs = nowMs - this.#answerMs;
    this.#run.startMs = nowMs;
    this.#run.items = 0;
    this.#run.perSecond = this.#rate;
    // A pause that fills the bucket says nothing about the limit.
    if (this.#fills) this.#run.look = { atMs: nowMs, items: this.#items, held: this.#burst ?? 0 };
  }

  /** A refusal. Returns how long to wait before the next request, milliseconds. */
  limited(items: number, nowMs: number): number {
    const isNews = nowMs - this.#round.atMs >= Math.max(ROUND_MS, this.#round.pauseMs);
    if (isNews) this.#round = { count: this.#round.count + 1, atMs: nowMs, pauseMs: this.#round.pauseMs };
    if (isNews && this.#round.count >= ROUNDS_MAX) this.#doubtSize(items / 2, nowMs);
    if (this.#mode === 'free') this.#begin(items, nowMs);
    else if (this.#mode === 'measuring') this.#mark(items, nowMs);
    else if (isNews) this.#refused(nowMs);
    this.#run = newRun(nowMs, this.#items);
    this.#answerMs = nowMs;
    this.#round.pauseMs = this.#pause(items);
    return this.#round.pauseMs;
  }

  #pause(items: number): number {
    const { count } = this.#round;
    const refillMs = Number.isFinite(this.#rate) ? Math.max(PAUSE_MS.min, (Math.min(items, this.#measureItems) / this.#rate) * 1000) : PAUSE_MS.first;
    return Math.min(PAUSE_MS.max, refillMs * 2 ** Math.max(0, Math.min(count - 1, 10)));
  }

  /** The same size refused again and again, though the bucket had time to fill: it may be larger than the bucket. */
  #doubtSize(items: number, nowMs: number): void {
    this.#sizeMax = Math.max(ITEMS_MIN, Math.floor(Math.min(items, this.#sizeMax)));
    this.#measureItems = Math.min(this.#measureItems, this.#sizeMax);
    this.#sizeMs = nowMs;
  }

  #begin(items: number, nowMs: number): void {
    const first = this.#first;
    // Where nothing was ever accepted, it is the size sooner than the rate.
    if (first === undefined) return this.#doubtSize(items / 4, nowMs);
    const perSecond = (first.items * 1000) / Math.max(100, nowMs - first.startMs);
    this.#measureItems = Math.floor(Math.max(ITEMS_MIN, Math.min(items / 4, first.items / 8, perSecond * REQUEST_SECONDS.first)));
    this.#measure(nowMs);
  }

  #measure(nowMs: number): void {
    this.#mode = 'measuring';
    this.#modeMs = nowMs;
    this.#items = 0;
    this.#softened = { atMs: nowMs, items: 0 };
    this.#line.clear();
    this.#bursts.clear();
    this.#fills = false;
    this.#fit = undefined;
    this.#isSized = false;
    this.#firmRefusals = [];
  }

  #mark(items: number, nowMs: number): void {
    // A larger one says too little about what the bucket held.
    if (items > 2 * this.#measureItems) return;
    const known = this.#markBurst(items, nowMs) ?? this.#markLine(items, nowMs);
    if (known !== undefined) this.#estimate(known, nowMs);
    if (this.#mode === 'measuring' && nowMs - this.#modeMs > MEASURE.maxMs) this.#end(this.#fills ? this.#fit : known, nowMs);
  }

  /** A refusal after a pause that had filled the bucket: what was accepted since is the burst and what ran in. */
  #markBurst(items: number, nowMs: number): Fit | undefined {
    const { refusedMs, startMs, pauseMs, items: taken, isEven, perSecond } = this.#run;
    if (startMs === undefined) return undefined;
    // What was accepted is the least that the limit can be, and the most that the burst can be follows from it.
    const least = Math.max((taken * 1000) / (nowMs - refusedMs), this.#fills && Number.isFinite(this.#rate) ? this.#rate / 2 : 0);
    const burst = this.#burstFor(least);
    if (pauseMs < PAUSE_FILLS_MS || (least * pauseMs) / 1000 < burst * FULL_SHARE) return undefined;
    this.#line.clear();
    this.#fills = true;
    this.#burst ??= burst;
    // Sent more slowly than the limit, the bucket stayed full for a while, and what ran into it was lost.
    if (!isEven || perSecond * (nowMs - startMs) < (taken - this.#burst) * 1000) {
      // The limit lies between what was not refused and what was.
      this.#rate /= Math.sqrt(this.#increase);
      return undefined;
    }
    this.#bursts.mark(nowMs - startMs, taken);
    const fit = this.#bursts.marks < 2 ? undefined : usable(this.#bursts.fit(items));
    if (fit !== undefined) return fit;
    // From above, so that the bucket is never full on the way.
    const sent = (taken * 1000) / Math.max(50, nowMs - startMs);
    this.#rate = Math.max(least, Math.min(sent, this.#rate) / 2);
    return undefined;
  }

  /** What the bucket held at first, if this is the limit. */
  #burstFor(perSecond: number): number {
    const { startMs, lastMs, items } = this.#first!;
    return Math.max(ITEMS_MIN, items - (perSecond * (lastMs - startMs)) / 1000);
  }

  #markLine(items: number, nowMs: number): Fit | undefined {
    if (this.#fills) return undefined;
    this.#line.mark(nowMs, this.#items);
    const { elapsedMs, marks } = this.#line;
    const isEnough = elapsedMs >= ESTIMATE_MS.min && marks >= (elapsedMs < ESTIMATE_MS.two ? 3 : 2);
    return isEnough ? usable(this.#line.fit(items)) : undefined;
  }

  #estimate(fit: Fit, nowMs: number): void {
    this.#fit = fit;
    const { perSecond, error } = fit;
    this.#burst = this.#burstFor(perSecond);
    const overdrive = this.#fills ? 1 + Math.max(0.03, (2 * error) / perSecond, this.#burst / perSecond / RUN_SECONDS) : OVERDRIVE;
    this.#rate = Math.max(RATE_MIN, perSecond * overdrive);
    const items = Math.floor(Math.max(ITEMS_MIN, perSecond * REQUEST_SECONDS.measured));
    if (!this.#isSized) this.#measureItems = Math.min(this.#measureItems, items);
    this.#isSized = true;
    if (this.#isExact(fit)) this.#conclude(fit, nowMs);
  }

  #isExact({ perSecond, error }: Fit): boolean {
    if (this.#fills) return this.#bursts.marks >= MEASURE.bursts && error <= MEASURE.burstError * perSecond;
    return this.#line.elapsedMs >= MEASURE.minMs && this.#line.marks >= MEASURE.marks && error <= MEASURE.error * perSecond;
  }

  #end(fit: Fit | undefined, nowMs: number): void {
    if (fit === undefined || fit.error > MEASURE.worstError * fit.perSecond) this.#soften(nowMs);
    else this.#conclude(fit, nowMs);
  }

  #conclude({ perSecond, error }: Fit, nowMs: number): void {
    this.#mode = 'firm';
    this.#modeMs = nowMs;
    this.#set(Math.max(RATE_MIN, (perSecond - (this.#fills ? 1 : 2) * error) * SAFETY), nowMs);
    this.#sizeMax = Math.min(this.#sizeMax, Math.floor(Math.max(ITEMS_MIN, Math.min(this.#burst! * BURST_SHARE, this.#rate * REQUEST_SECONDS_MAX))));
    this.#sizeMs = nowMs;
  }

  #lookUnrefused(nowMs: number): void {
    const { startMs, look } = this.#run;
    if (startMs === undefined) return;
    if (nowMs - Math.max(startMs, this.#round.atMs) > UNREFUSED.idleMs) return this.#release();
    if (!Number.isFinite(this.#rate)) return nowMs - startMs > UNREFUSED.greedyMs ? this.#enlarge(nowMs) : undefined;
    if (nowMs - Math.max(look.atMs, startMs) < UNREFUSED.ms) return;
    const isTrusted = this.#fills && this.#fit !== undefined && this.#rate === this.#run.perSecond;
    const limit = isTrusted ? this.#fit!.perSecond + 2 * this.#fit!.error : this.#rate / OVERDRIVE;
    const items = this.#items - look.items;
    const expected = (limit * (nowMs - look.atMs)) / 1000;
    // Refused long ago although it was used: the bucket would be empty if the estimate was right.
    const isTooLow = items > expected + look.held + 3 * this.#measureItems + limit * 0.1;
    const isTooSmall = items < (0.9 * limit * (nowMs - Math.max(look.atMs, startMs))) / 1000;
    if (!isTooLow && !isTooSmall) return;
    if (isTooLow || expected - items > (this.#burst ?? 0) * FULL_SHARE) this.#line.clear();
    if (isTooSmall) return this.#enlarge(nowMs);
    this.#rate *= this.#increase;
    this.#run.look = { atMs: nowMs, items: this.#items, held: 0 };
  }

  /** Where pauses fill the bucket, each run costs such a pause: an estimate is not far off there, and stays of use. */
  get #increase(): number {
    return this.#fills && this.#fit !== undefined ? UNREFUSED.increaseKnown : UNREFUSED.increase;
  }

  /** Requests of this size do not reach the limit. */
  #enlarge(nowMs: number): void {
    this.#measureItems *= UNREFUSED.sizeFactor;
    if (!Number.isFinite(this.#rate)) this.#line.clear();
    this.#run.isEven = false;
    this.#run.startMs = nowMs;
    this.#run.items = 0;
    this.#run.look = { atMs: nowMs, items: this.#items, held: 0 };
  }

  /** The limit is not met: less is sent than it allows. */
  #release(): void {
    this.#mode = 'free';
    this.#rate = Number.POSITIVE_INFINITY;
    this.#first = undefined;
  }

  /** Only what is really sent at a rate says something about it. */
  #isUsed(nowMs: number): boolean {
    const { startMs, items } = this.#run;
    return startMs !== undefined && items * 1000 >= 0.8 * this.#rate * (nowMs - startMs);
  }

  #refused(nowMs: number): void {
    if (this.#mode === 'soft' && nowMs - this.#modeMs > SOFT.againMs) return this.#measure(nowMs);
    if (this.#mode === 'soft') return nowMs - this.#softened.atMs > SOFT.decreaseMs ? this.#decrease(nowMs) : undefined;
    this.#firmRefusals = [...this.#firmRefusals.filter((atMs) => nowMs - atMs < FIRM.refusalsMs), nowMs];
    this.#set(this.#rate * FIRM.less, nowMs);
    if (this.#firmRefusals.length < FIRM.refusals) return;
    // What was just measured does not hold: there is no bucket.
    if (nowMs - this.#modeMs < FIRM.youngMs) this.#soften(nowMs);
    else this.#measure(nowMs);
  }

  #soften(nowMs: number): void {
    this.#mode = 'soft';
    this.#modeMs = nowMs;
    this.#decrease(nowMs);
  }

  #decrease(nowMs: number): void {
    const accepted = ((this.#items - this.#softened.items) * 1000) / Math.max(1, nowMs - this.#softened.atMs);
    this.#softened = { atMs: nowMs, items: this.#items };
    this.#set(Math.max(RATE_MIN, Math.min(this.#rate, 2 * accepted) * SOFT.decrease), nowMs);
  }

  #set(rate: number, nowMs: number): void {
    this.#rate = rate;
    this.#changedMs = nowMs;
  }
}

function newRun(nowMs: number, items: number): Run {
  return { refusedMs: nowMs, startMs: undefined, pauseMs: 0, items: 0, perSecond: 0, isEven: true, look: { atMs: nowMs, items, held: 0 } };
}

function usable(fit: Fit): Fit | undefined {
  return fit.error < fit.perSecond * ROUGH_ERROR ? fit : undefined;
}
