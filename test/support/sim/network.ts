// The network of a simulation: names that lead to addresses, receivers at addresses, and one link with weather. A request takes the time of
// its bytes and of the way; it may be lost, refused, cut off before or after the receiver has kept it, or never be answered.

import type { HttpClientSettings } from '../../../src/io/http/config.ts';
import { DEADLINE_TEXT, HttpError } from '../../../src/io/http/error.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../../src/io/http/types.ts';
import type { Random } from '../../../src/io/random.ts';
import type { Oracle, OracleAnswer } from '../oracle/oracle.ts';
import { type Life, START_MS } from './life.ts';
import type { Timeline } from './timeline.ts';

/** What the link is like. `refuses`: nobody listens; `swallows`: packets vanish, as on a dead line; `unnamed`: names cannot be resolved. */
export interface Weather {
  readonly state: 'up' | 'refuses' | 'swallows' | 'unnamed';
  /** One way, milliseconds. */
  readonly latencyMs: number;
  /** Of both directions; Infinity for no limit. */
  readonly bytesPerSecond: number;
  /** Share of the requests that break before, and after the receiver has kept them. */
  readonly breaksBefore: number;
  readonly breaksAfter: number;
  /** Share of the answers that never come. */
  readonly hangs: number;
}

export const fairWeather: Weather = { state: 'up', latencyMs: 5, bytesPerSecond: Infinity, breaksBefore: 0, breaksAfter: 0, hangs: 0 };

/** What receives at an address. */
export interface Site {
  readonly oracle: Oracle;
  /** Called for each request that reached the oracle, with the number of the life that sent it. Gives what is to happen when the answer arrives. */
  readonly received: (request: ReceivedRequest, answer: OracleAnswer) => () => void;
}

export interface ReceivedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly life: number;
  readonly atMs: number;
  /** When the process began it. */
  readonly begunMs: number;
}

/** How long a name holds for a connection: it is resolved again when the connection failed. */
interface Connection {
  address: string | undefined;
}

export class SimulatedNetwork {
  weather: Weather = fairWeather;
  /** Host name to address. */
  readonly names = new Map<string, string>();
  readonly sites = new Map<string, Site>();
  requests = 0;
  /** Bytes of bodies that were sent, and that reached a receiver. */
  sentBytes = 0;
  readonly #timeline: Timeline;
  readonly #random: Random;
  #linkFreeAtMs = 0;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  client(life: Life, lifeNumber: number, settings: HttpClientSettings): HttpClient {
    const connection: Connection = { address: undefined };
    return {
      request: (request) => this.#request(life, lifeNumber, connection, withCredentials(request, settings)),
      prepare: (url) => ({ url }),
      stream: () => ({ abort: () => undefined }),
      close: async () => undefined,
    };
  }

  #request(life: Life, lifeNumber: number, connection: Connection, request: HttpRequest): Promise<HttpResponse> {
    if (life.isDead) return new Promise(() => undefined);
    const isLast = life.step(`request to ${request.url}`);
    // A packet that has left the machine arrives, whatever becomes of the machine.
    if (isLast && this.#random.next() < 0.5) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(this.#timeline, life, request, { resolve, reject });
      this.#begin(exchange, connection, lifeNumber);
    });
  }

  #begin(exchange: Exchange, connection: Connection, lifeNumber: number): void {
    this.requests++;
    const { weather } = this;
    const { request } = exchange;
    const fail = (error: HttpError, afterMs: number) => {
      connection.address = undefined;
      exchange.after(afterMs, () => exchange.fail(error));
    };
    const host = new URL(request.url).hostname;
    const address = connection.address ?? (weather.state === 'unnamed' ? undefined : this.names.get(host));
    if (address === undefined) return fail(new HttpError('dns', `dial tcp: lookup ${host}: no such host`, { sent: false }), weather.latencyMs);
    exchange.onTimeout = () => (connection.address = undefined);
    // On a line that is dead from the beginning no connection comes about.
    exchange.isConnected = connection.address !== undefined || weather.state !== 'swallows';
    if (weather.state === 'swallows') return;
    if (weather.state === 'refuses' || !this.sites.has(address)) {
      return fail(new HttpError('refused', `dial tcp ${address}: connect: connection refused`, { sent: false }), weather.latencyMs);
    }
    connection.address = address;
    const broken = () => fail(new HttpError('connection', 'read: connection reset by peer'), 0);
    if (this.#random.next() < weather.breaksBefore) return exchange.after(this.#transferMs(exchange, 0.5), broken);
    this.#timeline.after(this.#transferMs(exchange, 1), () => {
      if (exchange.isAborted) return;
      if (this.weather.state !== 'up') return;
      this.#deliver(exchange, address, lifeNumber, broken);
    });
  }

  /** The time that a share of the body takes on the link, which others may be using. */
  #transferMs({ request }: Exchange, share: number): number {
    const bytes = (request.body?.length ?? 0) * share;
    const { latencyMs, bytesPerSecond } = this.weather;
    this.sentBytes += bytes;
    const startMs = Math.max(this.#timeline.nowMs, this.#linkFreeAtMs);
    this.#linkFreeAtMs = startMs + (bytesPerSecond === Infinity ? 0 : (bytes / bytesPerSecond) * 1000);
    return this.#linkFreeAtMs - this.#timeline.nowMs + latencyMs;
  }

  #deliver(exchange: Exchange, address: string, life: number, broken: () => void): void {
    const site = this.sites.get(address);
    if (site === undefined) return broken();
    const { request } = exchange;
    const { weather } = this;
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]));
    const received = { url: request.url, headers, body: request.body ?? new Uint8Array(), life, atMs: this.#timeline.nowMs, begunMs: exchange.begunMs };
    const answer = site.oracle.receive({ headers, body: received.body, nowMs: START_MS + received.atMs });
    const answered = site.received(received, answer);
    if (answer.action !== 'answer' || this.#random.next() < weather.breaksAfter) return broken();
    if (this.#random.next() < weather.hangs) return;
    exchange.after(answer.delayMs + weather.latencyMs, () => {
      if (this.weather.state !== 'up') return;
      exchange.succeed(responseOf(answer), answered);
    });
  }
}

interface Ends {
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (error: unknown) => void;
}

/** One request under way, for the process that waits for its end. */
class Exchange {
  readonly request: HttpRequest;
  isAborted = false;
  onTimeout: () => void = () => undefined;
  readonly #timeline: Timeline;
  readonly #life: Life;
  readonly #ends: Ends;
  readonly #timers: { cancel(): void }[] = [];
  #isOver = false;

  isConnected = true;
  readonly begunMs: number;

  constructor(timeline: Timeline, life: Life, request: HttpRequest, ends: Ends) {
    this.request = request;
    this.begunMs = timeline.nowMs;
    this.#timeline = timeline;
    this.#life = life;
    this.#ends = ends;
    this.after(request.timeoutMs, () => {
      this.onTimeout();
      this.fail(new HttpError('timeout', DEADLINE_TEXT, { sent: this.isConnected }));
    });
    request.signal?.addEventListener('abort', this.#abort);
  }

  after(delayMs: number, callback: () => void): void {
    this.#timers.push(this.#timeline.after(delayMs, callback));
  }

  succeed(response: HttpResponse, answered: () => void): void {
    if (!this.#end()) return;
    answered();
    this.#ends.resolve(response);
  }

  fail(error: HttpError): void {
    if (this.#end()) this.#ends.reject(error);
  }

  readonly #abort = (): void => {
    this.isAborted = true;
    this.fail(new HttpError('connection', 'context canceled'));
  };

  /** True once, and only while the process lives. */
  #end(): boolean {
    if (this.#isOver || this.#life.isDead) return false;
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.request.signal?.removeEventListener('abort', this.#abort);
    return true;
  }
}

function withCredentials(request: HttpRequest, { authorization }: HttpClientSettings): HttpRequest {
  if (authorization === undefined) return request;
  return { ...request, headers: { ...request.headers, Authorization: `${authorization.type} ${authorization.credentials?.reveal() ?? ''}` } };
}

function responseOf({ status, headers, body }: OracleAnswer): HttpResponse {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { status, statusText: '', headers: lower, body: Buffer.from(body), truncated: false };
}
