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
// Invariants after recovery: appended = acknowledged + lost + pending, where pending is what lies between the settled ranges; and scraped = what was dropped
// + appended, because every sample behind the state counts as scraped, and the tallies there only add what was dropped.

import type { Disk } from '../io/disk.ts';
import type { Ledger } from './ledger.ts';
import { SettledRanges } from './ranges.ts';
import type { Tally } from './queue.ts';
import { isGone, scanSegment, type Segment, segmentFirst, segmentFromText, segmentToText, Walked } from './segment.ts';
import { noLosses, snapshotFromText, type StreamSnapshot } from './snapshot.ts';
import { addTallies, noTally } from './tally.ts';

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
  readonly scrape: Tally;
  readonly newestMs: number | undefined;
  /** Segments whose headers had to be walked. */
  readonly scanned: number;
  /** The oldest segments were given up for their room, and what tells so may not be on the medium yet. */
  readonly isGivenUp: boolean;
  /** Records that are gone with their whole segment. */
  readonly missingRecords: number;
}

export const stateKey = (folder: string): string => `s/${folder}`;
export const segmentKey = (folder: string, file: string): string => `g/${folder}/${file}`;

/** Reads a stream's folder. Throws the system's error when the folder itself cannot be read. */
export function recoverStream(disk: Disk, path: string, folder: string, ledger: Ledger): Recovered {
  const ledgerState = snapshotFromText(ledger.get(stateKey(folder)) ?? '');
  const walked = new Walked(ledgerState);
  const found = readSegments(disk, path, folder, ledger, walked);
  joinSegments(found.segments, walked.state, found.isTorn);
  const recovered = settle(found.segments, walked, walked.state === ledgerState, found.isGivenUp);
  dropEmptyTail(found.segments);
  for (const segment of found.segments) ledger.put(segmentKey(folder, segment.file), segmentToText(segment));
  return { ...recovered, scanned: found.scanned, isGivenUp: found.isGivenUp };
}

/** A stream that has nothing on disk yet. */
export function newStream(): Recovered {
  return { ...settle([], new Walked(undefined), false, false), scanned: 0, isGivenUp: false };
}

interface Files {
  readonly segments: Segment[];
  readonly isTorn: boolean;
  /** The oldest segments were given up for their room, and the ledger may not know yet. */
  readonly isGivenUp: boolean;
  readonly scanned: number;
}

/**
 * The index of every segment file: from the ledger for those it knows as closed, else by walking the headers. They are walked as well where
 * the ledger's state is older than its entry, because the state lacks tallies then: that takes a damaged ledger.
 */
function readSegments(disk: Disk, path: string, folder: string, ledger: Ledger, walked: Walked): Files {
  const segments: Segment[] = [];
  let isTorn = false;
  let scanned = 0;
  const known = new Map([...ledger.entries(segmentKey(folder, ''))].map(([key, value]) => [key.slice(segmentKey(folder, '').length), value]));
  const all = disk.exists(path) ? disk.list(path) : [];
  const isGivenUp = all.some(isGone);
  const files = all.filter((file) => segmentFirst(file) !== undefined);
  for (const [i, file] of files.entries()) {
    const range = { first: segmentFirst(file)!, end: segmentFirst(files[i + 1] ?? '') ?? Infinity };
    const entry = known.get(file);
    const closed = entry === undefined ? undefined : segmentFromText(file, entry);
    known.delete(file);
    isTorn = false;
    if (closed !== undefined) segments.push({ ...closed, bytes: disk.fileBytes(`${path}/${file}`) });
    if (closed !== undefined && closed.last <= (walked.state?.lastSequence ?? 0)) continue;
    const scan = scanSegment(disk, path, file, range, walked);
    scanned++;
    if (closed !== undefined) continue;
    segments.push(scan.segment);
    isTorn = scan.isTorn;
  }
  for (const file of known.keys()) ledger.delete(segmentKey(folder, file));
  return { segments, isTorn, isGivenUp, scanned };
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
  if (base === first.first - 1) return baseSamples;
  if (first.samplesBefore >= 0 || state === undefined) return first.samplesBefore;
  // Nothing of it can be read, as after a power loss: the stream had come at least as far as the state says.
  return state.lastSequence < first.first ? state.samples : baseSamples;
}

function settle(segments: Segment[], { state, excess }: Walked, isExact: boolean, isGivenUp: boolean): Omit<Recovered, 'scanned' | 'isGivenUp'> {
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
    if (isGivenUp) lost.evicted += gap.samples;
    else if (isExact && state !== undefined) {
      lost.corrupt += gap.samples;
      missingRecords = gap.records;
    } else acknowledged += gap.samples;
  }
  const allSamples = Math.max(samples, settled.baseSamples);
  // Whatever came since the state, also what cannot be read, was scraped; the tallies say what was scraped beyond it.
  const since = { ...noTally, scraped: allSamples - (state?.samples ?? 0) };
  const newest = Math.max(state?.newestMs ?? -Infinity, ...segments.map((s) => s.newestMs));
  return {
    segments,
    settled,
    revision: state?.revision ?? 0,
    lastSequence: Math.max(lastSequence, settled.base),
    samples: allSamples,
    acknowledged,
    deduplicated: state?.deduplicated ?? 0,
    // Samples behind the state that were neither scraped nor made up for by what was dropped.
    movedIn: (state?.movedIn ?? 0) + excess.failed + excess.relabelled + excess.limited + excess.unrouted - excess.scraped,
    lost,
    refused: state?.refused ?? 0,
    scrape: addTallies(addTallies(state?.scrape ?? noTally, since), excess),
    newestMs: Number.isFinite(newest) ? newest : undefined,
    missingRecords,
  };
}

/** Takes out a last segment without a record, of which there is only a checkpoint. The file stays until the next segment, which gets the same name, replaces it. */
function dropEmptyTail(segments: Segment[]): void {
  const tail = segments.at(-1);
  if (tail !== undefined && tail.last < tail.first) segments.pop();
}
