// Series whose pod is not known yet: the watch is a little behind the exporter, or the API server is away. Their samples wait, with the labels, until the watch
// tells or one interval is over; what is decided then gets all of them. They wait in memory, and in a stream of their own on disk (held-stream.ts) in case the process is killed.

import type { LabelMap } from '../model/labels.ts';
import type { TargetFacts } from '../route/route.ts';
import { encodeHeld } from './held-pieces.ts';
import type { HeldSeries } from './held-pieces.ts';
import type { HeldJournal } from './held-stream.ts';
import type { ExtraSample } from './page-samples.ts';
import { VALUE } from './scratch.ts';
import type { Scratch } from './scratch.ts';

/** Series that wait, over all targets: 1 kB each. When a whole cluster is new, the rest goes by its namespace at once. */
const HELD_MAX = 50_000;

/** Series of a record on disk: who moves them later does so in one turn, some 30 ms. */
const RECORD_SERIES_MAX = 2000;

let heldByAll = 0;

interface Waiting {
  readonly labels: LabelMap;
  /** As TargetRouter.pageNote. */
  readonly page: readonly string[];
  readonly samples: ExtraSample[];
  /** Records on disk with samples of it. */
  readonly records: HeldRecord[];
}

/** A record on disk. It is settled once none of its series waits any more. */
interface HeldRecord {
  readonly sequence: number;
  series: number;
  /** Samples of series that were forgotten. */
  lost: number;
}

export class Held {
  readonly #waiting = new Map<number, Waiting>();
  readonly #journal: HeldJournal | undefined;
  /** Samples that are free to go, with the next scrape that is handed on, and the records that have them on disk. */
  #late: ExtraSample[] = [];
  #done: HeldRecord[] = [];
  /** How many of these samples are in no record. */
  #lateUnwritten = 0;

  /** Without a journal samples wait in memory alone. */
  constructor(journal?: HeldJournal) {
    this.#journal = journal;
  }

  get hasRoom(): boolean {
    return heldByAll < HELD_MAX;
  }

  add(id: number, labels: LabelMap, page: readonly string[]): void {
    this.#waiting.set(id, { labels: new Map(labels), page, samples: [], records: [] });
    heldByAll++;
  }

  /** Those that have waited for a scrape to end. */
  *due(): Iterable<{ readonly id: number; readonly labels: LabelMap; readonly page: readonly string[] }> {
    for (const [id, { labels, page, samples }] of this.#waiting) if (samples.length > 0) yield { id, labels, page };
  }

  /** A scrape of this target was accepted. */
  keep(scratch: Scratch, extras: readonly ExtraSample[], timestampMs: number, facts: TargetFacts): void {
    if (this.#waiting.size === 0) return;
    const before = new Map([...this.#waiting].map(([id, { samples }]) => [id, samples.length]));
    for (const [id, { samples }] of this.#waiting) {
      if (scratch.seen[id] !== VALUE) continue;
      const own = scratch.timestampsMs?.[id] ?? NaN;
      samples.push({ id, low: scratch.bits[2 * id]!, high: scratch.bits[2 * id + 1]!, timestampMs: Number.isNaN(own) ? timestampMs : own });
    }
    for (const extra of extras) this.#waiting.get(extra.id)?.samples.push(extra);
    this.#write(before, facts);
  }

  /** Writes what has come since `before` to disk. */
  #write(before: ReadonlyMap<number, number>, facts: TargetFacts): void {
    if (this.#journal === undefined) return;
    const grown = [...this.#waiting].filter(([id, { samples }]) => samples.length > before.get(id)!);
    if (grown.length === 0) return;
    for (let i = 0; i < grown.length; i += RECORD_SERIES_MAX) {
      const some = grown.slice(i, i + RECORD_SERIES_MAX);
      const series = some.map(([id, { labels, page, samples }]): HeldSeries => ({ labels, page, facts, samples: samples.slice(before.get(id)) }));
      const sequence = this.#journal.write(encodeHeld(series));
      if (sequence === undefined) return;
      const record = { sequence, series: some.length, lost: 0 };
      for (const [, { records }] of some) records.push(record);
    }
  }

  /** It is known where the series goes: its samples are free. Returns whether it waited. */
  free(id: number): boolean {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return false;
    for (const sample of waiting.samples) this.#late.push(sample);
    if (waiting.records.length === 0) this.#lateUnwritten += waiting.samples.length;
    this.#forget(id);
    return true;
  }

  /** The series is forgotten. Returns the samples that are lost with it. */
  drop(id: number): number {
    const { samples = noSamples, records = [] } = this.#waiting.get(id) ?? {};
    const last = records.at(-1);
    if (last !== undefined) last.lost += samples.length;
    this.#forget(id);
    return samples.length;
  }

  #forget(id: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    heldByAll--;
    for (const record of waiting.records) if (--record.series === 0) this.#done.push(record);
  }

  /** What is to be handed on now. */
  takeLate(): readonly ExtraSample[] {
    for (const { sequence, lost } of this.#done) this.#journal?.settle(sequence, lost);
    this.#done = [];
    if (this.#late.length === 0) return noSamples;
    const late = this.#late;
    this.#late = [];
    this.#lateUnwritten = 0;
    return late;
  }

  /** Nothing of the target comes any more. What is on disk is moved from there. Returns the samples that are lost. */
  close(): number {
    let lost = this.#lateUnwritten;
    const left = new Set<number>();
    // A scrape was broken off behind a series that was free to go: nothing of that was handed on.
    if (this.#late.length > 0) for (const { sequence } of this.#done.splice(0)) left.add(sequence);
    this.#late = [];
    this.#lateUnwritten = 0;
    for (const [id, { samples, records }] of this.#waiting) {
      if (records.length === 0) lost += samples.length;
      for (const { sequence } of records) left.add(sequence);
      this.#waiting.delete(id);
      heldByAll--;
    }
    for (const sequence of left) this.#journal?.abandon(sequence);
    for (const { sequence, lost: gone } of this.#done) this.#journal?.settle(sequence, gone);
    this.#done = [];
    return lost;
  }
}

const noSamples: readonly ExtraSample[] = [];
