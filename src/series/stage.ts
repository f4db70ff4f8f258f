// The series stage as a whole: opens the series of targets and keeps them in step with destinations, write rules and external labels.

import type { Target } from '../model/target.ts';
import type { RelabelSettings } from '../relabel/config.ts';
import { compileRules } from '../relabel/relabel.ts';
import type { Random } from '../io/random.ts';
import type { Stream } from '../queue/queue.ts';
import type { ScrapeSettings } from '../scrape/config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createKeyHash } from './hash.ts';
import type { KeyHash } from './hash.ts';
import { Outlet } from './outlet.ts';
import type { Feed } from './outlet.ts';
import { createSeriesMetrics } from './series-metrics.ts';
import { TargetSeries } from './series.ts';

/** Bytes of the key of the series hash. */
const HASH_KEY_BYTES = 16;

/** A destination as this stage knows it. */
export interface SeriesDestination {
  readonly stream: Stream;
  readonly writeRelabel: readonly RelabelSettings[];
  readonly sendExemplars: boolean;
}

export interface SeriesTargets {
  readonly destinations: readonly SeriesDestination[];
  readonly externalLabels: ReadonlyMap<string, string>;
}

export interface SeriesStage {
  /** Series of one target, from now until their `release`. */
  open(target: Target, settings: ScrapeSettings): TargetSeries;
  /** New destinations, rules or external labels, also for series that are open. */
  configure(targets: SeriesTargets): void;
}

export interface SeriesStageOptions {
  readonly random: Random;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  /** Instead of a hash with a random key, for tests of collisions. */
  readonly hash?: KeyHash;
}

export function createSeriesStage(options: SeriesStageOptions): SeriesStage {
  const hash = options.hash ?? createKeyHash(options.random.bytes(HASH_KEY_BYTES));
  const metrics = createSeriesMetrics(options.metrics);
  const seriesCount = options.metrics.gauge('tributary_series', 'Series known from the last pages of all targets.');
  const open = new Map<TargetSeries, Outlet[]>();
  let feeds: Feed[] = [];
  let externalLabels: ReadonlyMap<string, string> = new Map();
  options.metrics.beforeExposition(() => {
    let count = 0;
    for (const series of open.keys()) count += series.size;
    seriesCount.set(count);
  });

  return {
    open(target, settings) {
      const outlets = feeds.map((feed) => new Outlet(feed, metrics));
      const series = new TargetSeries({
        policy: {
          targetLabels: target.labels,
          honorLabels: settings.honorLabels,
          metricRelabel: settings.metricRelabel.length === 0 ? undefined : compileRules(settings.metricRelabel, settings.nameScheme),
          nameScheme: settings.nameScheme,
          labelLimit: settings.labelLimit,
          labelNameLengthLimit: settings.labelNameLengthLimit,
          labelValueLengthLimit: settings.labelValueLengthLimit,
        },
        honorTimestamps: settings.honorTimestamps,
        trackTimestampsStaleness: settings.trackTimestampsStaleness,
        sampleLimit: settings.sampleLimit,
        extraScrapeMetrics: settings.extraScrapeMetrics,
        scrapeTimeoutMs: target.scrapeTimeoutMs,
        externalLabels,
        outlets,
        hash,
        metrics,
        nowMs: options.nowMs,
        onRelease: () => open.delete(series),
      });
      open.set(series, outlets);
      return series;
    },

    configure(targets) {
      const sameLabels = equalMaps(externalLabels, targets.externalLabels);
      feeds = groupByRules(targets.destinations);
      ({ externalLabels } = targets);
      for (const [series, outlets] of open) {
        const next = feeds.map((feed) => outlets.find((outlet) => outlet.key === feed.key) ?? new Outlet(feed, metrics));
        for (const [i, outlet] of next.entries()) outlet.setFeed(feeds[i]!);
        const isNew = next.some((outlet) => !outlets.includes(outlet));
        open.set(series, next);
        if (isNew || !sameLabels) series.reopen(next, externalLabels);
        else series.keepOutlets(next);
      }
    },
  };
}

/** Destinations with equal rules share a feed. */
function groupByRules(destinations: readonly SeriesDestination[]): Feed[] {
  const groups = new Map<string, SeriesDestination[]>();
  for (const destination of destinations) {
    const key = rulesKey(destination.writeRelabel);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [destination]);
    else group.push(destination);
  }
  return [...groups].map(([key, members]) => ({
    key,
    // Write rules may name any label: UTF-8 names are valid there whatever a job says.
    rules: members[0]!.writeRelabel.length === 0 ? undefined : compileRules(members[0]!.writeRelabel, 'utf8'),
    streams: members.map((member) => member.stream),
    exemplarStreams: members.filter((member) => member.sendExemplars).map((member) => member.stream),
  }));
}

function rulesKey(rules: readonly RelabelSettings[]): string {
  return JSON.stringify(rules, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function equalMaps(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}
