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
