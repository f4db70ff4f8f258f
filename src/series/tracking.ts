// What is known of every id of a target, and staleness: which series are followed, which have vanished, which of those live on under
// another key. A series is followed ("tracked") when its last sample came without a timestamp of its own, or
// track_timestamps_staleness is set. Source: Prometheus scrape/scrape.go, scrapeCache.

import { grown } from './key-table.ts';
import { ABSENT, VALUE } from './scratch.ts';
import type { Scratch } from './scratch.ts';

/** What an id stands for. */
export const NORMAL = 0;
export const DROPPED = 1;
export const REPORT = 2;
/** Like NORMAL, but another key has the same hash: its text must be compared. */
export const AMBIGUOUS = 3;
/** The id is free. */
export const UNUSED = 4;
/** Like NORMAL, but where it goes is to be decided again: its next line is parsed once more. */
export const DOUBTED = 5;

/** Whether and how a series is followed. UNSENT: seen on pages that broke off, nothing of it went out. */
export const UNTRACKED = 0;
export const TRACKED_UNSENT = 1;
export const TRACKED = 2;

/** Entries of the filter over hashes, a power of two: 32 KiB. */
const FILTER_SIZE = 32 * 1024;

export interface SettleOptions {
  /** Ids lie below this. */
  readonly used: number;
  /** The page was accepted: series that are not on it leave. */
  readonly accepted: boolean;
  /** track_timestamps_staleness. */
  readonly follow: boolean;
}

export class Tracking {
  kind = new Uint8Array(64);
  tracked = new Uint8Array(64);
  /** Hash of the final labels: tells whether two keys are one series. */
  #labelLow = new Int32Array(64);
  #labelHigh = new Int32Array(64);

  grow(capacity: number): void {
    this.kind = grown(this.kind, new Uint8Array(capacity));
    this.tracked = grown(this.tracked, new Uint8Array(capacity));
    this.#labelLow = grown(this.#labelLow, new Int32Array(capacity));
    this.#labelHigh = grown(this.#labelHigh, new Int32Array(capacity));
  }

  /** The id stands for something of this kind from now on. */
  begin(id: number, kind: number): void {
    this.kind[id] = kind;
    this.tracked[id] = UNTRACKED;
  }

  /** Sets the hash of a series' final labels, from its two halves. */
  setLabels(id: number, hash: Int32Array): void {
    this.#labelLow[id] = hash[0]!;
    this.#labelHigh[id] = hash[1]!;
  }

  /** Half of it. */
  labelHash(id: number): number {
    return this.#labelLow[id]!;
  }

  hasLabels(id: number, hash: Int32Array): boolean {
    return this.#labelLow[id] === hash[0] && this.#labelHigh[id] === hash[1];
  }

  labelKey(id: number): string {
    return `${this.#labelLow[id]}:${this.#labelHigh[id]}`;
  }

  /** Label keys of everything that would get a marker now. */
  trackedLabels(used: number): Set<string> {
    const labels = new Set<string>();
    for (let id = 0; id < used; id++) if (this.tracked[id] === TRACKED) labels.add(this.labelKey(id));
    return labels;
  }

  untrack(labels: ReadonlySet<string>, used: number): void {
    for (let id = 0; id < used; id++) if (labels.has(this.labelKey(id))) this.tracked[id] = UNTRACKED;
  }

  /** Updates what is tracked after a page. `vanished` were tracked and are not any more, `gone` leave the cache. */
  settle(scratch: Scratch, options: SettleOptions): { readonly vanished: number[]; readonly gone: number[] } {
    const { seen, timestampsMs } = scratch;
    const { tracked, kind } = this;
    const { accepted, follow } = options;
    const gone: number[] = [];
    const vanished: number[] = [];
    for (let id = 0; id < options.used; id++) {
      const state = seen[id]!;
      if (state === VALUE && (timestampsMs === undefined || follow || Number.isNaN(timestampsMs[id]))) {
        tracked[id] = accepted ? TRACKED : Math.max(tracked[id]!, TRACKED_UNSENT);
        continue;
      }
      if (kind[id] === REPORT || kind[id] === UNUSED) continue;
      if (tracked[id] === TRACKED) vanished.push(id);
      tracked[id] = UNTRACKED;
      if (state === ABSENT && accepted) gone.push(id);
    }
    return { vanished, gone };
  }

  /** Those of the vanished that live on under another key, with the id that they live on as: other label order, or a rule made them one. */
  livingOn(vanished: readonly number[], used: number): Map<number, number> {
    const lows = new Map<number, number[]>();
    // Nearly every series is ruled out by a few bits of its hash; only the rest is looked up.
    const maybe = new Uint8Array(FILTER_SIZE);
    for (const id of vanished) {
      maybe[this.#labelLow[id]! & (FILTER_SIZE - 1)] = 1;
      const same = lows.get(this.#labelLow[id]!);
      if (same === undefined) lows.set(this.#labelLow[id]!, [id]);
      else same.push(id);
    }
    const alive = new Map<number, number>();
    for (let id = 0; id < used; id++) {
      if (maybe[this.#labelLow[id]! & (FILTER_SIZE - 1)] === 0 || this.tracked[id] === UNTRACKED) continue;
      for (const other of lows.get(this.#labelLow[id]!) ?? []) {
        if (this.#labelHigh[other] !== this.#labelHigh[id]) continue;
        alive.set(other, id);
        // What was sent of the other is to be marked when this one vanishes, also if nothing of this one was sent.
        this.tracked[id] = TRACKED;
      }
    }
    return alive;
  }
}
