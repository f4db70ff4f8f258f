// Simulated time: events in order, and nothing in between. After each event everything runs that needs no time to pass (promises and turns of the
// event loop), until nothing of it is left; only then the next event comes. Days pass in seconds, and the same seed gives the same run.

import { setImmediate as turn } from 'node:timers/promises';
import type { Timer } from '../../../src/io/clock.ts';

/** Turns of the event loop after one event, at most: beyond it the code under test runs in circles. */
const TURNS_MAX = 100_000;

interface Event {
  readonly dueMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

export class Timeline {
  /** Since the beginning of the simulation. */
  nowMs = 0;
  events = 0;
  #order = 0;
  /** A binary heap by due time, then by the order in which they were made. */
  readonly #heap: Event[] = [];

  after(delayMs: number, callback: () => void): Timer {
    const event: Event = { dueMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#push(event);
    return { cancel: () => void (event.callback = undefined) };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  /** Lets everything run that needs no time to pass. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      await turn();
      // Whatever still waits for a turn of the event loop holds an immediate; promises have run by now.
      if (!process.getActiveResourcesInfo().includes('Immediate')) return;
    }
    throw new Error(`the code does not come to rest at ${this.nowMs} ms`);
  }

  /** Runs events up to `untilMs`, or until `isOver`, asked after each event. Returns whether it was over. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<boolean> {
    await this.settle();
    while (!isOver()) {
      const event = this.#next(untilMs);
      if (event === undefined) {
        this.nowMs = Math.max(this.nowMs, untilMs);
        return false;
      }
      this.nowMs = event.dueMs;
      this.events++;
      event.callback!();
      await this.settle();
    }
    return true;
  }

  /** Runs events until the promise has settled, or `isOver`. Undefined when it has not. */
  async runFor<T>(promise: Promise<T>, isOver: () => boolean): Promise<{ readonly value: T } | undefined> {
    let result: { value: T } | { error: unknown } | undefined;
    promise.then((value) => (result = { value }), (error: unknown) => (result = { error }));
    await this.run(Number.POSITIVE_INFINITY, () => result !== undefined || isOver());
    if (result !== undefined && 'error' in result && !isOver()) throw result.error;
    return result !== undefined && 'value' in result ? result : undefined;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && isBefore(event, heap[parent]!); parent = (i - 1) >> 1) {
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  /** The next event up to `untilMs` that was not cancelled. */
  #next(untilMs: number): Event | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.callback !== undefined && first.dueMs > untilMs) return undefined;
      this.#pop();
      if (first.callback !== undefined) return first;
    }
    return undefined;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (let child = 1; child < heap.length; child = 2 * i + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
