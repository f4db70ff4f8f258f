// The settled part of a stream: a base up to which everything is settled, and ranges above it, in order and apart. Each end
// carries the cumulative sample count of the stream at that place, so that a difference of two numbers is the exact count of
// samples between them, whether or not their records can still be read.

/** A closed range of sequences, with the samples of the stream before its first and after its last record. */
export interface Range {
  readonly first: number;
  readonly last: number;
  readonly samplesBefore: number;
  readonly samplesAfter: number;
}

/** Plain numbers for checkpoint and ledger: base, samples up to it, then four numbers per range. */
export type RangeNumbers = readonly number[];

export class SettledRanges {
  /** Everything up to this sequence is settled. */
  base: number;
  /** Samples of the stream up to `base`. */
  baseSamples: number;
  readonly ranges: Range[] = [];
  /** Settled above the base. */
  #records = 0;
  #samples = 0;

  constructor(base: number, baseSamples: number) {
    this.base = base;
    this.baseSamples = baseSamples;
  }

  static from(numbers: RangeNumbers): SettledRanges {
    const settled = new SettledRanges(numbers[0] ?? 0, numbers[1] ?? 0);
    for (let i = 2; i + 3 < numbers.length; i += 4) {
      settled.add({ first: numbers[i]!, last: numbers[i + 1]!, samplesBefore: numbers[i + 2]!, samplesAfter: numbers[i + 3]! });
    }
    return settled;
  }

  toNumbers(): number[] {
    const numbers = [this.base, this.baseSamples];
    for (const r of this.ranges) numbers.push(r.first, r.last, r.samplesBefore, r.samplesAfter);
    return numbers;
  }

  /** Records settled since sequence 1. */
  get records(): number {
    return this.base + this.#records;
  }

  /** Samples settled since sequence 1. */
  get samples(): number {
    return this.baseSamples + this.#samples;
  }

  /** Settles a range; what of it was settled before does not count again. */
  add(range: Range): { records: number; samples: number } {
    const fresh = this.unsettled(range);
    let records = 0;
    let samples = 0;
    for (const part of fresh) {
      records += part.last - part.first + 1;
      samples += part.samplesAfter - part.samplesBefore;
    }
    if (fresh.length === 0) return { records, samples };
    this.#records += records;
    this.#samples += samples;
    this.#merge(range);
    this.#advance();
    return { records, samples };
  }

  /** The parts of a range that are not settled yet. */
  unsettled(range: Range): Range[] {
    const parts: Range[] = [];
    let first = range.first;
    let samplesBefore = range.samplesBefore;
    if (this.base >= first) {
      first = this.base + 1;
      samplesBefore = this.baseSamples;
    }
    for (let i = this.#indexOf(first); i < this.ranges.length && first <= range.last; i++) {
      const settled = this.ranges[i]!;
      if (settled.first > range.last) break;
      if (settled.first > first) parts.push({ first, last: settled.first - 1, samplesBefore, samplesAfter: settled.samplesBefore });
      first = settled.last + 1;
      samplesBefore = settled.samplesAfter;
    }
    if (first <= range.last) parts.push({ first, last: range.last, samplesBefore, samplesAfter: range.samplesAfter });
    return parts;
  }

  /** The first unsettled sequence at or after `sequence`; it may lie beyond the end of the stream. */
  nextUnsettled(sequence: number): number {
    const from = Math.max(sequence, this.base + 1);
    const range = this.ranges[this.#indexOf(from)];
    return range !== undefined && range.first <= from ? range.last + 1 : from;
  }

  /** The settled range that holds the sequence, above the base. */
  rangeAt(sequence: number): Range | undefined {
    const range = this.ranges[this.#indexOf(sequence)];
    return range !== undefined && range.first <= sequence ? range : undefined;
  }

  /** The parts of a range that are settled: what `unsettled` leaves. */
  settledParts(range: Range): Range[] {
    const parts: Range[] = [];
    let { first, samplesBefore } = range;
    for (const open of [...this.unsettled(range), { first: range.last + 1, last: range.last, samplesBefore: range.samplesAfter, samplesAfter: range.samplesAfter }]) {
      if (open.first > first) parts.push({ first, last: open.first - 1, samplesBefore, samplesAfter: open.samplesBefore });
      first = open.last + 1;
      samplesBefore = open.samplesAfter;
    }
    return parts;
  }

  covers(first: number, last: number): boolean {
    return this.nextUnsettled(first) > last;
  }

  /** Index of the first range that ends at or after `sequence`. */
  #indexOf(sequence: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ranges[middle]!.last < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Puts the range in, joined with those it overlaps or touches. */
  #merge(range: Range): void {
    const from = this.#indexOf(range.first - 1);
    let to = from;
    let { first, last, samplesBefore, samplesAfter } = range;
    for (let old = this.ranges[to]; old !== undefined && old.first <= range.last + 1; old = this.ranges[++to]) {
      if (old.first < first) ({ first, samplesBefore } = old);
      if (old.last > last) ({ last, samplesAfter } = old);
    }
    this.ranges.splice(from, to - from, { first, last, samplesBefore, samplesAfter });
  }

  #advance(): void {
    const front = this.ranges[0];
    if (front === undefined || front.first > this.base + 1) return;
    this.ranges.shift();
    const records = front.last - Math.max(front.first - 1, this.base);
    const samples = front.samplesAfter - Math.max(front.samplesBefore, this.baseSamples);
    this.#records -= records;
    this.#samples -= samples;
    this.base = front.last;
    this.baseSamples = front.samplesAfter;
  }
}
