// One life of the process: its clock, disk and ledger store, all of which end with it. Each operation on a seam is a step, and the life may be
// told to end at one of them: then the operation happens wholly, in part or not at all, and nothing that the dead process still tries
// reaches the world. What lay in the page cache stays; what lay in memory is gone.

import type { Clock } from '../../../src/io/clock.ts';
import type { Disk, DiskFile } from '../../../src/io/disk.ts';
import type { Random } from '../../../src/io/random.ts';
import type { OpenStore } from '../../../src/queue/ledger-store.ts';
import type { SimulatedDisk } from './disk.ts';
import type { SimulatedStores } from './stores.ts';
import type { Timeline } from './timeline.ts';

/** Wall time at the beginning of a simulation, milliseconds since the epoch. */
export const START_MS = 1_700_000_000_000;

const TIMER_MAX_MS = 2 ** 31 - 1;

export class ProcessDied extends Error {}

export class Life {
  isDead = false;
  steps = 0;
  /** The step at which the process dies. */
  dieAtStep = Number.POSITIVE_INFINITY;
  /** Delays that a timer cannot wait. */
  readonly oddTimers: number[] = [];
  /** What it was doing then. */
  diedDoing = '';
  readonly clock: Clock;
  readonly #random: Random;

  constructor(timeline: Timeline, random: Random) {
    this.#random = random;
    const startedMs = timeline.nowMs;
    this.clock = {
      nowMs: () => START_MS + timeline.nowMs,
      monotonicMs: () => timeline.nowMs - startedMs,
      after: (delayMs, callback) => timeline.after(this.#asSystem(delayMs), () => {
        if (!this.isDead) callback();
      }),
    };
  }

  /** What `setTimeout` makes of a delay: whole milliseconds, at least one; what is longer than it can wait ends at once, which nobody wants. */
  #asSystem(delayMs: number): number {
    if (!(delayMs <= TIMER_MAX_MS)) this.oddTimers.push(delayMs);
    return delayMs <= TIMER_MAX_MS ? Math.max(1, Math.trunc(delayMs)) : 1;
  }

  die(doing: string): void {
    this.isDead = true;
    this.diedDoing = doing;
  }

  /** Counts an operation. True when it is the last one, which may happen or not; fails when the process is dead. */
  step(doing: string): boolean {
    if (this.isDead) throw new ProcessDied(`the process is dead, it tried: ${doing}`);
    if (++this.steps < this.dieAtStep) return false;
    this.die(doing);
    return true;
  }

  /** An operation that happens at once and wholly, or not at all. */
  #atomic<T>(doing: string, operation: () => T): T {
    if (!this.step(doing)) return operation();
    if (this.#random.next() < 0.5) attempt(operation);
    throw new ProcessDied(doing);
  }

  /** Something that takes time; a dead process never hears of its end. */
  async #async<T>(doing: string, operation: () => Promise<T>): Promise<T> {
    if (this.isDead) return never();
    const isLast = this.step(doing);
    if (isLast && this.#random.next() < 0.5) return never();
    const result = await operation().then((value) => ({ value }), (error: unknown) => ({ error }));
    if (this.isDead) return never();
    if ('error' in result) throw result.error;
    return result.value;
  }

  disk(disk: SimulatedDisk): Disk {
    const atomic = <T>(doing: string, operation: () => T) => this.#atomic(doing, operation);
    return {
      makeFolder: (path) => atomic(`makeFolder ${path}`, () => disk.makeFolder(path)),
      list: (path) => atomic(`list ${path}`, () => disk.list(path)),
      openAppend: (path) => this.#file(atomic(`create ${path}`, () => disk.openAppend(path)), path),
      openRead: (path) => this.#file(atomic(`open ${path}`, () => disk.openRead(path)), path),
      readFile: (path) => atomic(`readFile ${path}`, () => disk.readFile(path)),
      writeFile: (path, data) => atomic(`writeFile ${path}`, () => disk.writeFile(path, data)),
      remove: (path) => atomic(`remove ${path}`, () => disk.remove(path)),
      rename: (from, to) => atomic(`rename ${from}`, () => disk.rename(from, to)),
      exists: (path) => atomic(`exists ${path}`, () => disk.exists(path)),
      fileBytes: (path) => atomic(`fileBytes ${path}`, () => disk.fileBytes(path)),
      space: (path) => atomic(`space ${path}`, () => disk.space(path)),
    };
  }

  #file(file: DiskFile, path: string): DiskFile {
    return {
      append: (buffers) => {
        if (!this.step(`append ${path}`)) return file.append(buffers);
        // A killed process may leave a part of a large write.
        const bytes = Buffer.concat(buffers);
        attempt(() => file.append([bytes.subarray(0, Math.floor(this.#random.next() * (bytes.length + 1)))]));
        throw new ProcessDied(`append ${path}`);
      },
      read: (into, offset) => this.#atomic(`read ${path}`, () => file.read(into, offset)),
      sync: () => this.#async(`sync ${path}`, () => file.sync()),
      size: () => this.#atomic(`size ${path}`, () => file.size()),
      truncate: (length) => this.#atomic(`truncate ${path}`, () => file.truncate(length)),
      close: () => this.#atomic(`close ${path}`, () => file.close()),
    };
  }

  openStore(stores: SimulatedStores, disk: SimulatedDisk): OpenStore {
    return async (path) => {
      const store = await this.#async(`open ledger ${path}`, () => stores.open(disk, path));
      return {
        load: () => this.#async('load ledger', () => store.load()),
        write: (operations) => this.#async('write ledger', () => store.write(operations)),
        close: () => this.#async('close ledger', () => store.close()),
      };
    };
  }
}

function attempt(operation: () => unknown): void {
  try {
    operation();
  } catch {
    // The process that would hear of it is dead.
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
