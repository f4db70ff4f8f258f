// The arguments of `tributary roce selfcheck`: words in, what to do or what is wrong with them. Pure, as flags.ts. What it prints: docs/roce.md.

import { parseArgs } from 'node:util';
import { parseDuration } from '../config/duration.ts';
import type { SelfcheckOptions } from '../roce/selfcheck.ts';

export type RoceCommandLine =
  | { readonly kind: 'roce-selfcheck'; readonly options: SelfcheckOptions }
  | { readonly kind: 'help'; readonly topic: 'roce' }
  | { readonly kind: 'error'; readonly problems: readonly string[]; readonly topic: 'roce' };

export const roceUsage = 'Usage: tributary roce selfcheck [--burst] [--interval=1ms] [--duration=5s] [--speed=MBIT] [--path.sysfs=/sys]';

export const roceHelp = `${roceUsage}

Finds RDMA ports and network interfaces, reads their counters as the sampler does, and tells what can be expected of it on this machine: how long
a reading takes, how often counters refresh, what the scheduler allows, what it costs. Reads only. The last line is JSON.

  --burst
        Records bursts after the measurement, for one minute or --duration, and prints them.
  --interval=1ms
        Time between two readings of counters that cost no firmware query, 1ms to 1s; 10ms at least without the native sampler.
  --duration=5s
        How long to read, 1s to 10m.
  --speed=0
        Line rate in Mb/s of network interfaces, and of RDMA ports that do not tell theirs; 0 believes what these tell. Virtual interfaces tell none,
        or an invented one; without a line rate there are no bursts.
  --path.sysfs=/sys
        Where sysfs is mounted; a container sees the host's elsewhere.
`;

const options = {
  burst: { type: 'boolean', default: false },
  interval: { type: 'string', default: '1ms' },
  duration: { type: 'string' },
  speed: { type: 'string', default: '0' },
  'path.sysfs': { type: 'string', default: '/sys' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** 800 Gb/s and some room: more is a mistake of units. */
const speedMbitMax = 10_000_000;

/** Reads the arguments after `roce`. */
export function parseRoceArguments(args: readonly string[]): RoceCommandLine {
  const problems: string[] = [];
  try {
    const { values, positionals } = parseArgs({ args: args.map((arg) => (/^-[a-z][a-z]/.test(arg) ? `-${arg}` : arg)), options, allowPositionals: true });
    if (values.help) return { kind: 'help', topic: 'roce' };
    if (positionals.length !== 1 || positionals[0] !== 'selfcheck') problems.push(`unknown command ${JSON.stringify(`roce ${positionals.join(' ')}`.trim())}, expected: roce selfcheck`);
    const periodMs = durationOf('interval', values.interval, { leastMs: 1, mostMs: 1000 }, problems);
    const durationMs = durationOf('duration', values.duration ?? (values.burst ? '1m' : '5s'), { leastMs: 1000, mostMs: 600_000 }, problems);
    const lineRate = lineRateOf(values.speed, problems);
    if (values['path.sysfs'] === '') problems.push('--path.sysfs: expected a folder, got nothing');
    if (problems.length > 0) return { kind: 'error', problems, topic: 'roce' };
    return { kind: 'roce-selfcheck', options: { sysfs: values['path.sysfs'], periodMs, durationMs, isBurst: values.burst, lineRate } };
  } catch (error) {
    // Node's texts name the option and what it takes; what follows the first sentence is advice for its own syntax.
    return { kind: 'error', problems: [`roce: ${(error as Error).message.split('. ')[0] ?? ''}`], topic: 'roce' };
  }
}

function durationOf(name: string, text: string, { leastMs, mostMs }: { leastMs: number; mostMs: number }, problems: string[]): number {
  const result = parseDuration(text);
  if (result.ok && result.ms >= leastMs && result.ms <= mostMs) return result.ms;
  problems.push(`--${name}: expected a duration of ${leastMs}ms to ${mostMs}ms, got ${JSON.stringify(text)}`);
  return 0;
}

function lineRateOf(text: string, problems: string[]): number {
  const mbit = /^\d+$/.test(text) ? Number(text) : NaN;
  if (mbit <= speedMbitMax) return mbit * 125_000;
  problems.push(`--speed: expected whole Mb/s up to ${speedMbitMax}, got ${JSON.stringify(text)}`);
  return 0;
}
