// `tributary roce selfcheck` from its arguments to the exit code: tables for people, then one line of JSON for programs.

import type { Writable } from 'node:stream';
import { systemClock } from '../io/clock.ts';
import { loadNativeSampler } from '../roce/native-sampler.ts';
import { selfcheck, type SelfcheckOptions } from '../roce/selfcheck.ts';
import { selfcheckText, verdictsOf } from '../roce/selfcheck-text.ts';

/** Returns the exit code: 0, or 1 when there is nothing to sample. */
export async function roceSelfcheck(options: SelfcheckOptions, stdout: Writable): Promise<number> {
  const report = await selfcheck(options, { clock: systemClock, native: loadNativeSampler() });
  const ports = report.ports.map(({ groups, ...port }) => ({
    ...port,
    counters: groups.flatMap(({ kind, counters }) => counters.map(({ name, meaning }) => ({ group: kind, name, ...meaning }))),
  }));
  stdout.write(selfcheckText(report));
  stdout.write(`${JSON.stringify({ ...report, ports, verdicts: verdictsOf(report) })}\n`);
  return report.figures === undefined ? 1 : 0;
}
