// A clock for benchmarks that moves in steps: timers that are due run at once and in order, and a timer costs next to nothing however many there are.

import type { Clock, Timer } from '../../../src/io/clock.ts';

export interface StepClock extends Clock {
  advance(ms: number): void;
}

export function createStepClock(startMs = 1_700_000_000_000): StepClock {
  let elapsedMs = 0;
  /** By the millisecond they are due at. */
  const due = new Map<number, Set<() => void>>();
  return {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    after(delayMs, callback): Timer {
      const atMs = elapsedMs + Math.max(1, Math.ceil(delayMs));
      const others = due.get(atMs);
      if (others === undefined) due.set(atMs, new Set([callback]));
      else others.add(callback);
      return { cancel: () => void due.get(atMs)?.delete(callback) };
    },
    advance(ms) {
      const untilMs = elapsedMs + ms;
      while (elapsedMs < untilMs) {
        elapsedMs++;
        const callbacks = due.get(elapsedMs);
        due.delete(elapsedMs);
        for (const callback of callbacks ?? []) callback();
      }
    },
  };
}
