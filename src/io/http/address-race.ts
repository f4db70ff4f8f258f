// One TCP connection to a name with several addresses (RFC 8305, "happy eyeballs"): attempts start one after another, a quarter of a second apart or
// as soon as one has failed, and go on beside each other; the first that connects wins. Node's own `autoSelectFamily` gives each address up
// before it tries the next, so that on a link slower than that time nothing but the last address can ever be reached.

import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';
import type { Random } from '../random.ts';
import type { Lookup, RefuseAddress } from './types.ts';

/** Head start of an address over the next one, as RFC 8305 recommends. */
export const ATTEMPT_DELAY_MS = 250;
/** Addresses of a name that are tried: one name with hundreds of them must not open hundreds of sockets. */
export const ADDRESSES_MAX = 8;

/** Code of the error when none of the addresses may be connected to. */
export const ADDRESS_REFUSED = 'ADDRESS_REFUSED';

export interface RaceOptions {
  /** A name, or an address without brackets. */
  readonly hostname: string;
  readonly clock: Clock;
  readonly lookup: Lookup;
  /** Begins at a random one of the addresses instead of the one that the resolver prefers. */
  readonly roundRobin: Random | undefined;
  /** Addresses it gives a reason for are left out. */
  readonly refuseAddress?: RefuseAddress | undefined;
  /** Begins to connect to an address. */
  readonly open: (address: string) => Socket;
}

export interface Race {
  /** Ends all attempts; the callback is not called any more. */
  abandon(): void;
}

/** Calls back exactly once unless it is abandoned: with a connected socket without listeners of ours, or with why the first address failed. */
export type RaceEnd = (error: unknown, socket: Socket | undefined) => void;

export function raceAddresses(options: RaceOptions, callback: RaceEnd): Race {
  return new AddressRace(options, callback);
}

class AddressRace implements Race {
  readonly #options: RaceOptions;
  readonly #callback: RaceEnd;
  #waiting: string[] = [];
  readonly #running = new Map<Socket, () => void>();
  #next: Timer | undefined;
  #firstError: unknown;
  #done = false;

  constructor(options: RaceOptions, callback: RaceEnd) {
    this.#options = options;
    this.#callback = callback;
    const { hostname, lookup } = options;
    if (isIP(hostname) !== 0) this.#begin([hostname]);
    else lookup(hostname, { all: true }, (error, addresses) => this.#onLookup(error, addresses));
  }

  abandon(): void {
    this.#done = true;
    this.#next?.cancel();
    for (const [socket, forget] of this.#running) {
      forget();
      socket.on('error', ignore).destroy();
    }
    this.#running.clear();
  }

  #onLookup(error: Error | null, addresses: readonly LookupAddress[]): void {
    if (this.#done) return;
    if (error !== null) return this.#end(error, undefined);
    if (addresses.length === 0) return this.#end(Object.assign(new Error('no addresses'), { code: 'ENODATA' }), undefined);
    this.#begin(orderAddresses(addresses, this.#options.roundRobin));
  }

  /** With no address left the race ends in a later turn, as every other end does. */
  #begin(addresses: string[]): void {
    const { hostname, refuseAddress } = this.#options;
    const reasons = addresses.map((address) => refuseAddress?.(hostname, address));
    this.#waiting = addresses.filter((_, i) => reasons[i] === undefined);
    if (this.#waiting.length > 0) return this.#startNext();
    const error = Object.assign(new Error(`address refused: ${reasons[0]}`), { code: ADDRESS_REFUSED, address: addresses[0] });
    queueMicrotask(() => !this.#done && this.#end(error, undefined));
  }

  #startNext(): void {
    const address = this.#waiting.shift();
    if (address === undefined) return;
    const socket = this.#options.open(address);
    const onError = (error: unknown) => this.#onFailed(socket, error);
    const onConnect = () => this.#end(undefined, socket);
    this.#running.set(socket, () => socket.off('error', onError).off('connect', onConnect));
    socket.once('error', onError).once('connect', onConnect);
    if (this.#waiting.length > 0) this.#next = this.#options.clock.after(ATTEMPT_DELAY_MS, () => this.#startNext());
  }

  #onFailed(socket: Socket, error: unknown): void {
    this.#running.get(socket)?.();
    this.#running.delete(socket);
    socket.on('error', ignore).destroy();
    this.#firstError ??= error;
    this.#next?.cancel();
    if (this.#waiting.length > 0) return this.#startNext();
    if (this.#running.size === 0) this.#end(this.#firstError, undefined);
  }

  #end(error: unknown, winner: Socket | undefined): void {
    if (winner !== undefined) {
      this.#running.get(winner)?.();
      this.#running.delete(winner);
    }
    this.abandon();
    this.#callback(error, winner);
  }
}

/** Families take turns, beginning with the one that the resolver puts first: a broken family costs one head start. */
export function orderAddresses(addresses: readonly LookupAddress[], roundRobin: Random | undefined): string[] {
  const first = addresses.filter(({ family }) => family === addresses[0]!.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]!.family);
  const turns = addresses.flatMap((_, i) => [first[i], second[i]].filter((entry) => entry !== undefined)).map(({ address }) => address);
  const start = roundRobin === undefined ? 0 : Math.floor(roundRobin.next() * turns.length);
  return [...turns.slice(start), ...turns.slice(0, start)].slice(0, ADDRESSES_MAX);
}

function ignore(): void {
  // A socket that was given up may still report an error.
}
