// The loops of one job. Takes the job's groups, starts and retires the loops of targets that changed, and carries them over a reload.
//
// A target that is gone is retired, not ended: as in Prometheus its markers are written two ticks and a tenth of the interval later and stamped
// with the first of these ticks. If a target with the same labels and address appears meanwhile (it flapped, or only its interval or a hidden label
// changed), it takes over the retired loop with its series, so that no marker lands between two samples of one series.
//
// After a reload that changes what becomes of pages, a target goes on with new series; the old ones are ended in the same way, except for those that
// the new ones hold as well.

import type { FeedEntry, GroupFeed } from '../../discovery/feed.ts';
import type { HttpClient } from '../io/http/types.ts';
import { errorText } from '../model/error.ts';
import { labelsKey } from '../model/labels.ts';
import { ScrapeError } from '../model/scrape-error.ts';
import type { Target } from '../model/target.ts';
import type { ReadGroup } from '../targets/build.ts';
import type { Distributor, Taker } from '../targets/distributor.ts';
import { createTargetPool } from '../targets/pool.ts';
import type { TargetPool } from '../targets/pool.ts';
import type { Sharding } from '../targets/sharding.ts';
import type { ScrapeSettings } from './config.ts';
import { ScrapeLoop } from './loop.ts';
import type { LoopEnvironment } from './loop.ts';
import type { PageSeries } from './page-series.ts';
import { keepsSeries } from './same-settings.ts';
import { nextGridMs, scrapeOffsetMs } from './schedule.ts';
import type { Schedule, ScheduleEntry } from './schedule.ts';
import type { Timer } from '../io/clock.ts';

export interface PoolEnvironment extends LoopEnvironment {
  readonly schedule: Schedule;
  readonly seedText: string;
  readonly distributor: Distributor;
  /** Undefined when this collector scrapes everything. Changes only together with a reload of every job. */
  sharding: Sharding | undefined;
  readonly openSeries: (target: Target, settings: ScrapeSettings) => PageSeries;
  /** Throws when the settings make no client. */
  readonly openClient: (settings: ScrapeSettings) => HttpClient;
}

/** Shortest time between two rounds of starting and retiring loops: a target that flaps within it keeps its loop. */
const SYNC_PAUSE_MS = 500;
/** Loops started in one turn of the event loop: some 20 ms of work. */
const SLICE_TARGETS = 500;

export class ScrapePool implements Taker {
  readonly #env: PoolEnvironment;
  #targets: TargetPool;
  #feeds: readonly GroupFeed[] = [];
  #client: HttpClient | ScrapeError;
  readonly #loops = new Map<string, ScrapeLoop>();
  /** Retired loops by what their series are known by, labels and address. */
  readonly #retired = new Map<string, Retirement[]>();
  /** Series that were replaced on a reload and wait for their end. */
  readonly #replaced = new Set<SeriesEnd>();
  #syncTimer: Timer | undefined;
  #syncedMs = -Infinity;
  /** Keys of targets that came or changed and were not followed yet. */
  readonly #waiting = new Set<string>();
  /** Loops were told that the job has too many targets. */
  #isRefused = false;

  constructor(env: PoolEnvironment, settings: ScrapeSettings) {
    this.#env = env;
    this.#targets = createTargetPool(settings, env.sharding);
    env.metrics.pools.inc();
    this.#client = this.#openClient(settings);
    if (this.#client instanceof ScrapeError) env.metrics.poolsFailed.inc();
    env.metrics.poolTargetLimit.with(settings.jobName).set(settings.targetLimit);
    env.metrics.poolTargets.with(settings.jobName).set(0);
  }

  get settings(): ScrapeSettings {
    return this.#targets.settings;
  }

  get targets(): TargetPool {
    return this.#targets;
  }

  get loops(): ReadonlyMap<string, ScrapeLoop> {
    return this.#loops;
  }

  get keep(): Taker['keep'] {
    return this.#targets.keep;
  }

  setFeeds(feeds: readonly GroupFeed[]): void {
    this.#feeds = feeds;
    this.#targets.setFeeds(feeds);
    this.#env.distributor.connect(this, feeds);
    this.flush();
  }

  put(feed: GroupFeed, entry: FeedEntry, read: ReadGroup): void {
    this.#report(this.#targets.put(feed, entry, read));
  }

  remove(feed: GroupFeed, entry: FeedEntry): void {
    this.#targets.remove(feed, entry);
  }

  flush(): void {
    if (this.#syncTimer !== undefined || !this.#targets.isTouched) return;
    const waitMs = this.#syncedMs + SYNC_PAUSE_MS - this.#env.clock.monotonicMs();
    if (waitMs <= 0) this.#sync();
    else this.#syncTimer = this.#env.clock.after(waitMs, () => this.#sync());
  }

  /** Sets the gauges that change without work for this job: every group that other jobs keep counts as dropped here. */
  observe(): void {
    const { metrics } = this.#env;
    const { jobName } = this.settings;
    const left = this.#targets.leftCount;
    metrics.droppedTargets.with(jobName).set(this.#targets.droppedCount() - left);
    if (this.#env.sharding !== undefined) metrics.leftTargets.with(jobName).set(left);
    else metrics.leftTargets.remove(jobName);
  }

  /** Takes over changed settings: all loops go on under them, with their health, at their new places in the interval. */
  reload(settings: ScrapeSettings): void {
    const { metrics } = this.#env;
    metrics.poolReloads.inc();
    this.#env.distributor.disconnect(this);
    this.#targets = createTargetPool(settings, this.#env.sharding);
    this.#targets.setFeeds(this.#feeds);
    this.#env.distributor.connect(this, this.#feeds);
    closeClient(this.#client);
    this.#client = this.#openClient(settings);
    if (this.#client instanceof ScrapeError) metrics.poolReloadsFailed.inc();
    metrics.poolTargetLimit.with(settings.jobName).set(settings.targetLimit);
    for (const loop of this.#loops.values()) this.#retire(loop);
    this.#loops.clear();
    this.#sync();
  }

  /** Ends all loops without markers, as Prometheus does for a job that is gone and at shutdown. */
  async stop(): Promise<void> {
    this.#syncTimer?.cancel();
    this.#env.distributor.disconnect(this);
    const retired = [...this.#retired.values()].flat();
    for (const { entry, loop } of retired) {
      this.#env.schedule.remove(entry);
      this.#discard(loop);
    }
    for (const end of this.#replaced) {
      this.#env.schedule.remove(end);
      end.series.release();
    }
    for (const loop of this.#loops.values()) this.#discard(loop);
    this.#retired.clear();
    this.#replaced.clear();
    this.#loops.clear();
    this.#forgetMetrics();
    if (!(this.#client instanceof ScrapeError)) await this.#client.close();
  }

  #sync(): void {
    const { clock, metrics } = this.#env;
    const job = this.settings.jobName;
    this.#syncTimer?.cancel();
    this.#syncTimer = undefined;
    this.#syncedMs = clock.monotonicMs();
    // All that is gone goes first: a target that is another one now must find its retired loop.
    for (const key of this.#targets.takeTouched()) {
      if (this.#targets.target(key) === undefined) this.#retireKey(key);
      else this.#waiting.add(key);
    }
    this.#followWaiting();
    this.#applyTargetLimit();
    metrics.poolSyncs.with(job).inc();
    metrics.poolTargets.with(job).set(this.#loops.size);
    metrics.syncLength.with(job).observe((clock.monotonicMs() - this.#syncedMs) / 1000);
  }

  #followWaiting(): void {
    let room = SLICE_TARGETS;
    for (const key of this.#waiting) {
      if (room-- === 0) {
        this.#syncTimer = this.#env.clock.after(0, () => this.#sync());
        return;
      }
      this.#waiting.delete(key);
      this.#follow(key);
    }
  }

  #retireKey(key: string): void {
    const loop = this.#loops.get(key);
    if (loop === undefined) return;
    this.#loops.delete(key);
    this.#retire(loop);
  }

  #follow(key: string): void {
    const target = this.#targets.target(key);
    if (target === undefined) return;
    const loop = this.#loops.get(key);
    if (loop === undefined) this.#loops.set(key, this.#adopt(target) ?? this.#create(target));
    else loop.retarget(target);
  }

  /** All targets of a job that has too many fail, so that the excess is seen. Loops need a word only while it has, or had. */
  #applyTargetLimit(): void {
    const limit = this.settings.targetLimit;
    const count = this.#targets.size;
    const isOver = limit > 0 && count > limit;
    if (isOver) this.#env.metrics.exceededTargetLimit.inc();
    else if (!this.#isRefused) return;
    this.#isRefused = isOver;
    const error = isOver ? new ScrapeError('target_limit', `target_limit exceeded (number of targets: ${count}, limit: ${limit})`) : undefined;
    for (const loop of this.#loops.values()) loop.refuse(error);
  }

  #create(target: Target): ScrapeLoop {
    const loop = new ScrapeLoop(this.#env, this.#loopConfig(target), this.#env.openSeries(target, this.settings));
    this.#schedule(loop);
    return loop;
  }

  /** A retired loop with the same labels and address goes on as `target`'s. */
  #adopt(target: Target): ScrapeLoop | undefined {
    const identity = seriesIdentity(target);
    const candidates = this.#retired.get(identity);
    const found = candidates?.pop();
    if (candidates?.length === 0) this.#retired.delete(identity);
    if (found === undefined) return undefined;
    const { loop, entry } = found;
    const { settings } = this;
    const isFresh = !keepsSeries(loop.settings, settings);
    this.#env.schedule.remove(entry);
    loop.configure(this.#loopConfig(target));
    loop.refuse(undefined);
    loop.whenIdle(() => {
      if (isFresh) this.#replaceSeries(loop, entry);
      else loop.series.reconfigure({ sampleLimit: settings.sampleLimit, scrapeTimeoutMs: loop.target.scrapeTimeoutMs });
    });
    this.#schedule(loop);
    return loop;
  }

  #replaceSeries(loop: ScrapeLoop, timing: SeriesEnd): void {
    const old = loop.series;
    loop.replaceSeries(this.#env.openSeries(loop.target, loop.settings));
    if (loop.lastScrapeMs === undefined) return old.release();
    const end = new SeriesEnd(timing.tickMs, timing.dueMs, old, () => {
      this.#replaced.delete(end);
      if (!loop.isStopped) this.#guard(loop.target, () => endAllBut(old, loop.series, end.tickMs));
      old.release();
    });
    this.#replaced.add(end);
    this.#env.schedule.add(end);
  }

  #retire(loop: ScrapeLoop): void {
    const { schedule } = this.#env;
    const tickMs = loop.dueMs;
    schedule.remove(loop);
    const identity = seriesIdentity(loop.target);
    const entry = new SeriesEnd(tickMs, tickMs + 1.1 * loop.target.scrapeIntervalMs, loop.series, () => {
      this.#forget(identity, entry);
      loop.whenIdle(() => {
        // A target that was never scraped has no series to end.
        if (loop.lastScrapeMs !== undefined) this.#guard(loop.target, () => loop.series.end(entry.tickMs));
        this.#discard(loop);
      });
    });
    const waiting = this.#retired.get(identity);
    if (waiting === undefined) this.#retired.set(identity, [{ loop, entry }]);
    else waiting.push({ loop, entry });
    schedule.add(entry);
  }

  /** Series end in the callback of a timer, where an exception (no memory) would end the process: here it costs the markers. */
  #guard({ job, url }: Target, end: () => void): void {
    try {
      end();
    } catch (error) {
      this.#env.logger.error('staleness markers were lost', { job, target: url, error: error instanceof Error ? error.stack : String(error) });
    }
  }

  #forget(identity: string, entry: SeriesEnd): void {
    const rest = this.#retired.get(identity)?.filter((retirement) => retirement.entry !== entry) ?? [];
    if (rest.length === 0) this.#retired.delete(identity);
    else this.#retired.set(identity, rest);
  }

  #discard(loop: ScrapeLoop): void {
    this.#env.schedule.remove(loop);
    loop.stop();
    loop.series.release();
  }

  #schedule(loop: ScrapeLoop): void {
    loop.dueMs = nextGridMs(this.#env.clock.nowMs(), loop.target.scrapeIntervalMs, loop.offsetMs);
    this.#env.schedule.add(loop);
  }

  #loopConfig(target: Target) {
    const offsetMs = scrapeOffsetMs(target.key, this.#env.seedText, target.scrapeIntervalMs);
    return { target, settings: this.settings, client: this.#client, offsetMs };
  }

  #openClient(settings: ScrapeSettings): HttpClient | ScrapeError {
    try {
      return this.#env.openClient(settings);
    } catch (error) {
      this.#env.logger.error('scrape client cannot be created', { job: settings.jobName, error: errorText(error) });
      return new ScrapeError('configuration', errorText(error), { cause: error });
    }
  }

  #report(errors: readonly string[]): void {
    if (errors.length === 0) return;
    const job = this.settings.jobName;
    this.#env.metrics.syncFailed.with(job).inc(errors.length);
    for (const error of errors) this.#env.logger.error('target cannot be built', { job, error });
  }

  #forgetMetrics(): void {
    const { metrics } = this.#env;
    const families = [metrics.poolSyncs, metrics.poolTargets, metrics.poolTargetLimit, metrics.droppedTargets, metrics.leftTargets, metrics.syncFailed, metrics.syncLength];
    for (const family of families) family.remove(this.settings.jobName);
  }
}

interface Retirement {
  readonly loop: ScrapeLoop;
  readonly entry: SeriesEnd;
}

/** The moment at which series end; `tickMs` is the time of their markers. */
class SeriesEnd implements ScheduleEntry {
  place = -1;
  tickMs: number;
  dueMs: number;
  readonly series: PageSeries;
  readonly #end: () => void;

  constructor(tickMs: number, dueMs: number, series: PageSeries, end: () => void) {
    this.tickMs = tickMs;
    this.dueMs = dueMs;
    this.series = series;
    this.#end = end;
  }

  run(): undefined {
    this.#end();
  }

  realign(_nowMs: number, shiftMs: number): number {
    this.tickMs += Math.round(shiftMs);
    return this.dueMs + shiftMs;
  }
}

/** Markers for the series that `successor` does not go on with. */
function endAllBut(series: PageSeries, successor: PageSeries, tickMs: number): void {
  series.untrack(successor.trackedLabels());
  series.end(tickMs);
}

/** What a target's series are known by. */
function seriesIdentity(target: Target): string {
  return `${target.url}\u0002${labelsKey(target.labels)}`;
}

/** Idle connections close at once, busy ones after their scrape. */
function closeClient(client: HttpClient | ScrapeError): void {
  if (!(client instanceof ScrapeError)) void client.close();
}
