// Connections per host, on undici's Client; the only file that knows undici. A lane is one connection that carries one request at a time (no
// pipelining), so it is always known which request a failure belongs to and whether its connection had served another one before. An idle
// lane disappears when its connection ends; nothing has to be told when a target goes away.

import type { Socket } from 'node:net';
import { Client } from 'undici';
import { dial } from './dial.ts';
import type { DialRoute, Dialer, Dialling } from './dial.ts';
import { HttpError } from './error.ts';

/** Headers beyond this are an attack or a mistake; Node's 16 KiB would refuse some large cookies, Go allows 1 MiB. */
const HEADER_BYTES_MAX = 1024 * 1024;

/** undici's low-level handler in the form that hands over raw header buffers and chunks without copies. */
export interface LaneHandler {
  onConnect(abort: (error?: Error) => void): void;
  onResponseStarted(): void;
  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean;
  onData(chunk: Buffer): boolean;
  onComplete(): void;
  onError(error: Error): void;
}

export interface LaneRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value ... */
  readonly headers: string[];
  readonly body?: Uint8Array;
}

export interface HostPoolOptions {
  readonly route: DialRoute;
  readonly origin: string;
  readonly dialer: Dialer;
  readonly idleMax: number;
  readonly keepAliveMs: number;
  /** Called when the last lane is gone. */
  readonly onEmpty: () => void;
}

export class HostPool {
  readonly options: HostPoolOptions;
  readonly #idle: Lane[] = [];
  readonly #all = new Set<Lane>();
  /** Lanes of an older epoch are not used again. */
  #epoch = 0;
  #tlsGeneration = 0;

  constructor(options: HostPoolOptions) {
    this.options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  /** A lane for one request: the one used last, which is the least likely to have been closed by the server, or a new one. */
  acquire(tlsGeneration: number): Lane {
    if (tlsGeneration !== this.#tlsGeneration) {
      this.#tlsGeneration = tlsGeneration;
      this.retire();
    }
    return this.#idle.pop() ?? this.open();
  }

  /** A lane with a new connection. */
  open(): Lane {
    const lane = new Lane(this, this.#epoch);
    this.#all.add(lane);
    return lane;
  }

  /** Takes back a lane whose request has ended. */
  release(lane: Lane): void {
    if (lane.epoch !== this.#epoch || this.#idle.length >= this.options.idleMax) return this.drop(lane);
    this.#idle.push(lane);
  }

  /** The lane's connection is ended; a request on it fails. */
  drop(lane: Lane): void {
    if (!this.#all.delete(lane)) return;
    const at = this.#idle.indexOf(lane);
    if (at !== -1) this.#idle.splice(at, 1);
    lane.destroy();
    if (this.#all.size === 0) this.options.onEmpty();
  }

  /** An idle lane lost its connection. */
  onDisconnect(lane: Lane): void {
    if (this.#idle.includes(lane)) this.drop(lane);
  }

  /** Closes idle lanes; busy ones close when they are released. */
  retire(): void {
    this.#epoch++;
    for (const lane of this.#idle.splice(0)) this.drop(lane);
  }
}

export class Lane {
  readonly epoch: number;
  readonly pool: HostPool;
  readonly #client: Client;
  #dialling: Dialling | undefined;
  #dials = 0;
  #dialsBefore = 0;

  constructor(pool: HostPool, epoch: number) {
    this.pool = pool;
    this.epoch = epoch;
    this.#client = new Client(pool.options.origin, {
      pipelining: 1,
      keepAliveTimeout: pool.options.keepAliveMs,
      keepAliveMaxTimeout: pool.options.keepAliveMs,
      maxHeaderSize: HEADER_BYTES_MAX,
      // The request's own deadline covers both.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => this.#connect(callback),
    });
    this.#client.on('disconnect', () => pool.onDisconnect(this));
  }

  /** Sends one request. The caller releases or drops the lane when the handler has been told the end. */
  dispatch(request: LaneRequest, handler: LaneHandler): void {
    this.#dialsBefore = this.#dials;
    this.#client.dispatch(request, handler);
  }

  /** Whether the current request went out on a connection that an earlier request had opened. */
  get reused(): boolean {
    return this.#dialsBefore > 0 && this.#dials === this.#dialsBefore;
  }

  destroy(): void {
    this.#dialling?.abandon(new HttpError('connection', 'context canceled'));
    this.#client.destroy().catch(() => undefined);
  }

  #connect(callback: (...result: [null, Socket] | [Error, null]) => void): void {
    this.#dials++;
    const { route, dialer } = this.pool.options;
    this.#dialling = dial(route, dialer, (error, socket) => {
      this.#dialling = undefined;
      if (socket !== undefined) return callback(null, socket);
      callback(error ?? new HttpError('connection', 'EOF'), null);
    });
  }
}
