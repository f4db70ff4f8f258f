// URLs as a Go client reads them: host and path go out as they are written (no default port stripped, no dot segments resolved), which the
// WHATWG parser would change. Only the authority is checked with it.

import { HttpError } from './error.ts';
import { redactUrl } from './redact.ts';

export interface ParsedUrl {
  readonly secure: boolean;
  /** `http://host:port`, as the parser normalises it. */
  readonly origin: string;
  /** Host and port as written: the `Host` header. */
  readonly authority: string;
  /** Without brackets: what is looked up and dialled. */
  readonly hostname: string;
  readonly port: number;
  /** Path and query. */
  readonly target: string;
  /** Decoded, when the URL names a user. */
  readonly user?: { readonly name: string; readonly password: string };
  /** The URL for error texts and logs. */
  readonly shown: string;
}

/** Throws HttpError `configuration`. */
export function parseUrl(url: string): ParsedUrl {
  const match = /^([^:/?#]*):\/\/([^/?#]*)([^#]*)/.exec(url);
  const scheme = (match?.[1] ?? /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1] ?? '').toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') throw new HttpError('configuration', `unsupported protocol scheme "${scheme}"`);
  const written = match?.[2] ?? '';
  const at = written.lastIndexOf('@');
  const authority = written.slice(at + 1);
  if (authority === '') throw new HttpError('configuration', 'http: no Host in request URL');
  const parsed = parseAuthority(scheme, authority, url);
  const secure = scheme === 'https';
  return {
    secure,
    origin: `${scheme}://${parsed.host}`,
    authority,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port),
    target: requestTarget(match?.[3] ?? ''),
    ...(at === -1 ? {} : { user: parseUser(written.slice(0, at)) }),
    shown: redactUrl(url),
  };
}

function parseAuthority(scheme: string, authority: string, url: string): URL {
  try {
    return new URL(`${scheme}://${authority}`);
  } catch (cause) {
    throw new HttpError('configuration', `parse "${redactUrl(url)}": invalid host "${authority}"`, { cause });
  }
}

/** Characters that may not stand in a request line are escaped; everything else is sent as written. */
function requestTarget(pathAndQuery: string): string {
  const rooted = pathAndQuery.startsWith('/') ? pathAndQuery : `/${pathAndQuery}`;
  return /^[\x21-\x7e]*$/.test(rooted) ? rooted : Buffer.from(rooted).reduce((text, byte) => text + escapeByte(byte), '');
}

function escapeByte(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function parseUser(userinfo: string): { name: string; password: string } {
  const colon = userinfo.indexOf(':');
  if (colon === -1) return { name: decode(userinfo), password: '' };
  return { name: decode(userinfo.slice(0, colon)), password: decode(userinfo.slice(colon + 1)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The URL a `Location` points at, relative to the URL of the answer. Undefined when it does not parse. */
export function resolveLocation(location: string, base: string): string | undefined {
  try {
    return new URL(location, base).href;
  } catch {
    return undefined;
  }
}

/** Whether credentials meant for `parent` may go to `host`: the same host or a name below it. Source: Go net/http shouldCopyHeaderOnRedirect. */
export function isSameOrSubdomain(host: string, parent: string): boolean {
  if (host === parent) return true;
  return !host.includes(':') && host.endsWith(`.${parent}`);
}
