// tributary.queue: where and how records are kept until they are acknowledged.

import { block, fail, key, report } from '../config/schema.ts';
import type { Block, Type, Values } from '../config/schema.ts';
import { parseSize, printSize } from '../config/size.ts';
import { choice, duration, size, text } from '../config/types.ts';

/** The stream of samples that wait until it is known where they belong. It has no destination, and no destination may have its name. */
export const HELD_STREAM = '(unresolved)';

export interface QueueSettings {
  /** Quota of all streams together, bytes; shared evenly by destinations that name none of their own. */
  readonly maxBytes: number;
  /** Free space that is left alone: bytes, or a share of the file system. */
  readonly freeSpaceFloor: { readonly bytes: number } | { readonly share: number };
  readonly fsync: 'none' | 'interval' | 'always';
  readonly fsyncIntervalMs: number;
  /** Size at which a segment file is closed, bytes. */
  readonly segmentBytes: number;
  /** How long the queue of a removed destination is kept like any other. Milliseconds. */
  readonly removedGraceMs: number;
}

export const defaultQueueSettings: QueueSettings = {
  maxBytes: 20 * 1024 ** 3,
  freeSpaceFloor: { share: 0.05 },
  fsync: 'interval',
  fsyncIntervalMs: 1000,
  segmentBytes: 64 * 1024 ** 2,
  removedGraceMs: 7 * 24 * 3600 * 1000,
};

type FreeSpaceFloor = QueueSettings['freeSpaceFloor'];

const freeSpaceFloor: Type<FreeSpaceFloor> = {
  ...text,
  name: 'percentage or size',
  zero: { bytes: 0 },
  print: (value) => ('share' in value ? `${Number((value.share * 100).toFixed(6))}%` : printSize(value.bytes)),
  read(node, path, context) {
    const written = text.read(node, path, context);
    if (written === undefined) return undefined;
    const percent = /^([0-9]+(?:\.[0-9]+)?)%$/.exec(written)?.[1];
    if (percent !== undefined && Number(percent) < 100) return { share: Number(percent) / 100 };
    const parsed = parseSize(written);
    if (parsed.ok && parsed.bytes >= 0) return { bytes: parsed.bytes };
    return report(context, node.at, path, `${JSON.stringify(written)} is neither a share nor a size, expected 5% (below 100%) or 10GiB`);
  },
};

/** Below it a segment holds too few records to be worth a file. Bytes. */
export const SEGMENT_BYTES_MIN = 64 * 1024;
const segmentBytesMax = 1024 ** 3;
const fsyncWords = ['interval', 'always', 'none'] as const;

export const queueKeys = {
  max_bytes: key(size, defaultQueueSettings.maxBytes, 'Quota of all streams together; destinations without a quota of their own share what is left evenly.', { unit: 'bytes', limit: '64KiB or more' }),
  free_space_floor: key(freeSpaceFloor, defaultQueueSettings.freeSpaceFloor, 'Free space of the file system that is left alone, so that the node stays usable.', { limit: 'below 100%' }),
  fsync: key(choice(fsyncWords, (value) => `unknown fsync policy ${JSON.stringify(value)}`), defaultQueueSettings.fsync, 'When records are forced to the medium: every `fsync_interval`, with each write, or by the system alone.'),
  fsync_interval: key(duration, defaultQueueSettings.fsyncIntervalMs, 'The most that a power loss can take; a killed process loses nothing.', { unit: 'duration', limit: '10ms to 1m' }),
  segment_bytes: key(size, defaultQueueSettings.segmentBytes, 'Size at which a segment file is closed: space is given back in such steps.', { unit: 'bytes', limit: '64KiB to 1GiB' }),
  removed_grace: key(duration, defaultQueueSettings.removedGraceMs, 'How long the queue of a removed destination is kept like any other; later it is the first to go when room is needed.', { unit: 'duration' }),
};

export const queueBlock = block(queueKeys, { check: checkQueue, nullIsDefault: true });

function checkQueue(at: Block<typeof queueKeys>): void {
  const { max_bytes: maxBytes, segment_bytes: segmentBytes, fsync_interval: fsyncIntervalMs } = at.values;
  if (segmentBytes < SEGMENT_BYTES_MIN || segmentBytes > segmentBytesMax) {
    fail(at, 'segment_bytes', `${printSize(segmentBytes)} is out of range, expected ${printSize(SEGMENT_BYTES_MIN)} to ${printSize(segmentBytesMax)}`);
  } else if (maxBytes < SEGMENT_BYTES_MIN) {
    fail(at, 'max_bytes', `${printSize(maxBytes)} is too small, expected at least ${printSize(SEGMENT_BYTES_MIN)}`);
  }
  if (fsyncIntervalMs < 10 || fsyncIntervalMs > 60_000) fail(at, 'fsync_interval', 'fsync_interval is out of range, expected 10ms to 1m');
}

export function buildQueue(values: Values<typeof queueKeys>): QueueSettings {
  return {
    maxBytes: values.max_bytes,
    freeSpaceFloor: values.free_space_floor,
    fsync: values.fsync,
    fsyncIntervalMs: values.fsync_interval,
    segmentBytes: values.segment_bytes,
    removedGraceMs: values.removed_grace,
  };
}
