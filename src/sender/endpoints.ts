// Which of a destination's URLs the next request goes to. All of them lead to the same storage, in order of preference: `url` of the entry, then
// the configured endpoints. The one in use stays in use until it cannot be reached (or a gateway says so for the storage behind it); then the next
// one takes over, after the last the first again. Away from the preferred one, a request of ours asks from time to time whether it is back.
//
// Answers belong to the endpoint that a request was given. Those of requests under way during a change are shown, and decide nothing.

import type { Clock } from '../io/clock.ts';
import { redactUrl } from '../io/http/redact.ts';
import type { HttpErrorClass } from '../io/http/error.ts';
import type { EndpointState } from './state.ts';
import type { Outcome } from './verdict.ts';

/** Failures in a row after which the next endpoint is tried: a single one is often a kept-alive connection that had just been closed. */
const LINK_FAILURES_MAX = 2;
/** Answers 502, 503 or 504 in a row: more than a storage that restarts one of its parts gives. */
const GATEWAY_FAILURES_MAX = 5;
/** Wait before the preferred endpoint is asked again; doubled after each bad answer. */
const RETURN_AFTER_MIN_MS = 60_000;
const RETURN_AFTER_MAX_MS = 600_000;

/** Failures on the way. `configuration` is none: every endpoint would fail alike. */
const LINK_FAILURES: ReadonlySet<HttpErrorClass> = new Set(['dns', 'refused', 'unreachable', 'timeout', 'connection', 'tls']);
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/** The endpoint of one request; given back with its answer. */
export interface Endpoint {
  /** With the credentials it was configured with, if any. */
  readonly url: string;
  readonly index: number;
  /** The request asks whether the preferred endpoint is back. */
  readonly asksPreferred: boolean;
  /** The list it is from: answers that come after a change of the list count no more. */
  readonly list: readonly string[];
}

export class Endpoints {
  readonly #clock: Clock;
  #urls: readonly string[];
  #lastErrors: string[] = [];
  #inUse = 0;
  #linkFailures = 0;
  #gatewayFailures = 0;
  #returnAfterMs = RETURN_AFTER_MIN_MS;
  /** Monotonic. */
  #returnAtMs = 0;
  #isAskingPreferred = false;

  constructor(urls: readonly string[], clock: Clock) {
    this.#clock = clock;
    this.#urls = urls;
  }

  /** A list that is the same keeps the endpoint in use; another one begins with its first. */
  update(urls: readonly string[]): void {
    if (urls.length === this.#urls.length && urls.every((url, i) => url === this.#urls[i])) return;
    this.#urls = urls;
    this.#lastErrors = [];
    this.#inUse = 0;
    this.#returnAfterMs = RETURN_AFTER_MIN_MS;
    this.#isAskingPreferred = false;
    this.#resetFailures();
  }

  /** The endpoint for one request; `answered` or `abandoned` has to follow. */
  choose(): Endpoint {
    const asksPreferred = this.#inUse !== 0 && !this.#isAskingPreferred && this.#clock.monotonicMs() >= this.#returnAtMs;
    if (asksPreferred) this.#isAskingPreferred = true;
    const index = asksPreferred ? 0 : this.#inUse;
    return { url: this.#urls[index]!, index, asksPreferred, list: this.#urls };
  }

  /** `message`: why the answer is not good; empty when it is. */
  answered(endpoint: Endpoint, outcome: Outcome, message: string): void {
    if (endpoint.list !== this.#urls) return;
    this.#lastErrors[endpoint.index] = message;
    if (endpoint.asksPreferred) this.#isAskingPreferred = false;
    if (endpoint.index === this.#inUse) return this.#countFailure(outcome);
    if (endpoint.asksPreferred) this.#decideReturn(outcome);
  }

  /** The request ended without an answer, by our own doing. */
  abandoned(endpoint: Endpoint): void {
    if (endpoint.list === this.#urls && endpoint.asksPreferred) this.#isAskingPreferred = false;
  }

  /** Without password, of the endpoint in use. */
  get shownUrl(): string {
    return redactUrl(this.#urls[this.#inUse]!);
  }

  states(): EndpointState[] {
    return this.#urls.map((url, i) => ({ url: redactUrl(url), inUse: i === this.#inUse, lastError: this.#lastErrors[i] ?? '' }));
  }

  #countFailure(outcome: Outcome): void {
    if ('error' in outcome) {
      if (LINK_FAILURES.has(outcome.error) && ++this.#linkFailures >= LINK_FAILURES_MAX) this.#useNext();
      return;
    }
    this.#linkFailures = 0;
    this.#gatewayFailures = GATEWAY_STATUSES.has(outcome.status) ? this.#gatewayFailures + 1 : 0;
    if (this.#gatewayFailures >= GATEWAY_FAILURES_MAX) return this.#useNext();
    if (this.#inUse === 0 && isGood(outcome)) this.#returnAfterMs = RETURN_AFTER_MIN_MS;
  }

  #useNext(): void {
    this.#resetFailures();
    if (this.#inUse === 0) this.#returnAtMs = this.#clock.monotonicMs() + this.#returnAfterMs;
    this.#inUse = (this.#inUse + 1) % this.#urls.length;
  }

  /** Only a stored body proves that the preferred endpoint is of use: an answer such as 401 or 429 may be one of a storage half up. */
  #decideReturn(outcome: Outcome): void {
    if (isGood(outcome)) {
      this.#inUse = 0;
      this.#returnAfterMs = RETURN_AFTER_MIN_MS;
      return this.#resetFailures();
    }
    this.#returnAfterMs = Math.min(this.#returnAfterMs * 2, RETURN_AFTER_MAX_MS);
    this.#returnAtMs = this.#clock.monotonicMs() + this.#returnAfterMs;
  }

  #resetFailures(): void {
    this.#linkFailures = 0;
    this.#gatewayFailures = 0;
  }
}

function isGood(outcome: Outcome): boolean {
  return 'status' in outcome && outcome.status >= 200 && outcome.status <= 299;
}

/**
 * The URLs of a destination in order of preference. An endpoint that names no path gets path and query of `url`, and one without a user that of `url`:
 * `http://b:8428` beside `http://me:pw@a/api/v1/write?x=1` is `http://me:pw@b:8428/api/v1/write?x=1`.
 */
export function endpointUrls({ url, endpoints }: { readonly url: string; readonly endpoints: readonly string[] }): string[] {
  const parts = splitUrl(url);
  return [url, ...endpoints.map((written) => complete(written, parts))];
}

interface UrlParts {
  readonly scheme: string;
  /** With its `@`, or empty. */
  readonly user: string;
  readonly host: string;
  /** Path and query. */
  readonly target: string;
}

function complete(written: string, from: UrlParts | undefined): string {
  const own = splitUrl(written);
  if (own === undefined || from === undefined) return written;
  const target = own.target === '' || own.target === '/' ? from.target : own.target;
  return `${own.scheme}${own.user === '' ? from.user : own.user}${own.host}${target}`;
}

function splitUrl(url: string): UrlParts | undefined {
  const match = /^([^:/?#]+:\/\/)([^/?#]*@)?([^/?#]*)([^#]*)/.exec(url);
  if (match === null) return undefined;
  return { scheme: match[1]!, user: match[2] ?? '', host: match[3]!, target: match[4]! };
}
