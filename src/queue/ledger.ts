// The ledger: small values by key, kept in memory as a whole and saved together at most once a second. It says what the segments
// alone cannot say quickly: which records are settled, the counters of the identity, and an index entry per closed segment. The
// segments are the truth; a ledger that is lost or damaged is moved aside and written again from them. Each value carries its own
// CRC-32, because LevelDB does not check its blocks when it reads. Keys: docs/formats/queue.md, "Ledger".

import { crc32 } from 'node:zlib';

import type { Clock, Timer } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type LedgerStore, type OpenStore, StoreLocked, type StoreOperation } from './ledger-store.ts';

/** Values change with every batch of answers; a second of them is what a crash may send twice. Milliseconds. */
const SAVE_DELAY_MS = 1000;

export interface LedgerOptions {
  readonly path: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly openStore: OpenStore;
  /** Called whenever a ledger or a value of it was found damaged. */
  readonly onDamage: () => void;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #values = new Map<string, string>();
  readonly #dirty = new Set<string>();
  /** Asked for their newest value right before a save, so that a busy stream is serialised once a second. */
  readonly #sources = new Set<() => void>();
  #store: LedgerStore | undefined;
  #saving: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #lastError = '';
  /** Whether everything was in the store after the last save. */
  isSaved = true;
  #isClosed = false;

  private constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Opens the ledger, or a new one in the place of one that cannot be read. Fails with `StoreLocked` only, or when no new one can be made. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(options);
    const isNew = !options.disk.exists(options.path);
    try {
      await ledger.#load();
    } catch (error) {
      if (error instanceof StoreLocked) throw error;
      await ledger.#openFailed(error, isNew);
    }
    return ledger;
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  /** Keys with the prefix, with their values. */
  *entries(prefix: string): Generator<[string, string]> {
    for (const entry of this.#values) if (entry[0].startsWith(prefix)) yield entry;
  }

  put(key: string, value: string): void {
    if (this.#values.get(key) === value) return;
    this.#values.set(key, value);
    this.#touch(key);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#touch(key);
  }

  addSource(source: () => void): void {
    this.#sources.add(source);
  }

  deleteSource(source: () => void): void {
    this.#sources.delete(source);
  }

  /** A source has something new: a save follows within a second. */
  schedule(): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#options.clock.after(SAVE_DELAY_MS, () => {
      this.#timer = undefined;
      void this.save();
    });
  }

  /** Saves what changed. Never fails: what could not be saved is tried again with the next save. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#saveNow());
    return this.#saving;
  }

  async close(): Promise<void> {
    await this.save();
    this.#timer?.cancel();
    this.#isClosed = true;
    await this.#closeStore();
  }

  async #closeStore(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    try {
      await store?.close();
    } catch {
      // A store that failed has nothing left to lose; its memory goes either way.
    }
  }

  /** A full disk lets nothing be opened: the queue works from its segments until there is room. Else a new ledger takes the place of the damaged one. */
  async #openFailed(error: unknown, isNew: boolean): Promise<void> {
    if (isOutOfSpace(error)) return this.#recoverStore(error);
    if (isNew) throw error;
    this.#report(`the ledger of the queue cannot be read: ${errorText(error)}`);
    await this.#startAnew();
  }

  async #load(): Promise<void> {
    this.#store = await this.#options.openStore(this.#options.path);
    let damaged = 0;
    for (const [key, stored] of await this.#store.load()) {
      const value = unseal(key, stored);
      if (value === undefined) damaged++;
      else this.#values.set(key, value);
    }
    if (damaged === 0) return;
    this.#report(`${damaged} values of the ledger of the queue are damaged`);
    await this.#startAnew();
  }

  /** Moves the damaged ledger aside (one is kept) and writes every value that is known into a new one. */
  async #startAnew(): Promise<void> {
    const { disk, path, openStore } = this.#options;
    await this.#closeStore();
    disk.remove(`${path}.damaged`);
    disk.rename(path, `${path}.damaged`);
    this.#store = await openStore(path);
    for (const key of this.#values.keys()) this.#dirty.add(key);
    await this.save();
  }

  #touch(key: string): void {
    this.#dirty.add(key);
    this.schedule();
  }

  async #saveNow(): Promise<void> {
    for (const source of this.#sources) source();
    if (this.#dirty.size === 0) return;
    const keys = [...this.#dirty];
    this.#dirty.clear();
    try {
      this.#store ??= await this.#options.openStore(this.#options.path);
      await this.#store.write(keys.map((key) => this.#operation(key)));
      this.#lastError = '';
      this.isSaved = true;
    } catch (error) {
      this.isSaved = false;
      for (const key of keys) this.#dirty.add(key);
      await this.#recoverStore(error);
    }
  }

  #operation(key: string): StoreOperation {
    const value = this.#values.get(key);
    return value === undefined ? { type: 'del', key } : { type: 'put', key, value: seal(key, value) };
  }

  /** After a background error LevelDB refuses every write until it is opened again. */
  async #recoverStore(error: unknown): Promise<void> {
    const text = errorText(error);
    if (text !== this.#lastError) this.#options.logger.error('the ledger of the queue cannot be saved', { error: text });
    this.#lastError = text;
    await this.#closeStore();
    this.schedule();
  }

  #report(message: string): void {
    this.#options.onDamage();
    this.#options.logger.error(`${message}; it is moved aside and rebuilt from the segments`, { path: this.#options.path });
  }
}

/** LevelDB passes the system's text on; there is no code in it. */
function isOutOfSpace(error: unknown): boolean {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (/No space left|ENOSPC|quota exceeded|Read-only file system/i.test(e.message)) return true;
  }
  return false;
}

/** Eight hexadecimal digits of CRC-32 over key and value, then the value: a value under a wrong key is damage as well. */
function seal(key: string, value: string): string {
  return checksum(key, value) + value;
}

function unseal(key: string, stored: string): string | undefined {
  const value = stored.slice(8);
  return checksum(key, value) === stored.slice(0, 8) ? value : undefined;
}

function checksum(key: string, value: string): string {
  return crc32(value, crc32(key)).toString(16).padStart(8, '0');
}
