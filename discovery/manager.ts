// Joins the providers of all jobs: starts and stops them as the configuration changes, and passes on which feeds make up a job, and what changed
// in a feed. What a change costs here depends on the groups that changed, not on how many groups or jobs there are.
//   - Equal settings are one provider, whatever jobs they stand in; a provider that stays over a reload keeps running with its groups.
//   - First results are passed on at once, later changes of a provider are collected for a moment; what is too much for one turn of the event loop
//     goes on in the next, so that scrapes stay on time while a cluster is listed.
//   - When a job's settings change, its old feeds stay until the new providers know their groups, or for a grace time: a slow endpoint, or an API
//     server that is away, must not make all targets of a job vanish at a reload.

import type { Clock, Timer } from '../src/io/clock.ts';
import type { Random } from '../src/io/random.ts';
import type { Kubernetes } from '../src/kubernetes/kubernetes.ts';
import { Secret } from '../src/model/secret.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Metrics } from '../src/telemetry/metrics.ts';
import type { DiscoverySettings } from './config.ts';
import type { Provider, TargetGroup } from './discovery.ts';
import { Feed } from './feed.ts';
import type { FeedEntry, GroupFeed } from './feed.ts';
import { createDiscoveryMetrics } from './metrics.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { createProvider } from './provider.ts';
import type { ProviderDependencies } from './provider.ts';

/** Changes of one provider within this time are passed on together. */
const COLLECT_MS = 100;
/** Groups passed on in one turn: some 10 ms of work where each is a pod with sixty labels. */
const SLICE_GROUPS = 500;
/** How long old feeds of a job stay when some of the new providers have spoken and others are silent. */
const GRACE_MS = 5_000;
/** The same while none has spoken: nothing better is there, and the list of a large cluster may take minutes over a thin link. */
const SILENCE_GRACE_MS = 300_000;

export interface JobDiscovery {
  readonly job: string;
  readonly discovery: readonly DiscoverySettings[];
}

export interface ProviderState {
  readonly kind: DiscoverySettings['kind'];
  readonly jobs: readonly string[];
  /** The first groups have arrived. */
  readonly ready: boolean;
  readonly groups: number;
  readonly targets: number;
  /** Wall time of the last change; absent before the first. */
  readonly updatedAtMs?: number;
}

export interface DiscoveryManager {
  /** Takes over a new set of jobs. Jobs that are no longer in it get no further call. */
  apply(jobs: readonly JobDiscovery[]): void;
  stop(): Promise<void>;
  state(): ProviderState[];
}

export interface DiscoveryManagerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly random: Random;
  /** For Kubernetes discovery; not closed here. */
  readonly kubernetes: Kubernetes;
  /** The job's groups are those of these feeds from now on, in this order; called within `apply` for what is known at once. */
  readonly onFeeds: (job: string, feeds: readonly GroupFeed[]) => void;
  /** These entries of the feed are new, changed or gone. Once for all jobs that have the feed. */
  readonly onChange: (feed: GroupFeed, changed: readonly FeedEntry[]) => void;
  /** `User-Agent` of HTTP discovery. */
  readonly userAgent?: string;
  /** How providers are made; tests put their own here. */
  readonly createProvider?: (settings: DiscoverySettings, deps: ProviderDependencies) => Provider;
}

interface RunningProvider {
  readonly key: string;
  readonly settings: DiscoverySettings;
  readonly provider: Provider;
  readonly feed: Feed;
  /** Changed groups that were not passed on yet, by source. */
  readonly waiting: Map<string, TargetGroup>;
  timer: Timer | undefined;
  /** The first groups have arrived, and all of them were passed on. */
  ready: boolean;
  isPassedOn: boolean;
  /** Wall time of the last change, and of when it was passed on. */
  updatedAtMs?: number;
  passedOnAtMs: number;
}

interface Job {
  readonly name: string;
  /** Those of its settings. */
  providers: readonly RunningProvider[];
  /** Those whose feeds it has: older ones while new ones are silent. */
  attached: readonly RunningProvider[] | undefined;
  /** Has had all groups of some settings. */
  known: boolean;
  /** Ends the grace time. */
  timer: Timer | undefined;
  attachedAtMs: number;
}

export function createDiscoveryManager(options: DiscoveryManagerOptions): DiscoveryManager {
  return new Manager(options);
}

class Manager implements DiscoveryManager {
  readonly #options: DiscoveryManagerOptions;
  readonly #metrics: DiscoveryMetrics;
  readonly #providers = new Map<string, RunningProvider>();
  readonly #jobs = new Map<string, Job>();
  readonly #stopping = new Set<Promise<void>>();
  #applying = false;

  constructor(options: DiscoveryManagerOptions) {
    this.#options = options;
    this.#metrics = createDiscoveryMetrics(options.metrics);
    options.metrics.beforeExposition(() => this.#observe());
  }

  apply(jobs: readonly JobDiscovery[]): void {
    const changed = this.#applyAll(jobs);
    const names = new Set(jobs.map(({ job }) => job));
    for (const job of this.#jobs.values()) if (!names.has(job.name)) this.#removeJob(job);
    this.#stopUnused();
    for (const job of changed) if (job !== undefined) this.#settle(job);
  }

  #applyAll(jobs: readonly JobDiscovery[]): (Job | undefined)[] {
    this.#applying = true;
    try {
      return jobs.map(({ job, discovery }) => this.#applyJob(job, discovery));
    } finally {
      this.#applying = false;
    }
  }

  async stop(): Promise<void> {
    for (const job of this.#jobs.values()) this.#removeJob(job);
    this.#stopUnused();
    await Promise.all(this.#stopping);
  }

  state(): ProviderState[] {
    const names = this.#jobNames();
    return [...this.#providers.values()].map((entry) => ({
      kind: entry.settings.kind,
      jobs: names.get(entry) ?? [],
      ready: entry.ready,
      groups: entry.feed.entries.size,
      targets: entry.feed.targetCount,
      ...(entry.updatedAtMs === undefined ? {} : { updatedAtMs: entry.updatedAtMs }),
    }));
  }

  #jobNames(): Map<RunningProvider, string[]> {
    const names = new Map<RunningProvider, string[]>();
    for (const { name, providers } of this.#jobs.values()) {
      for (const entry of providers) {
        const known = names.get(entry);
        if (known === undefined) names.set(entry, [name]);
        else known.push(name);
      }
    }
    return names;
  }

  /** Gives the job its providers; returns it when they are not the ones it had. */
  #applyJob(name: string, discovery: readonly DiscoverySettings[]): Job | undefined {
    const keys = [...new Set(discovery.map(settingsKey))];
    const before = this.#jobs.get(name);
    if (before !== undefined && before.providers.map(({ key }) => key).join() === keys.join()) return undefined;
    const job = before ?? { name, providers: [], attached: undefined, known: false, timer: undefined, attachedAtMs: 0 };
    this.#jobs.set(name, job);
    job.providers = keys.map((key) => this.#providers.get(key) ?? this.#startProvider(key, discovery.find((d) => settingsKey(d) === key)!, name));
    return job;
  }

  #startProvider(key: string, settings: DiscoverySettings, job: string): RunningProvider {
    const { clock, random, kubernetes, logger, userAgent, createProvider: create } = this.#options;
    const deps = { clock, random, kubernetes, job, metrics: this.#metrics, logger: logger.child({ discovery: settings.kind, config: job }), userAgent: userAgent ?? 'Tributary' };
    const provider = (create ?? createProvider)(settings, deps);
    const entry: RunningProvider = { key, settings, provider, feed: new Feed(), waiting: new Map(), timer: undefined, ready: false, isPassedOn: false, passedOnAtMs: 0 };
    this.#providers.set(key, entry);
    provider.start((groups) => this.#onGroups(entry, groups));
    return entry;
  }

  #onGroups(entry: RunningProvider, groups: readonly TargetGroup[]): void {
    if (this.#providers.get(entry.key) !== entry) return;
    this.#metrics.receivedUpdates.inc();
    for (const group of groups) entry.waiting.set(group.source, group);
    entry.updatedAtMs = this.#options.clock.nowMs();
    if (!entry.ready) this.#passFirst(entry);
    else if (entry.timer !== undefined) this.#metrics.delayedUpdates.inc();
    else entry.timer = this.#options.clock.after(COLLECT_MS, () => this.#passOn(entry));
  }

  /**
   * A job without groups gets the feed while that is empty, so that labels which are worked out on each access are read once for all jobs. A job that
   * waits with older groups gets it complete. Within `apply` jobs are settled at its end.
   */
  #passFirst(entry: RunningProvider): void {
    entry.ready = true;
    if (!this.#applying) for (const job of this.#jobsOf(entry)) if (!job.known) this.#settle(job);
    this.#passOn(entry);
  }

  #passOn(entry: RunningProvider): void {
    const { clock, onChange } = this.#options;
    const changed = entry.feed.apply(takeFirst(entry.waiting, SLICE_GROUPS));
    entry.passedOnAtMs = clock.nowMs();
    this.#metrics.updates.inc();
    if (changed.length > 0) onChange(entry.feed, changed);
    entry.timer = entry.waiting.size === 0 ? undefined : clock.after(0, () => this.#passOn(entry));
    if (entry.timer !== undefined || entry.isPassedOn) return;
    entry.isPassedOn = true;
    if (!this.#applying) for (const job of this.#jobsOf(entry)) if (job.known) this.#settle(job);
  }

  /** Gives the job its feeds now, or keeps the old ones while some of its providers are still silent. */
  #settle(job: Job): void {
    const isThere = ({ ready, isPassedOn }: RunningProvider) => (job.known ? isPassedOn : ready);
    if (job.providers.every(isThere)) return this.#complete(job);
    if (job.known) this.#extend(job, job.providers.some(isThere) ? GRACE_MS : SILENCE_GRACE_MS);
    else if (job.providers.some(isThere)) this.#attach(job);
  }

  /** Anew with every provider that speaks, and with other settings. */
  #extend(job: Job, graceMs: number): void {
    job.timer?.cancel();
    job.timer = this.#options.clock.after(graceMs, () => this.#complete(job));
  }

  #complete(job: Job): void {
    job.timer?.cancel();
    job.timer = undefined;
    job.known = true;
    this.#attach(job);
  }

  #attach(job: Job): void {
    if (job.attached === job.providers) return;
    job.attached = job.providers;
    job.attachedAtMs = this.#options.clock.nowMs();
    this.#options.onFeeds(job.name, job.providers.map(({ feed }) => feed));
  }

  /** Gauges of a thousand jobs are set when somebody looks, not with each change. */
  #observe(): void {
    for (const { name, attached, attachedAtMs } of this.#jobs.values()) {
      if (attached === undefined) continue;
      const targets = attached.reduce((sum, { feed }) => sum + feed.targetCount, 0);
      const lastMs = attached.reduce((last, { passedOnAtMs }) => Math.max(last, passedOnAtMs), attachedAtMs);
      this.#metrics.discoveredTargets.with('scrape', name).set(targets);
      this.#metrics.lastUpdate.with('scrape', name).set(lastMs / 1000);
    }
  }

  #removeJob(job: Job): void {
    job.timer?.cancel();
    this.#jobs.delete(job.name);
    this.#metrics.discoveredTargets.remove('scrape', job.name);
    this.#metrics.lastUpdate.remove('scrape', job.name);
  }

  #jobsOf(entry: RunningProvider): Job[] {
    return [...this.#jobs.values()].filter(({ providers }) => providers.includes(entry));
  }

  #stopUnused(): void {
    const used = new Set([...this.#jobs.values()].flatMap(({ providers }) => providers));
    for (const entry of this.#providers.values()) {
      if (used.has(entry)) continue;
      this.#providers.delete(entry.key);
      entry.timer?.cancel();
      const stopped = entry.provider.stop().catch((error: unknown) => {
        this.#options.logger.error('discovery did not stop', { kind: entry.settings.kind, error: String(error) });
      });
      this.#stopping.add(stopped);
      void stopped.finally(() => this.#stopping.delete(stopped));
    }
  }
}

/** Takes at most `most` of the values out. */
function takeFirst<T>(values: Map<string, T>, most: number): T[] {
  const taken: T[] = [];
  for (const [key, value] of values) {
    if (taken.length === most) break;
    values.delete(key);
    taken.push(value);
  }
  return taken;
}

/** Equal for equal settings. Secrets count with their value, which stays inside the process. */
function settingsKey(settings: DiscoverySettings): string {
  return JSON.stringify(settings, (_name, value: unknown) => {
    if (value instanceof Map) return [...value];
    return value;
  }) + secretsOf(settings);
}

/** JSON shows secrets masked, so their values are gathered besides. */
function secretsOf(value: unknown): string {
  if (value instanceof Secret) return `\u0000${value.reveal()}`;
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(secretsOf).join('');
}

export type { ProviderDependencies };
