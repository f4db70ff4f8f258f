// From the labels a page exposes to the labels that are stored: target labels joined, conflicts moved to `exported_`,
// metric_relabel_configs, then the checks and limits, in that order. Pure. Source: Prometheus scrape/scrape.go mutateSampleLabels.

import { METRIC_NAME, formatLabels } from '../model/labels.ts';
import type { LabelMap, Labels } from '../model/labels.ts';
import { isValidLabelName, isValidMetricName } from '../model/names.ts';
import { ScrapeError } from '../model/scrape-error.ts';
import type { NameScheme } from '../relabel/config.ts';
import { applyRules } from '../relabel/relabel.ts';
import type { CompiledRules } from '../relabel/relabel.ts';

const EXPORTED_PREFIX = 'exported_';
/** How much of a value a limit error shows, characters; as Prometheus. */
const VALUE_SHOWN = 50;

export interface LabelLimits {
  /** Count of labels, bytes of a name, bytes of a value; 0 = no limit. */
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
}

export interface LabelPolicy extends LabelLimits {
  readonly targetLabels: Labels;
  readonly honorLabels: boolean;
  readonly metricRelabel: CompiledRules | undefined;
  readonly nameScheme: NameScheme;
}

/**
 * Turns exposed labels into final ones, in place. Returns false when a rule drops the series. Fails with a ScrapeError of class `labels` or
 * `label_limit`, which fails the whole scrape.
 */
export function finishLabels(labels: LabelMap, policy: LabelPolicy): boolean {
  if (policy.honorLabels) joinHonoring(labels, policy.targetLabels);
  else joinExporting(labels, policy.targetLabels);
  if (policy.metricRelabel !== undefined && !applyRules(policy.metricRelabel, labels)) return false;
  for (const [name, value] of labels) if (value === '') labels.delete(name);
  checkNames(labels, policy.nameScheme);
  checkLimits(labels, policy);
  return true;
}

/** The page wins, also with an empty value. */
function joinHonoring(labels: LabelMap, targetLabels: Labels): void {
  for (const [name, value] of targetLabels) if (!labels.has(name)) labels.set(name, value);
}

/** The target wins; what the page said moves to `exported_<name>`, shortest names first, with as many prefixes as it takes to be free. */
function joinExporting(labels: LabelMap, targetLabels: Labels): void {
  let conflicts: [string, string][] | undefined;
  for (const [name, value] of targetLabels) {
    const exposed = labels.get(name);
    if (exposed !== undefined && exposed !== '') (conflicts ??= []).push([name, exposed]);
    labels.set(name, value);
  }
  if (conflicts === undefined) return;
  conflicts.sort((a, b) => a[0].length - b[0].length);
  for (const [name, value] of conflicts) {
    let free = EXPORTED_PREFIX + name;
    while ((labels.get(free) ?? '') !== '') free = EXPORTED_PREFIX + free;
    labels.set(free, value);
  }
}

function checkNames(labels: LabelMap, scheme: NameScheme): void {
  const metric = labels.get(METRIC_NAME);
  if (metric === undefined) throw new ScrapeError('labels', 'missing metric name (__name__ label)');
  let valid = isValidMetricName(metric, scheme);
  for (const name of labels.keys()) valid &&= isValidLabelName(name, scheme);
  if (!valid) throw new ScrapeError('labels', `invalid metric name or label names: ${formatLabels(labels)}`);
}

function checkLimits(labels: LabelMap, limits: LabelLimits): void {
  const { labelLimit, labelNameLengthLimit, labelValueLengthLimit } = limits;
  const metric = labels.get(METRIC_NAME) ?? '';
  if (labelLimit > 0 && labels.size > labelLimit) {
    throw new ScrapeError('label_limit', `label_limit exceeded (metric: ${shown(metric)}, number of labels: ${labels.size}, limit: ${labelLimit})`);
  }
  if (labelNameLengthLimit === 0 && labelValueLengthLimit === 0) return;
  for (const [name, value] of labels) {
    const nameBytes = Buffer.byteLength(name);
    if (labelNameLengthLimit > 0 && nameBytes > labelNameLengthLimit) {
      throw new ScrapeError(
        'label_limit',
        `label_name_length_limit exceeded (metric: ${shown(metric)}, label name: ${shown(name)}, length: ${nameBytes}, limit: ${labelNameLengthLimit})`,
      );
    }
    const valueBytes = Buffer.byteLength(value);
    if (labelValueLengthLimit > 0 && valueBytes > labelValueLengthLimit) {
      throw new ScrapeError(
        'label_limit',
        `label_value_length_limit exceeded (metric: ${shown(metric)}, label name: ${shown(name)}, value: ${JSON.stringify(shown(value))}, ` +
          `length: ${valueBytes}, limit: ${labelValueLengthLimit})`,
      );
    }
  }
}

function shown(text: string): string {
  return text.length <= VALUE_SHOWN ? text : `${text.slice(0, VALUE_SHOWN)}...`;
}

/**
 * Labels of a report series such as `up`. A target label `exported_x` is absent from them when the target has a label `x` that sorts behind it: Prometheus
 * makes room for `x` after it has set `exported_x`. Source: Prometheus scrape/scrape.go, labels of report samples.
 */
export function reportLabels(targetLabels: Labels, name: string): LabelMap {
  const labels: LabelMap = new Map([[METRIC_NAME, name]]);
  for (const [label, value] of targetLabels) {
    labels.delete(EXPORTED_PREFIX + label);
    labels.set(label, value);
  }
  return labels;
}
