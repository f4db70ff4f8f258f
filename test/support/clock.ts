// A clock that stands still until it is told to move. `advance` fires timers in order and lets promises and I/O callbacks run in between.

import { setImmediate as turn } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/io/clock.ts';

export interface TestClock extends Clock {
  /** Moves on by `ms`, firing every timer that falls due, also those that are set meanwhile. */
  advance(ms: number): Promise<void>;
  /** Lets everything run that needs no time to pass. */
  settle(): Promise<void>;
  /** Timers that wait. */
  pending(): number;
}

/** Turns of the event loop that `settle` grants: enough for a chain of promises that passes through setImmediate a few times. */
const TURNS = 12;

export function createTestClock(startMs = 1_700_000_000_000): TestClock {
  let elapsedMs = 0;
  let order = 0;
  const timers = new Map<number, { dueMs: number; callback: () => void }>();

  const settle = async () => {
    for (let i = 0; i < TURNS; i++) await turn();
  };
  const nextDue = (untilMs: number) => {
    let found: [number, { dueMs: number; callback: () => void }] | undefined;
    for (const entry of timers) if (entry[1].dueMs <= untilMs && (found === undefined || entry[1].dueMs < found[1].dueMs)) found = entry;
    return found;
  };

  return {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    after(delayMs, callback): Timer {
      const id = order++;
      timers.set(id, { dueMs: elapsedMs + Math.max(0, delayMs), callback });
      return { cancel: () => void timers.delete(id) };
    },
    async advance(ms) {
      const untilMs = elapsedMs + ms;
      await settle();
      for (let due = nextDue(untilMs); due !== undefined; due = nextDue(untilMs)) {
        timers.delete(due[0]);
        elapsedMs = due[1].dueMs;
        due[1].callback();
        await settle();
      }
      elapsedMs = untilMs;
      await settle();
    },
    settle,
    pending: () => timers.size,
  };
}
