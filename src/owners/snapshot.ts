// The snapshot of the owner index in bytes: docs/formats/owners.md.

import { crc32 } from 'node:zlib';
import type { KeptPod } from './kept-pod.ts';

export const SNAPSHOT_VERSION = 1;
const MAGIC = 'TRO1';
const HEADER_BYTES = 28;
const POD_BYTES = 25;
const FLAG_RUNNING = 1;
const FLAG_TOMBSTONE = 2;
/** A text's length has two bytes. */
const TEXT_BYTES_MAX = 0xffff;

export interface Snapshot {
  readonly writtenAtMs: number;
  /** The label that named owners; '' where pods had no say. */
  readonly podLabel: string;
  readonly pods: readonly KeptPod[];
}

/** Why bytes are no snapshot: damaged, or of another version. */
export interface SnapshotProblem {
  readonly reason: 'damaged' | 'version';
  readonly text: string;
}

export function encodeSnapshot({ writtenAtMs, podLabel, pods }: Snapshot): Buffer {
  const writer = new Writer(HEADER_BYTES + 1024 + pods.length * (POD_BYTES + 48));
  writer.skip(HEADER_BYTES);
  writer.text(podLabel);
  const places = placesOf(pods);
  writer.uint32(places.size);
  for (const text of places.keys()) writer.text(text);
  for (const pod of pods) writePod(writer, pod, places);
  const bytes = writer.finish();
  const payload = bytes.subarray(HEADER_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt16LE(SNAPSHOT_VERSION, 4);
  bytes.writeUInt16LE(0, 6);
  bytes.writeUInt32LE(payload.length, 8);
  bytes.writeUInt32LE(crc32(payload), 12);
  bytes.writeDoubleLE(writtenAtMs, 16);
  bytes.writeUInt32LE(pods.length, 24);
  return bytes;
}

function placesOf(pods: readonly KeptPod[]): Map<string, number> {
  const places = new Map([['', 0]]);
  for (const { namespace, owner, node } of pods) for (const text of [namespace, owner, node]) if (!places.has(text)) places.set(text, places.size);
  return places;
}

function writePod(writer: Writer, pod: KeptPod, places: ReadonlyMap<string, number>): void {
  writer.uint32(places.get(pod.namespace)!);
  writer.uint32(places.get(pod.owner)!);
  writer.uint32(places.get(pod.node)!);
  writer.double(pod.uidNumber);
  writer.uint8((pod.isRunning ? FLAG_RUNNING : 0) | (pod.tombstoneMs === undefined ? 0 : FLAG_TOMBSTONE));
  writer.uint32(Math.min(0xffff_ffff, Math.ceil(pod.tombstoneMs ?? 0)));
  writer.text(pod.name);
}

/** Never throws: what cannot be read is a problem. */
export function decodeSnapshot(bytes: Buffer): Snapshot | SnapshotProblem {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) return damaged(`${bytes.length} bytes without the magic ${MAGIC}`);
  const version = bytes.readUInt16LE(4);
  if (version !== SNAPSHOT_VERSION) return { reason: 'version', text: `version ${version}, this one reads ${SNAPSHOT_VERSION}` };
  const payload = bytes.subarray(HEADER_BYTES);
  const length = bytes.readUInt32LE(8);
  if (length !== payload.length) return damaged(`${payload.length} bytes of payload, expected ${length}`);
  const stored = bytes.readUInt32LE(12);
  const computed = crc32(payload);
  if (stored !== computed) return damaged(`checksum mismatch: stored ${stored.toString(16)}, computed ${computed.toString(16)}`);
  try {
    return readPayload(new Reader(payload), { writtenAtMs: bytes.readDoubleLE(16), count: bytes.readUInt32LE(24) });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return damaged(`the payload ends within a field: ${error.message}`);
  }
}

function damaged(text: string): SnapshotProblem {
  return { reason: 'damaged', text };
}

function readPayload(reader: Reader, { writtenAtMs, count }: { readonly writtenAtMs: number; readonly count: number }): Snapshot | SnapshotProblem {
  const podLabel = reader.text();
  const texts: string[] = [];
  for (let left = reader.uint32(); left > 0; left--) texts.push(reader.text());
  const pods: KeptPod[] = [];
  for (let i = 0; i < count; i++) {
    const pod = readPod(reader, texts);
    if (pod === undefined) return damaged(`pod ${i} names a text that is not there, of ${texts.length}`);
    pods.push(pod);
  }
  return { writtenAtMs, podLabel, pods };
}

function readPod(reader: Reader, texts: readonly string[]): KeptPod | undefined {
  const [namespace, owner, node] = [texts[reader.uint32()], texts[reader.uint32()], texts[reader.uint32()]];
  const uidNumber = reader.double();
  const flags = reader.uint8();
  const tombstoneMs = reader.uint32();
  const name = reader.text();
  if (namespace === undefined || owner === undefined || node === undefined) return undefined;
  return { namespace, name, uidNumber, owner, node, isRunning: (flags & FLAG_RUNNING) !== 0, tombstoneMs: (flags & FLAG_TOMBSTONE) === 0 ? undefined : tombstoneMs };
}

/** Bytes in order, in a buffer that grows. */
class Writer {
  #bytes: Buffer;
  #at = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  skip(bytes: number): void {
    this.#room(bytes);
  }

  uint8(value: number): void {
    const at = this.#room(1);
    this.#bytes.writeUInt8(value, at);
  }

  uint32(value: number): void {
    const at = this.#room(4);
    this.#bytes.writeUInt32LE(value, at);
  }

  double(value: number): void {
    const at = this.#room(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  text(value: string): void {
    const length = Math.min(TEXT_BYTES_MAX, Buffer.byteLength(value));
    const at = this.#room(2 + length);
    this.#bytes.writeUInt16LE(length, at);
    // As many bytes as characters: ASCII, which goes in without a look at each of them.
    this.#bytes.write(value, at + 2, length, length === value.length ? 'latin1' : 'utf8');
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Where the next bytes go. */
  #room(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#at, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return at;
  }
}

/** Fails with RangeError at the end of the bytes. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  text(): string {
    const length = this.#bytes.readUInt16LE(this.#take(2));
    const at = this.#take(length);
    if (this.#at > this.#bytes.length) throw new RangeError(`a text of ${length} bytes at ${at}`);
    return this.#bytes.toString('utf8', at, at + length);
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }
}
