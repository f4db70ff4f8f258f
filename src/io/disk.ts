// The disk seam, as narrow as the queue needs it. Calls are synchronous where the caller needs the answer before it goes
// on (appending) and asynchronous where it can wait (syncing). Errors are Node's system errors with `code` (ENOSPC, EIO ...).

import * as fs from 'node:fs';

export interface DiskFile {
  /** Appends the buffers in order; returns the bytes written or throws, in which case part of them may have been written. */
  append(buffers: readonly Uint8Array[]): number;
  /** Reads up to `into.length` bytes at `offset`; returns how many there were. */
  read(into: Uint8Array, offset: number): number;
  /** Data and size are on the medium when it resolves. */
  sync(): Promise<void>;
  size(): number;
  truncate(length: number): void;
  close(): void;
}

export interface Disk {
  makeFolder(path: string): void;
  list(path: string): string[];
  openAppend(path: string): DiskFile;
  openRead(path: string): DiskFile;
  readFile(path: string): Uint8Array;
  /** Writes beside the file and renames, so that a reader sees the old or the new content. */
  writeFile(path: string, data: Uint8Array): void;
  remove(path: string): void;
  rename(from: string, to: string): void;
  exists(path: string): boolean;
  /** Of a regular file; fails for everything else, such as a pipe, which would never end to be read. */
  fileBytes(path: string): number;
  /** Free and total bytes of the file system that holds `path`. */
  space(path: string): { freeBytes: number; totalBytes: number };
}

class SystemFile implements DiskFile {
  readonly #fd: number;

  constructor(path: string, flags: string) {
    this.#fd = fs.openSync(path, flags, 0o600);
  }

  append(buffers: readonly Uint8Array[]): number {
    let expected = 0;
    for (const buffer of buffers) expected += buffer.length;
    let written = fs.writevSync(this.#fd, buffers);
    if (written === expected) return written;
    // A short write: the rest goes out by hand, so that the caller sees all of it or an error.
    const rest = Buffer.concat(buffers).subarray(written);
    for (let offset = 0; offset < rest.length; ) {
      const n = fs.writeSync(this.#fd, rest, offset);
      offset += n;
      written += n;
    }
    return written;
  }

  read(into: Uint8Array, offset: number): number {
    let total = 0;
    while (total < into.length) {
      const n = fs.readSync(this.#fd, into, total, into.length - total, offset + total);
      if (n === 0) break;
      total += n;
    }
    return total;
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  size(): number {
    return fs.fstatSync(this.#fd).size;
  }

  truncate(length: number): void {
    fs.ftruncateSync(this.#fd, length);
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

export const systemDisk: Disk = {
  makeFolder: (path) => void fs.mkdirSync(path, { recursive: true, mode: 0o700 }),
  list: (path) => fs.readdirSync(path).sort(),
  openAppend: (path) => new SystemFile(path, 'a+'),
  openRead: (path) => new SystemFile(path, 'r'),
  readFile: (path) => fs.readFileSync(path),
  writeFile(path, data) {
    fs.writeFileSync(`${path}.new`, data, { mode: 0o600 });
    fs.renameSync(`${path}.new`, path);
  },
  remove: (path) => fs.rmSync(path, { recursive: true, force: true }),
  rename: (from, to) => fs.renameSync(from, to),
  exists: (path) => fs.existsSync(path),
  fileBytes(path) {
    const found = fs.statSync(path);
    if (!found.isFile()) throw new Error(`${path} is no regular file`);
    return found.size;
  },
  space(path) {
    const s = fs.statfsSync(path);
    return { freeBytes: s.bavail * s.bsize, totalBytes: s.blocks * s.bsize };
  },
};
