// Builds the image of one target for the destinations that share a set of write rules. New series are staged as encoded
// label sets and placed as a run of their own: sorted, compressed, appended. Positions are never reused, so columns that are already queued keep
// their meaning; when too much of the image has vanished, a new image with a new id takes over.
//
// Staged bytes are bounded: a run is cut as soon as a piece is full, also in the middle of a page, so that a first scrape of a large page
// never holds all its labels uncompressed.

import { nextImageId } from '../queue/image-id.ts';
import type { Image, ImageRun } from '../wire/image.ts';
import { ByteWriter, decodeLabels, readVarint } from '../wire/labels.ts';
import { putVarint, varintBytes } from '../wire/write-request.ts';
import { compressHeap, decompressToHeap, heap, heapAllocate, heapFree, zstdDecompress } from '../wire/zstd.ts';
import { Places } from './places.ts';

/** A run holds about this much before compression, bytes: what a sender has to expand at once. */
const PIECE_BYTES = 1024 * 1024;
/** A new image is built when it would be smaller than this share of the old one ... */
const LIVE_SHARE_MIN = 0.7;
/** ... or when the image has more runs than this: each costs a decompression per body and compresses on its own. */
const RUNS_MAX = 64;
/** Below this many positions an image is not worth rebuilding. */
const REBUILD_FROM_POSITIONS = 256;
/** Level 3 costs about what level 1 costs on sorted labels and is a third smaller (benchmark `wire`). */
const LEVEL = 3;

const NO_SERIES = -1;

export class ImageWriter {
  /** Series id by position; -1 where the series has gone. */
  seriesAt = new Int32Array(64).fill(NO_SERIES);
  positions = 0;
  /** Further series with the labels of a position's first one: the first that has a value speaks. */
  readonly aliases = new Map<number, number[]>();

  readonly #places: Places;
  #dead = 0;
  #runs: ImageRun[] = [];
  #image: Image = { id: nextImageId(), runs: this.#runs };
  #staging: ByteWriter | undefined;
  #stagedIds: number[] = [];
  #stagedAt: number[] = [];

  /** `places` may be shared with images that hold other series. */
  constructor(places = new Places()) {
    this.#places = places;
  }

  get image(): Image {
    return this.#image;
  }

  grow(capacity: number): void {
    this.#places.grow(capacity);
  }

  /** Stages a series. `labels` may be reused by the caller afterwards. */
  stage(id: number, labels: ByteWriter): void {
    const staging = (this.#staging ??= takeStaging());
    staging.reserve(labels.length);
    this.#stagedIds.push(id);
    this.#stagedAt.push(staging.length);
    labels.bytes.copy(staging.bytes, staging.length, 0, labels.length);
    staging.length += labels.length;
    if (staging.length >= PIECE_BYTES) this.place();
  }

  /** Gives every staged series its position. */
  place(): void {
    const staging = this.#staging;
    if (staging === undefined) return;
    const ids = this.#stagedIds;
    const starts = this.#stagedAt;
    const ends = starts.map((_, i) => (i + 1 < starts.length ? starts[i + 1]! : staging.length));
    const order = sortByBytes(staging.bytes, starts, ends);
    const piece = new RunPiece(staging.length + ids.length * 3);
    /** By place in `order`: whether the series has the labels of the one before it. */
    const isAlias = order.map((i, at) => at > 0 && sameBytes(staging.bytes, starts[order[at - 1]!]!, ends[order[at - 1]!]!, starts[i]!, ends[i]!));
    for (const [at, i] of order.entries()) if (!isAlias[at]) piece.add(staging.bytes, starts[i]!, ends[i]!);
    // Compressing may find no memory: nothing has a position before its labels are in the image.
    this.#runs.push(piece.finish(this.positions));
    for (const [at, i] of order.entries()) {
      if (isAlias[at] === true) this.#alias(this.positions - 1, ids[i]!);
      else this.#assign(ids[i]!);
    }
    this.#stagedIds = [];
    this.#stagedAt = [];
    this.#staging = undefined;
    giveStaging(staging);
  }

  #assign(id: number): void {
    if (this.positions === this.seriesAt.length) {
      const larger = new Int32Array(Math.ceil(this.positions * 1.5)).fill(NO_SERIES);
      larger.set(this.seriesAt);
      this.seriesAt = larger;
    }
    this.seriesAt[this.positions] = id;
    this.#places.position[id] = this.positions++;
  }

  #alias(position: number, id: number): void {
    const others = this.aliases.get(position);
    if (others === undefined) this.aliases.set(position, [id]);
    else others.push(id);
    this.#places.position[id] = position;
  }

  /** The label set at a position, read back from its run. For rare uses: it expands the run. */
  labelsAt(position: number): [string, string][] {
    const run = this.#runs.find((r) => position >= r.base && position < r.base + r.count)!;
    const bytes = zstdDecompress(run.data, run.rawBytes);
    let at = 0;
    for (let i = run.base; ; i++) {
      const length = readVarint(bytes, at);
      if (i === position) return decodeLabels(bytes.subarray(length.next, length.next + length.value));
      at = length.next + length.value;
    }
  }

  positionOf(id: number): number {
    return this.#places.position[id]!;
  }

  /** Forgets a series; its position stays empty until the next rebuild. */
  remove(id: number): void {
    const position = this.#places.position[id]!;
    if (position === NO_SERIES) return this.#unstage(id);
    this.#places.position[id] = NO_SERIES;
    const others = this.aliases.get(position);
    if (this.seriesAt[position] === id) {
      const heir = others?.shift();
      this.seriesAt[position] = heir ?? NO_SERIES;
      if (heir === undefined) this.#dead++;
    } else if (others !== undefined) {
      others.splice(others.indexOf(id), 1);
    }
    if (others?.length === 0) this.aliases.delete(position);
  }

  #unstage(id: number): void {
    // The bytes stay staged and become an empty position: rare (a page that broke off), not worth moving the rest.
    const at = this.#stagedIds.indexOf(id);
    if (at < 0) return;
    this.place();
    this.remove(id);
  }

  /** Builds a new image when the old one is mostly history. Call it when no column is half written. */
  rebuildIfWorn(): void {
    if (this.positions < REBUILD_FROM_POSITIONS) return;
    const worn = this.positions - this.#dead < this.positions * LIVE_SHARE_MIN;
    if (worn || this.#runs.length > RUNS_MAX + this.positions / 1000) this.#rebuild();
  }

  /** Builds a new image in any case, with what is placed. */
  renew(): void {
    if (this.positions > 0) this.#rebuild();
  }

  #rebuild(): void {
    const rawBytes = this.#runs.reduce((sum, run) => sum + run.rawBytes, 0);
    const pointer = heapAllocate(rawBytes + 8);
    try {
      this.#rebuildFrom(pointer);
    } finally {
      heapFree(pointer);
    }
  }

  #rebuildFrom(pointer: number): void {
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    let at = pointer;
    for (const run of this.#runs) {
      decompressToHeap(run.data, at, run.rawBytes);
      this.#collectLive(run, at, ids, starts, ends);
      at += run.rawBytes;
    }
    const aliases = new Map<number, number[]>();
    for (const [position, others] of this.aliases) aliases.set(this.seriesAt[position]!, others);
    const order = sortByBytes(heap(), starts, ends);
    // There may be no memory for it: until all runs are there, the old image stays as it is.
    const runs = buildRuns(order, starts, ends);
    this.#startOver();
    this.#runs.push(...runs);
    for (const i of order) {
      this.#assign(ids[i]!);
      for (const other of aliases.get(ids[i]!) ?? []) this.#alias(this.positions - 1, other);
    }
  }

  #collectLive(run: ImageRun, at: number, ids: number[], starts: number[], ends: number[]): void {
    const bytes = heap();
    let offset = at;
    for (let i = 0; i < run.count; i++) {
      let length = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[offset++]!;
        length |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      const id = this.seriesAt[run.base + i]!;
      if (id !== NO_SERIES) {
        ids.push(id);
        starts.push(offset);
        ends.push(offset + length);
      }
      offset += length;
    }
  }

  #startOver(): void {
    this.#runs = [];
    this.#image = { id: nextImageId(), runs: this.#runs };
    this.positions = 0;
    this.#dead = 0;
    this.aliases.clear();
  }
}

/** The runs of a new image from label sets that lie on the zstd heap. */
function buildRuns(order: readonly number[], starts: readonly number[], ends: readonly number[]): ImageRun[] {
  const runs: ImageRun[] = [];
  let base = 0;
  let piece = new RunPiece(PIECE_BYTES);
  const close = () => {
    if (piece.count === 0) return piece.discard();
    runs.push(piece.finish(base));
    base += piece.count;
  };
  for (const i of order) {
    const length = ends[i]! - starts[i]!;
    if (!piece.fits(length)) {
      close();
      piece = new RunPiece(Math.max(PIECE_BYTES, length));
    }
    piece.add(heap(), starts[i]!, ends[i]!);
  }
  close();
  return runs;
}

/** One run under construction, on the zstd heap. */
class RunPiece {
  count = 0;
  bytes = 0;
  readonly #pointer: number;
  readonly #room: number;

  constructor(room: number) {
    this.#room = room + 16;
    this.#pointer = heapAllocate(this.#room);
  }

  fits(length: number): boolean {
    return this.bytes + length + varintBytes(length) <= this.#room;
  }

  add(from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const to = heap();
    const at = putVarint(to, this.#pointer + this.bytes, length);
    if (from === to) to.copyWithin(at, start, end);
    else to.set(from.subarray(start, end), at);
    this.bytes = at + length - this.#pointer;
    this.count++;
  }

  finish(base: number): ImageRun {
    try {
      return { base, count: this.count, rawBytes: this.bytes, data: compressHeap(this.#pointer, this.bytes, LEVEL) };
    } finally {
      heapFree(this.#pointer);
    }
  }

  discard(): void {
    heapFree(this.#pointer);
  }
}

/** Indices in the order of the byte ranges they stand for; equal ranges keep their order. */
function sortByBytes(bytes: Uint8Array, starts: readonly number[], ends: readonly number[]): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const compare = (a: number, b: number): number => {
    let i = starts[a]!;
    let j = starts[b]!;
    const lengthA = ends[a]! - i;
    const lengthB = ends[b]! - j;
    const shared = i + Math.min(lengthA, lengthB);
    // Neighbours share long prefixes: four bytes at a time until they differ.
    while (i + 4 <= shared && view.getInt32(i) === view.getInt32(j)) {
      i += 4;
      j += 4;
    }
    for (; i < shared; i++, j++) if (bytes[i] !== bytes[j]) return bytes[i]! - bytes[j]!;
    return lengthA - lengthB || a - b;
  };
  return starts.map((_, i) => i).sort(compare);
}

function sameBytes(bytes: Uint8Array, startA: number, endA: number, startB: number, endB: number): boolean {
  if (endA - startA !== endB - startB) return false;
  for (let i = startA, j = startB; i < endA; i++, j++) if (bytes[i] !== bytes[j]) return false;
  return true;
}

// Staging buffers are lent out: only targets in the middle of taking in new series hold one.
const idleStaging: ByteWriter[] = [];
const IDLE_STAGING_MAX = 2;
/** A buffer larger than this is not kept: one label set can be large. */
const IDLE_STAGING_BYTES_MAX = 4 * PIECE_BYTES;

function takeStaging(): ByteWriter {
  return idleStaging.pop() ?? new ByteWriter(64 * 1024);
}

function giveStaging(staging: ByteWriter): void {
  staging.length = 0;
  if (idleStaging.length < IDLE_STAGING_MAX && staging.bytes.length <= IDLE_STAGING_BYTES_MAX) idleStaging.push(staging);
}
