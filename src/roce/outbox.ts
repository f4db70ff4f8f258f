// Series on their way into the line. Usually they are gone at once; while the line cannot take them (a full disk, a destination that blocks) they wait here, in order, within
// a limit of bytes: beyond it the oldest go, counted.

import type { Clock, Timer } from '../io/clock.ts';
import type { RoceSeries } from './series.ts';

/** What may wait, bytes: about an hour of windows of eight ports. Longer outages of receivers wait in the queue on disk, not here. */
export const outboxBytesMax = 16 * 1024 ** 2;
/** After a refusal it is tried again this late, milliseconds. */
const retryMs = 1000;

export interface OutboxOptions<T> {
  readonly clock: Clock;
  /** False: not now. */
  readonly append: (batch: readonly RoceSeries[], about: T) => Promise<boolean>;
  readonly onAppended: () => void;
  readonly onDropped: (batch: readonly RoceSeries[]) => void;
  readonly onFailed: (error: unknown) => void;
}

interface Waiting<T> {
  readonly batch: readonly RoceSeries[];
  readonly about: T;
  readonly bytes: number;
}

/** `T` is what holds for a batch whatever changes meanwhile. */
export class Outbox<T> {
  readonly #options: OutboxOptions<T>;
  #waiting: Waiting<T>[] = [];
  #bytes = 0;
  #retry: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(options: OutboxOptions<T>) {
    this.#options = options;
  }

  /** Of what waits, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends it behind what waits, at once unless the line has refused just now. */
  push(batch: readonly RoceSeries[], about: T): void {
    if (batch.length === 0) return;
    const bytes = batch.reduce((sum, series) => sum + bytesOf(series), 0);
    this.#waiting.push({ batch, about, bytes });
    this.#bytes += bytes;
    while (this.#bytes > outboxBytesMax && this.#waiting.length > 1) this.#options.onDropped(this.#shift());
    if (this.#retry === undefined) void this.#flush();
  }

  /** Tries once more, and gives up what is left. Returns how many samples that were. Never rejects. */
  async close(): Promise<number> {
    // A try that runs may end with a refusal, which would be the last word.
    await this.#running;
    await this.#flush();
    this.#retry?.cancel();
    this.#retry = undefined;
    const left = this.#waiting.reduce((sum, { batch }) => sum + samplesOf(batch), 0);
    this.#waiting = [];
    this.#bytes = 0;
    return left;
  }

  #flush(): Promise<void> {
    this.#running ??= this.#appendAll().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #appendAll(): Promise<void> {
    this.#retry?.cancel();
    this.#retry = undefined;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!(await this.#append(first))) {
        this.#retry = this.#options.clock.after(retryMs, () => void this.#flush());
        return;
      }
      this.#options.onAppended();
      // While it was under way it may have become too old to be kept.
      if (this.#waiting[0] === first) this.#shift();
    }
  }

  async #append({ batch, about }: Waiting<T>): Promise<boolean> {
    try {
      return await this.#options.append(batch, about);
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
