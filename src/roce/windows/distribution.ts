// A distribution that counts up, in the two forms that storages take: exponential buckets, eight an octave (schema 3 of native histograms), and a few
// cumulative buckets with edges that people can read.

import type { NativeHistogram } from '../../wire/native-histogram.ts';

/** Buckets an octave: schema 3. */
export const finestSchema = 3;
/** Coarser than this there is nothing: one bucket holds sixteen octaves. */
const coarsestSchema = -4;

export interface DistributionShape {
  /** Values up to here are not told apart from 0. */
  readonly zeroThreshold: number;
  /** Upper edges of the classic buckets, ascending, without +Inf. */
  readonly edges: readonly number[];
}

export interface NativeRules {
  /** At most this fine: 0 to 3. */
  readonly schema: number;
  /** Buckets in use, at most: above it the histogram gets coarser, step by step. */
  readonly bucketsMax: number;
}

/** The bucket of schema 3 in which a value above 0 lies. */
export function finestBucketOf(value: number): number {
  return Math.ceil(Math.log2(value) * 2 ** finestSchema);
}

export class Distribution {
  readonly shape: DistributionShape;
  count = 0;
  sum = 0;
  #zeroCount = 0;
  readonly #finest = new Map<number, number>();
  /** By classic edge, not cumulative. */
  readonly #byEdge: number[];

  constructor(shape: DistributionShape) {
    this.shape = shape;
    this.#byEdge = shape.edges.map(() => 0);
  }

  observe(value: number): void {
    this.addToBucket(finestBucketOf(value), value, 1);
    this.sum += value;
  }

  /** `times` values of one bucket of schema 3, of which `upper` is the largest possible. Leaves the sum alone. */
  addToBucket(bucket: number, upper: number, times: number): void {
    this.count += times;
    if (upper <= this.shape.zeroThreshold) this.#zeroCount += times;
    else this.#finest.set(bucket, (this.#finest.get(bucket) ?? 0) + times);
    const edge = this.shape.edges.findIndex((limit) => upper <= limit);
    if (edge >= 0) this.#byEdge[edge] = (this.#byEdge[edge] ?? 0) + times;
  }

  /** How many values were at most at each edge, cumulative; those above the last edge are in `count` alone. */
  cumulative(): number[] {
    let sum = 0;
    return this.#byEdge.map((times) => (sum += times));
  }

  /** Buckets only fill up, so it never gets finer again. */
  native({ schema, bucketsMax }: NativeRules): NativeHistogram {
    let buckets = this.#at(schema);
    let coarser = schema;
    while (buckets.size > bucketsMax && coarser > coarsestSchema) buckets = this.#at(--coarser);
    const { count, sum, shape: { zeroThreshold } } = this;
    return { schema: coarser, count, sum, zeroThreshold, zeroCount: this.#zeroCount, buckets: [...buckets].sort(([a], [b]) => a - b) };
  }

  #at(schema: number): Map<number, number> {
    const width = 2 ** (finestSchema - schema);
    const buckets = new Map<number, number>();
    for (const [bucket, times] of this.#finest) {
      // No -0, which would be a key of its own in nobody's eyes but the sort's.
      const wide = Math.ceil(bucket / width) + 0;
      buckets.set(wide, (buckets.get(wide) ?? 0) + times);
    }
    return buckets;
  }
}
