// The target of all recorded cases: every case has its path, its pages are answered in order, the last one repeats.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** One answer; the keys are those of the recorded cases. */
export interface CasePage {
  /** May hold `<T+n>` (milliseconds) and `<S+n>` (seconds): the case's base plus n milliseconds. */
  readonly body?: string;
  /** Content-Type; absent: the text format, null: no header. */
  readonly ct?: string | null;
  readonly status?: number;
  readonly gz?: boolean;
  /** Says this Content-Encoding, the body stays as it is. */
  readonly enc?: string;
  /** Sends so many bytes of the body, then closes. */
  readonly cut?: number;
  /** Closes without an answer. */
  readonly reset?: boolean;
  /** 302 to the path with `/r`, which serves the page. */
  readonly redirect?: boolean;
}

export interface CasePages {
  readonly port: number;
  /** Milliseconds that `<T+0>` stands for on this path; undefined while nothing was served there. */
  baseMs(path: string): number | undefined;
  /** Whether anybody asked for this path. */
  isAsked(path: string): boolean;
  stop(): Promise<void>;
}

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
/** Base of a case: this much after its first page, milliseconds, so that own timestamps differ from those of scrapes. */
const BASE_AFTER_MS = 37;
const REDIRECTED = '/r';

interface CaseState {
  readonly pages: readonly CasePage[];
  isAsked: boolean;
  served: number;
  baseMs: number | undefined;
}

/** Serves `pages` by path on a free port. */
export async function startCasePages(pages: ReadonlyMap<string, readonly CasePage[]>): Promise<CasePages> {
  const states = new Map<string, CaseState>();
  for (const [path, list] of pages) states.set(path, { pages: list, isAsked: false, served: 0, baseMs: undefined });
  const server = createServer((request, response) => answer(states, request, response));
  // Idle connections stay open: only the cases decide when one is closed.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    baseMs: (path) => states.get(path)?.baseMs,
    isAsked: (path) => states.get(path)?.isAsked ?? false,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(states: ReadonlyMap<string, CaseState>, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '').replace(/\?.*/s, '');
  const isRedirected = path.endsWith(REDIRECTED);
  const state = states.get(isRedirected ? path.slice(0, -REDIRECTED.length) : path);
  if (state === undefined) return void response.writeHead(404).end();
  state.isAsked = true;
  const page = state.pages[Math.min(state.served, state.pages.length - 1)]!;
  if (page.redirect === true && !isRedirected) return void response.writeHead(302, { location: path + REDIRECTED }).end();
  state.served++;
  state.baseMs ??= Date.now() + BASE_AFTER_MS;
  if (page.reset === true) return void request.socket.destroy();
  send(page, fill(page.body ?? '', state.baseMs), response);
}

function fill(body: string, baseMs: number): string {
  return body
    .replace(/<T([+-]\d+)>/g, (_, offset: string) => String(baseMs + Number(offset)))
    .replace(/<S([+-]\d+)>/g, (_, offset: string) => ((baseMs + Number(offset)) / 1000).toFixed(3));
}

function send(page: CasePage, text: string, response: ServerResponse): void {
  const body = page.gz === true ? gzipSync(text) : Buffer.from(text);
  const encoding = page.gz === true ? 'gzip' : page.enc;
  if (page.ct !== null) response.setHeader('Content-Type', page.ct ?? TEXT);
  if (encoding !== undefined) response.setHeader('Content-Encoding', encoding);
  response.setHeader('Content-Length', body.length);
  response.writeHead(page.status ?? 200);
  if (page.cut === undefined) return void response.end(body);
  response.write(body.subarray(0, page.cut), () => response.destroy());
}
