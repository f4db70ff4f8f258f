// Watching the files of the configuration. The folders are watched, not the files: editors and Kubernetes replace files, and for a
// mounted ConfigMap only the folder's link `..data` is swapped, which a watch on the file sees once and never again. Events only say
// "look": what counts is whether the content changed, and is the same when looked at twice (a file may be half written). A slow poll
// covers file systems without events (NFS) and lost ones.

import { readFileSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import * as path from 'node:path';
import type { Clock, Timer } from '../io/clock.ts';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { hashContents } from './source.ts';

/** From an event to the look, and between two looks: tools write several files, or one in pieces, within a few milliseconds. */
const debounceMs = 250;
/** Poll for what no event told. */
const pollMs = 30_000;

export interface ConfigWatch {
  close(): void;
}

/**
 * Calls `onChange` once after the content of one of the files changed, appeared or vanished; also when it changes again during the call.
 * The caller closes the watch, and starts another one when the list of files changes. Never throws.
 */
export function watchConfig(files: readonly string[], onChange: () => void, clock: Clock, logger: Logger): ConfigWatch {
  return new FileWatch(files, onChange, clock, logger);
}

class FileWatch implements ConfigWatch {
  readonly #files: readonly string[];
  readonly #onChange: () => void;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #watchers = new Map<string, FSWatcher>();
  /** Names whose events count; other files of the folder may change all the time. */
  readonly #names: ReadonlySet<string>;
  #hash: string;
  /** What was seen at the last look, when it was new. */
  #seen: string | undefined;
  #debounce: Timer | undefined;
  #poll: Timer | undefined;
  #closed = false;

  constructor(files: readonly string[], onChange: () => void, clock: Clock, logger: Logger) {
    this.#files = files;
    this.#onChange = onChange;
    this.#clock = clock;
    this.#logger = logger;
    this.#names = new Set(['..data', ...files.map((file) => path.basename(file))]);
    this.#hash = contentHash(files);
    this.#watchFolders();
    this.#schedulePoll();
  }

  close(): void {
    this.#closed = true;
    this.#debounce?.cancel();
    this.#poll?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** A folder that cannot be watched now (it does not exist yet) is tried again with each poll. */
  #watchFolders(): void {
    for (const folder of new Set(this.#files.map((file) => path.dirname(file)))) {
      if (!this.#watchers.has(folder)) this.#watchFolder(folder);
    }
  }

  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null || this.#names.has(name)) this.#look();
      });
      watcher.on('error', (error) => this.#forget(folder, watcher, error));
      this.#watchers.set(folder, watcher);
    } catch (error) {
      this.#logger.debug('cannot watch a folder of the configuration, polling it', { folder, error: errorText(error) });
    }
  }

  #forget(folder: string, watcher: FSWatcher, error: unknown): void {
    this.#logger.debug('watch of a folder of the configuration ended, polling it', { folder, error: errorText(error) });
    watcher.close();
    this.#watchers.delete(folder);
  }

  /** Events during the wait change nothing, so that a busy folder cannot put the look off for ever. */
  #look(): void {
    if (this.#closed || this.#debounce !== undefined) return;
    this.#debounce = this.#clock.after(debounceMs, () => {
      this.#debounce = undefined;
      this.#compare();
    });
  }

  #schedulePoll(): void {
    this.#poll = this.#clock.after(pollMs, () => {
      this.#watchFolders();
      this.#compare();
      if (!this.#closed) this.#schedulePoll();
    });
  }

  #compare(): void {
    if (this.#closed) return;
    const hash = contentHash(this.#files);
    const settled = hash === this.#seen;
    this.#seen = hash;
    if (hash === this.#hash) return;
    if (!settled) return this.#look();
    this.#hash = hash;
    this.#onChange();
  }
}

/** A file that cannot be read counts as absent: its coming back is a change as well. */
function contentHash(files: readonly string[]): string {
  const contents = new Map<string, Uint8Array>();
  for (const file of files) {
    try {
      contents.set(file, readFileSync(file));
    } catch {
      continue;
    }
  }
  return hashContents(contents);
}
