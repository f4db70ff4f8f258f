// What a run over a breaking link was worth, from the notes of the storage alone, so that every collector is judged alike.

import { BACKLOG_AGE_MS, SLOT_MS, type LinkRequest } from './link-storage.ts';

export interface Phase {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface LinkRun {
  readonly requests: readonly LinkRequest[];
  /** Body bytes that arrived, those of broken requests included. */
  readonly arrivedBytes: number;
  /** When the link was up, in order; the first one begins before the first outage. */
  readonly up: readonly Phase[];
  readonly bytesPerSecond: number;
}

export interface LinkFigures {
  /** Acknowledged body bytes by what the link could carry, while it was up and a backlog existed. */
  readonly carriedShare: number;
  readonly backlogUpSeconds: number;
  /** Body bytes that arrived beyond those that brought something new, by all that arrived. */
  readonly twiceShare: number;
  readonly twiceBytes: number;
  /** Body bytes by what the link could carry in the first phase, without its first fifth. */
  readonly liveShare: number;
  /** After each link-up: until a request with a sample younger than `FRESH_MS` was complete, and until no backlog was left; Infinity when that never came in the phase. */
  readonly freshSeconds: readonly number[];
  readonly drainedSeconds: readonly number[];
}

/** Data younger than this is fresh. */
export const FRESH_MS = 10_000;

export function figuresOf({ requests, arrivedBytes, up, bytesPerSecond }: LinkRun): LinkFigures {
  const firstSlot = Math.floor(up[0]!.fromMs / SLOT_MS);
  const slots = Math.ceil((up.at(-1)!.toMs - up[0]!.fromMs) / SLOT_MS) + 1;
  const hasBacklog = backlogSlots(requests, firstSlot, slots);
  const isUp = new Uint8Array(slots);
  for (const { fromMs, toMs } of up) isUp.fill(1, Math.floor(fromMs / SLOT_MS) - firstSlot, Math.floor(toMs / SLOT_MS) - firstSlot);
  const bytes = arrivalsBySlot(requests, firstSlot, slots);
  let carried = 0;
  let backlogSlotsUp = 0;
  for (let slot = 0; slot < slots; slot++) {
    if (isUp[slot] === 0 || hasBacklog[slot] === 0) continue;
    carried += bytes[slot]!;
    backlogSlotsUp++;
  }
  const backlogUpSeconds = (backlogSlotsUp * SLOT_MS) / 1000;
  const firstBytes = requests.reduce((sum, request) => sum + (request.samples === 0 ? request.wireBytes : (request.wireBytes * request.newSamples) / request.samples), 0);
  return {
    carriedShare: carried / (backlogUpSeconds * bytesPerSecond),
    backlogUpSeconds,
    twiceBytes: arrivedBytes - firstBytes,
    twiceShare: (arrivedBytes - firstBytes) / arrivedBytes,
    liveShare: liveShare(bytes, up[0]!, bytesPerSecond),
    freshSeconds: up.slice(1).map((phase) => secondsUntilFresh(requests, phase)),
    drainedSeconds: up.slice(1).map((phase) => secondsUntilDrained(hasBacklog, phase, firstSlot)),
  };
}

/** A slot has backlog when some sample of age `BACKLOG_AGE_MS` came after it. */
function backlogSlots(requests: readonly LinkRequest[], firstSlot: number, slots: number): Uint8Array {
  const has = new Uint8Array(slots);
  for (const { oldestNewMs, endMs } of requests) {
    if (oldestNewMs === null || endMs - oldestNewMs <= BACKLOG_AGE_MS) continue;
    const from = Math.max(0, Math.floor((oldestNewMs + BACKLOG_AGE_MS) / SLOT_MS) - firstSlot);
    has.fill(1, from, Math.max(from, Math.floor(endMs / SLOT_MS) - firstSlot));
  }
  return has;
}

function arrivalsBySlot(requests: readonly LinkRequest[], firstSlot: number, slots: number): Float64Array {
  const bytes = new Float64Array(slots);
  for (const { arrivals } of requests) {
    for (const [slot, count] of arrivals) if (slot >= firstSlot && slot < firstSlot + slots) bytes[slot - firstSlot]! += count;
  }
  return bytes;
}

function liveShare(bytes: Float64Array, { fromMs, toMs }: Phase, bytesPerSecond: number): number {
  const slots = Math.floor((toMs - fromMs) / SLOT_MS);
  const from = Math.floor(slots / 5);
  return bytes.slice(from, slots).reduce((sum, count) => sum + count, 0) / ((bytesPerSecond * (slots - from) * SLOT_MS) / 1000);
}

function secondsUntilFresh(requests: readonly LinkRequest[], { fromMs, toMs }: Phase): number {
  const times = requests.filter(({ endMs, newestMs }) => endMs > fromMs && endMs <= toMs && newestMs !== null && endMs - newestMs <= FRESH_MS).map(({ endMs }) => endMs);
  return (Math.min(Infinity, ...times) - fromMs) / 1000;
}

function secondsUntilDrained(hasBacklog: Uint8Array, { fromMs, toMs }: Phase, firstSlot: number): number {
  const from = Math.floor(fromMs / SLOT_MS) - firstSlot;
  const to = Math.floor(toMs / SLOT_MS) - firstSlot;
  for (let slot = from; slot < to; slot++) if (hasBacklog[slot] === 0) return ((slot - from) * SLOT_MS) / 1000;
  return Infinity;
}
