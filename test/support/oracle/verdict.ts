// What the oracle says in the end: the samples that are missing, came twice, came altered or in a wrong order, and those that nobody sent. Looks at
// one series at a time, so that the expected samples of a huge run are made while they are compared and never lie in memory together.

import type { KeptSeries } from './store.ts';

/** A number, or the 16 hexadecimal digits of its bits, such as `7ff0000000000002` for the staleness marker. */
export type SampleValue = number | string;

export interface ExpectedSample {
  /** As `seriesKey` gives it. */
  readonly series: string;
  readonly timestampMs: number;
  readonly value: SampleValue;
}

/** A rule instead of a list. Timestamps ascend. */
export interface ExpectedByRule {
  readonly series: Iterable<string>;
  timestampsMs(series: string): Iterable<number>;
  value(series: string, timestampMs: number): SampleValue;
}

export type Expected = Iterable<ExpectedSample> | ExpectedByRule;

/** In samples. */
export interface Verdict {
  readonly expected: number;
  readonly missing: number;
  /** Exact repetitions. */
  readonly duplicated: number;
  /** Timestamps of a series that came with a value that is not the expected one. */
  readonly altered: number;
  /** First arrivals behind a newer sample of their series. */
  readonly outOfOrder: number;
  /** Nobody expected them. */
  readonly extra: number;
  /** The first few findings. */
  readonly examples: readonly string[];
}

export interface Kept {
  series(key: string): KeptSeries | undefined;
  keys(): Iterable<string>;
}

const EXAMPLES_MAX = 10;

class Findings {
  expected = 0;
  missing = 0;
  duplicated = 0;
  altered = 0;
  outOfOrder = 0;
  extra = 0;
  readonly examples: string[] = [];

  note(kind: string, series: string, timeMs: number): void {
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(`${kind}: ${series} at ${timeMs}`);
  }
}

export function compareSamples(expected: Expected, kept: Kept): Verdict {
  const rule = 'series' in expected ? expected : ruleOf(expected);
  const findings = new Findings();
  const seen = new Set<string>();
  for (const series of rule.series) {
    seen.add(series);
    compareSeries(series, rule, kept.series(series), findings);
  }
  for (const series of kept.keys()) {
    if (!seen.has(series)) compareSeries(series, NOTHING, kept.series(series), findings);
  }
  return { ...findings, examples: findings.examples };
}

const NOTHING: ExpectedByRule = { series: [], timestampsMs: () => [], value: () => 0 };

function ruleOf(samples: Iterable<ExpectedSample>): ExpectedByRule {
  const bySeries = new Map<string, Map<number, SampleValue>>();
  for (const { series, timestampMs, value } of samples) {
    let times = bySeries.get(series);
    if (times === undefined) bySeries.set(series, (times = new Map()));
    if (times.has(timestampMs)) throw new Error(`expected twice: ${series} at ${timestampMs}`);
    times.set(timestampMs, value);
  }
  return {
    series: bySeries.keys(),
    timestampsMs: (series) => [...bySeries.get(series)!.keys()].sort((a, b) => a - b),
    value: (series, timestampMs) => bySeries.get(series)!.get(timestampMs)!,
  };
}

function compareSeries(series: string, rule: ExpectedByRule, kept: KeptSeries | undefined, findings: Findings): void {
  const order = kept === undefined ? new Uint32Array(0) : arrivalsByTime(kept);
  if (kept !== undefined) countDisorder(series, kept, order, findings);
  let at = 0;
  let previousMs = -Infinity;
  const timeAt = (i: number) => (i < order.length ? kept!.timesMs[order[i]!]! : Infinity);
  for (const timeMs of rule.timestampsMs(series)) {
    if (timeMs <= previousMs) throw new Error(`expected timestamps of ${series} do not ascend: ${previousMs}, then ${timeMs}`);
    previousMs = timeMs;
    findings.expected++;
    for (; timeAt(at) < timeMs; at++) extra(series, timeAt(at), findings);
    if (timeAt(at) > timeMs) {
      findings.missing++;
      findings.note('missing', series, timeMs);
      continue;
    }
    const [low, high] = bitsOf(rule.value(series, timeMs));
    for (let first = true; timeAt(at) === timeMs; at++, first = false) judgeArrival({ series, kept: kept!, arrival: order[at]!, low, high, first }, findings);
  }
  for (; at < order.length; at++) extra(series, timeAt(at), findings);
}

function extra(series: string, timeMs: number, findings: Findings): void {
  findings.extra++;
  findings.note('extra', series, timeMs);
}

interface Arrival {
  readonly series: string;
  readonly kept: KeptSeries;
  readonly arrival: number;
  readonly low: number;
  readonly high: number;
  readonly first: boolean;
}

function judgeArrival({ series, kept, arrival, low, high, first }: Arrival, findings: Findings): void {
  const isEqual = kept.bits[2 * arrival] === low && kept.bits[2 * arrival + 1] === high;
  if (isEqual && first) return;
  if (isEqual) findings.duplicated++;
  else findings.altered++;
  findings.note(isEqual ? 'duplicated' : 'altered', series, kept.timesMs[arrival]!);
}

/** Arrivals sorted by timestamp; equal ones as they came. */
function arrivalsByTime({ count, timesMs, notAscending }: KeptSeries): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  return notAscending === 0 ? order : order.sort((a, b) => timesMs[a]! - timesMs[b]! || a - b);
}

function countDisorder(series: string, { count, timesMs, notAscending }: KeptSeries, order: Uint32Array, findings: Findings): void {
  if (notAscending === 0) return;
  const isRepeat = new Uint8Array(count);
  for (let i = 1; i < count; i++) if (timesMs[order[i]!] === timesMs[order[i - 1]!]) isRepeat[order[i]!] = 1;
  let newestMs = -Infinity;
  for (let i = 0; i < count; i++) {
    if (isRepeat[i] === 1) continue;
    if (timesMs[i]! < newestMs) {
      findings.outOfOrder++;
      findings.note('out of order', series, timesMs[i]!);
    } else newestMs = timesMs[i]!;
  }
}

const double = new DataView(new ArrayBuffer(8));

function bitsOf(value: SampleValue): [low: number, high: number] {
  if (typeof value === 'string') return [Number.parseInt(value.slice(8), 16), Number.parseInt(value.slice(0, 8), 16)];
  double.setFloat64(0, value);
  return [double.getUint32(4), double.getUint32(0)];
}
