// A disk in memory, for tests and simulations: the same contract as the real one, with faults on demand and what a crash leaves. Passes
// test/conformance/disk.test.ts. Beside the files as a process sees them (the page cache) it knows what is on the medium:
//
//     append, truncate   only in the cache, until the file is synced
//     sync               puts the file's data on the medium, and with it every change of a directory made before (as ext4, XFS and btrfs do)
//     a failed sync      the data that was to be synced is never put on the medium by a later sync (as Linux does)
//     create, rename,    on the medium in the order they were made, with the next sync of any file
//     remove
//
// `copy` is a crash of the process: the cache survives. `afterPowerLoss` is what the medium has.

import type { Disk, DiskFile } from '../../../src/io/disk.ts';

export interface Faults {
  /** Bytes the file system holds; further appends fail with ENOSPC after writing what fits. */
  capacityBytes: number;
  /** Every append fails with this code, after writing `tornBytes`. */
  appendError: string | undefined;
  tornBytes: number;
  truncateError: string | undefined;
  removeError: string | undefined;
  readError: string | undefined;
  syncError: string | undefined;
  /** Of files that were opened for writing. */
  closeError: string | undefined;
  /** Every change fails with EROFS, as after a remount. */
  readOnly: boolean;
}

export interface SimulatedDisk extends Disk {
  readonly faults: Faults;
  /** As a process sees them. */
  readonly files: Map<string, Buffer>;
  writes: number;
  syncs: number;
  /** A sync takes as long as this; at once when undefined. What is appended meanwhile is not part of it. */
  syncWait: (() => Promise<void>) | undefined;
  /** Another disk with the same bytes, as after a crash of the process. */
  copy(): SimulatedDisk;
  /** Another disk with what the medium has; of what was not synced `random` decides how much made it there. */
  afterPowerLoss(random: () => number): SimulatedDisk;
  /** Bytes from the front of a file that a power loss leaves for certain. */
  durableBytes(path: string): number;
  /** Everything as it is now is on the medium. */
  flush(): void;
}

/** A file on the medium, with what was synced of it. */
interface OnMedium {
  readonly id: number;
  readonly data: Buffer;
}

interface Stretch {
  readonly from: number;
  readonly to: number;
}

const BLOCK_BYTES = 4096;

export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code });
}

export function createSimulatedDisk(initial: Iterable<[string, Buffer]> = [], folderList: Iterable<string> = []): SimulatedDisk {
  const files = new Map<string, Buffer>([...initial].map(([path, data]) => [path, Buffer.from(data)]));
  const folders = new Set(folderList);
  const faults: Faults = {
    capacityBytes: Infinity, appendError: undefined, tornBytes: 0, truncateError: undefined, removeError: undefined, readError: undefined, syncError: undefined,
    closeError: undefined, readOnly: false,
  };
  let nextId = 1;
  const ids = new Map<string, number>([...files.keys()].map((path) => [path, nextId++]));
  const medium = new Map<string, OnMedium>([...files].map(([path, data]) => [path, { id: ids.get(path)!, data }]));
  /** Changes of directories that are not on the medium yet, in order. */
  let journal: (() => void)[] = [];
  const holes = new Map<number, Stretch[]>();

  const used = () => [...files.values()].reduce((sum, data) => sum + data.length, 0);
  const get = (path: string): Buffer => {
    const data = files.get(path);
    if (data === undefined) throw systemError('ENOENT', path);
    return data;
  };
  const idOf = (path: string): number => {
    const known = ids.get(path);
    if (known !== undefined) return known;
    // Put there by a test, behind our back: such a file is on the medium.
    ids.set(path, nextId);
    medium.set(path, { id: nextId, data: get(path) });
    return nextId++;
  };
  const mustBeWritable = (path: string) => {
    if (faults.readOnly) throw systemError('EROFS', path);
  };
  const create = (path: string, data: Buffer) => {
    const id = nextId++;
    files.set(path, data);
    ids.set(path, id);
    journal.push(() => void medium.set(path, { id, data: Buffer.alloc(0) }));
    return id;
  };
  const move = (from: string, to: string) => {
    const id = idOf(from);
    files.set(to, files.get(from)!);
    files.delete(from);
    ids.delete(from);
    ids.set(to, id);
    journal.push(() => {
      const moved = medium.get(from);
      medium.delete(from);
      if (moved !== undefined) medium.set(to, moved);
    });
  };
  const unlink = (path: string) => {
    idOf(path);
    files.delete(path);
    ids.delete(path);
    journal.push(() => void medium.delete(path));
  };
  const commitJournal = () => {
    for (const change of journal) change();
    journal = [];
  };

  /** An open file keeps its content when its name is removed, as on a real system. */
  const open = (path: string, isWriter: boolean): DiskFile => {
    const id = idOf(path);
    let content = get(path);
    const isNamed = () => ids.get(path) === id;
    const current = () => (content = isNamed() ? get(path) : content);
    const store = (data: Buffer) => {
      content = data;
      if (isNamed()) files.set(path, data);
    };
    const put = (data: Buffer) => {
      medium.forEach((on, name) => {
        if (on.id === id) medium.set(name, { id, data });
      });
    };
    return {
      append(buffers) {
        disk.writes++;
        mustBeWritable(path);
        const data = Buffer.concat(buffers);
        const room = faults.capacityBytes === Infinity ? Infinity : Math.max(0, faults.capacityBytes - used());
        const written = faults.appendError === undefined ? Math.min(room, data.length) : Math.min(faults.tornBytes, data.length);
        store(grown(current(), data.subarray(0, written)));
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
        const data = current();
        await disk.syncWait?.();
        commitJournal();
        if (faults.syncError === undefined) return put(data);
        const from = [...medium.values()].find((on) => on.id === id)?.data.length ?? 0;
        holes.set(id, [...(holes.get(id) ?? []), { from, to: data.length }]);
        throw systemError(faults.syncError, path);
      },
      size: () => current().length,
      truncate(length) {
        mustBeWritable(path);
        if (faults.truncateError !== undefined) throw systemError(faults.truncateError, path);
        store(Buffer.concat([current().subarray(0, length), Buffer.alloc(Math.max(0, length - current().length))]));
      },
      close() {
        if (isWriter && faults.closeError !== undefined) throw systemError(faults.closeError, path);
      },
    };
  };

  const isUnder = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
  const disk: SimulatedDisk = {
    faults,
    files,
    writes: 0,
    syncs: 0,
    syncWait: undefined,
    copy: () => createSimulatedDisk(files, folders),
    afterPowerLoss(random) {
      // Changes of directories reach the medium in order: some more of them may have done so.
      const kept = Math.floor(random() * (journal.length + 1));
      for (const change of journal.slice(0, kept)) change();
      journal = [];
      const cache = new Map([...ids].map(([path, id]) => [id, files.get(path)]));
      const left = [...medium].map(([path, on]): [string, Buffer] => [path, punch(tail(on.data, cache.get(on.id), random), holes.get(on.id) ?? [])]);
      return createSimulatedDisk(left, folders);
    },
    durableBytes(path) {
      const on = medium.get(path);
      if (on === undefined || on.id !== ids.get(path)) return 0;
      return Math.min(on.data.length, ...(holes.get(on.id) ?? []).map(({ from }) => from));
    },
    flush() {
      commitJournal();
      for (const [path, data] of files) medium.set(path, { id: idOf(path), data });
    },
    makeFolder(path) {
      if (folders.has(path)) return;
      mustBeWritable(path);
      for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) folders.add(path.slice(0, end));
    },
    list(path) {
      if (!folders.has(path)) throw systemError('ENOENT', path);
      const names = [...files.keys(), ...folders].filter((p) => p.startsWith(`${path}/`)).map((p) => p.slice(path.length + 1).split('/')[0]!);
      return [...new Set(names)].sort();
    },
    openAppend(path) {
      mustBeWritable(path);
      if (!files.has(path)) create(path, Buffer.alloc(0));
      return open(path, true);
    },
    openRead: (path) => open(path, false),
    readFile: (path) => Buffer.from(get(path)),
    writeFile(path, data) {
      mustBeWritable(path);
      if (used() + data.length > faults.capacityBytes) throw systemError('ENOSPC', path);
      if (files.has(path)) unlink(path);
      create(path, Buffer.from(data));
    },
    remove(path) {
      const gone = [...files.keys()].filter((file) => isUnder(file, path));
      if (gone.length > 0) mustBeWritable(path);
      if (faults.removeError !== undefined) throw systemError(faults.removeError, path);
      for (const file of gone) unlink(file);
      for (const folder of [...folders]) if (isUnder(folder, path)) folders.delete(folder);
    },
    rename(from, to) {
      mustBeWritable(from);
      if (!files.has(from) && !folders.has(from)) throw systemError('ENOENT', from);
      for (const file of [...files.keys()].filter((name) => isUnder(name, from))) move(file, to + file.slice(from.length));
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

/** The data with more behind it, in the same memory where there is room: a long file is not copied for every record. */
function grown(data: Buffer, more: Uint8Array): Buffer {
  const length = data.length + more.length;
  const end = data.byteOffset + length;
  const owner = backings.get(data.buffer);
  // Only the newest view of a backing may grow into what lies behind it.
  if (owner === data.byteOffset + data.length && end <= data.buffer.byteLength) {
    const view = Buffer.from(data.buffer, data.byteOffset, length);
    view.set(more, data.length);
    backings.set(data.buffer, end);
    return view;
  }
  const backing = new ArrayBuffer(Math.max(256, length * 2));
  const view = Buffer.from(backing, 0, length);
  view.set(data);
  view.set(more, data.length);
  backings.set(backing, length);
  return view;
}

/** Where the newest view of a memory of ours ends. */
const backings = new WeakMap<ArrayBufferLike, number>();

/** What was synced, and of what was not: nothing, a part, or the length with blocks that were not written. */
function tail(synced: Buffer, cache: Buffer | undefined, random: () => number): Buffer {
  if (cache === undefined || cache.length <= synced.length) return synced;
  const length = synced.length + Math.floor(random() * (cache.length - synced.length + 1));
  const data = Buffer.concat([synced, cache.subarray(synced.length, length)]);
  if (random() < 0.7) return data;
  for (let at = synced.length; at < length; at = (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES) {
    if (random() < 0.5) data.fill(0, at, Math.min(length, (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES));
  }
  return data;
}

function punch(data: Buffer, holes: readonly Stretch[]): Buffer {
  if (holes.length === 0) return data;
  const copy = Buffer.from(data);
  for (const { from, to } of holes) copy.fill(0, from, Math.min(to, copy.length));
  return copy;
}
