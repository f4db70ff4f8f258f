// Expanded runs on the zstd heap. Those of small images (ordinary exporters) are kept, because they are needed again a second later and
// expanding them would be most of the work; those of large ones are expanded anew each time, because a million series would fill the
// budget many times over, each run pushing out another.

import { decompressToHeap, heapAllocate, heapFree } from '../wire/zstd.ts';
import type { Image, ImageRun } from '../wire/image.ts';

/** Expanded bytes kept, over all destinations: about 400 ordinary node exporters. */
const BUDGET_BYTES = 32 * 1024 * 1024;
/** An image larger than this is not kept, bytes of all its runs before compression. */
const KEPT_IMAGE_BYTES_MAX = 512 * 1024;

interface Kept {
  readonly pointer: number;
  readonly bytes: number;
}

const kept = new Map<ImageRun, Kept>();
let keptBytes = 0;
let shared = { pointer: 0, bytes: 0 };

/** Whether the runs of an image are worth keeping. */
export function isSmallImage(image: Image): boolean {
  let bytes = 0;
  for (const run of image.runs) bytes += run.rawBytes;
  return bytes <= KEPT_IMAGE_BYTES_MAX;
}

/** The heap offset of the expanded run, which belongs to a small image or not. Valid until the next call. */
export function expandedRun(run: ImageRun, isSmall: boolean): number {
  const known = kept.get(run);
  if (known !== undefined) {
    // Most recently used goes to the end.
    kept.delete(run);
    kept.set(run, known);
    return known.pointer;
  }
  return isSmall ? keep(run) : expandShared(run);
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
