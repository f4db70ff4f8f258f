// Series on their way into the line. Usually they are gone at once; while the line cannot take them (a full disk, a destination that blocks) they wait here, in order, within
// a limit of bytes: beyond it the oldest go, counted.

import type { RoceSeries } from './series.ts';

/** What may wait, bytes: about an hour of windows of eight ports. Longer outages of receivers wait in the queue on disk, not here. */
export const outboxBytesMax = 16 * 1024 ** 2;
/** After a refusal it is tried again this late, milliseconds. */
const retryMs = 1000;

export interface OutboxOptions {
  /** False: not now. */
  readonly append: (batch: readonly RoceSeries[]) => Promise<boolean>;
  readonly nowMs: () => number;
  readonly onAppended: (batch: readonly RoceSeries[]) => void;
  readonly onDropped: (batch: readonly RoceSeries[]) => void;
  readonly onFailed: (error: unknown) => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  #waiting: { readonly batch: readonly RoceSeries[]; readonly bytes: number }[] = [];
  #bytes = 0;
  #notBeforeMs = -Infinity;
  #running: Promise<void> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Of what waits, about. */
  get bytes(): number {
    return this.#bytes;
  }

  push(batch: readonly RoceSeries[]): void {
    if (batch.length === 0) return;
    const bytes = batch.reduce((sum, series) => sum + bytesOf(series), 0);
    this.#waiting.push({ batch, bytes });
    this.#bytes += bytes;
    while (this.#bytes > outboxBytesMax && this.#waiting.length > 1) this.#options.onDropped(this.#shift());
  }

  /** Appends what waits, one batch after the other, unless that was refused just now. Resolves when nothing is under way. Never rejects. */
  flush({ isUrgent = false } = {}): Promise<void> {
    if (!isUrgent && this.#options.nowMs() < this.#notBeforeMs) return Promise.resolve();
    this.#running ??= this.#appendAll().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Gives up what waits. Returns how many samples that were. */
  discard(): number {
    const left = this.#waiting.reduce((sum, { batch }) => sum + samplesOf(batch), 0);
    this.#waiting = [];
    this.#bytes = 0;
    return left;
  }

  async #appendAll(): Promise<void> {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const isTaken = await this.#append(first.batch);
      if (!isTaken) {
        this.#notBeforeMs = this.#options.nowMs() + retryMs;
        return;
      }
      this.#options.onAppended(first.batch);
      // While it was under way it may have become too old to be kept.
      if (this.#waiting[0] === first) this.#shift();
    }
  }

  async #append(batch: readonly RoceSeries[]): Promise<boolean> {
    try {
      return await this.#options.append(batch);
    } catch (error) {
      this.#options.onFailed(error);
      return false;
    }
  }

  #shift(): readonly RoceSeries[] {
    const { batch, bytes } = this.#waiting.shift()!;
    this.#bytes -= bytes;
    return batch;
  }
}

function bytesOf({ labels, samples, histograms }: RoceSeries): number {
  let bytes = 100 + 48 * samples.length;
  for (const [name, value] of labels) bytes += 2 * (name.length + value.length) + 32;
  for (const histogram of histograms) bytes += histogram.bytes.length + 64;
  return bytes;
}

/** Samples and histograms of a batch. */
export function samplesOf(batch: readonly RoceSeries[]): number {
  return batch.reduce((sum, { samples, histograms }) => sum + samples.length + histograms.length, 0);
}
