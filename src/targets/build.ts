// From a discovered label set to a target: seed what the job says, apply the relabel rules, check, build the address.
// Pure; the pool keeps what comes out. Source: Prometheus scrape/target.go (PopulateLabels, TargetsFromGroup).

import { hash } from 'node:crypto';
import type { TargetGroup } from '../../discovery/discovery.ts';
import { parseDuration, printDuration } from '../config/duration.ts';
import { labelsKey, sortLabels } from '../model/labels.ts';
import type { LabelMap, LabelPair, Labels } from '../model/labels.ts';
import type { Target } from '../model/target.ts';
import { applyRules } from '../relabel/relabel.ts';
import type { CompiledRules } from '../relabel/relabel.ts';
import type { ScrapeSettings } from '../scrape/config.ts';
import { buildUrl } from './url.ts';

const ADDRESS = '__address__';
const SCHEME = '__scheme__';
const PATH = '__metrics_path__';
const INTERVAL = '__scrape_interval__';
const TIMEOUT = '__scrape_timeout__';
const PARAM_PREFIX = '__param_';
const META_PREFIX = '__meta_';

/** The three histogram switches that discovery may override, with the words of their error texts. */
const switches = [
  ['__convert_classic_histograms_to_nhcb__', 'convert classic histograms to nhcb'],
  ['__always_scrape_classic_histograms__', 'always scrape classic histograms'],
  ['__scrape_native_histograms__', 'scrape native histograms'],
] as const;
/** What Go's strconv.ParseBool takes. */
const goBooleans = new Set(['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False']);

export type BuildResult =
  | { readonly kind: 'target'; readonly target: Target }
  /** A relabel rule dropped it. */
  | { readonly kind: 'dropped' }
  /** Its labels make no target; `text` is Prometheus' text without the place. */
  | { readonly kind: 'error'; readonly text: string };

/** The label sets of a group, read once: a group may work them out on each access. Let go of it after use, it may be large. */
export interface ReadGroup extends Pick<TargetGroup, 'targets' | 'labels'> {
  readonly group: TargetGroup;
}

export function readGroup(group: TargetGroup): ReadGroup {
  return { group, targets: group.targets, labels: group.labels };
}

/** Builds target number `index` of the group. */
export function buildTarget(read: ReadGroup, index: number, job: ScrapeSettings, rules: CompiledRules): BuildResult {
  const labels = discoveredLabels(read, index, job);
  if (!applyRules(rules, labels)) return { kind: 'dropped' };
  const address = labels.get(ADDRESS) ?? '';
  const problem = checkAddress(address) ?? checkSwitches(labels);
  if (problem !== undefined) return { kind: 'error', text: problem };
  const times = readTimes(labels);
  if (typeof times === 'string') return { kind: 'error', text: times };
  if ((labels.get('instance') ?? '') === '') labels.set('instance', address);
  const invalid = invalidValue(labels);
  if (invalid !== undefined) return { kind: 'error', text: invalid };
  return { kind: 'target', target: new BuiltTarget({ group: read.group, index, job, rules, labels, ...times }) };
}

/**
 * Every label before relabelling: the target's own, the group's where the target has none, then what the job gives where they are empty.
 * A fresh map, without empty values.
 */
export function discoveredLabels(group: Pick<TargetGroup, 'targets' | 'labels'>, index: number, job: ScrapeSettings): LabelMap {
  const labels: LabelMap = new Map();
  const own = group.targets[index] ?? new Map<string, string>();
  for (const [name, value] of own) if (value !== '') labels.set(name, value);
  for (const [name, value] of group.labels) if (value !== '' && !own.has(name)) labels.set(name, value);
  for (const [name, value] of seeds(job)) if (!labels.has(name) && value !== '') labels.set(name, value);
  for (const [name, values] of job.params) {
    const first = values[0];
    if (first === undefined) continue;
    if (first === '') labels.delete(PARAM_PREFIX + name);
    else labels.set(PARAM_PREFIX + name, first);
  }
  return labels;
}

/** Whether a job may give the label, so that its value does not follow from discovery alone. */
export function isSeeded(label: string): boolean {
  return label.startsWith(PARAM_PREFIX) || seededLabels.has(label);
}

const seededLabels: ReadonlySet<string> = new Set(['job', INTERVAL, TIMEOUT, PATH, SCHEME, ...switches.map(([name]) => name)]);

function seeds(job: ScrapeSettings): LabelPair[] {
  return [
    ['job', job.jobName],
    [INTERVAL, printDuration(job.scrapeIntervalMs)],
    [TIMEOUT, printDuration(job.scrapeTimeoutMs)],
    [PATH, job.metricsPath],
    [SCHEME, job.scheme],
    [switches[0][0], String(job.convertClassicHistogramsToNhcb)],
    [switches[1][0], String(job.alwaysScrapeClassicHistograms)],
    [switches[2][0], String(job.scrapeNativeHistograms)],
  ];
}

/** No default port is added and nothing is stripped: the address is used as it stands. */
function checkAddress(address: string): string | undefined {
  if (address === '') return 'no address';
  if (address.includes('/')) return `${JSON.stringify(address)} is not a valid hostname`;
  return undefined;
}

function checkSwitches(labels: LabelMap): string | undefined {
  for (const [name, words] of switches) {
    const text = labels.get(name) ?? '';
    if (!goBooleans.has(text)) return `error parsing ${words}: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  }
  return undefined;
}

interface Times {
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
}

function readTimes(labels: LabelMap): Times | string {
  const intervalText = labels.get(INTERVAL) ?? '';
  const interval = parseDuration(intervalText);
  if (!interval.ok) return `error parsing scrape interval: ${interval.text}`;
  if (interval.ms === 0) return 'scrape interval cannot be 0';
  const timeoutText = labels.get(TIMEOUT) ?? '';
  const timeout = parseDuration(timeoutText);
  if (!timeout.ok) return `error parsing scrape timeout: ${timeout.text}`;
  if (timeout.ms === 0) return 'scrape timeout cannot be 0';
  if (timeout.ms > interval.ms) {
    return `scrape timeout cannot be greater than scrape interval (${JSON.stringify(timeoutText)} > ${JSON.stringify(intervalText)})`;
  }
  return { scrapeIntervalMs: interval.ms, scrapeTimeoutMs: timeout.ms };
}

/** Text that is no UTF-8 reaches us as a lone surrogate. `__meta_*` labels are gone by then and may hold anything. */
function invalidValue(labels: LabelMap): string | undefined {
  for (const [name, value] of labels) {
    if (!name.startsWith(META_PREFIX) && /\p{Surrogate}/u.test(value)) {
      return `invalid label value for ${JSON.stringify(name)}: ${JSON.stringify(value)}`;
    }
  }
  return undefined;
}

interface Parts extends Times {
  readonly group: TargetGroup;
  readonly index: number;
  readonly job: ScrapeSettings;
  readonly rules: CompiledRules;
  readonly labels: LabelMap;
}

/**
 * A target that does not copy what it was discovered with: ten thousand pods with sixty `__meta_*` labels each would cost tens of
 * megabytes. Groups, settings and rules do not change, so that these labels can be worked out again whenever they are asked for.
 */
class BuiltTarget implements Target {
  readonly key: string;
  readonly job: string;
  readonly labels: Labels;
  readonly url: string;
  readonly scrapeIntervalMs: number;
  readonly scrapeTimeoutMs: number;
  readonly #group: TargetGroup;
  readonly #index: number;
  readonly #settings: ScrapeSettings;
  readonly #rules: CompiledRules;

  constructor(parts: Parts) {
    this.#group = parts.group;
    this.#index = parts.index;
    this.#settings = parts.job;
    this.#rules = parts.rules;
    this.job = parts.job.jobName;
    this.labels = sortLabels(labelsWhere(parts.labels, (name) => !name.startsWith('__')));
    this.url = targetUrl(parts.labels, parts.job.params);
    this.key = targetKey(this.job, this.url, parts.labels);
    this.scrapeIntervalMs = parts.scrapeIntervalMs;
    this.scrapeTimeoutMs = parts.scrapeTimeoutMs;
  }

  get discoveredLabels(): ReadonlyMap<string, string> {
    return discoveredLabels(this.#group, this.#index, this.#settings);
  }

  get provenance(): ReadonlyMap<string, string> {
    const labels = discoveredLabels(this.#group, this.#index, this.#settings);
    applyRules(this.#rules, labels);
    return labelsWhere(labels, (name) => name.startsWith('__'));
  }
}

function labelsWhere(labels: LabelMap, isWanted: (name: string) => boolean): LabelMap {
  const wanted: LabelMap = new Map();
  for (const [name, value] of labels) if (isWanted(name)) wanted.set(name, value);
  return wanted;
}

/** The interval in its shortest form, such as `15s`: what metrics name it by. */
export function intervalText({ scrapeIntervalMs }: Target): string {
  return printDuration(scrapeIntervalMs);
}

/** `__param_x` takes the place of the first value of parameter x; its further values stay. */
function targetUrl(labels: LabelMap, jobParams: ScrapeSettings['params']): string {
  const params = new Map(jobParams);
  for (const [name, value] of labels) {
    if (!name.startsWith(PARAM_PREFIX) || value === '') continue;
    const key = name.slice(PARAM_PREFIX.length);
    params.set(key, [value, ...(params.get(key) ?? []).slice(1)]);
  }
  return buildUrl({
    scheme: labels.get(SCHEME) ?? '',
    address: labels.get(ADDRESS) ?? '',
    path: labels.get(PATH) ?? '',
    params,
  });
}

/** 132 bits of SHA-256 over everything but `__meta_*`: short to keep, and no two targets share it. */
function targetKey(job: string, url: string, labels: LabelMap): string {
  const kept = labelsWhere(labels, (name) => !name.startsWith(META_PREFIX));
  return hash('sha256', `${job}\u0002${url}\u0002${labelsKey(sortLabels(kept))}`, 'base64url').slice(0, 22);
}
