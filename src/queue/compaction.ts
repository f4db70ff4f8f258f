// Keeps what a stream takes on disk close to what is pending in it. A segment goes when all its records are settled; where live-first sending or held
// records leave a few of them behind, segments are rewritten without the rest, the most wasteful first, one at a time.

import type { Timer } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import type { Accounts } from './accounts.ts';
import type { StreamContext } from './context.ts';
import { HEADER_BYTES } from './record.ts';
import { segmentKey } from './recovery.ts';
import type { RecentRecords } from './recent.ts';
import { rewriteFile, rewriteSegment } from './rewrite.ts';
import { type Segment, segmentToText } from './segment.ts';
import { type SegmentList, segmentRange } from './segment-list.ts';
import type { SettledRanges } from './ranges.ts';
import type { StreamReader } from './stream-reader.ts';

/** A backlog that is being sent settles its segments by itself; only what stays is worth writing again. Milliseconds. */
const COMPACTION_DELAY_MS = 10_000;
/** Share of the pending bytes that may be wasted, beyond one segment. */
const WASTE_SHARE = 0.05;
/** What a sample weighs beside the header of its record, when the bytes of a segment are divided. Bytes. */
const SAMPLE_BYTES = 2;

export class Compactor {
  readonly #context: StreamContext;
  readonly #accounts: Accounts;
  readonly #segments: SegmentList;
  readonly #reader: StreamReader;
  readonly #recent: RecentRecords;
  readonly #save: () => Promise<void>;
  /** Those with records that could not be read. */
  readonly #unreadable = new WeakSet<Segment>();
  #timer: Timer | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** `save` brings the present state of the stream into the ledger. */
  constructor(context: StreamContext, accounts: Accounts, segments: SegmentList, reader: StreamReader, recent: RecentRecords, save: () => Promise<void>) {
    this.#context = context;
    this.#accounts = accounts;
    this.#segments = segments;
    this.#reader = reader;
    this.#recent = recent;
    this.#save = save;
  }

  /** Something was settled: whether segments have to be rewritten is seen in a while. `segmentBytes` is what one may waste. */
  consider(segmentBytes: () => number): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#context.clock.after(COMPACTION_DELAY_MS, () => {
      this.#timer = undefined;
      void this.#compact(segmentBytes);
    });
  }

  /** Replaces the file of a segment by one without what is settled; resolves to whether it did. Never fails. */
  rewrite(segment: Segment, skipsUnreadable = false): Promise<boolean> {
    const done = this.#working.then(() => this.#rewrite(segment, skipsUnreadable));
    this.#working = done;
    return done;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#working;
  }

  async #compact(segmentBytes: () => number): Promise<void> {
    // Once each: what a segment keeps although it is rewritten, its gaps and a checkpoint, cannot be given back by doing it again.
    const done = new Set<Segment>();
    for (let worst = this.#worst(segmentBytes(), done); worst !== undefined; worst = this.#worst(segmentBytes(), done)) {
      done.add(worst);
      if (!(await this.rewrite(worst))) return;
    }
  }

  /** The segment that wastes most, once all of them together waste too much; the newest is still being written. */
  #worst(segmentBytes: number, done: ReadonlySet<Segment>): Segment | undefined {
    if (this.#isClosed) return undefined;
    const { newest } = this.#segments;
    let [wasted, pending, most] = [0, 0, 0];
    let worst: Segment | undefined;
    for (const segment of this.#segments.all) {
      const used = pendingBytes(segment, this.#accounts.settled);
      const waste = segment.bytes - used;
      pending += used;
      wasted += waste;
      if (segment === newest || done.has(segment) || this.#unreadable.has(segment) || waste <= most) continue;
      most = waste;
      worst = segment;
    }
    return wasted > WASTE_SHARE * pending + segmentBytes ? worst : undefined;
  }

  async #rewrite(segment: Segment, skipsUnreadable: boolean): Promise<boolean> {
    const { disk, path, logger, metrics, name, ledger, folder } = this.#context;
    const isGone = () => !this.#segments.all.includes(segment);
    if (isGone()) return true;
    try {
      const copy = await rewriteSegment({
        disk,
        path,
        segment,
        settled: this.#accounts.settled,
        open: () => this.#reader.open(segment),
        recent: (sequence) => this.#recent.get(sequence),
        snapshot: segment === this.#segments.newest ? this.#accounts.snapshot() : undefined,
        skipsUnreadable,
        isCancelled: () => isGone() || this.#isClosed,
      });
      if (copy === undefined && !isGone() && !this.#isClosed) this.#unreadable.add(segment);
      if (copy === undefined) return isGone();
      // What was left out is known as settled before it is gone.
      await this.#save();
      if (isGone()) {
        disk.remove(`${path}/${rewriteFile(segment.file)}`);
        return true;
      }
      disk.rename(`${path}/${rewriteFile(segment.file)}`, `${path}/${segment.file}`);
      metrics.compactedBytes.with(name).inc(Math.max(0, segment.bytes - copy.bytes));
      this.#reader.drop(segment);
      this.#segments.grow(copy.bytes - segment.bytes);
      Object.assign(segment, { bytes: copy.bytes, records: copy.records, samples: copy.samples });
      ledger.put(segmentKey(folder, segment.file), segmentToText(segment));
      return true;
    } catch (error) {
      logger.warn('a segment of the queue cannot be rewritten', { destination: name, segment: segment.file, error: errorText(error) });
      return false;
    }
  }
}

/** Bytes of the segment that its unsettled records take, by their number and samples. */
export function pendingBytes(segment: Segment, settled: SettledRanges): number {
  let [records, samples] = [0, 0];
  for (const part of settled.unsettled(segmentRange(segment))) {
    records += part.last - part.first + 1;
    samples += part.samplesAfter - part.samplesBefore;
  }
  const whole = weight(segment.records, segment.samples);
  return whole === 0 ? 0 : Math.round(segment.bytes * Math.min(1, weight(records, samples) / whole));
}

function weight(records: number, samples: number): number {
  return records * HEADER_BYTES + samples * SAMPLE_BYTES;
}
