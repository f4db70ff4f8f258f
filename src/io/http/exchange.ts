// One exchange: from a planned request to the last byte of its answer, over as many hops as it takes. A hop is followed by another one when
//   - the server redirects (301, 302, 303, 307, 308) and redirects are followed,
//   - the server answers 401 and other credentials can be had (once),
//   - a GET met a kept-alive connection that the server had just closed or reset, before any byte of an answer (once, as Go's client does).
// All of it happens under one deadline. The exchange is its own handler for undici and its own handle for the caller: one object per scrape.

import type { Timer } from '../clock.ts';
import { DEADLINE_TEXT, HttpError, connectionError, isPeerGone, withRequest } from './error.ts';
import type { Hub, Plan } from './plan.ts';
import type { Lane, LaneHandler } from './lane.ts';
import type { StreamFailure, StreamHandle, StreamHandler } from './types.ts';
import { isSameOrSubdomain, resolveLocation } from './url.ts';

/** Requests per exchange, the first included; Go's client stops at the same number. */
const REQUESTS_MAX = 10;
/** The body of a redirect is read to keep the connection; a longer one costs more than a new connection. */
const SKIPPED_BYTES_MAX = 64 * 1024;

export class Exchange implements LaneHandler, StreamHandle {
  readonly #hub: Hub;
  readonly #handler: StreamHandler;
  readonly #timeoutMs: number;
  readonly #timer: Timer;
  readonly #firstHost: string;
  #plan: Plan;
  #lane: Lane | undefined;
  #rawHeaders: Buffer[] = [];
  #requests = 0;
  #skippedBytes = 0;
  /** `stream` has not returned yet: the handler may not be called. */
  #starting = true;
  #done = false;
  /** The first byte of the current answer has come. */
  #started = false;
  /** The answer is the caller's. */
  #answering = false;
  /** The answer is read only to be followed by another hop. */
  #skipping = false;
  #retried = false;
  #renewed = false;
  /** Credentials may be sent: no hop has left the first host. */
  #trusted = true;

  constructor(hub: Hub, plan: Plan, timeoutMs: number, handler: StreamHandler) {
    this.#hub = hub;
    this.#plan = plan;
    this.#handler = handler;
    this.#timeoutMs = timeoutMs;
    this.#firstHost = plan.url.hostname.toLowerCase();
    this.#timer = hub.clock.after(timeoutMs, () => this.#failOnTheWay(new HttpError('timeout', DEADLINE_TEXT)));
    this.#send(false);
    this.#starting = false;
  }

  abort(): void {
    this.#fail(new HttpError('connection', 'context canceled'));
  }

  onConnect(): void {
    // A connection is ended by dropping its lane.
  }

  onResponseStarted(): void {
    this.#started = true;
  }

  onHeaders(status: number, rawHeaders: Buffer[], _resume: () => void, statusText: string): boolean {
    if (this.#done || status < 200) return true;
    this.#rawHeaders = rawHeaders;
    try {
      if (this.#isFollowed(status)) {
        this.#skipping = true;
        return true;
      }
    } catch (error) {
      this.#fail(error as HttpError);
      return true;
    }
    this.#answering = true;
    try {
      this.#handler.onHeaders(status, statusText, this.#header);
    } catch (error) {
      this.#finish(error as StreamFailure);
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#done) return true;
    if (this.#skipping) return this.#skip(chunk);
    try {
      this.#handler.onData(chunk);
    } catch (error) {
      this.#finish(error as StreamFailure);
    }
    return true;
  }

  onComplete(): void {
    if (this.#done) return;
    this.#leave(true);
    if (this.#skipping) return this.#sendLater(false);
    this.#finish(undefined);
  }

  onError(error: Error): void {
    if (this.#done || this.#lane === undefined) return;
    // What is only skipped need not end well; the next hop starts after the last event of this one.
    if (this.#skipping) {
      this.#leave(false);
      return this.#sendLater(false);
    }
    if (!this.#mayRepeat(error)) return this.#failOnTheWay(connectionError(error, this.#started));
    this.#leave(false);
    this.#retried = true;
    this.#sendLater(true);
  }

  #send(fresh: boolean): void {
    this.#started = false;
    this.#skipping = false;
    this.#skippedBytes = 0;
    this.#requests++;
    try {
      const headers = this.#hub.headersFor(this.#plan, this.#trusted, this.#timeoutMs);
      if (Array.isArray(headers)) return this.#dispatch(headers, fresh);
      headers.then((list) => this.#dispatch(list, fresh)).catch((error: unknown) => this.#fail(error as HttpError));
    } catch (error) {
      this.#fail(error as HttpError);
    }
  }

  /** The parser of the last connection is still on the stack; the next hop starts after it. */
  #sendLater(fresh: boolean): void {
    queueMicrotask(() => {
      if (!this.#done) this.#send(fresh);
    });
  }

  #dispatch(headers: string[], fresh: boolean): void {
    if (this.#done) return;
    const { method, path, body } = this.#plan;
    this.#lane = this.#hub.laneFor(this.#plan, fresh);
    this.#lane.dispatch({ method, path, headers, ...(body === undefined ? {} : { body }) }, this);
  }

  #mayRepeat(error: Error): boolean {
    const safe = this.#plan.method === 'GET' || this.#plan.method === 'HEAD';
    return safe && !this.#started && !this.#retried && this.#lane!.reused && isPeerGone(error);
  }

  /** Decides whether the answer leads to another hop, and plans it. Throws when it should but cannot. */
  #isFollowed(status: number): boolean {
    if (status === 401) return this.#renewCredentials();
    if (!this.#hub.followRedirects || !isRedirect(status)) return false;
    const location = this.#header('location');
    if (location === undefined || location === '') return false;
    if (this.#requests >= REQUESTS_MAX) throw new HttpError('connection', `stopped after ${REQUESTS_MAX} redirects`);
    this.#redirect(status, location);
    return true;
  }

  #renewCredentials(): boolean {
    if (this.#renewed || !this.#trusted || !this.#hub.authenticator.refused()) return false;
    this.#renewed = true;
    return true;
  }

  #redirect(status: number, location: string): void {
    const url = resolveLocation(location, this.#plan.written);
    if (url === undefined) throw new HttpError('connection', `failed to parse Location header "${location}"`);
    const { method, openHeaders, body } = this.#plan;
    const keepsMethod = status === 307 || status === 308 || method === 'GET' || method === 'HEAD';
    const headers = keepsMethod ? openHeaders : without(openHeaders, /^content-/i);
    const next = this.#hub.plan(keepsMethod ? method : 'GET', url, headers, keepsMethod ? body : undefined);
    // Once a hop has left the first host, credentials are gone for the rest of the chain, even if it comes back.
    this.#trusted &&= isSameOrSubdomain(next.url.hostname.toLowerCase(), this.#firstHost);
    this.#plan = this.#trusted ? next : { ...next, openHeaders: without(next.openHeaders, SENSITIVE) };
  }

  #skip(chunk: Buffer): boolean {
    this.#skippedBytes += chunk.length;
    if (this.#skippedBytes > SKIPPED_BYTES_MAX) this.#lane?.pool.drop(this.#lane);
    return true;
  }

  #header = (name: string): string | undefined => {
    const raw = this.#rawHeaders;
    for (let i = 0; i + 1 < raw.length; i += 2) {
      if (raw[i]!.length === name.length && raw[i]!.toString('latin1').toLowerCase() === name) return raw[i + 1]!.toString('latin1');
    }
    return undefined;
  };

  /** Every header, for callers that keep the whole answer. */
  headerRecord(): Record<string, string> {
    const record: Record<string, string> = {};
    for (let i = 0; i + 1 < this.#rawHeaders.length; i += 2) {
      const name = this.#rawHeaders[i]!.toString('latin1').toLowerCase();
      const value = this.#rawHeaders[i + 1]!.toString('latin1');
      record[name] = record[name] === undefined ? value : `${record[name]}, ${value}`;
    }
    return record;
  }

  /** Gives the lane back, or ends its connection. */
  #leave(usable: boolean): void {
    const lane = this.#lane;
    this.#lane = undefined;
    if (usable) lane?.pool.release(lane);
    else lane?.pool.drop(lane);
  }

  /** Something between us and the server: the lane's host may have moved. */
  #failOnTheWay(error: HttpError): void {
    if (error.class !== 'configuration') this.#lane?.pool.onFailure();
    this.#fail(error);
  }

  /** An error of ours, named after the request as Go does unless the answer has begun. */
  #fail(error: HttpError): void {
    const { method, url } = this.#plan;
    const sent = this.#lane?.isConnected === true;
    this.#finish(this.#answering || !(error instanceof HttpError) ? error : withRequest(error, method, url.shown, sent));
  }

  #finish(failure: StreamFailure | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#timer.cancel();
    this.#leave(false);
    if (this.#starting) return queueMicrotask(() => this.#report(failure));
    this.#report(failure);
  }

  #report(failure: StreamFailure | undefined): void {
    if (failure !== undefined) return this.#handler.onError(failure);
    try {
      this.#handler.onEnd();
    } catch (error) {
      this.#handler.onError(error as StreamFailure);
    }
  }
}

/** Headers of the caller that Go does not send to another host. */
const SENSITIVE = /^(authorization|www-authenticate|cookie2?|proxy-authorization)$/i;

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function without(headers: readonly string[], names: RegExp): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) if (!names.test(headers[i]!)) kept.push(headers[i]!, headers[i + 1]!);
  return kept;
}
