// Three projects: `unit` is quick and runs all day; `full` needs the built program and real peers; `alone` does too, and a machine that does nothing else.
// Files of the first two run beside each other, `full` first: it waits more than it computes, and has the longest files.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Judges rates to the millisecond, and repeats what another process disturbed. */
const alone = ['test/e2e/node-agent.test.ts'];

export default defineConfig({
  test: {
    // Vitest leaves one processor to itself: of two that would be half.
    maxWorkers: availableParallelism(),
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,property,conformance,tidy}/**/*.test.ts', 'test/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'full',
          include: ['test/{e2e,sim}/**/*.test.ts'],
          exclude: alone,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'alone',
          include: alone,
          testTimeout: 300_000,
          hookTimeout: 120_000,
          // Comes after all others.
          fileParallelism: false,
        },
      },
    ],
  },
});
