// Cuts a list in JSON into its items while it arrives: no list is ever held as a whole, let alone as one string (50,000 pods are 690 MB, and V8's
// longest string is 512 MB). What is around the items is kept with `[]` in their place and parsed at the end.

import { TributaryError } from '../model/error.ts';
import { field, uniqueText } from './from-json.ts';
import { Pending } from './pending.ts';
import type { Splitter } from './watch-frames.ts';

/** What a list says of itself. */
export interface ListMetadata {
  readonly resourceVersion: string;
  /** Fetches the next page; '' on the last one. */
  readonly continueToken: string;
}

export interface ListSplitter extends Splitter {
  /** After the last piece. Fails with KUBERNETES_DAMAGED when the list is not complete. */
  end(): ListMetadata;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

export function createJsonListSplitter(onItem: (item: Buffer) => void): ListSplitter {
  return new JsonListSplitter(onItem);
}

class JsonListSplitter implements ListSplitter {
  readonly #onItem: (item: Buffer) => void;
  readonly #around = new Pending();
  readonly #item = new Pending();
  #isInItems = false;
  /** Braces and brackets that are open: of the list, or within its items. */
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  constructor(onItem: (item: Buffer) => void) {
    this.#onItem = onItem;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#isInItems ? this.#readItems(chunk, at) : this.#readAround(chunk, at);
  }

  end(): ListMetadata {
    const metadata = field(parseAround(this.#around.view()), 'metadata');
    return { resourceVersion: uniqueText(metadata, 'resourceVersion'), continueToken: uniqueText(metadata, 'continue') };
  }

  /** Reads on to where the items begin, or to the end of the chunk; returns where it stopped. */
  #readAround(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (!this.#step(byte) || byte !== OPEN_BRACKET || this.#depth !== 2) continue;
      this.#around.append(chunk.subarray(start, at + 1));
      if (!isAfterItemsKey(this.#around.view())) return at + 1;
      this.#isInItems = true;
      this.#depth = 0;
      return at + 1;
    }
    this.#around.append(chunk.subarray(start));
    return chunk.length;
  }

  /** Reads on to the end of the items, or to the end of the chunk; returns where it stopped. */
  #readItems(chunk: Buffer, start: number): number {
    // Where the current item begins in this chunk; -1 between items.
    let from = this.#depth > 0 ? start : -1;
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#depth === 0 && !this.#isInString) {
        if (byte === CLOSE_BRACKET) return this.#leaveItems(chunk, at);
        if (byte === OPEN_BRACE) from = at;
      }
      if (this.#step(byte) && byte === CLOSE_BRACE && this.#depth === 0) {
        this.#onItem(this.#item.complete(chunk.subarray(from, at + 1)));
        from = -1;
      }
    }
    if (from >= 0) this.#item.append(chunk.subarray(from));
    return chunk.length;
  }

  #leaveItems(chunk: Buffer, at: number): number {
    this.#around.append(chunk.subarray(at, at + 1));
    this.#isInItems = false;
    this.#depth = 1;
    return at + 1;
  }

  /** Follows strings and depth; true for a brace or bracket outside of strings. */
  #step(byte: number): boolean {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isInString = false;
      return false;
    }
    switch (byte) {
      case QUOTE: this.#isInString = true; return false;
      case OPEN_BRACE: case OPEN_BRACKET: this.#depth++; return true;
      case CLOSE_BRACE: case CLOSE_BRACKET: this.#depth--; return true;
      default: return false;
    }
  }
}

/** Whether the bracket at the end opens the value of the key `items`. */
function isAfterItemsKey(around: Buffer): boolean {
  return /"items"\s*:\s*\[$/.test(around.toString('latin1', Math.max(0, around.length - 100)));
}

function parseAround(around: Buffer): unknown {
  try {
    return JSON.parse(around.toString('utf8'));
  } catch (cause) {
    throw new TributaryError('KUBERNETES_DAMAGED', `list does not parse as JSON, ${around.length} bytes around its items`, { cause });
  }
}
