// Recovery: what a stream is, from its segment files, the ledger and the checkpoints in the segments. The cases, one by one:
//
//   closed properly           the ledger knows every segment and the state; no segment is read
//   killed                    the last segment is not in the ledger: its headers are walked; the state is at most a second old, so
//                             what was settled since is sent again
//   ledger lost or damaged    the headers of all segments are walked; the state is the last checkpoint, at most ten seconds old
//   ledger older than the     (LevelDB may lose the end of its log) the state with the higher revision wins
//   segments
//   torn or damaged tail      the bytes stay; the reader counts them as a hole when it gets there
//   file missing              a hole between two segments, or before the first one
//
// A hole is counted exactly because every record, every index entry and every settled range carries the cumulative sample count.
// Invariant after recovery: appended = acknowledged + lost + pending, where pending is what lies between the settled ranges.

import type { Disk } from '../io/disk.ts';
import type { Ledger } from './ledger.ts';
import { SettledRanges } from './ranges.ts';
import { scanSegment, type Segment, segmentFirst, segmentFromText, segmentToText } from './segment.ts';
import { noLosses, snapshotFromText, type StreamSnapshot } from './snapshot.ts';

export interface Recovered {
  readonly segments: Segment[];
  readonly settled: SettledRanges;
  readonly revision: number;
  readonly lastSequence: number;
  readonly samples: number;
  readonly acknowledged: number;
  readonly deduplicated: number;
  readonly movedIn: number;
  readonly lost: StreamSnapshot['lost'];
  readonly refused: number;
  readonly newestMs: number | undefined;
  /** Segments whose headers had to be walked. */
  readonly scanned: number;
  /** A file without a record, which the next segment replaces. */
  readonly emptyTail: string | undefined;
  /** Records that are gone with their whole segment. */
  readonly missingRecords: number;
}

export const stateKey = (folder: string): string => `s/${folder}`;
export const segmentKey = (folder: string, file: string): string => `g/${folder}/${file}`;

/** Reads a stream's folder. Throws the system's error when the folder itself cannot be read. */
export function recoverStream(disk: Disk, path: string, folder: string, ledger: Ledger): Recovered {
  const found = readSegments(disk, path, folder, ledger);
  const ledgerState = snapshotFromText(ledger.get(stateKey(folder)) ?? '');
  const state = newer(ledgerState, found.snapshot ?? (ledgerState === undefined ? checkpointOf(disk, path, found.segments) : undefined));
  joinSegments(found.segments, state, found.isTorn);
  const recovered = settle(found.segments, state, state === ledgerState);
  return { ...recovered, scanned: found.scanned, emptyTail: takeEmptyTail(found.segments, ledger, folder) };
}

/** A stream that has nothing on disk yet. */
export function newStream(): Recovered {
  return { ...settle([], undefined, false), scanned: 0, emptyTail: undefined };
}

interface Files {
  readonly segments: Segment[];
  readonly snapshot: StreamSnapshot | undefined;
  readonly isTorn: boolean;
  readonly scanned: number;
}

/** The index of every segment file: from the ledger for those it knows as closed, else by walking the headers. */
function readSegments(disk: Disk, path: string, folder: string, ledger: Ledger): Files {
  const segments: Segment[] = [];
  let snapshot: StreamSnapshot | undefined;
  let isTorn = false;
  let scanned = 0;
  const known = new Map([...ledger.entries(segmentKey(folder, ''))].map(([key, value]) => [key.slice(segmentKey(folder, '').length), value]));
  for (const file of disk.exists(path) ? disk.list(path) : []) {
    const first = segmentFirst(file);
    if (first === undefined) continue;
    const entry = known.get(file);
    known.delete(file);
    isTorn = false;
    if (entry !== undefined) {
      segments.push({ ...segmentFromText(file, entry), bytes: disk.fileBytes(`${path}/${file}`) });
      continue;
    }
    const scan = scanSegment(disk, path, file, first);
    scanned++;
    segments.push(scan.segment);
    isTorn = scan.isTorn;
    snapshot = newer(snapshot, scan.snapshot);
  }
  for (const file of known.keys()) ledger.delete(segmentKey(folder, file));
  return { segments, snapshot, isTorn, scanned };
}

function newer(a: StreamSnapshot | undefined, b: StreamSnapshot | undefined): StreamSnapshot | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.revision > a.revision ? b : a;
}

/** The last checkpoint of the newest segment that has one. Every segment begins with one. */
function checkpointOf(disk: Disk, path: string, segments: readonly Segment[]): StreamSnapshot | undefined {
  for (const segment of segments.toReversed()) {
    const { snapshot } = scanSegment(disk, path, segment.file, segment.first);
    if (snapshot !== undefined) return snapshot;
  }
  return undefined;
}

/** Lets each segment end where the next begins, and the last one where the state says, so that what is missing is a hole of a segment. */
function joinSegments(segments: Segment[], state: StreamSnapshot | undefined, isTorn: boolean): void {
  segments.forEach((segment, i) => {
    const before = segments[i - 1];
    const known = before === undefined ? startOf(segment, state) : segment.samplesBefore;
    segment.samplesBefore = known >= 0 ? known : (before?.samplesAfter ?? 0);
    segment.samplesAfter = Math.max(segment.samplesAfter, segment.samplesBefore);
    if (before === undefined) return;
    // An index entry or a whole first record says exactly how far the stream had come; the sequence is in the file's name.
    if (before.last === segment.first - 1) segment.samplesBefore = before.samplesAfter;
    before.last = segment.first - 1;
    before.samplesAfter = segment.samplesBefore;
  });
  const tail = segments.at(-1);
  if (tail === undefined) return;
  if (state !== undefined && state.lastSequence > tail.last) {
    tail.last = state.lastSequence;
    tail.samplesAfter = Math.max(state.samples, tail.samplesAfter);
  } else if (isTorn) {
    // A record that nothing else speaks of: one more, of which not even the number of samples is left.
    tail.last += 1;
  }
}

/** Samples before the first segment: what is settled is the better witness when the segment's first record is damaged. */
function startOf(first: Segment, state: StreamSnapshot | undefined): number {
  if (first.first === 1) return 0;
  const base = state?.settled[0] ?? 0;
  const baseSamples = state?.settled[1] ?? 0;
  return base === first.first - 1 ? baseSamples : first.samplesBefore;
}

function settle(segments: Segment[], state: StreamSnapshot | undefined, isExact: boolean): Omit<Recovered, 'scanned' | 'emptyTail'> {
  const head = segments[0];
  const tail = segments.at(-1);
  const lastSequence = tail?.last ?? state?.lastSequence ?? 0;
  const samples = tail?.samplesAfter ?? state?.samples ?? 0;
  const settled = SettledRanges.from(state?.settled ?? [0, 0]);
  const lost = { ...(state?.lost ?? noLosses()) };
  let acknowledged = state?.acknowledged ?? 0;
  let missingRecords = 0;
  // Before the first segment nothing can be pending. A segment goes only after the ledger knows why, so a state from the
  // ledger makes this a missing file; a checkpoint may be ten seconds older than the removal.
  const gapLast = head === undefined ? lastSequence : head.first - 1;
  const gapSamples = head === undefined ? samples : head.samplesBefore;
  if (gapLast > settled.base) {
    const gap = settled.add({ first: 1, last: gapLast, samplesBefore: 0, samplesAfter: gapSamples });
    if (isExact && state !== undefined) {
      lost.corrupt += gap.samples;
      missingRecords = gap.records;
    } else acknowledged += gap.samples;
  }
  const newest = Math.max(state?.newestMs ?? -Infinity, ...segments.map((s) => s.newestMs));
  return {
    segments,
    settled,
    revision: state?.revision ?? 0,
    lastSequence: Math.max(lastSequence, settled.base),
    samples: Math.max(samples, settled.baseSamples),
    acknowledged,
    deduplicated: state?.deduplicated ?? 0,
    movedIn: state?.movedIn ?? 0,
    lost,
    refused: state?.refused ?? 0,
    newestMs: Number.isFinite(newest) ? newest : undefined,
    missingRecords,
  };
}

/**
 * Takes out a last segment without a record, of which there is only a checkpoint. The file stays until the next segment, which gets the
 * same name, replaces it.
 */
function takeEmptyTail(segments: Segment[], ledger: Ledger, folder: string): string | undefined {
  const tail = segments.at(-1);
  const isEmpty = tail !== undefined && tail.last < tail.first;
  if (isEmpty) segments.pop();
  for (const segment of segments) ledger.put(segmentKey(folder, segment.file), segmentToText(segment));
  return isEmpty ? tail.file : undefined;
}
