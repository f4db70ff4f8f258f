// Series whose pod is not known yet: the watch is a little behind the exporter, or the API server is away. Their samples wait, with the labels, until the watch
// tells or one interval is over; what is decided then gets all of them. They wait in memory: a kill loses at most one scrape of series that have just begun.

import type { LabelMap } from '../model/labels.ts';
import type { ExtraSample } from './page-samples.ts';
import { VALUE } from './scratch.ts';
import type { Scratch } from './scratch.ts';

/** Series that wait, over all targets: 1 kB each. When a whole cluster is new, the rest goes by its namespace at once. */
const HELD_MAX = 50_000;

let heldByAll = 0;

interface Waiting {
  readonly labels: LabelMap;
  /** As TargetRouter.pageNote. */
  readonly page: readonly string[];
  readonly samples: ExtraSample[];
}

export class Held {
  readonly #waiting = new Map<number, Waiting>();
  /** Samples that are free to go, with the next scrape that is handed on. */
  #late: ExtraSample[] = [];

  get hasRoom(): boolean {
    return heldByAll < HELD_MAX;
  }

  add(id: number, labels: LabelMap, page: readonly string[]): void {
    this.#waiting.set(id, { labels: new Map(labels), page, samples: [] });
    heldByAll++;
  }

  /** Those that have waited for a scrape to end. */
  *due(): Iterable<{ readonly id: number; readonly labels: LabelMap; readonly page: readonly string[] }> {
    for (const [id, { labels, page, samples }] of this.#waiting) if (samples.length > 0) yield { id, labels, page };
  }

  /** A scrape was accepted. */
  keep(scratch: Scratch, extras: readonly ExtraSample[], timestampMs: number): void {
    if (this.#waiting.size === 0) return;
    for (const [id, { samples }] of this.#waiting) {
      if (scratch.seen[id] !== VALUE) continue;
      const own = scratch.timestampsMs?.[id] ?? NaN;
      samples.push({ id, low: scratch.bits[2 * id]!, high: scratch.bits[2 * id + 1]!, timestampMs: Number.isNaN(own) ? timestampMs : own });
    }
    for (const extra of extras) this.#waiting.get(extra.id)?.samples.push(extra);
  }

  /** It is known where the series goes: its samples are free. Returns whether it waited. */
  free(id: number): boolean {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return false;
    this.#late.push(...waiting.samples);
    this.#forget(id);
    return true;
  }

  /** The series is forgotten. Returns the samples that are lost with it. */
  drop(id: number): number {
    const samples = this.#waiting.get(id)?.samples.length ?? 0;
    this.#forget(id);
    return samples;
  }

  #forget(id: number): void {
    if (this.#waiting.delete(id)) heldByAll--;
  }

  takeLate(): readonly ExtraSample[] {
    if (this.#late.length === 0) return noSamples;
    const late = this.#late;
    this.#late = [];
    return late;
  }

  /** Nothing of it comes any more. Returns the samples that are lost. */
  close(): number {
    let lost = 0;
    for (const id of [...this.#waiting.keys()]) lost += this.drop(id);
    return lost;
  }
}

const noSamples: readonly ExtraSample[] = [];
