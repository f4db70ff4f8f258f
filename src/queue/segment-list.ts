// The segments of one stream, in order.

import type { Usage } from './pressure.ts';
import type { Range } from './ranges.ts';
import type { Segment } from './segment.ts';

export class SegmentList {
  readonly all: Segment[];
  #bytes = 0;
  readonly #usage: Usage;

  /** `usage` is what all streams of the queue hold together. */
  constructor(segments: Segment[], usage: Usage) {
    this.all = segments;
    this.#usage = usage;
    for (const segment of segments) this.grow(segment.bytes);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The files have grown by as much, or shrunk. */
  grow(bytes: number): void {
    this.#bytes += bytes;
    this.#usage.bytes += bytes;
  }

  add(segment: Segment): void {
    this.all.push(segment);
    this.grow(segment.bytes);
  }

  remove(segment: Segment): void {
    const i = this.all.indexOf(segment);
    if (i < 0) return;
    this.all.splice(i, 1);
    this.grow(-segment.bytes);
  }

  get newest(): Segment | undefined {
    return this.all.at(-1);
  }

  /** Index of the last segment that begins at or before the sequence; -1 when there is none. */
  indexOf(sequence: number): number {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.all[middle]!.first <= sequence) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The segment that holds, or held, the sequence. */
  containing(sequence: number): Segment | undefined {
    const segment = this.all[this.indexOf(sequence)];
    return segment !== undefined && sequence <= segment.last ? segment : undefined;
  }
}

export function segmentRange(segment: Segment): Range {
  return { first: segment.first, last: segment.last, samplesBefore: segment.samplesBefore, samplesAfter: segment.samplesAfter };
}
