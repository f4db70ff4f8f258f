// Ground truth on real counters of the kernel: bursts of known length, rate and bytes cross a pair of virtual interfaces while the sampler reads all counters of the namespace every
// millisecond. A run in which the host took a processor away for more than a millisecond is made again.

import { defaultRules, type BurstRow, type WindowRow } from '../../../src/roce/reduction.ts';
import { judge, type Verdict } from './roce-judge.ts';
import { sendBursts, startCanary, type CanaryReport, type Rig, type SentBurst } from './roce-rig.ts';
import { subjectCounters, type SubjectOptions, type SubjectReport } from './roce-subject.ts';
import { Helper, sleepMs } from './process.ts';
import { atLeast, atMost, mean, most, percent, row, say, sum, type Bar, type Section } from './roce-section.ts';

export interface TruthOptions {
  /** Bytes per second that the link is said to carry. */
  readonly lineRate: number;
  /** That count, at least. */
  readonly bursts: number;
  readonly seed: number;
}

interface Truth {
  readonly burstMs: number;
  readonly policy: string;
  /** Of runs that were not disturbed; at both ends of the pair. */
  readonly verdicts: readonly Verdict[];
  readonly runs: number;
  readonly repeats: number;
}

/** Of the line: above 90 % with all its inaccuracy, and below what would be implausible. */
const burstShare = 0.96;
const frameBytes = 600;
const burstsARun = 20;
/** Runs that may be made again, for each that is wanted. */
const repeatsMax = 10;
const countersRead = 450;
const periodMs = 1;
const lengthsMs = [2, 3, 10];
/** The shortest that is allowed: time above a threshold is compared window by window. */
const windowMs = 100;
/** A window is given when the next begins, and rows are fetched ten times a second. */
const settleMs = 2.5 * windowMs;

export async function truthSection(rig: Rig, options: TruthOptions): Promise<Section> {
  const truths: Truth[] = [];
  for (const burstMs of lengthsMs) {
    const truth = await measureTruth(rig, burstMs, options);
    say(rowOf(truth));
    truths.push(truth);
  }
  const share = percent(burstShare, 0);
  return {
    table: [
      `bursts of ${share} of ${(options.lineRate * 8) / 1e6} Mb/s on veth, ${countersRead} counters by rtnetlink every ${periodMs} ms, judged at both ends; seed ${options.seed}`,
      row(['burst', 'policy', 'sent', 'judged', 'missing', 'invented', 'bytes off', 'duration off', 'peak off mean', 'most', '> 90 % off', 'repeats'], widths),
      ...truths.map(rowOf),
    ],
    figures: Object.assign({}, ...truths.map(figuresOf)),
    bars: truths.flatMap((truth) => barsOf(truth, options.bursts)),
  };
}

async function measureTruth(rig: Rig, burstMs: number, { lineRate, bursts, seed }: TruthOptions): Promise<Truth> {
  const options: SubjectOptions = { kind: 'native', place: 'link', links: rig.links, counters: countersRead, periodMs, windowMs, lineRate, policy: 'auto', isWhole: true };
  const subject = new Helper<SubjectReport>('serveSubject', options, rig.prefix);
  await subject.port;
  const verdicts: Verdict[] = [];
  const wanted = Math.ceil(bursts / burstsARun);
  let runs = 0;
  let policy = '';
  try {
    for (let judged = 0; judged < bursts && runs < wanted * repeatsMax; runs++) {
      const { report, sent, canary } = await oneRun({ rig, subject, burstMs, lineRate, seed: seed + runs });
      policy = report.figures.policy;
      if (isDisturbed(canary, sent)) continue;
      const verdict = judgeBothEnds(rig, report, sent, { lineRate, options });
      verdicts.push(...verdict);
      judged += verdict[0]?.judged ?? 0;
    }
  } finally {
    subject.stop();
  }
  return { burstMs, policy, verdicts, runs, repeats: runs - verdicts.length / 2 };
}

interface Run {
  readonly rig: Rig;
  readonly subject: Helper<SubjectReport>;
  readonly burstMs: number;
  readonly lineRate: number;
  readonly seed: number;
}

async function oneRun({ rig, subject, burstMs, lineRate, seed }: Run): Promise<{ report: SubjectReport; sent: SentBurst[]; canary: CanaryReport }> {
  const canary = await startCanary({ isSending: true });
  await subject.ask();
  const traffic = { burstMs, bursts: burstsARun, bytesPerSecond: burstShare * lineRate, frameBytes, gapMs: [5, 15] as const, seed };
  const sent = await sendBursts(rig, rig.senders.slice(0, 1), traffic);
  await sleepMs(settleMs);
  return { report: await subject.ask(), sent, canary: await canary.finish() };
}

function isDisturbed({ stalls }: CanaryReport, sent: readonly SentBurst[]): boolean {
  const marginNs = 5e6;
  const [fromNs, toNs] = [(sent[0]?.beginNs ?? 0) - marginNs, (sent.at(-1)?.endNs ?? 0) + marginNs];
  return stalls.some(({ beginNs, endNs }) => endNs > fromNs && beginNs < toNs);
}

/** What is sent at one end is received at the other; nothing is found anywhere else. */
function judgeBothEnds(rig: Rig, report: SubjectReport, sent: readonly SentBurst[], { lineRate, options }: { lineRate: number; options: SubjectOptions }): Verdict[] {
  const counters = subjectCounters(options);
  const isOf = (link: string | undefined, field: string) => ({ channel }: BurstRow | WindowRow) => counters[channel]?.link === link && counters[channel]?.field === field;
  const [isSent, isReceived] = [isOf(rig.senders[0], 'tx_bytes'), isOf(rig.receivers[0], 'rx_bytes')];
  const elsewhere = report.bursts.filter((row) => !isSent(row) && !isReceived(row)).length;
  const judgeOptions = { bytesPerSecond: burstShare * lineRate, periodNs: periodMs * 1e6, threshold: defaultRules.thresholds.indexOf(0.9) };
  return [isSent, isReceived].map((isOwn) => {
    const verdict = judge(sent, { bursts: report.bursts.filter(isOwn), windows: report.windows.filter(isOwn) }, judgeOptions);
    return { ...verdict, invented: verdict.invented + elsewhere };
  });
}

interface Errors {
  readonly sent: number;
  readonly judged: number;
  readonly missing: number;
  readonly invented: number;
  readonly bytesMost: number;
  readonly durationMostPeriods: number;
  readonly peakMean: number;
  readonly peakMost: number;
  readonly aboveMostPeriods: number;
}

/** Over both ends; bursts are counted once. */
function errorsOf({ verdicts }: Truth): Errors {
  const total = (count: (verdict: Verdict) => number) => sum(verdicts.map(count));
  const peaks = verdicts.flatMap(({ peakErrors }) => peakErrors);
  return {
    sent: total(({ judged, stretched }) => judged + stretched) / 2,
    judged: total(({ judged }) => judged) / 2,
    missing: total(({ missing }) => missing),
    invented: total(({ invented }) => invented),
    bytesMost: most(verdicts.flatMap(({ byteErrors }) => byteErrors)),
    durationMostPeriods: most(verdicts.flatMap(({ durationErrorsNs }) => durationErrorsNs)) / (periodMs * 1e6),
    peakMean: mean(peaks),
    peakMost: most(peaks),
    aboveMostPeriods: most(verdicts.flatMap(({ aboveErrorsNs }) => aboveErrorsNs.map(Math.abs))) / (periodMs * 1e6),
  };
}

const widths = [6, 7, 6, 7, 8, 9, 10, 13, 14, 8, 11, 8];

function rowOf(truth: Truth): string {
  const errors = errorsOf(truth);
  const counts = [errors.sent, errors.judged, errors.missing, errors.invented, errors.bytesMost].map(String);
  const shares = [`${errors.durationMostPeriods.toFixed(2)} ms`, percent(errors.peakMean), percent(errors.peakMost), `${errors.aboveMostPeriods.toFixed(2)} ms`];
  return row([`${truth.burstMs} ms`, truth.policy, ...counts, ...shares, String(truth.repeats)], widths);
}

function figuresOf(truth: Truth): Record<string, number> {
  const errors = errorsOf(truth);
  const prefix = `truth_${truth.burstMs}ms`;
  return {
    [`${prefix}_judged`]: errors.judged, [`${prefix}_stretched`]: errors.sent - errors.judged, [`${prefix}_runs`]: truth.runs, [`${prefix}_repeats`]: truth.repeats,
    [`${prefix}_duration_error_periods`]: errors.durationMostPeriods, [`${prefix}_peak_error_mean`]: errors.peakMean, [`${prefix}_peak_error_most`]: errors.peakMost,
    [`${prefix}_above_error_periods`]: errors.aboveMostPeriods,
  };
}

function barsOf(truth: Truth, bursts: number): Bar[] {
  const errors = errorsOf(truth);
  const name = (what: string) => `bursts of ${truth.burstMs} ms: ${what}`;
  return [
    atLeast(name('judged, in runs without a stall of the host'), errors.judged, bursts),
    atMost(name('not found'), errors.missing, 0),
    atMost(name('invented'), errors.invented, 0),
    atMost(name('bytes off, most'), errors.bytesMost, 0),
    atMost(name('duration off, most, in periods'), errors.durationMostPeriods, 1),
    atMost(name('peak off, mean'), errors.peakMean, 0.01),
    atMost(name('peak off, most'), errors.peakMost, 0.05),
    atMost(name('time above 90 % off, in periods a burst'), errors.aboveMostPeriods, 1),
  ];
}
