// Streams answers of one API server: the body is handed on as it arrives, and is dealt with in the same call, so that a server that sends faster
// than we read is slowed down by TCP and nothing piles up. All requests are GETs over the project's HTTP client; one client per server.

import type { Clock, Timer } from '../io/clock.ts';
import { HttpError, createHttpClient } from '../io/http/client.ts';
import type { HttpClient, StreamHandle, StreamHandler } from '../io/http/client.ts';
import { hostOf, resolveAccess } from './access.ts';
import type { Surroundings } from './access.ts';
import { refusal, streamFailure } from './api-error.ts';
import type { Errand } from './api-error.ts';
import { encodingOf } from './encoding.ts';
import type { Encoding } from './encoding.ts';
import type { Access } from './kubeconfig.ts';
import type { ServerSettings } from './kubernetes.ts';
import { acceptHeader, collectionPath } from './resources.ts';
import { blankStatus } from './status.ts';
import type { Status } from './status.ts';

/** Longest silence of a stream: bookmarks come once a minute, so two of them are missing. */
export const SILENCE_MS = 150_000;
/** Until an answer begins. The API server itself gives up after a minute. */
const HEADERS_MS = 70_000;
/** A refusal is a Status with a sentence; what is longer comes from something else, and its beginning says what. */
const REFUSAL_BYTES_MAX = 64 * 1024;
const UNAUTHORIZED = 401;

export interface StreamRequest extends Errand {
  readonly query: Readonly<Record<string, string>>;
  /** The whole answer must have come by then. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Called when a good answer begins; the result takes its body piece by piece. A piece is overwritten after the call. */
export type OnAnswer = (encoding: Encoding) => (chunk: Buffer) => void;

export interface ApiClient {
  /** Resolves at the end of a good answer, or when `signal` was aborted. Rejects with an ApiError, or with what `onAnswer` threw by mistake. */
  stream(request: StreamRequest, onAnswer: OnAnswer): Promise<void>;
  /** Of the server, without port and brackets; undefined while a kubeconfig has not been read. */
  host(): string | undefined;
  close(): Promise<void>;
}

export interface ApiClientOptions {
  readonly settings: ServerSettings;
  readonly surroundings: Surroundings;
  readonly clock: Clock;
  readonly userAgent: string;
}

export function createApiClient(options: ApiClientOptions): ApiClient {
  let opened: Promise<OpenedAccess> | undefined;
  let url = options.settings.kind === 'url' ? options.settings.url : undefined;
  const open = async (): Promise<OpenedAccess> => {
    try {
      const { access, http } = await (opened ??= openAccess(options));
      url = access.url;
      return { access, http };
    } catch (error) {
      // What cannot be read now may be there the next time.
      opened = undefined;
      throw error;
    }
  };
  const close = async () => {
    const before = opened;
    opened = undefined;
    // One that could not be opened has nothing to close, and said so to who asked for it.
    await (await before?.catch(() => undefined))?.http.close();
  };
  const attempt = async (request: StreamRequest, onAnswer: OnAnswer) => exchange(await open(), request, onAnswer, options.clock);

  return {
    async stream(request, onAnswer) {
      try {
        let refused = await attempt(request, onAnswer);
        if (refused?.code === UNAUTHORIZED) {
          // Files are read for each request by the HTTP client; plugins of a kubeconfig have to be asked again.
          if (options.settings.kind === 'kubeconfig') await close();
          refused = await attempt(request, onAnswer);
        }
        if (refused !== undefined) throw refusal(request, { ...refused, nowMs: options.clock.nowMs() });
      } catch (error) {
        throw streamFailure(request, error as Error);
      }
    },
    host: () => hostOf(url),
    close,
  };
}

interface OpenedAccess {
  readonly access: Access;
  readonly http: HttpClient;
}

async function openAccess({ settings, surroundings, clock, userAgent }: ApiClientOptions): Promise<OpenedAccess> {
  const access = await resolveAccess(settings, surroundings);
  return { access, http: createHttpClient(access.http, { clock, userAgent, environment: surroundings.environment }) };
}

/** An answer that is no success. */
interface Refusal {
  readonly code: number;
  readonly retryAfter: string | undefined;
  readonly status: Status;
}

function exchange({ access, http }: OpenedAccess, request: StreamRequest, onAnswer: OnAnswer, clock: Clock): Promise<Refusal | undefined> {
  const query = new URLSearchParams(request.query).toString();
  const url = `${access.url}${collectionPath(request.kind, request.namespace)}${query === '' ? '' : `?${query}`}`;
  const get = http.prepare(url, { Accept: acceptHeader(request.kind, request.verb) });
  return new Promise((resolve, reject) => {
    if (request.signal.aborted) return resolve(undefined);
    const reception = new Reception({ clock, signal: request.signal, onAnswer, resolve, reject });
    reception.begin(http.stream(get, request.timeoutMs, reception));
  });
}

interface ReceptionParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onAnswer: OnAnswer;
  readonly resolve: (refused: Refusal | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Takes one answer, and ends it when it falls silent. */
class Reception implements StreamHandler {
  readonly #parts: ReceptionParts;
  readonly #onAbort = () => this.#handle?.abort();
  #handle: StreamHandle | undefined;
  #guard: Timer;
  #lastMs: number;
  #silenceMs = HEADERS_MS;
  #take: ((chunk: Buffer) => void) | undefined;
  #refused: { readonly code: number; readonly retryAfter: string | undefined; readonly encoding: Encoding; body: Buffer } | undefined;
  #isSilent = false;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    this.#lastMs = parts.clock.monotonicMs();
    this.#guard = parts.clock.after(HEADERS_MS, () => this.#watchSilence());
  }

  begin(handle: StreamHandle): void {
    this.#handle = handle;
    this.#parts.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  onHeaders(code: number, _statusText: string, header: (name: string) => string | undefined): void {
    this.#lastMs = this.#parts.clock.monotonicMs();
    this.#silenceMs = SILENCE_MS;
    const encoding = encodingOf(header('content-type'));
    if (code === 200) this.#take = this.#parts.onAnswer(encoding);
    else this.#refused = { code, retryAfter: header('retry-after'), encoding, body: Buffer.alloc(0) };
  }

  onData(chunk: Buffer): void {
    this.#lastMs = this.#parts.clock.monotonicMs();
    if (this.#refused === undefined) return this.#take?.(chunk);
    if (this.#refused.body.length < REFUSAL_BYTES_MAX) this.#refused.body = Buffer.concat([this.#refused.body, chunk]);
  }

  onEnd(): void {
    this.#end();
    if (this.#refused === undefined) return this.#parts.resolve(undefined);
    const { code, retryAfter, encoding, body } = this.#refused;
    this.#parts.resolve({ code, retryAfter, status: readStatus(encoding, body) });
  }

  onError(error: Error): void {
    this.#end();
    if (this.#parts.signal.aborted) return this.#parts.resolve(undefined);
    this.#parts.reject(this.#isSilent ? new HttpError('timeout', `nothing came for ${this.#silenceMs / 1000} s`) : error);
  }

  #end(): void {
    this.#guard.cancel();
    this.#parts.signal.removeEventListener('abort', this.#onAbort);
  }

  #watchSilence(): void {
    const leftMs = this.#lastMs + this.#silenceMs - this.#parts.clock.monotonicMs();
    if (leftMs > 0) {
      this.#guard = this.#parts.clock.after(leftMs, () => this.#watchSilence());
      return;
    }
    this.#isSilent = true;
    this.#handle?.abort();
  }
}

/** A proxy in front of the server refuses with a page of its own, which is no Status. */
function readStatus(encoding: Encoding, body: Buffer): Status {
  try {
    return encoding.readStatus(body);
  } catch {
    return { ...blankStatus, message: body.toString('utf8', 0, 200).trim() };
  }
}
