// How punctual the sampler is while every processor is wanted by others: four threads that compute. Ticks are counted in short stretches; those in which a canary saw the host take a
// processor away for more than a millisecond do not count and are made again. Beside it what others make of the same machine.

import { durationEdgesNs } from '../../../src/roce/sampler.ts';
import { sleepMs, type Helper } from './process.ts';
import { openSubject, stretchOf, type Stretch } from './roce-measure.ts';
import { startBurners, startCanary, type CanaryReport, type Rig } from './roce-rig.ts';
import { atLeast, atMost, percent, row, say, sum, type Section } from './roce-section.ts';
import type { SubjectOptions, SubjectReport } from './roce-subject.ts';

interface Contender {
  readonly name: string;
  readonly figure: string;
  readonly options: Omit<SubjectOptions, 'links'>;
}

interface Punctuality {
  readonly policy: string;
  /** Without those that were made again. */
  readonly seconds: number;
  readonly repeats: number;
  readonly ticks: number;
  readonly missed: number;
  /** Upper edge of the bucket that holds it. */
  readonly p99Ns: number;
  readonly lateShare: number;
  /** With everything, stalls of the host included. */
  readonly allMissedShare: number;
  readonly mostNs: number;
}

const burners = 4;
const stretchMs = 500;
const stretchesARound = 20;
/** Stretches that count. */
const stretchesWanted = 40;
const roundsMax = 10;
const limitNs = 1e5;
const warmUpMs = 1000;

const native = { kind: 'native', place: 'link', counters: 450, periodMs: 1, windowMs: 15_000, lineRate: 1.25e8, policy: 'auto', isWhole: true } as const;
const files = { ...native, place: 'file', counters: 64, isWhole: false } as const;
const contenders: readonly Contender[] = [
  { name: 'sampler', figure: 'native', options: native },
  { name: 'sampler, ordinary thread', figure: 'plain', options: { ...native, policy: 'plain' } },
  { name: 'in TypeScript, 64 files', figure: 'typescript', options: { ...files, kind: 'typescript', periodMs: 10 } },
  { name: 'setInterval, fs.promises', figure: 'promises', options: { ...files, kind: 'promises' } },
];

export async function jitterSection(rig: Rig): Promise<Section> {
  const load = startBurners(burners);
  const results = new Map<Contender, Punctuality>();
  try {
    for (const contender of contenders) {
      const punctuality = await measure(rig, contender);
      say(rowOf(contender, punctuality));
      results.set(contender, punctuality);
    }
  } finally {
    await load.stop();
  }
  const [own] = results.values();
  return {
    table: [
      `${burners} threads that compute beside it; stretches of ${stretchMs} ms, made again where the host stalled for more than 1 ms; "all" counts these too`,
      row(['', 'every', 'policy', 'seconds', 'repeats', 'ticks', 'missed', 'p99 below', '> 100 us', 'all missed', 'latest'], widths),
      ...[...results].map(([contender, punctuality]) => rowOf(contender, punctuality)),
    ],
    figures: Object.assign({}, ...[...results].map(([contender, punctuality]) => figuresOf(contender, punctuality))),
    bars: own === undefined ? [] : [
      atLeast('busy machine: seconds without a stall of the host', own.seconds, (stretchesWanted * stretchMs) / 1000),
      atMost('busy machine: p99 lateness in us, at most', own.p99Ns / 1000, limitNs / 1000),
      atMost('busy machine: share of ticks missed', missedShare(own), 0.002),
    ],
  };
}

async function measure(rig: Rig, { options }: Contender): Promise<Punctuality> {
  const whole = { ...options, links: rig.links };
  const subject = await openSubject(rig, whole);
  const all: Stretch[] = [];
  const kept: Stretch[] = [];
  try {
    await sleepMs(warmUpMs);
    for (let round = 0; round < roundsMax && kept.length < stretchesWanted; round++) {
      const canary = await startCanary({ isSending: false });
      const stretches = await measureRound(subject, whole);
      const report = await canary.finish();
      all.push(...stretches);
      kept.push(...stretches.filter((stretch) => !isDisturbed(report, stretch)));
    }
  } finally {
    subject.stop();
  }
  return punctualityOf(all, kept);
}

async function measureRound(subject: Helper<SubjectReport>, options: SubjectOptions): Promise<Stretch[]> {
  const stretches: Stretch[] = [];
  let before = await subject.ask();
  for (let index = 0; index < stretchesARound; index++) {
    await sleepMs(stretchMs);
    const after = await subject.ask();
    stretches.push(stretchOf(options, before, after));
    before = after;
  }
  return stretches;
}

function isDisturbed({ stalls }: CanaryReport, { fromNs, toNs }: Stretch): boolean {
  return stalls.some(({ beginNs, endNs }) => endNs > fromNs && beginNs < toNs);
}

function punctualityOf(all: readonly Stretch[], kept: readonly Stretch[]): Punctuality {
  const last = all.at(-1)?.report.figures;
  const buckets = [...durationEdgesNs, Infinity].map((_, bucket) => sum(kept.map(({ latenessBuckets }) => latenessBuckets[bucket] ?? 0)));
  const total = (list: readonly Stretch[], count: (stretch: Stretch) => number) => sum(list.map(count));
  const counts = { ticks: total(all, ({ ticks }) => ticks), missed: total(all, ({ missed }) => missed) };
  return {
    policy: last?.policy ?? '',
    seconds: Math.round(total(kept, ({ seconds }) => seconds) * 10) / 10,
    repeats: all.length - kept.length,
    ticks: total(kept, ({ ticks }) => ticks),
    missed: total(kept, ({ missed }) => missed),
    p99Ns: quantileEdge(buckets, 0.99),
    lateShare: sum(buckets.filter((_, bucket) => (durationEdgesNs[bucket] ?? Infinity) > limitNs)) / sum(buckets),
    allMissedShare: missedShare(counts),
    mostNs: last?.latenessMaxNs ?? NaN,
  };
}

/** The upper edge of the bucket that holds the quantile: it is at most that. */
function quantileEdge(buckets: readonly number[], share: number): number {
  let seen = 0;
  for (const [bucket, count] of buckets.entries()) {
    seen += count;
    if (seen >= share * sum(buckets)) return durationEdgesNs[bucket] ?? Infinity;
  }
  return NaN;
}

function missedShare({ ticks, missed }: { readonly ticks: number; readonly missed: number }): number {
  return missed / (ticks + missed);
}

const widths = [26, 6, 7, 8, 8, 8, 8, 10, 9, 11, 10];

function rowOf({ name, options }: Contender, measured: Punctuality): string {
  const { policy, seconds, repeats, ticks, p99Ns, lateShare, allMissedShare, mostNs } = measured;
  const times = [Number.isFinite(p99Ns) ? `${p99Ns / 1000} us` : 'beyond', percent(lateShare), percent(allMissedShare), `${(mostNs / 1e6).toFixed(2)} ms`];
  return row([name, `${options.periodMs} ms`, policy, seconds.toFixed(0), String(repeats), String(ticks), percent(missedShare(measured)), ...times], widths);
}

function figuresOf({ figure }: Contender, measured: Punctuality): Record<string, number> {
  const { p99Ns, lateShare, allMissedShare, repeats, seconds } = measured;
  const figures = { missed_share: missedShare(measured), p99_us: p99Ns / 1000, late_share: lateShare, all_missed_share: allMissedShare, repeats, seconds };
  // What is beyond the last edge has no number.
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => Number.isFinite(value)).map(([name, value]) => [`jitter_${figure}_${name}`, value]));
}
