// Plans for samplers in tests: channels with a source, and everything else as the program has it by default.

import { defaultRules } from '../../src/roce/reduction.ts';
import type { Channel, CounterPlace, SamplerPlan, SourceRules } from '../../src/roce/sampler.ts';

/** A 64-bit counter that does nothing special. */
export function channelOf(source: string, place: CounterPlace, more: Partial<Channel> = {}): Channel {
  return { source, place, port: 0, isEvent: false, isCaptured: false, rules: { bits: 64, saturates: false, multiplier: 1, lineRate: 0, refreshNs: 0 }, ...more };
}

export function fileChannel(source: string, path: string, more: Partial<Channel> = {}): Channel {
  return channelOf(source, { kind: 'file', path }, more);
}

/** A source that nothing slows down or speeds up. */
export function steadySource(name: string, periodNs: number, more: Partial<SourceRules> = {}): SourceRules {
  return { name, thread: 'fast', periodNs, maxDuty: 1, idlePeriodNs: periodNs, escalatedPeriodNs: periodNs, ...more };
}

/** Sources that are not given are steady, at the tick. */
export function planOf(channels: readonly Channel[], { periodNs = defaultRules.periodNs, windowNs = defaultRules.windowNs, sources = [], ...more }: Partial<SamplerPlan> & {
  readonly periodNs?: number;
  readonly windowNs?: number;
} = {}): SamplerPlan {
  const names = new Set(channels.map(({ source }) => source));
  for (const { name } of sources) names.delete(name);
  return {
    channels,
    sources: [...sources, ...[...names].map((name) => steadySource(name, periodNs))],
    reduction: { ...defaultRules, periodNs, windowNs },
    capture: undefined,
    schedule: { policy: 'auto', priority: 10, cpu: undefined },
    ringBytes: 64 << 20,
    ...more,
  };
}
