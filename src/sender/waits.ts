// Waits that can be cut short: a destination that stops, or gets new settings, does not sit out its backoff.

import type { Clock } from '../io/clock.ts';

export class Waits {
  readonly #clock: Clock;
  readonly #open = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `delayMs`, or at the next `wakeAll`. Without a delay only `wakeAll` ends it. */
  wait(delayMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = delayMs === undefined ? undefined : this.#clock.after(delayMs, () => end());
      const end = () => {
        timer?.cancel();
        this.#open.delete(end);
        resolve();
      };
      this.#open.add(end);
    });
  }

  wakeAll(): void {
    for (const end of this.#open) end();
  }
}
