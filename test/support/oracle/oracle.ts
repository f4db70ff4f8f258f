// The oracle receiver: decodes remote write 1.0 and 2.0 in every codec, keeps the exact set of (series, timestamp, bits of the value) and behaves like
// a receiver of a given personality. This is its core: no network and no clock of its own, so that a simulation can ask it with simulated time;
// server.ts puts HTTP in front of it.
//
//     const oracle = createOracle({ ...personalities.mimir, itemRate: { perSecond: 10_000, burst: 200_000 } });
//     const answer = oracle.receive({ headers, body, nowMs });
//     ... oracle.set({ authorization: 'Bearer b' }) ...
//     expect(oracle.compare(expected)).toMatchObject({ missing: 0, altered: 0, extra: 0 });
//
// `initZstd` has to have finished. One oracle is one tenant.

import { snappyDecompress } from '../../../src/wire/snappy.ts';
import { zstdDecompress } from '../../../src/wire/zstd.ts';
import { zstdContentBytes } from '../zstd-frame.ts';
import { decodeFlat, FlatRequest, SeriesIds } from './flat-request.ts';
import { Judge, type Judgement } from './judge.ts';
import type { Fault, ItemRate, OnBad, Personality } from './personality.ts';
import { type KeptSeries, SampleStore } from './store.ts';
import { compareSamples, type Expected, type Verdict } from './verdict.ts';

export { personalities, TSDB_ORDER, type Fault, type FaultContext, type Personality } from './personality.ts';
export { seriesKey } from './series-key.ts';
export type { KeptSeries } from './store.ts';
export type { Expected, ExpectedByRule, ExpectedSample, Verdict } from './verdict.ts';

export interface OracleOptions extends Personality {
  /** Keeps counts per series instead of samples: `series()` works, `compare` does not. */
  readonly countsOnly?: boolean;
}

export interface OracleRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  readonly nowMs: number;
}

export interface OracleAnswer {
  /** `reset-before`: nothing was kept, the connection breaks. `reset-after-commit`: the samples were kept, and the connection breaks. */
  readonly action: 'answer' | 'reset-before' | 'reset-after-commit';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Before the answer goes out. What is kept is kept at once. */
  readonly delayMs: number;
}

/** One line of the log. */
export interface RequestNote {
  readonly atMs: number;
  /** 0 for a connection that was reset. */
  readonly status: number;
  readonly wireBytes: number;
  /** Of the request, and those that were kept. 0 where it was not read. */
  readonly samples: number;
  readonly items: number;
  readonly keptSamples: number;
  /** Of the samples in it; Infinity and -Infinity without any. */
  readonly oldestMs: number;
  readonly newestMs: number;
}

export interface Oracle {
  receive(request: OracleRequest): OracleAnswer;
  /** Changes the personality from the next request on; `undefined` takes a trait away. */
  set(change: Partial<Personality>): void;
  /** Answers for the next requests, used up one by one. */
  script(...faults: readonly Fault[]): void;
  /** Every request, in order. */
  readonly log: readonly RequestNote[];
  sampleCount(): number;
  /** What is kept of a series, in the order of arrival. Key as `seriesKey` gives it. */
  series(key: string): KeptSeries | undefined;
  seriesKeys(): IterableIterator<string>;
  compare(expected: Expected): Verdict;
}

export function createOracle(options: OracleOptions = {}): Oracle {
  return new OracleReceiver(options);
}

class OracleReceiver implements Oracle {
  readonly log: RequestNote[] = [];
  readonly #ids = new SeriesIds();
  readonly #flat = new FlatRequest();
  readonly #store: SampleStore;
  readonly #judge = new Judge();
  readonly #scripted: Fault[] = [];
  readonly #countsOnly: boolean;
  #personality: Personality;
  #bucket: { tokens: number; atMs: number } | undefined;

  constructor({ countsOnly = false, ...personality }: OracleOptions) {
    this.#countsOnly = countsOnly;
    this.#store = new SampleStore(countsOnly);
    this.#personality = personality;
  }

  set(change: Partial<Personality>): void {
    this.#personality = { ...this.#personality, ...change };
    // A new limit begins with a full bucket, as a receiver does after its limits changed.
    if ('itemRate' in change) this.#bucket = undefined;
  }

  script(...faults: readonly Fault[]): void {
    this.#scripted.push(...faults);
  }

  sampleCount(): number {
    return this.#store.samples;
  }

  series(key: string): KeptSeries | undefined {
    const id = this.#ids.find(key);
    return id === undefined ? undefined : this.#store.get(id);
  }

  *seriesKeys(): IterableIterator<string> {
    for (const id of this.#store.ids()) yield this.#ids.keys[id]!;
  }

  compare(expected: Expected): Verdict {
    if (this.#countsOnly) throw new Error('this oracle has kept counts only');
    return compareSamples(expected, { series: (key) => this.series(key), keys: () => this.seriesKeys() });
  }

  receive(request: OracleRequest): OracleAnswer {
    this.#flat.clear();
    const before = this.#store.samples;
    const answer = this.#withFault(request);
    const { samples } = this.#flat;
    let oldestMs = Infinity;
    let newestMs = -Infinity;
    for (let i = 0; i < samples; i++) {
      const timeMs = this.#flat.timesMs[i]!;
      if (timeMs < oldestMs) oldestMs = timeMs;
      if (timeMs > newestMs) newestMs = timeMs;
    }
    this.log.push({
      atMs: request.nowMs, status: answer.action === 'answer' ? answer.status : 0, wireBytes: request.body.length, samples, items: this.#flat.items(),
      keptSamples: this.#store.samples - before, oldestMs, newestMs,
    });
    return answer;
  }

  #withFault(request: OracleRequest): OracleAnswer {
    const context = { nowMs: request.nowMs, number: this.log.length, headers: request.headers, wireBytes: request.body.length };
    const fault = this.#scripted.shift() ?? this.#personality.fault?.(context);
    if (fault === undefined) return this.#usual(request);
    if (fault === 'reset-before') return { ...this.#answer(request, 0, ''), action: 'reset-before' };
    if (fault === 'reset-after-commit') return { ...this.#usual(request), action: 'reset-after-commit' };
    if (!('status' in fault)) return { ...this.#usual(request), delayMs: fault.delayMs };
    if (fault.keeps === true) this.#usual(request);
    const headers: Record<string, string> = fault.retryAfter === undefined ? {} : { 'Retry-After': fault.retryAfter };
    return { ...this.#answer(request, fault.status, fault.body ?? '', headers), delayMs: fault.delayMs ?? 0 };
  }

  #answer({ nowMs }: OracleRequest, status: number, body: string, headers: Readonly<Record<string, string>> = {}): OracleAnswer {
    const { tellsDate, skewMs, delayMs } = this.#personality;
    const date: Record<string, string> = tellsDate === false ? {} : { Date: new Date(nowMs + (skewMs ?? 0)).toUTCString() };
    return { action: 'answer', status, headers: { ...date, ...headers }, body, delayMs: delayMs ?? 0 };
  }

  #usual(request: OracleRequest): OracleAnswer {
    const refusal = this.#admit(request);
    if (refusal !== undefined) return refusal;
    const declared = messageOf(request.headers);
    try {
      const message = this.#personality.isBlindToMessage === true ? '1.0' : declared;
      decodeFlat(this.#expand(request), message, this.#ids, this.#flat);
    } catch (error) {
      this.#flat.clear();
      const isTooLarge = error instanceof TooLarge;
      return this.#answer(request, isTooLarge ? this.#tooLarge() : 400, error instanceof Error ? error.message : String(error));
    }
    return this.#overLimit(request) ?? this.#keep(request, declared);
  }

  /** What is decided before the body is expanded. */
  #admit(request: OracleRequest): OracleAnswer | undefined {
    const { authorization, messages, codecs, unknownCodecStatus, bodyBytesMax } = this.#personality;
    const { headers, body } = request;
    if (authorization !== undefined && headers['authorization'] !== authorization) return this.#answer(request, 401, 'unauthorized');
    if (messages?.includes(messageOf(headers)) === false) return this.#answer(request, 415, 'unsupported message');
    const codec = headers['content-encoding'] ?? 'snappy';
    const isKnown = (codec === 'zstd' || codec === 'snappy') && codecs?.includes(codec) !== false;
    if (!isKnown) return this.#answer(request, unknownCodecStatus ?? 415, `unsupported encoding ${codec}`);
    if (bodyBytesMax !== undefined && body.length > bodyBytesMax) return this.#answer(request, this.#tooLarge(), `body of ${body.length} bytes, limit ${bodyBytesMax}`);
    return undefined;
  }

  #tooLarge(): number {
    return this.#personality.tooLargeStatus ?? 413;
  }

  #expand({ headers, body }: OracleRequest): Uint8Array {
    const max = this.#personality.rawBytesMax ?? Infinity;
    const isZstd = headers['content-encoding'] === 'zstd';
    const claimed = isZstd ? zstdContentBytes(body) : snappyClaimedBytes(body);
    if (claimed > max) throw new TooLarge(`${claimed} bytes after expansion, limit ${max}`);
    return isZstd ? zstdDecompress(body, claimed) : snappyDecompress(body);
  }

  /** Limits of the tenant refuse a request whole. */
  #overLimit(request: OracleRequest): OracleAnswer | undefined {
    const { itemRate, seriesMax } = this.#personality;
    if (itemRate !== undefined) {
      const refused = this.#takeTokens(itemRate, request);
      if (refused !== undefined) return refused;
    }
    if (seriesMax === undefined || this.#seriesAfter(seriesMax) <= seriesMax) return undefined;
    return this.#answer(request, 429, `too many active series, limit ${seriesMax}`);
  }

  #takeTokens(rate: ItemRate, request: OracleRequest): OracleAnswer | undefined {
    const items = this.#flat.items();
    const { nowMs } = request;
    this.#bucket ??= { tokens: rate.burst, atMs: nowMs };
    const passedMs = Math.max(0, nowMs - this.#bucket.atMs);
    const tokens = Math.min(rate.burst, this.#bucket.tokens + (passedMs * rate.perSecond) / 1000);
    this.#bucket = { tokens, atMs: nowMs };
    if (items <= tokens) {
      this.#bucket.tokens = tokens - items;
      return undefined;
    }
    const text = items > rate.burst ? 'exceeds the burst' : 'rate limited';
    return this.#answer(request, 429, `${text}: limit ${rate.perSecond} items a second, burst ${rate.burst}, request ${items}`, retryAfter(rate, request));
  }

  #seriesAfter(seriesMax: number): number {
    let count = 0;
    for (const _ of this.#store.ids()) count++;
    const added = new Set<number>();
    for (let i = 0; i < this.#flat.samples && count + added.size <= seriesMax; i++) {
      const id = this.#flat.series[i]!;
      if (this.#store.get(id) === undefined) added.add(id);
    }
    // Without a new series the limit does not matter.
    return added.size === 0 ? 0 : count + added.size;
  }

  #keep(request: OracleRequest, declared: '1.0' | '2.0'): OracleAnswer {
    if (this.#personality.deduplicates === true) return this.#answer(request, 202, 'not the elected replica');
    const { skewMs, goodStatus, onBad = { status: 400, keeps: 'good' } satisfies OnBad } = this.#personality;
    const judgement = this.#judge.judge(this.#flat, this.#personality, request.nowMs + (skewMs ?? 0), (series) => this.#ids.keys[series]!);
    const isRolledBack = judgement.bad > 0 && onBad.status !== 'silent' && onBad.keeps === 'nothing' && declared === '1.0';
    if (isRolledBack) this.#judge.rollback();
    else this.#store.add(this.#flat, judgement.reasons);
    const kept = isRolledBack ? 0 : this.#flat.samples - judgement.bad;
    const headers = declared === '2.0' ? this.#writtenHeaders(kept) : {};
    if (judgement.bad === 0 || onBad.status === 'silent') return this.#answer(request, goodStatus ?? 204, '', headers);
    return this.#answer(request, onBad.status, this.#complaint(judgement), headers);
  }

  #writtenHeaders(samples: number): Record<string, string> {
    if (this.#personality.isBlindToMessage === true || this.#personality.tellsWritten === false) return {};
    const prefix = 'X-Prometheus-Remote-Write';
    return { [`${prefix}-Samples-Written`]: String(samples), [`${prefix}-Histograms-Written`]: String(this.#flat.histograms), [`${prefix}-Exemplars-Written`]: String(this.#flat.exemplars) };
  }

  #complaint({ bad, firstReason, firstSeries }: Judgement): string {
    return `${firstReason}: ${this.#ids.keys[firstSeries]}; ${bad} of ${this.#flat.samples} samples`;
  }
}

class TooLarge extends Error {}

const MESSAGE_2 = 'io.prometheus.write.v2.Request';

function messageOf(headers: OracleRequest['headers']): '1.0' | '2.0' {
  return headers['content-type']?.includes(MESSAGE_2) === true ? '2.0' : '1.0';
}

/** The varint before a snappy block. */
function snappyClaimedBytes(body: Uint8Array): number {
  let bytes = 0;
  for (let i = 0; i < 5 && i < body.length; i++) {
    bytes += (body[i]! & 0x7f) * 2 ** (7 * i);
    if (body[i]! < 0x80) break;
  }
  return bytes;
}

/** Longest pause that Mimir asks for. */
const RETRY_AFTER_SECONDS_MAX = 96;

function retryAfter(rate: ItemRate, { headers, nowMs }: OracleRequest): Record<string, string> {
  if (rate.retryAfter === undefined || rate.retryAfter === 'none') return {};
  const attempt = Math.max(1, Number(headers['retry-attempt'] ?? 1));
  const seconds = Math.min(RETRY_AFTER_SECONDS_MAX, (rate.retryAfterSeconds ?? 6) * 2 ** (attempt - 1));
  return { 'Retry-After': rate.retryAfter === 'seconds' ? String(seconds) : new Date(nowMs + seconds * 1000).toUTCString() };
}
