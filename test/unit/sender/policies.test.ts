// The small policies of the gate, each alone: breaker, concurrency, clock guard, delay, forecast, level.

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { Breaker } from '../../../src/sender/breaker.ts';
import { ClockGuard } from '../../../src/sender/clock-guard.ts';
import { Concurrency } from '../../../src/sender/concurrency.ts';
import { forecastDrain, outageHours, RateMeter } from '../../../src/sender/forecast.ts';
import { LiveDelay } from '../../../src/sender/live-delay.ts';
import { zstdLevel } from '../../../src/sender/zstd-level.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';

const START_MS = 1_700_000_000_000;

/** Wall time may jump, monotonic time does not. */
function createClock() {
  const clock = {
    ms: 0,
    wallOffsetMs: START_MS,
    nowMs: () => clock.wallOffsetMs + clock.ms,
    monotonicMs: () => clock.ms,
    after: () => ({ cancel: () => undefined }),
  };
  return clock;
}

describe('Breaker', () => {
  const make = () => {
    const clock = createClock();
    return { clock, breaker: new Breaker({ clock, random: seededRandom(3), minMs: 30, maxMs: 5000 }) };
  };

  it('is open from the first failure to the first success', () => {
    const { breaker } = make();
    expect(breaker.isOpen).toBe(false);
    breaker.failed('fast', undefined);
    expect(breaker.isOpen).toBe(true);
    breaker.succeeded();
    expect([breaker.isOpen, breaker.waitMs()]).toEqual([false, 0]);
  });

  it('waits longer from failure to failure, up to max_backoff', () => {
    const { clock, breaker } = make();
    let longest = 0;
    for (let i = 0; i < 60; i++) {
      breaker.failed('fast', undefined);
      longest = Math.max(longest, breaker.waitMs());
      if (i < 3) expect(breaker.waitMs()).toBeLessThanOrEqual(30 * 2 ** i);
      clock.ms += breaker.waitMs();
    }
    expect(longest).toBeGreaterThan(2500);
    expect(longest).toBeLessThanOrEqual(5000);
  });

  it('several requests that fail together count once', () => {
    const { breaker } = make();
    breaker.failed('park', undefined);
    const waitMs = breaker.waitMs();
    breaker.failed('fast', 1);
    expect(breaker.waitMs()).toBe(waitMs);
  });

  it('where a person has to act it asks after 10 to 20 s, later within 5 min', () => {
    const { clock, breaker } = make();
    breaker.failed('park', undefined);
    expect(breaker.waitMs()).toBeGreaterThanOrEqual(10_000);
    for (let i = 0; i < 20; i++) {
      clock.ms += breaker.waitMs();
      breaker.failed('park', undefined);
      expect(breaker.waitMs()).toBeLessThanOrEqual(300_000);
    }
  });

  it('failures of the link before do not lengthen the first pause where a person has to act', () => {
    const { clock, breaker } = make();
    for (let i = 0; i < 30; i++) {
      breaker.failed('fast', undefined);
      clock.ms += breaker.waitMs();
    }
    breaker.failed('park', undefined);
    expect(breaker.waitMs()).toBeLessThanOrEqual(20_000);
  });

  it('a request that took long to fail has waited already', () => {
    const { clock, breaker } = make();
    for (let i = 0; i < 20; i++) {
      breaker.failed('fast', undefined, 5000);
      expect(breaker.waitMs()).toBeLessThanOrEqual(30);
      clock.ms += breaker.waitMs();
    }
  });

  it('Retry-After wins', () => {
    const { breaker } = make();
    breaker.failed('fast', 60_000);
    expect(breaker.waitMs()).toBeGreaterThanOrEqual(60_000);
    expect(breaker.waitMs()).toBeLessThanOrEqual(60_030);
  });

  it('new settings end the wait, and the next request is a probe all the same', () => {
    const { breaker } = make();
    breaker.failed('park', undefined);
    breaker.reset({ minMs: 30, maxMs: 5000 });
    expect([breaker.waitMs(), breaker.isOpen]).toEqual([0, true]);
  });
});

describe('Concurrency', () => {
  /** Rounds of as many requests as allowed; each answer takes what `latencyMs` says for that number. */
  const run = (concurrency: Concurrency, rounds: number, latencyMs: (parallel: number) => number) => {
    for (let i = 0; i < rounds; i++) {
      const parallel = concurrency.limit;
      for (let k = 0; k < parallel; k++) concurrency.started();
      for (let k = 0; k < parallel; k++) concurrency.ended({ latencyMs: latencyMs(parallel), bytes: 1, outcome: 'good' });
    }
  };

  it('begins with one and rises while answers stay quick, up to the configured number', () => {
    const concurrency = new Concurrency(8);
    expect(concurrency.limit).toBe(1);
    run(concurrency, 100, () => 100);
    expect(concurrency.limit).toBe(8);
  });

  it('stays at a few where requests share the bandwidth', () => {
    const concurrency = new Concurrency(8);
    run(concurrency, 200, (parallel) => 2000 * parallel);
    expect(concurrency.limit).toBeLessThanOrEqual(3);
  });

  it('falls when the receiver is overloaded, to one at the least', () => {
    const concurrency = new Concurrency(8);
    run(concurrency, 100, () => 100);
    for (let i = 0; i < 20; i++) {
      concurrency.started();
      concurrency.ended({ latencyMs: 100, bytes: 1, outcome: 'overload' });
    }
    expect(concurrency.limit).toBe(1);
  });

  it('does not rise while it is not used', () => {
    const concurrency = new Concurrency(8);
    run(concurrency, 3, () => 100);
    const { limit } = concurrency;
    for (let i = 0; i < 100; i++) {
      concurrency.started();
      concurrency.ended({ latencyMs: 100, bytes: 1, outcome: 'good' });
    }
    expect(concurrency.limit).toBe(limit);
  });
});

describe('ClockGuard', () => {
  const make = (isEnabled = true) => {
    const clock = createClock();
    return { clock, guard: new ClockGuard({ clock, logger: silentLogger, isEnabled }) };
  };
  /** An answer of a receiver whose clock is behind ours by so much. */
  const answer = (clock: ReturnType<typeof createClock>, skewMs: number) => {
    clock.ms += 1000;
    return { dateMs: Math.floor((clock.nowMs() - skewMs) / 1000) * 1000, receivedAtMs: clock.nowMs(), roundTripMs: 40 };
  };

  it('without an answer our own clock counts', () => {
    const { clock, guard } = make();
    expect([guard.skewMs, guard.isHeld(clock.nowMs() + 119_000), guard.isHeld(clock.nowMs() + 121_000)]).toEqual([undefined, false, true]);
  });

  it('less than two seconds are no skew', () => {
    const { clock, guard } = make();
    for (let i = 0; i < 9; i++) guard.observe(answer(clock, 700));
    expect(guard.skewMs).toBe(0);
  });

  it('holds what a clock that is an hour ahead has stamped, until its time has come for the receiver', () => {
    const { clock, guard } = make();
    for (let i = 0; i < 9; i++) guard.observe(answer(clock, 3_600_000));
    const stampedMs = clock.nowMs();
    expect(guard.isHeld(stampedMs)).toBe(true);
    expect(guard.isDue(stampedMs)).toBe(false);
    clock.ms += 3_602_000;
    expect([guard.isDue(stampedMs), guard.isHeld(stampedMs)]).toEqual([true, false]);
  });

  it('one answer with a wrong date among others does not matter', () => {
    const { clock, guard } = make();
    for (let i = 0; i < 8; i++) guard.observe(answer(clock, 0));
    guard.observe(answer(clock, 3_600_000));
    expect(guard.skewMs).toBe(0);
  });

  it('a jump of the wall clock is noticed, and the skew goes with it', () => {
    const { clock, guard } = make();
    for (let i = 0; i < 9; i++) guard.observe(answer(clock, 0));
    clock.wallOffsetMs += 600_000;
    expect(Math.abs(guard.skewMs! - 600_000)).toBeLessThan(1500);
    expect(guard.jumps).toBe(1);
  });

  it('switched off it holds nothing', () => {
    const { clock, guard } = make(false);
    expect([guard.isHeld(clock.nowMs() + 1e9), guard.isDue(clock.nowMs() + 1e9)]).toEqual([false, true]);
  });
});

describe('LiveDelay', () => {
  it('lengthens while sending takes nearly all of the time, and returns when there is room', () => {
    const clock = createClock();
    const delay = new LiveDelay(clock);
    const batches = (busyShare: number, count: number) => {
      for (let i = 0; i < count; i++) {
        clock.ms += 10_000;
        delay.sent(10_000 * busyShare);
      }
    };
    batches(0.95, 40);
    expect(delay.delayMs).toBe(300_000);
    batches(0.5, 40);
    expect(delay.delayMs).toBe(300_000);
    batches(0.1, 80);
    expect(delay.delayMs).toBe(1000);
  });
});

describe('forecast', () => {
  it('a backlog drains at what goes out more than comes in', () => {
    expect(forecastDrain({ pendingSamples: 7_200_000, inPerSecond: 8000, outPerSecond: 10_000, ageSeconds: 3600, delaySeconds: 1 })).toEqual({ drainSeconds: 3600, isFallingBehind: false });
  });

  it('when more comes in than goes out it never does', () => {
    expect(forecastDrain({ pendingSamples: 1, inPerSecond: 10, outPerSecond: 9, ageSeconds: 62, delaySeconds: 1 })).toEqual({ drainSeconds: undefined, isFallingBehind: true });
  });

  it('what is still collected or on its way is no backlog', () => {
    const waiting = { pendingSamples: 1e6, inPerSecond: 10, outPerSecond: 9 };
    expect(forecastDrain({ ...waiting, ageSeconds: 11, delaySeconds: 1 })).toEqual({ drainSeconds: 0, isFallingBehind: false });
    expect(forecastDrain({ ...waiting, ageSeconds: 310, delaySeconds: 300 })).toEqual({ drainSeconds: 0, isFallingBehind: false });
  });

  it('a backlog of half a minute has an end as well, and is no alarm while it grows', () => {
    const young = { pendingSamples: 1000, inPerSecond: 10, ageSeconds: 30, delaySeconds: 1 };
    expect(forecastDrain({ ...young, outPerSecond: 60 })).toEqual({ drainSeconds: 20, isFallingBehind: false });
    expect(forecastDrain({ ...young, outPerSecond: 9 })).toEqual({ drainSeconds: undefined, isFallingBehind: false });
  });

  it('the free quota lasts as long as it takes to fill it', () => {
    expect([outageHours(3_600_000, 100), outageHours(100, 0), outageHours(-5, 100)]).toEqual([10, undefined, 0]);
  });

  it('a rate follows what happens within a minute or two', () => {
    const clock = createClock();
    const meter = new RateMeter(clock);
    for (let i = 0; i < 120; i++) {
      clock.ms += 1000;
      meter.add(50);
    }
    expect(meter.perSecond()).toBeCloseTo(50, 0);
    clock.ms += 120_000;
    expect(meter.perSecond()).toBeLessThan(5);
  });
});

describe('zstdLevel', () => {
  it('rises where the link is short and the CPU is not', () => {
    const level = (linkBytesPerSecond: number | undefined, cpuBusyShare: number) => zstdLevel({ linkBytesPerSecond, linkBusyShare: 0.5, cpuBusyShare });
    expect([level(undefined, 0), level(5e7, 0), level(1e6, 0.1), level(32_000, 0.1), level(32_000, 0.9)]).toEqual([3, 3, 6, 9, 3]);
  });

  it('stays where small bodies are answered slowly and the link is idle between them', () => {
    const level = (linkBusyShare: number) => zstdLevel({ linkBytesPerSecond: 300_000, linkBusyShare, cpuBusyShare: 0.1 });
    expect([level(0), level(0.05), level(0.6)]).toEqual([3, 3, 9]);
  });
});
