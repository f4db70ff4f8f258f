// Counts in files as a device would, for machines without a compiler: a program of its own, which does what native/test/fake-counters.cpp does and says the same.
// Nothing is made while it counts: a collection of garbage would be a lag.

import { openSync, readFileSync, writeSync } from 'node:fs';
import { setPriority } from 'node:os';

interface Counter {
  value: number;
  readonly file: number;
}

interface Move {
  readonly counter: Counter;
  readonly startNs: number;
  readonly durationNs: number;
  readonly counts: number;
  writtenAtNs: number;
  counted: number;
  lagNs: number;
}

/** Before a move begins: a sleep ends late by about so much. */
const awakeNs = 3e6;
const digits = 20;
/** The compiler of JavaScript wants to have seen a function before it makes it quick. */
const rehearsals = 20_000;
const zero = 48;
const newline = 10;
const bell = new Int32Array(new SharedArrayBuffer(4));
/** Of fixed width: a reader never finds the rest of a longer number. */
const text = Buffer.alloc(digits + 1, newline);

let beginMs = 0;
const counters: Counter[] = [];
const moves: Move[] = [];
for (const line of readFileSync(0, 'utf8').split('\n').filter((given) => given !== '')) take(line.split(' '));
prefer();
for (const counter of counters) for (let i = 0; i < rehearsals / counters.length; i++) write(counter);
count();
process.stdout.write(moves.map(({ lagNs }) => `${Math.round(lagNs)}\n`).join(''));

function take([word, ...rest]: readonly string[]): void {
  if (word === 'begin') beginMs = Number(rest[0]);
  // Processors cannot be chosen from here.
  else if (word === 'reader') return;
  else if (word === 'counter') counters.push({ value: Number(rest[0]), file: openSync(rest.slice(1).join(' '), 'r+') });
  else moves.push({ counter: counters[Number(rest[0])]!, startNs: Number(rest[1]), durationNs: Number(rest[2]), counts: Number(rest[3]), writtenAtNs: Number(rest[1]), counted: 0, lagNs: 0 });
}

/** Ahead of what else runs here. */
function prefer(): void {
  try {
    setPriority(-20);
  } catch {
    // Not as root: it may be late more often, and says so.
  }
}

/** Nanoseconds after the beginning. */
function now(): number {
  return (performance.timeOrigin - beginMs + performance.now()) * 1e6;
}

function write({ value, file }: Counter): void {
  let rest = value;
  for (let i = digits - 1; i >= 0; i--) {
    const tenth = Math.floor(rest / 10);
    text[i] = zero + rest - 10 * tenth;
    rest = tenth;
  }
  writeSync(file, text, 0, text.length, 0);
}

/** Counts what has passed until `atNs`; whether all of it has. */
function advance(move: Move, atNs: number): boolean {
  const ends = atNs >= move.startNs + move.durationNs;
  const counted = ends ? move.counts : Math.floor((move.counts * (atNs - move.startNs)) / move.durationNs);
  move.counter.value += counted - move.counted;
  move.counted = counted;
  write(move.counter);
  // Until the write was over the file had the value before, also where there is no next one to show how long that took.
  move.lagNs = Math.max(move.lagNs, now() - move.writtenAtNs);
  move.writtenAtNs = atNs;
  return ends;
}

function count(): void {
  const active: Move[] = [];
  let next = 0;
  while (next < moves.length || active.length > 0) {
    const sleepNs = active.length > 0 ? 0 : moves[next]!.startNs - awakeNs - now();
    if (sleepNs > 0) Atomics.wait(bell, 0, 0, sleepNs / 1e6);
    const atNs = now();
    while (next < moves.length && moves[next]!.startNs <= atNs) active.push(moves[next++]!);
    for (let i = active.length - 1; i >= 0; i--) if (advance(active[i]!, atNs)) active.splice(i, 1);
  }
}
