// What one subject does in a stretch of time: counters read, processor time, punctuality.

import { Helper, sleepMs } from './process.ts';
import { startDrizzle, type Rig } from './roce-rig.ts';
import type { SubjectOptions, SubjectReport } from './roce-subject.ts';

export interface Stretch {
  readonly seconds: number;
  /** Of the sampler's threads; 0 for what has none. */
  readonly threadShare: number;
  readonly processShare: number;
  readonly countersPerSecond: number;
  readonly ticks: number;
  readonly missed: number;
  readonly fromNs: number;
  readonly toNs: number;
  /** Ticks by lateness, as the sampler has them. */
  readonly latenessBuckets: readonly number[];
  /** Since the start of the subject. */
  readonly report: SubjectReport;
}

/** Counters that move, as those of a link at work do. */
const warmUpMs = 1000;

export async function openSubject(rig: Rig, options: SubjectOptions): Promise<Helper<SubjectReport>> {
  const subject = new Helper<SubjectReport>('serveSubject', options, rig.prefix);
  await subject.port;
  return subject;
}

/** One subject under light traffic. */
export async function measureSubject(rig: Rig, options: SubjectOptions, seconds: number, { isResting = false } = {}): Promise<Stretch> {
  const drizzle = isResting ? undefined : startDrizzle(rig, seconds + (2 * warmUpMs) / 1000);
  const subject = await openSubject(rig, options);
  try {
    await sleepMs(warmUpMs);
    const before = await subject.ask();
    await sleepMs(seconds * 1000);
    return stretchOf(options, before, await subject.ask());
  } finally {
    subject.stop();
    await drizzle?.stop();
  }
}

export function stretchOf({ counters }: SubjectOptions, before: SubjectReport, after: SubjectReport): Stretch {
  const seconds = (after.atNs - before.atNs) / 1e9;
  const ticks = after.figures.ticks - before.figures.ticks;
  return {
    seconds, ticks,
    threadShare: (after.threadSeconds - before.threadSeconds) / seconds,
    processShare: (after.cpuSeconds - before.cpuSeconds) / seconds,
    countersPerSecond: (ticks * counters) / seconds,
    missed: after.figures.missed - before.figures.missed,
    fromNs: before.atNs,
    toNs: after.atNs,
    latenessBuckets: after.figures.latenessBuckets.map((count, bucket) => count - (before.figures.latenessBuckets[bucket] ?? 0)),
    report: after,
  };
}
