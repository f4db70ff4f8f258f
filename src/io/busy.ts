// How busy the event loop is, for decisions that trade CPU for bytes.

import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

/** The share is that of the last full window. Milliseconds. */
const WINDOW_MS = 5000;

/** Gives a function that tells the share of the time the event loop was busy over the last seconds, 0 to 1; 0 before the first window is over. */
export function createBusyMeter(clock: Clock): () => number {
  let last = performance.eventLoopUtilization();
  let lastMs = clock.monotonicMs();
  let share = 0;
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lastMs < WINDOW_MS) return share;
    share = performance.eventLoopUtilization(last).utilization;
    last = performance.eventLoopUtilization();
    lastMs = nowMs;
    return share;
  };
}
