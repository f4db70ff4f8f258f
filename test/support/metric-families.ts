// Every metric family that the parts declare, without starting them: each part's declaring function is called with a recorder. The
// documents are made from this list and compared with it.

import { createDiscoveryMetrics } from '../../discovery/metrics.ts';
import { createMastersMetrics } from '../../src/destinations/masters/masters-metrics.ts';
import { createKubernetesMetrics } from '../../src/kubernetes/kubernetes-metrics.ts';
import { createOwnersMetrics } from '../../src/owners/owners-metrics.ts';
import { createReceiveMetrics } from '../../src/receive/receive-metrics.ts';
import { createQueueMetrics } from '../../src/queue/queue-metrics.ts';
import { RoceMetrics } from '../../src/roce/roce-metrics.ts';
import { declareScrapeMetrics } from '../../src/scrape/metrics.ts';
import { createSenderGauges } from '../../src/sender/sender-gauges.ts';
import { createSenderMetrics } from '../../src/sender/telemetry.ts';
import { createSeriesMetrics } from '../../src/series/series-metrics.ts';
import { createVolumeMetrics } from '../../src/series/volume-metrics.ts';
import type { Counter, Family, Gauge, Histogram, Metrics } from '../../src/telemetry/metrics.ts';
import { createProcessMetrics } from '../../src/telemetry/process-metrics.ts';
import { declareWebMetrics } from '../../src/web/web-metrics.ts';

export interface FamilyRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

/** Sorted by name. */
export function recordFamilies(): FamilyRow[] {
  const rows: FamilyRow[] = [];
  const metrics = recorder(rows);
  for (const declare of [createDiscoveryMetrics, createKubernetesMetrics, createMastersMetrics, createOwnersMetrics, createQueueMetrics, createReceiveMetrics, declareRoceMetrics, createSenderGauges, createSenderMetrics, createSeriesMetrics, createVolumeMetrics, declareScrapeMetrics, declareWebMetrics]) declare(metrics);
  createProcessMetrics(metrics, { version: '', revision: '', branch: '', buildDate: '' }, 'native');
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The rows as a Markdown table. */
export function renderFamilies(rows: readonly FamilyRow[]): string {
  const lines = rows.map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`);
  return ['| name | type | labels | meaning |', '|---|---|---|---|', ...lines, ''].join('\n');
}

const declareRoceMetrics = (metrics: Metrics) => new RoceMetrics(metrics);

const cell: Counter & Gauge & Histogram = { inc: () => undefined, set: () => undefined, observe: () => undefined };
const children: Family<typeof cell> = { with: () => cell, remove: () => undefined };

function recorder(rows: FamilyRow[]): Metrics {
  const one = (type: FamilyRow['type']) => (name: string, help: string) => {
    rows.push({ name, type, labels: [], help });
    return cell;
  };
  const many = (type: FamilyRow['type']) => (name: string, help: string, labels: readonly string[]) => {
    rows.push({ name, type, labels, help });
    return children;
  };
  return {
    counter: one('counter'),
    counters: many('counter'),
    gauge: one('gauge'),
    gauges: many('gauge'),
    histogram: one('histogram'),
    histograms: many('histogram'),
    bucketHistograms: (name, help, labels) => {
      rows.push({ name, type: 'histogram', labels, help });
      return { with: () => ({ set: () => undefined }), remove: () => undefined };
    },
    addText: () => undefined,
    beforeExposition: () => undefined,
    text: () => Promise.resolve(''),
    families: () => [],
  };
}
