// Which channels of a port are kept at full resolution around an event, and what their samples are called.

import type { PlannedChannel } from '../plan.ts';
import { events, type RoceEvent } from '../vendors.ts';

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
 * The channels to capture, at most `signalsMax` of each port: throughput both ways, pauses of its lossless priorities (the link's where there are none; durations before
 * frames), CNP, ECN, out of sequence, discards, other events. One channel for each signal.
 */
export function capturedChannels<T extends Candidate>(channels: readonly T[], signalsMax: number): Set<T> {
  const byPort = new Map<Candidate['port'], T[]>();
  for (const channel of channels) byPort.set(channel.port, [...(byPort.get(channel.port) ?? []), channel]);
  return new Set([...byPort.values()].flatMap((ofPort) => chosenOf(ofPort).slice(0, signalsMax)));
}

function chosenOf<T extends Candidate>(channels: readonly T[]): T[] {
  // Sorting keeps the order of the plan among equals.
  const ranked = channels.flatMap((channel) => placesOf(channel).map((place) => ({ channel, ...place }))).sort((a, b) => a.rank - b.rank);
  const hasPriorities = ranked.some(({ rank }) => rank >= rankOfPriorities && rank < rankOfLink);
  const wanted = ranked.filter(({ rank }) => !(hasPriorities && rank >= rankOfLink && rank < rankOfEvents));
  const names = wanted.map(({ name }) => name);
  return wanted.filter(({ name }, i) => names.indexOf(name) === i).map(({ channel }) => channel);
}

const rankOfPriorities = 10;
const rankOfLink = 50;
const rankOfEvents = 100;

/** Rank and name of a signal, none for what is no signal. Frames and durations of one pause have one name: they tell the same. */
function placesOf({ counter: { meaning }, isThroughput }: Candidate): { readonly rank: number; readonly name: string }[] {
  if (meaning.isGauge) return [];
  if (isThroughput) return [{ rank: meaning.traffic === 'receive' ? 0 : 1, name: `throughput ${meaning.traffic}` }];
  if (meaning.pause !== undefined) {
    const { kind, direction, priority } = meaning.pause;
    const within = (kind === 'duration' ? 0 : 2) + (direction === 'receive' ? 0 : 1);
    const rank = priority === 'global' ? rankOfLink : rankOfPriorities + 4 * Number(priority);
    return [{ rank: rank + within, name: `pause ${direction} ${priority}` }];
  }
  return meaning.event === undefined ? [] : [{ rank: rankOfEvents + eventOrder.indexOf(meaning.event), name: meaning.event }];
}
