// Connections per host. An idle lane disappears when its connection ends; nothing has to be told when a target goes away.

import type { DialRoute, Dialer } from './dial.ts';
import type { Lane, LaneOwner } from './lane.ts';
import { PlainLane } from './plain-lane.ts';
import { UndiciLane } from './undici-lane.ts';

export interface HostPoolOptions {
  readonly route: DialRoute;
  readonly origin: string;
  readonly dialer: Dialer;
  /** Only GETs without TLS and proxy go here. */
  readonly plain: boolean;
  readonly idleMax: number;
  readonly keepAliveMs: number;
  /** See HttpClientOptions. */
  readonly maxAgeMs: number | undefined;
  /** Called when the last lane is gone. */
  readonly onEmpty: () => void;
}

export class HostPool implements LaneOwner {
  readonly options: HostPoolOptions;
  readonly #idle: Lane[] = [];
  readonly #all = new Set<Lane>();
  /** Lanes of an older epoch are not used again. */
  #epoch = 0;
  #tlsGeneration = 0;
  #closed = false;

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
    for (let lane = this.#idle.pop(); lane !== undefined; lane = this.#idle.pop()) {
      if (!this.#isTooOld(lane)) return lane;
      this.drop(lane);
    }
    return this.open();
  }

  /** A lane with a new connection. */
  open(): Lane {
    const lane = this.options.plain ? new PlainLane(this, this.#epoch, this.options) : new UndiciLane(this, this.#epoch, this.options);
    this.#all.add(lane);
    return lane;
  }

  /** Takes back a lane whose request has ended. */
  release(lane: Lane): void {
    if (this.#closed || lane.epoch !== this.#epoch || this.#idle.length >= this.options.idleMax || this.#isTooOld(lane)) return this.drop(lane);
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

  onFailure(): void {
    if (this.options.maxAgeMs !== undefined) this.retire();
  }

  /** Closes idle lanes; busy ones close when they are released. */
  retire(): void {
    this.#epoch++;
    for (const lane of this.#idle.splice(0)) this.drop(lane);
  }

  /** As `retire`, and from now on no lane is kept for a later request. */
  close(): void {
    this.#closed = true;
    this.retire();
  }

  #isTooOld(lane: Lane): boolean {
    const { maxAgeMs, dialer } = this.options;
    return maxAgeMs !== undefined && maxAgeMs > 0 && dialer.clock.monotonicMs() - lane.openedMs >= maxAgeMs;
  }
}
