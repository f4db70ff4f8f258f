// A cursor over the fields of an encoded protobuf message: what cutting, counting and transcoding of write requests read with. Nothing is
// copied. Fails with WRITE_REQUEST_DAMAGED where a message does not parse.

import { TributaryError } from '../model/error.ts';

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** After `nextField`: the field with its tag lies in [start, end), its content begins at `contentStart`. */
export interface Field {
  readonly bytes: Uint8Array;
  readonly messageEnd: number;
  tag: number;
  start: number;
  contentStart: number;
  end: number;
}

/** Where the content of a field lies, kept while its message is read on. */
export type Content = Readonly<Pick<Field, 'bytes' | 'contentStart' | 'end'>>;

/** The fields of the message in `message`, before the first. */
export function createField(bytes: Uint8Array, message: Range = { start: 0, end: bytes.length }): Field {
  return { bytes, messageEnd: message.end, tag: 0, start: message.start, contentStart: message.start, end: message.start };
}

/** The fields of the message that a length-delimited field holds. */
export function fieldsOf({ bytes, contentStart, end }: Content): Field {
  return createField(bytes, { start: contentStart, end });
}

export function contentOf({ bytes, contentStart, end }: Field): Content {
  return { bytes, contentStart, end };
}

/** Moves on to the next field; false at the end of the message. */
export function nextField(field: Field): boolean {
  if (field.end >= field.messageEnd) return false;
  field.start = field.end;
  field.contentStart = field.end;
  field.tag = readVarint(field);
  const wireType = field.tag & 7;
  const length = wireType === 2 ? readVarint(field) : wireType === 1 ? 8 : wireType === 5 ? 4 : wireType === 0 ? varintLength(field) : NaN;
  field.end = field.contentStart + length;
  if (!(field.end <= field.messageEnd)) throw damaged(field);
  return true;
}

/** The content of the field's varint as a signed 64-bit number. */
export function int64Of(field: Content): number {
  let value = 0n;
  for (let at = field.contentStart, shift = 0n; at < field.end; at++, shift += 7n) value |= BigInt(field.bytes[at]! & 0x7f) << shift;
  return Number(BigInt.asIntN(64, value));
}

function varintLength(field: Field): number {
  const { contentStart } = field;
  readVarint(field);
  const length = field.contentStart - contentStart;
  field.contentStart = contentStart;
  return length;
}

function readVarint(field: Field): number {
  const { bytes } = field;
  let value = 0;
  for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
    const byte = bytes[field.contentStart++];
    if (byte === undefined) break;
    if (byte < 0x80) return value + byte * factor;
    value += (byte & 0x7f) * factor;
  }
  throw damaged(field);
}

function damaged(field: Field): TributaryError {
  return new TributaryError('WRITE_REQUEST_DAMAGED', `write request of ${field.bytes.length} bytes does not parse at offset ${field.start}`);
}
