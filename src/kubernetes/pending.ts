// The beginning of a frame whose end has not arrived yet. Chunks of a response are overwritten after they were handed over, so a beginning is
// copied; a frame that lies whole in one chunk never is.

import { TributaryError } from '../model/error.ts';

/**
 * Bytes of one object or event. The API server accepts objects of up to 3 MiB and etcd keeps up to 1.5 MiB; as JSON with managed fields they
 * can be several times as long. What is longer is no frame but a stream that has lost its order.
 */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;

const FIRST_BYTES = 64 * 1024;

export class Pending {
  #bytes: Buffer = Buffer.alloc(0);
  length = 0;

  /** Fails with KUBERNETES_FRAME_TOO_LARGE. */
  append(piece: Buffer): void {
    const length = this.length + piece.length;
    checkFrameBytes(length);
    if (length > this.#bytes.length) this.#grow(length);
    piece.copy(this.#bytes, this.length);
    this.length = length;
  }

  /** The bytes so far, a view that is valid until the next call of anything. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  /** The frame that ends with `piece`, valid until the next call of anything; then it is empty again. */
  complete(piece: Buffer): Buffer {
    if (this.length === 0) return piece;
    this.append(piece);
    const frame = this.view();
    this.length = 0;
    return frame;
  }

  #grow(length: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 ** Math.ceil(Math.log2(length))));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }
}

/** Fails with KUBERNETES_FRAME_TOO_LARGE. */
export function checkFrameBytes(bytes: number): void {
  if (bytes <= FRAME_BYTES_MAX) return;
  throw new TributaryError('KUBERNETES_FRAME_TOO_LARGE', `frame of at least ${bytes} bytes in an answer of the API server, at most ${FRAME_BYTES_MAX} are read`);
}
