// Reduces readings with the reducer in TypeScript or with the native one, which runs as a program of its own under the address and undefined-behaviour
// sanitizers where the compiler has them, so that one suite judges both.

import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { buildProgram, hasCompiler, hasSanitizer } from '../../scripts/native.mjs';
import { burstRowAt, burstRowNumbers, windowRowAt, windowRowNumbers, type BurstRow, type CounterRules, type ReductionRules, type WindowRow } from '../../src/roce/reduction.ts';
import { Reducer } from '../../src/roce/reducer.ts';
import type { SignalReading } from './counter-signal.ts';

export interface ReducedRows {
  readonly windows: WindowRow[];
  readonly bursts: BurstRow[];
}

/** A reading, the loss of the source, or another period from the next reading on. */
export type ReducerInput = SignalReading | 'lost' | { readonly periodNs: number };
export type Reduce = (inputs: readonly ReducerInput[], counter: CounterRules, rules: ReductionRules) => ReducedRows;

export const reduceInTypeScript: Reduce = (inputs, counter, rules) => {
  const rows: ReducedRows = { windows: [], bursts: [] };
  const reducer = new Reducer(0, counter, rules, { window: (row) => rows.windows.push(row), burst: (row) => rows.bursts.push(row) });
  for (const input of inputs) {
    if (input === 'lost') reducer.lose();
    else if ('periodNs' in input) reducer.setPeriod(input.periodNs);
    else reducer.take(input.value, input.beginNs, input.endNs);
  }
  reducer.finish();
  return rows;
};

let program: string | undefined;

export const reduceNatively: Reduce = (inputs, counter, rules) => {
  program ??= buildProgram('replay', hasSanitizer('address,undefined') ? 'address,undefined' : '');
  const { status, stdout, stderr } = spawnSync(program, { input: `${[headOf(counter, rules), ...inputs.map(lineOf)].join('\n')}\n`, encoding: 'utf8', maxBuffer: 1 << 28 });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return rowsOf(stdout);
};

/** Both, or the one in TypeScript where there is no compiler. */
export const reducers: readonly (readonly [string, Reduce])[] = hasCompiler() ? [['typescript', reduceInTypeScript], ['native', reduceNatively]] : [['typescript', reduceInTypeScript]];

function headOf({ bits, saturates, multiplier, lineRate, refreshNs }: CounterRules, rules: ReductionRules): string {
  const counter = [bits, saturates ? 1 : 0, multiplier, lineRate, refreshNs === 'learn' ? -1 : refreshNs];
  return [...counter, rules.periodNs, rules.windowNs, rules.alignNs, rules.enter, rules.leave, rules.mergeGap, rules.minIntervals, ...rules.thresholds].join(' ');
}

function lineOf(input: ReducerInput): string {
  if (input === 'lost') return input;
  return 'periodNs' in input ? `period ${input.periodNs}` : `${input.value} ${input.beginNs} ${input.endNs}`;
}

function rowsOf(text: string): ReducedRows {
  const rows: ReducedRows = { windows: [], bursts: [] };
  for (const line of text.split('\n').filter((part) => part !== '')) {
    const [kind, ...words] = line.split(' ');
    const numbers = Float64Array.from(words, Number);
    expect(numbers.length).toBe(kind === 'window' ? windowRowNumbers : burstRowNumbers);
    if (kind === 'window') rows.windows.push(windowRowAt(numbers, 0));
    else rows.bursts.push(burstRowAt(numbers, 0));
  }
  return rows;
}
