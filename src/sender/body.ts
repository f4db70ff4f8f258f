// A request body on its way: compressed, with what accounting needs to know about it. The samples before compression are got back by
// expanding it, so that nothing depends on the heap it was assembled on. Everything that is cut, counted or kept aside is remote write 1.0; a
// body in 2.0 has the 1.0 bytes it was made from beside it.

import type { Codec, Message, Protocol } from '../destinations/profile.ts';
import { snappyCompress, snappyDecompress } from '../wire/snappy.ts';
import { joinExemplars } from '../wire/join-exemplars.ts';
import { transcodeRequest, type FindMetadata } from '../wire/write-request-2.ts';
import { compressHeap, heap, zstdCompress, zstdDecompress } from '../wire/zstd.ts';
import { countRequest, type RequestPiece } from './split.ts';

/** Level 3 costs about as much as 1 here and gives a few percent (measured on label-rich pages). */
const ZSTD_LEVEL = 3;

export interface BodyContent {
  readonly samples: number;
  readonly exemplars: number;
  readonly metadata: number;
  /** Timestamp of the newest sample, milliseconds; undefined for metadata, which does not age. */
  readonly newestMs: number | undefined;
}

export interface EncodeOptions {
  /** Of zstd. */
  readonly level?: number;
  /** What 2.0 says about families. Default: nothing is known. */
  readonly findMetadata?: FindMetadata;
}

export interface Body extends BodyContent {
  readonly message: Message;
  readonly codec: Codec;
  readonly data: Uint8Array;
  /** Bytes of the 1.0 request before compression, whatever the message. */
  readonly rawBytes: number;
  /** The 1.0 request of a body in 2.0. */
  readonly source: Uint8Array | undefined;
  /** It cannot be said in 2.0. */
  readonly only1: boolean;
  readonly options: EncodeOptions;
}

const nothingKnown: FindMetadata = () => undefined;

/**
 * Compresses a write request (1.0 bytes). What 2.0 cannot say stays 1.0. `bytes` may be a view of the zstd heap, valid only now.
 */
export function encodeBody(bytes: Uint8Array, { message, codec }: Protocol, content: BodyContent, options: EncodeOptions = {}): Body {
  const { samples, exemplars, metadata, newestMs } = content;
  const counts = { samples, exemplars, metadata, newestMs };
  const level = options.level ?? ZSTD_LEVEL;
  const request2 = message === '2.0' ? transcodeRequest(bytes, options.findMetadata ?? nothingKnown) : undefined;
  if (request2 !== undefined) {
    // Copied before compressing: that may make the heap grow, and a view of it is gone then.
    const source = bytes.slice();
    return { message, codec, data: compress(request2, codec, level), rawBytes: source.length, source, only1: false, options, ...counts };
  }
  const only1 = message === '2.0' || metadata > 0;
  return { message: '1.0', codec, data: compress(bytes, codec, level), rawBytes: bytes.length, source: undefined, only1, options, ...counts };
}

function compress(bytes: Uint8Array, codec: Codec, level: number): Uint8Array {
  if (codec === 'snappy') return snappyCompress(bytes);
  // Copying within the heap may make it grow, and growing detaches the view that is being copied.
  if (bytes.buffer === heap().buffer) return compressHeap(bytes.byteOffset, bytes.length, level);
  return zstdCompress(bytes, level);
}

/**
 * The bodies of a piece of a write request: one, or two where exemplars would have to go in 2.0 without their samples. `about` has what cutting does
 * not change.
 */
export function encodePiece(
  part: RequestPiece, protocol: Protocol, about: { readonly metadata: number; readonly newestMs: number | undefined }, options: EncodeOptions,
): Body[] {
  const { newestMs } = about;
  if (protocol.message === '1.0' || part.exemplars === 0) {
    const metadata = about.metadata > 0 ? part.items : 0;
    return [encodeBody(part.bytes, protocol, { samples: part.samples, exemplars: part.exemplars, metadata, newestMs }, options)];
  }
  const { joined, orphans } = joinExemplars(part.bytes);
  return [joined, orphans].filter((bytes) => bytes !== undefined).map((bytes) => {
    const { samples, exemplars } = countRequest(bytes);
    return encodeBody(bytes, protocol, { samples, exemplars, metadata: 0, newestMs }, options);
  });
}

/** The 1.0 write request of a body, a copy of its own or one that nobody changes. */
export function expandBody(body: Body): Uint8Array {
  if (body.source !== undefined) return body.source;
  return body.codec === 'snappy' ? snappyDecompress(body.data) : zstdDecompress(body.data, body.rawBytes);
}

/** The same samples in another message and codec. */
export function transcodeBody(body: Body, protocol: Protocol): Body {
  const message = body.only1 ? '1.0' : protocol.message;
  if (body.message === message && body.codec === protocol.codec) return body;
  const other = encodeBody(expandBody(body), { message, codec: protocol.codec }, body, body.options);
  return { ...other, only1: other.only1 || body.only1 };
}
