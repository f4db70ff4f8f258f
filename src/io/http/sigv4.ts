// AWS Signature Version 4, the pure part: a request and credentials in, headers out.
// Source: AWS documentation "Create a signed AWS API request"; the test uses the examples published there.

import { createHash, createHmac } from 'node:crypto';

export interface AwsCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
}

export interface SignRequest {
  readonly method: string;
  /** Host and port as in the `Host` header. */
  readonly authority: string;
  /** Path and query as in the request line. */
  readonly target: string;
  /** Headers to sign besides those added here: name, value, name, value ... */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

export interface SignScope {
  readonly service: string;
  readonly region: string;
  readonly nowMs: number;
}

/** `X-Amz-Date`, for temporary credentials `X-Amz-Security-Token`, and `Authorization`: name, value, name, value ... */
export function signV4(request: SignRequest, credentials: AwsCredentials, scope: SignScope): string[] {
  const time = new Date(scope.nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const added = ['X-Amz-Date', time];
  if (credentials.sessionToken !== undefined) added.push('X-Amz-Security-Token', credentials.sessionToken);
  const { text, names } = canonicalHeaders(['Host', request.authority, ...request.headers, ...added]);
  const [path, query] = splitTarget(request.target);
  const canonical = [request.method, canonicalPath(path), canonicalQuery(query), text, names, sha256(request.body)].join('\n');
  const range = `${time.slice(0, 8)}/${scope.region}/${scope.service}/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${range}\n${sha256(canonical)}`;
  const signature = hmac(signingKey(credentials.secretKey, range), toSign).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${range}, SignedHeaders=${names}, Signature=${signature}`;
  return [...added, 'Authorization', authorization];
}

/** The secret is folded with date, region, service and a constant, one after another. */
function signingKey(secret: string, range: string): Buffer {
  let key: Buffer | string = `AWS4${secret}`;
  for (const part of range.split('/')) key = hmac(key, part);
  return key as Buffer;
}

function canonicalHeaders(pairs: readonly string[]): { text: string; names: string } {
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = pairs[i]!.toLowerCase();
    const value = pairs[i + 1]!.trim().replace(/ +/g, ' ');
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  const sorted = [...values].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  return { text: sorted.map(([name, value]) => `${name}:${value}\n`).join(''), names: sorted.map(([name]) => name).join(';') };
}

function splitTarget(target: string): [path: string, query: string] {
  const at = target.indexOf('?');
  return at === -1 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

/** Every service but S3 has the already escaped path escaped once more. */
function canonicalPath(path: string): string {
  return path.split('/').map(escapeStrict).join('/');
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((pair) => {
    const at = pair.indexOf('=');
    const [name, value] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    return [escapeStrict(unescape(name)), escapeStrict(unescape(value))] as const;
  });
  pairs.sort((a, b) => (a[0] === b[0] ? compare(a[1], b[1]) : compare(a[0], b[0])));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** RFC 3986: everything but letters, digits and `-._~`. */
function escapeStrict(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer | string, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
