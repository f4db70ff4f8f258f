// `npm run bench -- limit [live|order|over]`: a receiver with a limit of items a second that nobody has told us, an hour of backlog at the beginning, and live
// data that takes most of the limit. The real queue, sender and assembler in simulated time: hours pass in minutes, and the same seed gives the same figures.
//
//     live    live-first, live load 80 % of the limit, burst 200,000 and 2,000
//     order   the same, oldest-first
//     over    live-first, live load 120 % of the limit for an hour: nothing is lost, lag and alarm are shown

import { seededRandom } from '../../src/io/random.ts';
import type { HttpClient, HttpRequest } from '../../src/io/http/types.ts';
import { defaultQueueSettings } from '../../src/queue/config.ts';
import { openQueue, type Stream } from '../../src/queue/queue.ts';
import { Assembler } from '../../src/sender/assembly.ts';
import { createSenderGauges } from '../../src/sender/sender-gauges.ts';
import { Sender } from '../../src/sender/sender.ts';
import { countRequest } from '../../src/sender/split.ts';
import { createSenderMetrics } from '../../src/sender/telemetry.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { snappyDecompress } from '../../src/wire/snappy.ts';
import { initZstd, zstdDecompress } from '../../src/wire/zstd.ts';
import { createSimulatedDisk } from '../support/sim/disk.ts';
import { Life, START_MS } from '../support/sim/life.ts';
import { baseSettings } from '../support/sim/scenario.ts';
import { SimulatedSource } from '../support/sim/source.ts';
import { Timeline } from '../support/sim/timeline.ts';
import { zstdContentBytes } from '../support/zstd-frame.ts';

const LIMIT = 10_000;
const BACKLOG_SECONDS = 3600;
const PATIENCE_SECONDS = 17_000;

interface Case {
  readonly name: string;
  readonly burst: number;
  readonly liveShare: number;
  readonly profile: 'victoriametrics' | 'cortex';
  readonly seconds: number;
}

/** A token bucket in front of a receiver that takes everything else. */
class LimitedReceiver {
  accepted = 0;
  refusals = 0;
  /** After the first minute of sending. */
  lateRefusals = 0;
  requests = 0;
  /** Highest age on arrival of the newest samples of a request, of requests that hold fresh ones. Milliseconds. */
  readonly #timeline: Timeline;
  readonly #burst: number;
  readonly #random = seededRandom(7);
  #tokens: number;
  #filledMs: number;
  readonly #fromMs: number;
  /** Newest timestamp that has arrived. */
  newestMs = 0;

  constructor(timeline: Timeline, burst: number) {
    this.#timeline = timeline;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledMs = timeline.nowMs;
    this.#fromMs = timeline.nowMs;
  }

  client(): HttpClient {
    return {
      request: async (request) => {
        await this.#timeline.sleep(2 + this.#random.next() * 8);
        const status = this.#receive(request);
        await this.#timeline.sleep(2 + this.#random.next() * 8);
        return { status, statusText: '', headers: {}, body: Buffer.alloc(0), truncated: false };
      },
      prepare: (url) => ({ url }),
      stream: () => ({ abort: () => undefined }),
      close: async () => undefined,
    };
  }

  #receive({ body, headers }: HttpRequest): number {
    const bytes = headers['Content-Encoding'] === 'zstd' ? zstdDecompress(body!, zstdContentBytes(body!)) : snappyDecompress(body!);
    const { items } = countRequest(bytes);
    const { nowMs } = this.#timeline;
    this.requests++;
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#filledMs) / 1000) * LIMIT);
    this.#filledMs = nowMs;
    if (items > this.#tokens) {
      this.refusals++;
      if (nowMs - this.#fromMs > 60_000) this.lateRefusals++;
      return 429;
    }
    this.#tokens -= items;
    this.accepted += items;
    this.newestMs = Math.max(this.newestMs, newestTimestamp(bytes));
    return 204;
  }
}

/** Of the last sample of a request: all of one body are of the same lane. */
function newestTimestamp(bytes: Uint8Array): number {
  // The last field of the last sample is its timestamp, a varint of six bytes in these years.
  let value = 0;
  for (let i = 5; i >= 0; i--) value = value * 128 + (bytes[bytes.length - 6 + i]! & 0x7f);
  return value;
}

async function measure({ burst, liveShare, profile, seconds }: Case) {
  await initZstd();
  const timeline = new Timeline();
  const life = new Life(timeline, seededRandom(1));
  const perSecond = LIMIT * liveShare;
  const metrics = createMetrics();
  // The first minute is that of catching up: the random start of a backlog would only put it off.
  const settings = { ...baseSettings, url: 'http://a.example/write', profile, maxConcurrency: 4, backfill: { share: 0.05, startJitterMs: 0 } };
  const values = new Map<string, string>();
  const queue = await openQueue({
    path: '/queue', settings: { ...defaultQueueSettings, freeSpaceFloor: { bytes: 0 }, fsync: 'none' }, disk: createSimulatedDisk(), clock: life.clock, logger: silentLogger,
    metrics, openStore: async () => ({ load: async () => [...values], write: async () => undefined, close: async () => undefined }),
  });
  const stream = queue.stream('a', { maxBytes: 8 * 1024 ** 3 });
  const source = new SimulatedSource();
  const target = source.add({ name: 't', series: perSecond, churn: { series: 0, probability: 0 } }, seededRandom(2));
  const scrape = (atMs: number) => {
    // What a scrape leaves behind for a comparison is not needed, and would fill the memory.
    target.timesMs.length = 0;
    target.numberOf.clear();
    target.timesMs.push(0);
    stream.append([target.scrape(atMs)]);
  };
  target.scrape(0);
  for (let second = 0; second < BACKLOG_SECONDS; second++) {
    await timeline.run(timeline.nowMs + 1000);
    scrape(START_MS + timeline.nowMs);
  }
  const receiver = new LimitedReceiver(timeline, burst);
  const sender = new Sender({
    name: 'a', settings, stream, clock: life.clock, random: seededRandom(3), logger: silentLogger, version: '0', collectMetadata: () => [], cpuBusyShare: () => 0.2,
    metrics: createSenderMetrics(metrics), gauges: createSenderGauges(metrics), maxBytes: () => 8 * 1024 ** 3, createClient: () => receiver.client(),
    createAssembler: (limits) => new Assembler(limits),
  });
  sender.start();
  return drain({ timeline, stream, sender, receiver, scrape, seconds, perSecond });
}

interface Run {
  readonly timeline: Timeline;
  readonly stream: Stream;
  readonly sender: Sender;
  readonly receiver: LimitedReceiver;
  readonly scrape: (atMs: number) => void;
  readonly seconds: number;
  readonly perSecond: number;
}

async function drain({ timeline, stream, sender, receiver, scrape, seconds, perSecond }: Run) {
  const fromMs = timeline.nowMs;
  let liveLagSeconds = 0;
  let drainedSeconds = Number.POSITIVE_INFINITY;
  let alarmSeconds = Number.POSITIVE_INFINITY;
  for (let second = 1; second <= seconds; second++) {
    await timeline.run(fromMs + second * 1000);
    // What was scraped a moment ago is not late.
    if (second > 60) liveLagSeconds = Math.max(liveLagSeconds, (START_MS + timeline.nowMs - receiver.newestMs) / 1000);
    scrape(START_MS + timeline.nowMs);
    if (stream.state().counters.pending <= 3 * perSecond) {
      drainedSeconds = second;
      break;
    }
    if (second % 15 === 0 && sender.destinationState().isFallingBehind) alarmSeconds = Math.min(alarmSeconds, second);
  }
  const { counters } = stream.state();
  const state = sender.destinationState();
  const lost = Object.values(counters.lost).reduce((sum, samples) => sum + samples, 0);
  const least = (BACKLOG_SECONDS * perSecond) / (LIMIT - perSecond);
  return {
    drainedSeconds, alarmSeconds, liveLagSeconds, lost, ratio: drainedSeconds / least, refusals: receiver.refusals, lateRefusals: receiver.lateRefusals,
    learned: state.pace.itemsPerSecond ?? 0, backlogLagSeconds: state.backfill?.lagSeconds ?? state.live.lagSeconds, requests: receiver.requests,
  };
}

const CASES: Readonly<Record<string, readonly Case[]>> = {
  live: [
    { name: 'live_first burst 200,000', burst: 200_000, liveShare: 0.8, profile: 'victoriametrics', seconds: PATIENCE_SECONDS },
    { name: 'live_first burst 2,000', burst: 2000, liveShare: 0.8, profile: 'victoriametrics', seconds: PATIENCE_SECONDS },
  ],
  order: [
    { name: 'oldest_first burst 200,000', burst: 200_000, liveShare: 0.8, profile: 'cortex', seconds: PATIENCE_SECONDS },
    { name: 'oldest_first burst 2,000', burst: 2000, liveShare: 0.8, profile: 'cortex', seconds: PATIENCE_SECONDS },
  ],
  over: [{ name: '120 % live_first burst 200,000', burst: 200_000, liveShare: 1.2, profile: 'victoriametrics', seconds: 3600 }],
};

export async function run(args: readonly string[] = []) {
  const names = args.length > 0 ? args : Object.keys(CASES);
  const table: string[] = [];
  const figures: Record<string, number> = {};
  const bars: { name: string; value: number; limit: number; holds: boolean }[] = [];
  const bar = (name: string, value: number, limit: number, holds = value <= limit) => bars.push({ name, value, limit, holds });
  for (const one of names.flatMap((name) => CASES[name] ?? [])) {
    const result = await measure(one);
    table.push(`${one.name}: ${JSON.stringify(result)}`);
    for (const [key, value] of Object.entries(result)) figures[`${one.name}: ${key}`] = value;
    bar(`${one.name}: samples lost`, result.lost, 0);
    if (one.liveShare > 1) {
      bar(`${one.name}: seconds until the alarm`, result.alarmSeconds, 300);
      continue;
    }
    bar(`${one.name}: refusals after the first minute`, result.lateRefusals, 0);
    bar(`${one.name}: time to drain, of the least possible`, result.ratio, 1.1);
    if (one.profile === 'victoriametrics') bar(`${one.name}: live lag, seconds`, result.liveLagSeconds, 10);
  }
  return { table, figures, bars };
}
