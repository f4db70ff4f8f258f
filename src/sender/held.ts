// Records that the clock guard holds back: ranges of sequences with the time at which they may go out. Neighbours with nearly the same time
// share a range, so that an hour of samples from a clock that was an hour ahead is a few hundred entries and not a hundred thousand.

/** Neighbours whose times differ by less than this wait for the later one. Milliseconds. */
const MERGE_MS = 10_000;
/** Ranges held at once; beyond it a record joins the last one before it whatever their times and whatever lies between: 4,096 of 10 s are half a day of a wrong clock. */
const RANGES_MAX = 4096;

export interface HeldRange {
  readonly first: number;
  readonly last: number;
  readonly samples: number;
  /** Newest timestamp in it, and the lowest one of its records' newest; they are near each other. Milliseconds. */
  readonly newestMs: number;
  readonly fromMs: number;
}

export class HeldRecords {
  #ranges: HeldRange[] = [];
  samples = 0;

  /** Holds a record; one that is held already changes nothing. */
  add(record: { readonly sequence: number; readonly samples: number; readonly newestMs: number }): void {
    const { sequence, samples, newestMs } = record;
    if (this.covers(sequence)) return;
    this.samples += samples;
    const isFull = this.#ranges.length >= RANGES_MAX;
    const i = this.#ranges.findLastIndex((range) => range.last === sequence - 1 || (isFull && range.last < sequence));
    const before = this.#ranges[i];
    if (before === undefined) return void this.#ranges.push({ first: sequence, last: sequence, samples, newestMs, fromMs: newestMs });
    const joined = {
      first: before.first, last: sequence, samples: before.samples + samples,
      newestMs: Math.max(before.newestMs, newestMs), fromMs: Math.min(before.fromMs, newestMs),
    };
    // Measured over the whole range: of a clock that stays ahead each record is near the one before, and the first would never be due.
    if (isFull || joined.newestMs - joined.fromMs < MERGE_MS) this.#ranges[i] = joined;
    else this.#ranges.push({ first: sequence, last: sequence, samples, newestMs, fromMs: newestMs });
  }

  covers(sequence: number): boolean {
    return this.#ranges.some((range) => sequence >= range.first && sequence <= range.last);
  }

  /** Takes out the ranges whose time has come. */
  release(isDue: (newestMs: number) => boolean): HeldRange[] {
    if (this.#ranges.length === 0) return [];
    const due = this.#ranges.filter((range) => isDue(range.newestMs));
    if (due.length === 0) return due;
    this.#ranges = this.#ranges.filter((range) => !due.includes(range));
    for (const range of due) this.samples -= range.samples;
    return due.sort((a, b) => a.first - b.first);
  }

  /** Newest timestamp of the range that is due first; undefined while nothing is held. */
  get earliestMs(): number | undefined {
    return this.#ranges.length === 0 ? undefined : Math.min(...this.#ranges.map((range) => range.newestMs));
  }
}
