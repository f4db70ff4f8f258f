// Which channels of a port are kept at full resolution around an event, and what their samples are called.

import type { PlannedChannel } from '../plan.ts';
import { events, type RoceEvent } from '../vendors.ts';
import { isWatched } from './feed-events.ts';

/** What a signal is; the labels that do not apply are empty. */
export interface CaptureSignal {
  readonly signal: string;
  readonly direction: string;
  readonly priority: string;
  /** Captured numbers are multiplied by it. */
  readonly scale: number;
  /** Of two intervals in one millisecond: a rate's larger one counts, increments are added. */
  readonly isRate: boolean;
}

type Candidate = Pick<PlannedChannel, 'port' | 'counter' | 'isThroughput'>;

/** Of the reference: congestion first, then what follows from it. */
const eventOrder: readonly RoceEvent[] = ['cnp_sent', 'cnp_handled', 'ecn_marked', 'out_of_sequence', 'discard', ...events];

/** Undefined for what is no signal. */
export function captureSignal({ counter: { meaning }, isThroughput }: Omit<Candidate, 'port'>): CaptureSignal | undefined {
  if (meaning.isGauge) return undefined;
  if (isThroughput) return { signal: 'throughput', direction: meaning.traffic ?? '', priority: '', scale: 1, isRate: true };
  if (meaning.pause !== undefined) {
    const { kind, direction, priority } = meaning.pause;
    // Microseconds become seconds.
    return kind === 'duration'
      ? { signal: 'paused_seconds', direction, priority, scale: 1e-6, isRate: false }
      : { signal: 'pause_frames', direction, priority, scale: 1, isRate: false };
  }
  return meaning.event === undefined ? undefined : { signal: meaning.event, direction: '', priority: '', scale: 1, isRate: false };
}

/**
 * The places of the channels to capture, at most `signalsMax` of each port: throughput both ways, pauses of its lossless priorities (the link's where there
 * are none; durations before frames), CNP, ECN, out of sequence, discards, other events. One channel for each signal.
 */
export function capturedChannels(channels: readonly Candidate[], signalsMax: number): Set<number> {
  const byPort = new Map<Candidate['port'], number[]>();
  channels.forEach(({ port }, index) => byPort.set(port, [...(byPort.get(port) ?? []), index]));
  return new Set([...byPort.values()].flatMap((indices) => chosenOf(channels, indices).slice(0, signalsMax)));
}

function chosenOf(channels: readonly Candidate[], indices: readonly number[]): number[] {
  const ranked: { readonly index: number; readonly rank: number; readonly name: string }[] = [];
  for (const index of indices) {
    const candidate = channels[index];
    const rank = candidate === undefined ? undefined : rankOf(candidate);
    if (candidate !== undefined && rank !== undefined) ranked.push({ index, rank, name: nameOf(candidate) });
  }
  // Sorting keeps the plan's order among equals.
  ranked.sort((a, b) => a.rank - b.rank);
  const hasLossless = ranked.some(({ rank }) => rank >= 2 && rank < 10);
  const wanted = ranked.filter(({ rank }) => !(hasLossless && rank === 10));
  return wanted.filter(({ name }, place) => wanted.findIndex((other) => other.name === name) === place).map(({ index }) => index);
}

/** Throughput is 0 and 1, pauses of priorities 2 to 9, of the link 10, events from 11 on. */
function rankOf({ port, counter: { meaning }, isThroughput }: Candidate): number | undefined {
  if (meaning.isGauge) return undefined;
  if (isThroughput) return meaning.traffic === 'receive' ? 0 : 1;
  if (meaning.pause !== undefined) {
    if (!isWatched(port, meaning.pause)) return undefined;
    return meaning.pause.priority === 'global' ? 10 : 2 + Number(meaning.pause.priority);
  }
  return meaning.event === undefined ? undefined : 11 + eventOrder.indexOf(meaning.event);
}

/** Frames and durations of one pause are the same signal told twice. */
function nameOf({ counter: { meaning }, isThroughput }: Candidate): string {
  if (isThroughput) return `throughput ${meaning.traffic}`;
  return meaning.pause === undefined ? String(meaning.event) : `pause ${meaning.pause.direction} ${meaning.pause.priority}`;
}
