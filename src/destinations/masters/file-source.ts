// Documents in a folder, one a file. The folder is watched, and looked at from time to time besides, because a watch does not see every file system;
// a mounted ConfigMap, whose link `..data` is swapped, is an event in the folder. A folder that cannot be read says nothing about its files.

import { watch } from 'node:fs';
import { join, parse } from 'node:path';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import { errorText } from '../../model/error.ts';
import type { FilesSettings } from './config.ts';
import { DOCUMENT_BYTES_MAX } from './document.ts';
import type { Content, Source, SourceListener } from './source.ts';

/** From an event to the look: a file is often written in pieces, and several of them one after another. */
const EVENT_PAUSE_MS = 250;
/** For what no event told. */
const POLL_MS = 30_000;
/** Looked at, by name; more masters than tributary.masters.max_masters allows are of no use. */
const FILES_MAX = 1000;

/** Calls back when something in the folder may have changed, and with an error when it is not watched any more. Throws where it cannot be. */
export type WatchFolder = (folder: string, onEvent: (error?: unknown) => void) => { close(): void };

export const systemWatchFolder: WatchFolder = (folder, onEvent) => {
  const watcher = watch(folder, { persistent: false }, () => onEvent());
  watcher.on('error', onEvent);
  return watcher;
};

export interface FileSourceOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly watchFolder: WatchFolder;
}

export class FileSource implements Source {
  readonly #settings: FilesSettings;
  readonly #options: FileSourceOptions;
  #listener: SourceListener | undefined;
  #watcher: { close(): void } | undefined;
  #event: Timer | undefined;
  #poll: Timer | undefined;
  #known: ReadonlySet<string> = new Set();
  #isSynced = false;
  error = '';

  constructor(settings: FilesSettings, options: FileSourceOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  start(listener: SourceListener): void {
    this.#listener = listener;
    this.#pollNow();
  }

  async stop(): Promise<void> {
    this.#listener = undefined;
    this.#event?.cancel();
    this.#poll?.cancel();
    this.#watcher?.close();
  }

  #pollNow(): void {
    this.#watchNow();
    this.#look();
    this.#poll = this.#options.clock.after(POLL_MS, () => this.#pollNow());
  }

  /** Before looking: a change between look and watch would be missed until the next poll. */
  #watchNow(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = this.#options.watchFolder(this.#settings.folder, (error) => {
        if (error === undefined) return this.#lookSoon();
        this.#watcher?.close();
        this.#watcher = undefined;
      });
    } catch {
      // Polling goes on, and `error` says why when the folder cannot be read either.
    }
  }

  #lookSoon(): void {
    if (this.#listener === undefined || this.#event !== undefined) return;
    this.#event = this.#options.clock.after(EVENT_PAUSE_MS, () => {
      this.#event = undefined;
      this.#look();
    });
  }

  #look(): void {
    const listener = this.#listener;
    const names = this.#names();
    if (listener === undefined || names === undefined) return;
    for (const name of this.#known) if (!names.has(name)) listener.vanished(name);
    for (const name of names) {
      const path = join(this.#settings.folder, name);
      listener.told({ key: name, shown: path, place: parse(name).name, owner: this.#settings.owner, content: this.#read(path) });
    }
    this.#known = names;
    if (!this.#isSynced) listener.synced();
    this.#isSynced = true;
  }

  #names(): ReadonlySet<string> | undefined {
    try {
      const names = this.#options.disk.list(this.#settings.folder).filter((name) => /^[^.].*\.(ya?ml|json)$/i.test(name));
      this.error = names.length > FILES_MAX ? `${names.length} files, of which the first ${FILES_MAX} are read` : '';
      return new Set(names.sort().slice(0, FILES_MAX));
    } catch (error) {
      this.error = errorText(error);
      return undefined;
    }
  }

  #read(path: string): Content {
    const { disk } = this.#options;
    try {
      // What is larger, or no regular file, is not read only to be refused.
      const bytes = disk.fileBytes(path);
      const content = bytes > DOCUMENT_BYTES_MAX ? undefined : disk.readFile(path);
      const length = content?.length ?? bytes;
      return content !== undefined && length <= DOCUMENT_BYTES_MAX ? content : { problem: `the document has ${length} bytes, expected at most ${DOCUMENT_BYTES_MAX}` };
    } catch (error) {
      return { problem: `cannot be read: ${errorText(error)}` };
    }
  }
}
