// Which codec a destination gets. The preferred one is given up only on proof: a body was refused in it with 400 or 415, and the same
// samples were accepted in the next one. Since a proxy can bring that about by chance, the preferred codec is tried again after a minute,
// then after twice that time and so on up to a day, and as soon as the connection had broken: another receiver may answer now.

import type { Clock } from '../io/clock.ts';
import type { Codec } from '../destinations/profile.ts';

const PROBE_MIN_MS = 60_000;
const PROBE_MAX_MS = 86_400_000;

export class CodecChoice {
  readonly #order: readonly Codec[];
  readonly #clock: Clock;
  #isRefused = false;
  #refusedAtMs = 0;
  #probeDelayMs = PROBE_MIN_MS;

  constructor(order: readonly Codec[], clock: Clock) {
    this.#order = order;
    this.#clock = clock;
  }

  /** The codec for the next body. */
  next(): Codec {
    const [preferred] = this.#order;
    if (preferred === undefined) return 'snappy';
    return this.#isRefused && this.#clock.monotonicMs() < this.#refusedAtMs + this.#probeDelayMs ? 'snappy' : preferred;
  }

  /** The codec that is known to work or preferred; does not change for a probe. */
  inUse(): Codec {
    return this.#isRefused ? 'snappy' : (this.#order[0] ?? 'snappy');
  }

  /** A body was accepted in its own codec. */
  accepted(codec: Codec): void {
    if (codec === 'snappy') return;
    this.#isRefused = false;
    this.#probeDelayMs = PROBE_MIN_MS;
  }

  /** The proof: a body was refused in the preferred codec and accepted in snappy. */
  proveRefused(): void {
    if (this.#isRefused) this.#probeDelayMs = Math.min(this.#probeDelayMs * 2, PROBE_MAX_MS);
    this.#isRefused = true;
    this.#refusedAtMs = this.#clock.monotonicMs();
  }

  /** The connection broke. The next body probes, unless the last probe is less than a minute old. */
  reconnected(): void {
    if (this.#isRefused && this.#clock.monotonicMs() >= this.#refusedAtMs + PROBE_MIN_MS) this.#refusedAtMs = Number.NEGATIVE_INFINITY;
  }
}
