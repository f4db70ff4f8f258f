// The contract of the HTTP client: what senders, discovery and the scrape loop see of it. `createHttpClient` in client.ts builds one from
// settings; one client serves one section of the configuration and all its URLs.

import type { LookupAddress } from 'node:dns';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import type { HttpError } from './error.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Covers everything from the first token request to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Bytes of the answer's body that are kept; what is beyond is not read, and `truncated` says so. */
  readonly maxBodyBytes: number;
}

export interface HttpResponse {
  readonly status: number;
  /** As the server sent it, often empty. */
  readonly statusText: string;
  /** Names in lower case; repeated headers are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly truncated: boolean;
}

/** A GET whose URL, route and headers were worked out once, for use by many `stream` calls, also at the same time. Holds no resource. */
export interface PreparedGet {
  readonly url: string;
}

/** What a stream ended with: an HttpError, or unchanged what a method of the handler threw. */
export type StreamFailure = Error & { readonly class?: string };

/**
 * Receives one answer: `onHeaders` once, `onData` for each piece of the body as it arrives, and at the very end exactly one of `onEnd` and
 * `onError`. A chunk is a view into the read buffer and is overwritten after the call. A method may throw: the request is aborted and
 * `onError` receives what was thrown. None of them is called before `stream` has returned.
 */
export interface StreamHandler {
  /** `header` takes a name in lower case and gives the first value; valid until the stream ends. */
  onHeaders(status: number, statusText: string, header: (name: string) => string | undefined): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onError(error: StreamFailure): void;
}

export interface StreamHandle {
  /** Ends the request; `onError` is called at once with `context canceled`. Without effect after the end. */
  abort(): void;
}

export interface HttpClient {
  /** Resolves with any complete answer, whatever its status; rejects with an HttpError. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Never throws: what is wrong with the URL is reported by each `stream`. */
  prepare(url: string, headers: Readonly<Record<string, string>>): PreparedGet;
  stream(get: PreparedGet, timeoutMs: number, handler: StreamHandler): StreamHandle;
  /** Closes idle connections now and busy ones after their request; requests that come later open new ones, each for itself. */
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly clock: Clock;
  /** `User-Agent` of every request that brings none of its own. */
  readonly userAgent: string;
  /** Idle connections kept per host, default 1000 as Prometheus. How many are open at once is up to the callers. */
  readonly connections?: number;
  /** An idle connection is closed after this long, default 5 minutes as Prometheus; a shorter `Keep-Alive` of the server wins. */
  readonly keepAliveMs?: number;
  /**
   * For clients that follow a host from address to address: a connection older than this serves no new request (milliseconds, 0 = any age), and a
   * request that fails on the way closes the idle connections of its host, so that its name is resolved anew. Absent, neither happens.
   */
  readonly connectionMaxAgeMs?: number;
  /** Each new connection goes first to a random one of the host's addresses (`round_robin_dns`). */
  readonly roundRobinDns?: Random;
  /** How names become addresses, the system's resolver by default; asked for each new connection. */
  readonly lookup?: Lookup;
  /**
   * For destinations that others name: asked for every address that a connection would go to, after its name was resolved, so that a name cannot change
   * its mind between a check and the connection. What it returns is why the address is not connected to. Redirects pass here as well.
   */
  readonly refuseAddress?: RefuseAddress;
  /** Where `proxy_from_environment` and AWS credentials look; `process.env` by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** As `dns.lookup` with `all`: the addresses in order of preference. Calls back once. */
export type Lookup = (hostname: string, options: { readonly all: true }, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/** Why `address`, which `hostname` has led to, must not be connected to; undefined where it may. */
export type RefuseAddress = (hostname: string, address: string) => string | undefined;

export type { HttpError };
