// Where the series of one target stand in the images of one feed: a position per series, and where write rules change labels a hash of the labels that came out.
// A series is in the image of one branch at a time, so all images of a feed share these arrays, however many branches there are.

import { grown } from './key-table.ts';

export const NOWHERE = -1;

const FIRST_CAPACITY = 64;

export class Places {
  position = new Int32Array(FIRST_CAPACITY).fill(NOWHERE);
  /** Half a hash: whether a series that moves keeps its labels. Kept where rules look at what can change. */
  labels: Int32Array | undefined;

  constructor(options: { readonly capacity?: number; readonly keepsLabels?: boolean } = {}) {
    if (options.keepsLabels === true) this.labels = new Int32Array(FIRST_CAPACITY);
    if (options.capacity !== undefined) this.grow(options.capacity);
  }

  grow(capacity: number): void {
    if (capacity <= this.position.length) return;
    this.position = grown(this.position, new Int32Array(capacity).fill(NOWHERE));
    if (this.labels !== undefined) this.labels = grown(this.labels, new Int32Array(capacity));
  }
}
