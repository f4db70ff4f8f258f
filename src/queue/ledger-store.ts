// What the ledger is kept in: LevelDB through the package `level`; this is the only file that knows it. The tests of the queue
// put a map in memory in its place.

import { Level } from 'level';

export type StoreOperation = { readonly type: 'put'; readonly key: string; readonly value: string } | { readonly type: 'del'; readonly key: string };

export interface LedgerStore {
  load(): Promise<[string, string][]>;
  write(operations: readonly StoreOperation[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens the store in a folder. Fails with `StoreLocked` when another process has it, and with anything else when it is damaged. */
export type OpenStore = (path: string) => Promise<LedgerStore>;

export class StoreLocked extends Error {}

/** The ledger is a few hundred small values: the smallest buffers that LevelDB is content with. Bytes. */
const WRITE_BUFFER_BYTES = 1024 ** 2;
const CACHE_BYTES = 2 * 1024 ** 2;

export const openLevelStore: OpenStore = async (path) => {
  const level = new Level(path, {
    keyEncoding: 'utf8',
    valueEncoding: 'utf8',
    compression: false,
    writeBufferSize: WRITE_BUFFER_BYTES,
    cacheSize: CACHE_BYTES,
  });
  try {
    await level.open();
  } catch (error) {
    await level.close().catch(() => undefined);
    throw isLocked(error) ? new StoreLocked(`${path} is locked`, { cause: error }) : error;
  }
  return {
    load: () => level.iterator().all(),
    write: (operations) => level.batch([...operations], { sync: false }),
    close: () => level.close(),
  };
};

function isLocked(error: unknown): boolean {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if ((e as { code?: string }).code === 'LEVEL_LOCKED') return true;
  }
  return false;
}
