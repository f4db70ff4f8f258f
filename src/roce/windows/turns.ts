// When what did not move is sent again: once a minute, a part of the ports with each window, so that batches are even. Rows of statistics that are sent by turns
// alone share an allowance: few of them are sent once a minute, many less often, but never so seldom that a query for the last value would miss them.

import type { Moment, Outlet } from './outlets.ts';

/** What did not move is sent again after so long. */
export const repeatMs = 60_000;
/** Prometheus looks back five minutes for the last value. */
const slowRepeatMsMax = 240_000;
/** Samples a second, for the whole node. */
const slowAllowance = 1;

export class Turns {
  readonly #windowMs: number;
  /** Places of the outlets that are sent by turns alone. */
  readonly #slow = new Map<Outlet, number>();

  constructor(windowMs: number, outlets: Iterable<Outlet>) {
    this.#windowMs = windowMs;
    for (const outlet of outlets) if (isSlow(outlet)) this.#slow.set(outlet, this.#slow.size);
  }

  /** The moments of one window; the function takes the place of the outlet's port. */
  at(windowMs: number, timestampMs: number): (outlet: Outlet, port: number) => Moment {
    const turn = Math.floor(windowMs / this.#windowMs);
    const usual = Math.max(1, Math.floor(repeatMs / this.#windowMs));
    const slow = Math.max(usual, this.#slowTurns());
    return (outlet, port) => {
      const place = this.#slow.get(outlet);
      const turns = place === undefined ? usual : slow;
      return { timestampMs, windowMs: this.#windowMs, isTurn: (turn + (place ?? port)) % turns === 0, repeatMs: turns * this.#windowMs };
    };
  }

  /** Rows that stand at 0 are not sent at all, and take no turn. */
  #slowTurns(): number {
    let rows = 0;
    for (const outlet of this.#slow.keys()) if ('value' in outlet && outlet.value > 0) rows++;
    return Math.ceil(Math.min(rows / slowAllowance, slowRepeatMsMax / 1000) / (this.#windowMs / 1000));
  }
}

function isSlow(outlet: Outlet): boolean {
  return 'traits' in outlet && outlet.traits.isSlow === true;
}
