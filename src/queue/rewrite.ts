// Writes a segment anew without the records that are settled: to give back the room of a segment that a few held records pin, and to bring a segment to
// the medium whose fsync failed. The new file begins with a record that names what was left out (docs/formats/queue.md, "Rewritten segments"), lies beside the
// old one until it is synced, and then takes its name: whenever the process dies, one of the two is there, whole.
//
// A segment of which a wanted record cannot be read is left as it is: what a disk cannot read now it may read later. Only a suspect one, which keeps everything from being
// synced, is rewritten without it in the end.

import type { Disk } from '../io/disk.ts';
import type { RecordInput } from './queue.ts';
import type { RangeNumbers } from './ranges.ts';
import { SettledRanges } from './ranges.ts';
import type { RecentRecord } from './recent.ts';
import type { Segment } from './segment.ts';
import { segmentRange } from './segment-list.ts';
import type { SegmentReader } from './segment-reader.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { StreamSnapshot } from './snapshot.ts';

/** Written in one go between two turns of the event loop. Bytes. */
const STEP_BYTES = 1024 ** 2;

export interface RewriteInput {
  readonly disk: Disk;
  readonly path: string;
  readonly segment: Segment;
  /** What may be left out. */
  readonly settled: SettledRanges;
  /** Opens the segment that is there. */
  readonly open: () => SegmentReader;
  /** Records still in memory, which need not be read back. */
  readonly recent: (sequence: number) => RecentRecord | undefined;
  /** The state of the stream, where the segment has to keep it. */
  readonly snapshot: StreamSnapshot | undefined;
  /** Leaves out what cannot be read as well: it is not among the gaps, so it is counted as damage where it is missed. */
  readonly skipsUnreadable: boolean;
  readonly isCancelled: () => boolean;
}

/** The rest of an interrupted rewrite, to be removed. */
export const rewriteFile = (file: string): string => `${file}.new`;

/**
 * Writes and syncs `<file>.new`. Returns its index entry, or undefined when it was cancelled or a record could not be read; throws the system's error. In either of
 * these cases nothing is left behind.
 */
export async function rewriteSegment(input: RewriteInput): Promise<Segment | undefined> {
  const { disk, path, segment, settled, open } = input;
  const gaps = gapsOf(segment, settled);
  const copy: Segment = { ...segment, bytes: 0, records: 0, samples: 0 };
  const temporary = `${path}/${rewriteFile(segment.file)}`;
  if (disk.exists(temporary)) disk.remove(temporary);
  const reader = open();
  let writer: SegmentWriter | undefined;
  let isDone = false;
  try {
    writer = new SegmentWriter(disk, temporary, copy);
    writer.stageGaps(gaps);
    isDone = (await copyRecords(input, SettledRanges.from(gaps), reader, writer)) && (await finish(input, writer));
    return isDone ? copy : undefined;
  } finally {
    reader.close();
    closeQuietly(writer);
    if (!isDone) removeQuietly(disk, temporary);
  }
}

/** Everything before the segment counts as settled here; above it, what is. */
function gapsOf(segment: Segment, settled: SettledRanges): RangeNumbers {
  const gaps = new SettledRanges(segment.first - 1, segment.samplesBefore);
  for (const part of settled.settledParts(segmentRange(segment))) gaps.add(part);
  return gaps.toNumbers();
}

/** False when it was cancelled or a record is not to be had. */
async function copyRecords(input: RewriteInput, gaps: SettledRanges, reader: SegmentReader, writer: SegmentWriter): Promise<boolean> {
  const { segment, recent, skipsUnreadable, isCancelled } = input;
  for (let sequence = gaps.nextUnsettled(segment.first); sequence <= segment.last; sequence = gaps.nextUnsettled(sequence + 1)) {
    const record = recent(sequence) ?? readRecord(reader, sequence);
    if (record === undefined && skipsUnreadable) continue;
    if (record === undefined) return false;
    writer.stage(toInput(record), sequence, record.samplesBefore);
    writer.segment.records += 1;
    writer.segment.samples += record.samples;
    if (writer.stagedBytes < STEP_BYTES) continue;
    writer.commit();
    await nextTurn();
    if (isCancelled()) return false;
  }
  return true;
}

async function finish({ segment, snapshot, isCancelled }: RewriteInput, writer: SegmentWriter): Promise<boolean> {
  // At the end, where its sequence belongs: the newest segment keeps the state of the stream.
  if (snapshot !== undefined) writer.stageCheckpoint(snapshot, segment.last + 1, segment.samplesAfter);
  writer.commit();
  await writer.sync();
  return !isCancelled();
}

function readRecord(reader: SegmentReader, sequence: number): RecentRecord | undefined {
  for (let found = reader.next(sequence); found !== undefined; found = reader.next(sequence)) {
    if (found.header.sequence > sequence) {
      reader.hold(found);
      return undefined;
    }
    reader.pass(found.header);
    if (found.header.sequence === sequence) return found.record;
  }
  return undefined;
}

function toInput({ type, image, positions, samples, timestampMs, oldestMs, newestMs, payload, tally }: RecentRecord): RecordInput {
  if (type === 'raw' || image === undefined) return { type: 'raw', samples, oldestMs, newestMs, body: payload, tally };
  return { type: 'samples', image, positions, samples, timestampMs, oldestMs, newestMs, column: payload, tally };
}

function closeQuietly(writer: SegmentWriter | undefined): void {
  try {
    writer?.close();
  } catch {
    // It is synced, or it is removed.
  }
}

function removeQuietly(disk: Disk, path: string): void {
  try {
    if (disk.exists(path)) disk.remove(path);
  } catch {
    // It is removed before the next attempt, and when the stream is opened.
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
