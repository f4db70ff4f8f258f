// What the receive endpoint counts.

import type { Metrics } from '../telemetry/metrics.ts';

/**
 * Why a request is refused as a whole. `busy`: too many at a time. `queue`: a stream cannot take its part now. `damaged`: body that does not expand or is no such message. `broken_off`: the
 * sender left before the end of its body.
 */
export type RefusedReason = 'unsupported' | 'too_large' | 'damaged' | 'broken_off' | 'busy' | 'queue' | 'internal';

export interface ReceiveMetrics {
  bytes(wireBytes: number): void;
  taken(samples: number, histograms: number, exemplars: number): void;
  invalid(items: number): void;
  refused(reason: RefusedReason): void;
}

export function createReceiveMetrics(metrics: Metrics): ReceiveMetrics {
  const bytes = metrics.counter('tributary_receive_bytes_total', 'Bytes of pushed bodies as they were sent.');
  const items = metrics.counters('tributary_receive_items_total', 'Pushed items that were taken, by kind: samples, histograms, exemplars.', ['kind']);
  const invalid = metrics.counter('tributary_receive_invalid_items_total', 'Pushed samples, histograms and exemplars that were refused because their series or time is not valid.');
  const refused = metrics.counters('tributary_receive_refused_requests_total', 'Pushed requests of which nothing was acknowledged, by reason.', ['reason']);
  return {
    bytes: (wireBytes) => bytes.inc(wireBytes),
    taken(samples, histograms, exemplars) {
      items.with('samples').inc(samples);
      items.with('histograms').inc(histograms);
      items.with('exemplars').inc(exemplars);
    },
    invalid: (count) => invalid.inc(count),
    refused: (reason) => refused.with(reason).inc(),
  };
}
