// A world for tests of deliveries: a link that answers as told, a gate that lets everything pass at once, and a clock that moves by a second with each
// answer that puts a request off. Nothing here touches the network or waits.

import type { DestinationSettings } from '../../../src/destinations/config.ts';
import type { HttpErrorClass } from '../../../src/io/http/error.ts';
import type { QuarantineInput } from '../../../src/queue/queue.ts';
import type { Body } from '../../../src/sender/body.ts';
import { Delivery, type DeliveryResult } from '../../../src/sender/delivery.ts';
import type { Admission, Gate, Lane, RequestWeight } from '../../../src/sender/gate.ts';
import type { Answer } from '../../../src/sender/link.ts';
import type { CollectMetadata } from '../../../src/sender/metadata.ts';
import { createSenderMetrics } from '../../../src/sender/telemetry.ts';
import type { Verdict } from '../../../src/sender/verdict.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { snappyDecompress } from '../../../src/wire/snappy.ts';
import { initZstd, zstdDecompress } from '../../../src/wire/zstd.ts';
import { zstdContentBytes } from '../../support/zstd-frame.ts';
import { decodeWriteRequest2 } from '../../support/write-request-2.ts';
import { decodeWriteRequest, encodeWriteRequest, valueBits, type PlainRequest, type PlainSeries } from '../../support/write-request.ts';
import { loaded } from '../config/helper.ts';

await initZstd();

export interface SentBody {
  /** As `2.0 snappy`. */
  readonly protocol: string;
  readonly names: readonly string[];
  readonly content: PlainRequest;
  readonly samples: number;
  readonly exemplars: number;
  readonly rawBytes: number;
  readonly retries: number;
}

export type ScriptedAnswer = number | { readonly status: number; readonly body?: string; readonly written?: Answer['written'] } | { readonly error: HttpErrorClass; readonly sentBody?: boolean };

/** All of a body written, as a receiver of 2.0 says it. */
export const written = (one: SentBody): ScriptedAnswer => ({ status: 204, written: { samples: one.samples, histograms: 0, exemplars: one.exemplars } });

export function createDeliveryWorld(overrides: Partial<DestinationSettings> = {}, options: { readonly metadata?: CollectMetadata } = {}) {
  const settings = settingsWith(overrides);
  const metrics = createMetrics();
  const destination = createSenderMetrics(metrics).destination('a', 'http://shown', 0);
  const sent: SentBody[] = [];
  const quarantined: (QuarantineInput & { readonly content: PlainRequest })[] = [];
  const world = {
    settings, sent, quarantined,
    nowMs: 1_700_000_000_000,
    script: [] as ScriptedAnswer[],
    /** Decides when nothing is scripted. */
    answer: (_one: SentBody): ScriptedAnswer => 204,
    /** What the gate says; after so many requests it stops. */
    admission: (_weight: RequestWeight): Admission => 'go',
    requestsMax: 10_000,
    itemsMax: Number.POSITIVE_INFINITY,
    rawBytesMax: Number.POSITIVE_INFINITY,
    isQuarantineFull: false,
    isStopping: false,
    weights: [] as RequestWeight[],
    verdicts: [] as Verdict[],
    underWay: 0,
    abort: new AbortController(),
    delivery: undefined as unknown as Delivery,
    /** New settings, as a reload brings them. */
    update: (more: Partial<DestinationSettings>) => world.delivery.update({ ...settings, ...more }, destination),
    names: () => sent.map((one) => one.names.join('+')),
    protocols: () => sent.map((one) => one.protocol),
    actions: () => world.verdicts.map((verdict) => (verdict.action === 'retry' ? `${verdict.pace} ${verdict.reason}` : verdict.action)),
    async metric(line: string): Promise<string | undefined> {
      return (await metrics.text()).split('\n').find((text) => text.startsWith(`${line} `))?.slice(line.length + 1);
    },
    /** Delivers series as one request. */
    async deliver(all: readonly PlainSeries[], { giveUpAtMs, lane = 'live' }: { giveUpAtMs?: number; lane?: Lane } = {}) {
      const bytes = encodeWriteRequest({ series: all });
      const samples = all.reduce((sum, one) => sum + one.samples.length, 0);
      const exemplars = all.reduce((sum, one) => sum + one.exemplars.length, 0);
      const newestMs = Math.max(...all.flatMap((one) => one.samples.map((sample) => sample.timestampMs)));
      const results: DeliveryResult[] = [];
      for (const body of world.delivery.bodies(bytes, { samples, exemplars, newestMs })) {
        results.push(await world.delivery.deliver(body, giveUpAtMs === undefined ? { lane } : { lane, giveUpAtMs }));
      }
      const sum = (reason: 'deduplicated' | 'rejected' | 'quarantined' | 'expired') => results.reduce((total, { settled }) => total + settled[reason], 0);
      return {
        isComplete: results.every((one) => one.isComplete),
        settled: { deduplicated: sum('deduplicated'), rejected: sum('rejected'), quarantined: sum('quarantined'), expired: sum('expired') },
      };
    },
  };
  const gate: Gate = {
    async admit(weight) {
      const admission = world.weights.length >= world.requestsMax ? 'stop' : world.admission(weight);
      if (admission !== 'stop') {
        world.underWay++;
        world.weights.push(weight);
      }
      return admission;
    },
    answered(_weight, _answer, verdict) {
      world.underWay--;
      world.verdicts.push(verdict);
      if (verdict.action === 'retry') world.nowMs += 1000;
    },
    abandoned: () => void world.underWay--,
    itemsMax: () => world.itemsMax,
    rawBytesMax: () => world.rawBytesMax,
    timeoutMs: () => 30_000,
  };
  const clock = { nowMs: () => world.nowMs, monotonicMs: () => world.nowMs, after: () => ({ cancel: () => undefined }) };
  world.delivery = new Delivery({
    link: { post: async (body, { retries }) => respond(world, body as Body, retries) },
    settings, clock, logger: silentLogger, gate, signal: world.abort.signal,
    isStopping: () => world.isStopping,
    quarantine: (input) => {
      if (!world.isQuarantineFull) quarantined.push({ ...input, content: decodeWriteRequest(input.body) });
      return !world.isQuarantineFull;
    },
    ...(options.metadata === undefined ? {} : { collectMetadata: options.metadata }),
  }, destination);
  return world;
}

export type DeliveryWorld = ReturnType<typeof createDeliveryWorld>;

/** The defaults of the configuration, for VictoriaMetrics. */
function settingsWith(overrides: Partial<DestinationSettings>): DestinationSettings {
  const [defaults] = loaded('remote_write: [{name: a, url: "http://storage.example/insert/0/prometheus/api/v1/write"}]').settings.destinations;
  return { ...defaults!, ...overrides };
}

/** A series with samples at these times, one value each. */
export function series(name: string, times: readonly number[] = [1_700_000_000_000], exemplars = 0, labels: Record<string, string> = {}): PlainSeries {
  return {
    labels: [['__name__', name], ...Object.entries(labels)],
    samples: times.map((timestampMs) => ({ value: valueBits(timestampMs), timestampMs })),
    exemplars: Array.from({ length: exemplars }, (_, i) => ({ labels: [['trace_id', `t${i}`]], value: valueBits(2), timestampMs: 1_700_000_000_000 + i })),
  };
}

export const many = (count: number, times?: readonly number[]): PlainSeries[] => Array.from({ length: count }, (_, i) => series(`m${i}`, times));

function respond(world: DeliveryWorld, body: Body, retries: number): Answer {
  const one = decode(body, retries);
  world.sent.push(one);
  const scripted = world.script.shift() ?? world.answer(one);
  const common = { retryAfterMs: undefined, seconds: 0.01, dateMs: undefined, receivedAtMs: world.nowMs };
  if (world.abort.signal.aborted) return { ...common, outcome: 'aborted', message: '', body: '', written: undefined, sentBody: true };
  if (typeof scripted === 'object' && 'error' in scripted) {
    return { ...common, outcome: { error: scripted.error }, message: `Post: ${scripted.error}`, body: '', written: undefined, sentBody: scripted.sentBody ?? true };
  }
  const { status, body: text = '', written: counts } = typeof scripted === 'number' ? { status: scripted } : scripted;
  return { ...common, outcome: { status }, message: status < 300 ? '' : `server returned HTTP status ${status}: ${text}`, body: text, written: counts, sentBody: true };
}

function decode({ message, codec, data, rawBytes }: Body, retries: number): SentBody {
  const bytes = codec === 'zstd' ? zstdDecompress(data, zstdContentBytes(data)) : snappyDecompress(data);
  const content = message === '2.0' ? decodeWriteRequest2(bytes) : decodeWriteRequest(bytes);
  const count = (of: (one: PlainSeries) => number) => content.series.reduce((sum, one) => sum + of(one), 0);
  return {
    protocol: `${message} ${codec}`, names: content.series.map((one) => one.labels[0]?.[1] ?? ''), content, rawBytes, retries,
    samples: count((one) => one.samples.length), exemplars: count((one) => one.exemplars.length),
  };
}
