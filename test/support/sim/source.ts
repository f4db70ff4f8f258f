// What is scraped in a simulation: targets whose series come and go. A value follows from its series and the number of the scrape, so the samples
// that have to arrive are known by rule and never lie in memory. A series is there from one scrape to another without a hole; its last sample is
// the staleness marker.

import type { SamplesInput } from '../../../src/queue/queue.ts';
import { nextImageId } from '../../../src/queue/image-id.ts';
import { encodeColumn } from '../../../src/wire/column.ts';
import type { ImageRun } from '../../../src/wire/image.ts';
import { ByteWriter, encodeLabels } from '../../../src/wire/labels.ts';
import { putVarint } from '../../../src/wire/write-request.ts';
import { zstdCompress } from '../../../src/wire/zstd.ts';
import type { Random } from '../../../src/io/random.ts';
import { type ExpectedByRule, seriesKey } from '../oracle/oracle.ts';

export interface SourceSeries {
  readonly id: number;
  readonly key: string;
  readonly target: SimulatedTarget;
  /** Numbers of its first and its last scrape; the last one is Infinity while it is there. */
  readonly first: number;
  last: number;
}

export interface TargetOptions {
  readonly name: string;
  readonly series: number;
  /** Series that are replaced at a scrape: so many, with this probability. */
  readonly churn: { readonly series: number; readonly probability: number };
}

/** As `prometheus.StaleNaN`. */
const STALE = { low: 0x00000002, high: 0x7ff00000 };
/** The share of positions still in use below which the image is built anew. */
const LIVE_SHARE_MIN = 0.5;

export class SimulatedSource {
  readonly targets: SimulatedTarget[] = [];
  readonly byKey = new Map<string, SourceSeries>();
  #nextId = 1;

  add(options: TargetOptions, random: Random): SimulatedTarget {
    const target = new SimulatedTarget(options, random, (first) => this.#create(target, first));
    this.targets.push(target);
    return target;
  }

  #create(target: SimulatedTarget, first: number): SourceSeries {
    const id = this.#nextId++;
    const series: SourceSeries = { id, key: seriesKey(labelsOf(target.name, id)), target, first, last: Number.POSITIVE_INFINITY };
    this.byKey.set(series.key, series);
    return series;
  }

  /** Every sample that was scraped, for the oracle's comparison. */
  expected(): ExpectedByRule {
    const times = (key: string) => {
      const { target, first, last } = this.byKey.get(key)!;
      return target.timesMs.slice(first, last + 1);
    };
    return {
      series: this.byKey.keys(),
      timestampsMs: times,
      value: (key, timestampMs) => {
        const series = this.byKey.get(key)!;
        const { low, high } = bitsOf(series, series.target.numberOf.get(timestampMs)!);
        return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
      },
    };
  }
}

export class SimulatedTarget {
  readonly name: string;
  /** Timestamp of each scrape, and the number of each timestamp. */
  readonly timesMs: number[] = [];
  readonly numberOf = new Map<number, number>();
  readonly #options: TargetOptions;
  readonly #random: Random;
  readonly #createSeries: (first: number) => SourceSeries;
  /** By position in the image; undefined where a series vanished. */
  #positions: (SourceSeries | undefined)[] = [];
  #image: { readonly id: number; readonly runs: ImageRun[] } = { id: 0, runs: [] };
  #live = 0;

  constructor(options: TargetOptions, random: Random, createSeries: (first: number) => SourceSeries) {
    this.name = options.name;
    this.#options = options;
    this.#random = random;
    this.#createSeries = createSeries;
  }

  /** A process that starts knows no image. */
  restart(): void {
    const present = this.#positions.filter((series) => series !== undefined);
    this.#begin(present);
  }

  scrape(timestampMs: number): SamplesInput {
    const number = this.timesMs.push(timestampMs) - 1;
    this.numberOf.set(timestampMs, number);
    if (number === 0) this.#begin(Array.from({ length: this.#options.series }, () => this.#createSeries(0)));
    const vanished = this.#churn(number);
    const record = this.#record(number, timestampMs);
    for (const series of vanished) this.#positions[this.#positions.indexOf(series)] = undefined;
    this.#live -= vanished.length;
    if (this.#live < this.#positions.length * LIVE_SHARE_MIN) this.restart();
    return record;
  }

  #begin(series: readonly SourceSeries[]): void {
    this.#positions = [];
    this.#image = { id: nextImageId(), runs: [] };
    this.#live = 0;
    if (series.length > 0) this.#grow(series);
  }

  #grow(added: readonly SourceSeries[]): void {
    const writer = new ByteWriter(64 * 1024);
    for (const { id } of added) writeLabelSet(writer, labelsOf(this.name, id));
    const raw = writer.bytes.subarray(0, writer.length);
    this.#image.runs.push({ base: this.#positions.length, count: added.length, data: new Uint8Array(zstdCompress(raw, 3)), rawBytes: raw.length });
    this.#positions.push(...added);
    this.#live += added.length;
  }

  /** Series that have their last sample in this scrape; as many new ones have their first. */
  #churn(number: number): SourceSeries[] {
    const { series, probability } = this.#options.churn;
    if (number === 0 || this.#random.next() >= probability) return [];
    const present = this.#positions.filter((one) => one !== undefined);
    const from = Math.floor(this.#random.next() * Math.max(1, present.length - series));
    const vanished = present.slice(from, from + series);
    for (const one of vanished) one.last = number;
    this.#grow(vanished.map(() => this.#createSeries(number)));
    return vanished;
  }

  #record(number: number, timestampMs: number): SamplesInput {
    const positions = this.#positions.length;
    const bits = new Uint32Array(2 * this.#live);
    const bitmap = this.#live === positions ? undefined : new Uint8Array(Math.ceil(positions / 8));
    let samples = 0;
    this.#positions.forEach((series, position) => {
      if (series === undefined) return;
      if (bitmap !== undefined) bitmap[position >>> 3]! |= 1 << (position & 7);
      const value = bitsOf(series, number);
      bits[2 * samples] = value.low;
      bits[2 * samples + 1] = value.high;
      samples++;
    });
    const column = encodeColumn({ bitmap, bits, samples, timestampsMs: undefined });
    return { type: 'samples', image: this.#image, positions, samples, timestampMs, oldestMs: timestampMs, newestMs: timestampMs, column };
  }
}

const double = new DataView(new ArrayBuffer(8));

/** Low and high half of the value of a series at a scrape. */
export function bitsOf(series: SourceSeries, number: number): { readonly low: number; readonly high: number } {
  if (number === series.last) return STALE;
  double.setFloat64(0, series.id * 1000 + number * 0.37);
  return { low: double.getUint32(4), high: double.getUint32(0) };
}

function labelsOf(target: string, id: number): [string, string][] {
  return [['__name__', `sim_${id % 7}_total`], ['instance', `${target}.site.example:9100`], ['job', 'sim'], ['series', String(id)]];
}

function writeLabelSet(writer: ByteWriter, labels: [string, string][]): void {
  const one = new ByteWriter(256);
  const length = encodeLabels(new Map(labels), one);
  writer.reserve(length + 5);
  writer.length = putVarint(writer.bytes, writer.length, length);
  writer.bytes.set(one.bytes.subarray(0, length), writer.length);
  writer.length += length;
}
