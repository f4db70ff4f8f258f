// The address that a target is scraped at, written as Go's net/url writes it, so that servers and people see the same text as
// from Prometheus: the path is a path only (a `?` in it is escaped), the query is sorted by key.

import { compareUtf8 } from '../model/labels.ts';

const encoder = new TextEncoder();
/** Bytes that stand for themselves. Source: Go net/url shouldEscape, per part of a URL. */
const unreserved = /[A-Za-z0-9\-_.~]/;
const pathSafe = bytesOf('$&+,/:;=@');
const hostSafe = bytesOf('!$&\'()*+,;=:[]<>"');
const querySafe = bytesOf('');

export interface UrlParts {
  readonly scheme: string;
  readonly address: string;
  readonly path: string;
  /** In any order; every key may have several values, whose order is kept. */
  readonly params: ReadonlyMap<string, readonly string[]>;
}

export function buildUrl(parts: UrlParts): string {
  const path = parts.path === '' || parts.path.startsWith('/') ? parts.path : `/${parts.path}`;
  const query = encodeQuery(parts.params);
  const base = `${parts.scheme}://${escapeBytes(parts.address, hostSafe)}${escapeBytes(path, pathSafe)}`;
  return query === '' ? base : `${base}?${query}`;
}

/** `a=1&a=2&b+c=x`, sorted by key. */
function encodeQuery(params: UrlParts['params']): string {
  const pairs: string[] = [];
  for (const key of [...params.keys()].sort(compareUtf8)) {
    for (const value of params.get(key) ?? []) pairs.push(`${escapeQuery(key)}=${escapeQuery(value)}`);
  }
  return pairs.join('&');
}

function escapeQuery(text: string): string {
  return escapeBytes(text, querySafe).replaceAll('%20', '+');
}

function escapeBytes(text: string, safe: ReadonlySet<number>): string {
  let out = '';
  for (const byte of encoder.encode(text)) {
    const char = String.fromCharCode(byte);
    out += unreserved.test(char) || safe.has(byte) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

function bytesOf(chars: string): ReadonlySet<number> {
  return new Set(encoder.encode(chars));
}
