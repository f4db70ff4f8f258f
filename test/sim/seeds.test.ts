// Fifty seeded runs of queue and sender in a simulated world. `npm run sim -- --seeds 1000` runs more, `npm run sim -- --seed 7` shows one.

import { beforeAll, expect, test } from 'vitest';
import { initZstd } from '../../src/wire/zstd.ts';
import { runScenario } from '../support/sim/scenario.ts';

const first = Number(process.env['TRIBUTARY_SEED'] ?? 1);
const seeds = Array.from({ length: process.env['TRIBUTARY_SEED'] === undefined ? 50 : 1 }, (_, i) => first + i);

beforeAll(initZstd);

test.each(seeds)('seed %i: nothing is lost, altered, out of order or unaccounted, and everything drains', async (seed) => {
  const { violations } = await runScenario({ seed });
  expect(violations).toEqual([]);
});

// Seeds that once failed, by what they showed.
test.each([
  [72, 'samples that an earlier process had sent were taken for the whole body'],
  [192, 'fresh samples beside stored ones were counted as deduplicated'],
  [204, 'a first body of nothing but repetitions parked the destination'],
  [53, 'an unreadable tail after a power loss made the first segment begin before it did'],
  [286, 'a segment was removed although the ledger could not note why'],
  [291, 'counters of removed segments were forgotten'],
  [66, 'the header of a refused write that could not be cut off added its samples to the segment, because the next one was empty'],
  [600, 'likewise, after a power loss and another kill'],
  [176, 'a power loss took the end of the ledger, and segments that had been given up counted as acknowledged'],
  [284, 'a request that was given up arrived after its repetition'],
])('seed %i: %s', async (seed) => {
  const { violations } = await runScenario({ seed });
  expect(violations).toEqual([]);
});
