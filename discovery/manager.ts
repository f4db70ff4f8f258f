// Joins the providers of all jobs: starts and stops them as the configuration changes, keeps their groups, and passes each job the groups of
// all its providers when one of them changed.
//   - Equal settings are one provider, whatever jobs they stand in; a provider that stays over a reload keeps running with its groups.
//   - First results are passed on at once, later changes are collected for a moment.
//   - When a job's settings change, its old groups stay until the new providers know theirs, or for a grace time: a slow endpoint must not make
//     all targets of a job vanish at a reload.

import type { Clock, Timer } from '../src/io/clock.ts';
import type { Random } from '../src/io/random.ts';
import type { Kubernetes } from '../src/kubernetes/kubernetes.ts';
import { Secret } from '../src/model/secret.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { Metrics } from '../src/telemetry/metrics.ts';
import type { DiscoverySettings } from './config.ts';
import type { Provider, TargetGroup } from './discovery.ts';
import { createDiscoveryMetrics } from './metrics.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { createProvider } from './provider.ts';
import type { ProviderDependencies } from './provider.ts';

/** Changes of one job within this time are passed on together. */
const COLLECT_MS = 100;
/** How long old groups of a job stay while new providers are silent. */
const GRACE_MS = 5_000;

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
  /** Called with all groups of the job, at first and after each change; within `apply` for what is known at once. */
  readonly onUpdate: (job: string, groups: readonly TargetGroup[]) => void;
  /** `User-Agent` of HTTP discovery. */
  readonly userAgent?: string;
  /** How providers are made; tests put their own here. */
  readonly createProvider?: (settings: DiscoverySettings, deps: ProviderDependencies) => Provider;
}

interface RunningProvider {
  readonly key: string;
  readonly settings: DiscoverySettings;
  readonly provider: Provider;
  readonly groups: Map<string, TargetGroup>;
  ready: boolean;
  updatedAtMs?: number;
}

interface Job {
  readonly name: string;
  providers: readonly RunningProvider[];
  /** The groups passed on last may be older than the settings. */
  known: boolean;
  timer: Timer | undefined;
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
    return [...this.#providers.values()].map((entry) => ({
      kind: entry.settings.kind,
      jobs: this.#jobsOf(entry).map(({ name }) => name),
      ready: entry.ready,
      groups: entry.groups.size,
      targets: countTargets([...entry.groups.values()]),
      ...(entry.updatedAtMs === undefined ? {} : { updatedAtMs: entry.updatedAtMs }),
    }));
  }

  /** Gives the job its providers; returns it when they are not the ones it had. */
  #applyJob(name: string, discovery: readonly DiscoverySettings[]): Job | undefined {
    const keys = [...new Set(discovery.map(settingsKey))];
    const before = this.#jobs.get(name);
    if (before !== undefined && before.providers.map(({ key }) => key).join() === keys.join()) return undefined;
    const job = before ?? { name, providers: [], known: false, timer: undefined };
    this.#jobs.set(name, job);
    job.providers = keys.map((key) => this.#providers.get(key) ?? this.#startProvider(key, discovery.find((d) => settingsKey(d) === key)!, name));
    return job;
  }

  #startProvider(key: string, settings: DiscoverySettings, job: string): RunningProvider {
    const { clock, random, kubernetes, logger, userAgent, createProvider: create } = this.#options;
    const deps = { clock, random, kubernetes, job, metrics: this.#metrics, logger: logger.child({ discovery: settings.kind, config: job }), userAgent: userAgent ?? 'Tributary' };
    const entry: RunningProvider = { key, settings, provider: (create ?? createProvider)(settings, deps), groups: new Map(), ready: false };
    this.#providers.set(key, entry);
    entry.provider.start((groups) => this.#onGroups(entry, groups));
    return entry;
  }

  #onGroups(entry: RunningProvider, groups: readonly TargetGroup[]): void {
    if (this.#providers.get(entry.key) !== entry) return;
    this.#metrics.receivedUpdates.inc();
    for (const group of groups) {
      if (group.targetCount === 0) entry.groups.delete(group.source);
      else entry.groups.set(group.source, group);
    }
    const first = !entry.ready;
    entry.ready = true;
    entry.updatedAtMs = this.#options.clock.nowMs();
    if (this.#applying) return;
    for (const job of this.#jobsOf(entry)) {
      if (first) this.#settle(job);
      else this.#collect(job, COLLECT_MS);
    }
  }

  /** Passes a job's groups on now, or keeps the old ones while some of its providers are still silent. */
  #settle(job: Job): void {
    if (job.providers.every(({ ready }) => ready)) return this.#emit(job);
    if (job.known) return this.#collect(job, GRACE_MS);
    if (job.providers.some(({ ready }) => ready)) this.#passOn(job);
  }

  #collect(job: Job, delayMs: number): void {
    if (job.timer !== undefined) return this.#metrics.delayedUpdates.inc();
    job.timer = this.#options.clock.after(delayMs, () => this.#emit(job));
  }

  #emit(job: Job): void {
    job.timer?.cancel();
    job.timer = undefined;
    job.known = true;
    this.#passOn(job);
  }

  #passOn(job: Job): void {
    const groups = job.providers.flatMap((entry) => [...entry.groups.values()]);
    this.#metrics.updates.inc();
    this.#metrics.discoveredTargets.with('scrape', job.name).set(countTargets(groups));
    this.#metrics.lastUpdate.with('scrape', job.name).set(this.#options.clock.nowMs() / 1000);
    this.#options.onUpdate(job.name, groups);
  }

  #removeJob(job: Job): void {
    job.timer?.cancel();
    this.#jobs.delete(job.name);
    this.#metrics.discoveredTargets.remove('scrape', job.name);
    this.#metrics.lastUpdate.remove('scrape', job.name);
  }

  #stopUnused(): void {
    for (const entry of this.#providers.values()) {
      if (this.#jobsOf(entry).length > 0) continue;
      this.#providers.delete(entry.key);
      const stopped = entry.provider.stop().catch((error: unknown) => {
        this.#options.logger.error('discovery did not stop', { kind: entry.settings.kind, error: String(error) });
      });
      this.#stopping.add(stopped);
      void stopped.finally(() => this.#stopping.delete(stopped));
    }
  }

  #jobsOf(entry: RunningProvider): Job[] {
    return [...this.#jobs.values()].filter((job) => job.providers.includes(entry));
  }
}

function countTargets(groups: readonly TargetGroup[]): number {
  return groups.reduce((sum, group) => sum + group.targetCount, 0);
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
