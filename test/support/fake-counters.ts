// Counts in files as a device would, for machines without a compiler: a program of its own, which does what native/test/fake-counters.cpp does and says the same.

import { openSync, readFileSync, writeSync } from 'node:fs';

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
const awakeNs = 2e6;
const digits = 20;
const bell = new Int32Array(new SharedArrayBuffer(4));

let beginMs = 0;
const counters: Counter[] = [];
const moves: Move[] = [];
for (const line of readFileSync(0, 'utf8').split('\n').filter((text) => text !== '')) take(line.split(' '));
for (const counter of counters) write(counter);
count();
process.stdout.write(moves.map(({ lagNs }) => `${Math.round(lagNs)}\n`).join(''));

function take([word, ...rest]: readonly string[]): void {
  if (word === 'begin') beginMs = Number(rest[0]);
  else if (word === 'counter') counters.push({ value: Number(rest[0]), file: openSync(rest.slice(1).join(' '), 'r+') });
  else moves.push({ counter: counters[Number(rest[0])]!, startNs: Number(rest[1]), durationNs: Number(rest[2]), counts: Number(rest[3]), writtenAtNs: Number(rest[1]), counted: 0, lagNs: 0 });
}

/** Nanoseconds after the beginning. */
function now(): number {
  return (performance.timeOrigin - beginMs + performance.now()) * 1e6;
}

/** Of fixed width: a reader never finds the rest of a longer number. */
function write({ value, file }: Counter): void {
  writeSync(file, `${String(value).padStart(digits, '0')}\n`, 0);
}

/** Counts what has passed until `atNs`; whether all of it has. */
function advance(move: Move, atNs: number): boolean {
  const ends = atNs >= move.startNs + move.durationNs;
  const counted = ends ? move.counts : Math.floor((move.counts * (atNs - move.startNs)) / move.durationNs);
  move.counter.value += counted - move.counted;
  move.counted = counted;
  write(move.counter);
  move.lagNs = Math.max(move.lagNs, atNs - move.writtenAtNs);
  move.writtenAtNs = atNs;
  return ends;
}

function count(): void {
  let active: Move[] = [];
  let next = 0;
  while (next < moves.length || active.length > 0) {
    const sleepNs = active.length > 0 ? 0 : moves[next]!.startNs - awakeNs - now();
    if (sleepNs > 0) Atomics.wait(bell, 0, 0, sleepNs / 1e6);
    const atNs = now();
    while (next < moves.length && moves[next]!.startNs <= atNs) active.push(moves[next++]!);
    active = active.filter((move) => !advance(move, atNs));
  }
}
