// When things are due. One sorted queue and one armed timer serve all targets: ten thousand timers of their own were ten times as late
// and took six times the memory. What is due at the same instant runs in one go, because wake-ups, not work, dominate small pages.
//
// Due times are wall times, so that a target keeps its place in the interval across restarts. Timers run on monotonic time; a wall clock
// that is set is noticed at the next wake-up (at the latest after `SLEEP_MS_MAX`) and every entry then says when it is due by the new time.

import type { Clock, Timer } from '../io/clock.ts';
import type { ShardingSettings } from '../targets/config.ts';

export interface ScheduleEntry {
  /** Wall time in milliseconds. Changed by the schedule only while the entry is queued. */
  dueMs: number;
  /** Place in the queue, owned by the schedule; -1 outside. Start with -1. */
  place: number;
  /** Called once it is due, at most some milliseconds late unless the process was busy. Returns the next due time, or undefined to leave. */
  run(nowMs: number): number | undefined;
  /** The wall clock was set by `shiftMs`: the due time by the new time. */
  realign(nowMs: number, shiftMs: number): number;
}

export interface Schedule {
  add(entry: ScheduleEntry): void;
  /** Does nothing for an entry that is not queued. */
  remove(entry: ScheduleEntry): void;
  readonly size: number;
  stop(): void;
}

/** Longest sleep: bounds how long a wall clock that was set back can delay scrapes. */
const SLEEP_MS_MAX = 5000;
/** Smaller differences between wall and monotonic time are slewing, which the grid of due times follows by itself. */
const JUMP_MS = 500;
/** A tick's length: a tenth of the interval or less, between these bounds. Longer ones would be seen as bursts, shorter ones share too little. */
const TICK_MS_MAX = 250;
const TICK_MS_MIN = 10;

export function createSchedule(clock: Clock): Schedule {
  return new TimerSchedule(clock);
}

class TimerSchedule implements Schedule {
  readonly #clock: Clock;
  readonly #heap: ScheduleEntry[] = [];
  #timer: Timer | undefined;
  #armedForMs = Infinity;
  #wallLeadMs: number;
  #running = false;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wallLeadMs = clock.nowMs() - clock.monotonicMs();
  }

  get size(): number {
    return this.#heap.length;
  }

  add(entry: ScheduleEntry): void {
    if (this.#stopped) return;
    if (entry.place !== -1) this.remove(entry);
    entry.place = this.#heap.length;
    this.#heap.push(entry);
    this.#rise(entry.place);
    this.#arm();
  }

  remove(entry: ScheduleEntry): void {
    const place = entry.place;
    if (this.#heap[place] !== entry) return;
    entry.place = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#heap[place] = last;
    last.place = place;
    this.#settle(place);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const entry of this.#heap) entry.place = -1;
    this.#heap.length = 0;
  }

  #wake(): void {
    this.#timer = undefined;
    this.#armedForMs = Infinity;
    const nowMs = this.#clock.nowMs();
    this.#followWallClock(nowMs);
    this.#running = true;
    try {
      this.#runDue(nowMs);
    } finally {
      this.#running = false;
      this.#arm();
    }
  }

  #runDue(nowMs: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.dueMs <= nowMs; first = this.#heap[0]) {
      const entry = first;
      const next = entry.run(nowMs);
      // An entry may have removed itself, or all entries, while it ran.
      if (this.#heap[entry.place] !== entry) continue;
      if (next === undefined) this.remove(entry);
      else {
        // A due time that is not ahead would run for ever in this loop.
        entry.dueMs = Math.max(next, nowMs + 1);
        this.#settle(entry.place);
      }
    }
  }

  #followWallClock(nowMs: number): void {
    const leadMs = nowMs - this.#clock.monotonicMs();
    const shiftMs = leadMs - this.#wallLeadMs;
    this.#wallLeadMs = leadMs;
    if (Math.abs(shiftMs) < JUMP_MS) return;
    for (const entry of this.#heap) entry.dueMs = entry.realign(nowMs, shiftMs);
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  #arm(): void {
    const first = this.#heap[0];
    if (this.#running || this.#stopped || first === undefined || this.#armedForMs <= first.dueMs) return;
    this.#timer?.cancel();
    this.#armedForMs = first.dueMs;
    const delayMs = Math.min(Math.max(first.dueMs - this.#clock.nowMs(), 0), SLEEP_MS_MAX);
    this.#timer = this.#clock.after(delayMs, () => this.#wake());
  }

  #settle(place: number): void {
    this.#rise(place);
    this.#sink(place);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const up = (place - 1) >> 1;
      if (heap[up]!.dueMs <= heap[place]!.dueMs) return;
      this.#swap(up, place);
      place = up;
    }
  }

  #sink(from: number): void {
    const heap = this.#heap;
    let place = from;
    for (;;) {
      const left = 2 * place + 1;
      if (left >= heap.length) return;
      const right = left + 1;
      const down = right < heap.length && heap[right]!.dueMs < heap[left]!.dueMs ? right : left;
      if (heap[place]!.dueMs <= heap[down]!.dueMs) return;
      this.#swap(place, down);
      place = down;
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    const one = heap[a]!;
    heap[a] = heap[b]!;
    heap[b] = one;
    heap[a].place = a;
    one.place = b;
  }
}

/** The seed of this collector: members that scrape the same target have different ones, also where they share a host. */
export function scrapeSeed(hostName: string, { externalLabels, sharding }: { readonly externalLabels: ReadonlyMap<string, string>; readonly sharding: ShardingSettings }): string {
  const seed = `${hostName} ${JSON.stringify([...externalLabels])}`;
  return sharding.members === 1 ? seed : `${seed} ${sharding.member}`;
}

/**
 * A target's place in its interval, in whole milliseconds: the same after a restart, different for collectors with different seeds. The
 * interval is cut into ticks whose number is a multiple of ten, so that every tenth of the interval holds its share.
 */
export function scrapeOffsetMs(targetKey: string, seedText: string, intervalMs: number): number {
  const tenths = Math.ceil(intervalMs / (10 * TICK_MS_MAX));
  const ticks = intervalMs >= 10 * TICK_MS_MIN ? 10 * tenths : Math.max(1, Math.floor(intervalMs / TICK_MS_MIN));
  return Math.floor(((fnv1a(seedText + targetKey) % ticks) * intervalMs) / ticks);
}

/** The first time of the grid `k * interval + offset` that is not before `fromMs`. */
export function nextGridMs(fromMs: number, intervalMs: number, offsetMs: number): number {
  return Math.ceil((fromMs - offsetMs) / intervalMs) * intervalMs + offsetMs;
}

/** 32 bits of FNV-1a, finished so that the low bits depend on every character. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
