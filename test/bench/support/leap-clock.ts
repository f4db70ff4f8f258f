// The real clock, moved on by leaps: an outage of a day passes in minutes, while timers run in real time. Wall time and monotonic time leap together, so
// it never looks as if somebody had set the clock.

import { systemClock, type Clock } from '../../../src/io/clock.ts';

export interface LeapClock extends Clock {
  leap(ms: number): void;
}

export function createLeapClock(startMs: number): LeapClock {
  let aheadMs = 0;
  const originMs = systemClock.monotonicMs();
  return {
    nowMs: () => startMs + systemClock.monotonicMs() - originMs + aheadMs,
    monotonicMs: () => systemClock.monotonicMs() - originMs + aheadMs,
    after: (delayMs, callback) => systemClock.after(delayMs, callback),
    leap: (ms) => void (aheadMs += ms),
  };
}
