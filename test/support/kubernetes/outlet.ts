// The body of one answer of the fake API server on its way out, where faults are felt: it waits while the server is silent, is slow, and breaks off after
// so many bytes.

import type { ServerResponse } from 'node:http';
import { sleep, type Clock } from '../../../src/io/clock.ts';
import type { FaultState } from './faults.ts';

/** Bytes that a slow stream sends at once. */
const SLOW_PIECE_BYTES = 256;

interface OutletOptions {
  readonly response: ServerResponse;
  readonly resource: string;
  readonly faults: FaultState;
  readonly clock: Clock;
  readonly cutAfterBytes: number | undefined;
}

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
