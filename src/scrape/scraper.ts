// The scrape stage: takes jobs and their target groups, gives pages to the series stage. One pool per job, one schedule for all of them.
// Reloads follow Prometheus: a job that did not change is not touched, see scrape-pool.ts for one that did.

import type { TargetGroup } from '../../discovery/discovery.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { HttpClientSettings } from '../io/http/config.ts';
import type { HttpClient, HttpClientOptions } from '../io/http/types.ts';
import { compareUtf8 } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import type { Target } from '../model/target.ts';
import type { DroppedTarget, RelabelStep } from '../targets/pool.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ScrapeSettings } from './config.ts';
import { createFailureLog } from './failure-log.ts';
import type { LoopState } from './loop.ts';
import { declareScrapeMetrics } from './metrics.ts';
import type { FamilyMetadata, PageSeries } from './page-series.ts';
import { sameSettings } from './same-settings.ts';
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
  /** At most `keep_dropped_targets` of them. */
  readonly dropped: readonly DroppedTarget[];
  /** All of them, kept or not. */
  readonly droppedCount: number;
}

export interface Scraper {
  /** Brings the jobs in line with the configuration. Groups of jobs that stay are kept. */
  apply(jobs: readonly ScrapeSettings[]): void;
  /** All groups that discovery knows for the job; those it had before and that are not among them are gone. Ignored for a job that does not exist. */
  setGroups(job: string, groups: readonly TargetGroup[]): void;
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
  options.metrics.beforeExposition(() => env.metrics.inFlight.set(env.inFlight));
  return {
    apply(jobs) {
      env.failureLog.reopen();
      applyJobs(env, pools, jobs);
    },
    setGroups: (job, groups) => pools.get(job)?.setGroups(groups),
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
    openSeries: options.openSeries,
    openClient: (settings) => options.createHttpClient(settings.http, { clock, userAgent: options.userAgent }),
  };
}

function applyJobs(env: PoolEnvironment, pools: Map<string, ScrapePool>, jobs: readonly ScrapeSettings[]): void {
  const wanted = new Set(jobs.map((job) => job.jobName));
  for (const [name, pool] of pools) {
    if (wanted.has(name)) continue;
    pools.delete(name);
    void pool.stop();
  }
  for (const job of jobs) {
    const pool = pools.get(job.jobName);
    if (pool === undefined) pools.set(job.jobName, new ScrapePool(env, job));
    else if (!sameSettings(pool.settings, job)) pool.reload(job);
  }
}

function poolState(name: string, pool: ScrapePool): PoolState {
  return {
    name,
    active: [...pool.loops.values()].map(activeTarget),
    dropped: pool.targets.dropped(),
    droppedCount: pool.targets.droppedCount(),
  };
}

function activeTarget(loop: ActiveTarget): ActiveTarget {
  const { target, health, lastError, errorClass, lastScrapeMs, lastScrapeDurationSeconds, lastSamples, lastBodyBytes, lastWireBytes } = loop;
  return { target, health, lastError, errorClass, lastScrapeMs, lastScrapeDurationSeconds, lastSamples, lastBodyBytes, lastWireBytes };
}
