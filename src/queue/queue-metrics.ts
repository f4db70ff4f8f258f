// The queue's own metrics, all by destination.

import type { Counter, Family, Gauge, Histogram, Metrics } from '../telemetry/metrics.ts';

export interface QueueMetrics {
  readonly appended: Family<Counter>;
  readonly movedIn: Family<Counter>;
  readonly acknowledged: Family<Counter>;
  readonly deduplicated: Family<Counter>;
  readonly lost: Family<Counter>;
  readonly corruptRecords: Family<Counter>;
  readonly writeErrors: Family<Counter>;
  readonly writtenBytes: Family<Counter>;
  readonly writeSeconds: Family<Histogram>;
  readonly fsyncSeconds: Family<Histogram>;
  readonly pendingSamples: Family<Gauge>;
  readonly pendingRecords: Family<Gauge>;
  readonly pendingBytes: Family<Gauge>;
  readonly diskBytes: Family<Gauge>;
  readonly segments: Family<Gauge>;
  readonly mode: Family<Gauge>;
  readonly compactedBytes: Family<Counter>;
  readonly retiredBytes: Family<Gauge>;
  readonly blocked: Family<Gauge>;
  readonly ledgerDamaged: Counter;
  readonly quarantinedBytes: Counter;
  readonly memoryBytes: Gauge;
}

/** From a page cache write of 0.1 ms to a disk that stalls for seconds. */
const SECONDS_BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

export function createQueueMetrics(metrics: Metrics): QueueMetrics {
  const labels = ['destination'];
  const name = (rest: string) => `tributary_queue_${rest}`;
  return {
    appended: metrics.counters(name('appended_samples_total'), 'Samples given to the queue, refused ones included.', labels),
    movedIn: metrics.counters(name('moved_in_samples_total'), 'Samples adopted from another stream, put back from quarantine, or that a killed process had left waiting for their pod; of (unresolved): all that wait.', labels),
    acknowledged: metrics.counters(name('acknowledged_samples_total'), 'Samples the destination has acknowledged.', labels),
    deduplicated: metrics.counters(name('deduplicated_samples_total'), 'Samples that the destination accepted and threw away, because it had them already or has them from a replica.', labels),
    lost: metrics.counters(name('lost_samples_total'), 'Samples that left the queue without having been delivered.', ['destination', 'reason']),
    corruptRecords: metrics.counters(name('corrupt_records_total'), 'Damaged or missing records that were skipped.', labels),
    writeErrors: metrics.counters(name('write_errors_total'), 'Writes, syncs and reads of segments that failed.', labels),
    writtenBytes: metrics.counters(name('written_bytes_total'), 'Bytes written to segments.', labels),
    writeSeconds: metrics.histograms(name('write_duration_seconds'), 'Time of a gathered write.', labels, SECONDS_BUCKETS),
    fsyncSeconds: metrics.histograms(name('fsync_duration_seconds'), 'Time of an fsync of a segment.', labels, SECONDS_BUCKETS),
    pendingSamples: metrics.gauges(name('pending_samples'), 'Samples waiting for their acknowledgement.', labels),
    pendingRecords: metrics.gauges(name('pending_records'), 'Records waiting for their acknowledgement.', labels),
    pendingBytes: metrics.gauges(name('pending_bytes'), 'Bytes on disk of what is waiting.', labels),
    diskBytes: metrics.gauges(name('disk_bytes'), 'Bytes of the segment files.', labels),
    segments: metrics.gauges(name('segments'), 'Segment files.', labels),
    mode: metrics.gauges(name('mode'), '0 = ok, 1 = full, 2 = failing.', labels),
    compactedBytes: metrics.counters(name('compacted_bytes_total'), 'Bytes given back by rewriting segments without what was settled.', labels),
    retiredBytes: metrics.gauges(name('retired_bytes'), 'Bytes on disk of the queue of a destination that was removed.', labels),
    blocked: metrics.gauges(name('blocked'), '1 while a destination with overflow `block` has no room for more: nothing should be scraped.', labels),
    ledgerDamaged: metrics.counter(name('ledger_damaged_total'), 'Times the ledger was found damaged and rebuilt.'),
    quarantinedBytes: metrics.counter(name('quarantined_bytes_total'), 'Damaged bytes set aside.'),
    memoryBytes: metrics.gauge(name('memory_bytes'), 'Recent records held in memory, all destinations together.'),
  };
}
