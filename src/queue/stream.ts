// One stream: the records of one destination from the moment a scrape was accepted until they are settled. Appends of one turn of
// the event loop are collected and written together; they can be read from then on. See docs/formats/queue.md.

import { type Timer } from '../io/clock.ts';
import { errorText, TributaryError } from '../model/error.ts';
import { Accounts } from './accounts.ts';
import type { OpenStream, StreamDetails } from './command-queue.ts';
import { Compactor, pendingBytes } from './compaction.ts';
import type { StreamContext } from './context.ts';
import { moveIn } from './move-in.ts';
import type { Tenant } from './pressure.ts';
import type { QuarantineInput, QueuedRecord, ReadLimits, RecordInput, Settled, StreamOptions, StreamState, Tally } from './queue.ts';
import { RecentRecords } from './recent.ts';
import { type Recovered, segmentKey, stateKey } from './recovery.ts';
import { goneFile, isGone, type Segment } from './segment.ts';
import { rewriteFile } from './rewrite.ts';
import { SegmentList, segmentRange } from './segment-list.ts';
import { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';

/** Checkpoints repeat the state in the segment while it changes; this much may be sent again when the ledger is lost. Milliseconds. */
const CHECKPOINT_MS = 10_000;
/** Settled segments whose removal the ledger could not note wait this long for the next save. Milliseconds. */
const REMOVAL_RETRY_MS = 5000;
/** A segment that cannot be opened is tried again after this time. Milliseconds. */
const BLOCKED_RETRY_MS = 1000;
/** What one turn of the event loop may collect before it is written at once. Bytes. */
const BATCH_BYTES_MAX = 16 * 1024 ** 2;
/** Dropping what is oldest is told once, and again when it begins anew after this time without. Milliseconds. */
const EVICTION_QUIET_MS = 600_000;
/** A state with thousands of settled ranges is written less often, so that the ledger writes about this much. Bytes per second. */
const STATE_BYTES_PER_SECOND = 32 * 1024;

interface Waiter {
  readonly sequence: number;
  readonly callback: () => void;
}

export class QueueStream implements OpenStream, Tenant {
  readonly name: string;
  /** When free space is short, lower ones give up their oldest segments first. */
  priority: number;
  readonly #context: StreamContext;
  readonly #accounts: Accounts;
  readonly #segments: SegmentList;
  readonly #recent: RecentRecords;
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;
  readonly #compactor: Compactor;
  readonly #scheduleWrite: () => void;
  #batch: RecordInput[] = [];
  #batchBytes = 0;
  #waiters: Waiter[] = [];
  #checkpointTimer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #savedState = '';
  #saveAgainMs = -Infinity;
  #mustSave = false;
  #evictedMs = -Infinity;
  #removals: Promise<void> = Promise.resolve();
  /** Files that wait for the ledger, and when they are looked at again. */
  readonly #unremoved: string[] = [];
  #removalTimer: Timer | undefined;
  #isClosed = false;
  readonly #saveSource = () => this.#saveState();

  /** `scheduleWrite` asks the queue to call `write` at the end of this turn of the event loop. */
  constructor(context: StreamContext, recovered: Recovered, options: StreamOptions, scheduleWrite: () => void) {
    this.name = context.name;
    this.#context = context;
    this.#scheduleWrite = scheduleWrite;
    this.#accounts = new Accounts(context.name, recovered, context.metrics);
    this.#segments = new SegmentList(recovered.segments, context.pressure.usage);
    this.#recent = new RecentRecords(context.recent);
    this.#reader = new StreamReader(context, this.#accounts, this.#segments, this.#recent);
    this.#compactor = new Compactor(context, this.#accounts, this.#segments, this.#reader, this.#recent, () => {
      this.#mustSave = true;
      return context.ledger.save();
    });
    this.priority = options.priority ?? 0;
    const hooks = {
      written: (record: Parameters<RecentRecords['push']>[0]) => this.#recent.push(record),
      evict: (segment: Segment, reason: string) => void this.#evict(segment, reason),
      rewrite: (segment: Segment, skipsUnreadable: boolean) => this.#compactor.rewrite(segment, skipsUnreadable),
      begun: () => this.#removeSettled(1, Infinity),
    };
    this.#writer = new StreamWriter(context, this.#accounts, this.#segments, hooks, {
      maxBytes: options.maxBytes, policy: options.policy ?? 'drop_oldest', tenant: this, isRecorded: !recovered.isGivenUp,
    });
    context.pressure.add(this);
    context.ledger.addSource(this.#saveSource);
    this.#removeSettled(1, Infinity);
    this.#removeLeftovers();
    this.#compactor.consider(() => this.#writer.segmentBytes);
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

  async appendNow(records: readonly RecordInput[]): Promise<boolean> {
    this.write();
    const before = this.#unexpectedlyLost();
    this.append(records);
    this.write();
    const isTaken = this.#unexpectedlyLost() === before;
    return this.#context.settings.fsync === 'always' ? (await this.#writer.flush()) && isTaken : isTaken;
  }

  refuses(): boolean {
    return this.#isClosed || this.#writer.isRefusing;
  }

  /** Samples that were refused, other than by the policy `drop_newest`. */
  #unexpectedlyLost(): number {
    const { lost } = this.#accounts.counters();
    return lost.disk_full + (this.#writer.policy === 'drop_newest' ? 0 : lost.quota);
  }

  count(tally: Tally): void {
    this.#accounts.count(tally);
    this.#changed();
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
    // Nobody may take it for the end.
    if (records.length === 0 && this.#reader.isBlocked) throw new TributaryError('QUEUE_UNREADABLE', `${this.name}: a segment of the queue cannot be opened`);
    return records;
  }

  settle(first: number, last: number, outcome: Settled = {}): void {
    const from = this.#accounts.settled.nextUnsettled(first);
    const end = Math.min(last, this.#accounts.lastSequence);
    if (from > end) return;
    // What is settled may be gone from its segment; its range knows the counts that a look there cannot tell.
    const after = this.#accounts.settled.rangeAt(end + 1);
    const to = after === undefined ? end : after.first - 1;
    const range = { first: from, last: to, samplesBefore: this.#reader.samplesBefore(from), samplesAfter: after?.samplesBefore ?? this.#reader.samplesBefore(to + 1) };
    this.#accounts.deliver(range, outcome);
    this.#reader.forget(from, to);
    this.#recent.forgetUpTo(this.#accounts.settled.base);
    this.#removeSettled(from, to);
    this.#compactor.consider(() => this.#writer.segmentBytes);
    this.#changed();
  }

  quarantine(input: QuarantineInput): boolean {
    return this.#context.refused.keep(this.name, input);
  }

  moveIn(records: readonly RecordInput[]): string | undefined {
    this.write();
    if (this.#isClosed) return 'the queue is closed';
    const refusal = moveIn({ context: this.#context, accounts: this.#accounts, segments: this.#segments, writer: this.#writer }, records);
    this.#context.recent.enforce();
    this.#context.ledger.schedule();
    this.#wake();
    return refusal;
  }

  flush(): Promise<boolean> {
    return this.#writer.flush();
  }

  openReader(): StreamReader {
    return new StreamReader(this.#context, this.#accounts, this.#segments, this.#recent);
  }

  details(): StreamDetails {
    const { settled, lastSequence, samples } = this.#accounts;
    const pending = settled.unsettled({ first: 1, last: lastSequence, samplesBefore: 0, samplesAfter: samples });
    return {
      segments: this.#segments.all.map(({ file, first, last, bytes, oldestMs, newestMs }) => ({ file, first, last, bytes, oldestMs, newestMs })),
      pending: pending.map((range) => ({ first: range.first, last: range.last, samples: range.samplesAfter - range.samplesBefore })),
    };
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
      writtenBytes: this.#writer.writtenBytes,
      segments: this.#segments.all.length,
      newestMs,
      oldestPendingMs: this.#reader.oldestPendingMs(),
      lastSequence,
      mode: this.#writer.mode,
      lastError: this.#writer.lastError,
      isBlocked: this.isBlocked,
    };
  }

  get isBlocked(): boolean {
    return !this.#isClosed && this.#writer.isBlocked;
  }

  get givesUpOwn(): boolean {
    return this.#writer.policy === 'drop_oldest';
  }

  get diskBytes(): number {
    return this.#segments.bytes;
  }

  /** Takes over new options; a smaller quota takes effect at once where the policy allows it. */
  configure({ maxBytes, policy = 'drop_oldest', priority = 0 }: StreamOptions): void {
    this.#writer.maxBytes = maxBytes;
    this.#writer.policy = policy;
    this.priority = priority;
    if (policy !== 'drop_oldest') return;
    while (this.#segments.bytes > maxBytes && this.#segments.all.length > 1) this.#evict(this.#segments.all[0]!, 'the quota is smaller now');
  }

  /** Its destination is gone. What comes all the same is still taken, without a quota of its own. */
  retire(): void {
    this.write();
    this.configure({ maxBytes: Infinity });
    this.#writer.retire();
  }

  giveUpOldest(reason: string): number {
    const oldest = this.#segments.all[0];
    return oldest === undefined || this.#writer.isWriting(oldest) ? 0 : this.#evict(oldest, reason);
  }

  async close(): Promise<void> {
    this.write();
    this.#isClosed = true;
    this.#waiters = [];
    this.#checkpointTimer?.cancel();
    this.#retryTimer?.cancel();
    this.#removalTimer?.cancel();
    await this.#writer.close();
    await this.#compactor.close();
    await this.#removals;
    this.#reader.close();
    this.#recent.clear();
  }

  /** Closes the stream and deletes it, folder and ledger. */
  async remove(): Promise<void> {
    const { ledger, pressure, disk, folder, path } = this.#context;
    await this.close();
    ledger.deleteSource(this.#saveSource);
    pressure.delete(this);
    for (const segment of [...this.#segments.all]) this.#segments.remove(segment);
    ledger.delete(stateKey(folder));
    for (const [key] of [...ledger.entries(segmentKey(folder, ''))]) ledger.delete(key);
    await ledger.save();
    disk.remove(path);
  }

  #refuse(records: readonly RecordInput[]): void {
    for (const record of records) this.#accounts.refuse(record);
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
    for (const segment of this.#segments.all) bytes += pendingBytes(segment, this.#accounts.settled);
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

  /** Gives up a segment at once; returns its bytes. */
  #evict(segment: Segment, reason: string): number {
    const { bytes } = segment;
    const gone = this.#accounts.lose(segmentRange(segment), 'evicted');
    if (gone.records > 0) this.#reportEviction(reason, gone);
    this.#recent.forgetUpTo(this.#accounts.settled.base);
    this.#reader.forget(segment.first, segment.last);
    this.#remove(segment, this.#empty(segment));
    this.#changed();
    return bytes;
  }

  #reportEviction(reason: string, { records, samples }: { records: number; samples: number }): void {
    const { logger, clock, name } = this.#context;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#evictedMs > EVICTION_QUIET_MS) logger.warn('the oldest records are dropped and counted as evicted', { destination: name, reason, records, samples });
    this.#evictedMs = nowMs;
  }

  /** Gives the room of a segment back before the ledger knows: under another name the empty file tells a recovery that it was given up, not lost. */
  #empty(segment: Segment): string {
    const { disk, path } = this.#context;
    const gone = goneFile(segment.file);
    try {
      disk.rename(`${path}/${segment.file}`, `${path}/${gone}`);
      const file = disk.openAppend(`${path}/${gone}`);
      try {
        file.truncate(0);
      } finally {
        file.close();
      }
    } catch {
      // A disk that does not even take that: both names are removed when the ledger knows.
    }
    return gone;
  }

  /** Takes the segment out; its file goes when the ledger knows why. */
  #remove(segment: Segment, emptied?: string): void {
    const { ledger, folder } = this.#context;
    this.#segments.remove(segment);
    this.#reader.drop(segment);
    ledger.delete(segmentKey(folder, segment.file));
    this.#mustSave = true;
    const before = this.#removals;
    const files = emptied === undefined ? [segment.file] : [segment.file, emptied];
    this.#removals = this.#unlink(files, Promise.all([before, ledger.save()]));
  }

  async #unlink(files: readonly string[], saved: Promise<unknown>): Promise<void> {
    const { disk, path, logger, ledger } = this.#context;
    await saved;
    const isSecure = await this.#writer.secure();
    // A settled segment goes all the same: on a full disk there may be no room for a checkpoint before it does.
    if (!ledger.isSaved || (!isSecure && files.some(isGone))) return this.#unlinkLater(files);
    try {
      for (const file of files) disk.remove(`${path}/${file}`);
    } catch (error) {
      // It is found settled, and removed, when the queue is opened again.
      logger.warn('a settled segment cannot be removed', { destination: this.name, segment: files[0], error: errorText(error) });
    }
  }

  /**
   * A file that went before the ledger knows why would be a hole after a crash. Should the process end first, it is found and sent again. What is left of one that was given
   * up stays until that is on the medium: a power loss may take the end of the ledger, and nothing else tells that its samples were not delivered.
   */
  #unlinkLater(files: readonly string[]): void {
    if (this.#isClosed) return;
    this.#unremoved.push(...files);
    this.#removalTimer ??= this.#context.clock.after(REMOVAL_RETRY_MS, () => {
      this.#removalTimer = undefined;
      this.#removals = this.#unlink(this.#unremoved.splice(0), Promise.all([this.#removals, this.#context.ledger.save()]));
    });
  }

  /** What a process that died left of rewriting and giving up. */
  #removeLeftovers(): void {
    const { disk, path, ledger } = this.#context;
    if (!disk.exists(path)) return;
    const files = disk.list(path).filter((file) => file.endsWith(rewriteFile('.seg')) || isGone(file));
    if (files.length > 0) this.#removals = this.#unlink(files, Promise.all([this.#removals, ledger.save()]));
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
    const { ledger, folder, clock } = this.#context;
    const { counters, pendingRecords } = this.state();
    const summary = JSON.stringify([counters, pendingRecords, this.#accounts.lastSequence, this.#accounts.settled.toNumbers()]);
    if (summary === this.#savedState) return;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#saveAgainMs && !this.#mustSave && !this.#isClosed) return ledger.schedule();
    this.#mustSave = false;
    this.#saveAgainMs = nowMs + (summary.length / STATE_BYTES_PER_SECOND) * 1000;
    this.#savedState = summary;
    ledger.put(stateKey(folder), JSON.stringify(this.#accounts.snapshot()));
  }
}
