// Damaged bytes are set aside for a person to look at, one file per stretch, within a bound: a broken disk must not fill itself
// with copies of its damage.

import type { Disk } from '../io/disk.ts';

/** All files of the folder together, bytes. */
const QUARANTINE_BYTES_MAX = 64 * 1024 ** 2;

export class Quarantine {
  readonly #disk: Disk;
  readonly #folder: string;
  #bytes = 0;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
    if (!disk.exists(folder)) return;
    for (const file of disk.list(folder)) this.#bytes += disk.fileBytes(`${folder}/${file}`);
  }

  /** Keeps a copy of the bytes as `<stream>-<segment>-<offset>.bad`; false when there is no room or the disk refuses. */
  keep(stream: string, segment: string, offset: number, bytes: Uint8Array): boolean {
    const path = `${this.#folder}/${stream}-${segment.replace('.seg', '')}-${offset}.bad`;
    if (this.#bytes + bytes.length > QUARANTINE_BYTES_MAX) return false;
    try {
      if (this.#disk.exists(path)) return true;
      this.#disk.makeFolder(this.#folder);
      this.#disk.writeFile(path, bytes);
      this.#bytes += bytes.length;
      return true;
    } catch {
      return false;
    }
  }
}
