// One request to the fake API server, read: what is asked, and the log entry that tests look at.

import type { IncomingMessage } from 'node:http';
import type { ResourcePath } from './resources.ts';

export type Verb = 'list' | 'watch' | 'get' | 'create' | 'update' | 'delete';

/** What was asked, as tests see it. */
export interface LoggedRequest {
  readonly verb: Verb;
  readonly resource: string;
  /** '' for all of the cluster. */
  readonly namespace: string;
  readonly name: string;
  readonly query: Readonly<Record<string, string>>;
  readonly accept: string;
  /** On the fake's clock. */
  readonly atMs: number;
  /** 0 until it is answered. */
  status: number;
}

export interface Ask extends ResourcePath {
  readonly verb: Verb;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
}

/** undefined for a method the API does not have here. */
export function verbOf(method: string | undefined, { name }: ResourcePath, query: Readonly<Record<string, string>>): Verb | undefined {
  if (method === 'POST') return name === '' ? 'create' : undefined;
  if (method === 'PUT') return name === '' ? undefined : 'update';
  if (method === 'DELETE') return name === '' ? undefined : 'delete';
  if (method !== 'GET') return undefined;
  if (name !== '') return 'get';
  return isTrue(query['watch']) ? 'watch' : 'list';
}

export function isTrue(text: string | undefined): boolean {
  return text === '1' || text === 'true';
}

/** Limit of what a test may write. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`request body above ${BODY_BYTES_MAX} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
