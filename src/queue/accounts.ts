// The identity of a stream: appended = acknowledged + lost (by reason) + pending, in samples. Everything that leaves does so through
// `settle`, as a range; the samples of a range are a difference of cumulative counts, so the identity holds by construction.

import type { LossReason, StreamCounters } from './queue.ts';
import type { QueueMetrics } from './queue-metrics.ts';
import type { Range, SettledRanges } from './ranges.ts';
import type { Recovered } from './recovery.ts';
import type { StreamSnapshot } from './snapshot.ts';

export class Accounts {
  lastSequence: number;
  /** Samples that got a sequence. */
  samples: number;
  newestMs: number | undefined;
  readonly settled: SettledRanges;
  #revision: number;
  #acknowledged: number;
  readonly #lost: Record<LossReason, number>;
  #refused: number;
  readonly #name: string;
  readonly #metrics: QueueMetrics;

  constructor(name: string, recovered: Recovered, metrics: QueueMetrics) {
    this.#name = name;
    this.#metrics = metrics;
    this.lastSequence = recovered.lastSequence;
    this.samples = recovered.samples;
    this.newestMs = recovered.newestMs;
    this.settled = recovered.settled;
    this.#revision = recovered.revision;
    this.#acknowledged = recovered.acknowledged;
    this.#lost = { ...recovered.lost };
    this.#refused = recovered.refused;
    metrics.appended.with(name).inc(this.samples + this.#refused);
    metrics.acknowledged.with(name).inc(this.#acknowledged);
    for (const [reason, samples] of Object.entries(this.#lost)) metrics.lost.with(name, reason).inc(samples);
  }

  append(record: { readonly samples: number; readonly newestMs: number }): void {
    this.lastSequence += 1;
    this.samples += record.samples;
    this.newestMs = Math.max(this.newestMs ?? -Infinity, record.newestMs);
  }

  /** Gives up a sequence that no record may have. */
  skipSequence(): void {
    this.lastSequence += 1;
    this.settled.add({ first: this.lastSequence, last: this.lastSequence, samplesBefore: this.samples, samplesAfter: this.samples });
  }

  /** The range was delivered, but for the samples of it that were rejected or expired. */
  deliver(range: Range, rejectedSamples: number, expiredSamples: number): void {
    const { samples } = this.settled.add(range);
    const rejected = Math.min(rejectedSamples, samples);
    const expired = Math.min(expiredSamples, samples - rejected);
    const acknowledged = samples - rejected - expired;
    this.#acknowledged += acknowledged;
    this.#metrics.acknowledged.with(this.#name).inc(acknowledged);
    if (rejected > 0) this.#lose(rejected, 'rejected');
    if (expired > 0) this.#lose(expired, 'expired');
  }

  /** What of the range is not settled is lost. */
  lose(range: Range, reason: LossReason): { records: number; samples: number } {
    const gone = this.settled.add(range);
    if (gone.samples > 0) this.#lose(gone.samples, reason);
    if (reason === 'corrupt') this.#metrics.corruptRecords.with(this.#name).inc(gone.records);
    return gone;
  }

  /** Samples that the disk did not take: they are counted as appended and lost, and never get a sequence. */
  refuse(samples: number): void {
    this.#refused += samples;
    this.#metrics.appended.with(this.#name).inc(samples);
    this.#lose(samples, 'disk_full');
  }

  get pendingRecords(): number {
    return this.lastSequence - this.settled.records;
  }

  get pendingSamples(): number {
    return this.samples - this.settled.samples;
  }

  counters(): StreamCounters {
    return { appended: this.samples + this.#refused, acknowledged: this.#acknowledged, lost: { ...this.#lost }, pending: this.pendingSamples };
  }

  /** Changes whenever a snapshot would say something that the records themselves do not. */
  fingerprint(): string {
    return `${this.settled.records} ${this.settled.base} ${this.#refused} ${this.#acknowledged}`;
  }

  snapshot(): StreamSnapshot {
    this.#revision += 1;
    return {
      revision: this.#revision,
      lastSequence: this.lastSequence,
      samples: this.samples,
      settled: this.settled.toNumbers(),
      acknowledged: this.#acknowledged,
      lost: { ...this.#lost },
      refused: this.#refused,
      newestMs: this.newestMs ?? null,
    };
  }

  #lose(samples: number, reason: LossReason): void {
    this.#lost[reason] += samples;
    this.#metrics.lost.with(this.#name, reason).inc(samples);
  }
}
