// The one HTTP client of the collector: scraping, HTTP discovery and sending use it, each with the settings of its section. It does what
// Prometheus' client does (see config.ts for the settings) over HTTP/1.1; HTTP/2 is not spoken, because undici 7 answers a GOAWAY of the
// server, which API servers send to spread load, by failing requests in flight.

import { createAuthenticator } from './auth.ts';
import type { HttpClientSettings } from './config.ts';
import { HttpError } from './error.ts';
import { Exchange } from './exchange.ts';
import { Hub } from './plan.ts';
import type { Plan } from './plan.ts';
import { createProxyChoice } from './proxy.ts';
import { createTlsSource } from './tls.ts';
import type { HttpClient, HttpClientOptions, HttpRequest, HttpResponse, PreparedGet, StreamFailure, StreamHandle, StreamHandler } from './types.ts';

export { HttpError } from './error.ts';
export type { HttpErrorClass } from './error.ts';
export type * from './types.ts';

export function createHttpClient(settings: HttpClientSettings, options: HttpClientOptions): HttpClient {
  const children: HttpClient[] = [];
  const createClient = (childSettings: HttpClientSettings) => {
    const child = createHttpClient(childSettings, options);
    children.push(child);
    return child;
  };
  const hub = new Hub({
    settings,
    options,
    authenticator: createAuthenticator(settings, { clock: options.clock, options, createClient }),
    tls: createTlsSource(settings.tls),
    chooseProxy: createProxyChoice(settings.proxy, options.environment ?? process.env),
  });
  return {
    request: (request) => exchangeOnce(hub, request),
    prepare: (url, headers) => prepareGet(hub, url, headers),
    stream: (get, timeoutMs, handler) => startStream(hub, get, timeoutMs, handler),
    async close() {
      hub.close();
      await Promise.all(children.map((child) => child.close()));
    },
  };
}

/** A PreparedGet of ours: the plan, or why there is none. */
interface PlannedGet extends PreparedGet {
  readonly plan: Plan | HttpError;
}

function prepareGet(hub: Hub, url: string, headers: Readonly<Record<string, string>>): PlannedGet {
  try {
    return { url, plan: hub.plan('GET', url, hub.openHeaders(headers), undefined) };
  } catch (error) {
    return { url, plan: error as HttpError };
  }
}

function startStream(hub: Hub, get: PreparedGet, timeoutMs: number, handler: StreamHandler): StreamHandle {
  const { plan } = get as PlannedGet;
  return plan instanceof Error ? failLater(plan, handler) : new Exchange(hub, plan, timeoutMs, handler);
}

function failLater(error: HttpError, handler: StreamHandler): StreamHandle {
  let reported = false;
  const report = (reason: HttpError) => {
    if (!reported) handler.onError(reason);
    reported = true;
  };
  queueMicrotask(() => report(error));
  return { abort: () => report(new HttpError('connection', 'context canceled')) };
}

function exchangeOnce(hub: Hub, request: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    if (request.signal?.aborted === true) return reject(new HttpError('connection', 'context canceled'));
    const plan = hub.plan(request.method, request.url, hub.openHeaders(request.headers), request.body);
    const onAbort = () => exchange.abort();
    const settle = () => request.signal?.removeEventListener('abort', onAbort);
    const collector = new Collector(request.maxBodyBytes, {
      headers: () => exchange.headerRecord(),
      resolve(response) {
        settle();
        resolve(response);
        if (response.truncated) exchange.abort();
      },
      reject(error) {
        settle();
        reject(error);
      },
    });
    const exchange = new Exchange(hub, plan, request.timeoutMs, collector);
    request.signal?.addEventListener('abort', onAbort, { once: true });
  });
}

interface Outcome {
  headers(): Record<string, string>;
  resolve(response: HttpResponse): void;
  reject(error: StreamFailure): void;
}

/** Keeps an answer of bounded size. */
class Collector implements StreamHandler {
  readonly #maxBytes: number;
  readonly #outcome: Outcome;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #statusText = '';

  constructor(maxBytes: number, outcome: Outcome) {
    this.#maxBytes = maxBytes;
    this.#outcome = outcome;
  }

  onHeaders(status: number, statusText: string): void {
    this.#status = status;
    this.#statusText = statusText;
  }

  onData(chunk: Buffer): void {
    const room = this.#maxBytes - this.#bytes;
    this.#bytes += chunk.length;
    // The chunk is only lent.
    this.#chunks.push(Buffer.from(chunk.length > room ? chunk.subarray(0, Math.max(room, 0)) : chunk));
    if (this.#bytes > this.#maxBytes) this.#settle(true);
  }

  onEnd(): void {
    this.#settle(false);
  }

  onError(error: StreamFailure): void {
    this.#outcome.reject(error);
  }

  #settle(truncated: boolean): void {
    const headers = this.#outcome.headers();
    this.#outcome.resolve({ status: this.#status, statusText: this.#statusText, headers, body: Buffer.concat(this.#chunks), truncated });
  }
}
