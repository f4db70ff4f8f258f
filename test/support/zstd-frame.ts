// What a reader of zstd frames must know before it expands one.

/** Size before compression from a zstd frame header. Source: RFC 8878, 3.1.1.1. */
export function zstdContentBytes(data: Uint8Array): number {
  const frame = Buffer.from(data.buffer, data.byteOffset, data.length);
  const descriptor = frame[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const offset = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  switch (descriptor >> 6) {
    case 0:
      if (!isSingleSegment) throw new Error('zstd frame without content size');
      return frame[offset]!;
    case 1:
      return frame.readUInt16LE(offset) + 256;
    case 2:
      return frame.readUInt32LE(offset);
    default:
      return Number(frame.readBigUInt64LE(offset));
  }
}
