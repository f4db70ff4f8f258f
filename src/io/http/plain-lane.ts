// A lane for plain HTTP/1.1 GETs on a socket of its own, for scraping. All lanes read into one buffer that is handed on as it is: undici takes a
// fresh 64 KiB from the system for every read, which at a few hundred scrapes a second keeps the garbage collector busy
// with a third of the process' CPU (docs/decisions/scrape-client.md). The parser knows what answers to a GET can be (RFC 9112): a
// status line, headers, and a body by Content-Length, in chunks, or up to the end of the connection.

import type { Socket } from 'node:net';
import { dial } from './dial.ts';
import type { DialRoute, Dialer, Dialling } from './dial.ts';
import { HttpError } from './error.ts';
import { HEADER_BYTES_MAX } from './lane.ts';
import type { Lane, LaneHandler, LaneOwner, LaneRequest } from './lane.ts';

/** One read of the kernel's socket buffer, bytes; 64 KiB was the best size in hotpath measurements. */
const READ_BYTES = 64 * 1024;
/** A chunk's size line with its extensions, bytes. */
const CHUNK_LINE_BYTES_MAX = 4096;

const TAB = 9;
const LF = 10;
const BLANK = 32;
const DELETE = 127;
const LATIN1_MAX = 255;

/** Read callbacks run one after another and keep nothing of it. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** Request texts by the header list they were made of: a target's list stays the same from scrape to scrape. */
const requestTexts = new WeakMap<string[], { readonly path: string; readonly text: string }>();

/** What the parser waits for. `chunk-end` is the line break behind a chunk's data, `trailer` what may follow the last chunk. */
type Part = 'idle' | 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer' | 'until-close';

export interface PlainLaneOptions {
  readonly route: DialRoute;
  readonly dialer: Dialer;
  readonly keepAliveMs: number;
}

export class PlainLane implements Lane {
  readonly epoch: number;
  readonly pool: LaneOwner;
  readonly openedMs: number;
  isConnected = false;
  reused = false;
  readonly #options: PlainLaneOptions;
  #socket: Socket | undefined;
  #dialling: Dialling | undefined;
  #handler: LaneHandler | undefined;
  #part: Part = 'idle';
  /** Bytes of the body, or of the chunk, still to come. */
  #left = 0;
  /** The start of a head, or of a line between chunks, whose end has not come yet. */
  #kept: Buffer | undefined;
  #started = false;
  #closeAfter = false;

  constructor(pool: LaneOwner, epoch: number, options: PlainLaneOptions) {
    this.pool = pool;
    this.epoch = epoch;
    this.#options = options;
    this.openedMs = options.dialer.clock.monotonicMs();
  }

  dispatch(request: LaneRequest, handler: LaneHandler): void {
    this.#handler = handler;
    this.#part = 'head';
    this.#started = false;
    this.#closeAfter = false;
    this.#kept = undefined;
    const text = requestText(request, this.#options.route);
    this.reused = this.#socket !== undefined;
    if (this.#socket !== undefined) this.#socket.write(text, 'latin1');
    else this.#dial(text);
  }

  destroy(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#part = 'idle';
    this.#dialling?.abandon(canceled());
    this.#socket?.destroy();
    // Its own call may still be on the stack.
    if (handler !== undefined) queueMicrotask(() => handler.onError(canceled()));
  }

  #dial(text: string): void {
    const { route, dialer, keepAliveMs } = this.#options;
    const onread = { buffer: readBuffer, callback: (bytes: number) => this.#read(bytes) };
    this.#dialling = dial(route, dialer, (error, socket) => {
      this.#dialling = undefined;
      if (socket === undefined) return this.#fail(error ?? new HttpError('connection', 'EOF'));
      this.#socket = socket;
      this.isConnected = true;
      socket.setTimeout(keepAliveMs, () => this.pool.onDisconnect(this));
      socket.on('error', (cause) => this.#onGone(cause));
      socket.on('end', () => this.#onGone(undefined));
      socket.on('close', () => this.#onGone(undefined));
      socket.write(text, 'latin1');
    }, onread);
  }

  /** The connection has ended: that ends a body without a length, and is an error anywhere else inside an answer. */
  #onGone(cause: Error | undefined): void {
    if (this.#socket === undefined) return;
    const socket = this.#socket;
    this.#socket = undefined;
    socket.destroy();
    if (this.#handler === undefined) return this.pool.onDisconnect(this);
    if (this.#part === 'until-close' && cause === undefined) return this.#complete();
    if (this.#kept !== undefined && this.#part === 'head' && !isHttp(this.#kept)) return this.#fail(notHttp(this.#kept.toString('latin1')));
    this.#fail(cause ?? peerClosed());
  }

  #fail(error: Error): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#part = 'idle';
    handler?.onError(error);
  }

  /** Returns whether reading goes on, for the socket. */
  #read(bytes: number): boolean {
    try {
      this.#take(readBuffer.subarray(0, bytes));
    } catch (error) {
      this.#socket?.destroy();
      this.#fail(error as Error);
    }
    return true;
  }

  #take(data: Buffer): void {
    // Bytes without a request: the server's mistake, and whatever it means, not the answer to the next one.
    if (this.#part === 'idle') return this.#onGone(undefined);
    if (!this.#started) {
      this.#started = true;
      this.#handler!.onResponseStarted();
    }
    // The end of an answer may bring the next request at once, with a handler of its own: what is left is not for it.
    const handler = this.#handler;
    let at = 0;
    while (at < data.length && this.#handler === handler) at = this.#step(data, at);
    // More than the answer: this connection is out of step.
    if (at < data.length) this.#onGone(undefined);
  }

  /** Takes what the current part wants of `data` from `at` on; returns where the next one goes on. */
  #step(data: Buffer, at: number): number {
    switch (this.#part) {
      case 'head': return this.#readHead(data, at);
      case 'length': return this.#readBody(data, at, true);
      case 'chunk-data': return this.#readBody(data, at, false);
      case 'chunk-size': case 'chunk-end': case 'trailer': return this.#readLine(data, at);
      case 'until-close':
        this.#handler!.onData(at === 0 ? data : data.subarray(at));
        return data.length;
      case 'idle': return data.length;
    }
  }

  #readHead(data: Buffer, at: number): number {
    const before = this.#kept?.length ?? 0;
    const head = this.#kept === undefined ? data.subarray(at) : Buffer.concat([this.#kept, data.subarray(at)]);
    const end = endOfHead(head, Math.max(0, before - 3));
    if (end < 0) {
      if (head.length > HEADER_BYTES_MAX) throw new HttpError('connection', 'server response headers exceeded the limit');
      this.#kept = Buffer.from(head);
      return data.length;
    }
    this.#kept = undefined;
    // A copy: headers are looked at after the buffer was read over.
    this.#onHead(Buffer.from(head.subarray(0, end)));
    return at + end - before;
  }

  #onHead(head: Buffer): void {
    const parsed = parseHead(head);
    const { status, rawHeaders, statusText } = parsed;
    if (status < 200) return;
    this.#closeAfter = parsed.closes;
    this.#left = parsed.length ?? 0;
    if (parsed.chunked) this.#part = 'chunk-size';
    else if (parsed.length !== undefined || status === 204 || status === 304) this.#part = 'length';
    else this.#part = 'until-close';
    this.#handler!.onHeaders(status, rawHeaders, noResume, statusText);
    if (this.#part === 'length' && this.#left === 0 && this.#handler !== undefined) this.#complete();
  }

  #readBody(data: Buffer, at: number, isWhole: boolean): number {
    const bytes = Math.min(this.#left, data.length - at);
    this.#left -= bytes;
    this.#handler!.onData(at === 0 && bytes === data.length ? data : data.subarray(at, at + bytes));
    if (this.#left > 0 || this.#handler === undefined) return at + bytes;
    if (isWhole) this.#complete();
    else this.#part = 'chunk-end';
    return at + bytes;
  }

  /** A line between chunks: a size, the break behind data, or a trailer. */
  #readLine(data: Buffer, at: number): number {
    const found = data.indexOf(LF, at);
    const end = found < 0 ? data.length : found + 1;
    const line = this.#kept === undefined ? data.subarray(at, end) : Buffer.concat([this.#kept, data.subarray(at, end)]);
    if (line.length > CHUNK_LINE_BYTES_MAX) throw malformed('chunk line too long');
    this.#kept = found < 0 ? Buffer.from(line) : undefined;
    if (found >= 0) this.#onLine(line.toString('latin1').trim());
    return end;
  }

  #onLine(line: string): void {
    if (this.#part === 'chunk-end') {
      if (line !== '') throw malformed('malformed chunked encoding');
      this.#part = 'chunk-size';
      return;
    }
    if (this.#part === 'trailer') {
      if (line === '') this.#complete();
      return;
    }
    const size = /^([0-9a-fA-F]{1,12})\s*(;.*)?$/.exec(line)?.[1];
    if (size === undefined) throw malformed('invalid byte in chunk length');
    this.#left = Number.parseInt(size, 16);
    this.#part = this.#left === 0 ? 'trailer' : 'chunk-data';
  }

  #complete(): void {
    const handler = this.#handler!;
    this.#handler = undefined;
    this.#part = 'idle';
    handler.onComplete();
    // The handler has given the lane back; without its connection it is of no use to anybody else.
    if (this.#closeAfter && this.#handler === undefined) this.pool.onDisconnect(this);
  }
}

interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly rawHeaders: Buffer[];
  readonly chunked: boolean;
  /** Content-Length; undefined when there is none. */
  readonly length: number | undefined;
  /** The connection ends with this answer. */
  readonly closes: boolean;
}

/** Reads a complete head, line breaks included. Throws HttpError `connection`. */
function parseHead(head: Buffer): Head {
  const text = head.toString('latin1');
  const lines = text.split(/\r?\n/);
  const statusLine = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(lines[0]!);
  if (statusLine === null) throw notHttp(lines[0]!);
  const rawHeaders: Buffer[] = [];
  let length: number | undefined;
  let chunked = false;
  let closes = statusLine[1] === '0';
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]!;
    if (line === '') continue;
    const colon = line.indexOf(':');
    if (colon <= 0) throw malformed(`malformed MIME header line: ${line.slice(0, 100)}`);
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    rawHeaders.push(Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1'));
    switch (name.toLowerCase()) {
      case 'content-length': length = contentLength(value, length); break;
      case 'transfer-encoding': chunked = isChunked(value); break;
      case 'connection': closes = /\bclose\b/i.test(value) || (closes && !/\bkeep-alive\b/i.test(value)); break;
    }
  }
  const noLength = !chunked && length === undefined;
  return { status: Number(statusLine[2]), statusText: statusLine[3] ?? '', rawHeaders, chunked, length: chunked ? undefined : length, closes: closes || noLength };
}

function contentLength(value: string, before: number | undefined): number {
  if (!/^\d{1,15}$/.test(value)) throw malformed(`bad Content-Length ${JSON.stringify(value)}`);
  const length = Number(value);
  if (before !== undefined && before !== length) throw malformed('http: message cannot contain multiple Content-Length headers');
  return length;
}

function isChunked(value: string): boolean {
  if (value.toLowerCase() === 'chunked') return true;
  throw malformed(`unsupported transfer encoding: ${JSON.stringify(value)}`);
}

/** The offset behind the empty line that ends a head, or -1. */
function endOfHead(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const next = bytes[at + 1] === 13 ? at + 2 : at + 1;
    if (bytes[next] === LF) return next + 1;
  }
  return -1;
}

function requestText(request: LaneRequest, route: DialRoute): string {
  const known = requestTexts.get(request.headers);
  if (known?.path === request.path) return known.text;
  const { headers, path } = request;
  let text = `GET ${path} HTTP/1.1\r\n`;
  let hasHost = false;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    hasHost ||= headers[i]!.toLowerCase() === 'host';
    text += `${headers[i]}: ${checkedValue(headers[i]!, headers[i + 1]!)}\r\n`;
  }
  const host = route.hostname.includes(':') ? `[${route.hostname}]` : route.hostname;
  if (!hasHost) text += `Host: ${host}${route.port === 80 ? '' : `:${route.port}`}\r\n`;
  text += '\r\n';
  requestTexts.set(headers, { path, text });
  return text;
}

/** A line break in a value would begin another header; other control characters and what is no Latin-1 cannot stand in one. */
function checkedValue(name: string, value: string): string {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if ((unit < BLANK && unit !== TAB) || unit === DELETE || unit > LATIN1_MAX) {
      throw new HttpError('configuration', `net/http: invalid header field value for ${JSON.stringify(name)}`);
    }
  }
  return value;
}

function isHttp(head: Buffer): boolean {
  return 'HTTP/1.'.startsWith(head.toString('latin1', 0, 7));
}

function notHttp(line: string): HttpError {
  return malformed(`malformed HTTP response ${JSON.stringify(line.slice(0, 100))}`);
}

function canceled(): HttpError {
  return new HttpError('connection', 'context canceled');
}

function malformed(text: string): HttpError {
  return new HttpError('connection', text.startsWith('malformed') ? text : `malformed HTTP response: ${text}`);
}

/** As undici says it, so that both lanes are understood alike. */
function peerClosed(): Error {
  return Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
}

function noResume(): void {
  // A handler of this lane never pauses.
}
