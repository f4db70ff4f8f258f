// The series stage as a whole: opens the series of targets and keeps them in step with destinations, write rules and external labels.

import type { Target } from '../model/target.ts';
import { compileRules } from '../relabel/relabel.ts';
import type { Random } from '../io/random.ts';
import type { OwnerIndex } from '../owners/owners.ts';
import type { RoutingSettings } from '../route/config.ts';
import type { Router } from '../route/route.ts';
import { createRouter } from '../route/router.ts';
import type { ShardGroupSettings } from '../route/shards/config.ts';
import { OWNER } from '../route/subject.ts';
import type { ScrapeSettings } from '../scrape/config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ByteWriter } from '../wire/labels.ts';
import { FanOut } from './fan-out.ts';
import { createKeyHash } from './hash.ts';
import type { KeyHash } from './hash.ts';
import { placeHeld } from './held-placement.ts';
import type { HeldPlacement } from './held-placement.ts';
import type { HeldJournal } from './held-stream.ts';
import { planFeeds, wantExemplars } from './plan.ts';
import type { Plan, SeriesDestination } from './plan.ts';
import { createSeriesMetrics } from './series-metrics.ts';
import type { SeriesMetrics } from './series-metrics.ts';
import { TargetSeries } from './series.ts';
import { createVolumeMetrics } from './volume-metrics.ts';
import { sumVolumes, TargetVolume } from './volume.ts';
import type { VolumeState } from './volume.ts';

export type { SeriesDestination } from './plan.ts';

/** Bytes of the key of the series hash. */
const HASH_KEY_BYTES = 16;

export interface SeriesTargets {
  readonly destinations: readonly SeriesDestination[];
  readonly externalLabels: ReadonlyMap<string, string>;
  /** Who the destinations are, and what goes where. Absent: everything goes everywhere. */
  readonly routing?: RoutingSettings;
  /** Destinations that share their series. */
  readonly shardGroups?: readonly ShardGroupSettings[];
  readonly index?: OwnerIndex;
}

export interface SeriesStage {
  /** Series of one target, from now until their `release`. */
  open(target: Target, settings: ScrapeSettings): TargetSeries;
  /** New destinations, rules or external labels, also for series that are open. */
  configure(targets: SeriesTargets): void;
  /** What decides where series go, as it is now: for series that no target brings. */
  line(): { readonly plan: Plan; readonly metrics: SeriesMetrics };
  /** Where samples go that another process kept in the journal; undefined: a pod is not known, and `mayWait`. */
  placeHeld(body: Uint8Array, mayWait: boolean): HeldPlacement | undefined;
  /** How much comes from whom, at the last scrapes. Takes a few milliseconds for ten thousand targets. */
  volume(): VolumeState;
}

export interface SeriesStageOptions {
  readonly random: Random;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  /** Keeps samples on disk that wait for their pod; without it they wait in memory alone. */
  readonly journal?: HeldJournal;
  /** Instead of a hash with a random key, for tests of collisions. */
  readonly hash?: KeyHash;
}

export function createSeriesStage(options: SeriesStageOptions): SeriesStage {
  const hash = options.hash ?? createKeyHash(options.random.bytes(HASH_KEY_BYTES));
  const metrics = createSeriesMetrics(options.metrics);
  const seriesCount = options.metrics.gauge('tributary_series', 'Series known from the last pages of all targets.');
  const hashProbe = new Int32Array(2);
  const hashLabels = (encoded: ByteWriter): number => {
    hash(encoded.view, 0, encoded.length, hashProbe);
    return hashProbe[0]!;
  };
  const volumes = createVolumeMetrics(options.metrics);
  const open = new Map<TargetSeries, FanOut>();
  let plan = makePlan({ destinations: [], externalLabels: new Map() }, undefined);
  let opened = 0;
  options.metrics.beforeExposition(() => {
    let count = 0;
    for (const series of open.keys()) count += series.size;
    seriesCount.set(count);
    volumes.show([...open.values()].map(({ volume: { job }, members }) => ({ job, series: members })));
  });

  return {
    open(target, settings) {
      const { job, labels, provenance } = target;
      const volume = new TargetVolume(job, target.scrapeIntervalMs, volumes.open(job));
      const facts = { job, labels, provenance, honorLabels: settings.honorLabels };
      const fanOut = new FanOut({ plan, facts, hash: hashLabels, metrics, volume, journal: options.journal, turn: opened++ });
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
        externalLabels: plan.externalLabels,
        fanOut,
        wantsExemplars: wantExemplars(plan.feeds),
        hash,
        metrics,
        nowMs: options.nowMs,
        onRelease() {
          if (open.delete(series)) volumes.close(job);
        },
      });
      open.set(series, fanOut);
      return series;
    },

    line: () => ({ plan, metrics }),

    configure(targets) {
      plan = makePlan(targets, plan.router);
      for (const series of open.keys()) series.follow(plan);
    },

    placeHeld: (body, mayWait) => placeHeld(body, mayWait, plan, metrics),
    volume: () => sumVolumes(open.values()),
  };
}

/** A router that decides as the last one did stays: its answers, budgets and place in the log of changes go on. */
function makePlan({ destinations, externalLabels, routing, shardGroups = [], index }: SeriesTargets, last: Router | undefined): Plan {
  const feeds = planFeeds(destinations);
  const routed = destinations.map(({ stream: { name }, owner }) => ({ name, ...(owner !== undefined && { owner }) }));
  const isOwnerRead = feeds.some(({ hiddenNames }) => hiddenNames === 'all' || hiddenNames.has(OWNER));
  const router = createRouter({ routing, destinations: routed, shardGroups, index, isOwnerRead });
  const isSame = last !== undefined && last.key === router.key && last.index === index;
  (isSame ? router : last)?.close();
  return { feeds, router: isSame ? last : router, externalLabels };
}
