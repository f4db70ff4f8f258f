// What the web server tells about itself, under Prometheus' names, because dashboards know them.

import type { Counter, Family, Histogram, Metrics } from '../telemetry/metrics.ts';

export interface WebMetrics {
  readonly requests: Family<Counter>;
  readonly duration: Family<Histogram>;
  readonly size: Family<Histogram>;
}

const durationBuckets = [0.1, 0.2, 0.4, 1, 3, 8, 20, 60, 120];
const sizeBuckets = [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

export function declareWebMetrics(metrics: Metrics): WebMetrics {
  return {
    requests: metrics.counters('prometheus_http_requests_total', 'HTTP requests answered, by handler and status code.', ['handler', 'code']),
    duration: metrics.histograms('prometheus_http_request_duration_seconds', 'Time from a request to the end of its answer.', ['handler'], durationBuckets),
    size: metrics.histograms('prometheus_http_response_size_bytes', 'Body bytes of answers as sent.', ['handler'], sizeBuckets),
  };
}
