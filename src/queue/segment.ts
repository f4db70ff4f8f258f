// Segments as the stream knows them: one index entry per file, in the ledger once the file is closed, else found by walking
// its headers. Names: 16 hexadecimal digits of the first sequence, so that a folder listing is the order of the stream and
// tells, for every file, where the one before it ends.

import type { Disk, DiskFile } from '../io/disk.ts';
import { HEADER_BYTES, isData, MAGIC, PAYLOAD_BYTES_MAX, readHeader, RECORD_CHECKPOINT, type RecordHeader } from './record.ts';
import type { Tally } from './queue.ts';
import { newerSnapshot, parseSnapshot, type StreamSnapshot } from './snapshot.ts';
import { addTallies, noTally, tallyOf, tallyOfPayload } from './tally.ts';

export interface Segment {
  readonly file: string;
  readonly first: number;
  /** `first - 1` while it holds no record. */
  last: number;
  samplesBefore: number;
  samplesAfter: number;
  bytes: number;
  /** Data records in the file, and their samples: fewer than the sequences tell when it was rewritten without those that were settled. */
  records: number;
  samples: number;
  oldestMs: number;
  newestMs: number;
}

/** Headers are walked through a window of this size; a payload that ends beyond it is jumped over. Bytes. */
const WALK_BYTES = 64 * 1024;
const BLOCK_BYTES = 4096;

export function segmentFile(first: number): string {
  return `${first.toString(16).padStart(16, '0')}.seg`;
}

/** The first sequence by the file's name, or undefined when it is not a segment. */
export function segmentFirst(file: string): number | undefined {
  return /^[0-9a-f]{16}\.seg$/.test(file) ? Number.parseInt(file.slice(0, 16), 16) : undefined;
}

/** The name of a segment that was given up for its room, until the ledger knows. */
export const goneFile = (file: string): string => `${file}.gone`;
export const isGone = (file: string): boolean => file.endsWith(goneFile('.seg'));

/** The ledger's value for a closed segment. */
export function segmentToText(s: Segment): string {
  return JSON.stringify([s.first, s.last, s.samplesBefore, s.samplesAfter, s.bytes, s.oldestMs, s.newestMs, s.records, s.samples]);
}

/** The last two came later: entries without them are of segments that were never rewritten. */
type IndexEntry = [number, number, number, number, number, number | null, number | null, records?: number, samples?: number];

export function segmentFromText(file: string, text: string): Segment {
  // A segment whose records are all damaged has no timestamps: JSON writes infinity as null.
  const [first, last, samplesBefore, samplesAfter, bytes, oldestMs, newestMs, records, samples] = JSON.parse(text) as IndexEntry;
  return {
    file, first, last, samplesBefore, samplesAfter, bytes, records: records ?? last - first + 1, samples: samples ?? samplesAfter - samplesBefore,
    oldestMs: oldestMs ?? Infinity, newestMs: newestMs ?? -Infinity,
  };
}

/** A view of a file that holds one window of it at a time, each in memory of its own, so that pieces handed out stay valid. */
export class Window {
  readonly #file: DiskFile;
  readonly #chunkBytes: number;
  /** Where the readable part of the file ends; it moves while the file is being written. */
  end: number;
  #data: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(file: DiskFile, end: number, chunkBytes: number) {
    this.#file = file;
    this.end = end;
    this.#chunkBytes = chunkBytes;
  }

  /** The bytes from `offset`, `length` of them or fewer at the end of the file. Blocks the medium cannot read come back as zeros. */
  at(offset: number, length: number): Buffer {
    const wanted = Math.max(0, Math.min(length, this.end - offset));
    if (offset < this.#start || offset + wanted > this.#start + this.#data.length) this.#fill(offset, wanted);
    return this.#data.subarray(offset - this.#start, offset - this.#start + wanted);
  }

  #fill(offset: number, wanted: number): void {
    const data = Buffer.allocUnsafeSlow(Math.min(this.end - offset, Math.max(wanted, this.#chunkBytes)));
    let length: number;
    try {
      length = this.#file.read(data, offset);
    } catch {
      length = this.#fillByBlocks(data, offset);
    }
    // Shorter than it was: the missing end reads as zeros, which no checksum accepts.
    data.fill(0, length);
    this.#data = data;
    this.#start = offset;
  }

  #fillByBlocks(data: Buffer, offset: number): number {
    for (let i = 0; i < data.length; i += BLOCK_BYTES) {
      const block = data.subarray(i, i + BLOCK_BYTES);
      try {
        block.fill(0, this.#file.read(block, offset + i));
      } catch {
        block.fill(0);
      }
    }
    return data.length;
  }
}

/** A place in a segment: a header that checks, or a stretch that holds none. */
export type Step =
  | { readonly header: RecordHeader; readonly offset: number; readonly next: number; readonly isWhole: boolean }
  | { readonly header: undefined; readonly offset: number; readonly next: number };

/** The header at `offset`, or the stretch up to the next one that checks, or undefined at the end. */
export function step(window: Window, offset: number): Step | undefined {
  if (offset >= window.end) return undefined;
  const header = readHeader(window.at(offset, HEADER_BYTES), 0);
  if (header !== undefined && header.payloadBytes <= PAYLOAD_BYTES_MAX) {
    const next = offset + HEADER_BYTES + header.payloadBytes;
    return { header, offset, next: Math.min(next, window.end), isWhole: next <= window.end };
  }
  return { header: undefined, offset, next: resync(window, offset + 1) };
}

/** Where the next header that checks begins, or the end. */
function resync(window: Window, from: number): number {
  for (let offset = from; offset < window.end; ) {
    const bytes = window.at(offset, WALK_BYTES);
    const found = bytes.indexOf(MAGIC);
    if (found < 0) offset += Math.max(1, bytes.length - MAGIC.length + 1);
    else if (readHeader(window.at(offset + found, HEADER_BYTES), 0) !== undefined) return offset + found;
    else offset += found + 1;
  }
  return window.end;
}

/** What walking the headers of a segment found. */
export interface Scan {
  readonly segment: Segment;
  /** The file ends in bytes that are no record: a torn write, or damage. */
  readonly isTorn: boolean;
}

/** The newest state of a stream while its segments are walked in order, and what the records behind it add to it. */
export class Walked {
  state: StreamSnapshot | undefined;
  /** Of the records behind `state`: what their tallies tell beyond "as many scraped as appended". */
  excess: Tally = noTally;

  constructor(state: StreamSnapshot | undefined) {
    this.state = state;
  }

  checkpoint(snapshot: StreamSnapshot | undefined): void {
    const state = newerSnapshot(this.state, snapshot);
    // Every record so far came before the checkpoint.
    if (state !== this.state) this.excess = noTally;
    this.state = state;
  }

  record(header: RecordHeader, payload: Buffer): void {
    const { samples } = header;
    const { scraped, ...dropped } = tallyOf({ samples, tally: tallyOfPayload(header, payload) });
    this.excess = addTallies(this.excess, { scraped: scraped - samples, ...dropped });
  }

  /** Whether the state does not know the record yet. */
  isBehind(header: RecordHeader): boolean {
    return header.sequence > (this.state?.lastSequence ?? 0);
  }
}

export interface ScanRange {
  /** By the file's name. */
  readonly first: number;
  /** The first sequence of the next segment: records from there on were refused, and are ghosts. */
  readonly end: number;
}

/**
 * Walks all headers of a segment file; payloads are not read, except checkpoints and those with a tally that the newest state lacks. A file that cannot be
 * opened is one that is torn at once.
 */
export function scanSegment(disk: Disk, folder: string, file: string, { first, end }: ScanRange, walked: Walked): Scan {
  const segment: Segment = { file, first, last: first - 1, samplesBefore: -1, samplesAfter: 0, bytes: 0, records: 0, samples: 0, oldestMs: Infinity, newestMs: -Infinity };
  let isTorn = false;
  let handle: DiskFile;
  try {
    handle = disk.openRead(`${folder}/${file}`);
  } catch {
    return { segment, isTorn: true };
  }
  try {
    segment.bytes = handle.size();
    const window = new Window(handle, segment.bytes, WALK_BYTES);
    for (let at = step(window, 0); at !== undefined; at = step(window, at.next)) {
      isTorn = at.header === undefined;
      if (at.header === undefined || at.header.sequence < segment.last) continue;
      const { header } = at;
      const payload = () => window.at(at.offset + HEADER_BYTES, header.payloadBytes);
      const isNew = isData(header) && header.sequence > segment.last && header.sequence < end;
      // A refused write may hold several records; the counts of those behind the first one include what was refused.
      if (header.sequence > end) continue;
      note(segment, header, isNew);
      if (header.type === RECORD_CHECKPOINT) walked.checkpoint(parseSnapshot(header, payload()));
      else if (isNew && header.tallyBytes > 0 && walked.isBehind(header)) walked.record(header, payload());
    }
  } finally {
    handle.close();
  }
  return { segment, isTorn };
}

/** Widens the index entry by a record; one that is not new only tells how far the stream had come. */
function note(segment: Segment, header: RecordHeader, isNew: boolean): void {
  if (segment.samplesBefore < 0) {
    segment.samplesBefore = header.samplesBefore;
    segment.samplesAfter = header.samplesBefore;
  }
  // Image runs, checkpoints and ghosts tell as well how far the stream had come.
  if (header.sequence - 1 > segment.last) {
    segment.last = header.sequence - 1;
    segment.samplesAfter = header.samplesBefore;
  }
  if (!isNew) return;
  segment.last = header.sequence;
  segment.records += 1;
  segment.samples += header.samples;
  segment.samplesAfter = header.samplesBefore + header.samples;
  segment.oldestMs = Math.min(segment.oldestMs, header.oldestMs);
  segment.newestMs = Math.max(segment.newestMs, header.newestMs);
}
