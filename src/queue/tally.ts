// Tallies: what became of the samples of a scrape before they reached the queue. One rides at the end of the payload of a record (docs/formats/queue.md,
// "Tally") and speaks of that record alone; a record without one counts its samples as scraped, and so does one whose tally cannot be read. That
// is why scraped = failed + relabelled + limited + unrouted + appended holds wherever a file ends.

import type { Tally } from './queue.ts';
import { payloadFits, type RecordHeader } from './record.ts';

/** Five numbers of at most 53 bits, seven bits to a byte. */
const TALLY_BYTES_MAX = 40;

export const noTally: Tally = { scraped: 0, failed: 0, relabelled: 0, limited: 0, unrouted: 0 };

export function addTallies(a: Tally, b: Tally): Tally {
  return {
    scraped: a.scraped + b.scraped,
    failed: a.failed + b.failed,
    relabelled: a.relabelled + b.relabelled,
    limited: a.limited + b.limited,
    unrouted: a.unrouted + b.unrouted,
  };
}

/** The tally of a record, also of one that carries none. */
export function tallyOf(record: { readonly samples: number; readonly tally?: Tally | undefined }): Tally {
  return record.tally ?? { ...noTally, scraped: record.samples };
}

export function encodeTally({ scraped, failed, relabelled, limited, unrouted }: Tally): Buffer {
  const bytes = Buffer.allocUnsafe(TALLY_BYTES_MAX);
  let at = 0;
  for (let value of [scraped, failed, relabelled, limited, unrouted]) {
    for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes[at++] = (value % 0x80) | 0x80;
    bytes[at++] = value;
  }
  return bytes.subarray(0, at);
}

/** Undefined for bytes that are no tally. */
export function decodeTally(bytes: Uint8Array): Tally | undefined {
  const values: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    values.push(value);
  }
  const [scraped, failed, relabelled, limited, unrouted] = values as [number, number, number, number, number];
  return values.length === 5 && values.every(Number.isSafeInteger) ? { scraped, failed, relabelled, limited, unrouted } : undefined;
}

/** The tally at the end of a whole payload; undefined when there is none or it cannot be trusted. */
export function tallyOfPayload(header: RecordHeader, payload: Uint8Array): Tally | undefined {
  if (header.tallyBytes === 0 || header.tallyBytes > payload.length || !payloadFits(header, payload)) return undefined;
  return decodeTally(payload.subarray(payload.length - header.tallyBytes));
}
