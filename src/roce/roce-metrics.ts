// What the sampler tells about itself. Figures count from the start of a sampler, and a new one begins at 0: what the ones before counted is added here, so that the metrics
// go on.

import type { BucketHistogram } from '../telemetry/bucket-histogram.ts';
import type { Counter, Family, Gauge, Metrics } from '../telemetry/metrics.ts';
import type { PlannedChannel, RocePlan } from './plan.ts';
import type { WindowRow } from './reduction.ts';
import type { WindowFigures } from './windows/windows.ts';
import { durationEdgesNs, type SamplerFigures, type SourceFigures } from './sampler.ts';

/** Buckets and sum of durations, nanoseconds. */
interface Durations {
  readonly buckets: readonly number[];
  readonly sumNs: number;
}

const none: Durations = { buckets: [], sumNs: 0 };
const edges = durationEdgesNs.map((ns) => ns / 1e9);

function plus(a: Durations, b: Durations): Durations {
  const length = Math.max(a.buckets.length, b.buckets.length);
  return { buckets: Array.from({ length }, (_, i) => (a.buckets[i] ?? 0) + (b.buckets[i] ?? 0)), sumNs: a.sumNs + b.sumNs };
}

/** What counts up in the figures of one sampler. */
interface Totals {
  readonly ticks: number;
  readonly missed: number;
  readonly cpuSeconds: number;
  readonly produced: number;
  readonly read: number;
  readonly overwritten: number;
}

const noTotals: Totals = { ticks: 0, missed: 0, cpuSeconds: 0, produced: 0, read: 0, overwritten: 0 };
const totalNames = ['ticks', 'missed', 'cpuSeconds', 'produced', 'read', 'overwritten'] as const;

/** Since the start of the sampler: `produced` is the sum of the others. */
export interface RowCounts {
  readonly produced: number;
  readonly read: number;
  readonly overwritten: number;
}

export class RoceMetrics {
  readonly #totals: Readonly<Record<keyof Totals, Counter>>;
  readonly #lateness: BucketHistogram;
  readonly #reads: Family<BucketHistogram>;
  readonly #uncertainty: BucketHistogram;
  readonly #refresh: Family<Gauge>;
  readonly #period: Family<Gauge>;
  readonly #failed: Family<Counter>;
  readonly #implausible: Counter;
  readonly #resets: Family<Counter>;
  readonly #info: Family<Gauge>;
  readonly #ports: Gauge;
  readonly #pending: Gauge;
  readonly #samples: Family<Counter>;
  readonly #captureDropped: Family<Counter>;
  readonly dropped: Family<Counter>;
  readonly steps: Family<Counter>;
  /** Of the sampler that runs. */
  #last = noTotals;
  #lastFailed = new Map<string, number>();
  /** Of those before it. */
  #latenessBefore = none;
  readonly #readsBefore = new Map<string, Durations>();
  /** Of sources that no plan has any more. */
  #readsGone = none;
  #running: SamplerFigures | undefined;
  #infoLabels: readonly string[] | undefined;
  #infoRest: readonly string[] = [];
  #sampler = '';
  #lastSamples: WindowFigures | undefined;
  readonly #refreshLabels = new Map<string, readonly [source: string, group: string]>();

  constructor(metrics: Metrics) {
    this.#totals = {
      ticks: metrics.counter('tributary_sampler_ticks_total', 'Deadlines of the sampler that were used.'),
      missed: metrics.counter('tributary_sampler_missed_ticks_total', 'Deadlines that passed unused; they are not caught up.'),
      cpuSeconds: metrics.counter('tributary_sampler_cpu_seconds_total', 'CPU time of the sampler.'),
      produced: metrics.counter('tributary_sampler_ring_rows_total', 'Rows that the sampler gave: windows, bursts, intervals of captures.'),
      read: metrics.counter('tributary_sampler_ring_read_rows_total', 'Of these, rows that were read.'),
      overwritten: metrics.counter('tributary_sampler_ring_overwritten_rows_total', 'Of these, rows that were lost because nobody read them in time.'),
    };
    this.#lateness = metrics.bucketHistograms('tributary_sampler_wakeup_lateness_seconds', 'How late ticks came.', [], edges).with();
    this.#reads = metrics.bucketHistograms('tributary_sampler_read_duration_seconds', 'How long a reading of a source takes.', ['source'], edges);
    this.#uncertainty = metrics.bucketHistograms('tributary_sampler_timestamp_uncertainty_seconds', 'Half of the time that a reading took: its value is of some instant between.', [], edges.map((edge) => edge / 2)).with();
    this.#refresh = metrics.gauges('tributary_sampler_counter_refresh_seconds', 'How often counters really change, as far as it was seen; 0 where each reading was fresh.', ['source', 'group']);
    this.#period = metrics.gauges('tributary_sampler_effective_interval_seconds', 'Between two readings of a source, as it is now.', ['source']);
    this.#failed = metrics.counters('tributary_sampler_failed_readings_total', 'Readings of single counters that gave no number.', ['source']);
    this.#implausible = metrics.counter('tributary_sampler_implausible_samples_total', 'Intervals with a rate above 105 % of the line: their bytes count, their rate does not.');
    this.#resets = metrics.counters('tributary_sampler_counter_resets_total', 'Counters that went back or stopped, by reason: wrap, reset, saturated.', ['reason']);
    this.#info = metrics.gauges('tributary_sampler_info', 'Always 1 while a sampler runs; the labels tell what was granted.', ['sampler', 'policy', 'pinned_cpu', 'clock']);
    this.#ports = metrics.gauge('tributary_roce_ports', 'Ports and interfaces that are sampled.');
    this.#pending = metrics.gauge('tributary_roce_pending_bytes', 'Memory of samples that the line could not take yet.');
    this.#samples = metrics.counters('tributary_roce_samples_total', 'Samples made of windows, by kind: plain, native (histograms), classic (buckets), capture, marker, late.', ['kind']);
    this.#captureDropped = metrics.counters('tributary_roce_capture_samples_dropped_total', 'Samples of captures that were not made, by reason: budget, order, signal.', ['reason']);
    this.dropped = metrics.counters('tributary_roce_samples_dropped_total', 'Samples made of windows that never reached the line, by reason: waiting (it took none for too long), stopped (nor at the end).', ['reason']);
    this.steps = metrics.counters('tributary_roce_clock_steps_total', 'Steps of the wall clock while counters were sampled, by direction.', ['direction']);
  }

  /** A sampler runs; one that ran is over. */
  begin(plan: RocePlan, sampler: 'native' | 'typescript'): void {
    const { cpu } = plan.sampler.schedule;
    this.#infoRest = [cpu === undefined ? '' : String(cpu), sampler === 'native' ? 'monotonic' : 'event_loop'];
    this.#sampler = sampler;
    this.#ports.set(plan.ports.length);
    for (const reason of ['wrap', 'reset', 'saturated']) this.#resets.with(reason).inc(0);
    this.#forgetSourcesBut(new Set(plan.sampler.sources.map(({ name }) => name)));
  }

  /** Devices of containers have new names again and again. What has no name goes on. */
  #forgetSourcesBut(wanted: ReadonlySet<string>): void {
    for (const [source, reads] of this.#readsBefore) {
      if (wanted.has(source)) continue;
      this.#readsGone = plus(this.#readsGone, reads);
      this.#readsBefore.delete(source);
      this.#reads.remove(source);
      this.#failed.remove(source);
    }
  }

  /** With the last figures of it. */
  end(): void {
    const { sources = [], latenessBuckets = [], latenessSumNs = 0 } = this.#running ?? {};
    this.#latenessBefore = plus(this.#latenessBefore, { buckets: latenessBuckets, sumNs: latenessSumNs });
    for (const { source, readBuckets, readSumNs } of sources) this.#readsBefore.set(source, plus(this.#readsBefore.get(source) ?? none, { buckets: readBuckets, sumNs: readSumNs }));
    for (const { source } of sources) this.#period.remove(source);
    for (const pair of this.#refreshLabels.values()) this.#refresh.remove(...pair);
    this.#refreshLabels.clear();
    this.#showInfo(undefined);
    this.#running = undefined;
    this.#last = noTotals;
    this.#lastFailed = new Map();
    this.#ports.set(0);
  }

  show(figures: SamplerFigures, rows: RowCounts): void {
    this.#running = figures;
    this.#showInfo(figures.policy);
    const now: Totals = { ...rows, ticks: figures.ticks, missed: figures.missed, cpuSeconds: figures.cpuSeconds };
    for (const name of totalNames) this.#totals[name].inc(Math.max(0, now[name] - this.#last[name]));
    this.#last = now;
    show(this.#lateness, plus(this.#latenessBefore, { buckets: figures.latenessBuckets, sumNs: figures.latenessSumNs }), 1);
    for (const source of figures.sources) this.#showSource(source);
    const reads = figures.sources.map(({ readBuckets, readSumNs }) => ({ buckets: readBuckets, sumNs: readSumNs }));
    show(this.#uncertainty, [...this.#readsBefore.values(), ...reads].reduce(plus, this.#readsGone), 2);
  }

  /** The policy is known when the thread runs. */
  #showInfo(policy: string | undefined): void {
    const labels = policy === undefined ? undefined : [this.#sampler, policy, ...this.#infoRest];
    if (labels?.join() === this.#infoLabels?.join()) return;
    if (this.#infoLabels !== undefined) this.#info.remove(...this.#infoLabels);
    if (labels !== undefined) this.#info.with(...labels).set(1);
    this.#infoLabels = labels;
  }

  showSamples(figures: WindowFigures): void {
    const last = this.#lastSamples;
    for (const kind of keysOf(figures.samples)) this.#samples.with(kind).inc(figures.samples[kind] - (last?.samples[kind] ?? 0));
    for (const reason of keysOf(figures.captureDropped)) this.#captureDropped.with(reason).inc(figures.captureDropped[reason] - (last?.captureDropped[reason] ?? 0));
    this.#lastSamples = figures;
  }

  /** The next figures begin at 0. */
  endSamples(): void {
    this.#lastSamples = undefined;
  }

  showPending(bytes: number): void {
    this.#pending.set(bytes);
  }

  #showSource({ source, readBuckets, readSumNs, periodNs, failedReadings }: SourceFigures): void {
    show(this.#reads.with(source), plus(this.#readsBefore.get(source) ?? none, { buckets: readBuckets, sumNs: readSumNs }), 1);
    this.#period.with(source).set(periodNs / 1e9);
    this.#failed.with(source).inc(Math.max(0, failedReadings - (this.#lastFailed.get(source) ?? 0)));
    this.#lastFailed.set(source, failedReadings);
  }

  window({ implausible, wraps, resets, saturations }: WindowRow): void {
    if (implausible > 0) this.#implausible.inc(implausible);
    if (wraps > 0) this.#resets.with('wrap').inc(wraps);
    if (resets > 0) this.#resets.with('reset').inc(resets);
    if (saturations > 0) this.#resets.with('saturated').inc(saturations);
  }

  refresh({ channel: { source }, group }: PlannedChannel, seconds: number): void {
    this.#refreshLabels.set(`${source}\u0000${group}`, [source, group]);
    this.#refresh.with(source, group).set(seconds);
  }
}

function keysOf<T extends string>(record: Readonly<Record<T, unknown>>): T[] {
  return Object.keys(record) as T[];
}

function show(histogram: BucketHistogram, { buckets, sumNs }: Durations, divisor: number): void {
  histogram.set(buckets, sumNs / 1e9 / divisor);
}
