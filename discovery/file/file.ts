// Target groups in files. Folders are watched, and everything is read again from time to time besides, because a watch does not see every file
// system. A broken file keeps its last groups; a deleted one loses them. ConfigMap mounts work: the swap of their `..data` link is an event in
// the folder.

import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Timer } from '../../src/io/clock.ts';
import { errorText } from '../../src/model/error.ts';
import type { GroupSink, Provider, TargetGroup } from '../discovery.ts';
import { changedGroups, parseJsonGroups, parseYamlGroups } from '../groups.ts';
import type { ProviderDependencies } from '../provider.ts';
import type { FileSettings } from './config.ts';

/** An editor or a ConfigMap swap causes several events; they are answered together. */
const EVENT_PAUSE_MS = 100;

export function createFileProvider(settings: FileSettings, deps: ProviderDependencies): Provider {
  return new FileProvider(settings, deps);
}

class FileProvider implements Provider {
  readonly #settings: FileSettings;
  readonly #deps: ProviderDependencies;
  readonly #watchers = new Map<string, FSWatcher>();
  /** The last good groups of each file. */
  readonly #files = new Map<string, readonly TargetGroup[]>();
  readonly #sent = new Map<string, string>();
  readonly #broken = new Map<string, string>();
  #sink: GroupSink = () => undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #first = true;
  #stopped = false;

  constructor(settings: FileSettings, deps: ProviderDependencies) {
    this.#settings = settings;
    this.#deps = deps;
  }

  start(sink: GroupSink): void {
    this.#sink = sink;
    this.#refresh();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#running;
  }

  /** One refresh at a time; what happens meanwhile is looked at right after it. */
  #refresh(): void {
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#running = this.#readAll().finally(() => {
      this.#running = undefined;
      if (this.#stopped) return;
      this.#schedule(this.#again ? EVENT_PAUSE_MS : this.#settings.refreshIntervalMs);
      this.#again = false;
    });
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(delayMs, () => this.#refresh());
  }

  async #readAll(): Promise<void> {
    // Watching comes first: a change between reading and watching would be missed for a whole interval.
    this.#watchFolders();
    const paths = await this.#listFiles();
    for (const path of this.#files.keys()) if (!paths.has(path)) this.#files.delete(path);
    for (const path of this.#broken.keys()) if (!paths.has(path)) this.#broken.delete(path);
    for (const path of paths) await this.#readOne(path);
    if (this.#stopped) return;
    const changed = changedGroups(this.#sent, [...this.#files.values()].flat());
    if (changed.length > 0 || this.#first) this.#sink(changed);
    this.#first = false;
  }

  async #readOne(path: string): Promise<void> {
    try {
      const text = await readFile(path, 'utf8');
      const parse = extname(path).toLowerCase() === '.json' ? parseJsonGroups : parseYamlGroups;
      this.#files.set(path, parse(text, { prefix: path, labels: [['__meta_filepath', path]] }));
      if (this.#broken.delete(path)) this.#deps.logger.info('target group file is readable again', { file: path });
    } catch (error) {
      this.#onBroken(path, errorText(error));
    }
  }

  #onBroken(path: string, reason: string): void {
    this.#deps.metrics.fileReadErrors.inc();
    if (this.#broken.get(path) === reason) return;
    this.#broken.set(path, reason);
    this.#deps.logger.error('cannot read target group file, its last groups are kept', { file: path, error: reason });
  }

  async #listFiles(): Promise<Set<string>> {
    const paths = new Set<string>();
    for (const pattern of this.#settings.files) {
      const matches = fileNameMatcher(basename(pattern));
      const folder = dirname(pattern);
      for (const name of (await this.#listFolder(folder)) ?? this.#knownIn(folder)) if (matches(name)) paths.add(join(folder, name));
    }
    return paths;
  }

  /** Undefined when the folder cannot be read: that says nothing about its files. One that does not exist has none. */
  async #listFolder(folder: string): Promise<string[] | undefined> {
    try {
      return (await readdir(folder)).sort();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === 'ENOENT' || code === 'ENOTDIR') return [];
      this.#deps.metrics.fileReadErrors.inc();
      return undefined;
    }
  }

  #knownIn(folder: string): string[] {
    return [...this.#files.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path));
  }

  #watchFolders(): void {
    for (const folder of new Set(this.#settings.files.map((pattern) => dirname(pattern)))) {
      if (!this.#watchers.has(folder)) this.#watchFolder(folder);
    }
  }

  /** A folder that is missing, or removed while it is watched, is tried again at the next refresh. */
  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#onEvent());
      this.#watchers.set(folder, watcher);
      watcher.on('error', () => this.#unwatch(folder, watcher));
    } catch {
      this.#deps.metrics.fileWatcherErrors.inc();
    }
  }

  #unwatch(folder: string, watcher: FSWatcher): void {
    this.#deps.metrics.fileWatcherErrors.inc();
    watcher.close();
    this.#watchers.delete(folder);
  }

  #onEvent(): void {
    if (this.#stopped) return;
    if (this.#running === undefined) this.#schedule(EVENT_PAUSE_MS);
    else this.#again = true;
  }
}

/** `*`, `?` and `[...]` of one path element, as Go's filepath.Match. */
export function fileNameMatcher(pattern: string): (name: string) => boolean {
  const special = pattern.replace(/\\.|\[\^?[^\]]+\]|[*?]|[^A-Za-z0-9_]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    return part.length > 1 && (part.startsWith('[') || part.startsWith('\\')) ? part : `\\u{${part.codePointAt(0)!.toString(16)}}`;
  });
  const expression = compile(special);
  return expression === undefined ? (name) => name === pattern : (name) => expression.test(name);
}

function compile(source: string): RegExp | undefined {
  try {
    return new RegExp(`^${source}$`, 'su');
  } catch {
    return undefined;
  }
}
