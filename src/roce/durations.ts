// Durations as a histogram of fixed size, the same as native/sampler/durations.h: 16 buckets an octave for quantiles, which are at most 1/16 too high, and
// the few buckets that are published.

import { durationEdgesNs } from './sampler.ts';

const partsOfOctave = 16;
/** Up to 2^40 ns, 18 minutes. */
const octaves = 40;

export class Durations {
  readonly #counts = new Float64Array(octaves * partsOfOctave);
  readonly #published = new Float64Array(durationEdgesNs.length + 1);
  #count = 0;
  #sumNs = 0;
  #maxNs = 0;

  add(ns: number): void {
    const bucket = bucketOf(ns);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    const edge = durationEdgesNs.findIndex((limitNs) => ns <= limitNs);
    const published = edge < 0 ? durationEdgesNs.length : edge;
    this.#published[published] = (this.#published[published] ?? 0) + 1;
    this.#count++;
    this.#sumNs += ns;
    this.#maxNs = Math.max(this.#maxNs, ns);
  }

  clear(): void {
    this.#counts.fill(0);
    this.#published.fill(0);
    this.#count = this.#sumNs = this.#maxNs = 0;
  }

  get count(): number {
    return this.#count;
  }

  get sumNs(): number {
    return this.#sumNs;
  }

  get maxNs(): number {
    return this.#maxNs;
  }

  /** By `durationEdgesNs`, and what is longer. */
  get buckets(): readonly number[] {
    return [...this.#published];
  }

  /** The upper edge of the bucket that holds the quantile, at most the longest duration; 0 without any. */
  quantile(share: number): number {
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen > 0 && seen >= share * this.#count) return Math.min(edgeOf(bucket), this.#maxNs);
    }
    return 0;
  }
}

/** An octave is divided evenly, so that native code finds the bucket in the number's bits. */
function bucketOf(ns: number): number {
  if (!(ns >= 1)) return 0;
  const octave = Math.min(octaves - 1, Math.floor(Math.log2(ns)));
  const part = Math.floor((ns / 2 ** octave - 1) * partsOfOctave);
  return octave * partsOfOctave + Math.min(partsOfOctave - 1, Math.max(0, part));
}

function edgeOf(bucket: number): number {
  return 2 ** Math.floor(bucket / partsOfOctave) * (1 + ((bucket % partsOfOctave) + 1) / partsOfOctave);
}
