// Snappy, block format (never framed), as remote write 1.0 uses it. The native package where its binary loads, else the one in
// JavaScript: same format, about half as fast. This is the only file that knows either.
//
// All calls are synchronous: a request body lies on a heap that the next body overwrites, so it must be compressed before
// anything else runs.

import { createRequire } from 'node:module';
import { errorText, TributaryError } from '../model/error.ts';

export interface SnappyCodec {
  readonly name: 'native' | 'javascript';
  /** Returns a copy of its own. */
  compress(bytes: Uint8Array): Uint8Array;
  /** Returns a copy of its own; fails on damaged input. */
  decompress(data: Uint8Array): Uint8Array;
}

interface NativeSnappy {
  compressSync(input: Uint8Array): Buffer;
  uncompressSync(input: Uint8Array, options: { asBuffer: true }): Buffer;
}

interface JavascriptSnappy {
  compress(input: Uint8Array): Uint8Array;
  uncompress(input: Uint8Array): Uint8Array;
}

/** Loads the native codec; undefined where its binary is missing or does not fit this system. `load` is a seam for tests. */
export function nativeSnappy(load: (name: string) => unknown = createRequire(import.meta.url)): SnappyCodec | undefined {
  try {
    const native = load('snappy') as NativeSnappy;
    return {
      name: 'native',
      compress: (bytes) => native.compressSync(bytes),
      decompress: (data) => native.uncompressSync(data, { asBuffer: true }),
    };
  } catch {
    return undefined;
  }
}

export function javascriptSnappy(): SnappyCodec {
  const javascript = createRequire(import.meta.url)('snappyjs') as JavascriptSnappy;
  return { name: 'javascript', compress: (bytes) => javascript.compress(bytes), decompress: (data) => javascript.uncompress(checked(data)) };
}

/**
 * A block whose elements are all there and make as many bytes as it claims. The package takes a literal of more than 2^31 bytes for one of negative length and may read it for ever.
 * Source: google/snappy format_description.txt.
 */
function checked(data: Uint8Array): Uint8Array {
  let at = data.findIndex((byte) => byte < 0x80) + 1;
  let made = 0;
  while (at < data.length) {
    const tag = data[at++]!;
    const kind = tag & 3;
    let length = (tag >>> 2) + 1;
    if (kind === 1) length = ((tag >>> 2) & 7) + 4;
    const more = kind !== 0 ? [0, 1, 2, 4][kind]! : Math.max(0, length - 60);
    const number = littleEndian(data, at, more);
    at += more;
    if (kind === 0) {
      if (more > 0) length = number + 1;
      at += length;
    } else {
      const offset = kind === 1 ? number + ((tag >>> 5) << 8) : number;
      if (offset === 0 || offset > made) throw new Error(`an element refers ${offset} bytes back, behind ${made}`);
    }
    made += length;
    if (at > data.length) throw new Error('the last element breaks off');
  }
  const claimed = snappyRawBytes(data);
  if (made !== claimed) throw new Error(`its elements make ${made} bytes, it claims ${claimed ?? 'none'}`);
  return data;
}

function littleEndian(data: Uint8Array, at: number, bytes: number): number {
  let number = 0;
  for (let i = 0; i < bytes; i++) number += (data[at + i] ?? 0) * 2 ** (8 * i);
  return number;
}

let codec: SnappyCodec | undefined;

function loaded(): SnappyCodec {
  return (codec ??= nativeSnappy() ?? javascriptSnappy());
}

/** Which codec is in use; for logs. */
export function snappyName(): SnappyCodec['name'] {
  return loaded().name;
}

/** Compresses into one snappy block. Returns a copy of its own. */
export function snappyCompress(bytes: Uint8Array): Uint8Array {
  return loaded().compress(bytes);
}

/** Expands one snappy block. Fails with SNAPPY_DECOMPRESS when the data is damaged or claims more than `maxBytes`. */
export function snappyDecompress(data: Uint8Array, maxBytes = Number.POSITIVE_INFINITY): Uint8Array {
  const claimed = snappyRawBytes(data);
  if (claimed === undefined || claimed > maxBytes) {
    throw new TributaryError('SNAPPY_DECOMPRESS', `snappy: a block of ${data.length} bytes claims ${claimed ?? 'no'} bytes, at most ${maxBytes} are allowed`);
  }
  try {
    return loaded().decompress(data);
  } catch (cause) {
    throw new TributaryError('SNAPPY_DECOMPRESS', `snappy: a block of ${data.length} bytes does not expand: ${errorText(cause)}`, { cause });
  }
}

/** Size after expansion as the block's preamble (a varint of up to 32 bits) claims it; undefined when there is none. */
export function snappyRawBytes(data: Uint8Array): number | undefined {
  let size = 0;
  for (let i = 0; i < 5 && i < data.length; i++) {
    size += (data[i]! & 0x7f) * 2 ** (7 * i);
    if (data[i]! < 0x80) return size;
  }
  return undefined;
}
