// Series that do not go where they should: nowhere at all, or not to their owner. Their samples are counted by reason and owner. They are kept apart from branches, because a
// hundred owners without a destination must not make a hundred images.

import type { Unrouted } from '../route/route.ts';
import type { ExtraSample } from './page-samples.ts';
import { MARKER, VALUE } from './scratch.ts';
import type { Scratch } from './scratch.ts';

export class Strays {
  readonly #of = new Map<number, Unrouted>();

  /** Undefined: it goes where it should. */
  set(id: number, unrouted: Unrouted | undefined): void {
    if (unrouted !== undefined) this.#of.set(id, unrouted);
    else if (this.#of.size > 0) this.#of.delete(id);
  }

  /** Tells the samples of a scrape, markers left out. Returns those of series that go nowhere, markers included. */
  count(scratch: Scratch, extras: readonly ExtraSample[], tell: (unrouted: Unrouted, samples: number) => void): number {
    if (this.#of.size === 0) return 0;
    const samples = new Map<Unrouted, number>();
    let nowhere = 0;
    const add = (unrouted: Unrouted, count: number) => {
      samples.set(unrouted, (samples.get(unrouted) ?? 0) + count);
      if (unrouted.isNowhere) nowhere += count;
    };
    for (const [id, unrouted] of this.#of) {
      if (scratch.seen[id] === VALUE) add(unrouted, 1);
      else if (scratch.seen[id] === MARKER && unrouted.isNowhere) nowhere++;
    }
    for (const { id } of extras) {
      const unrouted = this.#of.get(id);
      if (unrouted !== undefined) add(unrouted, 1);
    }
    for (const [unrouted, count] of samples) tell(unrouted, count);
    return nowhere;
  }

  /** Tells samples that had waited and do not go where they should after all. They are no part of the scrape at hand. */
  countLate(late: readonly ExtraSample[], tell: (unrouted: Unrouted, samples: number) => void): void {
    for (const { id } of late) {
      const unrouted = this.#of.get(id);
      if (unrouted !== undefined) tell(unrouted, 1);
    }
  }
}
