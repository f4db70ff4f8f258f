// Which series of a pushed request can be taken, and with which labels: labels that begin with `__` are removed (they are how the line speaks to itself, and nobody
// outside may say where a series goes), all but the name of the metric. Duplicates and old samples are nobody's business here: the storages decide.

import { isValidLabelName, isValidMetricName } from '../model/names.ts';
import { METRIC_NAME, type LabelMap } from '../model/labels.ts';
import type { PushedRequest, PushedSeries } from '../wire/read-request.ts';
import type { AppendedSeries } from './distribute.ts';

export interface Admitted {
  readonly series: readonly AppendedSeries[];
  readonly written: { readonly samples: number; readonly histograms: number; readonly exemplars: number };
  readonly refused: {
    /** Samples, histograms and exemplars. */
    readonly items: number;
    /** Those of them that accounts know. */
    readonly samples: number;
    /** Of the first. */
    readonly reason: string;
  };
}

export function admit({ series: pushed }: PushedRequest): Admitted {
  const series: AppendedSeries[] = [];
  const written = { samples: 0, histograms: 0, exemplars: 0 };
  const refused = { items: 0, samples: 0, reason: '' };
  for (const one of pushed) {
    const labels: LabelMap = new Map();
    const problem = one.problem ?? takeLabels(one, labels) ?? timeProblem(one);
    if (problem === undefined) {
      series.push({ labels, samples: one.samples, exemplars: one.exemplars, histograms: one.histograms });
      written.samples += one.samples.length;
      written.histograms += one.histograms.length;
      written.exemplars += one.exemplars.length;
      continue;
    }
    refused.samples += one.samples.length + one.histograms.length;
    refused.items += one.samples.length + one.histograms.length + one.exemplars.length;
    if (refused.reason === '') refused.reason = problem;
  }
  return { series, written, refused };
}

/** Fills `labels`. Returns what is wrong with them. */
function takeLabels({ labels: pushed }: PushedSeries, labels: LabelMap): string | undefined {
  for (const [name, value] of pushed) {
    if (!isValidLabelName(name, 'utf8') || !value.isWellFormed()) return `a label ${JSON.stringify(name)} that is empty or no UTF-8`;
    if (name.startsWith('__') && name !== METRIC_NAME) continue;
    if (labels.has(name)) return `label ${JSON.stringify(name)} twice in one series`;
    labels.set(name, value);
  }
  const metric = labels.get(METRIC_NAME) ?? '';
  if (!isValidMetricName(metric, 'utf8')) return `a series without a name: ${labels.size} labels`;
  for (const [name, value] of labels) if (value === '') labels.delete(name);
  return undefined;
}

/** Beyond what whole numbers can say no clock is. */
function timeProblem({ samples, histograms, exemplars }: PushedSeries): string | undefined {
  for (const items of [samples, histograms, exemplars]) {
    for (const { timestampMs } of items) if (!Number.isSafeInteger(timestampMs)) return `timestamp ${timestampMs} out of bounds`;
  }
  return undefined;
}
