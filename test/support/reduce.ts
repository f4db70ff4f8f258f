// Reduces readings with the reducers in TypeScript or with the native ones, which run as a program of their own under the address and undefined-behaviour
// sanitizers where the compiler has them, so that one suite judges both.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { buildProgram, hasCompiler, hasSanitizer } from '../../scripts/native.mjs';
import { Recorder, type CaptureSink } from '../../src/roce/capture.ts';
import { burstRowAt, captureRowAt, captureStartAt, windowRowAt, windowRowNumbers, type BurstRow, type CaptureRow, type CaptureStart, type CounterRules, type ReductionRules, type WindowRow } from '../../src/roce/reduction.ts';
import { Reducer, type RowSink } from '../../src/roce/reducer.ts';
import type { CaptureRules } from '../../src/roce/sampler.ts';
import type { SignalReading } from './counter-signal.ts';

export interface ReducedRows {
  readonly windows: WindowRow[];
  readonly bursts: BurstRow[];
  readonly starts: CaptureStart[];
  readonly captures: CaptureRow[];
}

/** A reading, the loss of the source, or another period from the next reading on. */
export type ReducerInput = SignalReading | 'lost' | { readonly periodNs: number };
export type Reduce = (inputs: readonly ReducerInput[], counter: CounterRules, rules: ReductionRules) => ReducedRows;

export interface ReplayCounter {
  readonly rules: CounterRules;
  readonly port: number;
  readonly isEvent: boolean;
  readonly isCaptured: boolean;
}

/** Several counters: inputs come with the counter's place in the list, in the order in which they happen. */
export interface ReplayPlan {
  readonly rules: ReductionRules;
  readonly capture: CaptureRules | undefined;
  readonly counters: readonly ReplayCounter[];
  readonly inputs: readonly (readonly [number, ReducerInput])[];
}
export type Replay = (plan: ReplayPlan) => ReducedRows;

export const replayInTypeScript: Replay = ({ rules, capture, counters, inputs }) => {
  const rows: ReducedRows = { windows: [], bursts: [], starts: [], captures: [] };
  const sink: RowSink & CaptureSink = {
    window: (row) => rows.windows.push(row), burst: (row) => rows.bursts.push(row),
    captureStart: (row) => rows.starts.push(row), capture: (row) => rows.captures.push(row),
  };
  const recorders = new Map<number, Recorder>();
  const reducers = counters.map(({ rules: counter, port, isEvent, isCaptured }, index) => {
    if (capture === undefined) return new Reducer(index, counter, rules, sink);
    const recorder = recorders.get(port) ?? new Recorder(port, capture, sink);
    recorders.set(port, recorder);
    const place = isCaptured ? recorder.add(index, rules.periodNs, counter.lineRate > 0) : undefined;
    return new Reducer(index, counter, rules, sink, { recorder, isEvent, place });
  });
  for (const [counter, input] of inputs) feed(reducers[counter], input);
  for (const reducer of reducers) reducer.finish();
  return rows;
};

let program: string | undefined;

/** What a busy machine needs to build a program in C++, in milliseconds. */
export const buildLimitMs = 300_000;

/** Before the tests, because it takes a while; nothing where there is no compiler. */
export function buildReplay(): void {
  if (hasCompiler()) program = buildProgram('replay', hasSanitizer('address,undefined') ? 'address,undefined' : '');
}

export const replayNatively: Replay = (plan) => {
  assert(program !== undefined, 'buildReplay comes first');
  const { status, stdout, stderr } = spawnSync(program, { input: linesOf(plan).join('\n'), encoding: 'utf8', maxBuffer: 1 << 28 });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return rowsOf(stdout);
};

export const reduceInTypeScript = reduceWith(replayInTypeScript);
export const reduceNatively = reduceWith(replayNatively);

/** Both, or the one in TypeScript where there is no compiler. */
export const replays: readonly (readonly [string, Replay])[] = hasCompiler() ? [['typescript', replayInTypeScript], ['native', replayNatively]] : [['typescript', replayInTypeScript]];
export const reducers: readonly (readonly [string, Reduce])[] = replays.map(([name, replay]) => [name, reduceWith(replay)]);

function reduceWith(replay: Replay): Reduce {
  return (inputs, rules, reduction) =>
    replay({ rules: reduction, capture: undefined, counters: [{ rules, port: 0, isEvent: false, isCaptured: false }], inputs: inputs.map((input) => [0, input]) });
}

function feed(reducer: Reducer | undefined, input: ReducerInput): void {
  if (input === 'lost') reducer?.lose();
  else if ('periodNs' in input) reducer?.setPeriod(input.periodNs);
  else reducer?.take(input.value, input.beginNs, input.endNs);
}

function linesOf({ rules, capture, counters, inputs }: ReplayPlan): string[] {
  const head = ['rules', rules.periodNs, rules.windowNs, rules.alignNs, rules.enter, rules.leave, rules.mergeGap, rules.minIntervals, ...rules.thresholds].join(' ');
  const captures = capture === undefined ? [] : [`capture ${capture.preNs} ${capture.postNs} ${capture.maxNs}`];
  return [head, ...captures, ...counters.map(counterLine), ...inputs.map(inputLine), ''];
}

function counterLine({ rules: { bits, saturates, multiplier, lineRate, refreshNs }, port, isEvent, isCaptured }: ReplayCounter): string {
  return ['counter', bits, Number(saturates), multiplier, lineRate, refreshNs === 'learn' ? -1 : refreshNs, port, Number(isEvent), Number(isCaptured)].join(' ');
}

function inputLine([counter, input]: readonly [number, ReducerInput]): string {
  if (input === 'lost') return `lost ${counter}`;
  return 'periodNs' in input ? `period ${counter} ${input.periodNs}` : `${counter} ${input.value} ${input.beginNs} ${input.endNs}`;
}

function rowsOf(text: string): ReducedRows {
  const rows: ReducedRows = { windows: [], bursts: [], starts: [], captures: [] };
  for (const line of text.split('\n').filter((part) => part !== '')) {
    const [kind, ...words] = line.split(' ');
    const numbers = Float64Array.from(words, Number);
    if (kind === 'window') {
      expect(numbers.length).toBe(windowRowNumbers);
      rows.windows.push(windowRowAt(numbers, 0));
    } else if (kind === 'burst') rows.bursts.push(burstRowAt(numbers, 0));
    else if (kind === 'start') rows.starts.push(captureStartAt(numbers, 0));
    else rows.captures.push(captureRowAt(numbers, 0));
  }
  return rows;
}
