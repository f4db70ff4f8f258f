// The client's side for tests of an API server: sends requests and reads answers in both encodings, with full schemas and without hurry. Shares nothing
// with the collector's own client.

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Agent, request, type Dispatcher } from 'undici';
import { decodeMessage, readEnvelope } from './protobuf.ts';

export interface PeerSettings {
  readonly url: string;
  /** Of somebody who may do everything. '' sends none. */
  readonly token: string;
  /** PEM file of the authority of its certificate. */
  readonly caFile?: string;
}

/** An object as either encoding gives it. Numbers and times of protobuf are as its schemas have them. */
export interface ReadObject {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Already decompressed. */
  readonly bytes: Buffer;
  readonly object: ReadObject;
}

export interface ReadEvent {
  readonly type: string;
  readonly object: ReadObject;
}

export interface AskOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly query?: Readonly<Record<string, string>>;
  readonly accept?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
export const PROTOBUF_STREAM = 'application/vnd.kubernetes.protobuf;stream=watch';

/** Partial object metadata in an encoding; `kind` with `List` for lists. */
export function partial(type: string, kind = 'PartialObjectMetadata'): string {
  return `${type};as=${kind};g=meta.k8s.io;v=v1`;
}

export class ApiReader {
  readonly #settings: PeerSettings;
  readonly #agent: Agent;

  constructor(settings: PeerSettings) {
    this.#settings = settings;
    // A connection for each request: a restart of the server shall not meet one that is kept alive.
    this.#agent = new Agent({ pipelining: 0, ...(settings.caFile === undefined ? {} : { connect: { ca: readFileSync(settings.caFile) } }) });
  }

  async ask(path: string, options: AskOptions = {}): Promise<Answer> {
    const { statusCode: status, headers, body } = await this.#send(path, options);
    const received = Buffer.from(await body.arrayBuffer());
    const bytes = headers['content-encoding'] === 'gzip' ? gunzipSync(received) : received;
    return { status, headers, bytes, object: readAnswer(bytes, String(headers['content-type'])) };
  }

  /** Opens a watch. Its events come one by one until `close`, or until the server ends it. */
  async watch(path: string, options: AskOptions = {}): Promise<EventStream> {
    const { statusCode, headers, body } = await this.#send(path, { ...options, query: { watch: '1', ...options.query } });
    return new EventStream(statusCode, String(headers['content-type']), body);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #send(path: string, { method = 'GET', query = {}, accept = JSON_TYPE, token = this.#settings.token, body, headers = {} }: AskOptions) {
    return request(`${this.#settings.url}${path}`, {
      method,
      query,
      dispatcher: this.#agent,
      headers: { accept, ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'content-type': JSON_TYPE }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

export class EventStream {
  readonly status: number;
  readonly #isProtobuf: boolean;
  readonly #body: Dispatcher.ResponseData['body'];
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(status: number, contentType: string, body: Dispatcher.ResponseData['body']) {
    this.status = status;
    this.#isProtobuf = contentType.startsWith(PROTOBUF_TYPE);
    this.#body = body;
    this.#pieces = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** undefined when the stream has ended. Rejects when the connection broke. */
  async next(): Promise<ReadEvent | undefined> {
    for (;;) {
      const event = this.#take();
      if (event !== undefined) return event;
      const { done = false, value } = await this.#pieces.next();
      if (done) return undefined;
      this.#rest = Buffer.concat([this.#rest, value as Buffer]);
    }
  }

  async take(count: number): Promise<ReadEvent[]> {
    const events: ReadEvent[] = [];
    while (events.length < count) {
      const event = await this.next();
      if (event === undefined) break;
      events.push(event);
    }
    return events;
  }

  /** Until the server ends the stream. */
  all(): Promise<ReadEvent[]> {
    return this.take(Number.POSITIVE_INFINITY);
  }

  close(): void {
    this.#body.on('error', () => {}).destroy();
  }

  #take(): ReadEvent | undefined {
    const length = this.#frameLength();
    if (length === undefined) return undefined;
    const frame = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    if (!this.#isProtobuf) return JSON.parse(frame.toString()) as ReadEvent;
    const { type, object } = decodeMessage('WatchEvent', frame.subarray(4)) as { type: string; object: { raw: Uint8Array } };
    return { type, object: readProtobuf(object.raw) };
  }

  /** undefined while the frame is not complete. */
  #frameLength(): number | undefined {
    if (!this.#isProtobuf) return this.#rest.indexOf(10) === -1 ? undefined : this.#rest.indexOf(10) + 1;
    const length = this.#rest.length < 4 ? Number.POSITIVE_INFINITY : 4 + this.#rest.readUInt32BE(0);
    return length <= this.#rest.length ? length : undefined;
  }
}

function readAnswer(bytes: Buffer, contentType: string): ReadObject {
  if (contentType.startsWith(PROTOBUF_TYPE)) return readProtobuf(bytes);
  return contentType.startsWith(JSON_TYPE) ? (JSON.parse(bytes.toString()) as ReadObject) : {};
}

function readProtobuf(bytes: Uint8Array): ReadObject {
  const { apiVersion, kind, raw } = readEnvelope(bytes);
  if (!kind.endsWith('List')) return { apiVersion, kind, ...decodeMessage(kind, raw) };
  const { metadata, items } = decodeMessage('RawList', raw) as { metadata: Record<string, unknown>; items: Uint8Array[] };
  return { apiVersion, kind, metadata, items: items.map((item) => decodeMessage(kind.slice(0, -4), item)) };
}
