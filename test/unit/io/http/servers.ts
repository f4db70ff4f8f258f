// Servers of the HTTP client's tests: real ones on the loopback, on free ports, closed after each test.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { createHttpClient } from '../../../../src/io/http/client.ts';
import type { HttpClient, HttpClientOptions, HttpError, HttpResponse } from '../../../../src/io/http/client.ts';
import { defaultHttpClientSettings } from '../../../../src/io/http/config.ts';
import type { HttpClientSettings } from '../../../../src/io/http/config.ts';
import { systemClock } from '../../../../src/io/clock.ts';

const cleanups: (() => unknown)[] = [];

export async function closeAll(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

export function onClose(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

export const pem = (name: string) => readFileSync(new URL(`../../../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
export const pemPath = (name: string) => new URL(`../../../fixtures/tls/${name}.pem`, import.meta.url).pathname;

async function listen(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  onClose(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

export const serve = (listener: Listener, host?: string, port?: number) =>
  listen(createServer({ keepAliveTimeout: 60_000 }, (q, r) => void listener(q, r)), host, port);
export const serveTls = (options: TlsOptions, listener: Listener) =>
  listen(createSecureServer({ cert: pem('server'), key: pem('server-key'), ...options }, (q, r) => void listener(q, r)));
export const serveTcp = (onSocket: (socket: Socket) => void) => listen(createTcpServer(onSocket));

/** A port on which nobody listens. */
export async function unusedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part)).on('end', () => resolve(text));
  });
}

export function client(settings: Partial<HttpClientSettings> = {}, options: Partial<HttpClientOptions> = {}): HttpClient {
  const made = createHttpClient({ ...defaultHttpClientSettings, ...settings }, { clock: systemClock, userAgent: 'Test/1', environment: {}, ...options });
  onClose(() => made.close());
  return made;
}

export function get(from: HttpClient, url: string, headers: Record<string, string> = {}): Promise<HttpResponse> {
  return from.request({ method: 'GET', url, headers, timeoutMs: 10_000, maxBodyBytes: 1_000_000 });
}

export interface Streamed {
  status?: number;
  statusText?: string;
  body: string;
  calls: string[];
  error?: HttpError;
  header?: string | undefined;
}

/** Streams a GET to its end and tells what the handler saw. */
export function stream(from: HttpClient, url: string, options: { timeoutMs?: number; onHeaders?: () => void; onData?: () => void; onEnd?: () => void } = {}): Promise<Streamed> {
  const seen: Streamed = { body: '', calls: [] };
  return new Promise((resolve) => {
    from.stream(from.prepare(url, { Accept: 'text/plain' }), options.timeoutMs ?? 10_000, {
      onHeaders(status, statusText, header) {
        Object.assign(seen, { status, statusText, header: header('content-type') });
        seen.calls.push('headers');
        options.onHeaders?.();
      },
      onData(chunk) {
        seen.body += chunk.toString();
        options.onData?.();
      },
      onEnd() {
        seen.calls.push('end');
        options.onEnd?.();
        resolve(seen);
      },
      onError(error) {
        seen.calls.push('error');
        resolve({ ...seen, error: error as HttpError });
      },
    });
  });
}
