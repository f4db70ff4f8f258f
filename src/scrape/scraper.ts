// The scrape stage: takes jobs and the feeds of their target groups, gives pages to the series stage. One pool per job, one schedule for all of them.
// Reloads follow Prometheus: a job that did not change is not touched, see scrape-pool.ts for one that did.

import type { FeedEntry, GroupFeed } from '../../discovery/feed.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { HttpClientSettings } from '../io/http/config.ts';
import type { HttpClient, HttpClientOptions } from '../io/http/types.ts';
import { compareUtf8 } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import { sameSettings } from '../model/same-settings.ts';
import type { Target } from '../model/target.ts';
import type { ShardingSettings } from '../targets/config.ts';
import { Distributor } from '../targets/distributor.ts';
import type { DroppedTarget, RelabelStep } from '../targets/pool.ts';
import { createSharding } from '../targets/sharding.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ScrapeSettings } from './config.ts';
import { createFailureLog } from './failure-log.ts';
import type { LoopState } from './loop.ts';
import { declareScrapeMetrics } from './metrics.ts';
import type { FamilyMetadata, PageSeries } from './page-series.ts';
import { createSchedule } from './schedule.ts';
import { ScrapePool } from './scrape-pool.ts';
import type { PoolEnvironment } from './scrape-pool.ts';

export interface ScraperOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly openSeries: (target: Target, settings: ScrapeSettings) => PageSeries;
  /** Asked before each scrape: true while a queue that must not drop anything is full. Default never. */
  readonly isBlocked?: () => boolean;
  readonly createHttpClient: (settings: HttpClientSettings, options: HttpClientOptions) => HttpClient;
  readonly userAgent: string;
  /** Tells collectors apart that scrape the same targets: host name and external labels. Their scrapes then fall on different offsets. */
  readonly seedText: string;
}

export interface ActiveTarget extends LoopState {
  readonly target: Target;
}

/** One job as it stands, for pages and API. */
export interface PoolState {
  readonly name: string;
  readonly active: readonly ActiveTarget[];
  /** At most `keep_dropped_targets` of them, worked out while they are read. Read them at once, or not at all. */
  readonly dropped: Iterable<DroppedTarget>;
  /** All of them, kept or not. */
  readonly droppedCount: number;
  /** Those of the dropped ones that other members scrape. */
  readonly leftCount: number;
}

export interface Scraper {
  /** Brings the jobs in line with the configuration. Feeds of jobs that stay are kept. Without `sharding` every target is ours. */
  apply(jobs: readonly ScrapeSettings[], sharding?: ShardingSettings): void;
  /** The job's groups are those of these feeds; groups of feeds it had before are gone. Ignored for a job that does not exist. */
  setFeeds(job: string, feeds: readonly GroupFeed[]): void;
  /** These entries of the feed are new, changed or gone. */
  change(feed: GroupFeed, changed: readonly FeedEntry[]): void;
  /** By name. */
  pools(): PoolState[];
  /** The job's relabel rules applied one by one; undefined for a job that does not exist. */
  relabelSteps(job: string, labels: LabelMap): RelabelStep[] | undefined;
  /** What an active target's last pages told about metric families. */
  metadata(target: Target): Iterable<FamilyMetadata>;
  /** Cancels what runs and ends without markers. The scraper cannot be used again. */
  stop(): Promise<void>;
}

export function createScraper(options: ScraperOptions): Scraper {
  const env = createEnvironment(options);
  const pools = new Map<string, ScrapePool>();
  options.metrics.beforeExposition(() => {
    env.metrics.inFlight.set(env.inFlight);
    for (const pool of pools.values()) pool.observe();
  });
  return {
    apply(jobs, sharding) {
      env.failureLog.reopen();
      const shared = sharding === undefined ? undefined : createSharding(sharding);
      const isResharded = !sameSettings(env.sharding?.settings, shared?.settings);
      if (isResharded) env.sharding = shared;
      applyJobs(env, pools, jobs, isResharded);
    },
    setFeeds: (job, feeds) => pools.get(job)?.setFeeds(feeds),
    change: (feed, changed) => env.distributor.change(feed, changed),
    pools: () => [...pools.keys()].sort(compareUtf8).map((name) => poolState(name, pools.get(name)!)),
    relabelSteps: (job, labels) => pools.get(job)?.targets.relabelSteps(labels),
    metadata: (target) => pools.get(target.job)?.loops.get(target.key)?.series.metadataEntries() ?? [],
    async stop() {
      env.schedule.stop();
      await Promise.all([...pools.values()].map((pool) => pool.stop()));
      pools.clear();
      env.failureLog.close();
    },
  };
}

function createEnvironment(options: ScraperOptions): PoolEnvironment {
  const { clock, logger, disk } = options;
  const metrics = declareScrapeMetrics(options.metrics);
  return {
    clock,
    logger,
    metrics,
    failureLog: createFailureLog({ clock, disk, logger, lost: metrics.failureLogErrors }),
    isBlocked: options.isBlocked ?? (() => false),
    inFlight: 0,
    schedule: createSchedule(clock),
    seedText: options.seedText,
    distributor: new Distributor(),
    sharding: undefined,
    openSeries: options.openSeries,
    openClient: (settings) => options.createHttpClient(settings.http, { clock, userAgent: options.userAgent }),
  };
}

function applyJobs(env: PoolEnvironment, pools: Map<string, ScrapePool>, jobs: readonly ScrapeSettings[], reloadsAll: boolean): void {
  const wanted = new Set(jobs.map((job) => job.jobName));
  for (const [name, pool] of pools) {
    if (wanted.has(name)) continue;
    pools.delete(name);
    void pool.stop();
  }
  for (const job of jobs) {
    const pool = pools.get(job.jobName);
    if (pool === undefined) pools.set(job.jobName, new ScrapePool(env, job));
    else if (reloadsAll || !sameSettings(pool.settings, job)) pool.reload(job);
  }
}

function poolState(name: string, pool: ScrapePool): PoolState {
  return {
    name,
    active: [...pool.loops.values()].map(activeTarget),
    dropped: pool.targets.dropped(),
    droppedCount: pool.targets.droppedCount(),
    leftCount: pool.targets.leftCount,
  };
}

function activeTarget(loop: ActiveTarget): ActiveTarget {
  const { target, health, lastError, errorClass, lastScrapeMs, lastScrapeDurationSeconds, lastSamples, lastBodyBytes, lastWireBytes } = loop;
  return { target, health, lastError, errorClass, lastScrapeMs, lastScrapeDurationSeconds, lastSamples, lastBodyBytes, lastWireBytes };
}
