// Takes remote write requests in zstd, answers 204 and notes for every sample how old it was when its request was complete. Expanding and reading
// happen after the answer, so that the sender does not wait for them.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readVarint } from '../../../src/wire/labels.ts';
import { initZstd, zstdDecompress } from '../../../src/wire/zstd.ts';
import { zstdContentBytes } from '../../support/zstd-frame.ts';

/** Ages are counted in steps of this many milliseconds. */
const STEP_MS = 10;
/** Tags of WriteRequest.timeseries, TimeSeries.samples and Sample.timestamp. Source: prometheus remote.proto and types.proto. */
const TIMESERIES = 0x0a;
const SAMPLES = 0x12;
const TIMESTAMP = 0x10;

export interface TimingCount {
  readonly bytes: number;
  readonly requests: number;
  readonly samples: number;
  /** Milliseconds since the last question, at the median, the 99th percentile and the oldest; 0 without samples. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Runs until the parent goes. Tells it the port, and on request what came; ages count from the last request on. */
export async function serveTimingSink(): Promise<void> {
  await initZstd();
  let bytes = 0;
  let requests = 0;
  let samples = 0;
  let ages = new Map<number, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const nowMs = Date.now();
      response.writeHead(204).end();
      const body = Buffer.concat(chunks);
      requests++;
      bytes += body.length;
      if (request.headers['content-encoding'] !== 'zstd') return;
      samples += noteAges(zstdDecompress(body, zstdContentBytes(body)), nowMs, ages);
    });
  });
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }));
  process.on('message', () => {
    process.send!({ bytes, requests, samples, p50Ms: quantile(ages, 0.5), p99Ms: quantile(ages, 0.99), maxMs: quantile(ages, 1) });
    ages = new Map();
  });
  process.on('disconnect', () => process.exit(0));
}

/** Adds the age of every sample of a write request; returns how many there are. */
function noteAges(request: Uint8Array, nowMs: number, ages: Map<number, number>): number {
  let samples = 0;
  for (const series of fields(request, 0, request.length, TIMESERIES)) {
    for (const sample of fields(request, series.start, series.end, SAMPLES)) {
      const step = Math.max(0, Math.ceil((nowMs - timestampOf(request, sample.start)) / STEP_MS));
      ages.set(step, (ages.get(step) ?? 0) + 1);
      samples++;
    }
  }
  return samples;
}

/** The length-delimited fields with a tag; a message here has no others before samples than length-delimited ones. */
function* fields(bytes: Uint8Array, from: number, end: number, tag: number): Generator<{ start: number; end: number }> {
  for (let at = from; at < end; ) {
    const isWanted = bytes[at] === tag;
    const { value, next } = readVarint(bytes, at + 1);
    at = next + value;
    if (isWanted) yield { start: next, end: at };
  }
}

/** A sample is its value (tag and 8 bytes), then its timestamp. */
function timestampOf(bytes: Uint8Array, start: number): number {
  if (bytes[start + 9] !== TIMESTAMP) throw new Error('a sample whose timestamp does not follow its value');
  return readVarint(bytes, start + 10).value;
}

function quantile(ages: ReadonlyMap<number, number>, share: number): number {
  const total = [...ages.values()].reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (const [step, count] of [...ages].sort((a, b) => a[0] - b[0])) {
    seen += count;
    if (seen >= total * share) return step * STEP_MS;
  }
  return 0;
}
