// Cuts a list in protobuf into its items while it arrives. The body is four bytes of magic, then a message Unknown whose field 2 is the list's
// message, whose field 1 is ListMeta and whose field 2 is an item, again and again.
// Source: k8s.io/apimachinery pkg/runtime/generated.proto; the reference for values is message-reader.ts.

import { TributaryError } from '../model/error.ts';
import type { ListMetadata, ListSplitter } from './list-json.ts';
import { MessageReader } from './message-reader.ts';
import { Pending, checkFrameBytes } from './pending.ts';

/** `k8s` and a zero byte, before every Unknown. */
export const MAGIC = Buffer.from('k8s\0', 'latin1');

const VARINT = 0;
const DELIMITED = 2;
/** Field 2 of Unknown, and field 1 and 2 of a list, with wire type 2. */
const RAW_TAG = 0x12;
const METADATA_TAG = 0x0a;
const ITEM_TAG = 0x12;

export function createProtobufListSplitter(onItem: (item: Buffer) => void): ListSplitter {
  return new ProtobufListSplitter(onItem);
}

/** What is read now: the magic, a field's tag, its length, or its content. */
type Part = 'magic' | 'tag' | 'length' | 'value' | 'skipped' | 'kept';

class ProtobufListSplitter implements ListSplitter {
  readonly #onItem: (item: Buffer) => void;
  readonly #pending = new Pending();
  #part: Part = 'magic';
  #offset = 0;
  /** Where the list's message ends, once it has begun. */
  #listEnd: number | undefined;
  #metadata: ListMetadata = { resourceVersion: '', continueToken: '' };
  #tag = 0;
  /** The varint that is read, and the weight of its next byte. */
  #varint = 0;
  #factor = 1;
  /** Bytes of the content still to come. */
  #left = MAGIC.length;

  constructor(onItem: (item: Buffer) => void) {
    this.#onItem = onItem;
  }

  push(chunk: Buffer): void {
    const before = this.#offset;
    for (let at = 0; at < chunk.length; at = this.#offset - before) this.#step(chunk, at);
  }

  end(): ListMetadata {
    if (this.#part !== 'tag' || this.#factor !== 1 || this.#listEnd === undefined || this.#offset < this.#listEnd) throw this.#damaged('ends early');
    return this.#metadata;
  }

  #step(chunk: Buffer, at: number): void {
    if (this.#part === 'tag' || this.#part === 'length' || this.#part === 'value') return this.#readVarint(chunk[at]!);
    const bytes = Math.min(this.#left, chunk.length - at);
    this.#left -= bytes;
    this.#offset += bytes;
    const piece = chunk.subarray(at, at + bytes);
    if (this.#left > 0) {
      if (this.#part !== 'skipped') this.#pending.append(piece);
      return;
    }
    if (this.#part !== 'skipped') this.#onContent(this.#pending.complete(piece));
    this.#part = 'tag';
  }

  #onContent(content: Buffer): void {
    if (this.#part === 'magic') {
      if (!content.equals(MAGIC)) throw this.#damaged('does not begin with the magic');
    } else if (this.#tag === METADATA_TAG) this.#metadata = readListMetadata(new MessageReader(content));
    else this.#onItem(content);
  }

  #readVarint(byte: number): void {
    this.#offset++;
    this.#varint += (byte & 0x7f) * this.#factor;
    this.#factor *= 128;
    if (byte >= 0x80) {
      if (this.#factor > 2 ** 63) throw this.#damaged('holds a varint without end');
      return;
    }
    const value = this.#varint;
    this.#varint = 0;
    this.#factor = 1;
    if (this.#part === 'tag') this.#onTag(value);
    else if (this.#part === 'length') this.#onLength(value);
    else this.#part = 'tag';
  }

  #onTag(tag: number): void {
    this.#tag = tag;
    const wireType = tag & 7;
    if (wireType !== DELIMITED && wireType !== VARINT) throw this.#damaged(`holds a field of wire type ${wireType}`);
    this.#part = wireType === DELIMITED ? 'length' : 'value';
  }

  #onLength(length: number): void {
    this.#left = length;
    const isInList = this.#listEnd !== undefined && this.#offset <= this.#listEnd;
    if (!isInList && this.#tag === RAW_TAG && this.#listEnd === undefined) {
      this.#listEnd = this.#offset + length;
      this.#part = 'tag';
      return;
    }
    const isKept = isInList && (this.#tag === METADATA_TAG || this.#tag === ITEM_TAG);
    if (isKept) checkFrameBytes(length);
    this.#part = isKept ? 'kept' : 'skipped';
    if (length > 0) return;
    if (isKept) this.#onContent(Buffer.alloc(0));
    this.#part = 'tag';
  }

  #damaged(what: string): TributaryError {
    return new TributaryError('KUBERNETES_DAMAGED', `list in protobuf ${what}, at offset ${this.#offset}`);
  }
}

/** ListMeta: field 2 is the version, field 3 the token. */
export function readListMetadata(reader: MessageReader): ListMetadata {
  let resourceVersion = '';
  let continueToken = '';
  for (let number = reader.next(reader.end); number !== 0; number = reader.next(reader.end)) {
    if (number === 2) resourceVersion = reader.uniqueText();
    else if (number === 3) continueToken = reader.uniqueText();
    else reader.skip();
  }
  return { resourceVersion, continueToken };
}
