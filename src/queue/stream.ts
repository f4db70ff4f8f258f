// One stream: the records of one destination from the moment a scrape was accepted until they are settled. Appends of one turn of
// the event loop are collected and written together; they can be read from then on. See docs/formats/queue.md.

import { type Timer } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import { Accounts } from './accounts.ts';
import type { StreamContext } from './context.ts';
import type { QuarantineInput, QueuedRecord, ReadLimits, RecordInput, Settled, Stream, StreamState } from './queue.ts';
import { RecentRecords } from './recent.ts';
import { type Recovered, segmentKey, stateKey } from './recovery.ts';
import type { Segment } from './segment.ts';
import { SegmentList, segmentRange } from './segment-list.ts';
import { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';

/** Checkpoints repeat the state in the segment while it changes; this much may be sent again when the ledger is lost. Milliseconds. */
const CHECKPOINT_MS = 10_000;
/** A segment that cannot be opened is tried again after this time. Milliseconds. */
const BLOCKED_RETRY_MS = 1000;
/** What one turn of the event loop may collect before it is written at once. Bytes. */
const BATCH_BYTES_MAX = 16 * 1024 ** 2;

interface Waiter {
  readonly sequence: number;
  readonly callback: () => void;
}

export class QueueStream implements Stream {
  readonly name: string;
  readonly #context: StreamContext;
  readonly #accounts: Accounts;
  readonly #segments: SegmentList;
  readonly #recent: RecentRecords;
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;
  readonly #scheduleWrite: () => void;
  #batch: RecordInput[] = [];
  #batchBytes = 0;
  #waiters: Waiter[] = [];
  #checkpointTimer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #savedState = '';
  #removals: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** `scheduleWrite` asks the queue to call `write` at the end of this turn of the event loop. */
  constructor(context: StreamContext, recovered: Recovered, maxBytes: number, scheduleWrite: () => void) {
    this.name = context.name;
    this.#context = context;
    this.#scheduleWrite = scheduleWrite;
    this.#accounts = new Accounts(context.name, recovered, context.metrics);
    this.#segments = new SegmentList(recovered.segments);
    this.#recent = new RecentRecords(context.recent);
    this.#reader = new StreamReader(context, this.#accounts, this.#segments, this.#recent);
    const hooks = {
      written: (record: Parameters<RecentRecords['push']>[0]) => this.#recent.push(record),
      evict: (segment: Segment) => this.#evict(segment),
      begun: () => this.#removeSettled(1, Infinity),
    };
    this.#writer = new StreamWriter(context, this.#accounts, this.#segments, hooks, { maxBytes, emptyTail: recovered.emptyTail });
    context.ledger.addSource(() => this.#saveState());
    this.#removeSettled(1, Infinity);
  }

  append(records: readonly RecordInput[]): void {
    if (records.length === 0) return;
    if (this.#isClosed) return this.#refuse(records);
    if (this.#batch.length === 0) this.#scheduleWrite();
    for (const record of records) {
      this.#batch.push(record);
      this.#batchBytes += record.type === 'raw' ? record.body.length : record.column.length;
    }
    if (this.#batchBytes >= BATCH_BYTES_MAX) this.write();
  }

  /** Writes what was appended in this turn. */
  write(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#writer.write(batch);
    this.#context.recent.enforce();
    if (this.#writer.mode === 'ok') this.#context.ledger.schedule();
    else this.#changed();
    this.#wake();
  }

  async read(afterSequence: number, limits: ReadLimits): Promise<QueuedRecord[]> {
    if (this.#isClosed) return [];
    const records = this.#reader.read(afterSequence, limits);
    // What turned out to be damaged is settled now, and may have been the last of its segment.
    if (this.#accounts.settled.base >= (this.#segments.all[0]?.last ?? Infinity)) this.#removeSettled(1, Infinity);
    return records;
  }

  settle(first: number, last: number, outcome: Settled = {}): void {
    const from = this.#accounts.settled.nextUnsettled(first);
    const to = Math.min(last, this.#accounts.lastSequence);
    if (from > to) return;
    const range = { first: from, last: to, samplesBefore: this.#reader.samplesBefore(from), samplesAfter: this.#reader.samplesBefore(to + 1) };
    this.#accounts.deliver(range, outcome);
    this.#reader.forget(from, to);
    this.#recent.forgetUpTo(this.#accounts.settled.base);
    this.#removeSettled(from, to);
    this.#changed();
  }

  quarantine(_input: QuarantineInput): boolean {
    return false;
  }

  onRecord(sequence: number, callback: () => void): void {
    if (this.#isClosed) return;
    this.#waiters.push({ sequence, callback });
    if (this.#isReadable(sequence)) this.#wakeLater();
  }

  state(): StreamState {
    const { lastSequence, newestMs, pendingRecords } = this.#accounts;
    return {
      name: this.name,
      counters: this.#accounts.counters(),
      pendingRecords,
      pendingBytes: this.#pendingBytes(),
      diskBytes: this.#segments.bytes,
      segments: this.#segments.all.length,
      newestMs,
      oldestPendingMs: this.#reader.oldestPendingMs(),
      lastSequence,
      mode: this.#writer.mode,
      lastError: this.#writer.lastError,
    };
  }

  setMaxBytes(maxBytes: number): void {
    this.#writer.maxBytes = maxBytes;
    while (this.#segments.bytes > maxBytes && this.#segments.all.length > 1) this.#evict(this.#segments.all[0]!);
  }

  async close(): Promise<void> {
    this.write();
    this.#isClosed = true;
    this.#waiters = [];
    this.#checkpointTimer?.cancel();
    this.#retryTimer?.cancel();
    await this.#writer.close();
    await this.#removals;
    this.#reader.close();
    this.#recent.clear();
  }

  #refuse(records: readonly RecordInput[]): void {
    for (const record of records) this.#accounts.refuse(record.samples);
  }

  #isReadable(sequence: number): boolean {
    return this.#accounts.settled.nextUnsettled(sequence + 1) <= this.#accounts.lastSequence;
  }

  #wakeLater(): void {
    if (!this.#reader.isBlocked) {
      queueMicrotask(() => this.#wake());
      return;
    }
    this.#retryTimer ??= this.#context.clock.after(BLOCKED_RETRY_MS, () => {
      this.#retryTimer = undefined;
      this.#reader.isBlocked = false;
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const ready = this.#waiters.filter((waiter) => this.#isReadable(waiter.sequence));
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const waiter of ready) waiter.callback();
  }

  /** Bytes of the segments that are not settled, in proportion to their records. */
  #pendingBytes(): number {
    let bytes = 0;
    for (const segment of this.#segments.all) {
      const records = segment.last - segment.first + 1;
      let pending = 0;
      for (const part of this.#accounts.settled.unsettled(segmentRange(segment))) pending += part.last - part.first + 1;
      if (records > 0) bytes += Math.round((segment.bytes * pending) / records);
    }
    return bytes;
  }

  /** Removes the segments between two sequences that are settled; the newest stays, because it keeps the state of the stream. */
  #removeSettled(first: number, last: number): void {
    const { all, newest } = this.#segments;
    const gone: Segment[] = [];
    for (let i = Math.max(0, this.#segments.indexOf(first)); i < all.length && all[i]!.first <= last; i++) {
      const segment = all[i]!;
      if (segment !== newest && !this.#writer.isWriting(segment) && this.#accounts.settled.covers(segment.first, segment.last)) gone.push(segment);
    }
    if (gone.length === 0) return;
    for (const segment of gone) this.#remove(segment);
    this.#writer.checkpoint();
  }

  #evict(segment: Segment): void {
    const gone = this.#accounts.lose(segmentRange(segment), 'evicted');
    const { logger, name } = this.#context;
    if (gone.records > 0) logger.warn('the quota is reached: the oldest segment was dropped', { destination: name, records: gone.records, samples: gone.samples });
    this.#recent.forgetUpTo(this.#accounts.settled.base);
    this.#reader.forget(segment.first, segment.last);
    this.#remove(segment);
    this.#changed();
  }

  /** Takes the segment out; its file goes when the ledger knows why. */
  #remove(segment: Segment): void {
    const { ledger, folder } = this.#context;
    this.#segments.remove(segment);
    this.#reader.drop(segment);
    ledger.delete(segmentKey(folder, segment.file));
    const before = this.#removals;
    this.#removals = this.#unlink(segment, Promise.all([before, ledger.save()]));
  }

  async #unlink(segment: Segment, saved: Promise<unknown>): Promise<void> {
    const { disk, path, logger } = this.#context;
    await saved;
    try {
      disk.remove(`${path}/${segment.file}`);
    } catch (error) {
      // It is found settled, and removed, when the queue is opened again.
      logger.warn('a settled segment cannot be removed', { destination: this.name, segment: segment.file, error: errorText(error) });
    }
  }

  #changed(): void {
    if (this.#isClosed) return;
    this.#context.ledger.schedule();
    this.#checkpointTimer ??= this.#context.clock.after(CHECKPOINT_MS, () => {
      this.#checkpointTimer = undefined;
      this.#writer.checkpoint();
    });
  }

  #saveState(): void {
    const { ledger, folder } = this.#context;
    const { counters, pendingRecords } = this.state();
    const summary = JSON.stringify([counters, pendingRecords, this.#accounts.lastSequence, this.#accounts.settled.toNumbers()]);
    if (summary === this.#savedState) return;
    this.#savedState = summary;
    ledger.put(stateKey(folder), JSON.stringify(this.#accounts.snapshot()));
  }
}
