// An answer as a plain value, and how it goes out: Prometheus' JSON envelope, gzip when the client takes it, no body for HEAD.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Prometheus' error types and the status each one has. */
const errorStatus = {
  bad_data: 400,
  not_found: 404,
  execution: 422,
  internal: 500,
  unavailable: 503,
} as const;

/** Below this a compressed body is hardly smaller, bytes. */
const gzipBytesMin = 1024;

const compress = promisify(gzip);

export function success(data: unknown): Answer {
  return json(200, { status: 'success', data });
}

export function failure(errorType: keyof typeof errorStatus, error: string): Answer {
  return json(errorStatus[errorType], { status: 'error', errorType, error });
}

export function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

export function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: 'text/plain; charset=utf-8', body, headers: { 'X-Content-Type-Options': 'nosniff', ...headers } };
}

/** Writes the answer; returns the bytes of its body as sent. */
export async function send(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<number> {
  const plain = Buffer.from(answer.body);
  const zipped = plain.length >= gzipBytesMin && acceptsGzip(request.headers['accept-encoding']);
  const body = zipped ? await compress(plain) : plain;
  const headers = { 'Content-Type': answer.type, 'Content-Length': body.length, Vary: 'Accept-Encoding, Origin', ...answer.headers };
  response.writeHead(answer.status, zipped ? { ...headers, 'Content-Encoding': 'gzip' } : headers);
  response.end(request.method === 'HEAD' ? undefined : body);
  return body.length;
}

/** `gzip` or `*` in the list, unless its weight is zero. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  const items = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',');
  return items.some((item) => {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    return (name === 'gzip' || name === '*') && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
