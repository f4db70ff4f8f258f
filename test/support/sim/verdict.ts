// What a run comes to: the oracle's comparison with everything that was scraped, and the rules that hold for it whatever happened.

import { PROFILES } from '../../../src/destinations/profile.ts';
import type { Destination, World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  readonly samples: number;
  readonly requests: number;
  readonly crashes: number;
  readonly lost: number;
  readonly vanished: number;
  readonly simulatedMs: number;
}

export interface JudgeOptions {
  readonly seed: number;
  /** Reasons for which samples may be counted as lost. */
  readonly mayLose: readonly string[];
  readonly receivers: readonly string[];
}

export function judge(world: World, { seed, mayLose }: JudgeOptions): RunResult {
  for (const destination of world.destinations) judgeDestination(world, destination, mayLose);
  const sum = (of: (destination: Destination) => number) => world.destinations.reduce((total, destination) => total + of(destination), 0);
  return {
    seed, violations: world.violations, trace: world.trace, samples: sum(({ account }) => account.issued), requests: world.network.requests, crashes: world.crashes,
    lost: sum(({ account }) => account.lostSamples()), vanished: sum(({ account }) => account.vanished), simulatedMs: world.timeline.nowMs,
  };
}

/** Refused by the receiver. After a crash, or a stop that gave up waiting for an answer, the youngest batch goes out again, and a receiver with a window of 0 refuses what it has: no sample is missing then. */
const REFUSED = ['rejected', 'quarantined'];

function judgeDestination(world: World, { name, oracle, account, book, settings }: Destination, mayLose: readonly string[]): void {
  const violated = (text: string) => world.violated(`${name} (${settings.profile}): ${text}`);
  const verdict = oracle.compare(world.source.expected());
  const { vanished, maybe, lost } = account;
  const isOrdered = !PROFILES[settings.profile as keyof typeof PROFILES].anyOrder && settings.outOfOrderWindowMs === 0;
  const losses = Object.entries(lost ?? {});
  const explained = vanished + losses.reduce((sum, [reason, samples]) => sum + (REFUSED.includes(reason) ? 0 : samples), 0);
  if (verdict.altered + verdict.extra > 0) violated(`${verdict.altered} altered, ${verdict.extra} that nobody scraped: ${verdict.examples.join('; ')}`);
  if (verdict.missing > explained) violated(`${verdict.missing} samples are missing, ${explained} are explained: ${verdict.examples.join('; ')}`);
  if (vanished > maybe) violated(`${vanished} samples vanished, crashes may have taken ${maybe}`);
  for (const [reason, samples] of losses) {
    if (isOrdered && world.starts > 1 && REFUSED.includes(reason)) continue;
    // A killed process leaves half a record, which is counted as damaged.
    const allowed = mayLose.includes(reason) ? Number.POSITIVE_INFINITY : reason === 'corrupt' ? maybe : 0;
    if (samples > allowed) violated(`${samples} samples are lost as ${reason}, which nothing explains`);
  }
  if (isOrdered && verdict.outOfOrder > 0) violated(`${verdict.outOfOrder} samples came behind newer ones of their series: ${verdict.examples.join('; ')}`);
  // A receiver with a window of 0 takes the newest sample of each series again, and refuses the others.
  const torn = isOrdered ? [] : book.tornRepetitions();
  if (torn.length > 0 && account.lostSamples() === 0) violated(`${torn.length} bodies came again in part, such as ${JSON.stringify(torn[0])}`);
}
