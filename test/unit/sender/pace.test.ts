import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/io/clock.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { activePeriod, Pacer } from '../../../src/sender/pace.ts';

class ManualClock implements Clock {
  ms = 0;
  nowMs = () => 1_700_000_000_000 + this.ms;
  monotonicMs = () => this.ms;
  after(): never {
    throw new Error('no timers here');
  }
}

interface World {
  readonly limit: number;
  readonly burst: number;
  readonly live: number;
  readonly backlog: number;
  /** Seconds of virtual time. */
  readonly seconds: number;
  /** Items in a request at most, whatever the pacer says. */
  readonly bodyItems: number;
  readonly retryAfterMs?: number;
}

/** One request at a time against a token bucket, live data first: what an answer does to the pace, in virtual time. */
function run({ limit, burst, live, backlog, seconds, bodyItems, retryAfterMs }: World) {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const pacer = new Pacer(clock, { schedule: [] }, { initialItemsPerSecond: undefined, backfillShare: 0.05 });
  let tokens = burst;
  let filledMs = 0;
  let liveSent = 0;
  let backlogLeft = backlog;
  let lateRefusals = 0;
  let worstLagSeconds = 0;
  let drainedSeconds: number | undefined;
  while (clock.ms < seconds * 1000) {
    const liveDue = Math.floor(clock.ms / 1000) * live - liveSent;
    if (backlogLeft === 0) drainedSeconds ??= clock.ms / 1000;
    worstLagSeconds = Math.max(worstLagSeconds, clock.ms < 60_000 ? 0 : liveDue / live);
    const lane = liveDue > 0 ? 'live' : 'backfill';
    const items = Math.min(lane === 'live' ? liveDue : backlogLeft, bodyItems, pacer.itemsMax());
    if (items === 0) {
      clock.ms += 10;
      continue;
    }
    const waitMs = pacer.take({ lane, items, bytes: items * 4, rawBytes: items * 30 });
    if (waitMs > 0) {
      clock.ms += Math.min(waitMs, 1000);
      continue;
    }
    clock.ms += 5 + random.next() * 20;
    tokens = Math.min(burst, tokens + ((clock.ms - filledMs) / 1000) * limit);
    filledMs = clock.ms;
    if (items > tokens) {
      if (clock.ms > 60_000) lateRefusals++;
      clock.ms += Math.max(pacer.limited(items), retryAfterMs ?? 0);
      continue;
    }
    tokens -= items;
    pacer.accepted(items);
    if (lane === 'live') liveSent += items;
    else backlogLeft -= items;
  }
  return { lateRefusals, drainedSeconds, worstLagSeconds };
}

describe('a limit of 10,000 items a second that nobody configured', () => {
  const world = { limit: 10_000, live: 8000, backlog: 28_800_000, seconds: 16_000 };
  const least = world.backlog / (world.limit - world.live);
  it.each([
    { burst: 200_000, bodyItems: 2000 },
    { burst: 200_000, bodyItems: 20_000 },
    { burst: 20_000, bodyItems: 2000 },
    { burst: 2000, bodyItems: 2000 },
    { burst: 2000, bodyItems: 100_000 },
    { burst: 200_000, bodyItems: 2000, retryAfterMs: 6000 },
  ])('burst $burst, requests of $bodyItems, Retry-After $retryAfterMs: no refusal after a minute, drained in 1.1 of the least time, live data at most 10 s late', (own) => {
    const result = run({ ...world, ...own });
    expect(result.lateRefusals).toBe(0);
    expect(result.drainedSeconds).toBeLessThanOrEqual(least * 1.1);
    expect(result.worstLagSeconds).toBeLessThanOrEqual(10);
  });
});

describe('configured ceilings', () => {
  const make = (settings: object) => new Pacer(new ManualClock(), { schedule: [], ...settings }, { initialItemsPerSecond: undefined, backfillShare: 0.05 });

  it('a request holds at most a second of the pace, and a quarter of the burst', () => {
    expect(make({ itemsPerSecond: 6000 }).itemsMax()).toBe(6000);
    expect(make({ itemsPerSecond: 6000, burstItems: 8000 }).itemsMax()).toBe(2000);
    expect(make({}).itemsMax()).toBe(Number.POSITIVE_INFINITY);
  });

  it('a request has at most a second of the bandwidth', () => {
    expect(make({ bytesPerSecond: 32_000 }).bytesMax()).toBe(32_000);
    expect(make({}).bytesMax()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the daily schedule', () => {
  const at = (text: string) => Date.parse(`2026-01-01T${text}:00Z`);
  const night = { fromMinute: 22 * 60, toMinute: 6 * 60, bytesPerSecond: 1000 };
  it('a period may cross midnight', () => {
    expect(activePeriod([night], at('23:30'))).toBe(night);
    expect(activePeriod([night], at('05:59'))).toBe(night);
    expect(activePeriod([night], at('06:00'))).toBeUndefined();
  });
});
