// The sampler's thread, as an addon in C++ that `npm run build` makes where there is a compiler. This is the one file that loads it.

import { createRequire } from 'node:module';
import { errorText } from '../model/error.ts';
import type { KernelCounters } from './kernel-counters.ts';
import { burstRowAt, burstRowNumbers, captureRowAt, captureRowNumbers, captureStartAt, windowRowAt, windowRowNumbers } from './reduction.ts';
import type { Sampler, SamplerFigures, SamplerPlan } from './sampler.ts';

/** Each row's numbers one after the other. */
interface NativeRows {
  readonly windows: Float64Array;
  readonly bursts: Float64Array;
  readonly captureStarts: Float64Array;
  readonly captures: Float64Array;
}

interface NativeSampler {
  start(): void;
  stop(): void;
  drain(): NativeRows & { readonly produced: number; readonly overwritten: number };
  figures(): SamplerFigures;
}

export interface NativeAddon extends KernelCounters {
  readonly Sampler: new (options: object) => NativeSampler;
}

/** The addon, or why there is none. `TRIBUTARY_NATIVE=0` keeps native code out. */
export function loadNativeSampler(): { readonly addon: NativeAddon } | { readonly reason: string } {
  if (process.env['TRIBUTARY_NATIVE'] === '0') return { reason: 'TRIBUTARY_NATIVE=0' };
  const require = createRequire(import.meta.url);
  let reason = '';
  // Beside the built program, and as seen from the sources.
  for (const place of ['./native/sampler.node', '../../dist/native/sampler.node']) {
    try {
      return { addon: require(place) as NativeAddon };
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
      reason = isAbsent && reason === '' ? 'it was not built (no C++ compiler at build time)' : isAbsent ? reason : errorText(error);
    }
  }
  return { reason };
}

/** Throws a TypeError or RangeError when an argument is outside of what the addon takes. */
export function createNativeSampler({ Sampler }: NativeAddon, plan: SamplerPlan): Sampler {
  const alignNs = wallOffsetNs();
  const native = new Sampler({ ...plan, reduction: { ...plan.reduction, alignNs } });
  return {
    wallOffsetNs: alignNs,
    start: () => native.start(),
    stop: () => native.stop(),
    figures: () => native.figures(),
    drain: () => {
      const { windows, bursts, captureStarts, captures, produced, overwritten } = native.drain();
      return {
        windows: rowsOf(windows, windowRowNumbers, windowRowAt), bursts: rowsOf(bursts, burstRowNumbers, burstRowAt),
        captureStarts: rowsOf(captureStarts, captureRowNumbers, captureStartAt), captures: rowsOf(captures, captureRowNumbers, captureRowAt),
        produced, overwritten,
      };
    },
  };
}

/** A millisecond whose begin was seen more exactly than this is exact enough; after so many others the best one has to do. */
const offsetErrorNsMax = 20_000;
const offsetTries = 8;

/** The two clocks: milliseconds since the epoch, and nanoseconds as the sampler's thread counts them. */
export interface ClockPair {
  readonly nowMs: () => number;
  readonly monotonicNs: () => bigint;
}

/**
 * From the clock of the thread, which is the one behind hrtime, to the wall clock. That tells whole milliseconds: the beginning of one is waited for, so that
 * timestamps are right to some microseconds. Whoever is interrupted meanwhile does not know when it began, and waits for another.
 */
export function wallOffsetNs(clocks: ClockPair = { nowMs: Date.now, monotonicNs: () => process.hrtime.bigint() }): number {
  let best = beginOfMillisecond(clocks);
  for (let i = 1; i < offsetTries && best.errorNs > offsetErrorNsMax; i++) {
    const next = beginOfMillisecond(clocks);
    if (next.errorNs < best.errorNs) best = next;
  }
  return best.offsetNs;
}

/** It began after the wall clock was asked for the last but one time, and before it was asked for the last. */
function beginOfMillisecond({ nowMs, monotonicNs }: ClockPair): { readonly offsetNs: number; readonly errorNs: number } {
  let fromNs = monotonicNs();
  const beganMs = nowMs();
  for (;;) {
    const nextNs = monotonicNs();
    const ms = nowMs();
    const untilNs = monotonicNs();
    if (ms !== beganMs) return { offsetNs: ms * 1e6 - Number((fromNs + untilNs) / 2n), errorNs: Number(untilNs - fromNs) };
    fromNs = nextNs;
  }
}

function rowsOf<T>(numbers: Float64Array, width: number, rowAt: (numbers: Float64Array, at: number) => T): T[] {
  return Array.from({ length: numbers.length / width }, (_, row) => rowAt(numbers, row * width));
}
