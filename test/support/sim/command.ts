// What scripts/sim.mjs runs in its processes: one seeded run, or one cell of the outage matrix.

import { createLogger } from '../../../src/telemetry/logger.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { runScenario } from './scenario.ts';
import type { RunResult } from './verdict.ts';

export async function runSeed(seed: number, isShown: boolean): Promise<RunResult> {
  await initZstd();
  if (!isShown) return runScenario({ seed });
  return runScenario({ seed, logger: createLogger({ level: 'debug', format: 'logfmt' }) });
}
