// Captures: single intervals around an event as samples with the time at which the interval ended. Series of their own, because what was before the event comes
// later than the windows that were sent meanwhile.
//
// Times are whole milliseconds and go up in each series. Two intervals that end in one millisecond: at a period of a millisecond or more the later one is
// moved to the next millisecond, which is free but for the same trembling; at a shorter period they are merged, a rate to the larger, increments to their sum,
// and wait for the first of the next millisecond. A series that was silent for a second has ended and gets its marker. What the budget refuses
// ends its port's capture: half of it is worth more than a tenth of its samples.

import { METRIC_NAME, type LabelMap } from '../../model/labels.ts';
import type { RocePlan } from '../plan.ts';
import type { CaptureRow, CaptureStart } from '../reduction.ts';
import type { Rows } from '../sampler.ts';
import type { Batch } from './batch.ts';
import { CaptureBudget } from './capture-budget.ts';
import { captureSignal, type CaptureSignal } from './capture-signals.ts';
import { families } from './families.ts';
import { portLabels } from './feed.ts';

/** `budget`: more than may be sent; `order`: not later than what the series has; `signal`: the channel is no signal, or another one is the same. */
export type CaptureDrop = 'budget' | 'order' | 'signal';

/** What is told elsewhere: captures that began, and samples that were dropped, of a port. */
export interface CaptureEvents {
  began(port: number, trigger: string): void;
  dropped(port: number, trigger: string, reason: CaptureDrop): void;
}

const silentMs = 1000;
/** Names of ended series are remembered so long, for their last timestamp. */
const rememberMs = 600_000;

interface Capture {
  readonly port: number;
  readonly signal: CaptureSignal;
  readonly isMerged: boolean;
  readonly labels: LabelMap;
  lastMs: number;
  /** Whether samples were sent after the last marker. */
  isOpen: boolean;
  /** Of a merged one, the millisecond that may not be complete. */
  waiting: { readonly ms: number; value: number } | undefined;
}

interface CapturePort {
  trigger: string;
  isRefused: boolean;
  lastMs: number;
}

export class Captures {
  readonly #events: CaptureEvents;
  #plan: RocePlan | undefined;
  #budget = new CaptureBudget(0, 0);
  #ports: CapturePort[] = [];
  /** By channel. */
  #captures = new Map<number, Capture>();
  /** Last timestamps of all series there were. */
  readonly #known = new Map<string, number>();

  constructor(events: CaptureEvents) {
    this.#events = events;
  }

  /** Ends what was open, and begins with a plan. */
  begin(plan: RocePlan, samplesPerMinute: number, batch: Batch): void {
    this.end(batch);
    const newestMs = Math.max(...this.#known.values());
    for (const [name, lastMs] of this.#known) if (lastMs < newestMs - rememberMs) this.#known.delete(name);
    this.#plan = plan;
    this.#budget = new CaptureBudget(samplesPerMinute, plan.ports.length);
    this.#ports = plan.ports.map(() => ({ trigger: 'unknown', isRefused: false, lastMs: -Infinity }));
    this.#captures = this.#capturesOf(plan);
  }

  take(rows: Pick<Rows, 'captureStarts' | 'captures'>, wallOffsetNs: number, nowMs: number, batch: Batch): void {
    const preNs = this.#plan?.sampler.capture?.preNs ?? 0;
    // A capture's rows begin before the event that started it.
    const orderOf = (row: CaptureRow | CaptureStart) => ('port' in row ? row.atNs - preNs : row.atNs);
    const inOrder = [...rows.captureStarts, ...rows.captures].sort((a, b) => orderOf(a) - orderOf(b));
    const busy = new Set<Capture>();
    for (const row of inOrder) {
      const wallMs = (row.atNs + wallOffsetNs) / 1e6;
      if ('port' in row) this.#start(row);
      else this.#row(row, wallMs, batch, busy);
    }
    for (const capture of this.#captures.values()) {
      if (!busy.has(capture)) this.#flush(capture, batch);
      if (capture.isOpen && capture.lastMs < nowMs - silentMs) this.#close(capture, batch);
    }
  }

  /** Everything that waits, and markers. */
  end(batch: Batch): void {
    for (const capture of this.#captures.values()) {
      this.#flush(capture, batch);
      if (capture.isOpen) this.#close(capture, batch);
    }
  }

  #capturesOf(plan: RocePlan): Map<number, Capture> {
    const captures = new Map<number, Capture>();
    const names = new Set<string>();
    plan.channels.forEach((planned, index) => {
      const signal = planned.channel.isCaptured ? captureSignal(planned) : undefined;
      if (signal === undefined) return;
      const labels = labelsOf(planned.port, signal);
      const name = [...labels.values()].join('\u0000');
      if (names.has(name)) return;
      names.add(name);
      const period = plan.sampler.sources.find(({ name: source }) => source === planned.channel.source)?.periodNs ?? 0;
      captures.set(index, { port: planned.channel.port, signal, labels, isMerged: period < 1e6, lastMs: this.#known.get(name) ?? -Infinity, isOpen: false, waiting: undefined });
    });
    return captures;
  }

  #start({ port, channel }: CaptureStart): void {
    const state = this.#ports[port];
    const planned = this.#plan?.channels[channel];
    if (state === undefined || planned === undefined) return;
    state.trigger = triggerOf(planned.counter.meaning.event, planned.isThroughput);
    state.isRefused = false;
    this.#events.began(port, state.trigger);
  }

  #row(row: CaptureRow, wallMs: number, batch: Batch, busy: Set<Capture>): void {
    const port = this.#plan?.channels[row.channel]?.channel.port ?? -1;
    const state = this.#ports[port];
    if (state === undefined) return;
    const capture = this.#captures.get(row.channel);
    if (capture === undefined) return this.#events.dropped(port, state.trigger, 'signal');
    // A start that was lost.
    if (wallMs > state.lastMs + silentMs) state.isRefused = false;
    state.lastMs = wallMs;
    busy.add(capture);
    const value = row.value * capture.signal.scale;
    const reason = capture.isMerged ? this.#merge(capture, value, Math.floor(wallMs), batch) : this.#move(capture, value, Math.floor(wallMs), batch);
    if (reason !== undefined) this.#events.dropped(port, state.trigger, reason);
  }

  #move(capture: Capture, value: number, ms: number, batch: Batch): CaptureDrop | undefined {
    const timestampMs = ms === capture.lastMs ? ms + 1 : ms;
    if (timestampMs <= capture.lastMs) return 'order';
    return this.#send(capture, value, timestampMs, batch) ? undefined : 'budget';
  }

  #merge(capture: Capture, value: number, ms: number, batch: Batch): CaptureDrop | undefined {
    const { waiting } = capture;
    if (waiting?.ms === ms) {
      waiting.value = capture.signal.isRate ? Math.max(waiting.value, value) : waiting.value + value;
      return undefined;
    }
    if (ms <= Math.max(capture.lastMs, waiting?.ms ?? -Infinity)) return 'order';
    this.#flush(capture, batch);
    capture.waiting = { ms, value };
    return undefined;
  }

  #flush(capture: Capture, batch: Batch): void {
    const { waiting, port } = capture;
    capture.waiting = undefined;
    if (waiting === undefined || this.#send(capture, waiting.value, waiting.ms, batch)) return;
    this.#events.dropped(port, this.#ports[port]?.trigger ?? 'unknown', 'budget');
  }

  /** Whether the budget allows it. */
  #send(capture: Capture, value: number, timestampMs: number, batch: Batch): boolean {
    const state = this.#ports[capture.port];
    if (state === undefined || state.isRefused) return false;
    if (!this.#budget.take(capture.port, timestampMs)) {
      state.isRefused = true;
      return false;
    }
    batch.captured(capture, value, timestampMs);
    capture.lastMs = timestampMs;
    capture.isOpen = true;
    return true;
  }

  #close(capture: Capture, batch: Batch): void {
    capture.lastMs++;
    capture.isOpen = false;
    batch.marker(capture, capture.lastMs);
    this.#known.set([...capture.labels.values()].join('\u0000'), capture.lastMs);
  }
}

function triggerOf(event: string | undefined, isThroughput: boolean): string {
  return isThroughput ? 'burst' : event ?? 'pause';
}

function labelsOf(port: Parameters<typeof portLabels>[0], { signal, direction, priority }: CaptureSignal): LabelMap {
  const labels = portLabels(port).set(METRIC_NAME, families.captureValue.family).set('signal', signal);
  if (direction !== '') labels.set('direction', direction);
  return priority === '' ? labels : labels.set('priority', priority);
}
