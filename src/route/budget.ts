// The budget of a route, in samples per second over all targets: a noisy job must not fill the link. Asked once per scrape and route, never per
// sample. A scrape that is let through may overdraw, and what it took too much is missing later, so that the mean holds whatever the size of pages.
//
// `thin` lets every n-th scrape of each target through, with n from what was offered lately: series keep their points at equal distances. `drop` lets scrapes through
// as they come, until the budget is used up.

/** Scrapes come in lumps: unused budget is kept this long, milliseconds. */
const BURST_MS = 15_000;
/** The offered rate is taken over windows of this length, milliseconds: two usual intervals. */
const WINDOW_MS = 30_000;

export interface BudgetOptions {
  readonly samplesPerSecond: number;
  readonly mode: 'drop' | 'thin';
}

let made = 0;

export class Budget {
  /** Tells budgets of one process apart. */
  readonly id = ++made;
  readonly #options: BudgetOptions;
  /** Samples; negative while overdrawn. */
  #left: number;
  #leftAtMs = -Infinity;
  #windowStartMs = -Infinity;
  #offered = 0;
  /** Of the window before, samples per second. */
  #offeredRate = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#left = this.#most;
  }

  get #most(): number {
    return (this.#options.samplesPerSecond * BURST_MS) / 1000;
  }

  /** Every how many scrapes of a target goes through. */
  get stride(): number {
    return this.#options.mode === 'drop' ? 1 : Math.max(1, Math.ceil(this.#offeredRate / this.#options.samplesPerSecond));
  }

  /** Whether a scrape may go. `turn` counts the scrapes of its target, from an offset that differs between targets. */
  admits(samples: number, turn: number, nowMs: number): boolean {
    this.#offer(samples, nowMs);
    this.#refill(nowMs);
    if (turn % this.stride !== 0 || this.#left <= 0) return false;
    this.#left -= samples;
    return true;
  }

  #offer(samples: number, nowMs: number): void {
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      const seconds = (nowMs - this.#windowStartMs) / 1000;
      // A pause is no window: the rate of what comes after it is not known yet.
      this.#offeredRate = nowMs - this.#windowStartMs < 2 * WINDOW_MS ? this.#offered / seconds : 0;
      this.#windowStartMs = nowMs;
      this.#offered = 0;
    }
    this.#offered += samples;
  }

  #refill(nowMs: number): void {
    if (this.#leftAtMs !== -Infinity) {
      this.#left = Math.min(this.#most, this.#left + (this.#options.samplesPerSecond * Math.max(0, nowMs - this.#leftAtMs)) / 1000);
    }
    this.#leftAtMs = nowMs;
  }
}
