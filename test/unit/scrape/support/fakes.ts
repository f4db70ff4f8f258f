// An HTTP client and a series stage that do what a test says and write down what they are told.

import type { HttpClient, PreparedGet, StreamHandler } from '../../../../src/io/http/types.ts';
import type { MetricType, ParsedExemplar } from '../../../../src/exposition/sink.ts';
import { ScrapeError } from '../../../../src/model/scrape-error.ts';
import type { Target } from '../../../../src/model/target.ts';
import type { ScrapeSettings } from '../../../../src/scrape/config.ts';
import type { FamilyMetadata, PageSeries, ScrapeResult, SeriesLimits } from '../../../../src/scrape/page-series.ts';

export interface FakeRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly handler: StreamHandler;
  aborted: boolean;
  /** Answers with these pieces of a body. */
  answer(options: { status?: number; statusText?: string; headers?: Record<string, string>; body?: readonly (string | Buffer)[]; end?: boolean }): void;
}

export interface FakeClient extends HttpClient {
  /** Requests that have not ended, oldest first. */
  readonly open: FakeRequest[];
  /** Every request is answered with this body at once while it is set. */
  page: string | undefined;
  readonly prepared: { url: string; headers: Readonly<Record<string, string>> }[];
  closed: boolean;
}

const TEXT: Readonly<Record<string, string>> = { 'content-type': 'text/plain; version=0.0.4' };

export function fakeClient(page?: string): FakeClient {
  const client: FakeClient = {
    open: [],
    page,
    prepared: [],
    closed: false,
    request: () => Promise.reject(new Error('not used')),
    prepare(url, headers) {
      const get = { url, headers };
      client.prepared.push(get);
      return get;
    },
    stream(get, timeoutMs, handler) {
      const { url, headers } = get as PreparedGet & { headers: Record<string, string> };
      const leave = () => void client.open.splice(client.open.indexOf(request), 1);
      const request: FakeRequest = {
        url, headers, timeoutMs, handler, aborted: false,
        answer(options) {
          const answered = options.headers ?? TEXT;
          handler.onHeaders(options.status ?? 200, options.statusText ?? 'OK', (name) => answered[name]);
          for (const piece of options.body ?? []) if (!request.aborted) handler.onData(Buffer.from(piece as string));
          if (options.end === false || request.aborted) return;
          leave();
          handler.onEnd();
        },
      };
      client.open.push(request);
      const immediate = client.page;
      if (immediate !== undefined) queueMicrotask(() => request.answer({ body: immediate === '' ? [] : [immediate] }));
      return {
        abort() {
          if (!client.open.includes(request)) return;
          request.aborted = true;
          leave();
          handler.onError(new Error('context canceled'));
        },
      };
    },
    close() {
      client.closed = true;
      return Promise.resolve();
    },
  };
  return client;
}

/** Fails a request as the HTTP client would. */
export function failRequest(client: FakeClient, request: FakeRequest, errorClass: string, message: string): void {
  client.open.splice(client.open.indexOf(request), 1);
  request.handler.onError(Object.assign(new Error(message), { class: errorClass }));
}

export class FakeSeries implements PageSeries {
  keyEnd = 0;
  commentType: MetricType | undefined;
  samplesScraped = 0;
  samplesPostRelabel = 0;
  readonly target: Target;
  readonly settings: ScrapeSettings;
  /** `name value` of the page being read. */
  page: string[] = [];
  readonly commits: (ScrapeResult & { readonly page: readonly string[] })[] = [];
  readonly ends: number[] = [];
  readonly limits: SeriesLimits[] = [];
  readonly targets: Target[] = [];
  /** Names of the last good page. */
  tracked = new Set<string>();
  untracked: string[] = [];
  released = false;
  /** What `commit` finds wrong. */
  commitError: ScrapeError | undefined;
  /** What `commit` throws. */
  commitThrows: Error | undefined;
  readonly #names: string[] = [];

  constructor(target: Target, settings: ScrapeSettings) {
    this.target = target;
    this.settings = settings;
  }

  begin(): void {
    this.page = [];
    this.samplesScraped = 0;
  }

  commit(result: ScrapeResult) {
    if (this.commitThrows !== undefined) throw this.commitThrows;
    const error = result.error ?? this.commitError;
    this.commits.push({ ...result, error, page: this.page });
    if (error === undefined) this.tracked = new Set(this.page.map((line) => line.split(' ')[0]!));
    return { seriesAdded: 0, error };
  }

  reconfigure(limits: SeriesLimits): void {
    this.limits.push(limits);
  }

  retarget(target: Target): void {
    this.targets.push(target);
  }

  end(timestampMs: number): void {
    this.ends.push(timestampMs);
  }

  trackedLabels(): ReadonlySet<string> {
    return this.tracked;
  }

  untrack(labels: ReadonlySet<string>): void {
    this.untracked = [...labels];
  }

  metadataEntries(): Iterable<FamilyMetadata> {
    return [];
  }

  release(): void {
    this.released = true;
  }

  expect(): number {
    return -1;
  }

  find(): number {
    return -1;
  }

  add(_bytes: Uint8Array, _start: number, _keyEnd: number, labels: Map<string, string>): number {
    const name = labels.get('__name__') ?? '';
    if (name === 'refused') throw new ScrapeError('label_limit', 'label_limit exceeded');
    return this.#names.push(name) - 1;
  }

  sample(id: number, value: number): void {
    this.samplesScraped++;
    this.page.push(`${this.#names[id] ?? ''} ${value}`);
  }

  exemplar(_id: number, _exemplar: ParsedExemplar): void {
    // Not looked at here.
  }

  expectComment(): boolean {
    return false;
  }

  learnComment(): void {
    // Every comment is parsed.
  }

  metadata(): void {
    // Not looked at here.
  }
}
