// The writing half of a stream: stages the records of one turn of the event loop, begins and closes segments, keeps the quota
// and syncs by policy. What the disk does not take is refused and counted, and the next append tries again.

import type { Timer } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import type { Accounts } from './accounts.ts';
import type { StreamContext } from './context.ts';
import type { RecordInput, StreamState } from './queue.ts';
import type { RecentRecord } from './recent.ts';
import { segmentKey } from './recovery.ts';
import { type Segment, segmentFile, segmentToText } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { SegmentWriter } from './segment-writer.ts';

/** A gathered write goes out at this size even before the turn of the event loop ends. Bytes. */
const WRITE_BYTES_MAX = 4 * 1024 ** 2;
/** Small quotas get small segments, so that the oldest eighth goes when room is needed, but not smaller than this. Bytes. */
const SEGMENT_BYTES_MIN = 256 * 1024;
const SEGMENTS_PER_QUOTA = 8;

export interface WriterHooks {
  /** The record is in the file. */
  written(record: RecentRecord): void;
  /** The quota needs the room of this segment. */
  evict(segment: Segment): void;
  /** A new segment was begun: the one before it is not the newest any more. */
  begun(): void;
}

export interface WriterOptions {
  readonly maxBytes: number;
  /** A file without a record that the first segment replaces. */
  readonly emptyTail: string | undefined;
}

export class StreamWriter {
  mode: StreamState['mode'] = 'ok';
  lastError: string | undefined;
  maxBytes: number;
  readonly #context: StreamContext;
  readonly #accounts: Accounts;
  readonly #segments: SegmentList;
  readonly #hooks: WriterHooks;
  #writer: SegmentWriter | undefined;
  #emptyTail: string | undefined;
  #staged: RecentRecord[] = [];
  #stagedSamples = 0;
  /** What the last checkpoint said, in short. */
  #checkpointed: string;
  #syncTimer: Timer | undefined;
  #isDirty = false;
  #cannotSync = false;
  #syncing: Promise<void> | undefined;
  readonly #closing = new Set<Promise<void>>();

  constructor(context: StreamContext, accounts: Accounts, segments: SegmentList, hooks: WriterHooks, options: WriterOptions) {
    this.#context = context;
    this.#accounts = accounts;
    this.#segments = segments;
    this.#hooks = hooks;
    this.maxBytes = options.maxBytes;
    this.#emptyTail = options.emptyTail;
    this.#checkpointed = accounts.fingerprint();
  }

  /** Writes the records, in order. Never throws. */
  write(inputs: readonly RecordInput[]): void {
    const shortage = this.#context.freeSpace.shortage();
    if (shortage !== undefined) {
      this.#fail('full', shortage);
      for (const input of inputs) this.#accounts.refuse(input.samples);
      return;
    }
    for (const input of inputs) this.#add(input);
    this.#commit();
  }

  /** Repeats the state of the stream in the segment when it has changed, for the case that the ledger is lost. */
  checkpoint(): void {
    if (this.#accounts.fingerprint() === this.#checkpointed) return;
    const writer = this.#writer ?? this.#begin();
    if (writer === undefined) return;
    this.#stageCheckpoint(writer);
    this.#commit();
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
    // A segment without a record stays when its checkpoint is the newest there is; it is gone after the next opening.
    this.#seal(this.#writer?.segment.bytes === 0);
    this.#syncTimer?.cancel();
    this.#syncTimer = undefined;
    await Promise.all([...this.#closing, this.#syncing]);
  }

  #add(input: RecordInput): void {
    const writer = this.#prepare(input);
    if (writer === undefined) return this.#accounts.refuse(input.samples);
    const sequence = this.#accounts.lastSequence + this.#staged.length + 1;
    const samplesBefore = this.#accounts.samples + this.#stagedSamples;
    const bytes = writer.stage(input, sequence, samplesBefore);
    this.#staged.push(toRecord(input, sequence, samplesBefore, bytes));
    this.#stagedSamples += input.samples;
    if (writer.stagedBytes >= WRITE_BYTES_MAX) this.#commit();
  }

  /** The segment that takes the record, within its size and the quota; undefined when the disk or the quota refuses. */
  #prepare(input: RecordInput): SegmentWriter | undefined {
    for (;;) {
      const writer = this.#writer ?? this.#begin();
      if (writer === undefined) return undefined;
      if (writer.segment.bytes + writer.stagedBytes === 0) {
        this.#stageCheckpoint(writer);
      }
      const cost = writer.cost(input);
      if (cost > this.maxBytes) return this.#tooLarge(cost);
      const bytes = writer.stagedBytes + cost;
      const holdsRecords = writer.segment.last >= writer.segment.first || this.#staged.length > 0;
      if (holdsRecords && writer.segment.bytes + bytes > this.#segmentBytes()) this.#finish();
      else if (this.#segments.bytes + bytes <= this.maxBytes) return writer;
      else if (this.#segments.all[0] !== writer.segment) this.#hooks.evict(this.#segments.all[0]!);
      else if (holdsRecords) this.#finish();
      else return this.#tooLarge(bytes);
    }
  }

  #tooLarge(bytes: number): undefined {
    this.#fail('full', `a record of ${bytes} bytes does not fit into the quota of ${this.maxBytes} bytes`);
    return undefined;
  }

  #segmentBytes(): number {
    const share = Math.max(SEGMENT_BYTES_MIN, Math.floor(this.maxBytes / SEGMENTS_PER_QUOTA));
    return Math.min(this.#context.settings.segmentBytes, share);
  }

  #begin(): SegmentWriter | undefined {
    const { disk, path } = this.#context;
    try {
      disk.makeFolder(path);
      if (this.#emptyTail === segmentFile(this.#accounts.lastSequence + 1)) disk.remove(`${path}/${this.#emptyTail}`);
      this.#emptyTail = undefined;
      // Only a file that could be neither cut off nor removed stands in the way.
      while (disk.exists(`${path}/${segmentFile(this.#accounts.lastSequence + 1)}`)) this.#accounts.skipSequence();
      const first = this.#accounts.lastSequence + 1;
      const { samples } = this.#accounts;
      const segment: Segment = {
        file: segmentFile(first), first, last: first - 1, samplesBefore: samples, samplesAfter: samples, bytes: 0, oldestMs: Infinity, newestMs: -Infinity,
      };
      this.#writer = new SegmentWriter(disk, `${path}/${segment.file}`, segment);
      this.#segments.add(segment);
      return this.#writer;
    } catch (error) {
      this.#failWith(error);
      return undefined;
    }
  }

  #finish(): void {
    this.#commit();
    this.#seal();
  }

  /** Writes what is staged; on failure it is refused as a whole. */
  #commit(): void {
    const writer = this.#writer;
    if (writer === undefined || writer.stagedBytes === 0) return;
    const staged = this.#staged;
    const bytes = writer.stagedBytes;
    this.#staged = [];
    this.#stagedSamples = 0;
    const startedMs = this.#context.clock.monotonicMs();
    try {
      writer.commit();
    } catch (error) {
      for (const record of staged) this.#accounts.refuse(record.samples);
      this.#checkpointed = '';
      if (writer.isBroken) this.#seal();
      return this.#failWith(error);
    }
    this.#segments.bytes += bytes;
    this.#measure(startedMs, bytes, staged);
    const isFirst = writer.segment.last < writer.segment.first && staged.length > 0;
    for (const record of staged) this.#publish(writer.segment, record);
    this.#recovered();
    this.#scheduleSync();
    if (isFirst) this.#hooks.begun();
  }

  #publish(segment: Segment, record: RecentRecord): void {
    this.#accounts.append(record);
    segment.last = record.sequence;
    segment.samplesAfter = this.#accounts.samples;
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
    metrics.appended.with(name).inc(samples);
  }

  /** Closes the segment: it gets its index entry in the ledger and is never written again. */
  #seal(discardsEmpty = true): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    this.#isDirty = false;
    const { ledger, folder, settings } = this.#context;
    if (writer.segment.last >= writer.segment.first) ledger.put(segmentKey(folder, writer.segment.file), segmentToText(writer.segment));
    else if (discardsEmpty) this.#discard(writer.segment);
    const closed = this.#closeFile(writer, settings.fsync !== 'none');
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }

  async #closeFile(writer: SegmentWriter, withSync: boolean): Promise<void> {
    await this.#syncing;
    if (withSync) await this.#sync(writer);
    try {
      writer.close();
    } catch (error) {
      // Nobody waits for it but the stop: a rejection would end the process.
      this.#failWith(error);
    }
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

  #scheduleSync(): void {
    const { settings, clock } = this.#context;
    if (settings.fsync === 'none') return;
    this.#isDirty = true;
    if (settings.fsync === 'always') return this.#syncDirty();
    this.#syncTimer ??= clock.after(settings.fsyncIntervalMs, () => {
      this.#syncTimer = undefined;
      this.#syncDirty();
    });
  }

  /** One sync at a time; what was written meanwhile is synced by the next one. */
  #syncDirty(): void {
    const writer = this.#writer;
    if (writer === undefined || !this.#isDirty || this.#syncing !== undefined) return;
    this.#isDirty = false;
    this.#syncing = this.#sync(writer).finally(() => {
      this.#syncing = undefined;
      if (this.#context.settings.fsync === 'always') this.#syncDirty();
    });
  }

  async #sync(writer: SegmentWriter): Promise<void> {
    const { clock, metrics, name } = this.#context;
    const startedMs = clock.monotonicMs();
    try {
      await writer.sync();
      metrics.fsyncSeconds.with(name).observe((clock.monotonicMs() - startedMs) / 1000);
      this.#cannotSync = false;
    } catch (error) {
      this.#cannotSync = true;
      this.#failWith(error);
    }
  }

  #failWith(error: unknown): void {
    const code = (error as { code?: string }).code;
    this.#context.metrics.writeErrors.with(this.#context.name).inc();
    this.#fail(code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : 'failing', errorText(error));
  }

  #fail(mode: 'full' | 'failing', text: string): void {
    this.lastError = text;
    if (this.mode === mode) return;
    this.mode = mode;
    this.#context.logger.error('the disk refuses the queue: samples that cannot be written are counted as lost', { destination: this.#context.name, mode, error: text });
  }

  #recovered(): void {
    // Writing goes well while syncing does not: a power loss would take more than the settings allow, which is not `ok`.
    if (this.mode === 'ok' || this.#cannotSync) return;
    this.mode = 'ok';
    this.#context.logger.info('the queue keeps samples safe again', { destination: this.#context.name });
  }
}

function toRecord(input: RecordInput, sequence: number, samplesBefore: number, bytes: number): RecentRecord {
  const { samples, oldestMs, newestMs } = input;
  if (input.type === 'raw') {
    return { sequence, type: 'raw', samples, timestampMs: newestMs, oldestMs, newestMs, bytes, image: undefined, positions: 0, payload: input.body, samplesBefore };
  }
  const { image, positions, timestampMs, column } = input;
  return { sequence, type: 'samples', samples, timestampMs, oldestMs, newestMs, bytes, image, positions, payload: column, samplesBefore };
}
