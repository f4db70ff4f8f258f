// Why a request to the API server failed, in words that a person can act on: verb, resource, namespace, and what the server said.

import { parseRetryAfter } from '../io/backoff.ts';
import { HttpError } from '../io/http/client.ts';
import { TributaryError } from '../model/error.ts';
import type { Kind } from './objects.ts';
import { resources } from './resources.ts';
import { blankStatus } from './status.ts';
import type { Status } from './status.ts';

/** What was asked for. */
export interface Errand {
  readonly verb: 'list' | 'watch';
  readonly kind: Kind;
  /** '' for all of the cluster. */
  readonly namespace: string;
}

export class ApiError extends Error {
  readonly status: Status;
  /** The server asks for this pause; 0 when it does not. */
  readonly retryAfterMs: number;

  constructor(errand: Errand, reason: string, details: { status?: Status; retryAfterMs?: number; cause?: unknown } = {}) {
    super(`cannot ${errandText(errand)}: ${reason}`, { cause: details.cause });
    this.name = 'ApiError';
    this.status = details.status ?? blankStatus;
    this.retryAfterMs = details.retryAfterMs ?? 0;
  }

  /** For want of permission. */
  get isDenied(): boolean {
    return this.status.code === 401 || this.status.code === 403;
  }

  /** The server does not know the resource: it is older than what is asked for. */
  get isUnknownResource(): boolean {
    return this.status.code === 404;
  }

  /** The version or token is older than what the server remembers: only a new list helps. */
  get isExpired(): boolean {
    return this.status.code === 410 || this.status.reason === 'Expired' || this.status.reason === 'Gone';
  }

  /** What came could not be read, so nobody knows what it said. */
  get isLoss(): boolean {
    return this.cause instanceof TributaryError && lossCodes.has(this.cause.code);
  }

  /** The server does not know a parameter. */
  get isInvalid(): boolean {
    return this.status.code === 422;
  }
}

const lossCodes: ReadonlySet<string> = new Set(['KUBERNETES_DAMAGED', 'KUBERNETES_FRAME_TOO_LARGE']);

/** `list pods in namespace "shop"`. */
export function errandText({ verb, kind, namespace }: Errand): string {
  return `${verb} ${resources[kind].plural} ${namespace === '' ? 'in all namespaces' : `in namespace ${JSON.stringify(namespace)}`}`;
}

/** From an answer that is no success. `code` and `statusText` are those of the answer: a proxy in front of the server may have sent it. */
export function refusal(errand: Errand, answer: { readonly code: number; readonly status: Status; readonly retryAfter: string | undefined; readonly nowMs: number }): ApiError {
  const status = { ...answer.status, code: answer.code };
  const message = status.message === '' ? `the server answered ${answer.code}` : `${status.message} (${answer.code})`;
  const retryAfterMs = parseRetryAfter(answer.retryAfter, answer.nowMs) ?? status.retryAfterSeconds * 1000;
  return new ApiError(errand, message, { status, retryAfterMs });
}

/** From an ERROR event within a watch, which carries a status of its own. */
export function refusalInStream(errand: Errand, status: Status): ApiError {
  return new ApiError(errand, `${status.message === '' ? 'the watch ended with an error' : status.message} (${status.code})`, { status });
}

/** From what a stream ended with. Anything but a failure of the network or damaged data is our own mistake and goes on as it is. */
export function streamFailure(errand: Errand, cause: Error): Error {
  if (cause instanceof ApiError || !(cause instanceof HttpError || cause instanceof TributaryError)) return cause;
  return new ApiError(errand, cause.message.replace(QUERY, ''), { cause });
}

/** Of a URL in quotes, as the HTTP client words what failed. It is another one at each attempt, and says nothing that the errand does not. */
const QUERY = /(?<="https?:[^"?]*)\?[^"]*(?=")/;
