// Watches the sampler of an agent while counters move: what its own metrics say of how punctual it was between two looks at them.

import { setTimeout as sleep } from 'node:timers/promises';
import { durationEdgesNs } from '../../../src/roce/sampler.ts';
import type { Tributary } from './tributary.ts';

/** What happened at some time between two looks. */
export interface Strain {
  /** Milliseconds since the epoch: before the first look was asked for, and after the second was answered. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Deadlines that passed unused. */
  readonly missed: number;
  /** No tick was later than that, and no reading of a source took longer; Infinity where the metrics have no such edge. Milliseconds. */
  readonly lateMs: number;
  readonly readMs: ReadonlyMap<string, number>;
  /** Ticks of an event loop, all together. In a thread that is CPU time, which knows nothing of waiting. */
  readonly ticksMs: number;
  /** Whether a source was read more seldom than it should be: readings that were interrupted look like slow ones. */
  readonly isSlowed: boolean;
}

interface Look {
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly page: ReadonlyMap<string, number>;
}

/** Looks at these times, milliseconds since the epoch, ascending. `periodsMs` is how often each source should be read. */
export async function watchSampler(agent: Tributary, atMs: readonly number[], periodsMs: ReadonlyMap<string, number>): Promise<Strain[]> {
  const looks: Look[] = [];
  for (const ms of atMs) {
    await sleep(Math.max(0, ms - Date.now()));
    const askedMs = Date.now();
    const page = await agent.metrics();
    looks.push({ askedMs, page, answeredMs: Date.now() });
  }
  return looks.slice(1).map((look, i) => strainBetween(looks[i]!, look, [...periodsMs]));
}

/** Everything that may have happened in a time. */
export function strainIn(strains: readonly Strain[], fromMs: number, toMs: number): Strain {
  const own = strains.filter((one) => one.fromMs <= toMs && one.toMs >= fromMs);
  const longest = (of: (one: Strain) => number) => Math.max(...own.map(of));
  const sum = (of: (one: Strain) => number) => own.reduce((all, one) => all + of(one), 0);
  const sources = [...(own[0]?.readMs.keys() ?? [])];
  return {
    fromMs, toMs, missed: sum(({ missed }) => missed), lateMs: longest(({ lateMs }) => lateMs), ticksMs: sum(({ ticksMs }) => ticksMs), isSlowed: own.some(({ isSlowed }) => isSlowed),
    readMs: new Map(sources.map((source) => [source, longest(({ readMs }) => readMs.get(source)!)])),
  };
}

function strainBetween(before: Look, after: Look, periodsMs: readonly (readonly [source: string, periodMs: number])[]): Strain {
  const grown = (series: string) => (after.page.get(series) ?? NaN) - (before.page.get(series) ?? NaN);
  const isLoop = [...after.page.keys()].some((series) => series.startsWith('tributary_sampler_info{sampler="typescript"'));
  return {
    fromMs: before.askedMs, toMs: after.answeredMs,
    missed: grown('tributary_sampler_missed_ticks_total'),
    lateMs: longestMs(grown, 'tributary_sampler_wakeup_lateness_seconds'),
    readMs: new Map(periodsMs.map(([source]) => [source, longestMs(grown, 'tributary_sampler_read_duration_seconds', `source="${source}"`)])),
    ticksMs: isLoop ? grown('tributary_sampler_cpu_seconds_total') * 1000 : 0,
    isSlowed: periodsMs.some(([source, periodMs]) => [before, after].some(({ page }) => page.get(`tributary_sampler_effective_interval_seconds{source="${source}"}`)! * 1000 > periodMs)),
  };
}

/** The smallest edge of a histogram that holds all that was added. */
function longestMs(grown: (series: string) => number, metric: string, label = ''): number {
  const added = grown(`${metric}_count${label === '' ? '' : `{${label}}`}`);
  const edgeNs = durationEdgesNs.find((ns) => grown(`${metric}_bucket{le="${textOf(ns / 1e9)}"${label === '' ? '' : `,${label}`}}`) === added);
  return (edgeNs ?? Infinity) / 1e6;
}

/** As the page writes it: without an exponent. */
function textOf(seconds: number): string {
  return seconds.toFixed(6).replace(/0+$/, '');
}
