// How many samples of captures may leave: a token bucket for the whole node that is fair to its ports. Half of the budget is the ports' own, in equal shares,
// so that each always gets a capture through; the other half is for whoever comes first, and so is what ports do not use.

export class CaptureBudget {
  readonly #perMs: number;
  readonly #sharedMax: number;
  readonly #ownMax: number;
  readonly #own: number[];
  #shared: number;
  #filledMs = NaN;

  /** Begins full, with one minute's worth. */
  constructor(samplesPerMinute: number, ports: number) {
    this.#perMs = samplesPerMinute / 60_000;
    this.#sharedMax = samplesPerMinute / 2;
    this.#ownMax = samplesPerMinute / 2 / Math.max(1, ports);
    this.#own = Array.from({ length: ports }, () => this.#ownMax);
    this.#shared = this.#sharedMax;
  }

  /** Takes the place of one sample at that time; false where there is none left. */
  take(port: number, nowMs: number): boolean {
    this.#fill(nowMs);
    const own = this.#own[port] ?? 0;
    if (own >= 1) this.#own[port] = own - 1;
    else if (this.#shared >= 1) this.#shared--;
    else return false;
    return true;
  }

  /** Times that go back fill nothing. */
  #fill(nowMs: number): void {
    const elapsedMs = nowMs - this.#filledMs;
    if (elapsedMs <= 0) return;
    this.#filledMs = nowMs;
    if (Number.isNaN(elapsedMs)) return;
    const all = elapsedMs * this.#perMs;
    let spare = all / 2;
    this.#own.forEach((own, port) => {
      const filled = own + all / 2 / this.#own.length;
      this.#own[port] = Math.min(this.#ownMax, filled);
      spare += Math.max(0, filled - this.#ownMax);
    });
    this.#shared = Math.min(this.#sharedMax, this.#shared + spare);
  }
}
