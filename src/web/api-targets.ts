// `/api/v1/targets` and its neighbours: what is scraped, what is not and why. Shapes are Prometheus' 3.x; `errorClass` and `reason` are added.

import { printDuration } from '../config/duration.ts';
import { errorText } from '../model/error.ts';
import { compareUtf8, type LabelMap } from '../model/labels.ts';
import type { RelabelSettings } from '../relabel/config.ts';
import { failure, success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';
import { formatTime } from './time-text.ts';
import type { ActiveTargetView, DroppedTargetView, PoolView, RelabelStepView } from './view.ts';

/** Dropped targets of one answer: a job may drop every pod of a cluster, and there may be hundreds of such jobs. The counts are always complete. */
const DROPPED_MAX = 10_000;

const localHosts = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Query: `state` (active, dropped, any; anything else gives two empty lists) and `scrapePool`. */
export function targets({ query }: WebRequest, context: WebContext): Answer {
  const state = (query.get('state') ?? '').toLowerCase();
  const showActive = state === '' || state === 'any' || state === 'active';
  const showDropped = state === '' || state === 'any' || state === 'dropped';
  const all = sortedPools(context);
  const wanted = query.get('scrapePool') ?? '';
  const pools = wanted === '' ? all : all.filter((pool) => pool.name === wanted);
  return success({
    activeTargets: showActive ? pools.flatMap((pool) => pool.active.map((active) => activeTarget(pool, active, context))) : [],
    droppedTargets: showDropped ? [...firstDropped(pools, DROPPED_MAX)].map(droppedTarget) : [],
    droppedTargetCounts: showDropped ? Object.fromEntries(all.map((pool) => [pool.name, pool.droppedCount])) : null,
  });
}

export function scrapePools(_request: WebRequest, context: WebContext): Answer {
  return success({ scrapePools: sortedPools(context).map((pool) => pool.name) });
}

/** Query: `scrapePool` and `labels`, a JSON object of the labels before relabelling. */
export function relabelSteps({ query }: WebRequest, { view }: WebContext): Answer {
  const pool = query.get('scrapePool') ?? '';
  const labels = query.get('labels') ?? '';
  if (pool === '') return failure('bad_data', 'no scrapePool parameter provided');
  if (labels === '') return failure('bad_data', 'no labels parameter provided');
  const parsed = parseLabels(labels);
  if (typeof parsed === 'string') return failure('bad_data', `error parsing labels: ${parsed}`);
  const steps = view.relabelSteps(pool, parsed);
  if (steps === undefined) return failure('bad_data', `error retrieving scrape config: scrape pool ${JSON.stringify(pool)} not found`);
  return success({ steps: steps.map(relabelStep) });
}

export function sortedPools({ view }: WebContext): PoolView[] {
  return [...view.pools()].sort((a, b) => compareUtf8(a.name, b.name));
}

function activeTarget(pool: PoolView, active: ActiveTargetView, context: WebContext): object {
  const { target } = active;
  const { provenance } = target;
  return {
    discoveredLabels: Object.fromEntries(target.discoveredLabels),
    labels: Object.fromEntries(target.labels),
    scrapePool: pool.name,
    scrapeUrl: target.url,
    globalUrl: globalUrl(target.url, context),
    lastError: active.lastError,
    errorClass: active.errorClass ?? '',
    lastScrape: formatTime(active.lastScrapeMs),
    lastScrapeDuration: active.lastScrapeDurationSeconds,
    health: active.health,
    scrapeInterval: provenance.get('__scrape_interval__') ?? printDuration(target.scrapeIntervalMs),
    scrapeTimeout: provenance.get('__scrape_timeout__') ?? printDuration(target.scrapeTimeoutMs),
  };
}

/** At most `max` dropped targets of all jobs together; the others are not worked out. */
export function* firstDropped(pools: readonly PoolView[], max: number): Iterable<{ readonly pool: PoolView; readonly dropped: DroppedTargetView }> {
  let room = max;
  for (const pool of pools) {
    for (const dropped of pool.dropped) {
      if (room-- <= 0) return;
      yield { pool, dropped };
    }
  }
}

function droppedTarget({ pool, dropped }: { readonly pool: PoolView; readonly dropped: DroppedTargetView }): object {
  return { discoveredLabels: Object.fromEntries(dropped.discoveredLabels), scrapePool: pool.name, reason: dropped.reason };
}

/**
 * The URL as it works from outside: a local host becomes the host of the external URL, and our own port the whole origin of it.
 * Source: Prometheus web/api getGlobalURL.
 */
export function globalUrl(text: string, { flags, ownPort }: Pick<WebContext, 'flags' | 'ownPort'>): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (!localHosts.has(url.hostname) || url.port === '') return text;
  const external = flags.externalUrl;
  const origin = Number(url.port) === ownPort() ? external.origin : `${url.protocol}//${external.hostname}:${url.port}`;
  return `${origin}${url.pathname}${url.search}`;
}

/** A text says what is wrong. */
function parseLabels(text: string): LabelMap | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return errorText(error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected a JSON object';
  const labels: LabelMap = new Map();
  for (const [name, label] of Object.entries(value)) {
    if (typeof label !== 'string') return `label ${JSON.stringify(name)} is not a string`;
    labels.set(name, label);
  }
  return labels;
}

function relabelStep({ rule, output, keep }: RelabelStepView): object {
  return { rule: relabelRule(rule), output: Object.fromEntries([...output].filter(([, value]) => value !== '')), keep };
}

/** The keys as written in the configuration; what is empty is left out. */
export function relabelRule(rule: RelabelSettings): object {
  return {
    ...(rule.sourceLabels.length > 0 && { source_labels: rule.sourceLabels }),
    ...(rule.separator !== '' && { separator: rule.separator }),
    regex: rule.regex,
    // Above 2^53 a JSON number would be another one.
    ...(rule.modulus !== 0n && { modulus: rule.modulus <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(rule.modulus) : String(rule.modulus) }),
    ...(rule.targetLabel !== '' && { target_label: rule.targetLabel }),
    ...(rule.replacement !== '' && { replacement: rule.replacement }),
    action: rule.action,
    ...(rule.if.length > 0 && { if: rule.if }),
  };
}
