// How long to wait before the same request goes out again.

import type { Random } from './random.ts';

/** Retry-After is believed up to ten minutes: a mistaken header must not stop a destination for a day. */
export const RETRY_AFTER_MAX_MS = 600_000;

/** Where a person has to act, 20 s doubling to 5 min: soon enough after the repair, seldom enough for the receiver's log. */
export const SLOW_BACKOFF = { minMs: 20_000, maxMs: 300_000 };

export interface BackoffRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Full jitter: anywhere between nothing and the range's minimum doubled per attempt, up to its maximum. `attempt` counts from 0. */
export function fullJitter(range: BackoffRange, attempt: number, random: Random): number {
  return random.next() * ceiling(range, attempt);
}

/** Equal jitter, for slow retries: at least half of the step. */
export function equalJitter(range: BackoffRange, attempt: number, random: Random): number {
  return ceiling(range, attempt) * (0.5 + random.next() / 2);
}

function ceiling(range: BackoffRange, attempt: number): number {
  return Math.min(range.maxMs, range.minMs * 2 ** Math.min(attempt, 40));
}

/** Milliseconds that a Retry-After header asks for, from now; undefined without a usable one. Seconds or an HTTP date; the past is ignored. */
export function parseRetryAfter(header: string | readonly string[] | undefined, nowMs: number): number | undefined {
  const text = (typeof header === 'string' ? header : header?.[0])?.trim();
  if (text === undefined || text === '') return undefined;
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return waitMs > 0 ? Math.min(waitMs, RETRY_AFTER_MAX_MS) : undefined;
}
