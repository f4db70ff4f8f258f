// Joins the sampling of counters with the line: what it makes takes the way of pushed series, with facts of this machine in the place of what discovery knows of a target.

import { systemClock } from './io/clock.ts';
import type { AppendedSeries, Distributor, SeriesSource } from './receive/distribute.ts';
import type { RoceSettings } from './roce/config.ts';
import { loadNativeSampler } from './roce/native-sampler.ts';
import { Roce } from './roce/roce.ts';
import type { Native } from './roce/running.ts';
import type { RoceSeries } from './roce/series.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** For routes and write rules; never sent. */
const NODE = '__meta_roce_node';

export interface AgentRoceOptions {
  readonly distributor: Distributor;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly native: Native;
}

/** Looked for once: a build that ends later counts at the next start. */
export const loadNative = loadNativeSampler;

export function createAgentRoce({ distributor, logger, metrics, native }: AgentRoceOptions): Roce {
  return new Roce({
    clock: systemClock, logger, metrics, native,
    append: (batch, settings) => distributor.append({ series: batch.map((series) => appendedOf(series, settings)), failed: 0 }, sourceOf(settings)),
  });
}

/** With maps of their own: a batch that is refused comes again, perhaps with other external labels. */
function appendedOf({ labels, samples, histograms, form }: RoceSeries, settings: RoceSettings): AppendedSeries {
  return { labels: new Map([...settings.labels, ...labels]), samples, histograms, exemplars: [], ...(form !== undefined && { form }) };
}

function sourceOf({ labels }: RoceSettings): SeriesSource {
  const node = labels.get('node') ?? labels.get('instance') ?? '';
  const job = labels.get('job') ?? '';
  return { key: `roce ${JSON.stringify([job, node])}`, facts: { job, labels: [], provenance: new Map([[NODE, node]]), honorLabels: true } };
}
