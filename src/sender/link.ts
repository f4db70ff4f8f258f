// The link to one destination: turns a body into one HTTP request and the answer into plain data. How many requests are under way is the gate's
// decision; which address they go to that of the endpoints. Credentials, proxies, redirects and signatures are the HTTP client's business.

import { STATUS_CODES } from 'node:http';
import type { DestinationSettings } from '../destinations/config.ts';
import type { Clock } from '../io/clock.ts';
import type { HttpClientSettings } from '../io/http/config.ts';
import { HttpError } from '../io/http/error.ts';
import type { HttpClient, HttpResponse } from '../io/http/types.ts';
import { errorText } from '../model/error.ts';
import { parseRetryAfter } from '../io/backoff.ts';
import type { Body } from './body.ts';
import { Endpoints, endpointUrls } from './endpoints.ts';
import { requestHeaders } from './protocol.ts';
import type { EndpointState } from './state.ts';
import type { Outcome } from './verdict.ts';

/** Bytes of an answer that are kept: enough for every receiver's message, and the most a page shows. */
const ANSWER_BYTES_MAX = 4096;

export interface LinkOptions {
  readonly settings: DestinationSettings;
  readonly clock: Clock;
  readonly version: string;
  readonly createClient: CreateClient;
}

/** `destination` has what lies beside the HTTP block, such as `round_robin_dns`. The caller closes the client. */
export type CreateClient = (settings: HttpClientSettings, destination: DestinationSettings) => HttpClient;

/** What of a body goes out. */
export type SentBody = Pick<Body, 'message' | 'codec' | 'data'>;

export interface PostOptions {
  /** Earlier tries of the same body. */
  readonly retries: number;
  /** The smaller of this and `remote_timeout` counts. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a receiver of remote write 2.0 says it has stored. Source: remote write 2.0 specification, required response headers. */
export interface WrittenCounts {
  readonly samples: number | undefined;
  readonly histograms: number | undefined;
  readonly exemplars: number | undefined;
}

export interface Answer {
  /** `aborted`: we gave up ourselves; nothing is known. */
  readonly outcome: Outcome | 'aborted';
  /** For people; empty when it is good. */
  readonly message: string;
  readonly body: string;
  readonly retryAfterMs: number | undefined;
  readonly seconds: number;
  /** The `Date` header, milliseconds since the epoch. */
  readonly dateMs: number | undefined;
  /** Our wall time at the end of the answer, milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** Undefined when the answer has none of the headers. */
  readonly written: WrittenCounts | undefined;
  /** False when no byte of the request has left: the receiver cannot have stored anything. */
  readonly sentBody: boolean;
}

type Timing = 'seconds' | 'receivedAtMs';

export class Link {
  readonly #options: LinkOptions;
  readonly #endpoints: Endpoints;
  readonly #underWay = new Set<Promise<unknown>>();
  #settings: DestinationSettings;
  #client: HttpClient;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#endpoints = new Endpoints(endpointUrls(options.settings), options.clock);
    this.#client = options.createClient(options.settings.http, options.settings);
  }

  /** Later requests use these settings; those under way end as they began. */
  update(settings: DestinationSettings): void {
    const previous = this.#client;
    this.#settings = settings;
    this.#endpoints.update(endpointUrls(settings));
    this.#client = this.#options.createClient(settings.http, settings);
    void previous.close().catch(() => undefined);
  }

  /** Without password, of the endpoint in use. */
  get shownUrl(): string {
    return this.#endpoints.shownUrl;
  }

  endpointStates(): readonly EndpointState[] {
    return this.#endpoints.states();
  }

  /** Sends one request. Never rejects. */
  post(body: SentBody, options: PostOptions): Promise<Answer> {
    const answer = this.#post(body, options);
    this.#underWay.add(answer);
    void answer.finally(() => this.#underWay.delete(answer));
    return answer;
  }

  /** Resolves when the requests under way have ended. */
  async close(): Promise<void> {
    await Promise.all(this.#underWay);
    await this.#client.close().catch(() => undefined);
  }

  async #post(body: SentBody, options: PostOptions): Promise<Answer> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    const end = (answer: Omit<Answer, Timing>): Answer => {
      return { ...answer, seconds: (clock.monotonicMs() - startMs) / 1000, receivedAtMs: clock.nowMs() };
    };
    if (options.signal.aborted) return end({ ...NOTHING, outcome: 'aborted', message: '', sentBody: false });
    const endpoint = this.#endpoints.choose();
    const answer = end(await this.#request(endpoint.url, body, options));
    if (answer.outcome === 'aborted') this.#endpoints.abandoned(endpoint);
    else this.#endpoints.answered(endpoint, answer.outcome, answer.message);
    return answer;
  }

  async #request(url: string, body: SentBody, { retries, timeoutMs, signal }: PostOptions): Promise<Omit<Answer, Timing>> {
    try {
      const response = await this.#client.request({
        method: 'POST',
        url,
        headers: this.#headers(body, retries),
        body: body.data,
        timeoutMs: Math.min(this.#settings.remoteTimeoutMs, timeoutMs),
        signal,
        maxBodyBytes: ANSWER_BYTES_MAX,
      });
      return readResponse(response, this.#options.clock.nowMs());
    } catch (error) {
      const sentBody = error instanceof HttpError ? error.sent : true;
      if (signal.aborted) return { ...NOTHING, outcome: 'aborted', message: '', sentBody };
      const errorClass = error instanceof HttpError ? error.class : 'connection';
      return { ...NOTHING, outcome: { error: errorClass }, message: errorText(error), sentBody };
    }
  }

  #headers(body: SentBody, retries: number): Record<string, string> {
    const userAgent = `tributary/${this.#options.version}`;
    return { ...requestHeaders(body), 'User-Agent': userAgent, ...(retries > 0 ? { 'Retry-Attempt': String(retries) } : {}) };
  }
}

const NOTHING = { body: '', retryAfterMs: undefined, dateMs: undefined, written: undefined } as const;

function readResponse(response: HttpResponse, nowMs: number): Omit<Answer, Timing> {
  const { status, headers } = response;
  const body = response.body.toString('utf8', 0, ANSWER_BYTES_MAX);
  const isGood = status >= 200 && status <= 299;
  const name = STATUS_CODES[status] ?? '';
  const text = body.trim();
  return {
    outcome: { status },
    message: isGood ? '' : `server returned HTTP status ${status}${name === '' ? '' : ` ${name}`}${text === '' ? '' : `: ${text}`}`,
    body,
    retryAfterMs: parseRetryAfter(headers['retry-after'], nowMs),
    dateMs: readDate(headers['date']),
    written: readWritten(headers),
    sentBody: true,
  };
}

/** Without `GMT` it would be read as local time, and samples be held back by the zone's hours. */
function readDate(header: string | undefined): number | undefined {
  const dateMs = header?.trim().endsWith('GMT') === true ? Date.parse(header) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : dateMs;
}

function readWritten(headers: Readonly<Record<string, string>>): WrittenCounts | undefined {
  const [samples, histograms, exemplars] = ['samples', 'histograms', 'exemplars'].map((kind) => {
    const text = headers[`x-prometheus-remote-write-${kind}-written`]?.trim() ?? '';
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  });
  if (samples === undefined && histograms === undefined && exemplars === undefined) return undefined;
  return { samples, histograms, exemplars };
}
