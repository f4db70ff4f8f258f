// The parts of the queue benchmark that need a disk and no pages: write amplification, the cost of an append, and a large queue that
// a fresh process opens and drains. `node <this bundle> --drain <path>` is that process.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '../../src/io/clock.ts';
import { systemDisk } from '../../src/io/disk.ts';
import { defaultQueueSettings } from '../../src/queue/config.ts';
import { nextImageId } from '../../src/queue/image-id.ts';
import { openQueue, type Queue, type SamplesInput, type Stream } from '../../src/queue/queue.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { initZstd } from '../../src/wire/zstd.ts';
import { catchRecords, largeMix, openInside } from './support/inside.ts';

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

export interface Measured {
  readonly figures: Record<string, number>;
  readonly bars: Bar[];
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const DRAIN_ARGUMENT = '--drain';
/** What the sender asks for at a time. */
const SENDER_BATCH = { samples: 4_000_000, bytes: 16 * MIB };

export const atMost = (name: string, value: number, limit: number): Bar => ({ name, value, limit, holds: value <= limit });

export function openAt(path: string): Promise<Queue> {
  const settings = { ...defaultQueueSettings, maxBytes: 1024 * GIB, freeSpaceFloor: { bytes: 0 } };
  return openQueue({ path, settings, disk: systemDisk, clock: systemClock, logger: silentLogger, metrics: createMetrics() });
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Bytes this process has handed to write calls, and those that reached the block device. Source: proc(5), /proc/pid/io. */
function writtenBytes(): { calls: number; device: number } {
  const text = readFileSync('/proc/self/io', 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { calls: field('wchar'), device: field('write_bytes') };
}

interface Fill {
  readonly payloadBytes: number;
  /** Bytes of one column, and columns per turn of the event loop. */
  readonly columnBytes: number;
  readonly sources: number;
}

/** Appends scrapes of `sources` images, all of them in each turn, until `payloadBytes` are in. Returns bytes of columns and images. */
async function fill(stream: Stream, { payloadBytes, columnBytes, sources }: Fill): Promise<{ payload: number; records: number; appendUs: number }> {
  const noise = Buffer.from(Array.from({ length: 4 * MIB }, (_, i) => Math.imul(i, 2654435761) >>> 24));
  const images = Array.from({ length: sources }, () => ({ id: nextImageId(), runs: [{ base: 0, count: 500, data: noise.subarray(0, 10_000), rawBytes: 60_000 }] }));
  let payload = sources * 10_000;
  let records = 0;
  const startedMs = process.cpuUsage();
  for (let scrape = 0; payload < payloadBytes; scrape++) {
    const timestampMs = 1_700_000_000_000 + scrape * 15_000;
    for (const image of images) {
      const from = (records * 997) % (noise.length - columnBytes);
      const column = noise.subarray(from, from + columnBytes);
      stream.append([{ type: 'samples', image, positions: 500, samples: 500, timestampMs, oldestMs: timestampMs, newestMs: timestampMs, column }]);
      payload += columnBytes;
      records++;
    }
    await turn();
  }
  const cpu = process.cpuUsage(startedMs);
  return { payload, records, appendUs: (cpu.user + cpu.system) / records };
}

/** 200 node exporters: columns of 1,350 bytes, fsync every second, an answer per scrape cycle. */
export async function measureWrites(): Promise<Measured> {
  const path = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const queue = await openAt(path);
  const before = writtenBytes();
  const { payload, records, appendUs } = await fill(queue.stream('a', { maxBytes: 100 * GIB }), { payloadBytes: 300 * MIB, columnBytes: 1350, sources: 200 });
  await queue.close();
  const after = writtenBytes();
  rmSync(path, { recursive: true, force: true });
  const calls = (after.calls - before.calls) / payload;
  const device = (after.device - before.device) / payload;
  return {
    figures: { write_amplification: calls, write_amplification_device: device, append_us_per_record: appendUs, append_records: records },
    bars: [atMost('write amplification', Math.max(calls, device), 1.1), atMost('append CPU per record, us', appendUs, 20)],
  };
}

/** Scrapes of the large mix that are read for real; the queue is filled with them again and again, at later and later times. */
const RECORDED_SCRAPES = 4;

/** Appends scrapes of the large mix, images included as the series stage makes them, until `bytes` are on disk. */
async function fillFromPages(stream: Stream, bytes: number): Promise<void> {
  await initZstd();
  const recorded: SamplesInput[] = [];
  const inside = openInside(largeMix, 2, catchRecords((record) => void recorded.push(record)));
  for (let i = 0; i < RECORDED_SCRAPES; i++) await inside.scrape(1_760_000_000_000 + i * 10_000);
  for (let round = 0; stream.state().diskBytes < bytes; round++) {
    const laterMs = round * RECORDED_SCRAPES * 10_000;
    for (const [i, record] of recorded.entries()) {
      const { timestampMs, oldestMs, newestMs } = record;
      stream.append([{ ...record, timestampMs: timestampMs + laterMs, oldestMs: oldestMs + laterMs, newestMs: newestMs + laterMs }]);
      if (i % inside.targets === inside.targets - 1) await turn();
    }
  }
}

/** A queue of `TRIBUTARY_BENCH_GIB` (default 10) opened and drained by a process of its own. */
export async function measureLargeQueue(): Promise<Measured> {
  const gib = Number(process.env['TRIBUTARY_BENCH_GIB'] ?? 10);
  const path = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  try {
    const queue = await openAt(path);
    await fillFromPages(queue.stream('a', { maxBytes: 1024 * GIB }), gib * GIB);
    await queue.close();
    const figures = JSON.parse(await runChild(path)) as Record<string, number>;
    return {
      figures: { gib, ...figures },
      bars: [
        atMost(`open ${gib} GiB, seconds`, figures['open_seconds']!, 1),
        atMost(`RSS after opening ${gib} GiB, MB`, figures['open_rss_mb']!, 150),
        atMost(`peak RSS while draining ${gib} GiB, MB`, figures['drain_peak_rss_mb']!, 400),
        atMost('records left after draining', figures['drain_left_records']!, 0),
      ],
    };
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function runChild(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bundlePath(), DRAIN_ARGUMENT, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`the draining process ended with code ${code}`))));
  });
}

/** This module is part of one bundle file, which is a program of its own when it is given the argument. */
const bundlePath = (): string => new URL(import.meta.url).pathname;

async function drain(path: string): Promise<void> {
  const startedMs = performance.now();
  const queue = await openAt(path);
  const stream = queue.stream('a', { maxBytes: 1024 * GIB });
  const openSeconds = (performance.now() - startedMs) / 1000;
  const openRssMb = process.memoryUsage().rss / 1e6;
  const drainStartedMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let records = 0;
  let samples = 0;
  let sequence = 0;
  for (;;) {
    const some = await stream.read(sequence, SENDER_BATCH);
    if (some.length === 0) break;
    records += some.length;
    for (const record of some) samples += record.samples;
    sequence = some.at(-1)!.sequence;
    stream.settle(some[0]!.sequence, sequence);
    await turn();
  }
  const cpu = process.cpuUsage(cpuBefore);
  const left = stream.state().pendingRecords;
  await queue.close();
  process.stdout.write(JSON.stringify({
    open_seconds: openSeconds,
    open_rss_mb: openRssMb,
    drain_seconds: (performance.now() - drainStartedMs) / 1000,
    drain_cpu_us_per_record: (cpu.user + cpu.system) / records,
    drain_records: records,
    drain_samples: samples,
    drain_left_records: left,
    drain_peak_rss_mb: (process.resourceUsage().maxRSS * 1024) / 1e6,
  }));
}

if (process.argv[2] === DRAIN_ARGUMENT) await drain(process.argv[3]!);
