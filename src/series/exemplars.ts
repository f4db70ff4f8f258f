// Exemplars of one target: collected while a page is read, sent when the page was accepted and a destination wants them.
// Source of the rules: OpenMetrics 1.0 (128 characters), Prometheus' exemplar storage (an exemplar that repeats the last one of its series is dropped).

import type { ParsedExemplar } from '../exposition/sink.ts';
import type { RawInput } from '../queue/queue.ts';
import { encodeExemplarSeries } from '../wire/write-request.ts';
import type { Outlet } from './outlet.ts';
import { VALUE } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import type { SeriesMetrics } from './series-metrics.ts';

/** All label names and values of an exemplar together, characters (OpenMetrics 1.0, section exemplars). */
const LABEL_RUNES_MAX = 128;
/** Series with exemplars whose labels are kept at hand, per target and outlet; the rest are read from the image each time. */
const LABELS_KEPT_MAX = 2000;

interface Timed {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
  readonly timestampMs: number;
}

export class ExemplarMemory {
  /** Whether any destination wants them. */
  isWanted: boolean;
  readonly #metrics: SeriesMetrics;
  #pending = new Map<number, ParsedExemplar[]>();
  /** What the accepted page brought, by series. */
  #fresh = new Map<number, readonly Timed[]>();
  readonly #last = new Map<number, Timed>();
  readonly #labels = new WeakMap<Outlet, Map<number, [string, string][]>>();

  constructor(isWanted: boolean, metrics: SeriesMetrics) {
    this.isWanted = isWanted;
    this.#metrics = metrics;
  }

  begin(): void {
    if (this.#pending.size > 0) this.#pending = new Map();
    if (this.#fresh.size > 0) this.#fresh = new Map();
  }

  add(id: number, exemplar: ParsedExemplar): void {
    if (!this.isWanted) return;
    const list = this.#pending.get(id);
    if (list === undefined) this.#pending.set(id, [exemplar]);
    else list.push(exemplar);
  }

  remove(id: number, outlets: Iterable<Outlet>): void {
    if (!this.isWanted) return;
    this.#last.delete(id);
    this.forgetLabels(id, outlets);
  }

  /** The series has other labels, or goes elsewhere. */
  forgetLabels(id: number, outlets: Iterable<Outlet>): void {
    if (this.isWanted) for (const outlet of outlets) this.#labels.get(outlet)?.delete(id);
  }

  /** The page was accepted: sorts out which of its exemplars are new. Once per scrape, before `take`. */
  settle(scratch: Scratch, scrapeMs: number): void {
    for (const [id, parsed] of this.#pending) {
      if (scratch.seen[id] !== VALUE) continue;
      const own = scratch.timestampsMs?.[id] ?? NaN;
      const fresh = this.#sortOut(id, parsed, Number.isNaN(own) ? scrapeMs : own);
      if (fresh.length > 0) this.#fresh.set(id, fresh);
    }
  }

  /** The new ones for this outlet, as a piece of a write request. */
  take(outlet: Outlet): RawInput | undefined {
    if (this.#fresh.size === 0 || outlet.exemplarStreams.length === 0) return undefined;
    outlet.writer.place();
    const pieces: Uint8Array[] = [];
    let oldestMs = Infinity;
    let newestMs = -Infinity;
    let count = 0;
    for (const [id, fresh] of this.#fresh) {
      if (outlet.positionOf(id) < 0) continue;
      pieces.push(encodeExemplarSeries(this.#labelsOf(outlet, id), fresh));
      count += fresh.length;
      oldestMs = Math.min(oldestMs, fresh[0]!.timestampMs);
      newestMs = Math.max(newestMs, fresh.at(-1)!.timestampMs);
    }
    if (count === 0) return undefined;
    return { type: 'raw', samples: count, oldestMs, newestMs, body: Buffer.concat(pieces) };
  }

  /** Those that were not sent before, oldest first. */
  #sortOut(id: number, parsed: readonly ParsedExemplar[], sampleMs: number): readonly Timed[] {
    const short = parsed.filter((exemplar) => runes(exemplar.labels) <= LABEL_RUNES_MAX);
    if (short.length < parsed.length) this.#metrics.exemplarsDropped('too_long', parsed.length - short.length);
    // No time that remote write can express.
    const possible = short.filter(({ timestampMs }) => timestampMs === undefined || Number.isSafeInteger(timestampMs));
    if (possible.length < short.length) this.#metrics.exemplarsDropped('out_of_bounds', short.length - possible.length);
    const timed = possible
      .map((e) => ({ labels: e.labels, value: e.value, timestampMs: e.timestampMs ?? sampleMs, timed: e.timestampMs !== undefined }))
      .sort((a, b) => a.timestampMs - b.timestampMs);
    const fresh: Timed[] = [];
    for (const exemplar of timed) {
      const last = fresh.at(-1) ?? this.#last.get(id);
      // A page tells its exemplars again and again: the same one is no loss.
      if (last !== undefined && isSame(exemplar, last, exemplar.timed)) continue;
      if (last !== undefined && exemplar.timestampMs < last.timestampMs) this.#metrics.exemplarsDropped('out_of_order', 1);
      else fresh.push(exemplar);
    }
    const newest = fresh.at(-1);
    if (newest !== undefined) this.#last.set(id, newest);
    return fresh;
  }

  #labelsOf(outlet: Outlet, id: number): [string, string][] {
    let kept = this.#labels.get(outlet);
    if (kept === undefined) this.#labels.set(outlet, (kept = new Map()));
    let labels = kept.get(id);
    if (labels === undefined) {
      labels = outlet.writer.labelsAt(outlet.writer.positionOf(id));
      if (kept.size < LABELS_KEPT_MAX) kept.set(id, labels);
    }
    return labels;
  }
}

/** The same exemplar again; one without a timestamp of its own is the same whenever labels and value are. */
function isSame(a: Timed, b: Timed, comparesTime: boolean): boolean {
  if (!Object.is(a.value, b.value) || a.labels.size !== b.labels.size) return false;
  if (comparesTime && a.timestampMs !== b.timestampMs) return false;
  for (const [name, value] of a.labels) if (b.labels.get(name) !== value) return false;
  return true;
}

function runes(labels: ReadonlyMap<string, string>): number {
  let count = 0;
  for (const [name, value] of labels) count += [...name].length + [...value].length;
  return count;
}
