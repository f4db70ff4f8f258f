// The body of a pushed request: which message and codec its headers name, how many bytes it may have before and after it is expanded.

import type { IncomingHttpHeaders } from 'node:http';
import { errorText, TributaryError } from '../model/error.ts';
import { snappyDecompress, snappyRawBytes } from '../wire/snappy.ts';
import { zstdExpand } from '../wire/zstd.ts';
import type { RefusedReason } from './receive-metrics.ts';

/** Of a body as it is sent, bytes: senders stay below 1 MiB by default; an outage's backlog may be pushed in larger ones. */
const WIRE_BYTES_MAX = 16 * 1024 ** 2;
/** Of a body when it is expanded, bytes: as in Prometheus and VictoriaMetrics. */
const BODY_BYTES_MAX = 32 * 1024 ** 2;

/** Of all bodies that are under way, bytes. */
const BYTES_MAX = 64 * 1024 ** 2;

/** Why a request is not taken, as it is answered. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: RefusedReason;

  constructor(status: number, reason: RefusedReason, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export interface Format {
  readonly message: '1.0' | '2.0';
  readonly codec: 'snappy' | 'zstd';
}

const messages = new Map<string, Format['message']>([['prometheus.WriteRequest', '1.0'], ['io.prometheus.write.v2.Request', '2.0']]);

/** Source: remote write 1.0 and 2.0, section protocol. Zstandard is VictoriaMetrics' extension of both. */
export function formatOf(headers: IncomingHttpHeaders): Format {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';').map((part) => part.trim());
  if (type.toLowerCase() !== 'application/x-protobuf') throw new Refusal(415, 'unsupported', `content type ${JSON.stringify(type)}, expected application/x-protobuf`);
  const named = parameters.find((parameter) => parameter.startsWith('proto='))?.slice('proto='.length) ?? 'prometheus.WriteRequest';
  const message = messages.get(named);
  if (message === undefined) throw new Refusal(415, 'unsupported', `message ${JSON.stringify(named)}, expected ${[...messages.keys()].join(' or ')}`);
  // Content codings have no case; an empty header says nothing.
  const codec = (headers['content-encoding'] || 'snappy').toLowerCase();
  if (codec !== 'snappy' && codec !== 'zstd') throw new Refusal(415, 'unsupported', `content encoding ${JSON.stringify(codec)}, expected snappy or zstd`);
  return { message, codec };
}

/** Memory that bodies take while they come in: many slow senders take little of it, a few large ones all. */
export class BodyRoom {
  #taken = 0;

  /** Fails with a Refusal when there is none. */
  take(bytes: number): void {
    if (this.#taken + bytes > BYTES_MAX) throw new Refusal(503, 'busy', `bodies of ${this.#taken} bytes are under way`);
    this.#taken += bytes;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
  }
}

/** The whole body; it has taken its bytes from `room` when it is there, and gave them back when it fails. */
export async function readBody(body: AsyncIterable<Uint8Array>, headers: IncomingHttpHeaders, room: BodyRoom): Promise<Buffer> {
  const told = Number(headers['content-length'] ?? 0);
  if (told > WIRE_BYTES_MAX) throw new Refusal(413, 'too_large', `a body of ${told} bytes, at most ${WIRE_BYTES_MAX} are allowed`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  let taken = 0;
  try {
    for await (const chunk of body) {
      length += chunk.length;
      if (length > WIRE_BYTES_MAX) throw new Refusal(413, 'too_large', `a body of more than ${WIRE_BYTES_MAX} bytes`);
      room.take(chunk.length);
      taken += chunk.length;
      chunks.push(chunk);
    }
  } catch (error) {
    room.give(taken);
    throw error instanceof Refusal ? error : new Refusal(400, 'broken_off', `the body broke off after ${length} bytes: ${errorText(error)}`);
  }
  return Buffer.concat(chunks);
}

export function expandBody(data: Uint8Array, codec: Format['codec']): Uint8Array {
  const claimed = codec === 'snappy' ? snappyRawBytes(data) ?? 0 : 0;
  if (claimed > BODY_BYTES_MAX) throw tooLarge();
  try {
    return codec === 'snappy' ? snappyDecompress(data) : zstdExpand(data, BODY_BYTES_MAX);
  } catch (error) {
    throw error instanceof TributaryError && error.code === 'ZSTD_TOO_LARGE' ? tooLarge() : new Refusal(400, 'damaged', errorText(error));
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, 'too_large', `a body of more than ${BODY_BYTES_MAX} bytes when it is expanded`);
}
