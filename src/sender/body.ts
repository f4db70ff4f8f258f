// A request body on its way: compressed, with what accounting needs to know about it. The samples before compression are got back by
// expanding it, so that nothing depends on the heap it was assembled on.

import type { Codec } from '../destinations/profile.ts';
import { snappyCompress, snappyDecompress } from '../wire/snappy.ts';
import { compressHeap, heap, zstdCompress, zstdDecompress } from '../wire/zstd.ts';

/** Level 3 costs about as much as 1 here and gives a few percent (measured on label-rich pages). */
const ZSTD_LEVEL = 3;

export interface BodyContent {
  readonly samples: number;
  readonly exemplars: number;
  readonly metadata: number;
  /** Timestamp of the newest sample, milliseconds; undefined for metadata, which does not age. */
  readonly newestMs: number | undefined;
}

export interface Body extends BodyContent {
  readonly codec: Codec;
  readonly data: Uint8Array;
  /** Bytes before compression. */
  readonly rawBytes: number;
}

/** Compresses a write request. `bytes` may be a view of the zstd heap, valid only now. */
export function encodeBody(bytes: Uint8Array, codec: Codec, content: BodyContent): Body {
  const rawBytes = bytes.length;
  const { samples, exemplars, metadata, newestMs } = content;
  return { codec, data: compress(bytes, codec), rawBytes, samples, exemplars, metadata, newestMs };
}

function compress(bytes: Uint8Array, codec: Codec): Uint8Array {
  if (codec === 'snappy') return snappyCompress(bytes);
  // Copying within the heap may make it grow, and growing detaches the view that is being copied.
  if (bytes.buffer === heap().buffer) return compressHeap(bytes.byteOffset, bytes.length, ZSTD_LEVEL);
  return zstdCompress(bytes, ZSTD_LEVEL);
}

/** The write request of a body, a copy of its own. */
export function expandBody(body: Body): Uint8Array {
  return body.codec === 'snappy' ? snappyDecompress(body.data) : zstdDecompress(body.data, body.rawBytes);
}

/** The same samples in another codec. */
export function transcodeBody(body: Body, codec: Codec): Body {
  return body.codec === codec ? body : encodeBody(expandBody(body), codec, body);
}
