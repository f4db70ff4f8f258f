// What can be wrong with the fake API server: connections that fall silent, break after so many bytes, or are slow; one kind whose events come later than
// the others'; answers that refuse. The bodies of answers feel it in outlet.ts.

import type { ServerResponse } from 'node:http';
import type { Clock } from '../../../src/io/clock.ts';
import { Outlet } from './outlet.ts';

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

export class FaultState implements Faults {
  readonly #clock: Clock;
  readonly #held = new Set<string>();
  readonly #outlets = new Set<Outlet>();
  readonly #listeners = new Set<() => void>();
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
    const cutAfterBytes = this.#takeCut();
    const outlet = new Outlet({ response, resource, faults: this, clock: this.#clock, cutAfterBytes });
    this.#outlets.add(outlet);
    void outlet.closed.then(() => this.#outlets.delete(outlet));
    return outlet;
  }

  #takeCut(): number | undefined {
    if (this.#cut.times === 0) return undefined;
    this.#cut.times--;
    return this.#cut.bytes;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
