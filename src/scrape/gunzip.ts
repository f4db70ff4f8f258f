// Decompression of a page body. Small bodies are gathered and expanded in one synchronous call, which costs a tenth of a stream; large
// ones go through zlib's stream as they arrive, so that neither memory nor the event loop pays for their whole size at once.

import { createGunzip, gunzipSync } from 'node:zlib';
import type { Gunzip } from 'node:zlib';
import { ScrapeError } from '../model/scrape-error.ts';
import { errorText } from '../model/error.ts';

export interface PlainSink {
  /** May be called after the compressed body ended. Must not throw. */
  onPlain(chunk: Buffer): void;
  onPlainEnd(): void;
  onPlainError(error: ScrapeError): void;
}

export interface GzipBody {
  push(chunk: Buffer): void;
  /** The compressed body is complete. */
  end(): void;
  /** Nothing is called any more. */
  abort(): void;
}

/** Compressed bytes up to which a body is expanded at once: at the usual 1:10 about 640 KB of page, half a millisecond. */
const GATHER_BYTES_MAX = 64 * 1024;
/** Output buffers: the size of the last page where that is known, within these bounds. */
const OUTPUT_BYTES_MIN = 16 * 1024;
const OUTPUT_BYTES_MAX = 1024 * 1024;

export interface GunzipOptions {
  /** Plain bytes that are wanted at most; 0 for all. More may be given, but never much more. */
  readonly limitBytes: number;
  /** Plain bytes that are expected. */
  readonly expectedBytes: number;
}

export function gunzipBody(sink: PlainSink, options: GunzipOptions): GzipBody {
  const chunkSize = Math.min(Math.max(options.expectedBytes + 1024, OUTPUT_BYTES_MIN), OUTPUT_BYTES_MAX);
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  let stream: Gunzip | undefined;
  let isAborted = false;
  // zlib may still have something to say when nobody listens any more, or when the next scrape does.
  const listener: PlainSink = {
    onPlain: (chunk) => isAborted || sink.onPlain(chunk),
    onPlainEnd: () => isAborted || sink.onPlainEnd(),
    onPlainError: (error) => isAborted || sink.onPlainError(error),
  };
  return {
    push(chunk) {
      if (isAborted) return;
      // The chunk is only lent.
      const own = Buffer.from(chunk);
      if (stream !== undefined) return void stream.write(own);
      gathered.push(own);
      gatheredBytes += chunk.length;
      if (gatheredBytes <= GATHER_BYTES_MAX) return;
      stream = openStream(listener, chunkSize);
      for (const piece of gathered) stream.write(piece);
      gathered = [];
    },
    end() {
      if (stream !== undefined) return void stream.end();
      expandAtOnce(listener, gathered, { chunkSize, ...(options.limitBytes > 0 ? { maxOutputLength: options.limitBytes } : {}) });
    },
    abort() {
      isAborted = true;
      stream?.destroy();
      gathered = [];
    },
  };
}

function openStream(sink: PlainSink, chunkSize: number): Gunzip {
  const stream = createGunzip({ chunkSize });
  stream.on('data', (chunk: Buffer) => sink.onPlain(chunk));
  stream.once('end', () => sink.onPlainEnd());
  stream.once('error', (error) => sink.onPlainError(gzipError(error)));
  return stream;
}

function expandAtOnce(sink: PlainSink, gathered: readonly Buffer[], options: { chunkSize: number; maxOutputLength?: number }): void {
  let plain: Buffer;
  try {
    plain = gunzipSync(gathered.length === 1 ? gathered[0]! : Buffer.concat(gathered), options);
  } catch (error) {
    return sink.onPlainError(gzipError(error));
  }
  if (plain.length > 0) sink.onPlain(plain);
  sink.onPlainEnd();
}

/** With Go's texts for the usual cases. */
function gzipError(error: unknown): ScrapeError {
  const code = (error as { code?: unknown }).code;
  const text = errorText(error);
  if (code === 'ERR_BUFFER_TOO_LARGE') return bodySizeError();
  if (code === 'Z_BUF_ERROR') return new ScrapeError('encoding', 'unexpected EOF', { cause: error });
  const isHeader = text === 'incorrect header check' || text === 'unknown compression method';
  return new ScrapeError('encoding', isHeader ? 'gzip: invalid header' : `gzip: ${text}`, { cause: error });
}

export function bodySizeError(): ScrapeError {
  return new ScrapeError('body_size', 'body size limit exceeded');
}
