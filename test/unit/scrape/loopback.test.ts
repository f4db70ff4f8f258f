// The stage with the real clock and the real HTTP client against a server on the loopback.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/io/clock.ts';
import { systemDisk } from '../../../src/io/disk.ts';
import { createHttpClient } from '../../../src/io/http/client.ts';
import type { ScrapeSettings } from '../../../src/scrape/config.ts';
import { createScraper } from '../../../src/scrape/scraper.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { FakeSeries } from './support/fakes.ts';
import { discoveryOf, group, job } from './support/job.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

async function scrapeWith(answer: Answer, changes: Partial<ScrapeSettings> = {}) {
  const server: Server = createServer((request, response) => answer(response, request));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const series: FakeSeries[] = [];
  const scraper = createScraper({
    clock: systemClock, disk: systemDisk, logger: silentLogger, metrics: createMetrics(), userAgent: 'Tributary/test', seedText: '', createHttpClient,
    openSeries(target, settings) {
      series.push(new FakeSeries(target, settings));
      return series.at(-1)!;
    },
  });
  cleanups.push(() => scraper.stop(), () => {
    server.closeAllConnections();
    server.close();
  });
  scraper.apply([job({ scrapeIntervalMs: 200, scrapeTimeoutMs: 200, ...changes })]);
  const discover = discoveryOf(scraper);
  discover([group([address])]);
  const commits = async (count: number) => {
    await expect.poll(() => series[0]!.commits.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
    return series[0]!.commits;
  };
  return { address, commits, scraper, discover };
}

const text = { 'Content-Type': 'text/plain; version=0.0.4' };

describe('against a real server', () => {
  test('pages arrive over one connection, with the headers of Prometheus', async () => {
    const sockets = new Set<unknown>();
    const headers: IncomingMessage['headers'][] = [];
    const { commits } = await scrapeWith((response, request) => {
      sockets.add(request.socket);
      headers.push(request.headers);
      response.writeHead(200, text).end('a 1\n');
    });
    const seen = await commits(4);
    expect(seen.every((commit) => commit.error === undefined && commit.page[0] === 'a 1')).toBe(true);
    expect(sockets.size).toBe(1);
    expect(headers[0]).toMatchObject({ 'user-agent': 'Tributary/test', 'accept-encoding': 'gzip', 'x-prometheus-scrape-timeout-seconds': '0.2' });
  });
  test('gzip', async () => {
    const body = gzipSync('a 1\nb 2\n');
    const { commits } = await scrapeWith((response) => response.writeHead(200, { ...text, 'Content-Encoding': 'gzip' }).end(body));
    expect((await commits(1))[0]).toMatchObject({ error: undefined, page: ['a 1', 'b 2'], bodyBytes: 8 });
  });
  test('a server error, with its text', async () => {
    const { commits } = await scrapeWith((response) => response.writeHead(500).end('no'));
    expect((await commits(2))[1]?.error).toMatchObject({ class: 'status', message: 'server returned HTTP status 500 Internal Server Error' });
  });
  test('a target that hangs fails once per interval', async () => {
    const { commits } = await scrapeWith(() => undefined);
    const seen = await commits(3);
    for (const commit of seen) expect(commit.error).toMatchObject({ class: 'timeout', message: expect.stringMatching(/context deadline exceeded$/) as string });
  });
  test('a body that is cut fails as a whole', async () => {
    const { commits } = await scrapeWith((response) => {
      response.writeHead(200, { ...text, 'Content-Length': '8' });
      response.write('a 1\n', () => response.destroy());
    });
    expect((await commits(1))[0]).toMatchObject({ error: { class: 'connection' }, bodyBytes: 0 });
  });
  test('nobody listens', async () => {
    const { commits, scraper, discover } = await scrapeWith((response) => response.end());
    discover([group(['127.0.0.1:1'])]);
    expect(await commits(1)).toBeDefined();
    await expect.poll(() => scraper.pools()[0]!.active.map((one) => one.errorClass), { timeout: 20_000 }).toEqual(['refused']);
  });
});
