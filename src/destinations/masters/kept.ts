// The last good document of every announced destination, in a folder of its own, so that a start without the source has its masters. Format:
// docs/formats/masters.md. What the disk refuses costs a start without the source, nothing else.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Disk } from '../../io/disk.ts';
import { errorText } from '../../model/error.ts';
import { DOCUMENT_BYTES_MAX } from './document.ts';

/** docs/formats/masters.md: first line of a file. */
const MAGIC = 'tributary-master';
const VERSION = 1;
/** A document, escaped at worst sixfold by JSON, and what stands beside it. */
const FILE_BYTES_MAX = 6 * DOCUMENT_BYTES_MAX + 16 * 1024;
const ENDING = '.master';

export interface KeptMaster {
  readonly key: string;
  readonly source: string;
  readonly place: string;
  readonly shown: string;
  readonly owner: string;
  readonly arrivedMs: number;
  readonly sinceMs: number;
  /** undefined while it has a document. */
  readonly removedMs: number | undefined;
  readonly text: string;
}

/** A file that tells nothing, and why. */
export interface UnreadableMaster {
  readonly path: string;
  readonly text: string;
}

export class KeptMasters {
  readonly #disk: Disk;
  readonly #folder: string;
  /** By key, as it was written. */
  readonly #written = new Map<string, string>();

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** Reads all files; `onUnreadable` is told of each that is damaged, of another version, or refused by the disk. They are left where they are. */
  read(onUnreadable: (file: UnreadableMaster) => void): KeptMaster[] {
    const masters: KeptMaster[] = [];
    for (const name of this.#names(onUnreadable)) {
      const path = `${this.#folder}/${name}`;
      try {
        const text = this.#text(path);
        const master = decodeMaster(text);
        this.#written.set(master.key, text);
        masters.push(master);
      } catch (error) {
        onUnreadable({ path, text: errorText(error) });
      }
    }
    return masters;
  }

  /** Makes the folder hold these and no others that it has read or written. Throws the first error of the disk, after everything was tried. */
  write(masters: readonly KeptMaster[]): void {
    const wanted = new Map(masters.map((master) => [master.key, encodeMaster(master)]));
    const errors: unknown[] = [];
    const attempt = (act: () => void) => {
      try {
        act();
      } catch (error) {
        errors.push(error);
      }
    };
    for (const key of [...this.#written.keys()].filter((one) => !wanted.has(one))) attempt(() => this.#remove(key));
    for (const [key, text] of wanted) if (this.#written.get(key) !== text) attempt(() => this.#save(key, text));
    if (errors.length > 0) throw errors[0];
  }

  #save(key: string, text: string): void {
    this.#disk.makeFolder(this.#folder);
    this.#disk.writeFile(this.#path(key), Buffer.from(text));
    this.#written.set(key, text);
  }

  #remove(key: string): void {
    this.#disk.remove(this.#path(key));
    this.#written.delete(key);
  }

  #names(onUnreadable: (file: UnreadableMaster) => void): string[] {
    try {
      return this.#disk.exists(this.#folder) ? this.#disk.list(this.#folder).filter((name) => name.endsWith(ENDING)) : [];
    } catch (error) {
      onUnreadable({ path: this.#folder, text: errorText(error) });
      return [];
    }
  }

  #text(path: string): string {
    const bytes = this.#disk.fileBytes(path);
    if (bytes > FILE_BYTES_MAX) throw new Error(`${bytes} bytes, expected at most ${FILE_BYTES_MAX}`);
    return Buffer.from(this.#disk.readFile(path)).toString();
  }

  #path(key: string): string {
    return `${this.#folder}/${createHash('sha256').update(key).digest('hex').slice(0, 32)}${ENDING}`;
  }
}

export function encodeMaster(master: KeptMaster): string {
  const body = `${JSON.stringify(master)}\n`;
  return `${MAGIC} ${VERSION} ${checksum(body)}\n${body}`;
}

/** Throws for what is no such file, with the reason. */
export function decodeMaster(text: string): KeptMaster {
  const end = text.indexOf('\n');
  const [, version, stored] = new RegExp(`^${MAGIC} (\\d+) ([0-9a-f]{8})$`).exec(text.slice(0, Math.max(end, 0))) ?? [];
  if (version === undefined) throw new Error(`the first line is not that of ${MAGIC}`);
  if (Number(version) !== VERSION) throw new Error(`format ${version}, this version reads format ${VERSION}`);
  const body = text.slice(end + 1);
  if (checksum(body) !== stored) throw new Error(`checksum mismatch: stored ${stored}, computed ${checksum(body)}`);
  // With a right checksum it is what was written here.
  const { removedMs, ...master } = JSON.parse(body) as KeptMaster;
  return { ...master, removedMs };
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
