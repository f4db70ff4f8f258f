// The writing half of a stream: stages the records of one turn of the event loop, begins and closes segments, and keeps the quota. What the disk or the
// quota does not take is refused and counted; the next append tries again, and where nothing is appended a timer does.
//
// What was refused must not come back: nothing is written behind a refused write as long as it is in a file. Else a power loss could take what followed and leave the
// refused records, which a receiver that has the newer samples refuses.

import type { Timer } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import type { Accounts } from './accounts.ts';
import type { StreamContext } from './context.ts';
import type { Tenant } from './pressure.ts';
import type { OverflowPolicy, RecordInput, StreamState } from './queue.ts';
import type { RecentRecord } from './recent.ts';
import { HEADER_BYTES } from './record.ts';
import { segmentKey } from './recovery.ts';
import { type Segment, segmentFile, segmentToText } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { SegmentSync } from './segment-sync.ts';
import { SegmentWriter } from './segment-writer.ts';

/** A gathered write goes out at this size even before the turn of the event loop ends. Bytes. */
const WRITE_BYTES_MAX = 4 * 1024 ** 2;
/** Small quotas get small segments, so that the oldest eighth goes when room is needed, but not smaller than this. Bytes. */
const SEGMENT_BYTES_MIN = 256 * 1024;
const SEGMENTS_PER_QUOTA = 8;
/** A disk that refused is tried again, also when nothing is appended. Milliseconds. */
const RETRY_MS = 5000;
/** A stream that keeps what is older is full until this share of its quota is free, and one that blocks says so while this share is still left. */
const ROOM_SHARE = 1 / 8;
const BLOCK_SHARE = 1 / 16;

export interface WriterHooks {
  /** The record is in the file. */
  written(record: RecentRecord): void;
  /** The quota needs the room of this segment. */
  evict(segment: Segment, reason: string): void;
  /** A new segment was begun: the one before it is not the newest any more. */
  begun(): void;
  /** Replaces the segment by a synced copy of what is unsettled in it; never fails. */
  rewrite(segment: Segment, skipsUnreadable: boolean): Promise<boolean>;
}

export interface WriterOptions {
  readonly maxBytes: number;
  readonly policy: OverflowPolicy;
  /** The stream, when it asks others for room. */
  readonly tenant: Tenant;
  /** Whether the state that was recovered stands in ledger or checkpoint as it is. */
  readonly isRecorded: boolean;
}

export class StreamWriter {
  mode: StreamState['mode'] = 'ok';
  lastError: string | undefined;
  /** Since the stream was opened. */
  writtenBytes = 0;
  maxBytes: number;
  policy: OverflowPolicy;
  readonly #context: StreamContext;
  readonly #accounts: Accounts;
  readonly #segments: SegmentList;
  readonly #hooks: WriterHooks;
  #writer: SegmentWriter | undefined;
  #staged: RecentRecord[] = [];
  #stagedSamples = 0;
  /** What the last checkpoint said, in short. */
  #checkpointed: string;
  readonly #tenant: Tenant;
  readonly #sync: SegmentSync;
  #retryTimer: Timer | undefined;
  /** What the disk refused last: less room than that is none. Bytes. */
  #refusedBytes = 0;
  #isAtQuota = false;
  #isClosed = false;

  constructor(context: StreamContext, accounts: Accounts, segments: SegmentList, hooks: WriterHooks, options: WriterOptions) {
    this.#context = context;
    this.#accounts = accounts;
    this.#segments = segments;
    this.#hooks = hooks;
    this.maxBytes = options.maxBytes;
    this.policy = options.policy;
    this.#tenant = options.tenant;
    this.#checkpointed = options.isRecorded ? accounts.fingerprint() : '';
    this.#sync = new SegmentSync(context, {
      current: () => this.#writer,
      failed: (error, writer) => this.#syncFailed(error, writer),
      closeFailed: (error) => this.#failWith(error),
      rewrite: (segment, skipsUnreadable) => hooks.rewrite(segment, skipsUnreadable),
    });
  }

  /** Writes the records, in order. Never throws. */
  write(inputs: readonly RecordInput[]): void {
    const bytes = inputs.reduce((sum, input) => sum + HEADER_BYTES + (input.type === 'raw' ? input.body : input.column).length, 0);
    const shortage = this.#context.pressure.refusal(this.#tenant, bytes);
    if (shortage !== undefined) {
      this.#refusedBytes = bytes;
      this.#fail('full', shortage);
      for (const input of inputs) this.#accounts.refuse(input);
      return;
    }
    for (const input of inputs) this.#add(input);
    this.#commit();
  }

  /** Repeats the state of the stream in the segment when it has changed, for the case that the ledger is lost. Returns whether the files tell the present state. */
  checkpoint(): boolean {
    if (this.#accounts.fingerprint() === this.#checkpointed) return true;
    const writer = this.#isClosed ? undefined : (this.#writer ?? this.#begin());
    if (writer === undefined) return false;
    this.#stageCheckpoint(writer);
    return this.#commit();
  }

  /** Brings the present state to the medium, as far as the policy asks for that at all; resolves to whether it is there. */
  async secure(): Promise<boolean> {
    const { pressure } = this.#context;
    // Telling what was given up must not give up more.
    pressure.isFrozen = true;
    const isWritten = this.checkpoint();
    pressure.isFrozen = false;
    return isWritten && (await this.flush());
  }

  #stageCheckpoint(writer: SegmentWriter): void {
    writer.stageCheckpoint(this.#accounts.snapshot(), this.#accounts.lastSequence + 1, this.#accounts.samples);
    this.#checkpointed = this.#accounts.fingerprint();
  }

  isWriting(segment: Segment): boolean {
    return this.#writer?.segment === segment;
  }

  async close(): Promise<void> {
    this.checkpoint();
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    // A segment without a record stays when its checkpoint is the newest there is; it is gone after the next opening.
    this.#seal(this.#writer?.segment.bytes === 0);
    await this.#sync.close();
  }

  /** Whether everything written so far is on the medium, as far as the policy asks for that at all. */
  flush(): Promise<boolean> {
    return this.#sync.flush();
  }

  /** Its destination is gone: the segment is closed, so that it can go as well when room is needed. */
  retire(): void {
    this.checkpoint();
    this.#seal();
  }

  /** The size at which the segments of this stream are closed. */
  get segmentBytes(): number {
    const share = Math.max(SEGMENT_BYTES_MIN, Math.floor(this.maxBytes / SEGMENTS_PER_QUOTA));
    return Math.min(this.#context.settings.segmentBytes, share);
  }

  /** Whether nothing should be appended for now: the policy is to block, and the quota or the disk has no room. */
  get isBlocked(): boolean {
    return this.policy === 'block' && (this.mode !== 'ok' || this.#holdsQuota());
  }

  /** Whether what comes now is refused, other than by the policy `drop_newest` at the quota. */
  get isRefusing(): boolean {
    return this.isBlocked || (this.mode !== 'ok' && !(this.policy === 'drop_newest' && this.#isAtQuota));
  }

  #add(input: RecordInput): void {
    const writer = this.#prepare(input);
    if (typeof writer === 'string') return this.#accounts.refuse(input, writer);
    const sequence = this.#accounts.lastSequence + this.#staged.length + 1;
    const samplesBefore = this.#accounts.samples + this.#stagedSamples;
    const bytes = writer.stage(input, sequence, samplesBefore);
    this.#staged.push(toRecord(input, sequence, samplesBefore, bytes));
    this.#stagedSamples += input.samples;
    if (writer.stagedBytes >= WRITE_BYTES_MAX) this.#commit();
  }

  /** The segment that takes the record, within its size and the quota, or the reason why it is refused. */
  #prepare(input: RecordInput): SegmentWriter | 'disk_full' | 'quota' {
    for (;;) {
      const writer = this.#writer ?? this.#begin();
      if (writer === undefined) return 'disk_full';
      if (writer.segment.bytes + writer.stagedBytes === 0) {
        this.#stageCheckpoint(writer);
      }
      const cost = writer.cost(input);
      if (cost > this.maxBytes) return this.#tooLarge(cost);
      const bytes = writer.stagedBytes + cost;
      const holdsRecords = writer.segment.last >= writer.segment.first || this.#staged.length > 0;
      if (holdsRecords && writer.segment.bytes + bytes > this.segmentBytes) {
        this.#finish();
      } else if (this.#segments.bytes + bytes <= this.maxBytes) {
        this.#context.pressure.keepQuota(bytes);
        return writer;
      } else {
        const oldest = this.#segments.all[0]!;
        if (oldest === writer.segment && !holdsRecords) return this.#tooLarge(bytes);
        if (this.policy !== 'drop_oldest' && !this.#isSettled(oldest)) return this.#atQuota();
        if (oldest === writer.segment) this.#finish();
        else this.#hooks.evict(oldest, 'the quota is reached');
      }
    }
  }

  #tooLarge(bytes: number): 'disk_full' {
    this.#fail('full', `a record of ${bytes} bytes does not fit into the quota of ${this.maxBytes} bytes`);
    return 'disk_full';
  }

  /** What is older stays, what is new is refused. */
  #atQuota(): 'quota' {
    this.#isAtQuota = true;
    this.#fail('full', `the quota of ${this.maxBytes} bytes is reached`);
    return 'quota';
  }

  /** With hysteresis, so that scraping does not start and stop with every record that leaves. */
  #holdsQuota(): boolean {
    const freeBytes = this.maxBytes - this.#segments.bytes;
    if (this.#accounts.pendingRecords === 0 || freeBytes >= ROOM_SHARE * this.maxBytes) this.#isAtQuota = false;
    else if (this.policy === 'block' && freeBytes < BLOCK_SHARE * this.maxBytes) this.#isAtQuota = true;
    return this.#isAtQuota;
  }

  #isSettled({ first, last }: Segment): boolean {
    return this.#staged.length === 0 && this.#accounts.settled.covers(first, last);
  }

  #begin(): SegmentWriter | undefined {
    if (this.#sync.hasUncut) return undefined;
    try {
      return this.#create();
    } catch (error) {
      if (isOutOfRoom(error) && this.#context.pressure.makeRoom(this.#tenant, HEADER_BYTES, error.code)) return this.#createAgain();
      this.#failWith(error);
      return undefined;
    }
  }

  #createAgain(): SegmentWriter | undefined {
    try {
      return this.#create();
    } catch (error) {
      this.#failWith(error);
      return undefined;
    }
  }

  #create(): SegmentWriter {
    const { disk, path } = this.#context;
    disk.makeFolder(path);
    const first = this.#accounts.lastSequence + 1;
    const { samples } = this.#accounts;
    // A file of this name holds no record that was accepted: a checkpoint, or a refused write that could be neither cut off nor removed.
    if (disk.exists(`${path}/${segmentFile(first)}`)) disk.remove(`${path}/${segmentFile(first)}`);
    const segment: Segment = {
      file: segmentFile(first), first, last: first - 1, samplesBefore: samples, samplesAfter: samples, bytes: 0, records: 0, samples: 0,
      oldestMs: Infinity, newestMs: -Infinity,
    };
    this.#writer = new SegmentWriter(disk, `${path}/${segment.file}`, segment);
    this.#segments.add(segment);
    return this.#writer;
  }

  #finish(): void {
    this.#commit();
    this.#seal();
  }

  /** Writes what is staged; on failure it is refused as a whole. Returns whether the disk took something. */
  #commit(): boolean {
    const writer = this.#writer;
    if (writer === undefined || writer.stagedBytes === 0) return false;
    const staged = this.#staged;
    const bytes = writer.stagedBytes;
    this.#staged = [];
    this.#stagedSamples = 0;
    const startedMs = this.#context.clock.monotonicMs();
    try {
      this.#append(writer);
    } catch (error) {
      this.#refusedBytes = bytes;
      writer.discard();
      for (const record of staged) this.#accounts.refuse(record);
      this.#checkpointed = '';
      if (writer.isBroken) this.#sealUncut(writer);
      this.#failWith(error);
      return false;
    }
    this.#segments.grow(bytes);
    this.writtenBytes += bytes;
    this.#measure(startedMs, bytes, staged);
    const isFirst = writer.segment.last < writer.segment.first && staged.length > 0;
    for (const record of staged) this.#publish(writer.segment, record);
    // A checkpoint is small: that it fits says nothing of records.
    if (staged.length > 0) this.#recovered();
    this.#sync.written();
    this.#context.pressure.succeeded(this.#tenant);
    if (isFirst) this.#hooks.begun();
    return true;
  }

  #append(writer: SegmentWriter): void {
    try {
      writer.commit();
    } catch (error) {
      if (!isOutOfRoom(error) || writer.isBroken || !this.#context.pressure.makeRoom(this.#tenant, writer.stagedBytes, error.code)) throw error;
      writer.commit();
    }
  }

  #publish(segment: Segment, record: RecentRecord): void {
    this.#accounts.append(record);
    segment.last = record.sequence;
    segment.samplesAfter = this.#accounts.samples;
    segment.records += 1;
    segment.samples += record.samples;
    segment.oldestMs = Math.min(segment.oldestMs, record.oldestMs);
    segment.newestMs = Math.max(segment.newestMs, record.newestMs);
    this.#hooks.written(record);
  }

  #measure(startedMs: number, bytes: number, staged: readonly RecentRecord[]): void {
    const { metrics, name, clock } = this.#context;
    let samples = 0;
    for (const record of staged) samples += record.samples;
    metrics.writeSeconds.with(name).observe((clock.monotonicMs() - startedMs) / 1000);
    metrics.writtenBytes.with(name).inc(bytes);
    (this.#accounts.isMovingIn ? metrics.movedIn : metrics.appended).with(name).inc(samples);
  }

  /** Closes the segment: it gets its index entry in the ledger and is never written again. */
  #seal(discardsEmpty = true): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    const { ledger, folder } = this.#context;
    if (writer.segment.last >= writer.segment.first) ledger.put(segmentKey(folder, writer.segment.file), segmentToText(writer.segment));
    else if (discardsEmpty) this.#discard(writer.segment);
    this.#sync.finish(writer);
  }

  /** Nothing follows before the segment was written anew; one without a record has just been removed, or is removed before its name is used again. */
  #sealUncut({ segment }: SegmentWriter): void {
    this.#seal();
    if (segment.last >= segment.first) this.#sync.doubt(segment);
  }

  /** A segment without a record leaves no file behind. */
  #discard(segment: Segment): void {
    this.#segments.remove(segment);
    try {
      this.#context.disk.remove(`${this.#context.path}/${segment.file}`);
    } catch (error) {
      this.#failWith(error);
    }
  }

  #syncFailed(error: unknown, writer: SegmentWriter): void {
    this.#failWith(error);
    this.#checkpointed = '';
    if (this.#writer === writer) this.#seal();
  }

  #failWith(error: unknown): void {
    this.#context.metrics.writeErrors.with(this.#context.name).inc();
    this.#fail(isOutOfRoom(error) ? 'full' : 'failing', errorText(error));
  }

  #fail(mode: 'full' | 'failing', text: string): void {
    this.lastError = text;
    if (this.mode === mode) return;
    this.mode = mode;
    this.#retryLater();
    this.#context.logger.error('the disk refuses the queue: samples that cannot be written are counted as lost', { destination: this.#context.name, mode, error: text });
  }

  #retryLater(): void {
    if (this.#isClosed || this.mode === 'ok') return;
    this.#retryTimer ??= this.#context.clock.after(RETRY_MS, () => void this.#retry());
  }

  async #retry(): Promise<void> {
    await this.#sync.heal();
    this.#retryTimer = undefined;
    if (this.#isClosed || this.mode === 'ok') return;
    if (this.#hasRoom()) this.#probe();
    this.#retryLater();
  }

  #hasRoom(): boolean {
    return !this.#sync.hasSuspects && !this.#holdsQuota() && this.#context.pressure.hasRoom(this.#refusedBytes);
  }

  /** Writes a checkpoint: whether the disk takes it is the question. */
  #probe(): void {
    const writer = this.#writer ?? this.#begin();
    if (writer === undefined) return;
    this.#stageCheckpoint(writer);
    if (this.#commit()) this.#recovered();
  }

  #recovered(): void {
    // Writing goes well while syncing does not: a power loss would take more than the settings allow, which is not `ok`.
    if (this.mode === 'ok' || this.#sync.hasSuspects || this.#holdsQuota()) return;
    this.mode = 'ok';
    this.#context.logger.info('the queue keeps samples safe again', { destination: this.#context.name });
  }
}

function isOutOfRoom(error: unknown): error is { code: string } {
  const { code } = error as { code?: string };
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function toRecord(input: RecordInput, sequence: number, samplesBefore: number, bytes: number): RecentRecord {
  const { samples, oldestMs, newestMs, tally } = input;
  if (input.type === 'raw') {
    return { sequence, type: 'raw', samples, timestampMs: newestMs, oldestMs, newestMs, bytes, image: undefined, positions: 0, payload: input.body, samplesBefore, tally };
  }
  const { image, positions, timestampMs, column } = input;
  return { sequence, type: 'samples', samples, timestampMs, oldestMs, newestMs, bytes, image, positions, payload: column, samplesBefore, tally };
}
