// The segment that is being written. Records are staged as buffers (headers in one arena, payloads as they came, nothing
// large is copied) and leave in one gathered write. A write that fails is cut off again, so that a segment never holds half
// a record unless the machine died.

import type { Disk, DiskFile } from '../io/disk.ts';
import type { RecordInput } from './queue.ts';
import type { RangeNumbers } from './ranges.ts';
import { HEADER_BYTES, RECORD_CHECKPOINT, RECORD_GAPS, RECORD_IMAGE_RUN, RECORD_RAW, RECORD_SAMPLES, writeHeader } from './record.ts';
import type { Segment } from './segment.ts';
import type { StreamSnapshot } from './snapshot.ts';
import { encodeTally } from './tally.ts';

/** Headers of one gathered write that share one piece of memory; further ones get their own. */
const ARENA_RECORDS = 256;

/** What image runs and checkpoints leave empty. */
const noRecord = { samples: 0, oldestMs: 0, newestMs: 0, imageId: 0, positions: 0, timestampMs: 0, count: 0, rawBytes: 0 };

export class SegmentWriter {
  readonly segment: Segment;
  stagedBytes = 0;
  /** Set when a failed write could not be cut off: nothing more may be written here. */
  isBroken = false;
  readonly #file: DiskFile;
  readonly #headers = Buffer.allocUnsafe(ARENA_RECORDS * HEADER_BYTES);
  #buffers: Uint8Array[] = [];
  #records = 0;
  /** Positions of each image that this segment holds already. */
  readonly #positions = new Map<number, number>();
  /** What `#positions` was before the staged records. */
  #undo: [id: number, positions: number][] = [];

  constructor(disk: Disk, path: string, segment: Segment) {
    this.#file = disk.openAppend(path);
    this.segment = segment;
  }

  /** Bytes the record will take here, with the runs of its image that the segment lacks. */
  cost(input: RecordInput): number {
    const tallyBytes = input.tally === undefined ? 0 : encodeTally(input.tally).length;
    if (input.type === 'raw') return HEADER_BYTES + input.body.length + tallyBytes;
    let bytes = HEADER_BYTES + input.column.length + tallyBytes;
    const have = this.#positions.get(input.image.id) ?? 0;
    if (have >= input.positions) return bytes;
    for (const run of input.image.runs) {
      if (run.base >= have && run.base < input.positions) bytes += HEADER_BYTES + run.data.length;
    }
    return bytes;
  }

  /** Stages a record; returns the bytes of the record alone. Hot: whole literals, because spreading is slow. */
  stage(input: RecordInput, sequence: number, samplesBefore: number): number {
    const { samples, oldestMs, newestMs } = input;
    if (input.type === 'raw') {
      const timestampMs = newestMs;
      const raw = { type: RECORD_RAW, sequence, samplesBefore, samples, oldestMs, newestMs, imageId: 0, positions: 0, timestampMs, count: 0, rawBytes: 0 };
      return this.#push(raw, input.body, input.tally === undefined ? undefined : encodeTally(input.tally));
    }
    this.#stageRuns(input, sequence, samplesBefore);
    const { positions, timestampMs } = input;
    const imageId = input.image.id;
    const header = { type: RECORD_SAMPLES, sequence, samplesBefore, samples, oldestMs, newestMs, imageId, positions, timestampMs, count: 0, rawBytes: 0 };
    return this.#push(header, input.column, input.tally === undefined ? undefined : encodeTally(input.tally));
  }

  stageCheckpoint(snapshot: StreamSnapshot, sequence: number, samplesBefore: number): void {
    const header = { ...noRecord, type: RECORD_CHECKPOINT, sequence, samplesBefore };
    this.#push(header, Buffer.from(JSON.stringify(snapshot)));
  }

  /** What a rewritten segment does not hold any more, because it was settled: numbers as of SettledRanges. */
  stageGaps(gaps: RangeNumbers): void {
    const { first, samplesBefore } = this.segment;
    this.#push({ ...noRecord, type: RECORD_GAPS, sequence: first, samplesBefore }, Buffer.from(JSON.stringify(gaps)));
  }

  /** Writes what is staged. Throws the system's error, after which nothing of it is in the file; it stays staged, to be written again or discarded. */
  commit(): void {
    try {
      this.#file.append(this.#buffers);
    } catch (error) {
      this.#cutOff();
      throw error;
    }
    this.segment.bytes += this.stagedBytes;
    this.#clear();
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }

  #stageRuns(input: RecordInput & { type: 'samples' }, sequence: number, samplesBefore: number): void {
    const { id, runs } = input.image;
    const have = this.#positions.get(id) ?? 0;
    if (have >= input.positions) return;
    let reached = have;
    for (const run of runs) {
      if (run.base < have || run.base >= input.positions) continue;
      const { base: positions, count, rawBytes } = run;
      this.#push({ ...noRecord, type: RECORD_IMAGE_RUN, sequence, samplesBefore, imageId: id, positions, count, rawBytes }, run.data);
      reached = run.base + run.count;
    }
    this.#undo.push([id, have]);
    this.#positions.set(id, reached);
  }

  #push(header: Parameters<typeof writeHeader>[2], payload: Uint8Array, tally?: Uint8Array): number {
    const at = this.#records * HEADER_BYTES;
    const into = this.#records < ARENA_RECORDS ? this.#headers.subarray(at, at + HEADER_BYTES) : Buffer.allocUnsafe(HEADER_BYTES);
    writeHeader(into, 0, header, payload, tally);
    this.#records += 1;
    this.#buffers.push(into);
    if (payload.length > 0) this.#buffers.push(payload);
    if (tally !== undefined) this.#buffers.push(tally);
    const bytes = HEADER_BYTES + payload.length + (tally?.length ?? 0);
    this.stagedBytes += bytes;
    return bytes;
  }

  /** Forgets what is staged. */
  discard(): void {
    for (const [id, positions] of this.#undo.toReversed()) this.#positions.set(id, positions);
    this.#clear();
  }

  #cutOff(): void {
    try {
      this.#file.truncate(this.segment.bytes);
    } catch {
      this.isBroken = true;
    }
  }

  #clear(): void {
    this.#buffers = [];
    this.#undo = [];
    this.#records = 0;
    this.stagedBytes = 0;
  }
}

