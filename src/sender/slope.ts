// A line through points (time, items) by least squares, with the standard error of its slope. The points are kept as sums: no list grows.

export interface Fit {
  readonly perSecond: number;
  /** Standard error, items a second. */
  readonly error: number;
}

export class Slope {
  #firstMs: number | undefined;
  #firstItems = 0;
  #lastMs = 0;
  #sums = { count: 0, t: 0, a: 0, tt: 0, ta: 0, aa: 0 };

  clear(): void {
    this.#firstMs = undefined;
    this.#sums = { count: 0, t: 0, a: 0, tt: 0, ta: 0, aa: 0 };
  }

  get marks(): number {
    return this.#sums.count;
  }

  get elapsedMs(): number {
    return this.#firstMs === undefined ? 0 : this.#lastMs - this.#firstMs;
  }

  mark(atMs: number, items: number): void {
    // Sums of squares of small numbers stay exact.
    if (this.#firstMs === undefined) [this.#firstMs, this.#firstItems] = [atMs, items];
    this.#lastMs = atMs;
    const t = (atMs - this.#firstMs) / 1000;
    const a = items - this.#firstItems;
    const s = this.#sums;
    this.#sums = { count: s.count + 1, t: s.t + t, a: s.a + a, tt: s.tt + t * t, ta: s.ta + t * a, aa: s.aa + a * a };
  }

  /** `requestItems`: what the points are uncertain by at least, evenly distributed. */
  fit(requestItems: number): Fit {
    const { count, t, a, tt, ta, aa } = this.#sums;
    const stt = tt - (t * t) / count;
    if (stt <= 0) return { perSecond: 0, error: Number.POSITIVE_INFINITY };
    const sta = ta - (t * a) / count;
    const perSecond = sta / stt;
    const residual = Math.max(0, aa - (a * a) / count - perSecond * sta) / Math.max(1, count - 2);
    // The deviation of an even distribution is its width by the root of 12.
    return { perSecond, error: Math.sqrt(Math.max(residual, requestItems ** 2 / 12) / stt) };
  }
}
