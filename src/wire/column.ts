// A column: the values of one scrape of an image, in the order of its positions. Pure.
//
// Encoded: one byte of flags, then the raw column, compressed with zstd unless that would not pay:
//
//     flags      1: not every position has a value, a bitmap follows
//                2: samples have timestamps of their own
//                4: stored as it is, not compressed
//     raw        [bitmap, ceil(positions / 8) bytes, bit p % 8 of byte p / 8]  values, 8 bytes each (IEEE 754, little endian), only
//                those that are present   [timestamps, 8 bytes each (double, ms since the epoch)]
//
// Sizes follow from the flags, the positions and the samples, which the record's header tells. Values are moved as bits: a NaN's payload
// tells the staleness marker from an ordinary NaN.

import { TributaryError } from '../model/error.ts';
import { decompressToHeap, heap, heapAllocate, heapFree, zstdCompress } from './zstd.ts';

const HAS_BITMAP = 1;
const HAS_TIMESTAMPS = 2;
const STORED = 4;
/** Below this many bytes a zstd frame is hardly smaller than its content and costs more than it saves. */
const STORED_BELOW_BYTES = 64;
/** Level 3 makes ordinary pages 4 to 8 % smaller than level 1 for about 0.03 us a sample (benchmarks `queue` and `wire`). */
const LEVEL = 3;

let scratch = new Uint8Array(64 * 1024);

function ensureScratch(bytes: number): void {
  if (scratch.length >= bytes) return;
  scratch = new Uint8Array(Math.ceil((bytes * 1.25) / 4096) * 4096);
}

/**
 * Encodes raw column parts: `bits` holds the two halves of `samples` present values, `bitmap` the presence (undefined when all are there).
 */
export function encodeColumn(parts: {
  readonly bitmap: Uint8Array | undefined;
  readonly bits: Uint32Array;
  readonly samples: number;
  readonly timestampsMs: Float64Array | undefined;
}): Uint8Array {
  const { bitmap, bits, samples, timestampsMs } = parts;
  const bitmapBytes = bitmap?.length ?? 0;
  const total = bitmapBytes + samples * 8 * (timestampsMs === undefined ? 1 : 2);
  ensureScratch(total + 8);
  let flags = 0;
  let at = 0;
  if (bitmap !== undefined) {
    flags |= HAS_BITMAP;
    scratch.set(bitmap, 0);
    at = bitmapBytes;
  }
  scratch.set(new Uint8Array(bits.buffer, bits.byteOffset, samples * 8), at);
  at += samples * 8;
  if (timestampsMs !== undefined) {
    flags |= HAS_TIMESTAMPS;
    scratch.set(new Uint8Array(timestampsMs.buffer, timestampsMs.byteOffset, samples * 8), at);
  }
  const raw = scratch.subarray(0, total);
  const body = total < STORED_BELOW_BYTES ? raw : zstdCompress(raw, LEVEL);
  if (body === raw) flags |= STORED;
  const data = new Uint8Array(1 + body.length);
  data[0] = flags;
  data.set(body, 1);
  return data;
}

/** A decoded column, on the zstd heap (offsets in bytes) until `freeColumn`. */
export interface HeapColumn {
  readonly positions: number;
  readonly samples: number;
  /** 0 when every position has a value. */
  readonly bitmapAt: number;
  readonly valuesAt: number;
  /** 0 when every sample has the scrape's timestamp. */
  readonly timestampsAt: number;
  readonly pointer: number;
}

/** Decodes a column onto the zstd heap. Fails with COLUMN_DAMAGED or ZSTD_DECOMPRESS when its size does not fit. */
export function decodeColumnToHeap(data: Uint8Array, positions: number, samples: number): HeapColumn {
  const flags = data[0] ?? 0;
  const bitmapBytes = (flags & HAS_BITMAP) !== 0 ? Math.ceil(positions / 8) : 0;
  const valueBytes = samples * 8;
  const total = bitmapBytes + valueBytes * ((flags & HAS_TIMESTAMPS) !== 0 ? 2 : 1);
  const pointer = heapAllocate(total + 8);
  try {
    expand(data, flags, pointer, total);
  } catch (error) {
    heapFree(pointer);
    throw error;
  }
  return {
    positions,
    samples,
    bitmapAt: bitmapBytes === 0 ? 0 : pointer,
    valuesAt: pointer + bitmapBytes,
    timestampsAt: (flags & HAS_TIMESTAMPS) === 0 ? 0 : pointer + bitmapBytes + valueBytes,
    pointer,
  };
}

function expand(data: Uint8Array, flags: number, pointer: number, total: number): void {
  const body = data.subarray(1);
  if ((flags & STORED) === 0) return decompressToHeap(body, pointer, total);
  if (body.length !== total) {
    throw new TributaryError('COLUMN_DAMAGED', `column: ${total} bytes expected for its flags ${flags}, it holds ${body.length}`);
  }
  heap().set(body, pointer);
}

export function freeColumn(column: HeapColumn): void {
  heapFree(column.pointer);
}
