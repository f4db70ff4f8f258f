// The state of a stream that outlives the process: settled ranges and the counters of the identity. It is saved in the ledger and
// repeated in checkpoint records, so that either can stand in for the other; of the two the one with the higher `revision` is newer.

import { payloadFits, type RecordHeader } from './record.ts';
import type { RangeNumbers } from './ranges.ts';
import type { LossReason, Tally } from './queue.ts';
import { noTally } from './tally.ts';

export interface StreamSnapshot {
  /** Grows with every snapshot of the stream. */
  readonly revision: number;
  /** Last sequence and samples of the stream when it was taken. */
  readonly lastSequence: number;
  readonly samples: number;
  /** See `SettledRanges.toNumbers`. */
  readonly settled: RangeNumbers;
  readonly acknowledged: number;
  readonly deduplicated: number;
  readonly movedIn: number;
  readonly lost: Readonly<Record<LossReason, number>>;
  /** Samples that never got a sequence, because the disk was full. They are part of `lost.disk_full`. */
  readonly refused: number;
  /** What became of everything scraped for the stream. */
  readonly scrape: Tally;
  readonly newestMs: number | null;
}

export const noLosses = (): Record<LossReason, number> => ({
  evicted: 0, expired: 0, corrupt: 0, rejected: 0, quarantined: 0, disk_full: 0, quota: 0, dropped: 0, moved_out: 0,
});

/** The snapshot in a text that was checked before, or undefined when a later version wrote something else. */
export function snapshotFromText(text: string): StreamSnapshot | undefined {
  try {
    const value = JSON.parse(text) as StreamSnapshot;
    if (!Array.isArray(value.settled) || typeof value.revision !== 'number') return undefined;
    // Fields that came after the first snapshots were written. Without a tally what was appended counts as what was scraped.
    const movedIn = value.movedIn ?? 0;
    const scrape = value.scrape ?? { ...noTally, scraped: value.samples + value.refused - movedIn };
    return { ...value, deduplicated: value.deduplicated ?? 0, movedIn, scrape, lost: { ...noLosses(), ...value.lost } };
  } catch {
    return undefined;
  }
}

/** The one that was taken later. */
export function newerSnapshot(a: StreamSnapshot | undefined, b: StreamSnapshot | undefined): StreamSnapshot | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.revision > a.revision ? b : a;
}

/** The snapshot of a checkpoint record, or undefined when it is damaged. */
export function parseSnapshot(header: RecordHeader, payload: Buffer): StreamSnapshot | undefined {
  return payloadFits(header, payload) ? snapshotFromText(payload.toString()) : undefined;
}
