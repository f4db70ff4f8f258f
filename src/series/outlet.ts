// Where the series of a target go: the destinations that share a set of write rules see the same labels, so they share one image, and a
// scrape becomes one column that each of their streams gets.

import type { LabelMap } from '../model/labels.ts';
import type { RawInput, SamplesInput, Stream, Tally } from '../queue/queue.ts';
import { applyRules } from '../relabel/relabel.ts';
import type { CompiledRules } from '../relabel/relabel.ts';
import { encodeColumn } from '../wire/column.ts';
import { ByteWriter, encodeLabels } from '../wire/labels.ts';
import { ImageWriter } from './image-writer.ts';
import { MARKER, VALUE } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import type { SeriesMetrics } from './series-metrics.ts';
import type { ExtraSample } from './page-samples.ts';
import type { ScrapeCounts } from './report.ts';

/** Destinations with equal write rules. */
export interface Feed {
  /** Equal for equal rules. */
  readonly key: string;
  /** write_relabel_configs; undefined when there are none. */
  readonly rules: CompiledRules | undefined;
  readonly streams: readonly Stream[];
  /** Those of them that want exemplars. */
  readonly exemplarStreams: readonly Stream[];
}

/** What one scrape brought. */
export interface Yield {
  readonly scratch: Scratch;
  readonly extras: readonly ExtraSample[];
  readonly timestampMs: number;
  readonly counts: ScrapeCounts;
  /** A ready piece of a write request. */
  readonly exemplars: RawInput | undefined;
}

const relabelled = new ByteWriter(4096);

// One column at a time is under construction: the arrays are shared and grow to the largest target.
let columnBits = new Uint32Array(2 * 1024);
let columnTimestamps = new Float64Array(1024);
let columnBitmap = new Uint8Array(128);

export class Outlet {
  readonly writer = new ImageWriter();
  #feed: Feed;
  readonly #metrics: SeriesMetrics;
  /** Series the write rules drop, and those that were there before this outlet, so that their samples are counted. */
  readonly #dropped = new Set<number>();
  /** Samples of this scrape in whose place another one of the same labels went out. */
  #merged = 0;

  constructor(feed: Feed, metrics: SeriesMetrics) {
    this.#feed = feed;
    this.#metrics = metrics;
  }

  get key(): string {
    return this.#feed.key;
  }

  /** Other destinations with the same rules. */
  setFeed(feed: Feed): void {
    this.#feed = feed;
  }

  get exemplarStreams(): readonly Stream[] {
    return this.#feed.exemplarStreams;
  }

  /** Takes in a new series: `labels` with external labels, `encoded` the same as bytes. */
  stage(id: number, labels: LabelMap, encoded: ByteWriter): void {
    this.#dropped.delete(id);
    if (this.#feed.rules === undefined) return this.writer.stage(id, encoded);
    const own: LabelMap = new Map(labels);
    relabelled.length = 0;
    // A series that is left without any label is none.
    if (!applyRules(this.#feed.rules, own) || encodeLabels(own, relabelled) === 0) {
      this.#dropped.add(id);
      return;
    }
    this.writer.stage(id, relabelled);
  }

  /** A series that was there before this outlet: nothing of it goes here. */
  exclude(id: number): void {
    this.#dropped.add(id);
  }

  remove(id: number): void {
    this.#dropped.delete(id);
    this.writer.remove(id);
  }

  /** Appends what the scrape brought to every stream, with a tally of what became of the rest. */
  emit({ scratch, extras, timestampMs, counts, exemplars }: Yield): void {
    this.writer.place();
    this.#merged = 0;
    const records: SamplesInput[] = [];
    const first = this.#column(scratch, timestampMs);
    if (first !== undefined) records.push(first);
    for (const layer of layers(extras)) {
      const record = this.#layer(layer);
      if (record !== undefined) records.push(record);
    }
    this.#append(records, this.#tally(counts, this.#countDropped(scratch, extras)));
    if (exemplars !== undefined) for (const stream of this.#feed.exemplarStreams) stream.append([exemplars]);
  }

  /** Samples of series that are not for these streams, markers included; the metric leaves those out. */
  #countDropped(scratch: Scratch, extras: readonly ExtraSample[]): number {
    if (this.#dropped.size === 0) return 0;
    let dropped = 0;
    let markers = 0;
    for (const id of this.#dropped) {
      if (scratch.seen[id] === VALUE) dropped++;
      else if (scratch.seen[id] === MARKER) markers++;
    }
    for (const extra of extras) if (this.#dropped.has(extra.id)) dropped++;
    this.#metrics.dropped('write_relabel', dropped * this.#feed.streams.length);
    return dropped + markers;
  }

  /** With write rules, several series of the same labels are put down to them. */
  #tally({ scraped, failed, relabelled: removed, limited }: ScrapeCounts, dropped: number): Tally {
    const hasRules = this.#feed.rules !== undefined;
    return { scraped, failed, limited, relabelled: removed + (hasRules ? 0 : this.#merged), unrouted: dropped + (hasRules ? this.#merged : 0) };
  }

  /** The tally rides on the first record and speaks of that one alone; one that says no more than the record itself stays away. */
  #append(records: readonly SamplesInput[], tally: Tally): void {
    const [first, ...others] = records;
    if (first === undefined) {
      if (tally.scraped > 0) for (const stream of this.#feed.streams) stream.count(tally);
      return;
    }
    let { scraped } = tally;
    for (const { samples } of others) scraped -= samples;
    const isPlain = scraped === first.samples && tally.failed + tally.relabelled + tally.limited + tally.unrouted === 0;
    const riding = isPlain ? records : [{ ...first, tally: { ...tally, scraped: Math.max(0, scraped) } }, ...others];
    for (const stream of this.#feed.streams) stream.append(riding);
  }

  #column(scratch: Scratch, timestampMs: number): SamplesInput | undefined {
    const { seriesAt, positions, aliases } = this.writer;
    const { seen, bits, timestampsMs } = scratch;
    ensureColumn(positions);
    columnBitmap.fill(0, 0, Math.ceil(positions / 8));
    let samples = 0;
    let oldestMs = timestampMs;
    let newestMs = timestampMs;
    for (let position = 0; position < positions; position++) {
      let id = seriesAt[position]!;
      if (id < 0) continue;
      if (aliases.size > 0) id = this.#speaker(position, id, seen);
      if (seen[id] !== VALUE && seen[id] !== MARKER) continue;
      columnBitmap[position >>> 3]! |= 1 << (position & 7);
      columnBits[2 * samples] = bits[2 * id]!;
      columnBits[2 * samples + 1] = bits[2 * id + 1]!;
      if (timestampsMs !== undefined) {
        const own = timestampsMs[id]!;
        const at = Number.isNaN(own) ? timestampMs : own;
        columnTimestamps[samples] = at;
        if (at < oldestMs) oldestMs = at;
        if (at > newestMs) newestMs = at;
      }
      samples++;
    }
    if (samples === 0) return undefined;
    const column = encodeColumn({
      bitmap: samples === positions ? undefined : columnBitmap.subarray(0, Math.ceil(positions / 8)),
      bits: columnBits,
      samples,
      timestampsMs: timestampsMs === undefined ? undefined : columnTimestamps,
    });
    return { type: 'samples', image: this.writer.image, positions, samples, timestampMs, oldestMs, newestMs, column };
  }

  /** Of several series with the labels of one position: the first that has a value, else the first that has a marker. Further values are counted. */
  #speaker(position: number, first: number, seen: Uint8Array): number {
    const others = this.writer.aliases.get(position);
    if (others === undefined) return first;
    const all = [first, ...others];
    const having = all.filter((id) => seen[id] === VALUE);
    const marked = all.filter((id) => seen[id] === MARKER);
    if (having.length > 1) this.#metrics.dropped('same_labels', (having.length - 1) * this.#feed.streams.length);
    this.#merged += Math.max(0, having.length + marked.length - 1);
    return having[0] ?? marked[0] ?? first;
  }

  /** Samples beyond the first of their series, at most one per series: a column with timestamps of its own. */
  #layer(extras: readonly ExtraSample[]): SamplesInput | undefined {
    const known = extras
      .map((extra) => ({ extra, position: this.writer.positionOf(extra.id) }))
      .filter(({ position }) => position >= 0)
      .sort((a, b) => a.position - b.position);
    // A position has one value in a column, also when several series stand there.
    const placed = known.filter(({ position }, i) => position !== known[i - 1]?.position);
    this.#metrics.dropped('same_labels', (known.length - placed.length) * this.#feed.streams.length);
    this.#merged += known.length - placed.length;
    if (placed.length === 0) return undefined;
    const { positions } = this.writer;
    ensureColumn(positions);
    columnBitmap.fill(0, 0, Math.ceil(positions / 8));
    let oldestMs = Infinity;
    let newestMs = -Infinity;
    for (const [i, { extra, position }] of placed.entries()) {
      columnBitmap[position >>> 3]! |= 1 << (position & 7);
      columnBits[2 * i] = extra.low;
      columnBits[2 * i + 1] = extra.high;
      columnTimestamps[i] = extra.timestampMs;
      oldestMs = Math.min(oldestMs, extra.timestampMs);
      newestMs = Math.max(newestMs, extra.timestampMs);
    }
    const samples = placed.length;
    const bitmap = columnBitmap.subarray(0, Math.ceil(positions / 8));
    const column = encodeColumn({ bitmap, bits: columnBits, samples, timestampsMs: columnTimestamps });
    return { type: 'samples', image: this.writer.image, positions, samples, timestampMs: newestMs, oldestMs, newestMs, column };
  }
}

/** Splits extra samples so that no series is twice in one layer; order per series is kept. */
function layers(extras: readonly ExtraSample[]): ExtraSample[][] {
  const result: ExtraSample[][] = [];
  const depth = new Map<number, number>();
  for (const extra of extras) {
    const at = depth.get(extra.id) ?? 0;
    depth.set(extra.id, at + 1);
    (result[at] ??= []).push(extra);
  }
  return result;
}

function ensureColumn(positions: number): void {
  if (columnTimestamps.length >= positions) return;
  const room = Math.ceil((positions * 1.25) / 64) * 64;
  columnBits = new Uint32Array(2 * room);
  columnTimestamps = new Float64Array(room);
  columnBitmap = new Uint8Array(Math.ceil(room / 8));
}
