// A lane on undici's Client: TLS, proxies, requests with bodies. The only file that knows undici.

import type { Socket } from 'node:net';
import { Client } from 'undici';
import { dial } from './dial.ts';
import type { DialRoute, Dialer, Dialling } from './dial.ts';
import { HttpError } from './error.ts';
import { HEADER_BYTES_MAX } from './lane.ts';
import type { Lane, LaneHandler, LaneOwner, LaneRequest } from './lane.ts';

export interface UndiciLaneOptions {
  readonly route: DialRoute;
  readonly origin: string;
  readonly dialer: Dialer;
  readonly keepAliveMs: number;
}

export class UndiciLane implements Lane {
  readonly epoch: number;
  readonly pool: LaneOwner;
  readonly openedMs: number;
  isConnected = false;
  readonly #options: UndiciLaneOptions;
  readonly #client: Client;
  #dialling: Dialling | undefined;
  #dials = 0;
  #dialsBefore = 0;

  constructor(pool: LaneOwner, epoch: number, options: UndiciLaneOptions) {
    this.pool = pool;
    this.epoch = epoch;
    this.#options = options;
    this.openedMs = options.dialer.clock.monotonicMs();
    this.#client = new Client(options.origin, {
      pipelining: 1,
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMs,
      maxHeaderSize: HEADER_BYTES_MAX,
      // The request's own deadline covers both.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => this.#connect(callback),
    });
    this.#client.on('disconnect', () => pool.onDisconnect(this));
  }

  dispatch(request: LaneRequest, handler: LaneHandler): void {
    this.#dialsBefore = this.#dials;
    this.#client.dispatch(request, handler);
  }

  get reused(): boolean {
    return this.#dialsBefore > 0 && this.#dials === this.#dialsBefore;
  }

  destroy(): void {
    this.#dialling?.abandon(new HttpError('connection', 'context canceled'));
    this.#client.destroy().catch(() => undefined);
  }

  #connect(callback: (...result: [null, Socket] | [Error, null]) => void): void {
    this.#dials++;
    this.isConnected = false;
    const { route, dialer } = this.#options;
    this.#dialling = dial(route, dialer, (error, socket) => {
      this.#dialling = undefined;
      this.isConnected = socket !== undefined;
      if (socket !== undefined) return callback(null, socket);
      callback(error ?? new HttpError('connection', 'EOF'), null);
    });
  }
}
