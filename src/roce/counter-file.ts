// One file of sysfs that holds a number, read with a kept descriptor: the kernel makes the text anew for every read at offset 0, and opening costs
// twelve times as much as reading.

import { closeSync, openSync, readSync } from 'node:fs';

/** The longest 64-bit number has 20 digits; a text that fills this room is no counter. */
const textBytes = 32;
/** After a loss the file is opened again at most this often, in milliseconds: devices come back, but not every millisecond. */
const retryMs = 1000;
const text = Buffer.alloc(textBytes);

/** A counter that is kept open. */
export interface CounterReader {
  /** The number, or undefined where there is none at the moment. */
  read(nowMs: number): bigint | undefined;
  close(): void;
}

export class CounterFile implements CounterReader {
  readonly #path: string;
  #descriptor: number | undefined;
  #retryMs = -Infinity;

  constructor(path: string) {
    this.#path = path;
  }

  /** The number, or undefined where there is none: no file, no permission, a device that is gone, or a text such as "N/A (no PMA)". */
  read(nowMs: number): bigint | undefined {
    if (this.#descriptor === undefined && nowMs < this.#retryMs) return undefined;
    try {
      this.#descriptor ??= openSync(this.#path, 'r');
      return parseCount(text.toString('latin1', 0, readSync(this.#descriptor, text, 0, textBytes, 0)));
    } catch {
      // Which error it was does not matter here: the counter has no reading, and the file is tried again.
      this.close();
      this.#retryMs = nowMs + retryMs;
      return undefined;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** A decimal number of up to 64 bits with an optional newline; undefined for anything else. */
export function parseCount(content: string): bigint | undefined {
  if (!/^\d{1,20}\n?$/.test(content)) return undefined;
  const value = BigInt(content.trimEnd());
  return value < 1n << 64n ? value : undefined;
}
