// The addresses of the API servers that this collector knows, so that no document makes it send there: it has credentials that such a server believes.
// Addresses are known at once, names are resolved when they are first heard of and once a minute, because they move.

import { isIP } from 'node:net';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Lookup } from '../../io/http/types.ts';
import { networks, parseNetwork } from './network.ts';

/** How long a server that has moved is not recognised. Milliseconds. */
const REFRESH_MS = 60_000;

export interface ApiServersOptions {
  readonly clock: Clock;
  readonly lookup: Lookup;
  /** Names and addresses, without port and brackets. */
  readonly hosts: () => readonly string[];
}

export class ApiServers {
  readonly #options: ApiServersOptions;
  /** Last known addresses by name. */
  readonly #addresses = new Map<string, readonly string[]>();
  #timer: Timer | undefined;

  constructor(options: ApiServersOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer === undefined) this.#refresh();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Whether a name or an address is one of theirs. */
  has(hostOrAddress: string): boolean {
    const hosts = this.#options.hosts();
    if (isIP(hostOrAddress) !== 0) return networks(hosts.flatMap((host) => this.#of(host)).flatMap((address) => parseNetwork(address) ?? []))(hostOrAddress);
    const asked = hostOrAddress.toLowerCase().replace(/\.$/, '');
    return hosts.some((host) => host.toLowerCase() === asked);
  }

  #of(host: string): readonly string[] {
    if (isIP(host) !== 0) return [host];
    if (!this.#addresses.has(host)) this.#resolve(host);
    return this.#addresses.get(host) ?? [];
  }

  #refresh(): void {
    for (const host of this.#options.hosts()) if (isIP(host) === 0) this.#resolve(host);
    this.#timer = this.#options.clock.after(REFRESH_MS, () => this.#refresh());
  }

  /** A name that cannot be resolved now keeps its addresses. */
  #resolve(host: string): void {
    if (!this.#addresses.has(host)) this.#addresses.set(host, []);
    this.#options.lookup(host, { all: true }, (error, found) => {
      if (error === null) this.#addresses.set(host, found.map(({ address }) => address));
    });
  }
}
