// A remote write receiver for tests: decodes what it gets and keeps every sample exactly. Listens on 127.0.0.1, on a port of its own.
//
//     const receiver = await startReceiver();                 // accepts everything with 204
//     receiver.script({ status: 503 }, { status: 429, retryAfter: '2' }, 'reset');   // the next three requests; then 204 again
//     ... receiver.samples() ... receiver.requests ...
//     await receiver.stop();
//
// Only requests answered with 2xx add to `samples()`; `requests` has all of them.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { snappyDecompress } from '../../src/wire/snappy.ts';
import { initZstd, zstdDecompress } from '../../src/wire/zstd.ts';
import { freePort } from './ports.ts';
import { decodeWriteRequest, type PlainRequest } from './write-request.ts';
import { zstdContentBytes } from './zstd-frame.ts';

/** One answer. `reset` closes the connection instead, after the request was read and not kept. */
export type ScriptedAnswer =
  | 'reset'
  | {
      readonly status: number;
      /** The `Retry-After` header. */
      readonly retryAfter?: string;
      readonly body?: string;
      /** Real milliseconds before the answer. */
      readonly delayMs?: number;
      /** Keeps the samples although the answer is bad: a receiver that stored them and failed to say so. */
      readonly keeps?: boolean;
    };

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined when the body could not be decoded, or its encoding is refused. */
  readonly content: PlainRequest | undefined;
  readonly wireBytes: number;
  /** 0 for a reset connection. */
  readonly status: number;
  readonly atMs: number;
}

export interface ReceivedSample {
  readonly labels: Readonly<Record<string, string>>;
  /** Bits of the double, 16 hexadecimal digits. */
  readonly value: string;
  readonly timestampMs: number;
}

export interface ReceiverOptions {
  /** Answers zstd with this status instead of decoding it. */
  readonly refuseZstd?: 400 | 415;
  /** For coming back at the same address; the default is a free one. */
  readonly port?: number;
  /** Decides about a request that nothing was scripted for; undefined means 204. */
  readonly answer?: (content: PlainRequest) => ScriptedAnswer | undefined;
  /** Keeps only counts in memory, for large runs. */
  readonly countOnly?: boolean;
}

export interface Receiver {
  /** `http://127.0.0.1:<port>/api/v1/write`; every path works. */
  readonly url: string;
  readonly port: number;
  readonly requests: readonly ReceivedRequest[];
  /** Accepted samples in the order of arrival. */
  samples(): ReceivedSample[];
  sampleCount(): number;
  /** Accepted samples of one series, found by some of its labels, in the order of arrival. */
  series(labels: Readonly<Record<string, string>>): ReceivedSample[];
  /** Answers for the next requests, used up one by one; appended to what is still there. */
  script(...answers: readonly ScriptedAnswer[]): void;
  /** The answer to everything from now on, after the script; undefined means 204 again. */
  always(answer: ScriptedAnswer | undefined): void;
  refuseZstd(status: 400 | 415 | undefined): void;
  /** Resolves once `condition` holds; it is looked at after every request. Rejects after `timeoutMs` (default 20 s). */
  until(condition: () => boolean, timeoutMs?: number): Promise<void>;
  clear(): void;
  stop(): Promise<void>;
}

export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  await initZstd();
  const requests: ReceivedRequest[] = [];
  const accepted: PlainRequest[] = [];
  const scripted: ScriptedAnswer[] = [];
  const watchers = new Set<() => void>();
  let acceptedSamples = 0;
  let refusedZstd = options.refuseZstd;
  let standing: ScriptedAnswer | undefined;

  const decide = (content: PlainRequest | undefined, isZstd: boolean): ScriptedAnswer => {
    const next = scripted.shift() ?? standing;
    if (next !== undefined) return next;
    if (isZstd && refusedZstd !== undefined) return { status: refusedZstd, body: 'unsupported encoding' };
    if (content === undefined) return { status: 400, body: 'cannot decode the body' };
    return options.answer?.(content) ?? { status: 204 };
  };

  const keep = (content: PlainRequest) => {
    for (const series of content.series) acceptedSamples += series.samples.length;
    if (options.countOnly !== true) accepted.push(content);
  };

  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const isZstd = request.headers['content-encoding'] === 'zstd';
      const content = isZstd && refusedZstd !== undefined ? undefined : decode(body, isZstd);
      const answer = decide(content, isZstd);
      const status = answer === 'reset' ? 0 : answer.status;
      requests.push({
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers as Record<string, string>,
        content: options.countOnly === true ? undefined : content,
        wireBytes: body.length,
        status,
        atMs: Date.now(),
      });
      const isKept = answer !== 'reset' && (answer.keeps ?? (status >= 200 && status <= 299));
      if (isKept && content !== undefined) keep(content);
      return reply(request, response, answer).then(() => watchers.forEach((watch) => watch()));
    }, () => response.destroy());
  });
  const port = options.port ?? (await freePort());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  const samples = () => accepted.flatMap(flatten);
  return {
    url: `http://127.0.0.1:${port}/api/v1/write`,
    port,
    requests,
    samples,
    sampleCount: () => acceptedSamples,
    series: (labels) => samples().filter((sample) => Object.entries(labels).every(([name, value]) => sample.labels[name] === value)),
    script: (...answers) => void scripted.push(...answers),
    always: (answer) => void (standing = answer),
    refuseZstd: (status) => void (refusedZstd = status),
    until: (condition, timeoutMs = 20_000) => waitFor(condition, watchers, timeoutMs, () => `${requests.length} requests, ${acceptedSamples} samples`),
    clear() {
      requests.length = 0;
      accepted.length = 0;
      acceptedSamples = 0;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function waitFor(condition: () => boolean, watchers: Set<() => void>, timeoutMs: number, progress: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      watchers.delete(check);
      reject(new Error(`receiver: the condition did not come true within ${timeoutMs} ms; so far ${progress()}`));
    }, timeoutMs);
    const check = () => {
      if (!condition()) return;
      clearTimeout(timer);
      watchers.delete(check);
      resolve();
    };
    watchers.add(check);
    check();
  });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function decode(body: Buffer, isZstd: boolean): PlainRequest | undefined {
  try {
    return decodeWriteRequest(isZstd ? zstdDecompress(body, zstdContentBytes(body)) : snappyDecompress(body));
  } catch {
    return undefined;
  }
}

async function reply(request: IncomingMessage, response: ServerResponse, answer: ScriptedAnswer): Promise<void> {
  if (answer === 'reset') return void request.socket.resetAndDestroy();
  if (answer.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.delayMs));
  if (answer.retryAfter !== undefined) response.setHeader('Retry-After', answer.retryAfter);
  response.writeHead(answer.status);
  response.end(answer.body ?? '');
}

function flatten(content: PlainRequest): ReceivedSample[] {
  return content.series.flatMap((series) => {
    const labels = Object.fromEntries(series.labels);
    return series.samples.map((sample) => ({ labels, ...sample }));
  });
}
