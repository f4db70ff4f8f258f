// Label sets as bytes: the repeated field 1 of prometheus.TimeSeries (Label {1: name, 2: value}), as runs and request bodies hold
// them. Encoding happens once per new series, so names, which repeat, are kept encoded. Pure but for that bounded memo.

import { compareUtf8 } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import { putVarint, varintBytes } from './write-request.ts';

/** Names kept encoded, over all targets: exporters use a few thousand; what is above is encoded each time. */
const NAMES_KEPT = 16_384;
/** Longer names, and labels with longer values, are not kept: whoever pushes or is scraped may tell texts of any size. Characters. */
const NAME_MAX = 256;
const VALUE_MAX = 1024;
/** Longest UTF-8 form of one UTF-16 unit, bytes. */
const BYTES_PER_UNIT = 3;

/** A name as it stands in a label, and the whole label as it was encoded last: many values repeat from one series to the next. */
interface KnownName {
  readonly name: Buffer;
  lastValue: string | undefined;
  /** Set once a value came twice. */
  lastLabel: Buffer | undefined;
}

const knownNames = new Map<string, KnownName>();

/** A growing byte buffer that is written from the front. */
export class ByteWriter {
  bytes: Buffer;
  length = 0;
  #view: DataView | undefined;

  constructor(capacityBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacityBytes);
  }

  /** All of `bytes`. */
  get view(): DataView {
    if (this.#view?.buffer !== this.bytes.buffer) this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    return this.#view;
  }

  /** Makes room for `more` bytes. */
  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + more));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/** Appends the label set, sorted by name, without empty values. Returns the bytes written. */
export function encodeLabels(labels: LabelMap, to: ByteWriter): number {
  const start = to.length;
  const names = sortedNames(labels);
  for (const name of names) encodeLabel(name, labels.get(name)!, to);
  return to.length - start;
}

/** Names as they came last and in their order: the series of a family have the same ones, so they are sorted once. */
let lastNames: readonly string[] = [];
let lastSorted: readonly string[] = [];

function sortedNames(labels: LabelMap): readonly string[] {
  let i = 0;
  for (const [name, value] of labels) {
    if (value === '') continue;
    if (lastNames[i] !== name) return sortAnew(labels);
    i++;
  }
  return i === lastNames.length ? lastSorted : sortAnew(labels);
}

function sortAnew(labels: LabelMap): readonly string[] {
  const names: string[] = [];
  for (const [name, value] of labels) if (value !== '') names.push(name);
  lastNames = names;
  lastSorted = names.toSorted(compareUtf8);
  return lastSorted;
}

function encodeLabel(name: string, value: string, to: ByteWriter): void {
  const known = knownName(name);
  to.reserve(known.name.length + value.length * BYTES_PER_UNIT + 16);
  const repeats = known.lastValue === value;
  if (repeats && known.lastLabel !== undefined) {
    to.bytes.set(known.lastLabel, to.length);
    to.length += known.lastLabel.length;
    return;
  }
  const start = to.length;
  to.length = writeLabel(known.name, value, to.bytes, start);
  known.lastValue = value.length > VALUE_MAX ? undefined : value;
  known.lastLabel = repeats ? Buffer.from(to.bytes.subarray(start, to.length)) : undefined;
}

function writeLabel(name: Buffer, value: string, bytes: Buffer, start: number): number {
  const { length } = value;
  // Written as if every character were one byte, which is nearly always so; otherwise once more by the encoder.
  const content = name.length + 1 + varintBytes(length) + length;
  let at = writeHead(name, content, length, bytes, start);
  let highest = 0;
  for (let i = 0; i < length; i++) {
    const unit = value.charCodeAt(i);
    highest |= unit;
    bytes[at++] = unit;
  }
  return highest <= 0x7f ? at : writeUtf8Label(name, value, bytes, start);
}

function writeUtf8Label(name: Buffer, value: string, bytes: Buffer, start: number): number {
  const length = Buffer.byteLength(value, 'utf8');
  const at = writeHead(name, name.length + 1 + varintBytes(length) + length, length, bytes, start);
  bytes.write(value, at, 'utf8');
  return at + length;
}

/** Everything up to the value's bytes. */
function writeHead(name: Buffer, content: number, valueBytes: number, bytes: Buffer, start: number): number {
  bytes[start] = 0x0a;
  let at = putVarint(bytes, start + 1, content);
  for (let i = 0; i < name.length; i++) bytes[at++] = name[i]!;
  bytes[at++] = 0x12;
  return putVarint(bytes, at, valueBytes);
}

/** Field 1 of Label with its tag and length. */
function knownName(name: string): KnownName {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const text = Buffer.from(name, 'utf8');
  const head = Buffer.alloc(8);
  head[0] = 0x0a;
  const encoded = Buffer.concat([head.subarray(0, putVarint(head, 1, text.length)), text]);
  const made = { name: encoded, lastValue: undefined, lastLabel: undefined };
  if (name.length <= NAME_MAX && knownNames.size < NAMES_KEPT) knownNames.set(name, made);
  return made;
}

/** Reads encoded labels back. Fails on nothing: the bytes are our own. */
export function decodeLabels(bytes: Uint8Array): [string, string][] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const labels: [string, string][] = [];
  for (let at = 0; at < bytes.length; ) {
    const label = readVarint(bytes, at + 1);
    const name = readVarint(bytes, label.next + 1);
    const value = readVarint(bytes, name.next + name.value + 1);
    labels.push([
      text.toString('utf8', name.next, name.next + name.value),
      text.toString('utf8', value.next, value.next + value.value),
    ]);
    at = label.next + label.value;
  }
  return labels;
}

/** Reads a varint below 2^32. */
export function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, next: at };
  }
}
