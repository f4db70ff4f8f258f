// The ledger's store in memory, with what LevelDB leaves after a crash: a batch is written wholly or not at all, a killed process loses none, a
// power loss the youngest ones. After a write that failed every other one fails until the store is opened again.

import type { LedgerStore, StoreOperation } from '../../../src/queue/ledger-store.ts';
import { type SimulatedDisk, systemError } from './disk.ts';

/** The system writes back what nobody synced after this time. Milliseconds. */
const WRITE_BACK_MS = 30_000;

interface Batch {
  readonly atMs: number;
  readonly operations: readonly StoreOperation[];
}

interface Content {
  values: Map<string, string>;
  /** Batches that a power loss may still take. */
  young: Batch[];
}

export class SimulatedStores {
  readonly #nowMs: () => number;
  readonly #contents = new Map<string, Content>();
  #next = 1;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The store whose name lies in the folder: a folder that was moved or removed took its store along. */
  async open(disk: SimulatedDisk, path: string): Promise<LedgerStore> {
    const content = await this.#contentAt(disk, path);
    let isFailed = false;
    return {
      load: async () => [...current(content)],
      write: async (operations) => {
        if (isFailed) throw new Error('IO error: background error');
        isFailed = true;
        if (disk.faults.readOnly) throw new Error('IO error: Read-only file system', { cause: systemError('EROFS', path) });
        if (disk.space(path).freeBytes === 0) throw new Error('IO error: No space left on device', { cause: systemError('ENOSPC', path) });
        if (disk.faults.appendError !== undefined) throw new Error('IO error: Input/output error', { cause: systemError(disk.faults.appendError, path) });
        isFailed = false;
        this.#write(content, operations);
      },
      close: async () => undefined,
    };
  }

  /** What is left when the power goes; of the youngest batches `random` decides how many. */
  losePower(random: () => number): void {
    for (const content of this.#contents.values()) {
      this.#age(content);
      const kept = Math.floor(random() * (content.young.length + 1));
      for (const { operations } of content.young.splice(0, kept)) apply(content.values, operations);
      content.young = [];
    }
  }

  /** Changes the first value of every store, so that its checksum does not fit any more. */
  damage(): void {
    for (const content of this.#contents.values()) {
      content.values = current(content);
      content.young = [];
      const [key, value] = [...content.values][0] ?? [];
      if (key !== undefined) content.values.set(key, `${value!.slice(0, -1)}#`);
    }
  }

  async #contentAt(disk: SimulatedDisk, path: string): Promise<Content> {
    const marker = `${path}/CURRENT`;
    if (!disk.exists(marker)) {
      disk.makeFolder(path);
      try {
        disk.writeFile(marker, Buffer.from(String(this.#next++)));
      } catch (error) {
        throw new Error(`IO error: ${path}: No space left on device`, { cause: error });
      }
      await disk.openAppend(marker).sync().catch(() => undefined);
    }
    const id = Buffer.from(disk.readFile(marker)).toString();
    let content = this.#contents.get(id);
    if (content === undefined) this.#contents.set(id, (content = { values: new Map(), young: [] }));
    return content;
  }

  #write(content: Content, operations: readonly StoreOperation[]): void {
    this.#age(content);
    content.young.push({ atMs: this.#nowMs(), operations: [...operations] });
  }

  #age(content: Content): void {
    const limitMs = this.#nowMs() - WRITE_BACK_MS;
    while (content.young[0] !== undefined && content.young[0].atMs <= limitMs) apply(content.values, content.young.shift()!.operations);
  }
}

function current(content: Content): Map<string, string> {
  const values = new Map(content.values);
  for (const { operations } of content.young) apply(values, operations);
  return values;
}

function apply(values: Map<string, string>, operations: readonly StoreOperation[]): void {
  for (const operation of operations) {
    if (operation.type === 'put') values.set(operation.key, operation.value);
    else values.delete(operation.key);
  }
}
