// An exporter whose pages are a function of the scrape number, counted per scraper and path, so that two scrapers see the same sequence
// whenever they come. A scraper is known by its User-Agent, so that both can run with the same configuration.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export type ScraperName = 'prometheus' | 'tributary';

/** One answer. A string is a page in the text format. */
export type Page =
  | string
  | {
      readonly body?: string;
      readonly status?: number;
      /** The Content-Type; `none` leaves it out. Default: text format 0.0.4. */
      readonly type?: string;
      readonly gzip?: boolean;
      readonly location?: string;
      /** Headers are sent and then nothing comes, or the connection is closed in the middle of the body. */
      readonly fault?: 'hang' | 'close';
    };

export interface SyntheticCase {
  /** The job's name and the path of its target. */
  readonly name: string;
  /** Further lines of the scrape_config, as YAML on one level. */
  readonly job?: readonly string[];
  /** The page of each scrape; the last one stays. */
  readonly pages: readonly Page[];
  /** Whether Prometheus 2.42 as a receiver refuses some of it: samples out of order, one time twice, names in UTF-8. */
  readonly isRefused?: boolean;
  /** Another target list than the exporter's own, as YAML. `ADDRESS` stands for the exporter. */
  readonly targets?: string;
}

export interface Exporter {
  readonly address: string;
  /** Scrapes of a path that a scraper has finished. */
  served(scraper: ScraperName, path: string): number;
  /** What was asked for and does not exist. */
  readonly strangers: readonly string[];
  stop(): Promise<void>;
}

const textType = 'text/plain; version=0.0.4; charset=utf-8';
export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** After so many scrapes of its target, service discovery of the path `/discovery/<case>` has no target any more. */
const discoveredScrapes = 4;

/**
 * Starts it. In bodies `{t+N}` becomes the time `baseMs` + N ms in milliseconds, `{s+N}` the same in seconds. Paths: `/<case>` a page, `/discovery/<case>`
 * an HTTP service discovery whose target vanishes after its fourth scrape.
 */
export async function startSynthetic(cases: readonly SyntheticCase[], baseMs: number): Promise<Exporter> {
  const byName = new Map(cases.map((one) => [one.name, one]));
  const counts = new Map<string, number>();
  const served = new Map<string, number>();
  const strangers: string[] = [];
  let address = '';

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const scraper = scraperOf(request);
    const path = (request.url ?? '').split('?')[0]!;
    const key = `${scraper} ${path}`;
    if (path.startsWith('/discovery/')) {
      const target = path.slice('/discovery'.length);
      const isGone = (served.get(`${scraper} ${target}`) ?? 0) >= discoveredScrapes;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(isGone ? [] : [{ targets: [address], labels: { found: 'yes' } }]));
      return;
    }
    const found = byName.get(path.split('/')[1]!);
    if (found === undefined) {
      strangers.push(`${scraper} ${request.url}`);
      response.writeHead(404).end();
      return;
    }
    const number = counts.get(key) ?? 0;
    counts.set(key, number + 1);
    response.on('close', () => served.set(key, (served.get(key) ?? 0) + 1));
    answer(response, found.pages[Math.min(number, found.pages.length - 1)]!, baseMs);
  };

  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    served: (scraper, path) => served.get(`${scraper} ${path}`) ?? 0,
    strangers,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function scraperOf(request: IncomingMessage): ScraperName {
  return request.headers['user-agent']?.startsWith('Tributary/') === true ? 'tributary' : 'prometheus';
}

function answer(response: ServerResponse, page: Page, baseMs: number): void {
  const { body = '', status = 200, type = textType, gzip = false, location, fault } = typeof page === 'string' ? { body: page } : page;
  const text = body
    .replace(/\{t\+(\d+)\}/g, (_, ms: string) => String(baseMs + Number(ms)))
    .replace(/\{s\+(\d+)\}/g, (_, ms: string) => String((baseMs + Number(ms)) / 1000));
  response.statusCode = status;
  if (type !== 'none') response.setHeader('content-type', type);
  if (location !== undefined) response.setHeader('location', location);
  if (gzip) response.setHeader('content-encoding', 'gzip');
  if (fault !== undefined) response.setHeader('content-length', Buffer.byteLength(text) + 100);
  const bytes = gzip ? gzipSync(text) : Buffer.from(text);
  if (fault === undefined) return void response.end(bytes);
  response.write(bytes, () => (fault === 'close' ? response.destroy() : undefined));
}
