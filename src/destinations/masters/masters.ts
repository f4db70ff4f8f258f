// Destinations that arrive and leave at run time. Sources tell documents; what they tell is bundled, judged and decided about together, kept on disk, and only then
// in force:
//
//     source -> told, vanished -> (a quarter of a second) -> judge each -> decide which are destinations -> disk -> onChange
//
// A document that vanishes leaves its destination in place for the grace. A refused one changes nothing but what the page says. At the start the last good
// documents are in force until their source has told what there is.

import { lookup as systemLookup } from 'node:dns';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Lookup } from '../../io/http/types.ts';
import type { Kubernetes, ServerSettings } from '../../kubernetes/kubernetes.ts';
import { errorText } from '../../model/error.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { DestinationSettings } from '../config.ts';
import { ApiServers } from './api-servers.ts';
import type { MastersSettings } from './config.ts';
import { systemWatchFolder } from './file-source.ts';
import type { WatchFolder } from './file-source.ts';
import { createGuard } from './guard.ts';
import type { Guard, GuardSettings } from './guard.ts';
import { judge } from './judge.ts';
import type { Bench } from './judge.ts';
import { KeptMasters } from './kept.ts';
import type { KeptMaster } from './kept.ts';
import { decide } from './master-record.ts';
import type { Decisions, MasterRecord } from './master-record.ts';
import type { MastersMetrics } from './masters-metrics.ts';
import type { Told } from './source.ts';
import { SourceSet } from './source-set.ts';
import { masterState } from './state.ts';
import type { MasterState, SourceState } from './state.ts';

/** From the first news to their effect: whoever may write a document may do so all the time, and each change goes through all stages. */
const BUNDLE_MS = 250;
/** Documents that are looked at; of the most masters, all have one. */
export const DOCUMENTS_MAX = 1000;
/** Between two looks at the grace: timers cannot wait for a month. */
const LOOK_MS_MAX = 3_600_000;

export interface MastersOptions {
  /** Folder of the last good documents. */
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MastersMetrics;
  readonly kubernetes: Kubernetes;
  /** `destinations` gives others now. Not called from within `apply`. */
  readonly onChange: () => void;
  readonly lookup?: Lookup;
  readonly watchFolder?: WatchFolder;
}

/** What the configuration says besides tributary.masters. */
export interface Surroundings {
  readonly server: ServerSettings;
  /** tributary.routing.owner.namespace. */
  readonly namespacePattern: string | undefined;
  /** Names of the destinations that are configured. */
  readonly configured: ReadonlySet<string>;
}

interface Rules {
  readonly settings: MastersSettings;
  readonly configured: ReadonlySet<string>;
}

export class Masters {
  readonly #options: MastersOptions;
  readonly #kept: KeptMasters;
  readonly #apiServers: ApiServers;
  readonly #sources: SourceSet;
  #rules: Rules | undefined;
  /** That of the last settings, as long as anything is sent under them. */
  #guard: Guard;
  #isRead = false;
  #isStopped = false;
  #records = new Map<string, MasterRecord>();
  #decisions: Decisions = new Map();
  #inForce: ReadonlyMap<string, DestinationSettings> = new Map();
  /** News since they were judged last; undefined: vanished. */
  readonly #news = new Map<string, { readonly source: string; readonly told: Told | undefined }>();
  #bundle: Timer | undefined;
  #look: Timer | undefined;
  #keepError = '';
  /** Documents among the news that were not known. */
  #newcomers = 0;
  /** There were too many documents. */
  #isFull = false;

  constructor(options: MastersOptions) {
    const { disk, clock, kubernetes, folder, lookup = systemLookup, watchFolder = systemWatchFolder } = options;
    this.#options = options;
    this.#kept = new KeptMasters(disk, folder);
    this.#apiServers = new ApiServers({ clock, lookup, hosts: () => kubernetes.hosts() });
    this.#guard = this.#createGuard({ allowedHosts: [], allowedNetworks: [], refusedNetworks: [] });
    this.#sources = new SourceSet({ kubernetes, disk, clock, watchFolder }, {
      told: (source, told) => this.#note(keyOf(source, told.key), { source, told }),
      vanished: (source, key) => this.#note(keyOf(source, key), { source, told: undefined }),
      synced: (source) => this.#onSynced(source),
    });
  }

  /** Takes over settings; undefined: nothing is announced any more. `destinations` is right when it returns. */
  apply(settings: MastersSettings | undefined, { server, namespacePattern, configured }: Surroundings): void {
    if (this.#isStopped) return;
    this.#readKept();
    if (settings !== undefined) this.#guard = this.#createGuard(settings);
    this.#rules = settings && { settings, configured };
    const { owners: sources, renewed } = this.#sources.apply(settings, { server, namespacePattern });
    for (const [key, { source }] of this.#news) if (!sources.has(source) || renewed.has(source)) this.#news.delete(key);
    this.#newcomers = [...this.#news.keys()].filter((key) => !this.#records.has(key)).length;
    for (const [key, record] of this.#records) {
      if (!sources.has(record.source)) this.#records.delete(key);
      else if (renewed.has(record.source)) this.#records.set(key, { ...record, isTold: false });
    }
    if (settings === undefined) this.#apiServers.stop();
    else this.#apiServers.start();
    this.#judgeAgain((source) => sources.get(source));
    this.#decide();
    this.#sources.start();
  }

  /** By name. */
  destinations(): ReadonlyMap<string, DestinationSettings> {
    return this.#inForce;
  }

  /** Why an announced destination is not connected to where its endpoints lead; also of one that is about to end. */
  refuseAddress(host: string, address: string): string | undefined {
    return this.#guard.refuseAddress(host, address);
  }

  /** Those in force first, by name. */
  state(): MasterState[] {
    const graceMs = this.#rules?.settings.graceMs ?? 0;
    const sortKey = ({ destination, state, document }: MasterState) => `${state === 'refused' ? 1 : 0} ${destination} ${document}`;
    return [...this.#records.values()].map((record) => masterState(record, this.#decisions, graceMs)).sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  }

  sources(): SourceState[] {
    return this.#sources.state();
  }

  /** Why the last good documents are not on disk; '' when they are. */
  get keepError(): string {
    return this.#keepError;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#bundle?.cancel();
    this.#look?.cancel();
    this.#apiServers.stop();
    await this.#sources.stop();
  }

  /** Once: with the first settings. */
  #readKept(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    const { logger, metrics, clock } = this.#options;
    const kept = this.#kept.read(({ path, text }) => {
      metrics.keepErrors.with('unreadable').inc();
      logger.warn('the last good document of an announced destination cannot be read: it is back once its source has told of it', { path, error: text });
    });
    const nowMs = clock.nowMs();
    // A clock that was ahead must not make a grace longer than it is.
    for (const master of kept) this.#records.set(master.key, recordOf(master, nowMs));
  }

  #note(key: string, news: { readonly source: string; readonly told: Told | undefined }): void {
    if (this.#isStopped) return;
    if (!this.#records.has(key) && !this.#news.has(key)) {
      // What was not known and is gone changes nothing.
      if (news.told === undefined) return;
      if (this.#records.size + this.#newcomers >= DOCUMENTS_MAX) return this.#ignore(news.told);
      this.#newcomers++;
    }
    this.#news.set(key, news);
    this.#bundle ??= this.#options.clock.after(BUNDLE_MS, () => this.#settle());
  }

  #ignore({ shown }: Told): void {
    const { metrics, logger } = this.#options;
    metrics.ignored.inc();
    // Once: whoever makes so many of them must not fill the log as well.
    if (!this.#isFull) logger.warn('a document is not looked at, because there are too many; further ones are only counted', { document: shown, most: DOCUMENTS_MAX });
    this.#isFull = true;
  }

  /** What was known from the disk, or from a source that has begun anew, and is not there, has gone meanwhile. */
  #onSynced(source: string): void {
    for (const [key, record] of this.#records) {
      if (record.source === source && !record.isTold && !this.#news.has(key)) this.#note(key, { source, told: undefined });
    }
  }

  #settle(): void {
    this.#bundle?.cancel();
    this.#bundle = undefined;
    const rules = this.#rules;
    if (rules === undefined || this.#isStopped) return;
    for (const [key, { source, told }] of this.#news) {
      if (told === undefined) this.#onVanished(key);
      else this.#onTold(key, source, told, this.#bench(rules, false));
    }
    this.#news.clear();
    this.#newcomers = 0;
    const before = this.#inForce;
    this.#decide();
    if (!isSame(before, this.#inForce)) this.#options.onChange();
  }

  #onTold(key: string, source: string, told: Told, bench: Bench): void {
    const { metrics, logger } = this.#options;
    const before = this.#records.get(key);
    const isSame = before !== undefined && sameContent(before.told, told);
    const record = isSame ? { ...before, told, removedMs: undefined, isTold: true } : judge(told, { key, source }, before, bench);
    this.#records.set(key, record);
    if (isSame && before.removedMs === undefined) return;
    const change = changeOf(before, record);
    metrics.changes.with(change).inc();
    const fields = { document: told.shown, destination: record.name };
    if (change === 'refused') logger.warn('the document of an announced destination is refused', { ...fields, problems: record.problems, keepsLastGood: record.good !== undefined });
    else logger.info(`a destination was ${change === 'returned' ? 'announced again' : change}`, fields);
  }

  #onVanished(key: string): void {
    const record = this.#records.get(key);
    if (record === undefined || record.removedMs !== undefined) return;
    if (!this.#isInForce(record)) return void this.#records.delete(key);
    const { metrics, logger, clock } = this.#options;
    this.#records.set(key, { ...record, removedMs: clock.nowMs(), isTold: true });
    metrics.changes.with('removed').inc();
    logger.warn('the document of an announced destination is gone: it stays for the grace', { document: record.told.shown, destination: record.name, graceMs: this.#rules?.settings.graceMs });
  }

  #isInForce({ key }: MasterRecord): boolean {
    return 'settings' in (this.#decisions.get(key) ?? {});
  }

  /** Under changed settings every document may be judged otherwise, also one that was refused. */
  #judgeAgain(ownerOf: (source: string) => string | undefined): void {
    if (this.#rules === undefined) return;
    const bench = this.#bench(this.#rules, true);
    for (const [key, record] of this.#records) {
      const told = { ...record.told, owner: ownerOf(record.source) };
      const { removedMs, isTold } = record;
      this.#records.set(key, { ...judge(told, record, record, bench), removedMs, isTold });
    }
  }

  #createGuard(settings: GuardSettings): Guard {
    return createGuard(settings, (host) => this.#apiServers.has(host));
  }

  #bench({ settings }: Rules, isChanged: boolean): Bench {
    return { settings, guard: this.#guard, nowMs: this.#options.clock.nowMs(), isChanged };
  }

  /** Ends what is over, decides, keeps it on disk, and looks again when the next grace ends. */
  #decide(): void {
    this.#endGraces();
    this.#decisions = this.#rules === undefined ? new Map() : decide(this.#records.values(), { configured: this.#rules.configured, maxMasters: this.#rules.settings.maxMasters });
    const active = [...this.#records.values()].filter((record) => this.#isInForce(record));
    this.#inForce = new Map(active.map((record) => [record.name, record.good!.settings!]));
    this.#keep(active);
    this.#lookLater();
  }

  #endGraces(): void {
    const { clock, metrics, logger } = this.#options;
    const graceMs = this.#rules?.settings.graceMs ?? 0;
    for (const [key, { removedMs, name, told }] of this.#records) {
      if (removedMs === undefined || removedMs + graceMs > clock.nowMs()) continue;
      this.#records.delete(key);
      metrics.changes.with('parked').inc();
      logger.warn('the grace of an announced destination is over: it is removed, and its queue stays on disk', { document: told.shown, destination: name });
    }
  }

  #lookLater(): void {
    this.#look?.cancel();
    const graceMs = this.#rules?.settings.graceMs ?? 0;
    const ends = [...this.#records.values()].flatMap(({ removedMs }) => (removedMs === undefined ? [] : [removedMs + graceMs]));
    if (ends.length === 0) return;
    const waitMs = Math.min(...ends) - this.#options.clock.nowMs();
    this.#look = this.#options.clock.after(Math.min(Math.max(waitMs, 0), LOOK_MS_MAX), () => this.#settle());
  }

  #keep(active: readonly MasterRecord[]): void {
    const { metrics, logger, folder } = this.#options;
    try {
      this.#kept.write(active.map(keptOf));
      this.#keepError = '';
    } catch (error) {
      metrics.keepErrors.with('unwritable').inc();
      if (this.#keepError === '') logger.warn('the last good documents of announced destinations cannot be kept: a start without their source would not have them', { folder, error: errorText(error) });
      this.#keepError = errorText(error);
    }
  }
}

function changeOf(before: MasterRecord | undefined, { problems }: MasterRecord): 'refused' | 'returned' | 'announced' | 'changed' {
  if (problems.length > 0) return 'refused';
  if (before?.removedMs !== undefined) return 'returned';
  return before?.good === undefined ? 'announced' : 'changed';
}

function keyOf(source: string, key: string): string {
  return `${source} ${key}`;
}

function isSame(a: ReadonlyMap<string, DestinationSettings>, b: ReadonlyMap<string, DestinationSettings>): boolean {
  return a.size === b.size && [...a].every(([name, settings]) => b.get(name) === settings);
}

function sameContent({ content: a, owner: ownerA }: Told, { content: b, owner: ownerB }: Told): boolean {
  if (ownerA !== ownerB) return false;
  if ('problem' in a || 'problem' in b) return 'problem' in a && 'problem' in b && a.problem === b.problem;
  return Buffer.compare(a, b) === 0;
}

function keptOf({ key, source, told, owner, arrivedMs, good, removedMs }: MasterRecord): KeptMaster {
  return { key, source, place: told.place, shown: told.shown, owner, arrivedMs, sinceMs: good!.sinceMs, removedMs, text: good!.text };
}

function recordOf({ key, source, place, shown, owner, arrivedMs, sinceMs, removedMs, text }: KeptMaster, nowMs: number): MasterRecord {
  const told: Told = { key, place, shown, owner: undefined, content: Buffer.from(text) };
  const good = { text, sinceMs, settings: undefined };
  return { key, source, told, owner, name: '', arrivedMs, good, problems: [], removedMs: removedMs === undefined ? undefined : Math.min(removedMs, nowMs), isTold: false };
}
