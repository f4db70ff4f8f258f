// Keeps what a port's captured counters did around events, interval by interval.
//
// Until something happens, the latest `preNs` of each counter are kept in rings. A movement of a counter of trouble, or the begin of a burst, begins a capture:
// a start row, then what was kept, then everything until `postNs` after the last event or the end of the last burst, at most `maxNs` in all. Then it is quiet
// until something happens again; what was given once is not given again. Intervals may be judged late (reducer.ts), so a capture is a stretch of
// time: whatever ends in it is given, also when the capture is over.

import type { Interval } from './burst.ts';
import type { CaptureRow, CaptureStart } from './reduction.ts';
import type { CaptureRules } from './sampler.ts';

/** Where rows go. */
export interface CaptureSink {
  captureStart(row: CaptureStart): void;
  capture(row: CaptureRow): void;
}

/** Intervals kept of one counter, at most; and beyond those of `preNs`, because an event may be told late. */
const keptMax = 8192;
const keptMore = 64;
/** `preNs` that are more intervals between readings than this cannot be kept. */
export const preIntervalsMax = keptMax - keptMore;

/** A counter and its latest intervals that were not given, in a ring. */
interface KeptCounter {
  readonly channel: number;
  readonly isTraffic: boolean;
  readonly atNs: Float64Array;
  readonly values: Float64Array;
  first: number;
  count: number;
}

export class Recorder {
  readonly #port: number;
  readonly #rules: CaptureRules;
  readonly #sink: CaptureSink;
  readonly #counters: KeptCounter[] = [];
  /** The capture that lasts, or the last one. */
  #fromNs = 0;
  #untilNs = -Infinity;
  /** It ends then, whatever goes on; or then, when nothing more happens. */
  #limitNs = 0;
  #calmNs = 0;
  #openBursts = 0;

  constructor(port: number, rules: CaptureRules, sink: CaptureSink) {
    this.#port = port;
    this.#rules = rules;
    this.#sink = sink;
  }

  /** Before the start: a counter to keep, which is read every `periodNs` or more seldom. Returns its place here. */
  add(channel: number, periodNs: number, isTraffic: boolean): number {
    const size = Math.min(Math.ceil(this.#rules.preNs / periodNs) + keptMore, keptMax);
    this.#counters.push({ channel, isTraffic, atNs: new Float64Array(size), values: new Float64Array(size), first: 0, count: 0 });
    return this.#counters.length - 1;
  }

  /** Intervals up to this time are wanted at once. */
  get untilNs(): number {
    return this.#untilNs;
  }

  /** The next interval of the counter at that place; of idle ones as many as it counts, evenly. */
  take(place: number, { startNs, ns, units, rate, count }: Interval): void {
    const counter = this.#counters[place];
    if (counter === undefined) return;
    if (units > 0) return this.#put(counter, startNs + ns, counter.isTraffic ? rate : units);
    const eachNs = ns / count;
    let at = Math.max(1, count - counter.values.length + 1);
    if (this.#untilNs >= startNs) at = Math.min(at, Math.max(1, Math.floor((this.#fromNs - startNs) / eachNs)));
    for (; at < count; at++) this.#put(counter, startNs + at * eachNs, 0);
    this.#put(counter, startNs + ns, 0);
  }

  /** A counter of trouble moved. */
  noteEvent(channel: number, atNs: number): void {
    if (!this.#begin(channel, atNs)) this.#calmNs = Math.max(this.#calmNs, atNs + this.#rules.postNs);
    this.#settle();
  }

  beginBurst(channel: number, atNs: number): void {
    this.#openBursts++;
    this.#begin(channel, atNs);
    this.#settle();
  }

  endBurst(atNs: number): void {
    this.#openBursts--;
    this.#calmNs = Math.max(this.#calmNs, atNs + this.#rules.postNs);
    this.#settle();
  }

  #put(counter: KeptCounter, atNs: number, value: number): void {
    if (atNs >= this.#fromNs && atNs <= this.#untilNs) return this.#sink.capture({ channel: counter.channel, atNs, value });
    const size = counter.values.length;
    if (counter.count === size) dropFirst(counter);
    const next = (counter.first + counter.count) % size;
    counter.atNs[next] = atNs;
    counter.values[next] = value;
    counter.count++;
  }

  /** Begins a capture where none lasts. */
  #begin(channel: number, atNs: number): boolean {
    if (atNs <= this.#untilNs) return false;
    const { preNs, postNs, maxNs } = this.#rules;
    // Right after another one, what is still missing of that belongs to it.
    if (atNs - preNs > this.#untilNs) this.#fromNs = atNs - preNs;
    this.#limitNs = atNs - preNs + maxNs;
    this.#calmNs = atNs + postNs;
    this.#sink.captureStart({ port: this.#port, channel, atNs });
    return true;
  }

  #settle(): void {
    this.#untilNs = this.#openBursts > 0 ? this.#limitNs : Math.min(this.#limitNs, this.#calmNs);
    for (const counter of this.#counters) this.#giveKept(counter);
  }

  #giveKept(counter: KeptCounter): void {
    while (counter.count > 0) {
      const atNs = counter.atNs[counter.first] ?? 0;
      if (atNs > this.#untilNs) return;
      if (atNs >= this.#fromNs) this.#sink.capture({ channel: counter.channel, atNs, value: counter.values[counter.first] ?? 0 });
      dropFirst(counter);
    }
  }
}

function dropFirst(counter: KeptCounter): void {
  counter.first = (counter.first + 1) % counter.values.length;
  counter.count--;
}
