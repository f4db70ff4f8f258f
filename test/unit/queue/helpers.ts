// What the tests of the queue share: a queue on the simulated disk, records whose content follows from their number, a clock by hand.

import type { Clock } from '../../../src/io/clock.ts';
import type { Disk } from '../../../src/io/disk.ts';
import { defaultQueueSettings, type QueueSettings } from '../../../src/queue/config.ts';
import { nextImageId } from '../../../src/queue/image-id.ts';
import type { LedgerStore, OpenStore } from '../../../src/queue/ledger-store.ts';
import { openQueue, type QueuedRecord, type RecordInput, type Stream, type StreamState } from '../../../src/queue/queue.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import type { Image } from '../../../src/wire/image.ts';

export const ALL = { samples: Infinity, bytes: Infinity };
export const QUOTA = 64 * 1024 ** 2;

export interface ManualClock extends Clock {
  advance(ms: number): void;
  readonly timers: number;
}

export function manualClock(): ManualClock {
  let now = 1_700_000_000_000;
  let timers: { atMs: number; callback: () => void }[] = [];
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    after(delayMs, callback) {
      const timer = { atMs: now + delayMs, callback };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((t) => t !== timer)) };
    },
    advance(ms) {
      now += ms;
      const due = timers.filter((t) => t.atMs <= now);
      timers = timers.filter((t) => t.atMs > now);
      for (const timer of due) timer.callback();
    },
    get timers() {
      return timers.length;
    },
  };
}

/** A ledger in memory that survives as long as the map does. */
export function memoryStore(values: Map<string, string>, faults: { error?: Error | undefined } = {}): OpenStore {
  return async (): Promise<LedgerStore> => ({
    load: async () => [...values],
    async write(operations) {
      if (faults.error !== undefined) throw faults.error;
      for (const o of operations) if (o.type === 'put') values.set(o.key, o.value);
        else values.delete(o.key);
    },
    close: async () => undefined,
  });
}

export interface OpenOptions {
  readonly disk: Disk;
  readonly ledger?: Map<string, string>;
  readonly openStore?: OpenStore;
  readonly clock?: Clock;
  readonly settings?: Partial<QueueSettings>;
  readonly recentBytesMax?: number;
  readonly reserveBytes?: number;
  readonly path?: string;
  readonly metrics?: ReturnType<typeof createMetrics>;
}

export function open(options: OpenOptions) {
  return openQueue({
    path: options.path ?? '/queue',
    settings: { ...defaultQueueSettings, fsync: 'none', freeSpaceFloor: { bytes: 0 }, ...options.settings },
    disk: options.disk,
    clock: options.clock ?? manualClock(),
    logger: silentLogger,
    metrics: options.metrics ?? createMetrics(),
    ...(options.openStore === undefined ? { openStore: memoryStore(options.ledger ?? new Map()) } : { openStore: options.openStore }),
    recentBytesMax: options.recentBytesMax ?? 0,
    reserveBytes: options.reserveBytes ?? 0,
  });
}

/** Runs until everything appended in this turn is written. */
export const written = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Gives what goes on in the background as many turns of the event loop. */
export async function turns(count = 60): Promise<void> {
  for (let i = 0; i < count; i++) await written();
}

export function image(positions: number, text = 'series'): Image & { runs: { base: number; count: number; data: Uint8Array; rawBytes: number }[] } {
  return { id: nextImageId(), runs: [{ base: 0, count: positions, data: Buffer.from(`${text}-0-${positions}`), rawBytes: 100 }] };
}

/** Raw record number `n`: `n % 5 + 1` samples, taken at `n` seconds, `bytes` long. */
export function raw(n: number, bytes = 40): RecordInput {
  return { type: 'raw', samples: (n % 5) + 1, oldestMs: n * 1000, newestMs: n * 1000, body: body(n, bytes) };
}

export function body(n: number, bytes = 40): Buffer {
  return Buffer.alloc(bytes, `<${n}>`);
}

export function column(n: number, of: Image, positions = of.runs.at(-1)!.base + of.runs.at(-1)!.count, bytes = 40): RecordInput {
  return { type: 'samples', image: of, positions, samples: positions, timestampMs: n * 1000, oldestMs: n * 1000, newestMs: n * 1000, column: body(n, bytes) };
}

/** All unsettled records, read in small steps as a sender would. */
export async function readAll(stream: Stream, limits: { samples: number; bytes: number } = ALL): Promise<QueuedRecord[]> {
  const records: QueuedRecord[] = [];
  for (;;) {
    const some = await stream.read(records.at(-1)?.sequence ?? 0, limits);
    if (some.length === 0) return records;
    records.push(...some);
  }
}

/** What is missing to the identity; 0 when it holds. */
export function imbalance(state: StreamState): number {
  const { appended, acknowledged, lost, pending } = state.counters;
  return appended - acknowledged - Object.values(lost).reduce((a, b) => a + b, 0) - pending;
}

export const sequences = (records: readonly { sequence: number }[]) => records.map((r) => r.sequence);
export const segmentsOf = (disk: { files: Map<string, Buffer> }) => [...disk.files.keys()].filter((f) => f.endsWith('.seg')).sort();

/** Appends raw records `from` to `to`, each in a turn of its own. */
export async function fill(stream: Stream, from: number, to: number, bytes = 40): Promise<void> {
  for (let n = from; n <= to; n++) {
    stream.append([raw(n, bytes)]);
    await written();
  }
}
