// The simulated disk with somebody who looks on: told of each operation before it changes the disk, which are the moments at which a process may die.

import type { Disk, DiskFile } from '../../../src/io/disk.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

export type Watcher = (operation: string, path: string) => void;

export interface WatchedDisk extends Disk {
  onChange: Watcher | undefined;
  /** A sync that fails throws away what was written since the last one, and the next sync means nothing: as Linux does. */
  syncLosesPages: boolean;
  /** Paths of the syncs that were asked for. */
  readonly synced: string[];
}

export function watched(disk: SimulatedDisk): WatchedDisk {
  const tell = (operation: string, path: string) => watchedDisk.onChange?.(operation, path);
  const watchedDisk: WatchedDisk = {
    ...disk,
    onChange: undefined,
    syncLosesPages: false,
    synced: [],
    openAppend(path) {
      if (!disk.exists(path)) tell('create', path);
      return watchedFile(disk.openAppend(path), path);
    },
    writeFile(path, data) {
      tell('writeFile', path);
      disk.writeFile(path, data);
    },
    remove(path) {
      if (disk.exists(path)) tell('remove', path);
      disk.remove(path);
    },
    rename(from, to) {
      tell('rename', from);
      disk.rename(from, to);
    },
  };
  const watchedFile = (file: DiskFile, path: string): DiskFile => {
    let syncedBytes = file.size();
    return {
      read: (into, offset) => file.read(into, offset),
      size: () => file.size(),
      close: () => file.close(),
      append(buffers) {
        tell('append', path);
        return file.append(buffers);
      },
      truncate(length) {
        tell('truncate', path);
        file.truncate(length);
      },
      async sync() {
        tell('sync', path);
        watchedDisk.synced.push(path);
        const bytes = file.size();
        try {
          await file.sync();
          syncedBytes = bytes;
        } catch (error) {
          const data = disk.files.get(path);
          if (watchedDisk.syncLosesPages && data !== undefined) disk.files.set(path, Buffer.concat([data.subarray(0, syncedBytes), Buffer.alloc(data.length - syncedBytes)]));
          throw error;
        }
      },
    };
  };
  return watchedDisk;
}
