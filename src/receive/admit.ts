// Which series of a pushed request can be taken, and with which labels: labels that begin with `__` are removed (they are how the line speaks to itself, and nobody
// outside may say where a series goes), all but the name of the metric. Of a good series only the items that are wrong are refused. Duplicates and old samples are nobody's business here: the storages decide.

import { isValidLabelName, isValidMetricName } from '../model/names.ts';
import { METRIC_NAME, type LabelMap } from '../model/labels.ts';
import type { PushedExemplar, PushedRequest, PushedSeries } from '../wire/read-request.ts';
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

/** Labels of a series together, characters: no storage keeps more, and every record and body has to hold them whole. */
const LABELS_MAX = 64 * 1024;
/** Samples further ahead of the clock are refused, as in Prometheus and as on pages, milliseconds: they would wait here until their time has come. */
const FUTURE_MAX_MS = 10 * 60 * 1000;

export function admit({ series: pushed }: PushedRequest, nowMs: number): Admitted {
  const series: AppendedSeries[] = [];
  const written = { samples: 0, histograms: 0, exemplars: 0 };
  const refused = { items: 0, samples: 0, reason: '' };
  const refuse = (reason: string, items: number, samples: number) => {
    refused.items += items;
    refused.samples += samples;
    if (refused.reason === '') refused.reason = reason;
  };
  for (const one of pushed) {
    const labels: LabelMap = new Map();
    const problem = one.problem ?? takeLabels(one, labels);
    if (problem !== undefined) {
      const counted = one.samples.length + one.histograms.length;
      refuse(problem, counted + one.exemplars.length, counted);
      continue;
    }
    const samples = withoutBad(one.samples, (sample) => timeProblem(sample, nowMs), (reason) => refuse(reason, 1, 1));
    const histograms = withoutBad(one.histograms, (histogram) => timeProblem(histogram, nowMs), (reason) => refuse(reason, 1, 1));
    const exemplars = withoutBad(one.exemplars, (exemplar) => exemplarProblem(exemplar, nowMs), (reason) => refuse(reason, 1, 0));
    written.samples += samples.length;
    written.histograms += histograms.length;
    written.exemplars += exemplars.length;
    if (samples.length + histograms.length + exemplars.length > 0) series.push({ labels, samples, histograms, exemplars });
  }
  return { series, written, refused };
}

/** Those without a problem; usually all of them. */
function withoutBad<T>(items: readonly T[], problemOf: (item: T) => string | undefined, refuse: (problem: string) => void): readonly T[] {
  if (items.every((item) => problemOf(item) === undefined)) return items;
  return items.filter((item) => {
    const problem = problemOf(item);
    if (problem !== undefined) refuse(problem);
    return problem === undefined;
  });
}

/** Fills `labels`. Returns what is wrong with them. */
function takeLabels({ labels: pushed }: PushedSeries, labels: LabelMap): string | undefined {
  const problem = labelsProblem(pushed);
  if (problem !== undefined) return problem;
  for (const [name, value] of pushed) {
    if (name.startsWith('__') && name !== METRIC_NAME) continue;
    if (labels.has(name)) return `label ${JSON.stringify(excerpt(name))} twice in one series`;
    labels.set(name, value);
  }
  const metric = labels.get(METRIC_NAME) ?? '';
  if (!isValidMetricName(metric, 'utf8')) return `a series without a name: ${labels.size} labels`;
  for (const [name, value] of labels) if (value === '') labels.delete(name);
  return undefined;
}

function labelsProblem(labels: PushedSeries['labels']): string | undefined {
  let length = 0;
  for (const [name, value] of labels) {
    if (!isValidLabelName(name, 'utf8') || !value.isWellFormed()) return `a label ${JSON.stringify(excerpt(name))} that is empty or no UTF-8`;
    length += name.length + value.length;
  }
  return length > LABELS_MAX ? `labels of ${length} characters, at most ${LABELS_MAX} are allowed` : undefined;
}

function excerpt(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

/** Beyond what whole numbers can say no clock is. */
function timeProblem({ timestampMs }: { readonly timestampMs: number }, nowMs: number): string | undefined {
  if (!Number.isSafeInteger(timestampMs)) return `timestamp ${timestampMs} out of bounds`;
  return timestampMs > nowMs + FUTURE_MAX_MS ? `timestamp ${timestampMs} is ${Math.round((timestampMs - nowMs) / 1000)} s ahead, at most ${FUTURE_MAX_MS / 1000} s are allowed` : undefined;
}

function exemplarProblem(exemplar: PushedExemplar, nowMs: number): string | undefined {
  return exemplar.problem ?? labelsProblem(exemplar.labels) ?? timeProblem(exemplar, nowMs);
}
