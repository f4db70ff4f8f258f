// Builds the line and keeps it in step with the configuration: the one file that knows every stage.
//
//     config -> discovery -> targets -> scrape -> series -> queue -> sender
//                               receive, roce -----------^
//
// Start: configuration, queue, destinations, web, scraping. Reload: destinations first, so that series know where they go, then
// scraping, then discovery; a configuration that does not load changes nothing. Stop: the same in reverse, senders flush last.

import { hostname } from 'node:os';
import { createDiscoveryManager } from '../discovery/manager.ts';
import type { DiscoveryManager } from '../discovery/manager.ts';
import { Destinations } from './agent-destinations.ts';
import type { FedDestination } from './agent-destinations.ts';
import { createAgentRoce, loadNative } from './agent-roce.ts';
import { createAgentView } from './agent-view.ts';
import type { BuildInfo } from './cli/build-info.ts';
import type { Flags } from './cli/flags.ts';
import { loadConfig } from './config/load.ts';
import type { LoadResult } from './config/load.ts';
import { formatProblem, formatRemark } from './config/problem.ts';
import type { LoadedConfig, Problem, Settings } from './config/settings.ts';
import { watchConfig } from './config/watch.ts';
import type { ConfigWatch } from './config/watch.ts';
import { systemClock } from './io/clock.ts';
import { systemDisk } from './io/disk.ts';
import { createHttpClient } from './io/http/client.ts';
import { systemRandom } from './io/random.ts';
import { createKubernetes } from './kubernetes/kubernetes.ts';
import type { Kubernetes } from './kubernetes/kubernetes.ts';
import { errorText, TributaryError } from './model/error.ts';
import { createOwnersKeeper } from './owners/keeper.ts';
import type { OwnersKeeper } from './owners/keeper.ts';
import { createOwnersMetrics } from './owners/owners-metrics.ts';
import { planOwners } from './owners/plan.ts';
import type { CommandQueue } from './queue/command-queue.ts';
import { startControl } from './queue/control.ts';
import type { Control } from './queue/control.ts';
import { openQueue } from './queue/queue.ts';
import { Distributor } from './receive/distribute.ts';
import { createReceiver } from './receive/receive.ts';
import type { Receiver } from './receive/receive.ts';
import type { Roce } from './roce/roce.ts';
import { scrapeSeed } from './scrape/schedule.ts';
import { createScraper } from './scrape/scraper.ts';
import type { Scraper } from './scrape/scraper.ts';
import type { ExplainOptions } from './series/explain.ts';
import { HeldStream } from './series/held-stream.ts';
import { createSeriesStage } from './series/stage.ts';
import type { SeriesStage } from './series/stage.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import type { Gauge, Metrics } from './telemetry/metrics.ts';
import { createProcessMetrics } from './telemetry/process-metrics.ts';
import { startWebServer } from './web/server.ts';
import type { WebServer } from './web/server.ts';
import type { ReloadResult, ReloadView } from './web/view.ts';
import { initZstd } from './wire/zstd.ts';

export interface AgentOptions {
  readonly flags: Flags;
  readonly build: BuildInfo;
  readonly logger: Logger;
  /** Wall time of the start of the process, milliseconds. */
  readonly startedMs: number;
  readonly requestQuit: () => void;
}

export interface Agent {
  /** Where the web server listens. */
  readonly addresses: WebServer['addresses'];
  reload(): Promise<ReloadResult>;
  /** Ends gracefully: senders get `--storage.remote.flush-deadline`, what is left stays on disk. */
  stop(): Promise<void>;
}

/**
 * Starts the collector. Fails with CONFIG_INVALID (the message lists every problem), QUEUE_LOCKED, QUEUE_FORMAT_NEWER, WEB_LISTEN, WEB_CONFIG_INVALID or the
 * system's error for a queue folder that cannot be used; what was started is stopped then.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const loaded = load(options.flags);
  if (!loaded.ok) throw new TributaryError('CONFIG_INVALID', loaded.problems.map(formatProblem).join('\n'));
  await initZstd();
  const metrics = createMetrics();
  const queue = await openQueue({
    path: options.flags.storagePath,
    settings: loaded.config.settings.queue,
    disk: systemDisk,
    clock: systemClock,
    logger: options.logger.child({ stage: 'queue' }),
    metrics,
  });
  const line = new Line(options, metrics, queue, loaded.config);
  try {
    await line.start();
  } catch (error) {
    await line.stop();
    throw error;
  }
  return line;
}

class Line implements Agent {
  readonly #options: AgentOptions;
  readonly #metrics: Metrics;
  readonly #queue: CommandQueue;
  readonly #held: HeldStream;
  readonly #series: SeriesStage;
  readonly #receiver: Receiver | undefined;
  readonly #roce: Roce;
  readonly #scraper: Scraper;
  readonly #kubernetes: Kubernetes;
  readonly #discovery: DiscoveryManager;
  readonly #destinations: Destinations;
  /** Those the queue was opened with. */
  readonly #queueSettings: Settings['queue'];
  readonly #reloadMetrics: { readonly successful: Gauge; readonly successTime: Gauge };
  readonly #ready: Gauge;
  readonly #owners: OwnersKeeper;
  #explaining: ExplainOptions = { destinations: [], externalLabels: new Map(), routing: undefined, shardGroups: [], index: undefined };
  #config: LoadedConfig;
  #watch: ConfigWatch | undefined;
  #control: Control | undefined;
  #web: WebServer | undefined;
  #reload: ReloadView;
  #reloading: Promise<ReloadResult> | undefined;
  #nextReload: Promise<ReloadResult> | undefined;
  #isStarted = false;
  #isReady = false;
  #stopping: Promise<void> | undefined;

  constructor(options: AgentOptions, metrics: Metrics, queue: CommandQueue, config: LoadedConfig) {
    const { logger, build } = options;
    const userAgent = `Tributary/${build.version}`;
    this.#options = options;
    this.#metrics = metrics;
    this.#queue = queue;
    this.#config = config;
    this.#queueSettings = config.settings.queue;
    const nowMs = systemClock.nowMs();
    this.#reload = { successful: true, lastSuccessMs: nowMs, lastAttemptMs: nowMs, problems: [], error: '' };
    const native = loadNative();
    createProcessMetrics(metrics, build, 'addon' in native ? 'native' : 'typescript');
    this.#reloadMetrics = {
      successful: metrics.gauge('prometheus_config_last_reload_successful', 'Whether the last configuration reload attempt was successful.'),
      successTime: metrics.gauge('prometheus_config_last_reload_success_timestamp_seconds', 'Timestamp of the last successful configuration reload.'),
    };
    this.#ready = metrics.gauge('prometheus_ready', 'Whether startup was fully completed and the collector is ready for normal operation.');
    this.#held = new HeldStream({ queue, clock: systemClock, logger: logger.child({ stage: 'series' }), place: (body, mayWait) => this.#series.placeHeld(body, mayWait) });
    this.#series = createSeriesStage({ random: systemRandom, metrics, nowMs: () => systemClock.nowMs(), journal: this.#held });
    const distributor = new Distributor({ line: () => this.#series.line(), nowMs: () => systemClock.nowMs(), journal: this.#held });
    this.#receiver = options.flags.enableReceiver
      ? createReceiver({ append: (batch, source) => distributor.append(batch, source), nowMs: () => systemClock.nowMs(), metrics, logger: logger.child({ stage: 'receive' }) }) : undefined;
    this.#roce = createAgentRoce({ distributor, logger: logger.child({ stage: 'roce' }), metrics, native });
    this.#scraper = createScraper({
      clock: systemClock,
      disk: systemDisk,
      logger: logger.child({ stage: 'scrape' }),
      metrics,
      openSeries: (target, settings) => this.#series.open(target, settings),
      isBlocked: () => queue.isBlocked(),
      createHttpClient,
      userAgent,
      seedText: scrapeSeed(hostname(), config.settings),
    });
    this.#kubernetes = createKubernetes({ clock: systemClock, random: systemRandom, logger: logger.child({ stage: 'kubernetes' }), metrics, userAgent });
    const ownersMetrics = createOwnersMetrics(metrics);
    this.#owners = createOwnersKeeper({
      path: options.flags.storagePath, disk: systemDisk, clock: systemClock, logger: logger.child({ stage: 'owners' }), metrics: ownersMetrics, kubernetes: this.#kubernetes,
    });
    metrics.beforeExposition(() => ownersMetrics.show(this.#owners.state()));
    this.#destinations = new Destinations({
      queue, kubernetes: this.#kubernetes, logger, metrics,
      version: build.version,
      storagePath: options.flags.storagePath,
      collectMetadata: () => this.#metadata(),
      onDestinations: (settings, destinations) => this.#applyRouting(settings, destinations),
    });
    this.#discovery = createDiscoveryManager({
      clock: systemClock,
      logger: logger.child({ stage: 'discovery' }),
      metrics,
      random: systemRandom,
      kubernetes: this.#kubernetes,
      userAgent,
      onFeeds: (job, feeds) => this.#scraper.setFeeds(job, feeds),
      onChange: (feed, changed) => this.#scraper.change(feed, changed),
    });
    metrics.beforeExposition(() => this.#observe());
  }

  get addresses(): WebServer['addresses'] {
    return this.#web?.addresses ?? [];
  }

  async start(): Promise<void> {
    const { flags, build, logger, startedMs } = this.#options;
    this.#noteLoaded();
    await this.#destinations.apply(this.#config.settings);
    this.#held.start();
    // The web server comes before scraping: a port in use must not cost a scrape.
    this.#web = await startWebServer({ view: this.#createView(), flags, build, metrics: this.#metrics, logger, startedMs });
    this.#control = await startControl({
      queue: this.#queue,
      path: flags.storagePath,
      specimens: (name) => this.#destinations.senders.get(name)?.destinationState().specimens ?? [],
      logger: logger.child({ stage: 'queue' }),
    });
    this.#applyScraping(this.#config.settings);
    this.#watchFiles(this.#config.files);
    this.#isStarted = true;
    this.#logRemarks();
    logger.info('started', { version: build.version, jobs: this.#config.settings.scrape.length, destinations: this.#destinations.senders.size });
  }

  /** Loads the configuration again. A load that runs may have read the files already, so calls during it share the next one. Never rejects. */
  reload(): Promise<ReloadResult> {
    const running = this.#reloading;
    if (running === undefined) return this.#startReload();
    this.#nextReload ??= running.then(() => {
      this.#nextReload = undefined;
      return this.reload();
    });
    return this.#nextReload;
  }

  #startReload(): Promise<ReloadResult> {
    this.#reloading = this.#reloadNow().finally(() => (this.#reloading = undefined));
    return this.#reloading;
  }

  async #reloadNow(): Promise<ReloadResult> {
    if (this.#stopping !== undefined) return { ok: false, error: 'the collector is stopping', isLoaded: true };
    const loaded = load(this.#options.flags);
    if (!loaded.ok) return this.#refuse(loaded);
    // Before anything is waited for: a change from here on is another reload.
    this.#watchFiles(loaded.config.files);
    try {
      await this.#destinations.apply(loaded.config.settings);
      this.#applyScraping(loaded.config.settings);
    } catch (error) {
      return this.#notApplied(errorText(error));
    }
    this.#config = loaded.config;
    this.#noteLoaded();
    this.#logRemarks();
    if (needsRestart(this.#queueSettings, loaded.config.settings.queue)) {
      this.#options.logger.warn('tributary.queue changed: all of it but max_bytes takes effect at the next start');
    }
    this.#options.logger.info('configuration loaded', { file: this.#options.flags.configFile });
    return { ok: true };
  }

  /** The running configuration stays; the repair is watched for. */
  #refuse(loaded: LoadResult & { ok: false }): ReloadResult {
    const error = loaded.problems.map(formatProblem).join('\n');
    this.#reload = { ...this.#reload, successful: false, lastAttemptMs: systemClock.nowMs(), problems: loaded.problems, error: '' };
    this.#watchFiles([...new Set([...this.#config.files, ...loaded.files])]);
    this.#options.logger.error('configuration refused, the running one stays in force', { problems: problemTexts(loaded.problems) });
    return { ok: false, error };
  }

  /** The file is good, but not all of it could be put in force: what was applied before the error stays, as in Prometheus. */
  #notApplied(reason: string): ReloadResult {
    const error = `one or more errors occurred while applying the new configuration: ${reason}`;
    this.#reload = { ...this.#reload, successful: false, lastAttemptMs: systemClock.nowMs(), problems: [], error };
    this.#options.logger.error('configuration not applied', { error: reason });
    return { ok: false, error, isLoaded: true };
  }

  #noteLoaded(): void {
    const nowMs = systemClock.nowMs();
    this.#reload = { successful: true, lastSuccessMs: nowMs, lastAttemptMs: nowMs, problems: [], error: '' };
  }

  #logRemarks(): void {
    for (const remark of this.#config.remarks) this.#options.logger.warn(formatRemark(remark), { kind: remark.kind });
  }

  #watchFiles(files: readonly string[]): void {
    this.#watch?.close();
    if (this.#stopping !== undefined) return;
    this.#watch = watchConfig(files, () => void this.reload(), systemClock, this.#options.logger);
  }

  #applyRouting(settings: Settings, fed: readonly FedDestination[]): void {
    const destinations = fed.map(({ stream, settings: { writeRelabel, sendExemplars, sendNativeHistograms, replicaLabel, owner } }) => ({
      stream, writeRelabel, sendExemplars, sendNativeHistograms, ...(replicaLabel !== undefined && { replicaLabel }), ...(owner !== undefined && { owner }),
    }));
    const { externalLabels, routing, shardGroups } = settings;
    const index = this.#owners.apply(routing === undefined ? undefined : planOwners({ ...settings, routing }));
    this.#series.configure({ destinations, externalLabels, shardGroups, ...(routing !== undefined && { routing }), ...(index !== undefined && { index }) });
    this.#explaining = { destinations: destinations.map(({ stream: { name }, ...rest }) => ({ name, ...rest })), externalLabels, routing, shardGroups, index };
  }

  #applyScraping(settings: Settings): void {
    this.#scraper.apply(settings.scrape, settings.sharding);
    this.#discovery.apply(settings.scrape.map(({ jobName, discovery }) => ({ job: jobName, discovery })));
    this.#roce.apply(settings.roce);
  }

  /** Once ready it stays so: a watch that is cut off later, or added by a reload, serves what it has. */
  #checkReady(): boolean {
    this.#isReady ||= this.#isStarted && this.#kubernetes.isSynced();
    return this.#isReady;
  }

  *#metadata() {
    for (const pool of this.#scraper.pools()) for (const { target } of pool.active) yield* this.#scraper.metadata(target);
    yield* this.#receiver?.metadata() ?? [];
    yield* this.#roce.families();
  }

  #observe(): void {
    this.#reloadMetrics.successful.set(this.#reload.successful ? 1 : 0);
    this.#reloadMetrics.successTime.set(this.#reload.lastSuccessMs / 1000);
    this.#ready.set(this.#checkReady() ? 1 : 0);
  }

  #createView() {
    return createAgentView({
      scraper: this.#scraper,
      senders: this.#destinations.senders,
      streamState: (name) => this.#destinations.stream(name)!.state(),
      quotaBytes: (name) => this.#destinations.quotaBytes(name),
      quarantinedEntries: (name) => this.#queue.refused.count(name),
      retired: () => this.#queue.retired(),
      masters: () => this.#destinations.mastersView(),
      discovery: () => this.#discovery.state(),
      kubernetes: () => this.#kubernetes.state(),
      owners: () => this.#owners.state(),
      receiver: this.#receiver,
      roce: () => this.#roce.state(),
      volume: () => this.#series.volume(),
      nowMs: () => systemClock.nowMs(),
      config: () => this.#config,
      explaining: () => this.#explaining,
      reload: () => this.#reload,
      metricsText: () => this.#metrics.text(),
      isStarted: () => this.#isStarted && this.#stopping === undefined,
      isReady: () => this.#checkReady() && this.#stopping === undefined,
      isStopping: () => this.#stopping !== undefined,
      requestReload: () => this.reload(),
      requestQuit: this.#options.requestQuit,
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopNow();
    return this.#stopping;
  }

  async #stopNow(): Promise<void> {
    this.#watch?.close();
    // A reload that runs would start what is stopped here.
    await this.#reloading;
    await this.#destinations.stopMasters();
    await this.#discovery.stop();
    await this.#scraper.stop();
    await this.#roce.stop();
    await this.#held.stop();
    await this.#owners.stop();
    await this.#destinations.stopSenders(this.#options.flags.flushDeadlineMs);
    await this.#control?.close();
    await this.#queue.close();
    await this.#web?.close();
  }
}

function load(flags: Flags): LoadResult {
  return loadConfig(flags.configFile, { impossibleTargets: 'warn', ...(flags.features.has('extra-scrape-metrics') && { extraScrapeMetrics: true }) });
}

function needsRestart(running: Settings['queue'], wanted: Settings['queue']): boolean {
  return JSON.stringify({ ...running, maxBytes: 0 }) !== JSON.stringify({ ...wanted, maxBytes: 0 });
}

function problemTexts(problems: readonly Problem[]): string[] {
  return problems.map(formatProblem);
}
