// Which message and codec a destination gets. A preferred one is given up only on proof: a body was refused in it with 400 or 415 (or accepted
// without a word about what was written), and the same samples were accepted in a later one. Since a proxy can bring that about by chance, the first
// one is tried again after a minute, then after twice that time and so on up to a day, and as soon as the connection had broken: another
// receiver may answer now. A receiver that said plainly that it does not know the message is asked again after a day.

import type { Protocol } from '../destinations/profile.ts';
import type { Clock } from '../io/clock.ts';

const PROBE_MIN_MS = 60_000;
const PROBE_MAX_MS = 86_400_000;

export class ProtocolChoice {
  readonly #order: readonly Protocol[];
  readonly #clock: Clock;
  /** Index of the one that works; those before it were refused. */
  #index = 0;
  /** Accepted since the connection broke last. */
  #isProven = false;
  #refusedAtMs = 0;
  #probeDelayMs = PROBE_MIN_MS;
  #isPlain = false;

  constructor(order: readonly Protocol[], clock: Clock) {
    this.#order = order;
    this.#clock = clock;
  }

  /** What is known to work or preferred; does not change for a probe. */
  inUse(): Protocol {
    return this.#order[this.#index]!;
  }

  /** For the next body to be sent: the first one again when a probe is due. One body probes at a time. `only1`: the body cannot be said in 2.0. */
  next(only1 = false): Protocol {
    const is1 = ({ message }: Protocol) => message === '1.0';
    if (only1) return this.#order.slice(this.#index).find(is1) ?? this.#order.find(is1)!;
    if (this.#index === 0 || this.#clock.monotonicMs() < this.#refusedAtMs + this.#probeDelayMs) return this.inUse();
    // Whoever comes meanwhile does not probe, too; if this body never ends, the next probe is due as if it had been refused.
    this.#refusedAtMs = this.#clock.monotonicMs();
    return this.#order[0]!;
  }

  /** What to try after `refused`; undefined when there is nothing else. */
  after(refused: Protocol): Protocol | undefined {
    return this.#order[this.#order.indexOf(refused) + 1];
  }

  /** Whether the receiver has shown that it understands this one. */
  isProven(protocol: Protocol): boolean {
    return this.#isProven && protocol === this.inUse();
  }

  /** A body was accepted in what it was sent in first. */
  accepted(protocol: Protocol): void {
    const index = this.#order.indexOf(protocol);
    // An answer to a body that was on its way when a better one was found.
    if (index > this.#index) return;
    if (index < this.#index) this.#probeDelayMs = PROBE_MIN_MS;
    this.#index = index;
    this.#isProven = true;
  }

  /** The proof: a body was refused in `refused` and accepted in `accepted`. `isPlain`: the receiver told that it does not know the message. */
  proveRefused(refused: Protocol, accepted: Protocol, isPlain: boolean): void {
    const isProbe = this.#index > 0 && refused === this.#order[0];
    // What a body was refused in that could not be said in 2.0 tells nothing about 2.0; what was on its way is known by now.
    if (refused !== this.inUse() && !isProbe) return;
    this.#isPlain = isPlain;
    if (isPlain) this.#probeDelayMs = PROBE_MAX_MS;
    else if (isProbe) this.#probeDelayMs = Math.min(this.#probeDelayMs * 2, PROBE_MAX_MS);
    this.#index = this.#order.indexOf(accepted);
    this.#isProven = true;
    this.#refusedAtMs = this.#clock.monotonicMs();
  }

  /** The connection broke. The next body probes, unless the last probe is less than a minute old or the receiver had told plainly. */
  reconnected(): void {
    this.#isProven = false;
    if (this.#index > 0 && !this.#isPlain && this.#clock.monotonicMs() >= this.#refusedAtMs + PROBE_MIN_MS) this.#refusedAtMs = Number.NEGATIVE_INFINITY;
  }
}
