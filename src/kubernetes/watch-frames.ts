// Cuts a watch stream into events: lines of JSON, or frames of protobuf behind four bytes of length (big endian). A frame is lent to the
// callback and overwritten afterwards.

import { Pending, checkFrameBytes } from './pending.ts';

export interface Splitter {
  /** Takes the next piece of the stream; calls back for every frame that ends in it. Fails with KUBERNETES_FRAME_TOO_LARGE. */
  push(chunk: Buffer): void;
}

const LF = 10;
const LENGTH_BYTES = 4;

export function createLineSplitter(onFrame: (frame: Buffer) => void): Splitter {
  const pending = new Pending();
  return {
    push(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
        const line = pending.complete(chunk.subarray(start, end));
        start = end + 1;
        if (line.length > 0) onFrame(line);
      }
      if (start < chunk.length) pending.append(chunk.subarray(start));
    },
  };
}

export function createLengthSplitter(onFrame: (frame: Buffer) => void): Splitter {
  const pending = new Pending();
  /** Of the frame that is read; undefined while its length is. */
  let frameBytes: number | undefined;

  /** Takes up to `bytes` from the chunk; the piece they complete, or undefined. */
  const take = (chunk: Buffer, start: number, bytes: number): Buffer | undefined => {
    const missing = bytes - pending.length;
    if (chunk.length - start >= missing) return pending.complete(chunk.subarray(start, start + missing));
    if (start < chunk.length) pending.append(chunk.subarray(start));
    return undefined;
  };

  return {
    push(chunk) {
      let start = 0;
      while (start < chunk.length) {
        const wanted = frameBytes ?? LENGTH_BYTES;
        const before = pending.length;
        const piece = take(chunk, start, wanted);
        if (piece === undefined) return;
        start += wanted - before;
        if (frameBytes === undefined) {
          frameBytes = piece.readUInt32BE(0);
          checkFrameBytes(frameBytes);
        } else {
          frameBytes = undefined;
          onFrame(piece);
        }
      }
    },
  };
}
