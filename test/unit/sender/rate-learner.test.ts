// The learner and the pacer against receivers that limit the rate, in virtual time: several requests in flight, answers after a while, refused requests
// that come again. Deterministic: the seed is part of each case.

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { Pacer } from '../../../src/sender/pace.ts';
import { Slope } from '../../../src/sender/slope.ts';

interface World {
  /** Whether the receiver takes so many items now. */
  readonly takes: (items: number, nowMs: number) => boolean;
  readonly seconds: number;
  /** Items of the backlog and of live data a second. */
  readonly backlog?: number;
  readonly live?: number;
  readonly bodyItems?: number;
  readonly latencyMs?: readonly [number, number];
  readonly parallel?: number;
  readonly retryAfterMs?: number;
  readonly seed?: number;
}

interface Request {
  readonly lane: 'live' | 'backfill';
  readonly items: number;
  readonly doneMs: number;
  readonly isTaken: boolean;
}

/** A token bucket of which the limit may change; it begins full. */
function bucket(limit: (seconds: number) => number, burst: number): World['takes'] {
  let tokens = burst;
  let lastMs = 0;
  return (items, nowMs) => {
    tokens = Math.min(burst, tokens + ((nowMs - lastMs) / 1000) * limit(nowMs / 1000));
    lastMs = nowMs;
    if (tokens < items) return false;
    tokens -= items;
    return true;
  };
}

/** What happened, and the items accepted in each tenth of the time. */
interface Result {
  refusals: number[];
  drainedSeconds: number | undefined;
  worstLagSeconds: number;
  perSecond: number[];
}

function run(world: World): Result {
  const { takes, seconds, backlog = Number.POSITIVE_INFINITY, live = 0, bodyItems = 2000, latencyMs = [5, 25], parallel = 1, retryAfterMs = 0 } = world;
  const clock = { ms: 0, nowMs: () => clock.ms, monotonicMs: () => clock.ms, after: () => ({ cancel: () => undefined }) };
  const random = seededRandom(world.seed ?? 1);
  const pacer = new Pacer(clock, { schedule: [] }, { initialItemsPerSecond: undefined, backfillShare: 0.05 });
  const result: Result = { refusals: [], drainedSeconds: undefined, worstLagSeconds: 0, perSecond: Array.from({ length: 10 }, () => 0) };
  let inFlight: Request[] = [];
  // A refused request comes again, cut to what is believed then: its items go back to where they came from.
  const left = { live: 0, backfill: backlog };
  let liveSecond = 0;
  let pausedUntilMs = 0;
  let liveDone = 0;
  let backlogDone = 0;

  /** Sends what may go; returns milliseconds until more may. */
  const send = (): number => {
    while (inFlight.length < parallel) {
      if (clock.ms < pausedUntilMs) return pausedUntilMs - clock.ms;
      const lane = left.live > 0 ? 'live' : 'backfill';
      const items = Math.floor(Math.min(left[lane], bodyItems, pacer.itemsMax()));
      if (items === 0) return Number.POSITIVE_INFINITY;
      const waitMs = pacer.take({ lane, items, bytes: items, rawBytes: items });
      if (waitMs > 0) return waitMs;
      left[lane] -= items;
      const tookMs = latencyMs[0] + random.next() * (latencyMs[1] - latencyMs[0]);
      inFlight.push({ lane, items, doneMs: clock.ms + tookMs, isTaken: takes(items, clock.ms + latencyMs[0] / 2) });
    }
    return Number.POSITIVE_INFINITY;
  };

  const answer = ({ lane, items, isTaken }: Request): void => {
    if (!isTaken) {
      left[lane] += items;
      result.refusals.push(clock.ms / 1000);
      pausedUntilMs = Math.max(pausedUntilMs, clock.ms + Math.max(pacer.limited(items), retryAfterMs));
      return;
    }
    pacer.accepted(items);
    result.perSecond[Math.min(9, Math.floor((clock.ms / seconds / 1000) * 10))]! += (items * 10) / seconds;
    if (lane === 'live') liveDone += items;
    else backlogDone += items;
    if (backlogDone >= backlog) result.drainedSeconds ??= clock.ms / 1000;
  };

  while (clock.ms < seconds * 1000 && result.drainedSeconds === undefined) {
    if (Math.floor(clock.ms / 1000) > liveSecond) {
      left.live += live * (Math.floor(clock.ms / 1000) - liveSecond);
      liveSecond = Math.floor(clock.ms / 1000);
    }
    if (clock.ms > 60_000 && live > 0) result.worstLagSeconds = Math.max(result.worstLagSeconds, liveSecond - liveDone / live);
    const waitMs = send();
    clock.ms = Math.min(clock.ms + waitMs, (liveSecond + 1) * 1000, ...inFlight.map(({ doneMs }) => doneMs));
    const done = inFlight.filter(({ doneMs }) => doneMs <= clock.ms);
    inFlight = inFlight.filter(({ doneMs }) => doneMs > clock.ms);
    for (const request of done) answer(request);
  }
  return result;
}

const after = (seconds: number, refusals: readonly number[]) => refusals.filter((at) => at > seconds);

describe('a limit of 10,000 items a second that nobody configured, live load 80 % of it and an hour of backlog', () => {
  const world = { live: 8000, backlog: 28_800_000, seconds: 16_000 };
  const least = world.backlog / 2000;
  it.each<{ burst: number } & Partial<World>>([
    { burst: 200_000, parallel: 4, latencyMs: [20, 100] },
    { burst: 200_000, parallel: 1, latencyMs: [20, 100] },
    { burst: 20_000, parallel: 4, latencyMs: [20, 100] },
    { burst: 2000, parallel: 4, latencyMs: [20, 100] },
    { burst: 2000, parallel: 1, latencyMs: [0.5, 2] },
    { burst: 2000, parallel: 4, latencyMs: [20, 100], bodyItems: 100_000 },
    { burst: 200_000, parallel: 4, latencyMs: [5, 25], bodyItems: 100_000 },
  ])('burst $burst, $parallel in flight, answers after $latencyMs ms: no refusal after a minute, drained in 1.1 of the least time, live data at most 10 s late', (own) => {
    const result = run({ ...world, ...own, takes: bucket(() => 10_000, own.burst) });
    expect(after(60, result.refusals)).toEqual([]);
    expect(result.drainedSeconds).toBeLessThanOrEqual(least * 1.1);
    expect(result.worstLagSeconds).toBeLessThanOrEqual(10);
  });

  it.each([1, 2, 3])('a receiver that asks for 6 s with each refusal, seed %i: the same', (seed) => {
    const result = run({ ...world, parallel: 1, seed, retryAfterMs: 6000, takes: bucket(() => 10_000, 200_000) });
    expect(after(60, result.refusals)).toEqual([]);
    expect(result.drainedSeconds).toBeLessThanOrEqual(least * 1.1);
  });

  // Each question costs 6 s here, in which a full bucket overflows: there is time for about six before a minute is over, too few for the last per mille.
  it.each([
    { burst: 2000, seed: 1 }, { burst: 2000, seed: 2 }, { burst: 2000, seed: 3 },
    { burst: 20_000, seed: 1 }, { burst: 20_000, seed: 2 }, { burst: 20_000, seed: 3 },
  ])('burst $burst, which 6 s fill many times over, seed $seed: found from the runs between the pauses, drained in 1.2 of the least time', ({ burst, seed }) => {
    const result = run({ ...world, seconds: 20_000, parallel: 4, seed, retryAfterMs: 6000, takes: bucket(() => 10_000, burst) });
    expect(after(60, result.refusals).length).toBeLessThan(20);
    expect(result.drainedSeconds).toBeLessThanOrEqual(least * 1.2);
  });
});

describe('a limit that changes', () => {
  it('downward is found again within seconds', () => {
    const { refusals, perSecond } = run({ seconds: 2000, takes: bucket((second) => (second < 1000 ? 10_000 : 5000), 100_000) });
    expect(after(1120, refusals)).toEqual([]);
    expect(perSecond[4]).toBeGreaterThan(9700);
    expect(perSecond[9]).toBeGreaterThan(4850);
  });

  it('upward is found after hours, one per cent at a time', () => {
    const { perSecond } = run({ seconds: 12 * 3600, takes: bucket((second) => (second < 600 ? 10_000 : 20_000), 100_000) });
    expect(perSecond[3]).toBeLessThan(10_000);
    expect(perSecond[9]).toBeGreaterThan(13_000);
  });

  it('a firm limit is asked about again only after six hours', () => {
    const { refusals } = run({ seconds: 6 * 3600, takes: bucket(() => 10_000, 100_000) });
    expect(after(60, refusals)).toEqual([]);
  });
});

describe('refusals that are no rate limit', () => {
  it('everything refused for two minutes: it is asked seldom, and the pace is free again within two minutes', () => {
    const { refusals, perSecond } = run({ seconds: 1000, takes: (_, nowMs) => nowMs < 100_000 || nowMs > 220_000 });
    expect(refusals.length).toBeLessThan(100);
    expect(perSecond[5]).toBeGreaterThan(0.9 * perSecond[0]!);
  });

  it('everything refused from the start: the size of the requests is doubted, and grows back', () => {
    const { perSecond } = run({ seconds: 1000, takes: (_, nowMs) => nowMs > 100_000 });
    expect(perSecond[9]).toBeGreaterThan(50_000);
  });

  it('a third refused at random does not stop what is accepted', () => {
    const random = seededRandom(5);
    const { perSecond } = run({ seconds: 1000, takes: () => random.next() > 0.3 });
    expect(Math.min(...perSecond.slice(2))).toBeGreaterThan(500);
  });
});

describe('the line through the refusals', () => {
  it('has the slope of its points, exact when they lie on it but for the size of a request', () => {
    const line = new Slope();
    for (let second = 0; second <= 10; second++) line.mark(5000 + second * 1000, 777 + second * 10_000);
    const { perSecond, error } = line.fit(500);
    expect(perSecond).toBeCloseTo(10_000);
    expect(error).toBeCloseTo(500 / Math.sqrt(12) / Math.sqrt(110));
    expect([line.marks, line.elapsedMs]).toEqual([11, 10_000]);
  });

  it('says how far the points are from it', () => {
    const line = new Slope();
    for (let second = 0; second <= 10; second++) line.mark(second * 1000, second * 1000 + (second % 2) * 600);
    expect(line.fit(1).error).toBeGreaterThan(25);
  });

  it('points at one moment have none', () => {
    const line = new Slope();
    line.mark(1, 1);
    line.mark(1, 2);
    expect(line.fit(1)).toEqual({ perSecond: 0, error: Number.POSITIVE_INFINITY });
  });
});
