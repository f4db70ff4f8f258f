// The storage at the far end of a thin link: answers 204 and notes for every request when its bytes came, and what of its samples was new. Decodes
// after the answer, so that the sender does not wait for it.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { snappyDecompress } from '../../../src/wire/snappy.ts';
import { initZstd, zstdDecompress } from '../../../src/wire/zstd.ts';
import { decodeFlat, FlatRequest, SeriesIds } from '../../support/oracle/flat-request.ts';
import { STALE_BITS } from '../../support/write-request.ts';
import { zstdContentBytes } from '../../support/zstd-frame.ts';

export interface LinkStorageOptions {
  readonly host: string;
  readonly intervalMs: number;
}

export interface LinkRequest {
  readonly endMs: number;
  readonly wireBytes: number;
  /** Bytes of the body by arrival, in slots of `SLOT_MS` since the epoch. */
  readonly arrivals: readonly (readonly [slot: number, bytes: number])[];
  readonly samples: number;
  /** Samples that had not come before, and the oldest of them. */
  readonly newSamples: number;
  readonly oldestNewMs: number | null;
  readonly newestMs: number | null;
}

export interface LinkStorageCount {
  /** Of bodies, those included that never became whole. */
  readonly arrivedBytes: number;
  /** Distinct samples that were scraped from pages: no health series, no staleness markers. */
  readonly pageSamples: number;
  readonly series: number;
  /** Distinct samples of every kind, and those that came again. */
  readonly distinctSamples: number;
  readonly repeatedSamples: number;
  /** When the last sample came that was new and older than `BACKLOG_AGE_MS`; 0 for never. */
  readonly lastBacklogMs: number;
  /** Only with `{report: true}`. */
  readonly requests?: readonly LinkRequest[];
}

export const SLOT_MS = 250;
/** An unsent sample of this age is backlog: live ones are a few seconds old at most. */
export const BACKLOG_AGE_MS = 5000;

/** Scrapes of a series that can be told apart, and those before the first one that came. */
const SCRAPES_MAX = 8192;
const SCRAPES_BEFORE = 512;

interface Seen {
  readonly isHealth: boolean;
  readonly firstMs: number;
  readonly scrapes: Uint8Array;
}

const HEALTH = /^(up|scrape_[a-z_]+)\{/;
const [STALE_HIGH, STALE_LOW] = [Number.parseInt(STALE_BITS.slice(0, 8), 16), Number.parseInt(STALE_BITS.slice(8), 16)];

/** Runs until the parent goes. `{refuse: true}` answers 503 from then on, `{report: true}` gives the requests. */
export async function serveLinkStorage({ host, intervalMs }: LinkStorageOptions): Promise<void> {
  await initZstd();
  const ids = new SeriesIds();
  const flat = new FlatRequest();
  const seen: Seen[] = [];
  const requests: LinkRequest[] = [];
  let arrivedBytes = 0;
  let pageSamples = 0;
  let distinctSamples = 0;
  let repeatedSamples = 0;
  let isRefusing = false;
  let lastBacklogMs = 0;

  /** Marks the scrape of a sample; false when it was there already. */
  const isNew = (series: number, timeMs: number): boolean => {
    const known = (seen[series] ??= { isHealth: HEALTH.test(ids.keys[series]!), firstMs: timeMs, scrapes: new Uint8Array(SCRAPES_MAX / 8) });
    const scrape = Math.round((timeMs - known.firstMs) / intervalMs) + SCRAPES_BEFORE;
    if (scrape < 0 || scrape >= SCRAPES_MAX) throw new Error(`${ids.keys[series]}: scrape ${scrape} is beyond what is told apart`);
    const mask = 1 << (scrape & 7);
    if ((known.scrapes[scrape >>> 3]! & mask) !== 0) return false;
    known.scrapes[scrape >>> 3]! |= mask;
    return true;
  };

  const note = (body: Buffer, headers: IncomingMessage['headers'], endMs: number, arrivals: LinkRequest['arrivals']) => {
    const isZstd = headers['content-encoding'] === 'zstd';
    decodeFlat(isZstd ? zstdDecompress(body, zstdContentBytes(body)) : snappyDecompress(body), '1.0', ids, flat);
    let newSamples = 0;
    let oldestNewMs = Infinity;
    let newestMs = -Infinity;
    for (let i = 0; i < flat.samples; i++) {
      const timeMs = flat.timesMs[i]!;
      newestMs = Math.max(newestMs, timeMs);
      if (!isNew(flat.series[i]!, timeMs)) continue;
      newSamples++;
      oldestNewMs = Math.min(oldestNewMs, timeMs);
      const isStale = flat.bits[2 * i] === STALE_LOW && flat.bits[2 * i + 1] === STALE_HIGH;
      if (!isStale && !seen[flat.series[i]!]!.isHealth) pageSamples++;
    }
    if (endMs - oldestNewMs > BACKLOG_AGE_MS) lastBacklogMs = endMs;
    distinctSamples += newSamples;
    repeatedSamples += flat.samples - newSamples;
    requests.push({ endMs, wireBytes: body.length, arrivals, samples: flat.samples, newSamples, oldestNewMs: finite(oldestNewMs), newestMs: finite(newestMs) });
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const arrivals: [number, number][] = [];
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      arrivedBytes += chunk.length;
      const slot = Math.floor(Date.now() / SLOT_MS);
      const last = arrivals.at(-1);
      if (last?.[0] === slot) last[1] += chunk.length;
      else arrivals.push([slot, chunk.length]);
    });
    request.on('error', () => undefined);
    request.on('end', () => {
      const endMs = Date.now();
      // A bench with a clock of its own must not learn the real one.
      response.sendDate = false;
      response.writeHead(isRefusing ? 503 : 204).end();
      if (isRefusing) return;
      setImmediate(() => note(Buffer.concat(chunks), request.headers, endMs, arrivals));
    });
  });
  server.keepAliveTimeout = 300_000;
  server.requestTimeout = 0;
  server.listen(0, host, () => process.send!({ port: (server.address() as AddressInfo).port }));
  process.on('message', (message: { report?: boolean; refuse?: boolean }) => {
    isRefusing = message.refuse ?? isRefusing;
    const count: LinkStorageCount = { arrivedBytes, pageSamples, distinctSamples, repeatedSamples, series: seen.length, lastBacklogMs };
    process.send!(message.report === true ? { ...count, requests } : count);
  });
  process.on('disconnect', () => process.exit(0));
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
