// Streams without a destination: since when, by a note in the ledger that outlives restarts. Within the grace they are kept like any other; past it they
// are parked: the first to go when room is needed, and never deleted for any other reason but a command.

import type { Clock } from '../io/clock.ts';
import type { Notes } from './notes.ts';


/** The note of a stream whose destination was removed: the time, milliseconds since the epoch. */
export const removedNote = (name: string): string => `removed/${name}`;

export class Retired {
  readonly #notes: Notes;
  readonly #clock: Clock;
  readonly #graceMs: number;
  /** Those this process knows of, so that the hot path does not ask the ledger. */
  readonly #removedMs = new Map<string, number>();

  constructor(notes: Notes, clock: Clock, graceMs: number) {
    this.#notes = notes;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** Notes the time of removal, once: a restart without the destination does not begin the grace anew. */
  add(name: string): void {
    const noted = Number(this.#notes.get(removedNote(name)) ?? Number.NaN);
    const removedMs = Number.isFinite(noted) ? noted : this.#clock.nowMs();
    this.#removedMs.set(name, removedMs);
    if (noted !== removedMs) void this.#notes.set(removedNote(name), String(removedMs));
  }

  /** The destination is back, or the stream is gone. */
  delete(name: string): void {
    this.#removedMs.delete(name);
    if (this.#notes.get(removedNote(name)) !== undefined) void this.#notes.delete(removedNote(name));
  }

  names(): string[] {
    return [...this.#removedMs.keys()].sort();
  }

  /** When its destination was removed, milliseconds since the epoch; undefined while it has one. */
  removedMs(name: string): number | undefined {
    return this.#removedMs.get(name);
  }

  isParked(name: string): boolean {
    const removedMs = this.#removedMs.get(name);
    return removedMs !== undefined && this.#clock.nowMs() - removedMs >= this.#graceMs;
  }
}
