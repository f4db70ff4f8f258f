// What each job brings, as metrics. There are as many as the configuration has jobs; namespaces and owners, of which a cluster may have any number, are told by the API alone.

import type { Metrics } from '../telemetry/metrics.ts';

/** Of the job of one target. */
export interface JobMeter {
  count(samples: number, bytes: number): void;
}

export interface VolumeMetrics {
  /** A target of the job came; `close` when it is gone. A job without targets has no metrics. */
  open(job: string): JobMeter;
  close(job: string): void;
  /** Sets the gauges. Called before each exposition, with a row per target. */
  show(targets: Iterable<{ readonly job: string; readonly series: number }>): void;
}

interface Job extends JobMeter {
  targets: number;
}

export function createVolumeMetrics(metrics: Metrics): VolumeMetrics {
  const series = metrics.gauges('tributary_series_job_series', 'Series of the targets of a job, without those that metric rules drop and without report series.', ['job']);
  const samples = metrics.counters('tributary_series_job_samples_total', 'Samples that a job brought, after metric rules and before routes and write rules, staleness markers and report series included.', ['job']);
  const bytes = metrics.counters('tributary_series_job_appended_bytes_total', 'Bytes of records that a job gave to the queue, compressed, once per destination.', ['job']);
  const jobs = new Map<string, Job>();

  const begin = (name: string): Job => {
    const ofSamples = samples.with(name);
    const ofBytes = bytes.with(name);
    const count = (some: number, size: number) => {
      ofSamples.inc(some);
      ofBytes.inc(size);
    };
    const job = { targets: 0, count };
    jobs.set(name, job);
    return job;
  };

  return {
    open(name) {
      const job = jobs.get(name) ?? begin(name);
      job.targets++;
      return job;
    },
    close(name) {
      const job = jobs.get(name)!;
      if (--job.targets > 0) return;
      jobs.delete(name);
      for (const family of [series, samples, bytes]) family.remove(name);
    },
    show(targets) {
      const sums = new Map<string, number>();
      for (const one of targets) sums.set(one.job, (sums.get(one.job) ?? 0) + one.series);
      for (const [name, sum] of sums) series.with(name).set(sum);
    },
  };
}
