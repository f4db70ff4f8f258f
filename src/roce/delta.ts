// The delta engine: two readings of a counter become what was counted between them, or the reason why that is not known. A counter that goes
// back has wrapped, when it is narrow and the way around is plausible, or was reset; one that reached its largest value may have missed more.

import { plausibleShare, type CounterRules } from './reduction.ts';

export type Step =
  | { readonly kind: 'counted' | 'wrapped'; readonly units: number }
  /** The counter began again: what it counted before that is not known, so nothing is claimed. */
  | { readonly kind: 'reset'; readonly units: 0 };

/** A wrap without a line rate to judge by is believed when the counter has not gone further than this share of its range. */
export const wrapShare = 1 / 16;

/** What a counter counted between two readings `elapsedNs` apart. */
export function stepOf(before: bigint, now: bigint, elapsedNs: number, rules: CounterRules): Step {
  if (now >= before) return { kind: 'counted', units: Number(now - before) * rules.multiplier };
  if (rules.saturates || rules.bits >= 64) return { kind: 'reset', units: 0 };
  const range = 1n << BigInt(rules.bits);
  // A reading that does not fit the width means that the width is wrong: no wrap can be worked out.
  if (before >= range) return { kind: 'reset', units: 0 };
  const units = Number(now + range - before) * rules.multiplier;
  const most = rules.lineRate > 0 ? (plausibleShare * rules.lineRate * elapsedNs) / 1e9 : Number(range) * wrapShare * rules.multiplier;
  return units <= most ? { kind: 'wrapped', units } : { kind: 'reset', units: 0 };
}

/** Stands at the largest value of its width: there may have been more than it says. */
export function isSaturated(value: bigint, rules: CounterRules): boolean {
  return rules.bits < 64 && value === (1n << BigInt(rules.bits)) - 1n;
}
