// Samples that a receiver refused while it took others, kept aside for a person to look at, to put back or to drop: one file per entry, so that
// damage costs one entry. The accounts have counted them as quarantined when they left the stream; what lies here is bookkeeping. Layout:
// docs/formats/queue.md, "Refused samples".

import { crc32 } from 'node:zlib';

import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { zstdCompress, zstdDecompress } from '../wire/zstd.ts';
import type { QuarantineInput } from './queue.ts';
import { decodeName, encodeName } from './stream-name.ts';

/** All entries of a queue together, in whole blocks of the disk, bytes: a receiver that refuses everything must not fill the disk. */
export const REFUSED_BYTES_MAX = 64 * 1024 ** 2;
/** One entry on disk, bytes: a series that was isolated needs a few hundred. */
export const REFUSED_ENTRY_BYTES_MAX = 1024 ** 2;
/** What a file takes up at least. Bytes. */
const BLOCK_BYTES = 4096;
const ANSWER_CHARACTERS_MAX = 4096;
const CRC_CHARACTERS = 8;
const LINE_FEED = 0x0a;
const ZSTD_LEVEL = 3;
/** Entries of one millisecond; ids are times with this many steps. */
const IDS_PER_MS = 1024;

/** An entry without its samples. */
export interface RefusedEntry {
  /** 16 hexadecimal digits, growing with time, unique within the queue. */
  readonly id: string;
  /** Wall time, milliseconds since the epoch. */
  readonly atMs: number;
  readonly reason: string;
  readonly status: number;
  readonly answer: string;
  readonly series: string | undefined;
  readonly samples: number;
  /** Bytes of the body before compression. */
  readonly rawBytes: number;
}

export interface RefusedOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The folder, made when first needed. */
  readonly path: string;
  /** Default 64 MiB. */
  readonly bytesMax?: number;
}

export class RefusedSamples {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #path: string;
  readonly #bytesMax: number;
  /** Stream to the ids of its entries, in order, with the bytes each takes up. */
  readonly #streams = new Map<string, Map<string, number>>();
  #bytes = 0;
  #lastId = 0;

  constructor(options: RefusedOptions) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#path = options.path;
    this.#bytesMax = options.bytesMax ?? REFUSED_BYTES_MAX;
    this.#load();
  }

  /** What all entries take up on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Names of the streams that have entries. */
  streams(): string[] {
    return [...this.#streams.keys()].sort();
  }

  /** Ids of the entries of a stream, oldest first. */
  ids(stream: string): string[] {
    return [...(this.#streams.get(stream)?.keys() ?? [])];
  }

  count(stream: string): number {
    return this.#streams.get(stream)?.size ?? 0;
  }

  /** Writes an entry. False when there is no room, or the disk refuses. */
  keep(stream: string, input: QuarantineInput): boolean {
    try {
      const id = this.#nextId();
      const data = encode(id, this.#clock.nowMs(), input);
      const bytes = onDisk(data.length);
      if (data.length > REFUSED_ENTRY_BYTES_MAX || this.#bytes + bytes > this.#bytesMax) return false;
      this.#disk.makeFolder(this.#folder(stream));
      this.#disk.writeFile(this.#file(stream, id), data);
      this.#note(stream, id, bytes);
      return true;
    } catch (error) {
      this.#logger.warn('refused samples cannot be kept aside', { destination: stream, error: errorText(error) });
      return false;
    }
  }

  /** The entry without its samples; undefined when it is absent or damaged. */
  entry(stream: string, id: string): RefusedEntry | undefined {
    return this.#read(stream, id)?.entry;
  }

  /** The entry and its pieces of a write request; undefined when it is absent or damaged. */
  read(stream: string, id: string): { readonly entry: RefusedEntry; readonly body: Uint8Array } | undefined {
    const found = this.#read(stream, id);
    if (found === undefined) return undefined;
    try {
      return { entry: found.entry, body: zstdDecompress(found.body, found.entry.rawBytes) };
    } catch {
      return undefined;
    }
  }

  /** Takes an entry away, also a damaged one. Throws the system's error when the disk refuses. */
  remove(stream: string, id: string): void {
    const entries = this.#streams.get(stream);
    const bytes = entries?.get(id);
    if (entries === undefined || bytes === undefined) return;
    this.#disk.remove(this.#file(stream, id));
    entries.delete(id);
    this.#bytes -= bytes;
    if (entries.size > 0) return;
    this.#streams.delete(stream);
    this.#disk.remove(this.#folder(stream));
  }

  #load(): void {
    if (!this.#disk.exists(this.#path)) return;
    for (const folder of this.#disk.list(this.#path)) {
      const stream = decodeName(folder);
      if (stream === undefined) continue;
      for (const file of this.#disk.list(`${this.#path}/${folder}`)) {
        const id = /^([0-9a-f]{16})\.entry$/.exec(file)?.[1];
        if (id === undefined) continue;
        this.#note(stream, id, onDisk(this.#disk.fileBytes(`${this.#path}/${folder}/${file}`)));
        this.#lastId = Math.max(this.#lastId, Number.parseInt(id, 16));
      }
    }
  }

  #note(stream: string, id: string, bytes: number): void {
    const entries = this.#streams.get(stream) ?? new Map<string, number>();
    this.#streams.set(stream, entries.set(id, bytes));
    this.#bytes += bytes;
  }

  /** A time, so that the id of an entry that is gone is never given to another one. */
  #nextId(): string {
    this.#lastId = Math.max(this.#lastId + 1, Math.floor(this.#clock.nowMs()) * IDS_PER_MS);
    return this.#lastId.toString(16).padStart(16, '0');
  }

  #folder(stream: string): string {
    return `${this.#path}/${encodeName(stream)}`;
  }

  #file(stream: string, id: string): string {
    return `${this.#folder(stream)}/${id}.entry`;
  }

  #read(stream: string, id: string): { readonly entry: RefusedEntry; readonly body: Uint8Array } | undefined {
    if (this.#streams.get(stream)?.has(id) !== true) return undefined;
    try {
      return decode(Buffer.from(this.#disk.readFile(this.#file(stream, id))));
    } catch {
      return undefined;
    }
  }
}

function encode(id: string, atMs: number, input: QuarantineInput): Buffer {
  const { reason, status, series, samples, body } = input;
  const answer = input.answer.slice(0, ANSWER_CHARACTERS_MAX);
  const head = JSON.stringify({ id, atMs: Math.round(atMs), reason, status, answer, series, samples, rawBytes: body.length });
  const content = Buffer.concat([Buffer.from(`${head}\n`), zstdCompress(body, ZSTD_LEVEL)]);
  return Buffer.concat([Buffer.from(checksum(content)), content]);
}

/** Undefined for a file that does not fit its checksum, or that a later version wrote otherwise. */
function decode(data: Buffer): { readonly entry: RefusedEntry; readonly body: Uint8Array } | undefined {
  const content = data.subarray(CRC_CHARACTERS);
  if (checksum(content) !== data.toString('latin1', 0, CRC_CHARACTERS)) return undefined;
  const end = content.indexOf(LINE_FEED);
  const { series, ...head } = JSON.parse(content.toString('utf8', 0, end)) as Omit<RefusedEntry, 'series'> & { readonly series?: string };
  return { entry: { ...head, series }, body: content.subarray(end + 1) };
}

function checksum(content: Uint8Array): string {
  return crc32(content).toString(16).padStart(CRC_CHARACTERS, '0');
}

function onDisk(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
