// Serves synthetic pages to every contender alike: /kube/<n>, /cadvisor/<n>, /node/<n>. A few distinct pages of each kind are rendered
// anew every interval (values change, with churn also series); targets of a kind share them. Counts what it served.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cadvisorPage, kubeStatePage, nodeExporterPage } from '../pages.ts';
import type { Page } from '../pages.ts';

export interface PageServerOptions {
  readonly intervalMs: number;
  readonly churnPercent: number;
  /** Distinct pages per kind; a kind without targets is not made. */
  readonly distinct: { readonly kube: number; readonly cadvisor: number; readonly node: number };
}

/** Series of one page of each kind. */
export const KUBE_SERIES = 25_000;
export const CADVISOR_SERIES = 10_004;

interface Served {
  readonly page: Page;
  body: Buffer;
}

/** Runs until the parent goes. Tells it the port, and on request what was served so far; after `{stop: true}` it serves nothing more. */
export function servePages(options: PageServerOptions): void {
  const churn = { churnPercent: options.churnPercent };
  const make = (count: number, page: (seed: number) => Page): Served[] =>
    Array.from({ length: count }, (_, i) => {
      const made = page(1000 + i);
      return { page: made, body: made.render() };
    });
  const kinds: Record<string, Served[]> = {
    kube: make(options.distinct.kube, (seed) => kubeStatePage(KUBE_SERIES, seed, churn)),
    cadvisor: make(options.distinct.cadvisor, (seed) => cadvisorPage(CADVISOR_SERIES, seed, churn)),
    node: make(options.distinct.node, (seed) => nodeExporterPage(seed, churn)),
  };
  renderInTurns(Object.values(kinds).flat(), options.intervalMs);
  let samples = 0;
  let pages = 0;
  let isStopped = false;
  const server = createServer((request, response) => {
    const [, kind = '', index = '0'] = (request.url ?? '').split('/');
    const pagesOfKind = kinds[kind];
    const served = pagesOfKind?.[Number(index) % pagesOfKind.length];
    if (isStopped) return void response.writeHead(503).end();
    if (served === undefined) return void response.writeHead(404).end();
    samples += served.page.seriesCount;
    pages++;
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8', 'Content-Length': served.body.length });
    response.end(served.body);
  });
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }));
  process.on('message', (message: { stop?: boolean }) => {
    isStopped = message.stop ?? isStopped;
    process.send!({ samples, pages });
  });
  process.on('disconnect', () => process.exit(0));
}

/** Every page once per interval, spread over it, so that rendering never holds up serving for long. */
function renderInTurns(all: readonly Served[], intervalMs: number): void {
  let next = 0;
  setInterval(() => {
    const served = all[next++ % all.length]!;
    served.body = served.page.render();
  }, intervalMs / all.length);
}
