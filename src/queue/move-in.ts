// Samples that were counted before come into a stream: adopted from another one, or put back from quarantine. They are written at once and count as moved in,
// not as appended: each carries a tally that says that nothing was scraped for it, which keeps the count exact wherever the process is killed. What moves in
// pushes nothing out: without room it stays where it is.

import type { Accounts } from './accounts.ts';
import type { StreamContext } from './context.ts';
import type { RecordInput } from './queue.ts';
import { HEADER_BYTES } from './record.ts';
import type { SegmentList } from './segment-list.ts';
import type { StreamWriter } from './stream-writer.ts';
import { noTally } from './tally.ts';

/** A segment that is begun for it takes a checkpoint with thousands of ranges at most. Bytes. */
const CHECKPOINT_BYTES = 64 * 1024;

export interface MoveInParts {
  readonly context: StreamContext;
  readonly accounts: Accounts;
  readonly segments: SegmentList;
  readonly writer: StreamWriter;
}

/** Undefined when all records are written, else why not all of them are. */
export function moveIn({ context, accounts, segments, writer }: MoveInParts, records: readonly RecordInput[]): string | undefined {
  const { pressure, settings } = context;
  const bytes = bytesOf(records) + CHECKPOINT_BYTES;
  if (segments.bytes + bytes > writer.maxBytes) return `${bytes} bytes more do not fit into its quota of ${writer.maxBytes} bytes`;
  if (pressure.usage.bytes + bytes > settings.maxBytes) return `${bytes} bytes more do not fit into the quota of the whole queue, ${settings.maxBytes} bytes`;
  const wanted = accounts.samples + records.reduce((sum, record) => sum + record.samples, 0);
  accounts.isMovingIn = true;
  pressure.isFrozen = true;
  try {
    writer.write(records.map((record) => ({ ...record, tally: noTally })));
  } finally {
    accounts.isMovingIn = false;
    pressure.isFrozen = false;
  }
  return accounts.samples === wanted ? undefined : (writer.lastError ?? 'the disk refuses');
}

/** At most: the runs of an image count once, although the segment may have them. */
function bytesOf(records: readonly RecordInput[]): number {
  const images = new Set<unknown>();
  let bytes = 0;
  for (const record of records) {
    bytes += HEADER_BYTES + (record.type === 'raw' ? record.body : record.column).length;
    if (record.type === 'raw' || images.has(record.image)) continue;
    images.add(record.image);
    for (const run of record.image.runs) bytes += HEADER_BYTES + run.data.length;
  }
  return bytes;
}
