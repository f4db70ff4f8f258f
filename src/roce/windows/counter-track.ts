// One hardware counter over many windows and samplers. A sampler unrolls the wraps that it sees; one that starts anew, or whose source was gone, begins with
// what the hardware says. So that neither looks like a reset, the wraps known before are added again where that is plausible.

import { wrapShare } from '../delta.ts';
import type { CounterRules, WindowRow } from '../reduction.ts';

export class CounterTrack {
  readonly #rules: Pick<CounterRules, 'bits' | 'saturates' | 'multiplier'>;
  #addition = 0;
  /** In units; NaN before the first reading. */
  value = NaN;

  constructor(rules: Pick<CounterRules, 'bits' | 'saturates' | 'multiplier'>) {
    this.#rules = rules;
  }

  /** Takes a window; returns the units since the last one, those of windows between them that never came included. After a reset it is what the window counted. */
  take(row: Pick<WindowRow, 'total' | 'units' | 'resets'>): number {
    if (Number.isNaN(row.total)) return 0;
    const before = this.value;
    if (row.resets > 0) this.#addition = 0;
    else if (row.total + this.#addition < before) this.#unroll(row);
    this.value = row.total + this.#addition;
    return row.resets === 0 && this.value >= before ? this.value - before : row.units;
  }

  /** The number went back without a reset that the sampler saw. */
  #unroll({ total, units }: Pick<WindowRow, 'total' | 'units'>): void {
    const { bits, saturates, multiplier } = this.#rules;
    const range = 2 ** bits * multiplier;
    const behind = this.value - (total + this.#addition);
    const addition = Math.ceil(behind / range) * range;
    // What was counted while nobody looked.
    const unseen = addition - behind - units;
    const isWrapped = !saturates && bits < 64 && unseen <= wrapShare * range;
    this.#addition = isWrapped ? this.#addition + addition : 0;
  }
}
