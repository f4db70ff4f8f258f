// A Kubernetes API server for tests, on a free port of the loopback: list with paging, watch with bookmarks, watch-list, both encodings, metadata-only
// answers, selectors, RBAC, leases; and faults by command. It behaves as kube-apiserver does; test/conformance/kubernetes-api.test.ts states what
// that means and can be run against a real one.
//
//     const server = await startFakeApiServer();
//     server.put({ kind: 'Pod', metadata: { name: 'a', namespace: 'default' }, spec: { containers: [] } });
//     ... server.url ... server.requests ... server.faults.cutStreams() ...
//     await server.close();

import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { systemClock, type Clock } from '../../../src/io/clock.ts';
import { AccessControl, authorize, type Access } from './access.ts';
import { encodeObject, encodeObjectList, encodeStatus } from './encoding.ts';
import { FaultState, type Faults, type PlannedRefusal } from './faults.ts';
import { listPage } from './list.ts';
import { chooseForm, contentType, PROTOBUF_TYPE, withoutProtobuf, type Form } from './negotiation.ts';
import type { Outlet } from './outlet.ts';
import { isTrue, readBody, verbOf, type Ask, type LoggedRequest } from './request.ts';
import { parsePath, resourceNamed, resourceOfKind } from './resources.ts';
import { Refusal, tooManyRequests } from './status.ts';
import { Store, type Draft, type KubeObject } from './store.ts';
import { WatchStream } from './watch-stream.ts';
import { createObject, deleteObject, getObject, putObject, updateObject } from './write.ts';

export type { Access, Rule, User } from './access.ts';
export type { Faults, PlannedRefusal } from './faults.ts';
export type { LoggedRequest, Verb } from './request.ts';
export type { KubeObject } from './store.ts';

export interface FakeApiServerOptions {
  /** Of bookmarks, timeouts, slow streams and creation times. Default: the system's. */
  readonly clock?: Clock;
  /** Whether it knows `sendInitialEvents`; else it answers 422 to it. Default true. */
  readonly watchList?: boolean;
  /** Whether it speaks protobuf; else JSON is all it gives. Default true. */
  readonly protobuf?: boolean;
  /** A page of a list has at most so many items, whatever limit is asked for. Default: the limit. */
  readonly pageItemsMax?: number;
  /** Serves TLS with test/fixtures/tls/server.pem. */
  readonly tls?: boolean;
}

export interface FakeApiServer {
  /** `http://127.0.0.1:port`, or `https://`. */
  readonly url: string;
  /** Everything that was asked of resources, in order, also what was refused. */
  readonly requests: readonly LoggedRequest[];
  readonly faults: Faults;
  readonly access: Access;
  watchList: boolean;
  /** Adds an object or replaces the one of its name; gives its new version. Fails on a field that protobuf could not carry. */
  put(object: KubeObject): string;
  /** Adds an object that is made anew whenever it is asked for. */
  putDraft(draft: Draft): string;
  /** `kind` is the word of the path, such as `pods`; namespace '' for what belongs to none. False when there was none. */
  remove(kind: string, namespace: string, name: string): boolean;
  /** The newest version. */
  version(): string;
  /** Streams that are open, of one resource or all. */
  openStreams(resource?: string): number;
  /** Every stream that wants bookmarks gets one now. */
  sendBookmarks(): void;
  /** Old versions are gone: lists, continued lists and watches of them are refused with 410. */
  compact(): void;
  /** All connections end; the watch cache starts empty, so that watches of old versions are refused, while etcd still has them for lists. */
  restart(): void;
  /** Connections are refused (reset as soon as they are made) until `up`. */
  down(): void;
  up(): void;
  close(): Promise<void>;
}

/** Above this, lists are compressed for clients that take it. */
const GZIP_FROM_BYTES = 128 * 1024;

export async function startFakeApiServer(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
  const server = new ApiServer(options);
  await server.listen();
  return server;
}

class ApiServer implements FakeApiServer {
  url = '';
  watchList: boolean;
  readonly requests: LoggedRequest[] = [];
  readonly faults: FaultState;
  readonly access = new AccessControl();
  readonly #store = new Store();
  readonly #streams = new Map<WatchStream, string>();
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #isTls: boolean;
  readonly #pageItemsMax: number;
  readonly #hasProtobuf: boolean;
  #isDown = false;

  constructor({ clock = systemClock, watchList = true, protobuf = true, tls = false, pageItemsMax = Number.POSITIVE_INFINITY }: FakeApiServerOptions) {
    this.#clock = clock;
    this.watchList = watchList;
    this.#hasProtobuf = protobuf;
    this.#isTls = tls;
    this.#pageItemsMax = pageItemsMax;
    this.faults = new FaultState(clock);
    const listener: RequestListener = (request, response) => void this.#serve(request, response);
    this.#server = tls ? createHttpsServer(tlsFiles(), listener) : createHttpServer(listener);
    this.#server.on('connection', (socket) => this.#isDown && socket.resetAndDestroy());
    // A watch is quiet for as long as nothing happens.
    this.#server.requestTimeout = 0;
    this.#server.keepAliveTimeout = 60_000;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `${this.#isTls ? 'https' : 'http'}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(object: KubeObject): string {
    return String(putObject(this.#store, resourceOfKind(object.kind), object, this.#now()).version);
  }

  putDraft(draft: Draft): string {
    return String(this.#store.put(draft).version);
  }

  remove(kind: string, namespace: string, name: string): boolean {
    return this.#store.remove(resourceNamed(kind), namespace, name) !== undefined;
  }

  version(): string {
    return String(this.#store.version);
  }

  openStreams(resource?: string): number {
    return [...this.#streams.values()].filter((one) => resource === undefined || one === resource).length;
  }

  sendBookmarks(): void {
    for (const stream of this.#streams.keys()) stream.bookmark();
  }

  compact(): void {
    this.#store.compact();
  }

  restart(): void {
    this.#store.forgetWatchCache();
    this.#server.closeAllConnections();
  }

  down(): void {
    this.#isDown = true;
    this.#server.closeAllConnections();
  }

  up(): void {
    this.#isDown = false;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const path = parsePath(pathname);
    const query = Object.fromEntries(searchParams);
    const verb = path === undefined ? undefined : verbOf(request.method, path, query);
    const outlet = this.faults.outlet(response, path?.type.plural ?? '');
    if (path === undefined || verb === undefined) return answer(outlet, 404, { 'Content-Type': 'text/plain' }, Buffer.from('404 page not found\n'));
    const { type, namespace, name } = path;
    const entry: LoggedRequest = { verb, resource: type.plural, namespace, name, query, accept: request.headers.accept ?? '', atMs: this.#clock.nowMs(), status: 0 };
    this.requests.push(entry);
    const body = await readBody(request);
    await this.#answer({ ...path, verb, query, headers: request.headers }, body, outlet, entry).catch((error: unknown) => refuse(outlet, error, request, entry));
  }

  async #answer(ask: Ask, body: Buffer, outlet: Outlet, entry: LoggedRequest): Promise<void> {
    const { verb, query, headers } = ask;
    const planned = this.faults.takeRefusal(ask.type.plural, verb);
    if (planned !== undefined) throw refusalOf(planned);
    const user = this.access.authenticate(headers.authorization);
    if (user !== undefined) authorize(user, verb, ask, query['fieldSelector'] ?? '');
    const partialKind = verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
    const form = chooseForm(this.#hasProtobuf ? headers.accept : withoutProtobuf(headers.accept), { type: ask.type, partialKind });
    if (verb === 'watch') return this.#watch(ask, form, outlet, entry);
    entry.status = verb === 'create' ? 201 : 200;
    const bytes = verb === 'list' ? this.#list(ask, form) : encodeObject(this.#one(ask, body), form);
    await answer(outlet, entry.status, { 'Content-Type': contentType(form, false) }, bytes, verb === 'list' && /\bgzip\b/.test(headers['accept-encoding'] ?? ''));
  }

  #list(ask: Ask, form: Form): Buffer {
    if (isTrue(ask.query['sendInitialEvents'])) throw new Refusal(422, 'Invalid', 'sendInitialEvents is forbidden for list');
    const { metadata, items } = listPage(this.#store, ask, this.#pageItemsMax);
    return encodeObjectList(ask.type, form, metadata, items);
  }

  async #watch(ask: Ask, form: Form, outlet: Outlet, entry: LoggedRequest): Promise<void> {
    const context = { store: this.#store, faults: this.faults, clock: this.#clock, hasWatchList: this.watchList };
    const stream = new WatchStream(context, ask, form, outlet);
    entry.status = 200;
    this.#streams.set(stream, ask.type.plural);
    await stream.run().finally(() => this.#streams.delete(stream));
  }

  #one(ask: Ask, body: Buffer) {
    if (ask.verb === 'create') return createObject(this.#store, ask, body, this.#now());
    if (ask.verb === 'update') return updateObject(this.#store, ask, body, this.#now());
    return ask.verb === 'delete' ? deleteObject(this.#store, ask) : getObject(this.#store, ask);
  }

  /** In whole seconds, as the API has it. */
  #now(): string {
    return `${new Date(this.#clock.nowMs()).toISOString().slice(0, 19)}Z`;
  }
}

function tlsFiles(): { key: Buffer; cert: Buffer } {
  const file = (name: string) => readFileSync(join(import.meta.dirname, '../../fixtures/tls', name));
  return { key: file('server-key.pem'), cert: file('server.pem') };
}

const compress = promisify(gzip);

async function answer(outlet: Outlet, status: number, headers: Readonly<Record<string, string>>, bytes: Buffer, isGzipTaken = false): Promise<void> {
  const isCompressed = isGzipTaken && bytes.length > GZIP_FROM_BYTES;
  const body = isCompressed ? await compress(bytes, { level: 1 }) : bytes;
  await outlet.begin(status, { ...headers, 'Content-Length': String(body.length), ...(isCompressed ? { 'Content-Encoding': 'gzip' } : {}) });
  await outlet.write(body);
  await outlet.end();
}

function refusalOf({ status, retryAfterSeconds = 1 }: PlannedRefusal): Refusal {
  if (status === 429) return tooManyRequests(retryAfterSeconds);
  return status === 503 ? new Refusal(503, 'ServiceUnavailable', 'the server is currently unable to handle the request') : new Refusal(500, 'InternalError', 'Internal error occurred');
}

/** A refusal has the encoding of what was asked, except the one that says that none fits. Anything else is a mistake in the fake or in the test, which its answer tells. */
async function refuse(outlet: Outlet, error: unknown, request: IncomingMessage, entry: LoggedRequest): Promise<void> {
  const refusal = error instanceof Refusal ? error : new Refusal(500, 'InternalError', `fake API server: ${error instanceof Error ? error.stack ?? '' : String(error)}`);
  const wantsProtobuf = (request.headers.accept ?? '').startsWith(PROTOBUF_TYPE) && refusal.code !== 406;
  const form: Form = { encoding: wantsProtobuf ? 'protobuf' : 'json', isPartial: false };
  entry.status = refusal.code;
  await answer(outlet, refusal.code, { 'Content-Type': contentType(form, false), ...refusal.headers }, encodeStatus(refusal, form.encoding));
}
