// The book of one destination: which samples have arrived there, in which body, and what came again. It judges the repetitions: a body whose
// acknowledgement has reached the living process never comes again, and what does come again is a whole body or nothing of it.

import { decodeFlat, FlatRequest, SeriesIds } from '../oracle/flat-request.ts';
import type { Oracle } from '../oracle/oracle.ts';
import { START_MS } from './life.ts';
import { bitsOf, type SimulatedSource, type SimulatedTarget, type SourceSeries } from './source.ts';

export interface BodyNote {
  readonly id: number;
  /** Which life of the process has sent it. */
  readonly life: number;
  readonly atMs: number;
  /** Samples that were kept of it. */
  kept: number;
  /** Of those, how many came again in a later body. */
  repeated: number;
  /** When the living process got to know; infinite while it does not. */
  acknowledgedMs: number;
  /** When the process began the request. */
  readonly begunMs: number;
}

export interface Arrival {
  readonly atMs: number;
  readonly samples: number;
  /** First arrivals among them. */
  readonly fresh: number;
  /** Newest and oldest timestamp of the first arrivals. */
  readonly newestMs: number;
  readonly oldestMs: number;
}

interface Request {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly expanded: Uint8Array;
  readonly message: '1.0' | '2.0';
}

export class Book {
  readonly bodies: BodyNote[] = [];
  readonly arrivals: Arrival[] = [];
  /** Different samples that have arrived. */
  distinct = 0;
  /** By target, then by the number of the scrape: how late the last first arrival of it was, milliseconds. */
  readonly lateness = new Map<string, number[]>();
  /** What must not be. */
  readonly violations: string[] = [];
  readonly #source: SimulatedSource;
  readonly #oracle: Oracle;
  readonly #ids = new SeriesIds();
  readonly #series: (SourceSeries | undefined)[] = [];
  readonly #flat = new FlatRequest();
  /** By series, then by the number of the scrape since its first: the last body it came in, from 1. */
  readonly #arrived = new Map<number, Int32Array>();

  constructor(source: SimulatedSource, oracle: Oracle) {
    this.#source = source;
    this.#oracle = oracle;
  }

  /** Notes what a body brought. `keptSamples`: as the oracle says. */
  received(request: Request, options: { readonly life: number; readonly atMs: number; readonly begunMs: number; readonly keptSamples: number }): BodyNote {
    decodeFlat(request.expanded, request.message, this.#ids, this.#flat);
    const body: BodyNote = { id: this.bodies.length + 1, life: options.life, atMs: options.atMs, begunMs: options.begunMs, kept: 0, repeated: 0, acknowledgedMs: Number.POSITIVE_INFINITY };
    this.bodies.push(body);
    const { samples } = this.#flat;
    if (options.keptSamples === 0) return body;
    const isWhole = options.keptSamples === samples;
    let fresh = 0;
    let newestMs = -Infinity;
    let oldestMs = Infinity;
    for (let i = 0; i < samples; i++) {
      const timeMs = this.#flat.timesMs[i]!;
      const isFirst = this.#note(body, i, isWhole);
      if (isFirst === undefined) continue;
      body.kept++;
      if (!isFirst) continue;
      fresh++;
      if (timeMs > newestMs) newestMs = timeMs;
      if (timeMs < oldestMs) oldestMs = timeMs;
    }
    this.distinct += fresh;
    this.arrivals.push({ atMs: options.atMs, samples, fresh, newestMs, oldestMs });
    return body;
  }

  /** Whether the sample has arrived. */
  has(series: SourceSeries, number: number): boolean {
    return (this.#arrived.get(series.id)?.[number - series.first] ?? 0) !== 0;
  }

  /** Bodies of which a part came again, and not all. */
  tornRepetitions(): BodyNote[] {
    return this.bodies.filter(({ kept, repeated }) => repeated !== 0 && repeated !== kept);
  }

  /** True for a first arrival, undefined for a sample that the receiver has not kept. */
  #note(body: BodyNote, i: number, isWhole: boolean): boolean | undefined {
    const series = this.#seriesAt(this.#flat.series[i]!);
    const timeMs = this.#flat.timesMs[i]!;
    const number = series?.target.numberOf.get(timeMs);
    if (series === undefined || number === undefined || number < series.first || number > series.last) {
      this.#violated(`a sample that nobody scraped: ${this.#ids.keys[this.#flat.series[i]!]} at ${timeMs}`);
      return undefined;
    }
    const { low, high } = bitsOf(series, number);
    if (this.#flat.bits[2 * i] !== low || this.#flat.bits[2 * i + 1] !== high) this.#violated(`an altered sample: ${series.key} at ${timeMs}`);
    if (!isWhole && !this.#isKept(series.key, timeMs)) return undefined;
    return this.#mark(body, series, number - series.first);
  }

  #mark(body: BodyNote, series: SourceSeries, place: number): boolean {
    let places = this.#arrived.get(series.id);
    if (places === undefined || place >= places.length) {
      const larger = new Int32Array(Math.max(16, place * 2));
      if (places !== undefined) larger.set(places);
      this.#arrived.set(series.id, (places = larger));
    }
    const before = places[place]!;
    places[place] = body.id;
    if (before === 0) {
      this.#noteLateness(body, series.target, series.first + place);
      return true;
    }
    this.#repeated(this.bodies[before - 1]!, body);
    return false;
  }

  #noteLateness({ atMs }: BodyNote, { name, timesMs }: SimulatedTarget, number: number): void {
    let late = this.lateness.get(name);
    if (late === undefined) this.lateness.set(name, (late = []));
    late[number] = Math.max(late[number] ?? 0, START_MS + atMs - timesMs[number]!);
  }

  #repeated(earlier: BodyNote, body: BodyNote): void {
    earlier.repeated++;
    // A request that was given up may still arrive, long after another one has brought the same.
    if (earlier.life === body.life && body.begunMs > earlier.acknowledgedMs) this.#violated(`body ${earlier.id} was acknowledged and came again in body ${body.id} of the same process`);
  }

  #seriesAt(id: number): SourceSeries | undefined {
    return (this.#series[id] ??= this.#source.byKey.get(this.#ids.keys[id]!));
  }

  /** A request of which a part was refused: the oracle knows which. */
  #isKept(key: string, timeMs: number): boolean {
    const kept = this.#oracle.series(key);
    for (let i = (kept?.count ?? 0) - 1; i >= 0; i--) if (kept!.timesMs[i] === timeMs) return true;
    return false;
  }

  #violated(text: string): void {
    if (this.violations.length < 20) this.violations.push(text);
  }
}
