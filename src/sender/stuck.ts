// When a body that is put off again and again (429, 5xx) is the reason itself: while others pass, or, for a rate limit that may be one of series, when it
// was never tried in smaller bits. Its parts are suspects. They are cut further as long as others pass, and one that cannot be cut is kept aside. As long
// as nothing passes it is the receiver that is ill, and nothing is cut or kept aside.

import type { RetryReason } from './verdict.ts';

/** So often, or for so long (milliseconds); suspects are cut again sooner. */
const STUCK = { refusals: 20, ofSuspect: 10, afterMs: 600_000 };

/** Answers that put a piece off: how many, since when (monotonic), and how many bodies had been accepted before the first. */
export interface PutOff {
  readonly count: number;
  readonly sinceMs: number;
  readonly accepted: number;
}

/** Bodies that had been accepted when the body was cut. */
export interface Suspicion {
  readonly accepted: number;
}

interface Held {
  readonly putOff: PutOff | undefined;
  readonly suspect: Suspicion | undefined;
}

export interface Present {
  /** Bodies accepted by now. */
  readonly accepted: number;
  /** Monotonic. */
  readonly nowMs: number;
}

/** One more answer that puts it off. Counting begins again while nothing else passes either. */
export function putOffAgain({ putOff, suspect }: Held, reason: RetryReason, { accepted, nowMs }: Present): PutOff {
  const isOutage = suspect === undefined && reason !== 'rate_limit' && putOff?.accepted === accepted;
  const since = isOutage || putOff === undefined ? { sinceMs: nowMs, accepted, count: 0 } : putOff;
  return { ...since, count: since.count + 1 };
}

/** Whether smaller bits of it should be tried. */
export function isStuck({ putOff, suspect }: Held, reason: RetryReason, { accepted, nowMs }: Present): boolean {
  if (putOff === undefined) return false;
  const isOften = putOff.count >= STUCK.refusals;
  if (suspect === undefined) return (isOften || nowMs - putOff.sinceMs >= STUCK.afterMs) && (accepted > putOff.accepted || reason === 'rate_limit');
  return accepted > suspect.accepted && (isOften || (putOff.count >= STUCK.ofSuspect && accepted > putOff.accepted));
}

/** Whether a stuck piece that cannot be cut is given up. A rate limit that meets so little is no rate limit; an ill receiver gets the time to recover. */
export function isHopeless({ putOff, suspect }: Held, reason: RetryReason, { accepted, nowMs }: Present): boolean {
  if (putOff === undefined || putOff.count < STUCK.refusals || accepted <= (suspect ?? putOff).accepted) return false;
  return reason === 'rate_limit' || nowMs - putOff.sinceMs >= STUCK.afterMs;
}
