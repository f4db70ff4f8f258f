// HTTP in front of the oracle, with real time. Listens on 127.0.0.1 only; every path works.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { initZstd } from '../../../src/wire/zstd.ts';
import { createOracle, type Oracle, type OracleAnswer, type OracleOptions } from './oracle.ts';

export interface OracleServerOptions extends OracleOptions {
  /** 0, the default, takes a free port. */
  readonly port?: number;
  /** `127.0.0.1` by default; another address of the loopback for cases where an address changes. */
  readonly host?: string;
  /** Takes the body not faster than this: a receiver that reads slowly. */
  readonly readBytesPerSecond?: number;
  /** Goes on with an oracle that exists: the same storage at another address. */
  readonly oracle?: Oracle;
}

export interface OracleServer {
  /** `http://127.0.0.1:<port>/api/v1/write`. */
  readonly url: string;
  readonly port: number;
  readonly oracle: Oracle;
  /** Resolves once `condition` holds; it is looked at after every request. Rejects after `timeoutMs` (default 20 s). */
  until(condition: () => boolean, timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startOracle(options: OracleServerOptions = {}): Promise<OracleServer> {
  await initZstd();
  const { port = 0, host = '127.0.0.1', readBytesPerSecond, oracle = createOracle(options) } = options;
  const watchers = new Set<() => void>();
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readBody(request, readBytesPerSecond);
    const answer = oracle.receive({ headers: headersOf(request), body, nowMs: Date.now() });
    for (const watch of watchers) watch();
    await reply(request, response, answer);
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host}:${bound}/api/v1/write`,
    port: bound,
    oracle,
    until: (condition, timeoutMs = 20_000) => waitFor(condition, watchers, timeoutMs, () => `${oracle.log.length} requests, ${oracle.sampleCount()} samples kept`),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]));
}

async function readBody(request: IncomingMessage, bytesPerSecond: number | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    if (bytesPerSecond !== undefined) await pause(((chunk as Buffer).length / bytesPerSecond) * 1000);
  }
  return Buffer.concat(chunks);
}

async function reply(request: IncomingMessage, response: ServerResponse, answer: OracleAnswer): Promise<void> {
  if (answer.delayMs > 0) await pause(answer.delayMs);
  if (answer.action !== 'answer') return void request.socket.resetAndDestroy();
  // The Date header is the oracle's.
  response.sendDate = false;
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function waitFor(condition: () => boolean, watchers: Set<() => void>, timeoutMs: number, progress: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      watchers.delete(check);
      reject(new Error(`oracle: the condition did not come true within ${timeoutMs} ms; so far ${progress()}`));
    }, timeoutMs);
    const check = () => {
      if (!condition()) return;
      clearTimeout(timer);
      watchers.delete(check);
      resolve();
    };
    watchers.add(check);
    check();
  });
}
