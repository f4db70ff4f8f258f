// A disk in memory, for tests: the same contract as the real one, with faults on demand. Passes test/conformance/disk.test.ts.

import type { Disk, DiskFile } from '../../../src/io/disk.ts';

export interface Faults {
  /** Bytes the file system holds; further appends fail with ENOSPC after writing what fits. */
  capacityBytes: number;
  /** Every append fails with this code, after writing `tornBytes`. */
  appendError: string | undefined;
  tornBytes: number;
  truncateError: string | undefined;
  readError: string | undefined;
  syncError: string | undefined;
  closeError: string | undefined;
}

export interface SimulatedDisk extends Disk {
  readonly faults: Faults;
  readonly files: Map<string, Buffer>;
  writes: number;
  syncs: number;
  /** Another disk with the same bytes, as after a crash of the process. */
  copy(): SimulatedDisk;
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code });
}

export function createSimulatedDisk(initial: Iterable<[string, Buffer]> = [], folderList: Iterable<string> = []): SimulatedDisk {
  const files = new Map<string, Buffer>([...initial].map(([path, data]) => [path, Buffer.from(data)]));
  const folders = new Set(folderList);
  const faults: Faults = {
    capacityBytes: Infinity, appendError: undefined, tornBytes: 0, truncateError: undefined, readError: undefined, syncError: undefined,
    closeError: undefined,
  };
  const used = () => [...files.values()].reduce((sum, data) => sum + data.length, 0);
  const get = (path: string): Buffer => {
    const data = files.get(path);
    if (data === undefined) throw systemError('ENOENT', path);
    return data;
  };

  /** An open file keeps its content when its name is removed, as on a real system. */
  const open = (path: string): DiskFile => {
    let content = get(path);
    const current = () => (content = files.get(path) ?? content);
    const store = (data: Buffer) => {
      content = data;
      if (files.has(path)) files.set(path, data);
    };
    return {
      append(buffers) {
        disk.writes++;
        const data = Buffer.concat(buffers);
        const room = Math.max(0, faults.capacityBytes - used());
        const written = faults.appendError === undefined ? Math.min(room, data.length) : Math.min(faults.tornBytes, data.length);
        store(Buffer.concat([current(), data.subarray(0, written)]));
        if (faults.appendError !== undefined) throw systemError(faults.appendError, path);
        if (written < data.length) throw systemError('ENOSPC', path);
        return written;
      },
      read(into, offset) {
        if (faults.readError !== undefined) throw systemError(faults.readError, path);
        return offset >= current().length ? 0 : current().copy(into, 0, offset, Math.min(current().length, offset + into.length));
      },
      async sync() {
        disk.syncs++;
        if (faults.syncError !== undefined) throw systemError(faults.syncError, path);
      },
      size: () => current().length,
      truncate(length) {
        if (faults.truncateError !== undefined) throw systemError(faults.truncateError, path);
        store(Buffer.concat([current().subarray(0, length), Buffer.alloc(Math.max(0, length - current().length))]));
      },
      close() {
        if (faults.closeError !== undefined) throw systemError(faults.closeError, path);
      },
    };
  };

  const isUnder = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
  const disk: SimulatedDisk = {
    faults,
    files,
    writes: 0,
    syncs: 0,
    copy: () => createSimulatedDisk(files, folders),
    makeFolder(path) {
      for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) folders.add(path.slice(0, end));
    },
    list(path) {
      if (!folders.has(path)) throw systemError('ENOENT', path);
      const names = [...files.keys(), ...folders].filter((p) => p.startsWith(`${path}/`)).map((p) => p.slice(path.length + 1).split('/')[0]!);
      return [...new Set(names)].sort();
    },
    openAppend(path) {
      if (!files.has(path)) files.set(path, Buffer.alloc(0));
      return open(path);
    },
    openRead: (path) => open(path),
    readFile: (path) => Buffer.from(get(path)),
    writeFile: (path, data) => void files.set(path, Buffer.from(data)),
    remove(path) {
      for (const file of [...files.keys()]) if (isUnder(file, path)) files.delete(file);
      for (const folder of [...folders]) if (isUnder(folder, path)) folders.delete(folder);
    },
    rename(from, to) {
      if (!files.has(from) && !folders.has(from)) throw systemError('ENOENT', from);
      for (const [file, data] of [...files].filter(([name]) => isUnder(name, from))) {
        files.delete(file);
        files.set(to + file.slice(from.length), data);
      }
      for (const folder of [...folders].filter((name) => isUnder(name, from))) {
        folders.delete(folder);
        folders.add(to + folder.slice(from.length));
      }
    },
    exists: (path) => files.has(path) || folders.has(path),
    fileBytes: (path) => get(path).length,
    space: () => ({ freeBytes: Math.max(0, Math.min(faults.capacityBytes, 1e15) - used()), totalBytes: Math.min(faults.capacityBytes, 1e15) }),
  };
  return disk;
}
