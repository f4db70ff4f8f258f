// What can be wrong with the fake API server, and the way out of every answer, which feels it: a connection that falls silent, breaks after so many
// bytes, or is slow; one kind whose events come later than the others'; answers that refuse.

import type { ServerResponse } from 'node:http';
import { sleep, type Clock } from '../../../src/io/clock.ts';

/** An answer in place of the right one. */
export interface PlannedRefusal {
  readonly status: 429 | 500 | 503;
  /** How many requests get it. */
  readonly times: number;
  /** With 429. Default 1. */
  readonly retryAfterSeconds?: number;
  /** Only requests for this resource, such as `pods`. */
  readonly resource?: string;
  readonly verb?: string;
}

export interface Faults {
  /** Ends open streams (of one resource, or all) without a goodbye. */
  cutStreams(resource?: string): void;
  /** Each of the next `times` answers is cut after so many bytes of its body. */
  cutAfter(bytes: number, times: number): void;
  /** Bytes per second of each stream, on the fake's clock; undefined: as fast as it goes. */
  slow(bytesPerSecond: number | undefined): void;
  /** Connections stay open, nothing is sent any more, whatever is asked, until `speak`. What was held then goes out on what is still open. */
  silence(): void;
  speak(): void;
  /** Events and bookmarks of a resource wait until `release`. */
  hold(resource: string): void;
  release(resource: string): void;
  refuse(refusal: PlannedRefusal): void;
}

/** Bytes that a slow stream sends at once. */
const SLOW_PIECE_BYTES = 256;

export class FaultState implements Faults {
  readonly #clock: Clock;
  readonly #held = new Set<string>();
  readonly #outlets = new Set<Outlet>();
  #listeners = new Set<() => void>();
  #refusals: { plan: PlannedRefusal; left: number }[] = [];
  #cut = { bytes: 0, times: 0 };
  #isSilent = false;
  bytesPerSecond: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  cutStreams(resource?: string): void {
    for (const outlet of this.#outlets) if (resource === undefined || outlet.resource === resource) outlet.destroy();
  }

  cutAfter(bytes: number, times: number): void {
    this.#cut = { bytes, times };
  }

  slow(bytesPerSecond: number | undefined): void {
    this.bytesPerSecond = bytesPerSecond;
  }

  silence(): void {
    this.#isSilent = true;
  }

  speak(): void {
    this.#isSilent = false;
    this.#tell();
  }

  hold(resource: string): void {
    this.#held.add(resource);
  }

  release(resource: string): void {
    this.#held.delete(resource);
    this.#tell();
  }

  isHeld(resource: string): boolean {
    return this.#held.has(resource);
  }

  refuse(plan: PlannedRefusal): void {
    this.#refusals.push({ plan, left: plan.times });
  }

  /** The refusal this request gets, which is one less afterwards. */
  takeRefusal(resource: string, verb: string): PlannedRefusal | undefined {
    const found = this.#refusals.find(({ plan, left }) => left > 0 && (plan.resource ?? resource) === resource && (plan.verb ?? verb) === verb);
    if (found === undefined) return undefined;
    found.left--;
    this.#refusals = this.#refusals.filter(({ left }) => left > 0);
    return found.plan;
  }

  /** Calls back when a fault ends, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when something may be sent, or when `outlet` has closed. */
  async speaking(outlet: { readonly isClosed: boolean; readonly closed: Promise<void> }): Promise<void> {
    while (this.#isSilent && !outlet.isClosed) {
      let stop = () => {};
      await Promise.race([outlet.closed, new Promise<void>((resolve) => void (stop = this.onChange(resolve)))]);
      stop();
    }
  }

  outlet(response: ServerResponse, resource: string): Outlet {
    const cutAfterBytes = this.#cut.times-- > 0 ? this.#cut.bytes : undefined;
    const outlet = new Outlet({ response, resource, faults: this, clock: this.#clock, cutAfterBytes });
    this.#outlets.add(outlet);
    void outlet.closed.then(() => this.#outlets.delete(outlet));
    return outlet;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

interface OutletOptions {
  readonly response: ServerResponse;
  readonly resource: string;
  readonly faults: FaultState;
  readonly clock: Clock;
  readonly cutAfterBytes: number | undefined;
}

/** The body of one answer. */
export class Outlet {
  readonly resource: string;
  readonly closed: Promise<void>;
  readonly #response: ServerResponse;
  readonly #options: OutletOptions;
  #left: number;
  #isClosed = false;

  constructor(options: OutletOptions) {
    const { response, resource, cutAfterBytes = Number.POSITIVE_INFINITY } = options;
    this.#options = options;
    this.#response = response;
    this.resource = resource;
    this.#left = cutAfterBytes;
    this.closed = new Promise((resolve) => void response.once('close', () => {
      this.#isClosed = true;
      resolve();
    }));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async begin(status: number, headers: Readonly<Record<string, string>>): Promise<void> {
    await this.#options.faults.speaking(this);
    if (this.#isClosed) return;
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
  }

  /** Resolves when more may be written. */
  async write(bytes: Uint8Array): Promise<void> {
    const { faults, clock } = this.#options;
    let rest = bytes;
    while (rest.length > 0 && !this.#isClosed) {
      await faults.speaking(this);
      const { bytesPerSecond } = faults;
      const piece = bytesPerSecond === undefined ? rest : rest.subarray(0, SLOW_PIECE_BYTES);
      if (bytesPerSecond !== undefined) await Promise.race([this.closed, sleep(clock, (piece.length / bytesPerSecond) * 1000)]);
      await this.#send(piece);
      rest = rest.subarray(piece.length);
    }
  }

  async end(): Promise<void> {
    await this.#options.faults.speaking(this);
    this.#response.end();
  }

  /** Ends the connection without a goodbye. */
  destroy(): void {
    this.#isClosed = true;
    this.#response.socket?.resetAndDestroy();
  }

  async #send(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) return;
    const passed = bytes.subarray(0, this.#left);
    this.#left -= passed.length;
    if (this.#left === 0) return this.#sendLast(passed);
    if (this.#response.write(passed)) return;
    await Promise.race([this.closed, new Promise((resolve) => void this.#response.once('drain', resolve))]);
  }

  async #sendLast(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#response.write(bytes, () => resolve());
      void this.closed.then(resolve);
    });
    // A clean end of the connection lets the bytes arrive before; a reset would throw them away at the other side.
    this.#isClosed = true;
    this.#response.socket?.end();
    this.#response.socket?.destroySoon();
  }
}
