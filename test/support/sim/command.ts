// What scripts/sim.mjs runs in its processes: one seeded run, or one cell of the outage matrix.

import { createLogger } from '../../../src/telemetry/logger.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { matrixCells, runCell } from './matrix.ts';
import { runScenario } from './scenario.ts';
import type { RunResult } from './verdict.ts';

export async function runSeed(seed: number, isShown: boolean): Promise<RunResult> {
  await initZstd();
  if (!isShown) return runScenario({ seed });
  return runScenario({ seed, logger: createLogger({ level: 'debug', format: 'logfmt' }) });
}

/** How many cells the matrix has. */
export function cellCount(): number {
  return matrixCells().length;
}

/** One cell by its number, with a line for people. */
export async function runCellAt(number: number) {
  await initZstd();
  const cell = matrixCells()[number]!;
  const { samples, missing, duplicated, requests, drainSeconds, freshLateSeconds, violations, simulatedMs, trace } = await runCell(cell);
  const late = freshLateSeconds === undefined ? '' : `, fresh samples at most ${freshLateSeconds.toFixed(1)} s late`;
  const line = `${cell.outage}, ${cell.event}, ${cell.receiver}: ${samples} samples, ${missing} missing, ${duplicated} twice, ${requests} requests, drained in ${drainSeconds.toFixed(0)} s${late}`;
  return { violations, samples, requests, simulatedMs, line, trace };
}
