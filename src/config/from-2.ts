// What Prometheus 2.x and 3.x (and with it Tributary) do differently with the same file: the table behind `check config --from=2`. One entry per
// difference that a file can touch; each looks at the blocks as they were written and remarks, at the place to change, what changes and what to write.
// The table for people, with what no file shows (flags, headers, formats), is in docs/migrate-from-prometheus.md.
//
// Sources: the Prometheus 3.0 migration guide, and the release notes from 2.42 on.

import { targetGroup } from '../../discovery/discovery.ts';
import { buildRelabel } from '../relabel/config.ts';
import type { RelabelBlock } from '../relabel/config.ts';
import { compileRegex } from '../relabel/regex.ts';
import { compileRules } from '../relabel/relabel.ts';
import type { ScrapeBlock, ScrapeSettings } from '../scrape/config.ts';
import { buildTarget, readGroup } from '../targets/build.ts';
import { remark } from './schema.ts';
import type { AnyBlock } from './schema.ts';
import type { TopBlock } from './top.ts';

/** A configuration that loads: its blocks, and the settings of the jobs in the same order. */
export interface Written {
  /** As the file says it: nothing is inherited or expanded. */
  readonly top: TopBlock;
  readonly jobs: readonly ScrapeBlock[];
  readonly scrape: readonly ScrapeSettings[];
}

/** Finds where the file touches the difference. */
type Difference = (written: Written) => void;

const differences: readonly Difference[] = [defaultPort, fallbackProtocol, dotAndLineBreak, bucketBounds, utf8Names, dollarInExternalLabels];

/** Adds a remark of the kind `from_2` for everything that means something else than it did in Prometheus 2.x. */
export function remarkDifferencesFrom2(written: Written): void {
  for (const difference of differences) difference(written);
}

function tell(at: AnyBlock, name: string | undefined, text: string): void {
  remark(at, name, 'from_2', text);
}

/** 2.x adds :80 or :443 to an address without a port, and `instance` shows it; 3.x takes the address as it is. */
function defaultPort({ jobs, scrape }: Written): void {
  for (const [index, job] of jobs.entries()) {
    const settings = scrape[index];
    if (settings !== undefined) for (const group of job.values.static_configs) tellPorts(group, group.values, settings);
    tellPods(job);
  }
}

/** Pods of containers that declare no port become targets with a bare address, unless the rules say which ports count or what the address is. */
function tellPods(job: ScrapeBlock): void {
  const hasPods = job.values.kubernetes_sd_configs.some(({ values }) => values.role === 'pod');
  const saysPort = job.values.relabel_configs.some(({ values }) => ['__address__', 'instance'].includes(values.target_label) || (values.action === 'keep' && values.source_labels.some(isContainerPort)));
  if (!hasPods || saysPort) return;
  tell(job, 'kubernetes_sd_configs', '2.x adds the default port to the address and to instance of a pod whose container declares none, here they are its bare IP; declare the port, or write a rule that sets __address__');
}

function isContainerPort(label: string): boolean {
  return label.startsWith('__meta_kubernetes_pod_container_port_');
}

function tellPorts(at: AnyBlock, { targets, labels }: { readonly targets: readonly string[]; readonly labels: ReadonlyMap<string, string> }, settings: ScrapeSettings): void {
  const rules = compileRules(settings.relabel, settings.nameScheme);
  const group = readGroup(targetGroup('', targets.map((address) => new Map([['__address__', address]])), labels));
  for (const index of targets.keys()) {
    const built = buildTarget(group, index, settings, rules);
    if (built.kind !== 'target') continue;
    const { labels: shown, provenance, url } = built.target;
    const address = provenance.get('__address__') ?? '';
    // Where a rule sets `instance`, the port shows nowhere in the series.
    if (!hasNoPort(address) || !shown.some(([name, value]) => name === 'instance' && value === address)) continue;
    const before = `${address}:${url.startsWith('https:') ? 443 : 80}`;
    tell(at, 'targets', `2.x adds the default port: the label instance was ${JSON.stringify(before)} and is ${JSON.stringify(address)} here; to keep the series write ${before}`);
  }
}

/** A host, an IPv4 address or an IPv6 address in brackets, and nothing after it. */
function hasNoPort(address: string): boolean {
  return /^(?:\[[^\]]*\]|[^:[\]]+)$/.test(address);
}

/** 2.x reads a page without a usable Content-Type as text; for 3.x the scrape has failed. */
function fallbackProtocol({ jobs }: Written): void {
  for (const job of jobs) {
    if (job.values.fallback_scrape_protocol !== '') continue;
    tell(job, undefined, '2.x reads a page without a valid Content-Type as text, here that scrape fails (up = 0); where a target of this job may send none write fallback_scrape_protocol: PrometheusText0.0.4');
  }
}

/** A dot of 2.x does not match a line break. Told where a source label can hold one. */
function dotAndLineBreak({ top, jobs }: Written): void {
  for (const job of jobs) {
    for (const rule of job.values.relabel_configs) tellDot(rule, isFreeTextOfTarget);
    for (const rule of job.values.metric_relabel_configs) tellDot(rule, isFreeTextOfSample);
  }
  for (const entry of top.values.remote_write) for (const rule of entry.values.write_relabel_configs) tellDot(rule, isFreeTextOfSample);
}

const matchingActions = new Set(['replace', 'keep', 'drop']);

function tellDot(rule: RelabelBlock, isFreeText: (label: string) => boolean): void {
  const { regex } = buildRelabel(rule);
  const label = rule.values.source_labels.find(isFreeText);
  if (label === undefined || !matchingActions.has(rule.values.action) || !hasPlainDot(regex)) return;
  tell(rule, 'regex', `the dot of ${JSON.stringify(regex)} does not match a line break in 2.x, here it does, and ${label} may hold one; to keep the meaning of 2.x write [^\\n] for the dot`);
}

/**
 * Discovery gives free text in annotations and in what foreign sources tell. Names, addresses and labels of Kubernetes cannot hold a line break, nor
 * can paths and URLs.
 */
function isFreeTextOfTarget(label: string): boolean {
  if (label.startsWith('__meta_kubernetes_')) return /^__meta_kubernetes_[a-z]+_annotation_/.test(label);
  return label.startsWith('__meta_') && !/^__meta_(filepath|url|dns_)/.test(label);
}

/** Labels of samples that hold names, numbers or addresses wherever they occur in the usual exporters. */
const plainLabels = new Set([
  '__name__', 'job', 'instance', 'le', 'quantile', 'namespace', 'pod', 'container', 'node', 'service', 'endpoint', 'deployment', 'daemonset', 'statefulset', 'replicaset', 'job_name',
  'cronjob', 'image', 'id', 'name', 'uid', 'device', 'interface', 'fstype', 'cpu', 'gpu', 'mode', 'state', 'phase', 'code', 'method', 'verb', 'resource', 'group', 'version', 'kind',
  'type', 'host', 'port', 'host_ip', 'pod_ip', 'cluster', 'region', 'zone',
]);

function isFreeTextOfSample(label: string): boolean {
  return !plainLabels.has(label.replace(/^(exported_)+/, '')) && !label.startsWith('__meta_kubernetes_');
}

/** A dot outside of classes and escapes, under no flag that already says what it means. */
function hasPlainDot(regex: string): boolean {
  if (/\(\?[a-zA-Z]*-?[a-zA-Z]*s/.test(regex)) return false;
  return regex.replaceAll(/\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]/gs, '').includes('.');
}

/** `le="1"` of a text page is stored as it is by 2.x, as `1.0` by 3.x; the same for `quantile`. */
function bucketBounds({ top, jobs }: Written): void {
  for (const job of jobs) for (const rule of job.values.metric_relabel_configs) tellBounds(rule);
  for (const entry of top.values.remote_write) for (const rule of entry.values.write_relabel_configs) tellBounds(rule);
}

function tellBounds(rule: RelabelBlock): void {
  const { regex, separator, sourceLabels } = buildRelabel(rule);
  const place = sourceLabels.findIndex((label) => label === 'le' || label === 'quantile');
  if (place === -1 || !matchingActions.has(rule.values.action)) return;
  const number = wholeNumberOnly(partOf(regex, separator, sourceLabels.length, place));
  if (number === undefined) return;
  tell(rule, 'regex', `${sourceLabels[place] ?? ''} of a text page is ${number} in 2.x and ${number}.0 here, which ${JSON.stringify(regex)} does not match; write (\\.0)? after whole numbers`);
}

/** The part of the expression for one of several joined labels, where the separators divide it so; else all of it. */
function partOf(regex: string, separator: string, count: number, place: number): string {
  const parts = separator === '' ? [regex] : regex.split(separator);
  const part = parts.length === count ? (parts[place] ?? regex) : regex;
  return isRegex(part) ? part : regex;
}

function isRegex(text: string): boolean {
  try {
    compileRegex(text);
    return true;
  } catch {
    // Cutting at separators may have cut through a group.
    return false;
  }
}

/** A whole number that the expression takes without `.0` and not with it: one that stands in it, or a usual bound. */
function wholeNumberOnly(regex: string): string | undefined {
  const matcher = compileRegex(regex);
  const written = regex.match(/(?<![\w.\\{,])\d+(?![\w.}]|\\\.|,\d*\})/g) ?? [];
  return [...written, '1', '10'].find((number) => matcher.matches(number) && !matcher.matches(`${number}.0`));
}

/** 3.x asks exporters for names beyond `[a-zA-Z0-9_:]` and takes them. A file that names the scheme has made its choice. */
function utf8Names({ top, jobs }: Written): void {
  const isChosen = top.values.global.explicit.has('metric_name_validation_scheme') || jobs.every((job) => job.explicit.has('metric_name_validation_scheme'));
  if (isChosen) return;
  tell(top, 'global', '2.x takes names of letters, digits, _ and : only, here any UTF-8 name is asked for and taken, so that a series may change its name; to keep the names of 2.x write metric_name_validation_scheme: legacy under global');
}

/** 3.x expands variables in external labels, 2.x only with a feature flag. */
function dollarInExternalLabels({ top }: Written): void {
  const { global } = top.values;
  // `$$` is what is said to write: a file that has been changed so is done.
  const names = [...global.values.external_labels].filter(([, value]) => value.replaceAll('$$', '').includes('$')).map(([name]) => name);
  if (names.length === 0) return;
  tell(global, 'external_labels', `in ${names.join(', ')} a $ is a plain character in 2.x (without the feature expand-external-labels), here it begins an environment variable; write $$ for a dollar`);
}
