// A sink that keeps everything: keys in a Map by their text, calls in a list. It expects the keys of the last page in their order, as the
// series cache does, so that both the path of known keys and that of new ones are used.

import { createPageReader } from '../../../src/exposition/page-reader.ts';
import type { PageFormat, PageReaderOptions } from '../../../src/exposition/page-reader.ts';
import type { MetricType, PageSink, ParsedExemplar } from '../../../src/exposition/sink.ts';

export interface Collected {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
  readonly timestampMs: number | undefined;
}

export class CollectingSink implements PageSink {
  keyEnd = 0;
  readonly series: Map<string, string>[] = [];
  readonly #keys: Buffer[] = [];
  readonly #ids = new Map<string, number>();
  #order: number[] = [];
  #seen: number[] = [];
  readonly #comments: { line: Buffer; type: MetricType | undefined; calls: CollectingSink['metadataCalls'] }[] = [];
  #comment = 0;
  #told = 0;
  commentType: MetricType | undefined = undefined;
  hits = 0;
  samples: { id: number; value: number; timestampMs: number | undefined }[] = [];
  exemplars: { id: number; exemplar: ParsedExemplar }[] = [];
  metadataCalls: [string, MetricType | undefined, string | undefined, string | undefined][] = [];

  newPage(): void {
    this.#order = this.#seen;
    this.#seen = [];
    this.#comment = 0;
    this.#told = 0;
    this.hits = 0;
    this.samples = [];
    this.exemplars = [];
    this.metadataCalls = [];
  }

  expect(bytes: Uint8Array, start: number, end: number): number {
    const id = this.#order[this.#seen.length] ?? -1;
    const key = this.#keys[id];
    if (key === undefined || start + key.length > end) return -1;
    if (key.compare(bytes, start, start + key.length) !== 0) return -1;
    this.keyEnd = start + key.length;
    this.hits++;
    return id;
  }

  find(bytes: Uint8Array, start: number, keyEnd: number): number {
    return this.#ids.get(latin1(bytes, start, keyEnd)) ?? -1;
  }

  add(bytes: Uint8Array, start: number, keyEnd: number, labels: Map<string, string>): number {
    const id = this.series.push(labels) - 1;
    this.#keys.push(Buffer.from(bytes.slice(start, keyEnd)));
    this.#ids.set(latin1(bytes, start, keyEnd), id);
    return id;
  }

  sample(id: number, value: number, timestampMs: number | undefined): void {
    if (id >= 0) this.#seen.push(id);
    this.samples.push({ id, value, timestampMs });
  }

  exemplar(id: number, exemplar: ParsedExemplar): void {
    this.exemplars.push({ id, exemplar });
  }

  expectComment(bytes: Uint8Array, start: number, end: number): boolean {
    const known = this.#comments[this.#comment];
    if (known === undefined || start + known.line.length > end) return false;
    if (known.line.compare(bytes, start, start + known.line.length) !== 0) return false;
    this.#comment++;
    this.keyEnd = start + known.line.length;
    this.commentType = known.type;
    this.metadataCalls.push(...known.calls);
    this.#told = this.metadataCalls.length;
    return true;
  }

  learnComment(bytes: Uint8Array, start: number, lineEnd: number, type: MetricType | undefined): void {
    const line = Buffer.from(bytes.slice(start, lineEnd));
    this.#comments[this.#comment++] = { line, type, calls: this.metadataCalls.slice(this.#told) };
    this.#told = this.metadataCalls.length;
  }

  metadata(family: string, type: MetricType | undefined, help: string | undefined, unit: string | undefined): void {
    this.metadataCalls.push([family, type, help, unit]);
  }

  collected(): Collected[] {
    return this.samples.map(({ id, value, timestampMs }) => ({ labels: this.series[id] ?? new Map(), value, timestampMs }));
  }

  /** Everything the last page said, as plain data. */
  calls(): unknown {
    return { samples: this.collected().map((s) => [[...s.labels], Object.is(s.value, -0) ? '-0' : String(s.value), s.timestampMs]),
      exemplars: this.exemplars.map(({ id, exemplar }) => [id, [...exemplar.labels], exemplar.value, exemplar.timestampMs]),
      metadata: this.metadataCalls };
  }
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString('latin1');
}

/** Reads one page given in pieces; the error's text, or undefined. */
export function readPage(format: PageFormat, sink: CollectingSink, pieces: readonly Uint8Array[], options?: PageReaderOptions): Error | undefined {
  sink.newPage();
  const reader = createPageReader(format, sink, options);
  try {
    for (const piece of pieces) reader.feed(piece);
    reader.finish();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a run: TEST_SEED, or a new one; tests print it in their names. */
export function testSeed(): number {
  return Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000_000);
}

/** Cuts bytes at random places, many of them inside lines. */
export function cut(bytes: Buffer, random: () => number): Buffer[] {
  const pieces: Buffer[] = [];
  const longest = [1, 7, 60, 1000][Math.floor(random() * 4)]!;
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(random() * longest);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}
