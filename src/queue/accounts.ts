// The identity of a stream: appended + moved in = acknowledged + deduplicated + lost (by reason) + pending, in samples. Everything that leaves does so through
// `settle`, as a range; the samples of a range are a difference of cumulative counts, so the identity holds by construction.

import type { LossReason, Settled, StreamCounters, Tally } from './queue.ts';
import type { QueueMetrics } from './queue-metrics.ts';
import type { Range, SettledRanges } from './ranges.ts';
import type { Recovered } from './recovery.ts';
import type { StreamSnapshot } from './snapshot.ts';
import { addTallies, tallyOf } from './tally.ts';

export class Accounts {
  lastSequence: number;
  /** Samples that got a sequence. */
  samples: number;
  newestMs: number | undefined;
  readonly settled: SettledRanges;
  /** What is appended now was counted before, in another stream or as quarantined. */
  isMovingIn = false;
  #revision: number;
  #acknowledged: number;
  #deduplicated: number;
  #movedIn: number;
  readonly #lost: Record<LossReason, number>;
  #refused: number;
  #scrape: Tally;
  /** Samples scraped of which no record speaks. */
  #unrecorded = 0;
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
    this.#deduplicated = recovered.deduplicated;
    this.#movedIn = recovered.movedIn;
    this.#lost = { ...recovered.lost };
    this.#refused = recovered.refused;
    this.#scrape = recovered.scrape;
    metrics.appended.with(name).inc(this.samples + this.#refused - this.#movedIn);
    metrics.movedIn.with(name).inc(this.#movedIn);
    metrics.acknowledged.with(name).inc(this.#acknowledged);
    metrics.deduplicated.with(name).inc(this.#deduplicated);
    for (const [reason, samples] of Object.entries(this.#lost)) metrics.lost.with(name, reason).inc(samples);
  }

  append(record: { readonly samples: number; readonly newestMs: number; readonly tally?: Tally | undefined }): void {
    this.#scrape = addTallies(this.#scrape, tallyOf(record));
    this.lastSequence += 1;
    this.samples += record.samples;
    if (this.isMovingIn) this.#movedIn += record.samples;
    this.newestMs = Math.max(this.newestMs ?? -Infinity, record.newestMs);
  }

  /** The range has its verdicts; what `outcome` does not name was acknowledged. */
  deliver(range: Range, outcome: Settled): void {
    let { samples: rest } = this.settled.add(range);
    const take = (samples = 0): number => {
      const taken = Math.min(samples, rest);
      rest -= taken;
      return taken;
    };
    const { rejected, quarantined, expired, dropped, movedOut } = outcome;
    for (const [reason, count] of Object.entries({ rejected, quarantined, expired, dropped, moved_out: movedOut })) {
      const samples = take(count);
      if (samples > 0) this.#lose(samples, reason as LossReason);
    }
    const deduplicated = take(outcome.deduplicated);
    this.#deduplicated += deduplicated;
    this.#metrics.deduplicated.with(this.#name).inc(deduplicated);
    this.#acknowledged += rest;
    this.#metrics.acknowledged.with(this.#name).inc(rest);
  }

  /** What of the range is not settled is lost. */
  lose(range: Range, reason: LossReason): { records: number; samples: number } {
    const gone = this.settled.add(range);
    if (gone.samples > 0) this.#lose(gone.samples, reason);
    if (reason === 'corrupt') this.#metrics.corruptRecords.with(this.#name).inc(gone.records);
    return gone;
  }

  /** Samples that the disk or the quota did not take: they are counted as appended and lost, and never get a sequence. */
  refuse(record: { readonly samples: number; readonly tally?: Tally | undefined }, reason: 'disk_full' | 'quota' = 'disk_full'): void {
    const { samples } = record;
    this.#scrape = addTallies(this.#scrape, tallyOf(record));
    // What may not move in stays where it is.
    if (this.isMovingIn) return;
    this.#refused += samples;
    this.#metrics.appended.with(this.#name).inc(samples);
    this.#lose(samples, reason);
  }

  /** What was scraped and dropped when nothing was appended. */
  count(tally: Tally): void {
    this.#scrape = addTallies(this.#scrape, tally);
    this.#unrecorded += tally.scraped;
  }

  get pendingRecords(): number {
    return this.lastSequence - this.settled.records;
  }

  get pendingSamples(): number {
    return this.samples - this.settled.samples;
  }

  counters(): StreamCounters {
    return {
      appended: this.samples + this.#refused - this.#movedIn,
      movedIn: this.#movedIn,
      acknowledged: this.#acknowledged,
      deduplicated: this.#deduplicated,
      lost: { ...this.#lost },
      pending: this.pendingSamples,
      scrape: this.#scrape,
    };
  }

  /** Changes whenever a snapshot would say something that the records themselves do not. */
  fingerprint(): string {
    return `${this.settled.records} ${this.settled.base} ${this.#refused} ${this.#acknowledged} ${this.#deduplicated} ${this.#movedIn} ${this.#unrecorded}`;
  }

  snapshot(): StreamSnapshot {
    this.#revision += 1;
    return {
      revision: this.#revision,
      lastSequence: this.lastSequence,
      samples: this.samples,
      settled: this.settled.toNumbers(),
      acknowledged: this.#acknowledged,
      deduplicated: this.#deduplicated,
      movedIn: this.#movedIn,
      lost: { ...this.#lost },
      refused: this.#refused,
      scrape: this.#scrape,
      newestMs: this.newestMs ?? null,
    };
  }

  #lose(samples: number, reason: LossReason): void {
    this.#lost[reason] += samples;
    this.#metrics.lost.with(this.#name, reason).inc(samples);
  }
}
