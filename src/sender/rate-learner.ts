// The limit of a receiver in items a second, learned from its answers 429. Such limits are token buckets, and a bucket is empty when it
// refuses: what was accepted between two refusals, divided by the time between them, is the limit itself, but for one request. So after the
// first refusal the learner goes on a little faster than it believes for about twenty seconds, with small requests, and then knows the limit
// to a few per mille.
//
//     free       no limit is known                          -> measuring at the first 429
//     measuring  a bit faster than the estimate             -> firm when both halves agree, else soft
//     firm       just below the limit, for hours            -> measuring after several 429
//     soft       the answers fit no bucket (overload, limits of series): down by a factor, up by steps
//
// Limits are configuration values of the receiver and rarely change, so a firm one is asked again only after hours; each question costs a 429.

/** A measurement takes at least this long. Milliseconds. */
const MEASURE_MS = 20_000;
/** After this time a measurement gives a first estimate. Milliseconds. */
const ESTIMATE_MS = 500;
/** So much faster than the estimate while measuring, to meet the limit again and again. */
const OVERDRIVE = 1.04;
/** Kept below what was measured: clocks, answers that come late, the last request of the measurement. */
const SAFETY = 0.995;
/** The halves of a measurement may differ by this. */
const AGREEMENT = 0.03;
/** A firm limit is asked again after this time, by steps of this size. */
const FIRM = { holdMs: 6 * 3_600_000, stepMs: 600_000, step: 1.01, refusals: 3, refusalsMs: 60_000, less: 0.99 };
/** Without a bucket: multiplicative decrease, and an increase by a share a second. */
const SOFT = { decrease: 0.7, increasePerSecond: 0.02 };
/** While measuring, so long without a refusal means that the estimate is too low. A first estimate may be far off: a short bucket overflows in the pauses. */
const UNREFUSED = { first: { ms: 1000, factor: 1.5 }, later: { ms: 2500, factor: 1.25 } };
/** Requests while measuring, and at a known limit, hold what the limit allows in this time: the receiver's bucket is nearly empty then. Seconds. */
const REQUEST_SECONDS = { measuring: 0.05, firm: 0.2 };
/** Nobody limits to less. Items a second, and items of a request. */
const RATE_MIN = 10;
const ITEMS_MIN = 100;
/** Before the first estimate, and after refusals in a row. Milliseconds. */
const PAUSE_MS = { first: 100, max: 2000 };
/** Requests refused in a row before their size is doubted. */
const REFUSED_IN_ROW = 4;
const REFILL_MS = 500;
/** A doubted size doubles after this time, as long as the burst is not known. Milliseconds. */
const SIZE_STEP_MS = 6 * 3_600_000;

type Mode = 'free' | 'measuring' | 'firm' | 'soft';

export class RateLearner {
  #mode: Mode = 'free';
  /** Limit in force; infinite while free. */
  #rate = Number.POSITIVE_INFINITY;
  #startMs: number | undefined;
  /** Items accepted before the first refusal: a full bucket and what ran into it meanwhile. */
  #first = { items: 0, ms: 0 };
  /** The measurement: it begins with a refusal, as does each of its marks. */
  #window = { startMs: 0, items: 0, marks: [] as { atMs: number; items: number }[] };
  /** What went well since the last refusal or increase. */
  #since = { atMs: 0, items: 0 };
  /** The bucket may have been full since the measurement began. */
  #isTainted = false;
  #refusedInRow = 0;
  #refusals: number[] = [];
  #changedMs = 0;
  #itemsMax = Number.POSITIVE_INFINITY;
  #itemsMaxMs = 0;
  #burst: number | undefined;

  /** Items a second; infinite while no limit is known. */
  rate(nowMs: number): number {
    if (this.#mode === 'measuring') this.#raiseUnrefused(nowMs);
    else if (this.#mode === 'soft') this.#raise(nowMs, 1 + (SOFT.increasePerSecond * (nowMs - this.#changedMs)) / 1000);
    else if (this.#mode === 'firm' && nowMs - this.#changedMs >= FIRM.holdMs) this.#raise(nowMs - FIRM.holdMs + FIRM.stepMs, FIRM.step);
    return this.#rate;
  }

  /** While measuring, time that was waited is caught up, as the receiver's bucket fills meanwhile. */
  get isMeasuring(): boolean {
    return this.#mode === 'measuring';
  }

  get burstItems(): number | undefined {
    return this.#burst;
  }

  /** Most items of a request. */
  itemsMax(nowMs: number): number {
    if (this.#itemsMax < Number.POSITIVE_INFINITY && this.#burst === undefined && nowMs - this.#itemsMaxMs >= SIZE_STEP_MS) {
      this.#itemsMax *= 2;
      this.#itemsMaxMs = nowMs;
    }
    if (this.#mode !== 'measuring' && this.#mode !== 'firm') return this.#itemsMax;
    return Math.min(this.#itemsMax, Math.max(ITEMS_MIN, Math.floor(this.#rate * REQUEST_SECONDS[this.#mode])));
  }

  accepted(items: number, nowMs: number): void {
    this.#startMs ??= nowMs;
    this.#since.items += items;
    this.#refusedInRow = 0;
    if (this.#mode === 'free') this.#first = { items: this.#first.items + items, ms: nowMs - this.#startMs };
    else this.#window.items += items;
  }

  /** A refusal. Returns how long to wait before the next request, milliseconds. */
  limited(items: number, nowMs: number): number {
    this.#refusedInRow++;
    this.#since = { atMs: nowMs, items: 0 };
    this.#doubtSize(items, nowMs);
    if (this.#mode === 'free') this.#measure(nowMs);
    else if (this.#mode === 'measuring') this.#mark(nowMs);
    else if (this.#mode === 'soft') this.#soften(nowMs);
    else this.#loosen(nowMs);
    const refillMs = (items / this.#rate) * 1000;
    // The bucket is empty now: the larger requests of a known limit need some room in it.
    if (this.#mode === 'firm') return REFILL_MS;
    const patience = this.#startMs === undefined ? PAUSE_MS.first : Math.min(PAUSE_MS.max, PAUSE_MS.first * 1.5 ** (this.#refusedInRow - 1));
    return this.#rate === Number.POSITIVE_INFINITY || this.#refusedInRow > 2 ? patience : Math.min(refillMs, PAUSE_MS.max);
  }

  /** The same size refused again and again, though the bucket had time to fill: it may be larger than the bucket. */
  #doubtSize(items: number, nowMs: number): void {
    // Where nothing was ever accepted, it is the size sooner than the rate.
    const isNothingAccepted = this.#startMs === undefined;
    if (!isNothingAccepted && this.#refusedInRow % REFUSED_IN_ROW !== 0) return;
    this.#itemsMax = Math.max(ITEMS_MIN, Math.floor(Math.min(items, this.#itemsMax) / 2));
    this.#itemsMaxMs = nowMs;
  }

  #measure(nowMs: number): void {
    this.#mode = 'measuring';
    this.#window = { startMs: nowMs, items: 0, marks: [] };
    this.#refusals = [];
    this.#isTainted = false;
  }

  #raiseUnrefused(nowMs: number): void {
    const elapsedMs = nowMs - this.#since.atMs;
    const { ms, factor } = this.#window.marks.length === 0 ? UNREFUSED.first : UNREFUSED.later;
    if (elapsedMs < ms || !Number.isFinite(this.#rate)) return;
    // Only what is really sent at the estimate says something about it.
    const isUsed = this.#since.items * 1000 >= (this.#rate * elapsedMs) / OVERDRIVE;
    this.#since = { atMs: nowMs, items: 0 };
    if (!isUsed) return;
    this.#rate *= factor;
    this.#isTainted = true;
  }

  #mark(nowMs: number): void {
    if (this.#isTainted) return this.#measure(nowMs);
    const { startMs, items, marks } = this.#window;
    const elapsedMs = nowMs - startMs;
    marks.push({ atMs: nowMs, items });
    if (items === 0 || elapsedMs < ESTIMATE_MS) {
      if (elapsedMs > MEASURE_MS) this.#soften(nowMs);
      return;
    }
    const isFirst = !Number.isFinite(this.#rate);
    this.#rate = Math.max(RATE_MIN, (items / elapsedMs) * 1000 * OVERDRIVE);
    // Requests are small from here on: what the bucket held when a large one was refused would be counted as the limit's.
    if (isFirst) return this.#measure(nowMs);
    if (elapsedMs >= MEASURE_MS) this.#conclude(nowMs, elapsedMs);
  }

  /** Both halves of the measurement begin and end with a refusal. */
  #conclude(nowMs: number, elapsedMs: number): void {
    const { startMs, items, marks } = this.#window;
    const middle = marks.find(({ atMs }) => atMs - startMs >= elapsedMs / 2) ?? marks.at(-1)!;
    const firstHalf = middle.items / Math.max(1, middle.atMs - startMs);
    const secondHalf = (items - middle.items) / Math.max(1, nowMs - middle.atMs);
    if (middle.atMs === nowMs || Math.abs(firstHalf - secondHalf) > AGREEMENT * firstHalf) {
      if (elapsedMs > 3 * MEASURE_MS) this.#soften(nowMs);
      return;
    }
    const limit = (items / elapsedMs) * 1000;
    // Where the first request of all was refused, the size that was accepted in the end is all that is known.
    const least = Number.isFinite(this.#itemsMax) ? this.#itemsMax : undefined;
    this.#burst ??= this.#first.items > 0 ? Math.max(ITEMS_MIN, this.#first.items - (limit * this.#first.ms) / 1000) : least;
    if (this.#burst !== undefined) this.#itemsMax = Math.min(this.#itemsMax, Math.max(ITEMS_MIN, Math.floor(this.#burst / 4)));
    this.#itemsMaxMs = nowMs;
    this.#mode = 'firm';
    this.#rate = Math.max(RATE_MIN, (items - limit * REQUEST_SECONDS.measuring) / elapsedMs * 1000 * SAFETY);
    this.#changedMs = nowMs;
  }

  #loosen(nowMs: number): void {
    this.#refusals = [...this.#refusals.filter((atMs) => nowMs - atMs < FIRM.refusalsMs), nowMs];
    this.#rate = Math.max(RATE_MIN, this.#rate * FIRM.less);
    this.#changedMs = nowMs;
    if (this.#refusals.length >= FIRM.refusals) this.#measure(nowMs);
  }

  #soften(nowMs: number): void {
    this.#mode = 'soft';
    this.#rate = Math.max(RATE_MIN, Number.isFinite(this.#rate) ? this.#rate * SOFT.decrease : RATE_MIN);
    this.#changedMs = nowMs;
  }

  #raise(nowMs: number, factor: number): void {
    this.#rate *= factor;
    this.#changedMs = nowMs;
  }
}
