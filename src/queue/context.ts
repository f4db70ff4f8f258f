// What every stream of a queue shares, and what is its own: the parts of the stream get it as one value.

import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { QueueSettings } from './config.ts';
import type { Ledger } from './ledger.ts';
import type { Quarantine } from './quarantine.ts';
import type { QueueMetrics } from './queue-metrics.ts';
import type { RecentBudget } from './recent.ts';
import type { ImageBudget } from './segment-reader.ts';

export interface QueueContext {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: QueueMetrics;
  readonly settings: QueueSettings;
  readonly ledger: Ledger;
  readonly recent: RecentBudget;
  readonly images: ImageBudget;
  readonly quarantine: Quarantine;
  readonly freeSpace: FreeSpace;
}

export interface StreamContext extends QueueContext {
  readonly name: string;
  /** The encoded name. */
  readonly folder: string;
  /** Of the segments. */
  readonly path: string;
}

/** How long an answer about free space holds. Milliseconds. */
const SPACE_CHECK_MS = 1000;

/** Free space of the file system, asked at most once a second. */
export class FreeSpace {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #floor: QueueSettings['freeSpaceFloor'];
  #checkedMs = -Infinity;
  #shortage: string | undefined;

  constructor(disk: Disk, clock: Clock, path: string, floor: QueueSettings['freeSpaceFloor']) {
    this.#disk = disk;
    this.#clock = clock;
    this.#path = path;
    this.#floor = floor;
  }

  /** What is missing to the floor, in words, or undefined while there is room. */
  shortage(): string | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#checkedMs < SPACE_CHECK_MS) return this.#shortage;
    this.#checkedMs = nowMs;
    this.#shortage = this.#check();
    return this.#shortage;
  }

  #check(): string | undefined {
    try {
      const { freeBytes, totalBytes } = this.#disk.space(this.#path);
      const floorBytes = 'bytes' in this.#floor ? this.#floor.bytes : this.#floor.share * totalBytes;
      return freeBytes < floorBytes ? `${freeBytes} bytes are free, the floor is ${Math.ceil(floorBytes)} bytes` : undefined;
    } catch {
      // A file system that does not tell says so when it is written to.
      return undefined;
    }
  }
}
