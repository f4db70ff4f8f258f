// Loading: from a path to complete, checked and frozen settings, or to all problems at once. The order is: read the files, read
// their blocks, let jobs inherit, check what needs more than one block, build the settings, print the effective configuration.

import { hostname } from 'node:os';
import * as path from 'node:path';
import { buildDestination } from '../destinations/config.ts';
import type { DestinationBlock, DestinationSettings, RemoteWriteBlock } from '../destinations/config.ts';
import { buildMasters } from '../destinations/masters/config.ts';
import type { MastersBlock, MastersSettings } from '../destinations/masters/config.ts';
import { buildKubernetes } from '../kubernetes/config.ts';
import { Secret } from '../model/secret.ts';
import { buildQueue } from '../queue/config.ts';
import { buildRoce } from '../roce/config.ts';
import type { RoceBlock, RoceSettings } from '../roce/config.ts';
import { buildRouting } from '../route/config.ts';
import { buildShardGroups } from '../route/shards/config.ts';
import { buildScrape } from '../scrape/config.ts';
import type { ScrapeBlock, ScrapeSettings } from '../scrape/config.ts';
import { buildSharding } from '../targets/config.ts';
import { printEffective } from './effective.ts';
import type { CompleteConfig } from './effective.ts';
import { expandEnv } from './env.ts';
import { remarkDifferencesFrom2 } from './from-2.ts';
import { globFiles } from './glob.ts';
import { completeGlobal, completeJob } from './inherit.ts';
import type { Problem } from './problem.ts';
import { checkRouting, remarkIdleRules } from './routing.ts';
import { checkRules, checkStaticTargets } from './rules.ts';
import { fail, remark } from './schema.ts';
import type { LoadedConfig, Settings } from './settings.ts';
import { checkShardGroups } from './shard-groups.ts';
import { createSources, hashContents, readAs } from './source.ts';
import type { Sources } from './source.ts';
import { scrapeFileBlock, topBlock } from './top.ts';
import type { GlobalBlock, TopBlock } from './top.ts';
import { checkTributary } from './tributary.ts';

export type LoadResult =
  | { readonly ok: true; readonly config: LoadedConfig }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly files: readonly string[] };

export interface LoadOptions {
  /** Reads a file or throws; the file system when absent. */
  readonly readFile?: (path: string) => Uint8Array;
  /** For the external labels, `$(NAME)` of gzipped files and the member of `tributary.sharding`; the process' environment when absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** For the member of `tributary.sharding`; the system's when absent. */
  readonly hostName?: string;
  /**
   * What becomes of a static target that cannot be one: refused by the check (the default), as by promtool; a warning for a running collector, as
   * in Prometheus: that target fails, the others go on.
   */
  readonly impossibleTargets?: 'refuse' | 'warn';
  /** `extra_scrape_metrics` where the file does not say; false when absent. The feature flag of that name sets it. */
  readonly extraScrapeMetrics?: boolean;
  /** The major version of the Prometheus that the file comes from: what means something else here becomes a remark. */
  readonly from?: 2;
}

/**
 * Loads a configuration. Never throws for what is in the files: everything that is wrong comes back as problems, sorted by file and line.
 * `files` of a failed load are those that were read, so that they can be watched for the repair.
 */
export function loadConfig(file: string, options: LoadOptions = {}): LoadResult {
  const sources = createSources(options.readFile, options.env);
  const complete = readConfig(path.resolve(file), sources, options);
  const settings = complete === undefined || sources.problems.length > 0 ? undefined : buildSettings(complete, options);
  if (settings !== undefined && complete !== undefined) checkStaticTargets(complete.jobs, settings.scrape, options.impossibleTargets ?? 'refuse');
  if (settings !== undefined && complete !== undefined && options.from === 2) remarkDifferencesFrom2({ ...complete, scrape: settings.scrape });
  const files = [...sources.contents.keys()];
  if (settings === undefined || complete === undefined || sources.problems.length > 0) {
    return { ok: false, problems: sortByPlace(sources.problems), files: files.length === 0 ? [path.resolve(file)] : files };
  }
  const config: LoadedConfig = {
    settings: freeze(settings),
    remarks: sortByPlace(sources.remarks),
    yaml: printEffective(complete),
    files,
    hash: hashContents(sources.contents),
  };
  return { ok: true, config };
}

function readConfig(file: string, sources: Sources, options: LoadOptions): CompleteConfig | undefined {
  const top = readAs(sources, file, topBlock);
  if (top === undefined) return undefined;
  const global = completeGlobal(top.values.global, options.env ?? process.env, options.extraScrapeMetrics);
  const written = [...top.values.scrape_configs, ...readScrapeFiles(top.values.scrape_config_files, sources)];
  const jobs = written.map((job) => completeJob(job, global));
  checkJobNames(jobs, file);
  for (const job of jobs) checkRules(job, job.values.metric_name_validation_scheme === 'legacy' ? 'legacy' : 'utf8');
  for (const entry of top.values.remote_write) checkRules(entry, global.values.metric_name_validation_scheme === 'legacy' ? 'legacy' : 'utf8');
  checkDestinationNames(top.values.remote_write);
  checkOtlpScheme(top, global);
  checkTributary(top.values.tributary, top.values.remote_write);
  checkShardGroups(top.values.tributary, top.values.remote_write);
  checkRouting(top.values.tributary, top.values.remote_write, jobs);
  return { top, global, jobs };
}

function readScrapeFiles(patterns: readonly string[], sources: Sources): ScrapeBlock[] {
  const files = new Set(patterns.flatMap(globFiles));
  return [...files].flatMap((file) => readAs(sources, file, scrapeFileBlock)?.values.scrape_configs ?? []);
}

function checkJobNames(jobs: readonly ScrapeBlock[], mainFile: string): void {
  const first = new Map<string, string>();
  for (const job of jobs) {
    const name = job.values.job_name;
    const earlier = first.get(name);
    if (earlier === undefined || name === '') {
      first.set(name, job.context.file);
      continue;
    }
    const text = `found multiple scrape configs with job name ${JSON.stringify(name)}`;
    const inFile = job.context.file !== mainFile;
    fail(job, 'job_name', inFile ? `${JSON.stringify(job.context.file)}: ${text}, first found in ${JSON.stringify(earlier)}` : `${text}, expected each name once`);
  }
}

function checkDestinationNames(entries: readonly RemoteWriteBlock[]): void {
  const seen = new Set<string>();
  for (const entry of entries) {
    const { name } = entry.values;
    if (name === '') remark(entry, 'name', 'warning', 'has no name: give it one, so that its queue keeps its identity when entries or addresses change');
    else if (seen.has(name)) fail(entry, 'name', `found multiple remote write configs with job name ${JSON.stringify(name)}, expected each name once`);
    seen.add(name);
  }
}

/** Prometheus' syntax check accepts them, too; its start does not. */
function remarkDuplicates(entries: readonly RemoteWriteBlock[], destinations: readonly DestinationSettings[]): void {
  const seen = new Map<string, number>();
  for (const [index, destination] of destinations.entries()) {
    const text = identity(destination);
    const first = seen.get(text);
    const entry = entries[index];
    if (first === undefined) seen.set(text, index);
    else if (entry !== undefined) remark(entry, undefined, 'warning', `is equal to remote_write[${first}]: everything is sent there twice`);
  }
}

/** Equal for equal settings. Holds secrets: it is compared and forgotten. */
function identity(destination: DestinationSettings): string {
  const revealed = (part: unknown): unknown => {
    if (part instanceof Secret) return part.reveal();
    if (typeof part === 'bigint') return String(part);
    if (Array.isArray(part)) return part.map(revealed);
    return typeof part === 'object' && part !== null ? Object.fromEntries(Object.entries(part).map(([name, one]) => [name, revealed(one)])) : part;
  };
  return JSON.stringify(revealed(destination));
}

function checkOtlpScheme(top: TopBlock, global: GlobalBlock): void {
  const otlp = top.values.otlp;
  const strategy = otlp.values.translation_strategy;
  const needsUtf8 = strategy === 'NoUTF8EscapingWithSuffixes' || strategy === 'NoTranslation';
  if (needsUtf8 && global.values.metric_name_validation_scheme === 'legacy') {
    fail(otlp, 'translation_strategy', `OTLP translation strategy ${JSON.stringify(strategy)} is not allowed when UTF8 is disabled`);
  }
}

function buildSettings({ top, global, jobs }: CompleteConfig, { env = process.env, hostName = hostname() }: LoadOptions): Settings {
  const { remote_write: entries, tributary } = top.values;
  const own = tributary.values.destinations;
  const destinations: DestinationSettings[] = entries.map((entry) => {
    const block = own.get(entry.values.name);
    return expandReplica(buildDestination(entry, block), block, env);
  });
  const scrape: ScrapeSettings[] = jobs.map((job) => buildScrape(job.values));
  remarkDuplicates(entries, destinations);
  const externalLabels = new Map([...global.values.external_labels].filter(([, value]) => value !== ''));
  const { queue, routing, masters, shard_groups: shardGroups, kubernetes, roce } = tributary.values;
  const settings: Settings = {
    externalLabels, scrape, destinations,
    queue: buildQueue(queue.values),
    shardGroups: buildShardGroups(shardGroups),
    kubernetes: buildKubernetes(kubernetes),
    sharding: buildSharding(tributary.values.sharding, { environment: env['TRIBUTARY_MEMBER'], hostName }),
    ...(routing !== undefined && { routing: buildRouting(routing) }),
    ...(masters !== undefined && { masters: expandMasters(masters, env) }),
    ...(roce !== undefined && { roce: expandRoce(roce, hostName, env) }),
  };
  remarkIdleRules(entries, settings);
  return settings;
}

/** Replicas share one file: what tells them apart comes from the environment. */
function expandReplica(destination: DestinationSettings, own: DestinationBlock | undefined, env: NodeJS.ProcessEnv): DestinationSettings {
  const { replicaLabel } = destination;
  if (replicaLabel === undefined || own === undefined) return destination;
  const value = expandEnv(replicaLabel.value, env, (variable) => {
    remark(own, 'replica_label', 'warning', `the environment variable ${variable} is empty: replicas are not told apart by it`);
  });
  return { ...destination, replicaLabel: { name: replicaLabel.name, value } };
}

function expandMasters(block: MastersBlock, env: NodeJS.ProcessEnv): MastersSettings {
  const { replica, ...settings } = buildMasters(block);
  if (replica === undefined) return settings;
  const value = expandEnv(replica, env, (variable) => remark(block, 'replica', 'warning', `the environment variable ${variable} is empty: replicas are not told apart by it`));
  return value === '' ? settings : { ...settings, replica: value };
}

function expandRoce(block: RoceBlock, hostName: string, env: NodeJS.ProcessEnv): RoceSettings {
  const expand = (value: string, label: string) => expandEnv(value, env, (variable) => remark(block, 'labels', 'warning', `the environment variable ${variable} in the label ${label} is empty`));
  return buildRoce(block, { hostName, expand });
}

function sortByPlace<T extends Problem>(found: readonly T[]): T[] {
  return [...found].sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1));
}

/** Freezes plain objects and lists all the way down; maps are read-only by their type. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const parts: unknown[] = value instanceof Map ? [...value.values()] : Object.values(value);
  Object.freeze(value);
  parts.forEach(freeze);
  return value;
}
