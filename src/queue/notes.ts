// Notes: small values kept in the ledger, such as the names of unnamed destinations. Nothing in the segments could bring them back, so
// they are kept a second time, in `notes.json`, for the case that the ledger is lost.

import { crc32 } from 'node:zlib';

import type { Disk } from '../io/disk.ts';
import type { Ledger } from './ledger.ts';

const PREFIX = 'n/';

export class Notes {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #ledger: Ledger;

  constructor(disk: Disk, path: string, ledger: Ledger) {
    this.#disk = disk;
    this.#path = path;
    this.#ledger = ledger;
    for (const [key, value] of Object.entries(this.#readCopy())) {
      if (ledger.get(PREFIX + key) === undefined) ledger.put(PREFIX + key, value);
    }
  }

  get(key: string): string | undefined {
    return this.#ledger.get(PREFIX + key);
  }

  set(key: string, value: string): Promise<void> {
    this.#ledger.put(PREFIX + key, value);
    return this.#save();
  }

  delete(key: string): Promise<void> {
    this.#ledger.delete(PREFIX + key);
    return this.#save();
  }

  async #save(): Promise<void> {
    const text = JSON.stringify(Object.fromEntries([...this.#ledger.entries(PREFIX)].map(([k, v]) => [k.slice(PREFIX.length), v])));
    try {
      this.#disk.writeFile(this.#path, Buffer.from(crc32(text).toString(16).padStart(8, '0') + text));
    } catch {
      // The ledger has it; the copy is written again with the next note.
    }
    await this.#ledger.save();
  }

  #readCopy(): Record<string, string> {
    try {
      const text = Buffer.from(this.#disk.readFile(this.#path)).toString();
      return crc32(text.slice(8)) === Number.parseInt(text.slice(0, 8), 16) ? (JSON.parse(text.slice(8)) as Record<string, string>) : {};
    } catch {
      return {};
    }
  }
}
