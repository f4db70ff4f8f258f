// The link to one destination: turns a body into one HTTP request and the answer into plain data. One request at a time, also when metadata
// and samples want to go out together. Credentials, proxies, redirects and signatures are the HTTP client's business.

import { STATUS_CODES } from 'node:http';
import type { DestinationSettings } from '../destinations/config.ts';
import type { Clock } from '../io/clock.ts';
import type { HttpClientSettings } from '../io/http/config.ts';
import { HttpError } from '../io/http/error.ts';
import type { HttpClient, HttpResponse } from '../io/http/types.ts';
import { errorText } from '../model/error.ts';
import { parseRetryAfter } from './backoff.ts';
import type { Body } from './body.ts';
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

export interface Answer {
  /** `aborted`: we gave up ourselves; nothing is known. */
  readonly outcome: Outcome | 'aborted';
  /** For people; empty when it is good. */
  readonly message: string;
  readonly body: string;
  readonly retryAfterMs: number | undefined;
  readonly seconds: number;
}

export class Link {
  readonly #options: LinkOptions;
  #settings: DestinationSettings;
  #client: HttpClient;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#client = options.createClient(options.settings.http, options.settings);
  }

  /** Later requests use these settings; one in flight ends as it began. */
  update(settings: DestinationSettings): void {
    const previous = this.#client;
    this.#settings = settings;
    this.#client = this.#options.createClient(settings.http, settings);
    void previous.close().catch(() => undefined);
  }

  /** Sends one request after those before it. `retries` counts earlier tries of the same body. Never rejects. */
  post(body: Body, retries: number, signal: AbortSignal): Promise<Answer> {
    const answer = this.#tail.then(() => this.#post(body, retries, signal));
    this.#tail = answer;
    return answer;
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#client.close().catch(() => undefined);
  }

  async #post(body: Body, retries: number, signal: AbortSignal): Promise<Answer> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    const end = (answer: Omit<Answer, 'seconds'>): Answer => ({ ...answer, seconds: (clock.monotonicMs() - startMs) / 1000 });
    if (signal.aborted) return end(ABORTED);
    try {
      const response = await this.#client.request({
        method: 'POST',
        url: this.#settings.url,
        headers: this.#headers(body, retries),
        body: body.data,
        timeoutMs: this.#settings.remoteTimeoutMs,
        signal,
        maxBodyBytes: ANSWER_BYTES_MAX,
      });
      return end(readResponse(response, clock.nowMs()));
    } catch (error) {
      if (signal.aborted) return end(ABORTED);
      const errorClass = error instanceof HttpError ? error.class : 'connection';
      return end({ outcome: { error: errorClass }, message: errorText(error), body: '', retryAfterMs: undefined });
    }
  }

  #headers(body: Body, retries: number): Record<string, string> {
    const headers: Record<string, string> = {
      'Content-Type': 'application/x-protobuf',
      'Content-Encoding': body.codec,
      'User-Agent': `tributary/${this.#options.version}`,
      'X-Prometheus-Remote-Write-Version': '0.1.0',
    };
    if (body.codec === 'zstd') headers['X-VictoriaMetrics-Remote-Write-Version'] = '1';
    if (retries > 0) headers['Retry-Attempt'] = String(retries);
    return headers;
  }
}

const ABORTED = { outcome: 'aborted', message: '', body: '', retryAfterMs: undefined } as const;

function readResponse(response: HttpResponse, nowMs: number): Omit<Answer, 'seconds'> {
  const { status } = response;
  const body = response.body.toString('utf8', 0, ANSWER_BYTES_MAX);
  const isGood = status >= 200 && status <= 299;
  const name = STATUS_CODES[status] ?? '';
  const text = body.trim();
  return {
    outcome: { status },
    message: isGood ? '' : `server returned HTTP status ${status}${name === '' ? '' : ` ${name}`}${text === '' ? '' : `: ${text}`}`,
    body,
    retryAfterMs: parseRetryAfter(response.headers['retry-after'], nowMs),
  };
}
