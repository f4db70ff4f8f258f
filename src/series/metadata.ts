// TYPE, HELP and UNIT of one target's families, and a memory of the comment lines themselves: a page repeats them at every
// scrape, so lines that come again in the same order are recognised by their hash and not parsed.

import type { MetricType } from '../exposition/sink.ts';
import type { KeyHash } from './hash.ts';

/** An entry lives this many scrapes after it was last seen, as in Prometheus. */
const KEPT_SCRAPES = 10;
/** Families kept per target; a page with more is not a page of metrics any more. */
const FAMILIES_MAX = 100_000;

export interface FamilyMetadata {
  readonly family: string;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

interface Entry {
  family: string;
  type: MetricType;
  help: string;
  unit: string;
  lastSeen: number;
}

interface CommentLine {
  readonly low: number;
  readonly high: number;
  readonly length: number;
  /** The type a TYPE line sets for the samples that follow. */
  readonly type: MetricType | undefined;
  readonly entry: Entry | undefined;
}

export class MetadataMemory {
  readonly #hash: KeyHash;
  readonly #entries = new Map<string, Entry>();
  readonly #probe = new Int32Array(2);
  #scrape = 0;
  #lines: CommentLine[] = [];
  #cursor = 0;
  #next: CommentLine[] | undefined;
  #lastEntry: Entry | undefined;
  /** The type of the line that `expect` recognised last. */
  recognisedType: MetricType | undefined;

  constructor(hash: KeyHash) {
    this.#hash = hash;
  }

  begin(): void {
    this.#scrape++;
    this.#cursor = 0;
    this.#next = undefined;
  }

  /** The length of the comment line at `start` when it is the one that came next last time, else -1. */
  expect(view: DataView, start: number, end: number): number {
    const line = this.#lines[this.#cursor];
    if (line === undefined || start + line.length > end) return -1;
    this.#hash(view, start, line.length, this.#probe);
    if (this.#probe[0] !== line.low || this.#probe[1] !== line.high) return -1;
    this.#cursor++;
    this.#next?.push(line);
    if (line.entry !== undefined) line.entry.lastSeen = this.#scrape;
    this.recognisedType = line.type;
    return line.length;
  }

  /** Takes in what a comment line said; `learn` follows for the line itself. */
  set(family: string, type: MetricType | undefined, help: string | undefined, unit: string | undefined): void {
    let entry = this.#entries.get(family);
    if (entry === undefined) {
      if (this.#entries.size >= FAMILIES_MAX) return;
      entry = { family, type: 'unknown', help: '', unit: '', lastSeen: this.#scrape };
      this.#entries.set(family, entry);
    }
    entry.type = type ?? entry.type;
    entry.help = help ?? entry.help;
    entry.unit = unit ?? entry.unit;
    entry.lastSeen = this.#scrape;
    this.#lastEntry = entry;
  }

  /** Remembers the line at `start`, so that `expect` knows it next time. */
  learn(view: DataView, start: number, length: number, type: MetricType | undefined): void {
    this.#next ??= this.#lines.slice(0, this.#cursor);
    this.#hash(view, start, length, this.#probe);
    this.#next.push({ low: this.#probe[0]!, high: this.#probe[1]!, length, type, entry: this.#lastEntry });
    this.#lastEntry = undefined;
  }

  /** The page was read to its end. */
  accept(): void {
    if (this.#next !== undefined) this.#lines = this.#next;
    else this.#lines.length = this.#cursor;
    this.#next = undefined;
    if (this.#scrape % KEPT_SCRAPES !== 0) return;
    for (const [family, entry] of this.#entries) if (this.#scrape - entry.lastSeen > KEPT_SCRAPES) this.#entries.delete(family);
  }

  entries(): Iterable<FamilyMetadata> {
    return this.#entries.values();
  }
}
