// A day without the storage: 100,000 series every 15 s in compressed time, in one process, through the real series stage, queue (on the real disk) and sender.
// How large does the queue get, does every sample arrive once the storage is back, and what does a sample of the backlog cost on the wire beside a
// live one. `npm run bench -- outage [mix|node] [--hours=24] [--recorded=2]`: pages are rendered and read for the first `recorded` hours, their records repeat after that with
// later timestamps. What is not a whole day is said to be extrapolated. Debian's vmagent keeps the same pages beside it, for a minute of real time.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DestinationSettings } from '../../src/destinations/config.ts';
import { createBusyMeter } from '../../src/io/busy.ts';
import { systemDisk } from '../../src/io/disk.ts';
import { createHttpClient } from '../../src/io/http/client.ts';
import { defaultHttpClientSettings } from '../../src/io/http/config.ts';
import { systemRandom } from '../../src/io/random.ts';
import { defaultQueueSettings } from '../../src/queue/config.ts';
import { openQueue, type RecordInput, type SamplesInput, type Stream } from '../../src/queue/queue.ts';
import { Assembler } from '../../src/sender/assembly.ts';
import { createSenderGauges } from '../../src/sender/sender-gauges.ts';
import { Sender } from '../../src/sender/sender.ts';
import { createSenderMetrics } from '../../src/sender/telemetry.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { initZstd } from '../../src/wire/zstd.ts';
import { atMost, type Bar } from './queue-disk.ts';
import { vmagentBytesPerSample } from './queue-pages.ts';
import { openInside, type Mix } from './support/inside.ts';
import { createLeapClock, type LeapClock } from './support/leap-clock.ts';
import { serveLinkStorage, type LinkStorageCount, type LinkStorageOptions } from './support/link-storage.ts';
import { servePages } from './support/page-server.ts';
import { folderBytes } from './support/contender.ts';
import { Helper, sleepMs } from './support/process.ts';

export { serveLinkStorage, servePages };

const INTERVAL_MS = 15_000;
const SCRAPES_PER_HOUR = 3_600_000 / INTERVAL_MS;
const DAY_HOURS = 24;
/** What a day of 100,000 series every 15 s holds. */
const DAY_SAMPLES = 576e6;
const DAY_BYTES_MAX = 2.5e9;
/** Scrapes that are sent at once, before the outage. The first of them creates the series. */
const LIVE_SCRAPES = 8;
const START_MS = 1_760_000_000_000;

interface Case {
  readonly name: string;
  readonly mix: Mix;
  /** Different pages of a kind; nodes have one each, so that no value is there twice. */
  readonly distinct: number;
  readonly wireShareMax: number;
}

const cases: Readonly<Record<string, Case>> = {
  /** The proportions of the large mix at 100,000 series. */
  mix: { name: 'mix', mix: { kube: 3, cadvisor: 2, node: 9 }, distinct: 9, wireShareMax: 0.25 },
  node: { name: 'node', mix: { kube: 0, cadvisor: 0, node: 195 }, distinct: 195, wireShareMax: 0.6 },
};

export async function run(args: readonly string[] = []): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  await initZstd();
  const number = (name: string, otherwise: number) => Number(args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise);
  const hours = number('hours', DAY_HOURS);
  const recorded = Math.min(hours, number('recorded', 2));
  const wanted = args.filter((arg) => !arg.startsWith('--'));
  const figures: Record<string, number> = { hours };
  const bars: Bar[] = [];
  const table: string[] = [];
  for (const name of wanted.length > 0 ? wanted : Object.keys(cases)) {
    const one = cases[name];
    if (one === undefined) throw new Error(`unknown pages ${name}, expected one of ${Object.keys(cases).join(', ')}`);
    const measured = await measure(one, { hours, recorded });
    const theirs = await vmagentBytesPerSample({ mix: one.mix, distinct: one.distinct, vmagent: { intervalSeconds: 15, runSeconds: 62 } });
    for (const [key, value] of Object.entries(measured)) figures[`${name}_${key}`] = value;
    if (theirs !== undefined) figures[`${name}_vmagent_disk_bytes_per_sample`] = theirs;
    bars.push(...barsOf(one, measured));
    table.push(...tableOf(one, { measured, theirs, hours }));
  }
  return { table, figures, bars };
}

type Figures = Readonly<Record<'series' | 'samples' | 'disk_bytes' | 'disk_bytes_per_sample' | 'day_disk_bytes' | 'live_wire_bytes_per_sample' | 'backlog_wire_bytes_per_sample' | 'wire_share'
  | 'missing_samples' | 'repeated_samples' | 'uneven_series' | 'fill_seconds' | 'drain_seconds' | 'peak_rss_mb', number>>;

interface Length {
  readonly hours: number;
  readonly recorded: number;
}

async function measure(one: Case, length: Length): Promise<Figures> {
  const path = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const storage = new Helper<LinkStorageCount>('serveLinkStorage', { host: '127.0.0.1', intervalMs: INTERVAL_MS } satisfies LinkStorageOptions);
  const clock = createLeapClock(START_MS);
  const settings = { ...defaultQueueSettings, maxBytes: 100e9, freeSpaceFloor: { bytes: 0 } };
  const queue = await openQueue({ path, settings, disk: systemDisk, clock, logger: silentLogger, metrics: createMetrics() });
  const stream = queue.stream('sink', { maxBytes: 90e9 });
  const sender = createSender(stream, clock, await storage.port);
  sender.start();
  try {
    const { stream: recorder, records } = recordAppends(stream);
    const inside = openInside(one.mix, one.distinct, recorder);
    const live = await sendLive(inside.scrape.bind(inside), { stream, clock, storage });
    say(`${one.name}: ${inside.samplesPerScrape} series, ${live.toFixed(2)} bytes per live sample on the wire`);
    await storage.ask({ refuse: true });
    records.length = 0;
    const startedMs = performance.now();
    const scrapes = Math.round(length.hours * SCRAPES_PER_HOUR);
    const rendered = Math.round(length.recorded * SCRAPES_PER_HOUR);
    for (let i = 0; i < rendered; i++) {
      await inside.scrape(clock.nowMs());
      await passInterval(clock);
    }
    // The repetitions go past the recorder.
    await repeat([...records], { stream, clock, perRound: rendered, scrapes: scrapes - rendered });
    const fillSeconds = (performance.now() - startedMs) / 1000;
    const { counters } = stream.state();
    // Whole segments are not given back yet while nothing is acknowledged, so this is all there is.
    const diskBytes = folderBytes(path);
    const backlog = counters.pending;
    say(`${one.name}: ${backlog} samples on disk in ${(diskBytes / 1e6).toFixed(0)} MB after ${fillSeconds.toFixed(0)} s`);
    const before = await storage.ask({ refuse: false });
    const drainSeconds = await drained(stream, storage);
    const after = await storage.ask();
    const { appended } = stream.state().counters;
    const perSample = (after.arrivedBytes - before.arrivedBytes) / backlog;
    return {
      series: after.series, samples: backlog, disk_bytes: diskBytes, disk_bytes_per_sample: diskBytes / backlog, day_disk_bytes: (diskBytes / backlog) * DAY_SAMPLES,
      live_wire_bytes_per_sample: live, backlog_wire_bytes_per_sample: perSample, wire_share: perSample / live,
      missing_samples: appended - after.distinctSamples, repeated_samples: after.repeatedSamples, uneven_series: after.series * (scrapes + LIVE_SCRAPES) - after.distinctSamples,
      fill_seconds: fillSeconds, drain_seconds: drainSeconds, peak_rss_mb: (process.resourceUsage().maxRSS * 1024) / 1e6,
    };
  } finally {
    await sender.stop(0);
    await queue.close();
    storage.stop();
    rmSync(path, { recursive: true, force: true });
  }
}

const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);

function createSender(stream: Stream, clock: LeapClock, port: number): Sender {
  const metrics = createMetrics();
  const settings: DestinationSettings = {
    name: 'sink', url: `http://127.0.0.1:${port}/api/v1/write`, remoteTimeoutMs: 30_000, protobufMessage: 'prometheus.WriteRequest', writeRelabel: [], sendExemplars: false,
    sendNativeHistograms: false, roundRobinDns: false, http: defaultHttpClientSettings, queue: { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 0 },
    metadata: { send: false, sendIntervalMs: 60_000, maxSamplesPerSend: 2000 }, profile: 'victoriametrics', endpoints: [], connectionMaxAgeMs: 300_000, overflow: 'drop_oldest',
    priority: 0, maxAgeMs: 0, lanes: 'auto', outOfOrderWindowMs: 0, backfill: { share: 0.05, startJitterMs: 0 }, pace: { schedule: [] }, maxConcurrency: 8, clockGuard: true,
    maxDelayMs: 1000, maxDelayAuto: false,
  };
  return new Sender({
    name: 'sink', settings, stream, clock, random: systemRandom, logger: silentLogger, metrics: createSenderMetrics(metrics), gauges: createSenderGauges(metrics), version: 'bench',
    createClient: (http, { connectionMaxAgeMs }) => createHttpClient(http, { clock, userAgent: 'Tributary/bench', connectionMaxAgeMs }),
    createAssembler: (limits) => new Assembler(limits),
    collectMetadata: () => [],
    cpuBusyShare: createBusyMeter(clock),
    maxBytes: () => 90e9,
  });
}

/** Gives everything on and remembers it. */
function recordAppends(stream: Stream): { stream: Stream; records: SamplesInput[] } {
  const records: SamplesInput[] = [];
  const append = (inputs: readonly RecordInput[]) => {
    for (const input of inputs) if (input.type === 'samples') records.push(input);
    stream.append(inputs);
  };
  return { records, stream: { ...bound(stream), append } };
}

function bound(stream: Stream): Stream {
  return {
    name: stream.name, append: (records) => stream.append(records), appendNow: (records) => stream.appendNow(records), refuses: () => stream.refuses(), count: (tally) => stream.count(tally), read: (after, limits) => stream.read(after, limits),
    settle: (first, last, outcome) => stream.settle(first, last, outcome), quarantine: (input) => stream.quarantine(input),
    onRecord: (sequence, callback) => stream.onRecord(sequence, callback), state: () => stream.state(),
  };
}

/** Bytes on the wire per sample while the storage answers, one scrape after another; the first one is not counted. */
async function sendLive(scrape: (timestampMs: number) => Promise<void>, { stream, clock, storage }: { stream: Stream; clock: LeapClock; storage: Helper<LinkStorageCount> }): Promise<number> {
  let first: LinkStorageCount | undefined;
  for (let i = 0; i < LIVE_SCRAPES; i++) {
    await scrape(clock.nowMs());
    await drained(stream, storage);
    first ??= await storage.ask();
    clock.leap(INTERVAL_MS);
  }
  const last = await storage.ask();
  return (last.arrivedBytes - first!.arrivedBytes) / (last.distinctSamples - first!.distinctSamples);
}

/** The queue writes at the end of a turn. */
async function passInterval(clock: LeapClock): Promise<void> {
  await new Promise<void>((resolve) => void setImmediate(resolve));
  clock.leap(INTERVAL_MS);
}

interface Repetition {
  readonly stream: Stream;
  readonly clock: LeapClock;
  /** Scrapes that were recorded. */
  readonly perRound: number;
  /** Scrapes wanted. */
  readonly scrapes: number;
}

/** Appends recorded scrapes again, each at its later time; the distance between two scrapes stays exact. */
async function repeat(records: readonly SamplesInput[], { stream, clock, perRound, scrapes }: Repetition): Promise<void> {
  const perScrape = records.length / perRound;
  const firstMs = records[0]!.timestampMs;
  const shiftMs = (scrape: number) => (scrape + 1) * INTERVAL_MS + records.at(-1)!.timestampMs - firstMs;
  for (let scrape = 0; scrape < scrapes; scrape++) {
    const from = (scrape % perRound) * perScrape;
    for (const record of records.slice(from, from + perScrape)) {
      const laterMs = firstMs + shiftMs(scrape) - records[from]!.timestampMs;
      stream.append([{ ...record, timestampMs: record.timestampMs + laterMs, oldestMs: record.oldestMs + laterMs, newestMs: record.newestMs + laterMs }]);
    }
    await passInterval(clock);
  }
}

/** Waits until nothing is pending and the storage has read what came; gives the seconds. */
async function drained(stream: Stream, storage: Helper<LinkStorageCount>): Promise<number> {
  const startedMs = performance.now();
  while (stream.state().counters.pending > 0) await sleepMs(50);
  const seconds = (performance.now() - startedMs) / 1000;
  for (let last = -1; ; await sleepMs(200)) {
    const { distinctSamples } = await storage.ask();
    if (distinctSamples === last) return seconds;
    last = distinctSamples;
  }
}

function barsOf({ name, wireShareMax }: Case, { day_disk_bytes, wire_share, missing_samples, uneven_series }: Figures): Bar[] {
  return [
    atMost(`${name}: GB on disk after a day`, day_disk_bytes / 1e9, DAY_BYTES_MAX / 1e9),
    atMost(`${name}: backlog bytes per sample by live ones`, wire_share, wireShareMax),
    atMost(`${name}: samples missing after the drain`, Math.max(missing_samples, Math.abs(uneven_series)), 0),
  ];
}

function tableOf({ name }: Case, { measured, theirs, hours }: { measured: Figures; theirs: number | undefined; hours: number }): string[] {
  const m = measured;
  const day = hours === DAY_HOURS ? 'a day' : `a day (extrapolated from ${hours} h)`;
  return [
    `${name}: ${m.series} series, ${m.samples} samples in ${hours} h without storage, filled in ${m.fill_seconds.toFixed(0)} s`,
    `  on disk: ${m.disk_bytes_per_sample.toFixed(3)} bytes per sample, ${(m.disk_bytes / 1e6).toFixed(0)} MB; ${day} of 100,000 series: ${(m.day_disk_bytes / 1e9).toFixed(2)} GB`,
    `  vmagent on disk: ${theirs === undefined ? 'not available' : `${theirs.toFixed(3)} bytes per sample; a day of 100,000 series (extrapolated from a minute): ${((theirs * DAY_SAMPLES) / 1e9).toFixed(2)} GB`}`,
    `  on the wire: ${m.live_wire_bytes_per_sample.toFixed(2)} bytes per live sample, ${m.backlog_wire_bytes_per_sample.toFixed(2)} per backlog sample (${m.wire_share.toFixed(3)} of it)`,
    `  drained in ${m.drain_seconds.toFixed(0)} s, ${m.missing_samples} missing, ${m.repeated_samples} came again, peak RSS ${m.peak_rss_mb.toFixed(0)} MB`,
  ];
}
