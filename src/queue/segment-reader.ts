// Reads a segment front to back. Headers are walked through a window; payloads are handed out as pieces of it. Runs of images are
// noted while walking and loaded when a record first needs them: one Image object per (segment, id), with an id of its own in
// this process. Damage is stepped over and reported; the stream counts it by the hole it leaves in sequences and samples.

import type { Disk, DiskFile } from '../io/disk.ts';
import type { Image, ImageRun } from '../wire/image.ts';
import { nextImageId } from './image-id.ts';
import { SettledRanges } from './ranges.ts';
import { HEADER_BYTES, isData, payloadFits, RECORD_GAPS, RECORD_IMAGE_RUN, RECORD_SAMPLES, type RecordHeader } from './record.ts';
import type { RecentRecord } from './recent.ts';
import { type Segment, type Step, step, Window } from './segment.ts';
import { decodeTally } from './tally.ts';

/** One pread fetches about this much: large enough to be cheap, small enough to hold several. Bytes. */
const CHUNK_BYTES = 256 * 1024;

/** Of one damaged stretch at most this much is set aside. Bytes. */
const DAMAGE_BYTES_MAX = 1024 ** 2;

/** Images held by all readers of the queue together; above it a reader forgets those of its segment and loads them again. */
export interface ImageBudget {
  bytes: number;
  readonly bytesMax: number;
}

interface RunPlace {
  readonly header: RecordHeader;
  readonly offset: number;
}

interface CachedImage {
  readonly image: Image;
  readonly runs: ImageRun[];
  positions: number;
}

/** The next record of the stream in this segment; `record` is undefined when it is damaged, or not wanted. */
export interface Found {
  readonly header: RecordHeader;
  readonly record: RecentRecord | undefined;
}

export class SegmentReader {
  readonly segment: Segment;
  /** Where the walk stands: the sequence expected next and the samples of the stream before it. */
  nextSequence: number;
  samplesBefore: number;
  /** Newest timestamp of the last record that was found: where the time range of a hole begins. */
  newestMs: number;
  /** What was settled, and left out, when the segment was rewritten. */
  gaps: SettledRanges | undefined;
  readonly #file: DiskFile;
  readonly #window: Window;
  readonly #runWindow: Window;
  readonly #budget: ImageBudget;
  readonly #onDamage: (offset: number, bytes: Uint8Array) => void;
  readonly #places = new Map<number, RunPlace[]>();
  readonly #images = new Map<number, CachedImage>();
  #imageBytes = 0;
  #offset = 0;
  #held: Found | undefined;

  /** Throws the system's error when the file cannot be opened. */
  constructor(disk: Disk, path: string, segment: Segment, budget: ImageBudget, onDamage: (offset: number, bytes: Uint8Array) => void) {
    this.#file = disk.openRead(path);
    this.segment = segment;
    this.nextSequence = segment.first;
    this.samplesBefore = segment.samplesBefore;
    this.newestMs = segment.oldestMs;
    this.#window = new Window(this.#file, segment.bytes, CHUNK_BYTES);
    this.#runWindow = new Window(this.#file, segment.bytes, 0);
    this.#budget = budget;
    this.#onDamage = onDamage;
  }

  /** The next record with a sequence that is due, or undefined at the end. Payloads before `wanted` are not read. */
  next(wanted: number): Found | undefined {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && held.header.sequence >= wanted) return held;
    this.#window.end = this.segment.bytes;
    this.#runWindow.end = this.segment.bytes;
    for (let at = step(this.#window, this.#offset); at !== undefined; at = step(this.#window, this.#offset)) {
      this.#offset = at.next;
      const header = at.header;
      if (header === undefined) this.#damaged(at);
      else if (header.type === RECORD_IMAGE_RUN) this.#noteRun(header, at.offset);
      else if (header.type === RECORD_GAPS) this.#noteGaps(header, at.offset);
      else if (isData(header) && header.sequence >= this.nextSequence && header.sequence <= this.segment.last) {
        return { header, record: header.sequence < wanted ? undefined : this.#record(header, at) };
      }
    }
    return undefined;
  }

  /** Takes a record back: the next call of `next` gives it again. */
  hold(found: Found): void {
    this.#held = found;
  }

  /** The first sequence that `next` can still give. */
  get position(): number {
    return this.#held?.header.sequence ?? this.nextSequence;
  }

  /** The walk has passed the record. */
  pass(header: RecordHeader): void {
    this.nextSequence = header.sequence + 1;
    this.samplesBefore = header.samplesBefore + header.samples;
    this.newestMs = header.newestMs;
  }

  close(): void {
    this.#forgetImages();
    try {
      this.#file.close();
    } catch {
      // What was only read loses nothing; an error here would end a write that went well.
    }
  }

  #record(header: RecordHeader, at: Step): RecentRecord | undefined {
    const payload = this.#window.at(at.offset + HEADER_BYTES, header.payloadBytes);
    const image = header.type === RECORD_SAMPLES ? this.#image(header.imageId, header.positions) : undefined;
    if (!payloadFits(header, payload) || (header.type === RECORD_SAMPLES && image === undefined)) {
      this.#damaged(at);
      return undefined;
    }
    return {
      sequence: header.sequence,
      type: header.type === RECORD_SAMPLES ? 'samples' : 'raw',
      samples: header.samples,
      timestampMs: header.timestampMs,
      oldestMs: header.oldestMs,
      newestMs: header.newestMs,
      bytes: HEADER_BYTES + header.payloadBytes,
      image,
      positions: header.positions,
      payload: header.tallyBytes === 0 ? payload : payload.subarray(0, Math.max(0, payload.length - header.tallyBytes)),
      tally: header.tallyBytes === 0 ? undefined : decodeTally(payload.subarray(Math.max(0, payload.length - header.tallyBytes))),
      samplesBefore: header.samplesBefore,
    };
  }

  #damaged(at: Step): void {
    this.#onDamage(at.offset, this.#window.at(at.offset, Math.min(at.next - at.offset, DAMAGE_BYTES_MAX)));
  }

  #noteGaps(header: RecordHeader, offset: number): void {
    const payload = this.#window.at(offset + HEADER_BYTES, header.payloadBytes);
    if (payloadFits(header, payload)) this.gaps = SettledRanges.from(JSON.parse(payload.toString()) as number[]);
  }

  #noteRun(header: RecordHeader, offset: number): void {
    const places = this.#places.get(header.imageId);
    if (places === undefined) this.#places.set(header.imageId, [{ header, offset }]);
    else places.push({ header, offset });
  }

  /** The image with at least `positions` positions, or undefined when a run of it is missing or damaged. */
  #image(id: number, positions: number): Image | undefined {
    let cached = this.#images.get(id);
    if (cached === undefined) {
      if (this.#budget.bytes > this.#budget.bytesMax) this.#forgetImages();
      const runs: ImageRun[] = [];
      cached = { image: { id: nextImageId(), runs }, runs, positions: 0 };
      this.#images.set(id, cached);
    }
    const places = this.#places.get(id) ?? [];
    for (let i = 0; cached.positions < positions && i < places.length; i++) {
      const { header } = places[i]!;
      if (header.positions !== cached.positions) continue;
      const run = this.#loadRun(places[i]!);
      if (run === undefined) return undefined;
      cached.runs.push(run);
      cached.positions += run.count;
    }
    return cached.positions >= positions ? cached.image : undefined;
  }

  #loadRun({ header, offset }: RunPlace): ImageRun | undefined {
    // A copy: the window belongs to this reader, the run may live on in bodies that are being made.
    const data = new Uint8Array(this.#runWindow.at(offset + HEADER_BYTES, header.payloadBytes));
    if (!payloadFits(header, data)) {
      this.#onDamage(offset, this.#runWindow.at(offset, HEADER_BYTES + header.payloadBytes));
      return undefined;
    }
    this.#imageBytes += data.length;
    this.#budget.bytes += data.length;
    return { base: header.positions, count: header.count, data, rawBytes: header.rawBytes };
  }

  #forgetImages(): void {
    this.#images.clear();
    this.#budget.bytes -= this.#imageBytes;
    this.#imageBytes = 0;
  }
}
