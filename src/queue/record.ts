// Records: the header in front of each payload, written and checked here. The layout and the reasons are in
// docs/formats/queue.md, "Record"; the offsets below are the ones of its table.

import { crc32 } from 'node:zlib';

export const FORMAT_VERSION = 1;
export const HEADER_BYTES = 68;
/** "TRQ1" as it lies in the file. */
export const MAGIC = Buffer.from('TRQ1', 'latin1');
/** A payload is one column, one run of an image or one body; more than this is damage, not data. Bytes. */
export const PAYLOAD_BYTES_MAX = 1024 ** 3;

export const RECORD_IMAGE_RUN = 1;
export const RECORD_SAMPLES = 2;
export const RECORD_RAW = 3;
export const RECORD_CHECKPOINT = 4;
/** What was settled when the segment was rewritten, and is not in it any more. */
export const RECORD_GAPS = 5;

const MAGIC_NUMBER = MAGIC.readUInt32LE(0);
const CRC_OFFSET = 64;

/** What a header says. `a`, `b`, `c`, `d` of an image run: id, base, count, raw bytes; of samples: image id, positions. */
export interface RecordHeader {
  type: number;
  payloadBytes: number;
  /** Of a tally at the end of the payload, which its length and CRC include; 0 = none. */
  tallyBytes: number;
  payloadCrc: number;
  /** Its own sequence; of image runs and checkpoints the one of the next record of the stream. */
  sequence: number;
  /** Samples appended to the stream before this record. */
  samplesBefore: number;
  samples: number;
  oldestMs: number;
  newestMs: number;
  imageId: number;
  /** Positions of a samples record, base of an image run. */
  positions: number;
  timestampMs: number;
  count: number;
  rawBytes: number;
}

const noBytes = Buffer.alloc(0);

/** Writes a header at `at`, for a payload of two pieces: what the record holds, and its tally. */
export function writeHeader(into: Buffer, at: number, header: Omit<RecordHeader, 'payloadBytes' | 'payloadCrc' | 'tallyBytes'>, payload: Uint8Array, tally: Uint8Array = noBytes): void {
  into.writeUInt32LE(MAGIC_NUMBER, at);
  into[at + 4] = FORMAT_VERSION;
  into[at + 5] = header.type;
  into.writeUInt16LE(tally.length, at + 6);
  into.writeUInt32LE(payload.length + tally.length, at + 8);
  into.writeUInt32LE(tally.length === 0 ? crc32(payload) : crc32(tally, crc32(payload)), at + 12);
  into.writeUIntLE(header.sequence, at + 16, 6);
  into.writeUIntLE(header.samplesBefore, at + 22, 6);
  into.writeUInt32LE(header.samples, at + 28);
  into.writeDoubleLE(header.oldestMs, at + 32);
  into.writeDoubleLE(header.newestMs, at + 40);
  into.writeUInt32LE(header.imageId, at + 48);
  into.writeUInt32LE(header.positions, at + 52);
  if (header.type === RECORD_IMAGE_RUN) {
    into.writeUInt32LE(header.count, at + 56);
    into.writeUInt32LE(header.rawBytes, at + 60);
  } else {
    into.writeDoubleLE(header.timestampMs, at + 56);
  }
  into.writeUInt32LE(crc32(into.subarray(at, at + CRC_OFFSET)), at + CRC_OFFSET);
}

/** The header at `at`, or undefined when there is none that checks. */
export function readHeader(from: Buffer, at: number): RecordHeader | undefined {
  if (at + HEADER_BYTES > from.length) return undefined;
  if (from.readUInt32LE(at) !== MAGIC_NUMBER || from[at + 4] !== FORMAT_VERSION) return undefined;
  if (crc32(from.subarray(at, at + CRC_OFFSET)) !== from.readUInt32LE(at + CRC_OFFSET)) return undefined;
  const type = from[at + 5]!;
  const isRun = type === RECORD_IMAGE_RUN;
  return {
    type,
    tallyBytes: from.readUInt16LE(at + 6),
    payloadBytes: from.readUInt32LE(at + 8),
    payloadCrc: from.readUInt32LE(at + 12),
    sequence: from.readUIntLE(at + 16, 6),
    samplesBefore: from.readUIntLE(at + 22, 6),
    samples: from.readUInt32LE(at + 28),
    oldestMs: from.readDoubleLE(at + 32),
    newestMs: from.readDoubleLE(at + 40),
    imageId: from.readUInt32LE(at + 48),
    positions: from.readUInt32LE(at + 52),
    timestampMs: isRun ? 0 : from.readDoubleLE(at + 56),
    count: isRun ? from.readUInt32LE(at + 56) : 0,
    rawBytes: isRun ? from.readUInt32LE(at + 60) : 0,
  };
}

/** Whether the record counts in the stream (samples, raw), as opposed to what helps to read it (image runs, checkpoints). */
export function isData(header: RecordHeader): boolean {
  return header.type === RECORD_SAMPLES || header.type === RECORD_RAW;
}

/** Whether the payload is the one the header was written for. */
export function payloadFits(header: RecordHeader, payload: Uint8Array): boolean {
  return payload.length === header.payloadBytes && crc32(payload) === header.payloadCrc;
}
