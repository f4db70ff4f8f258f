// Reads protobuf messages straight from the bytes of a response: the caller names the fields it wants, everything else is stepped over without
// being looked at. A full pod is 12 KB, of which a projection wants one; a general decoder with trimmed schemas costs twice the CPU and
// 9 MB of code. Format: protobuf wire types 0, 1, 2 and 5 (https://protobuf.dev/programming-guides/encoding/).

import { TributaryError } from '../model/error.ts';
import { internBytes } from './intern.ts';

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/**
 * A position in a message. `next(end)` moves to a field and tells its number; the caller then takes its content with exactly one of the other
 * methods. A sub-message is read with the same reader: `const end = reader.message(); while (reader.next(end)) ...`.
 *
 * Fails with KUBERNETES_DAMAGED where bytes are no message.
 */
export class MessageReader {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;
  #wireType = VARINT;
  #start: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#start = start;
    this.at = start;
    this.end = end;
  }

  /** The number of the next field before `end`; 0 when there is none. */
  next(end: number): number {
    if (this.at >= end) return 0;
    this.#start = this.at;
    const tag = this.#varint();
    this.#wireType = tag & 7;
    return Math.floor(tag / 8);
  }

  /** The field is a sub-message: where it ends. A field of another type is stepped over, and nothing is in it. */
  message(): number {
    return this.#wireType === DELIMITED ? this.#contentEnd() : this.#skipped();
  }

  /** Text that is expected to repeat. */
  text(): string {
    const end = this.message();
    const start = this.at;
    this.at = end;
    return internBytes(this.bytes, start, end);
  }

  uniqueText(): string {
    const end = this.message();
    const start = this.at;
    this.at = end;
    return this.bytes.toString('utf8', start, end);
  }

  /** The field's bytes, copied. */
  copy(): Uint8Array {
    const end = this.message();
    const start = this.at;
    this.at = end;
    return new Uint8Array(this.bytes.subarray(start, end));
  }

  /** The field's bytes, a view. */
  view(): Buffer {
    const end = this.message();
    const start = this.at;
    this.at = end;
    return this.bytes.subarray(start, end);
  }

  /** An int32; 0 where the field is of another type. */
  integer(): number {
    const start = this.at;
    this.skip();
    if (this.#wireType !== VARINT) return 0;
    let value = 0;
    // The fifth byte holds the highest four bits; negative numbers have five more that say nothing new.
    for (let i = start, shift = 0; i < this.at && shift < 32; i++, shift += 7) value |= (this.bytes[i]! & 0x7f) << shift;
    return value;
  }

  flag(): boolean {
    return this.integer() !== 0;
  }

  skip(): void {
    switch (this.#wireType) {
      case VARINT: this.#varint(); return;
      case FIXED64: this.#moveTo(this.at + 8); return;
      case FIXED32: this.#moveTo(this.at + 4); return;
      case DELIMITED: this.at = this.#contentEnd(); return;
      default: throw this.#damaged();
    }
  }

  #skipped(): number {
    this.skip();
    return this.at;
  }

  #contentEnd(): number {
    const length = this.#varint();
    const end = this.at + length;
    if (end > this.end) throw this.#damaged();
    return end;
  }

  #moveTo(at: number): void {
    if (at > this.end) throw this.#damaged();
    this.at = at;
  }

  #varint(): number {
    const { bytes, end } = this;
    let value = 0;
    for (let factor = 1; factor <= 2 ** 63 && this.at < end; factor *= 128) {
      const byte = bytes[this.at++]!;
      if (byte < 0x80) return value + byte * factor;
      value += (byte & 0x7f) * factor;
    }
    throw this.#damaged();
  }

  #damaged(): TributaryError {
    return new TributaryError('KUBERNETES_DAMAGED', `protobuf object of ${this.end} bytes does not parse at offset ${this.#start}`);
  }
}
