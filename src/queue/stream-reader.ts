// The reading half of a stream: from memory where the records still are, else from the segments, in order. A hole in the
// sequences is what damage looks like from here: it is counted once, by the cumulative counts on both sides of it, and settled as
// lost, so that nobody waits for it.

import { errorText } from '../model/error.ts';
import type { Accounts } from './accounts.ts';
import type { StreamContext } from './context.ts';
import type { QueuedRecord, ReadLimits } from './queue.ts';
import type { RecentRecord, RecentRecords } from './recent.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { segmentRange } from './segment-list.ts';
import { type Found, SegmentReader } from './segment-reader.ts';

/** Readers kept open: one per lane of the sender. */
const READERS_MAX = 2;
/** Records handed out whose place is remembered; beyond it the place is looked up in the segment. */
const KNOWN_MAX = 262_144;

interface Place {
  readonly samplesBefore: number;
  readonly oldestMs: number | undefined;
}

/** What the read may still take. */
interface Room {
  readonly samples: number;
  readonly bytes: number;
  readonly newestMs: number;
}

interface Damage {
  records: number;
  samples: number;
  oldestMs: number;
  newestMs: number;
}

export class StreamReader {
  /** Segments could not be opened for a reason that may pass; reading again at once is of no use. */
  isBlocked = false;
  readonly #context: StreamContext;
  readonly #accounts: Accounts;
  readonly #segments: SegmentList;
  readonly #recent: RecentRecords;
  /** The most recently used one last. */
  #readers: SegmentReader[] = [];
  readonly #known = new Map<number, Place>();
  #damage: Damage | undefined;

  constructor(context: StreamContext, accounts: Accounts, segments: SegmentList, recent: RecentRecords) {
    this.#context = context;
    this.#accounts = accounts;
    this.#segments = segments;
    this.#recent = recent;
  }

  read(afterSequence: number, limits: ReadLimits): QueuedRecord[] {
    const records: QueuedRecord[] = [];
    const room = { samples: limits.samples, bytes: limits.bytes, newestMs: Infinity };
    const until = Math.min(limits.until ?? Infinity, this.#accounts.lastSequence);
    this.isBlocked = false;
    let sequence = this.#unsettled(afterSequence + 1);
    while (sequence <= until && !this.isBlocked) {
      const record = this.#recent.get(sequence) ?? this.#fromDisk(sequence, records.length === 0 ? undefined : room);
      if (record === 'full') break;
      if (record === undefined || this.#unsettled(record.sequence) !== record.sequence) {
        sequence = this.#unsettled(record === undefined ? sequence : record.sequence);
        continue;
      }
      if (record.sequence > until || (records.length > 0 && !fits(record, room))) break;
      if (records.length === 0 && limits.spanMs !== undefined) room.newestMs = record.oldestMs + limits.spanMs;
      records.push(record);
      this.#remember(record);
      room.samples -= record.samples;
      room.bytes -= record.payload.length;
      sequence = this.#unsettled(record.sequence + 1);
    }
    this.#reportDamage();
    return records;
  }

  /** Samples of the stream before the first record at or after `sequence`. */
  samplesBefore(sequence: number): number {
    if (sequence > this.#accounts.lastSequence) return this.#accounts.samples;
    const known = this.#recent.get(sequence) ?? this.#known.get(sequence);
    if (known !== undefined) return known.samplesBefore;
    const segment = this.#segments.all[this.#segments.indexOf(sequence)];
    if (segment === undefined) return 0;
    if (segment.first === sequence) return segment.samplesBefore;
    return sequence > segment.last ? segment.samplesAfter : this.#lookUp(segment, sequence);
  }

  /** Of the first unsettled record; from the index of its segment where the record itself is not at hand. */
  oldestPendingMs(): number | undefined {
    const sequence = this.#unsettled(1);
    if (sequence > this.#accounts.lastSequence) return undefined;
    const oldestMs = this.#recent.get(sequence)?.oldestMs ?? this.#known.get(sequence)?.oldestMs ?? this.#segments.containing(sequence)?.oldestMs;
    return Number.isFinite(oldestMs) ? oldestMs : undefined;
  }

  /** The records are settled: their places are not needed any more. */
  forget(first: number, last: number): void {
    if (last - first < this.#known.size) for (let s = first; s <= last; s++) this.#known.delete(s);
    else for (const s of this.#known.keys()) if (s >= first && s <= last) this.#known.delete(s);
  }

  /** The segment goes. */
  drop(segment: Segment): void {
    this.#readers = this.#readers.filter((reader) => {
      if (reader.segment !== segment) return true;
      reader.close();
      return false;
    });
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
    this.#readers = [];
  }

  #unsettled(sequence: number): number {
    return this.#accounts.settled.nextUnsettled(sequence);
  }

  /** The next readable record at or after `sequence`, or undefined when the rest of its segment is lost (and now counted). */
  #fromDisk(sequence: number, room: Room | undefined): RecentRecord | 'full' | undefined {
    const segment = this.#segments.containing(sequence);
    if (segment === undefined) return this.#loseBetween(sequence);
    const reader = this.#readerFor(segment, sequence);
    if (reader === undefined) return undefined;
    for (let found = reader.next(sequence); found !== undefined; found = reader.next(sequence)) {
      const { record } = found;
      if (record !== undefined && room !== undefined && !fits(record, room)) {
        reader.hold(found);
        return 'full';
      }
      this.#passTo(reader, found, sequence);
      if (record === undefined) continue;
      return record;
    }
    this.#loseRest(reader);
    return undefined;
  }

  /** Counts the hole before a record, and the record itself when it is damaged. */
  #passTo(reader: SegmentReader, { header, record }: Found, wanted: number): void {
    if (header.sequence > reader.nextSequence) {
      this.#passGaps(reader, header.sequence - 1, header.samplesBefore);
      this.#lose(reader.nextSequence, header.sequence - 1, reader.samplesBefore, header.samplesBefore, reader.newestMs, header.oldestMs);
    }
    reader.pass(header);
    if (record !== undefined || header.sequence < wanted) return;
    this.#lose(header.sequence, header.sequence, header.samplesBefore, header.samplesBefore + header.samples, header.oldestMs, header.newestMs);
  }

  #loseRest(reader: SegmentReader): void {
    const { segment } = reader;
    if (reader.nextSequence > segment.last) return;
    this.#passGaps(reader, segment.last, segment.samplesAfter);
    this.#lose(reader.nextSequence, segment.last, reader.samplesBefore, segment.samplesAfter, reader.newestMs, segment.newestMs);
  }

  /** What was left out when the segment was rewritten had been settled: a state that is older than that makes no damage of it. */
  #passGaps({ gaps, nextSequence, samplesBefore }: SegmentReader, last: number, samplesAfter: number): void {
    for (const part of gaps?.settledParts({ first: nextSequence, last, samplesBefore, samplesAfter }) ?? []) this.#accounts.deliver(part, {});
  }

  /** No segment holds the sequence: it is lost up to the next segment. */
  #loseBetween(sequence: number): undefined {
    const next = this.#segments.all[this.#segments.indexOf(sequence) + 1];
    const last = next === undefined ? this.#accounts.lastSequence : next.first - 1;
    this.#lose(sequence, last, this.samplesBefore(sequence), next?.samplesBefore ?? this.#accounts.samples, Infinity, -Infinity);
    return undefined;
  }

  #lose(first: number, last: number, samplesBefore: number, samplesAfter: number, oldestMs: number, newestMs: number): void {
    const gone = this.#accounts.lose({ first, last, samplesBefore, samplesAfter: Math.max(samplesBefore, samplesAfter) }, 'corrupt');
    if (gone.records === 0) return;
    const damage = (this.#damage ??= { records: 0, samples: 0, oldestMs: Infinity, newestMs: -Infinity });
    damage.records += gone.records;
    damage.samples += gone.samples;
    damage.oldestMs = Math.min(damage.oldestMs, oldestMs);
    damage.newestMs = Math.max(damage.newestMs, newestMs);
    this.#context.ledger.schedule();
  }

  #reportDamage(): void {
    const damage = this.#damage;
    if (damage === undefined) return;
    this.#damage = undefined;
    const { records, samples, oldestMs, newestMs } = damage;
    const range = { from: isoTime(oldestMs), to: isoTime(newestMs) };
    this.#context.logger.error('damaged records of the queue were skipped', { destination: this.#context.name, records, samples, ...range });
  }

  /** Where the record lies is needed again when it is settled; until then memory may have forgotten it. */
  #remember({ sequence, samplesBefore, samples, oldestMs }: RecentRecord): void {
    if (this.#known.size > KNOWN_MAX) this.#known.clear();
    this.#known.set(sequence, { samplesBefore, oldestMs });
    this.#known.set(sequence + 1, { samplesBefore: samplesBefore + samples, oldestMs: undefined });
  }

  /** An open reader that has not passed the sequence yet, or a new one from the beginning of the segment. */
  #readerFor(segment: Segment, sequence: number): SegmentReader | undefined {
    let best = -1;
    this.#readers.forEach((reader, i) => {
      if (reader.segment !== segment || reader.position > sequence) return;
      if (best < 0 || reader.position > this.#readers[best]!.position) best = i;
    });
    const reader = best >= 0 ? this.#readers.splice(best, 1)[0] : this.#open(segment);
    if (reader === undefined) return undefined;
    this.#readers.push(reader);
    if (this.#readers.length > READERS_MAX) this.#readers.shift()?.close();
    return reader;
  }

  /** A reader of its own from the beginning of the segment, to be closed by the caller. Throws the system's error. */
  open(segment: Segment): SegmentReader {
    const { disk, path, images, quarantine, folder, metrics } = this.#context;
    return new SegmentReader(disk, `${path}/${segment.file}`, segment, images, (offset, bytes) => {
      if (quarantine.keep(folder, segment.file, offset, bytes)) metrics.quarantinedBytes.inc(bytes.length);
    });
  }

  #open(segment: Segment): SegmentReader | undefined {
    const { metrics, name } = this.#context;
    try {
      return this.open(segment);
    } catch (error) {
      metrics.writeErrors.with(name).inc();
      if ((error as { code?: string }).code === 'ENOENT') {
        const { first, last, samplesBefore, samplesAfter } = segmentRange(segment);
        this.#lose(first, last, samplesBefore, samplesAfter, segment.oldestMs, segment.newestMs);
        return undefined;
      }
      this.isBlocked = true;
      this.#context.logger.warn('a segment of the queue cannot be opened', { destination: name, segment: segment.file, error: errorText(error) });
      return undefined;
    }
  }

  /** Walks the segment to the sequence: only for places that were neither written nor read a moment ago. */
  #lookUp(segment: Segment, sequence: number): number {
    const reader = this.#open(segment);
    if (reader === undefined) return segment.samplesBefore;
    try {
      for (let found = reader.next(Infinity); found !== undefined; found = reader.next(Infinity)) {
        if (found.header.sequence >= sequence) return found.header.samplesBefore;
        reader.pass(found.header);
      }
      return segment.samplesAfter;
    } finally {
      reader.close();
    }
  }
}

function fits(record: QueuedRecord, room: Room): boolean {
  return record.samples <= room.samples && record.payload.length <= room.bytes && record.newestMs <= room.newestMs;
}

function isoTime(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'unknown';
}
