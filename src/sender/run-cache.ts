// Expanded runs on the zstd heap. Small ones (ordinary exporters) are kept, because they are needed again a second later and
// expanding them would be most of the work; large ones (1 MB pieces of large pages) are expanded anew each time, because a
// million series would fill the budget many times over.

import { decompressToHeap, heapAllocate, heapFree } from '../wire/zstd.ts';
import type { ImageRun } from '../wire/image.ts';

/** Expanded bytes kept, over all destinations: about 400 ordinary node exporters. */
const BUDGET_BYTES = 32 * 1024 * 1024;
/** A run larger than this is not kept, bytes. */
const KEPT_RUN_BYTES_MAX = 256 * 1024;

interface Kept {
  readonly pointer: number;
  readonly bytes: number;
}

const kept = new Map<ImageRun, Kept>();
let keptBytes = 0;
let shared = { pointer: 0, bytes: 0 };

/** The heap offset of the expanded run. Valid until the next call. */
export function expandedRun(run: ImageRun): number {
  const known = kept.get(run);
  if (known !== undefined) {
    // Most recently used goes to the end.
    kept.delete(run);
    kept.set(run, known);
    return known.pointer;
  }
  return run.rawBytes <= KEPT_RUN_BYTES_MAX ? keep(run) : expandShared(run);
}

function keep(run: ImageRun): number {
  for (const [oldest, entry] of kept) {
    if (keptBytes + run.rawBytes <= BUDGET_BYTES) break;
    kept.delete(oldest);
    heapFree(entry.pointer);
    keptBytes -= entry.bytes;
  }
  const pointer = heapAllocate(run.rawBytes + 8);
  decompressOrFree(run, pointer);
  kept.set(run, { pointer, bytes: run.rawBytes });
  keptBytes += run.rawBytes;
  return pointer;
}

function decompressOrFree(run: ImageRun, pointer: number): void {
  try {
    decompressToHeap(run.data, pointer, run.rawBytes);
  } catch (error) {
    heapFree(pointer);
    throw error;
  }
}

function expandShared(run: ImageRun): number {
  if (shared.bytes < run.rawBytes) {
    if (shared.pointer !== 0) heapFree(shared.pointer);
    // Allocating may fail: what was given back must not be used again.
    shared = { pointer: 0, bytes: 0 };
    shared = { pointer: heapAllocate(run.rawBytes + 8), bytes: run.rawBytes };
  }
  decompressToHeap(run.data, shared.pointer, run.rawBytes);
  return shared.pointer;
}
