// Who gives up room when there is not enough of it, across all streams of a queue: the quota of the whole queue, the floor of free space, and
// a disk that is full. A stream's own quota is kept by its writer; what is decided here never touches the segment that is being written.
//
//   whole quota reached        streams of removed destinations: those past their grace first, then the others; nobody else, because the quota
//                              of each stream is guaranteed to it
//   floor reached, disk full   the same; then streams of lower priority than the one that appends; then its own oldest segments when its policy
//                              is to drop the oldest
//
// Below the floor nobody gives up more than is written in its place: another program that fills the disk must not eat the backlog.

import { randomFillSync } from 'node:crypto';

import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { QueueSettings } from './config.ts';
import type { Retired } from './retired.ts';

/** How long an answer about free space holds. Milliseconds. */
const SPACE_CHECK_MS = 1000;
/** Kept for the ledger: a full disk must not keep it from noting what was acknowledged. LevelDB needs some tens of kilobytes to be opened and written. Bytes. */
export const RESERVE_BYTES = 1024 ** 2;

/** More free space than this, and a full disk is not what is wrong. Bytes. */
const PLENTY_BYTES = 4 * 1024 ** 2;

/** A stream as it is asked for room. */
export interface Tenant {
  readonly name: string;
  readonly priority: number;
  readonly givesUpOwn: boolean;
  readonly diskBytes: number;
  /** Drops its oldest segment, unless that one is being written; returns the bytes that are free now, 0 when there is none to drop. */
  giveUpOldest(reason: string): number;
}

/** Bytes of the segment files of all streams together. */
export interface Usage {
  bytes: number;
}

export interface PressureOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folder of the queue. */
  readonly path: string;
  readonly settings: QueueSettings;
  readonly retired: Retired;
  readonly reserveBytes: number;
}

export class Pressure {
  readonly usage: Usage = { bytes: 0 };
  /** Nobody gives up anything now: what moves in must not push out what it comes from. */
  isFrozen = false;
  readonly #tenants = new Set<Tenant>();
  readonly #options: PressureOptions;
  readonly #freeSpace: FreeSpace;
  readonly #reserve: Reserve;
  /** What a stream has given up, or made others give up, and not written in its place yet. Bytes. */
  readonly #credit = new Map<Tenant, number>();

  /** Those for whom room was made since the disk last took something. */
  readonly #isHelpless = new Set<Tenant>();

  constructor(options: PressureOptions) {
    this.#options = options;
    const { disk, clock, path, settings, logger, reserveBytes } = options;
    this.#reserve = new Reserve(disk, `${path}/reserve`, reserveBytes, logger);
    this.#freeSpace = new FreeSpace(disk, clock, path, settings.freeSpaceFloor);
    this.#restoreReserve();
  }

  add(tenant: Tenant): void {
    this.#tenants.add(tenant);
  }

  /** The stream is closed. */
  delete(tenant: Tenant): void {
    this.#tenants.delete(tenant);
    this.#credit.delete(tenant);
  }

  /** Streams of removed destinations make room for `bytes` more in the quota of the whole queue. */
  keepQuota(bytes: number): void {
    while (this.usage.bytes + bytes > this.#options.settings.maxBytes) {
      if (this.#giveUp(this.#retired(), 'the quota of the whole queue is reached') === 0) return;
    }
  }

  /** Why `bytes` may not be written now, in words, or undefined when they may; the room is made first where somebody can give it. */
  refusal(who: Tenant, bytes: number): string | undefined {
    // The room of the reserve is the ledger's: as long as it is there to be taken, each write is looked at.
    const extraBytes = this.#reserve.missingBytes === 0 ? 0 : this.#reserve.missingBytes + bytes;
    let shortage = extraBytes === 0 ? this.#freeSpace.shortage() : this.#freeSpace.recheck(extraBytes);
    let credit = this.#credit.get(who) ?? 0;
    while (shortage !== undefined && credit < bytes) {
      const freed = this.#giveUp(this.#candidates(who), 'free space is short');
      if (freed === 0) return shortage;
      credit += freed;
      this.#credit.set(who, credit);
      shortage = this.#freeSpace.recheck(extraBytes);
    }
    if (credit > 0) this.#credit.set(who, Math.max(0, credit - bytes));
    if (shortage === undefined) this.#restoreReserve();
    return undefined;
  }

  /**
   * The disk answered that it is full (ENOSPC, EDQUOT). True when as much as is to be written was given up: writing it again is worth a try. Nothing is
   * given up where it would not help: there is free space, so something else is short; or what was given up the last time is gone to somebody else.
   */
  makeRoom(who: Tenant, bytes: number, code: string): boolean {
    this.#reserve.release();
    const credit = this.#credit.get(who) ?? 0;
    if (this.#isHelpless.has(who) || credit >= bytes || (code === 'ENOSPC' && this.#freeSpace.isAtLeast(bytes + PLENTY_BYTES))) return false;
    this.#isHelpless.add(who);
    let freed = 0;
    while (freed < bytes) {
      const more = this.#giveUp(this.#candidates(who), 'the disk is full');
      if (more === 0) return false;
      freed += more;
    }
    this.#credit.set(who, credit + freed - bytes);
    return true;
  }

  /** The disk took what the stream wrote. */
  succeeded(who: Tenant): void {
    this.#isHelpless.delete(who);
  }

  /** Whether `bytes` could be written without anybody giving up anything. */
  hasRoom(bytes: number): boolean {
    const hasRoom = this.#freeSpace.recheck(this.#reserve.missingBytes + bytes) === undefined;
    if (hasRoom) this.#restoreReserve();
    return hasRoom;
  }

  #giveUp(tenants: readonly Tenant[], reason: string): number {
    if (this.isFrozen) return 0;
    for (const tenant of tenants) {
      const freed = tenant.giveUpOldest(reason);
      if (freed > 0) return freed;
    }
    return 0;
  }

  #candidates(who: Tenant): Tenant[] {
    const lower = [...this.#tenants].filter((t) => t.priority < who.priority && this.#options.retired.removedMs(t.name) === undefined);
    lower.sort((a, b) => a.priority - b.priority || b.diskBytes - a.diskBytes);
    return [...this.#retired(), ...lower, ...(who.givesUpOwn ? [who] : [])];
  }

  /** Streams without destination, the longest removed first: those past their grace are the longest removed ones. */
  #retired(): Tenant[] {
    const removed = (tenant: Tenant) => this.#options.retired.removedMs(tenant.name);
    return [...this.#tenants].filter((t) => removed(t) !== undefined).sort((a, b) => removed(a)! - removed(b)!);
  }

  #restoreReserve(): void {
    if (this.#reserve.missingBytes > 0 && this.#freeSpace.recheck(2 * this.#reserve.missingBytes) === undefined) this.#reserve.restore();
  }
}

/** Free space of the file system, asked at most once a second. */
class FreeSpace {
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
    const isFresh = this.#clock.monotonicMs() - this.#checkedMs < SPACE_CHECK_MS;
    return isFresh ? this.#shortage : this.recheck(0);
  }

  /** What is missing now to the floor and `extraBytes` above it. */
  recheck(extraBytes: number): string | undefined {
    this.#checkedMs = this.#clock.monotonicMs();
    this.#shortage = this.#check(extraBytes);
    return this.#shortage;
  }

  /** False as well where the file system does not tell. */
  isAtLeast(bytes: number): boolean {
    try {
      return this.#disk.space(this.#path).freeBytes >= bytes;
    } catch {
      return false;
    }
  }

  #check(extraBytes: number): string | undefined {
    try {
      const { freeBytes, totalBytes } = this.#disk.space(this.#path);
      const floorBytes = extraBytes + ('bytes' in this.#floor ? this.#floor.bytes : this.#floor.share * totalBytes);
      return freeBytes < floorBytes ? `${freeBytes} bytes are free, the floor is ${Math.ceil(floorBytes)} bytes` : undefined;
    } catch {
      // A file system that does not tell says so when it is written to.
      return undefined;
    }
  }
}

/** A file that only takes up room, and gives it to the ledger when the disk is full. */
class Reserve {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #bytes: number;
  readonly #logger: Logger;
  #isHeld: boolean;

  constructor(disk: Disk, path: string, bytes: number, logger: Logger) {
    this.#disk = disk;
    this.#path = path;
    this.#bytes = bytes;
    this.#logger = logger;
    this.#isHeld = bytes === 0 || disk.exists(path);
  }

  get missingBytes(): number {
    return this.#isHeld ? 0 : this.#bytes;
  }

  release(): void {
    if (!this.#isHeld || this.#bytes === 0) return;
    this.#isHeld = false;
    this.#remove();
  }

  restore(): void {
    try {
      // Noise: a file system that compresses would keep nothing free for zeros.
      this.#disk.writeFile(this.#path, randomFillSync(Buffer.allocUnsafe(this.#bytes)));
      this.#isHeld = true;
    } catch {
      // It took what was there and is of no use half done; the next second tries again.
      this.#remove();
    }
  }

  #remove(): void {
    try {
      for (const path of [this.#path, `${this.#path}.new`]) if (this.#disk.exists(path)) this.#disk.remove(path);
    } catch (error) {
      this.#logger.warn('the reserve of the queue cannot be removed', { path: this.#path, error: errorText(error) });
    }
  }
}
