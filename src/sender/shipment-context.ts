// What a shipment works with, what it is asked for, and what it comes to.

import type { DestinationSettings } from '../destinations/config.ts';
import type { QuarantineInput } from '../queue/queue.ts';
import type { Gate, Lane } from './gate.ts';
import type { Journal } from './journal.ts';
import type { Link } from './link.ts';
import type { Receiver } from './receiver.ts';
import type { DestinationMetrics } from './telemetry.ts';

export interface ShipmentContext {
  readonly link: Pick<Link, 'post'>;
  readonly gate: Gate;
  readonly journal: Journal;
  readonly signal: AbortSignal;
  readonly isStopping: () => boolean;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly quarantine: (input: QuarantineInput) => boolean;
  /** Asked before each use: both change with the configuration. */
  readonly receiver: () => Receiver;
  readonly settings: () => DestinationSettings;
  readonly metrics: () => DestinationMetrics;
}

export interface DeliverOptions {
  readonly lane: Lane;
  /** Samples of one scrape that may be stored already, next to newer ones. */
  readonly isRepetition?: boolean;
  /** Monotonic; no try begins after it. */
  readonly giveUpAtMs?: number;
}

export interface DeliveryResult {
  /** False when it was given up for now: nothing may be settled. */
  readonly isComplete: boolean;
  /** In samples and exemplars, as the stream counts them. */
  readonly settled: { readonly deduplicated: number; readonly rejected: number; readonly quarantined: number; readonly expired: number };
}
