// tributary.queue: where and how records are kept until they are acknowledged.

export interface QueueSettings {
  /** Quota of all streams together, bytes; shared evenly by destinations that name none of their own. */
  readonly maxBytes: number;
  /** Free space that is left alone: bytes, or a share of the file system. */
  readonly freeSpaceFloor: { readonly bytes: number } | { readonly share: number };
  readonly fsync: 'none' | 'interval' | 'always';
  readonly fsyncIntervalMs: number;
  /** Size at which a segment file is closed, bytes. */
  readonly segmentBytes: number;
}

export const defaultQueueSettings: QueueSettings = {
  maxBytes: 20 * 1024 ** 3,
  freeSpaceFloor: { share: 0.05 },
  fsync: 'interval',
  fsyncIntervalMs: 1000,
  segmentBytes: 64 * 1024 ** 2,
};
