// A world for sender tests: a stream in memory, a client that answers as told, an assembler that makes one body per so many records, and a
// clock that stands still. Nothing here touches the network.

import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import { HttpError, type HttpErrorClass } from '../../../src/io/http/error.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../../src/io/http/types.ts';
import { seededRandom } from '../../../src/io/random.ts';
import type { DestinationSettings } from '../../../src/destinations/config.ts';
import type { QuarantineInput, QueuedRecord, ReadLimits, Stream, StreamState } from '../../../src/queue/queue.ts';
import { noLosses } from '../../../src/queue/snapshot.ts';
import { noTally } from '../../../src/queue/tally.ts';
import type { BodyAssembler } from '../../../src/sender/batch.ts';
import { createSenderGauges } from '../../../src/sender/sender-gauges.ts';
import { Sender, type SenderOptions } from '../../../src/sender/sender.ts';
import { TributaryError } from '../../../src/model/error.ts';
import { createSenderMetrics } from '../../../src/sender/telemetry.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { snappyDecompress } from '../../../src/wire/snappy.ts';
import { initZstd, zstdDecompress } from '../../../src/wire/zstd.ts';
import { createTestClock } from '../../support/clock.ts';
import { zstdContentBytes } from '../../support/zstd-frame.ts';
import { decodeWriteRequest, encodeWriteRequest, valueBits, type PlainRequest } from '../../support/write-request.ts';

await initZstd();

export interface Sent {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly codec: string;
  readonly content: PlainRequest;
  /** Names of the series, in order. */
  readonly names: readonly string[];
  readonly atMs: number;
}

export type FakeAnswer =
  | number
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | { readonly error: HttpErrorClass }
  | 'hang';

export const baseSettings: DestinationSettings = {
  name: 'a',
  url: 'http://user:secret@storage.example/insert/0/prometheus/api/v1/write',
  remoteTimeoutMs: 30_000,
  protobufMessage: 'prometheus.WriteRequest',
  writeRelabel: [],
  sendExemplars: false,
  sendNativeHistograms: false,
  roundRobinDns: false,
  http: defaultHttpClientSettings,
  queue: { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 0 },
  metadata: { send: false, sendIntervalMs: 60_000, maxSamplesPerSend: 2000 },
  profile: 'auto',
  endpoints: [],
  connectionMaxAgeMs: 300_000,
  overflow: 'drop_oldest',
  priority: 0,
  maxAgeMs: 0,
  lanes: 'auto',
  outOfOrderWindowMs: 0,
  backfill: { share: 0.05, startJitterMs: 0 },
  pace: { schedule: [] },
  maxConcurrency: 8,
  clockGuard: true,
  maxDelayMs: 1000,
  maxDelayAuto: false,
};

export interface Settled {
  readonly first: number;
  readonly last: number;
  readonly rejected: number;
  readonly expired: number;
}

const TEST_START_MS = 1_700_000_000_000;

export class FakeStream implements Stream {
  readonly name = 'a';
  readonly records: QueuedRecord[] = [];
  readonly settled: Settled[] = [];
  /** Limits every read to this many records, as a segment's end would. */
  recordsPerRead = Number.POSITIVE_INFINITY;
  failReads = 0;
  /** Every read waits for it, with its records in hand. */
  whileReading = (): Promise<void> => Promise.resolve();
  #onSettle = (): void => undefined;
  #waiting: { sequence: number; callback: () => void }[] = [];

  /** One record per call, with one sample per name. A small timestamp counts from the begin of the test clock: fresh data. */
  add(names: readonly string[], at: number, type: 'samples' | 'raw' = 'samples', exemplars = 0): void {
    const timestampMs = at < 1e9 ? TEST_START_MS + at : at;
    const series = names.map((name) => ({
      labels: [['__name__', name]] as [string, string][],
      samples: exemplars > 0 ? [] : [{ value: valueBits(1), timestampMs }],
      exemplars: Array.from({ length: exemplars }, () => ({ labels: [['id', 'x']] as [string, string][], value: valueBits(2), timestampMs })),
    }));
    const payload = encodeWriteRequest({ series });
    this.append([{ payload, samples: exemplars > 0 ? 0 : names.length, timestampMs, type }]);
  }

  count(): void {
    // Nothing is scraped here.
  }

  appendNow(inputs: readonly unknown[]): Promise<boolean> {
    this.append(inputs);
    return Promise.resolve(true);
  }

  refuses(): boolean {
    return false;
  }

  append(inputs: readonly unknown[]): void {
    for (const input of inputs as { payload: Uint8Array; samples: number; timestampMs: number; type: 'samples' | 'raw' }[]) {
      this.records.push({
        sequence: this.records.length + 1, type: input.type, samples: input.samples, timestampMs: input.timestampMs, oldestMs: input.timestampMs,
        newestMs: input.timestampMs, bytes: input.payload.length, image: undefined, positions: 0, payload: input.payload,
      });
    }
    const ready = this.#waiting.filter((waiting) => waiting.sequence < this.records.length);
    this.#waiting = this.#waiting.filter((waiting) => waiting.sequence >= this.records.length);
    for (const { callback } of ready) callback();
  }

  async read(after: number, limits: ReadLimits): Promise<QueuedRecord[]> {
    if (this.failReads-- > 0) throw new Error('input/output error');
    let samples = 0;
    const unsettled = this.records.slice(after, limits.until).filter((record) => !this.#isSettled(record));
    const newestMs = (unsettled[0]?.oldestMs ?? 0) + (limits.spanMs ?? Number.POSITIVE_INFINITY);
    const end = unsettled.findIndex((record, i) => i > 0 && record.newestMs > newestMs);
    const found = unsettled.slice(0, Math.min(this.recordsPerRead, end < 0 ? unsettled.length : end)).filter((record) => (samples += record.samples) <= limits.samples);
    await this.whileReading();
    return found;
  }

  #isSettled({ sequence }: QueuedRecord): boolean {
    return this.settled.some(({ first, last }) => sequence >= first && sequence <= last);
  }

  settle(first: number, last: number, { rejected = 0, expired = 0 }: { readonly rejected?: number; readonly expired?: number } = {}): void {
    this.settled.push({ first, last, rejected, expired });
    this.#onSettle();
  }

  /** Resolves at the next `settle`. */
  nextSettle(): Promise<void> {
    return new Promise((resolve) => (this.#onSettle = resolve));
  }

  readonly quarantined: QuarantineInput[] = [];
  quarantine(input: QuarantineInput): boolean {
    this.quarantined.push(input);
    return true;
  }

  onRecord(sequence: number, callback: () => void): void {
    if (sequence < this.records.length) callback();
    else this.#waiting.push({ sequence, callback });
  }

  state(): StreamState {
    const rest = this.records.filter((record) => !this.#isSettled(record));
    const pending = rest.reduce((sum, record) => sum + record.samples, 0);
    const appended = this.records.reduce((sum, record) => sum + record.samples, 0);
    const lost = noLosses();
    return {
      name: this.name, counters: { appended, movedIn: 0, acknowledged: appended - pending, deduplicated: 0, lost, pending, scrape: { ...noTally, scraped: appended } }, pendingRecords: rest.length,
      pendingBytes: rest.reduce((sum, record) => sum + record.bytes, 0), diskBytes: 0, segments: 1, writtenBytes: 0, newestMs: this.records.at(-1)?.newestMs,
      oldestPendingMs: rest[0]?.oldestMs, lastSequence: this.records.length, mode: 'ok', lastError: undefined, isBlocked: false,
    };
  }
}

export function createWorld(overrides: Partial<DestinationSettings> = {}, options: { recordsPerBody?: number; metadata?: SenderOptions['collectMetadata'] } = {}) {
  const clock = createTestClock();
  const stream = new FakeStream();
  const metrics = createMetrics();
  const settings: DestinationSettings = { ...baseSettings, ...overrides };
  const sent: Sent[] = [];
  const script: FakeAnswer[] = [];
  const world = {
    clock, stream, metrics, settings, sent, script,
    clients: 0, closed: 0, inFlight: 0, mostInFlight: 0,
    /** Decides when nothing is scripted. */
    answer: (_sent: Sent): FakeAnswer => 204,
    /** Every answer waits for it. */
    pause: (): Promise<void> => Promise.resolve(),
    sender: undefined as unknown as Sender,
    names: () => sent.map((one) => one.names.join('+')),
    async metric(line: string): Promise<string | undefined> {
      return (await metrics.text()).split('\n').find((text) => text.startsWith(`${line} `))?.slice(line.length + 1);
    },
  };
  const client = (): HttpClient => {
    world.clients++;
    return {
      async request(request) {
        const one = decode(request, clock.monotonicMs());
        sent.push(one);
        world.mostInFlight = Math.max(world.mostInFlight, ++world.inFlight);
        try {
          await world.pause();
          return await respond(script.shift() ?? world.answer(one), request);
        } finally {
          world.inFlight--;
        }
      },
      prepare: (url) => ({ url }),
      stream: () => ({ abort: () => undefined }),
      close: async () => void world.closed++,
    };
  };
  world.sender = new Sender({
    name: 'a', settings, stream, clock, random: seededRandom(1), logger: silentLogger, metrics: createSenderMetrics(metrics), gauges: createSenderGauges(metrics), version: '0.1.0',
    createClient: client, createAssembler: () => assembler(options.recordsPerBody ?? 100), collectMetadata: options.metadata ?? (() => []),
    cpuBusyShare: () => 0, maxBytes: () => 2 ** 30,
  });
  return world;
}

export type World = ReturnType<typeof createWorld>;

/** So many bodies find no memory. */
export const memory = { failures: 0 };

/** Bodies of so many records; a payload that begins with 0xff cannot be assembled. The buffer of a body is wiped when the next is asked for. */
function assembler(recordsPerBody: number): BodyAssembler {
  return {
    *bodies(records) {
      for (let i = 0; i < records.length; i += recordsPerBody) {
        const some = records.slice(i, i + recordsPerBody);
        if (some.some((record) => record.payload[0] === 0xff)) throw new Error('column of 3 bytes does not fit an image of 5 positions');
        if (memory.failures-- > 0) throw new TributaryError('ZSTD_MEMORY', 'zstd heap: no room for 8388608 bytes');
        const bytes = Buffer.concat(some.map((record) => record.payload));
        const samples = some.reduce((sum, record) => sum + record.samples, 0);
        yield { bytes, samples, series: samples, newestMs: Math.max(...some.map((record) => record.newestMs)) };
        bytes.fill(0);
      }
    },
  };
}

function decode(request: HttpRequest, atMs: number): Sent {
  const codec = request.headers['Content-Encoding'] ?? '';
  const content = decodeWriteRequest(codec === 'zstd' ? zstdDecompress(request.body!, zstdContentBytes(request.body!)) : snappyDecompress(request.body!));
  return { url: request.url, headers: request.headers, codec, content, names: content.series.map((series) => series.labels[0]?.[1] ?? ''), atMs };
}

function respond(answer: FakeAnswer, request: HttpRequest): Promise<HttpResponse> {
  if (answer === 'hang') {
    return new Promise((_, reject) => request.signal?.addEventListener('abort', () => reject(new HttpError('connection', 'context canceled')), { once: true }));
  }
  if (typeof answer === 'object' && 'error' in answer) return Promise.reject(new HttpError(answer.error, `Post "http://storage.example": ${answer.error}`));
  const { status, headers = {}, body = '' } = typeof answer === 'number' ? { status: answer } : answer;
  return Promise.resolve({ status, statusText: '', headers, body: Buffer.from(body), truncated: false });
}
