// A node agent end to end: a device whose counters move as planned -> the built program as its node's agent -> the receive endpoint of the built program as the cluster's
// collector -> a real VictoriaMetrics. What is stored there tells the bursts: how many, how many bytes, how fast, how long, and the milliseconds around them.
//
// The machine may be busy. The writer of the counters says how late it was, and the sampler which deadlines it missed: windows in which the host stalled are judged by
// their bytes alone, bursts whose counter was not written in time for a rate (a timer's interrupt can be too much) by everything but their rates, and where too few are
// left the run is repeated. No limit is widened.

import { existsSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashSync } from 'bcryptjs';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { hasCompiler } from '../../scripts/native.mjs';
import { createFakeSysfs, type FakeSysfs } from '../support/fake-sysfs.ts';
import { startOracle, type OracleServer } from '../support/oracle/server.ts';
import { missingPeers } from '../support/peers.ts';
import { burstsOf, marks, planBursts, ways, wordBytes, type Burst, type Way } from './support/burst-plan.ts';
import { startVictoriaMetrics, type Peer } from './support/peers.ts';
import { endAll, until } from './support/process.ts';
import { exportJob, increaseAt, queryNumber, samplesBetween, seriesOf, valueAt, type StoredSeries } from './support/stored-windows.ts';
import { program, startTributary, workplace, type Tributary } from './support/tributary.ts';

const missing = missingPeers('victoria-metrics');
if (missing !== undefined) console.warn(`NOT RUN: a node agent (${missing})`);
// Counters that are written by JavaScript lag by more than a reading of a millisecond may be wrong by.
const isNative = hasCompiler() && existsSync(join(program, '..', 'native', 'sampler.node'));
if (!isNative) console.warn('NOT RUN: a node agent with the native sampler: there is no C++ compiler, or it was not built');

interface Sampling {
  readonly name: 'native' | 'typescript';
  readonly periodMs: number;
  /** Of bursts, in periods. */
  readonly lengths: readonly number[];
  /** Deadlines in a tenth of a second, at most, that may pass unused: the shortest burst has room for them, and rates are made with the time that really passed. */
  readonly missedMax: number;
}

const samplings: readonly Sampling[] = [
  { name: 'native', periodMs: 1, lengths: [3.5, 7, 12], missedMax: 1 },
  // The event loop comes late by more, so bursts are longer.
  { name: 'typescript', periodMs: 10, lengths: [5, 8, 12], missedMax: 2 },
];
/** In the first ones the sampler learns how often the counters refresh. */
const warmUp = 3;
const windows = 12;
/** Of windows, and of bursts with their rates, for each way, in all attempts together. */
const judgedMin = 4;
/** Of a period. A reading within a lag is wrong by as much time: four hundredths are four of a rate's five percent. */
const rateLagMax = 0.04;
/** Of a period. With a tenth less no burst is below the half of the line at which it begins. */
const lagMax = 0.1;
const attempts = 12;
const preMs = 20;
const postMs = 20;
/** Idle time is judged at the latest after so many periods: as long as a counter may be thought to refresh slowly, twice. */
const judgedPeriods = 42;

/** One attempt: what was done to the counters, and in which windows the sampler was held up. */
interface Attempt {
  readonly seed: number;
  readonly beginMs: number;
  readonly bursts: readonly Burst[];
  readonly missedIn: ReadonlySet<number>;
}

describe.skipIf(missing !== undefined).each(samplings.filter(({ name }) => name !== 'native' || isNative))('a node agent with the $name sampler', (sampling) => {
  const { name, periodMs } = sampling;
  let tree: FakeSysfs;
  let storage: Peer;
  let other: OracleServer;
  let collector: Tributary;
  let agent: Tributary;

  afterEach(() => vi.unstubAllEnvs());
  afterAll(async () => {
    await endAll();
    tree?.remove();
    await other?.stop();
  });

  test('its bursts are in the storage', async () => {
    [tree, storage, other] = await Promise.all([createFakeSysfs(), startVictoriaMetrics(), startOracle()]);
    collector = await startCollector(storage, other);
    vi.stubEnv('TRIBUTARY_NATIVE', name === 'native' ? '1' : '0');
    vi.stubEnv('NODE_NAME', 'node-a');
    agent = await startAgent(tree, collector, periodMs);
    preferTo(agent.pid);
    const totals = { windows: ways.map(() => 0), rates: ways.map(() => 0) };
    const least = () => Math.min(...totals.windows, ...totals.rates);
    for (let i = 0; least() < judgedMin; i++) {
      expect(i, `attempts; judged ${totals.windows.join(' and ')} windows and the rates of ${totals.rates.join(' and ')} bursts so far, ${judgedMin} of each way are needed`).toBeLessThan(attempts);
      const attempt = await makeBursts(tree, agent, sampling);
      const stored = await storedUntil(storage, tree, agent, collector);
      const judged = ways.map((way) => judgeWay(stored, way, attempt, sampling));
      const rates = ways.map((way) => judgeCaptures(stored, way, attempt, sampling));
      judged.forEach((count, way) => (totals.windows[way]! += count));
      rates.forEach((count, way) => (totals.rates[way]! += count));
      console.log(`${name}, seed ${attempt.seed}: judged ${judged.join(' and ')} of ${windows} windows, the rates of ${rates.join(' and ')} bursts; held up in ${[...attempt.missedIn].filter((window) => window >= 0).join(' ') || 'none'}; lags, ms: ${attempt.bursts.map(({ lagMs }) => lagMs.toFixed(3)).join(' ')}`);
    }
  }, 290_000);

  test('everything is there once, under the names of its node and its cluster, and nowhere else', async () => {
    const stored = await exportJob(storage.address, 'roce');
    const wrong = stored.filter(({ labels }) => labels['node'] !== 'node-a' || labels['instance'] !== 'node-a' || labels['cluster'] !== 'member-1' || Object.keys(labels).some((label) => label.startsWith('__') && label !== '__name__'));
    expect(wrong.map(({ labels }) => labels)).toEqual([]);
    expect(stored.filter(({ timestampsMs }) => timestampsMs.some((ms, i) => i > 0 && ms <= timestampsMs[i - 1]!)).map(({ labels }) => labels)).toEqual([]);
    expect(other.oracle.sampleCount()).toBe(0);
  });

  test('distributions answer queries', async () => {
    const nowMs = Date.now();
    const quantile = (q: number, metric: string) => queryNumber(storage.address, `histogram_quantile(${q}, sum by (le) (increase(${metric}_bucket{port="1", direction="receive"}[5m])))`, nowMs);
    const duration = await quantile(0.5, 'tributary_roce_burst_duration_seconds');
    expect(duration).toBeGreaterThan(periodMs === 1 ? 0.002 : 0.01);
    expect(duration).toBeLessThan(periodMs === 1 ? 0.025 : 0.5);
    // Bursts take a few hundredths of the time: most milliseconds are idle, the last ones are near the line.
    expect(await quantile(0.5, 'tributary_roce_utilization_ratio')).toBeLessThan(0.02);
    expect(await quantile(0.9999, 'tributary_roce_utilization_ratio')).toBeGreaterThan(0.5);
  });

  test('every window was read, sent and taken', async () => {
    const own = await agent.metrics();
    const sum = (prefix: string) => [...own].filter(([series]) => series.startsWith(prefix)).reduce((all, [, value]) => all + value, 0);
    expect([sum('tributary_sampler_ring_overwritten_rows_total'), sum('tributary_roce_samples_dropped_total')]).toEqual([0, 0]);
    expect([...own].filter(([series, value]) => series.startsWith('tributary_roce_capture_samples_dropped_total') && value > 0)).toEqual([]);
    expect(own.get('tributary_sampler_failed_readings_total{source="mlx5_0/1 port_data"}') ?? 0).toBe(0);
    const { destinations } = await withPassword<{ destinations: { name: string; identityHolds: boolean; scrapeIdentityHolds: boolean }[] }>(collector, '/api/v1/status/destinations');
    expect(destinations.map(({ identityHolds, scrapeIdentityHolds }) => [identityHolds, scrapeIdentityHolds])).toEqual([[true, true], [true, true]]);
    expect((await agent.destinations()).map(({ identityHolds }) => identityHolds)).toEqual([true]);
    expect([await agent.stop(), await collector.stop()]).toEqual([0, 0]);
  });
});

function startCollector(storage: Peer, other: OracleServer): Promise<Tributary> {
  const place = workplace(`
global: {external_labels: {cluster: member-1}}
remote_write:
  - {name: fabric, url: 'http://${storage.address}/api/v1/write'}
  - {name: other, url: '${other.url}'}
tributary:
  destinations: {fabric: {profile: victoriametrics}, other: {profile: generic}}
  routing:
    routes:
      - {match: ['{__meta_receive_client="node-agent", job="roce"}'], to: [fabric]}
      - {to: [other]}
`);
  const webFile = join(place.folder, 'web.yml');
  writeFileSync(webFile, `{basic_auth_users: {node-agent: '${hashSync('secret', 4)}'}, tributary: {open: [probes, metrics]}}`);
  return startTributary(place, '--web.enable-remote-write-receiver', `--web.config.file=${webFile}`);
}

function startAgent(tree: FakeSysfs, collector: Tributary, periodMs: number): Promise<Tributary> {
  const place = workplace('');
  writeFileSync(join(place.folder, 'password'), 'secret');
  place.configure(`
remote_write:
  - {name: collector, url: '${collector.url}/api/v1/write', basic_auth: {username: node-agent, password_file: password}}
tributary:
  queue: {max_bytes: 64MiB}
  roce:
    paths: {sysfs: '${tree.root}'}
    labels: {job: roce, instance: $NODE_NAME, node: $NODE_NAME}
    interval: ${periodMs}ms
    window: 1s
    # No firmware answers for these files: a reading that takes long was interrupted.
    governor: {max_duty: {firmware: 0.5}}
    capture: {pre: ${preMs}ms, post: ${postMs}ms, budget: 1000000}
`);
  return startTributary(place);
}

/** Ahead of what else runs here, where the test may: a cluster's node gives its agents their share, too. */
function preferTo(pid: number): void {
  try {
    setPriority(pid, -15);
  } catch {
    // Not as root: the run may have to be repeated more often.
  }
}

async function withPassword<T>(collector: Tributary, path: string): Promise<T> {
  const authorization = `Basic ${Buffer.from('node-agent:secret').toString('base64')}`;
  const { data } = (await (await fetch(collector.url + path, { headers: { authorization } })).json()) as { data: T };
  return data;
}

/** Makes the bursts, and watches the sampler meanwhile. */
async function makeBursts(tree: FakeSysfs, agent: Tributary, { periodMs, lengths, missedMax }: Sampling): Promise<Attempt> {
  const seed = Date.now() % 1_000_000;
  const plan = planBursts(seed, { windows: warmUp + windows, periodMs, lengths });
  const beginMs = (Math.ceil(Date.now() / 1000) + 1) * 1000;
  const missedIn = new Set<number>();
  const moving = tree.move(beginMs, plan.movements);
  let last = { missed: NaN, implausible: 0, ms: 0 };
  while (last.ms < plan.windows * 1000) {
    await sleep(100);
    const own = await agent.metrics();
    const now = { missed: own.get('tributary_sampler_missed_ticks_total') ?? NaN, implausible: own.get('tributary_sampler_implausible_samples_total') ?? 0, ms: Date.now() - beginMs };
    // Readings that were interrupted look like slow ones, and are made more seldom then.
    const isSlowed = ways.some(({ source }) => (own.get(`tributary_sampler_effective_interval_seconds{source="${source}"}`) ?? 0) > periodMs / 1000);
    // So do rates above the line, which a stall between a reading and its time makes.
    const isImplausible = now.implausible !== last.implausible;
    if (isSlowed || isImplausible || now.missed - last.missed > missedMax) for (let window = Math.floor(last.ms / 1000); window <= now.ms / 1000; window++) missedIn.add(window);
    last = now;
  }
  return { seed, beginMs, bursts: burstsOf(await moving), missedIn };
}

/** Waits until the counters in the storage stand where the files do, to the byte, whatever the host did. */
async function storedUntil(storage: Peer, tree: FakeSysfs, agent: Tributary, collector: Tributary): Promise<StoredSeries[]> {
  let stored: StoredSeries[] = [];
  const last = (metric: string, port: string) => seriesOf(stored, { __name__: metric, device: 'mlx5_0', port }).values.at(-1);
  const found = () => [last(bytesMetric(ways[0]!), '1'), last(bytesMetric(ways[1]!), '2'), last('node_infiniband_np_ecn_marked_roce_packets_received_total', '1')];
  const wanted = [tree.valueOf(ways[0]!.counter) * wordBytes, tree.valueOf(ways[1]!.counter) * wordBytes, tree.valueOf(marks.counter)];
  await until(async () => {
    stored = await exportJob(storage.address, 'roce');
    return found().every((value, i) => value === wanted[i]);
  }, { what: () => `${wanted.join(' ')}, found ${found().join(' ')}: ${agent.output().slice(-2000)}\n${collector.output().slice(-2000)}`, timeoutMs: 30_000 });
  return stored;
}

function bytesMetric({ direction }: Way): string {
  return `node_infiniband_port_data_${direction === 'receive' ? 'received' : 'transmitted'}_bytes_total`;
}

/** Judges the windows in which nothing stalled; returns how many these are. */
function judgeWay(stored: readonly StoredSeries[], way: Way, attempt: Attempt, sampling: Sampling): number {
  const { seed, beginMs, bursts } = attempt;
  const { periodMs } = sampling;
  const { port, direction } = way;
  const series = (metric: string, more: Readonly<Record<string, string>> = {}) => seriesOf(stored, { __name__: metric, device: 'mlx5_0', port, direction, ...more });
  const bytesOf = seriesOf(stored, { __name__: bytesMetric(way), device: 'mlx5_0', port });
  let judged = 0;
  for (let window = warmUp; window < warmUp + windows; window++) {
    const own = bursts.filter((burst) => burst.way === way && burst.window === window);
    if (own.some((burst) => isHeldUp(stored, burst, attempt, sampling))) continue;
    judged++;
    const endMs = beginMs + (window + 1) * 1000;
    const found = {
      bursts: increaseAt(series('tributary_roce_bursts_total'), endMs), bytes: increaseAt(bytesOf, endMs), peak: valueAt(series('tributary_roce_throughput_peak_bytes_per_second'), endMs),
      seconds: increaseAt(series('tributary_roce_burst_duration_seconds_sum'), endMs), burstBytes: increaseAt(series('tributary_roce_burst_bytes_sum'), endMs),
      counted: increaseAt(series('tributary_roce_burst_duration_seconds_count'), endMs), above: increaseAt(series('tributary_roce_time_above_threshold_seconds_total', { threshold: '0.9' }), endMs),
      peakAt: valueAt(series('tributary_roce_throughput_peak_timestamp_seconds'), endMs) * 1000,
    };
    const where = `seed ${seed}, port ${port}, window ${window}: ${JSON.stringify({ found, own: own.map(({ startMs, durationMs, rate, lagMs }) => ({ startMs, durationMs, share: rate / way.lineRate, lagMs })) })}`;
    const sum = (of: (burst: Burst) => number) => own.reduce((all, burst) => all + of(burst), 0);
    const fastest = own.reduce((a, b) => (b.rate > a.rate ? b : a));
    expect([found.bursts, found.counted], where).toEqual([own.length, own.length]);
    expect([found.bytes, found.burstBytes], where).toEqual([sum(({ bytes }) => bytes), sum(({ bytes }) => bytes)]);
    expect(Math.abs(found.seconds * 1000 - sum(({ durationMs }) => durationMs)), where).toBeLessThanOrEqual(own.length * periodMs);
    // What was captured is judged burst by burst. The storage keeps twelve digits and more.
    expect(found.peak / Math.max(...captureOf(stored, way, endMs - 1000, endMs).map(({ value }) => value)), where).toBeCloseTo(1, 9);
    expect(own.some(({ startMs, durationMs }) => found.peakAt > beginMs + startMs && found.peakAt <= beginMs + startMs + durationMs + periodMs), where).toBe(true);
    if (own.some((burst) => !hasRate(burst, sampling))) continue;
    expect(Math.abs(found.peak / fastest.rate - 1), where).toBeLessThanOrEqual(0.05);
    expect(Math.abs(found.above * 1000 - sum(({ rate, durationMs }) => (rate >= 0.9 * way.lineRate ? durationMs : 0))), where).toBeLessThanOrEqual(own.length * periodMs);
  }
  return judged;
}

/** Whether the counter was written in time for the burst's rate. */
function hasRate({ lagMs }: Burst, { periodMs }: Sampling): boolean {
  return lagMs <= rateLagMax * periodMs;
}

function captureOf(stored: readonly StoredSeries[], way: Way, fromMs: number, toMs: number): { readonly value: number; readonly timestampMs: number }[] {
  const series = seriesOf(stored, { __name__: 'tributary_roce_capture_value', signal: 'throughput', device: 'mlx5_0', port: way.port, direction: way.direction });
  // The markers at the ends of captures are no numbers.
  return samplesBetween(series, fromMs, toMs).filter(({ value }) => !Number.isNaN(value));
}

/** Whether the host stalled around a burst: the writer of the counter says so, or the sampler's deadlines, or a hole in what it captured. */
function isHeldUp(stored: readonly StoredSeries[], burst: Burst, { beginMs, missedIn }: Attempt, { periodMs }: Sampling): boolean {
  if (missedIn.has(burst.window) || burst.lagMs > lagMax * periodMs) return true;
  const startMs = beginMs + burst.startMs;
  const times = captureOf(stored, burst.way, startMs - 2 * periodMs, startMs + burst.durationMs + 2 * periodMs).map(({ timestampMs }) => timestampMs);
  // Timestamps are whole milliseconds. Without any capture the burst was not seen at all, which no hole excuses.
  const ends = times.length === 0 ? [] : [startMs - 2 * periodMs, ...times, startMs + burst.durationMs + 2 * periodMs];
  return ends.some((ms, i) => i > 0 && ms - ends[i - 1]! > 1.5 * periodMs + 1);
}

/** Captures hold the milliseconds around bursts, and no others; returns for how many bursts they tell the rate. */
function judgeCaptures(stored: readonly StoredSeries[], way: Way, attempt: Attempt, sampling: Sampling): number {
  const { beginMs, bursts, missedIn } = attempt;
  const { periodMs } = sampling;
  const own = bursts.filter((burst) => burst.way === way && burst.window >= warmUp);
  const all = captureOf(stored, way, beginMs + warmUp * 1000, beginMs + (warmUp + windows) * 1000);
  // A burst lasts until the idle time after it is judged, and a mark may be read a little later.
  const within = ({ startMs, durationMs }: Burst, { timestampMs }: { readonly timestampMs: number }, afterMs: number) =>
    timestampMs >= beginMs + startMs - preMs - 2 * periodMs && timestampMs <= beginMs + startMs + durationMs + afterMs;
  const undisturbed = (sample: { readonly timestampMs: number }) => !missedIn.has(Math.floor((sample.timestampMs - beginMs) / 1000));
  expect(all.filter((sample) => undisturbed(sample) && !own.some((burst) => within(burst, sample, judgedPeriods * periodMs + postMs)))).toEqual([]);
  let rates = 0;
  for (const burst of own.filter((one) => !isHeldUp(stored, one, attempt, sampling))) {
    const inside = all.filter((sample) => within(burst, sample, 4 * periodMs));
    const where = JSON.stringify({ burst: { ...burst, way: way.port }, inside });
    expect([inside[0]?.value, inside.at(-1)?.value], where).toEqual([0, 0]);
    if (way === ways[0]) expect(capturedMarks(stored, beginMs + burst.startMs, beginMs + burst.startMs + burst.durationMs + 2 * marks.apartMs + postMs), where).toBe(marks.counts.reduce((a, b) => a + b));
    if (!hasRate(burst, sampling)) continue;
    rates++;
    expect(Math.abs(Math.max(...inside.map(({ value }) => value)) / burst.rate - 1), where).toBeLessThanOrEqual(0.05);
    // Each reading within the burst tells its rate, but for one at each end, which may be of an interval that lies in it in part. There is no hole between them.
    const startMs = beginMs + burst.startMs;
    const during = inside.filter(({ timestampMs }) => timestampMs > startMs && timestampMs <= startMs + burst.durationMs);
    expect(inside.filter(({ value }) => value > 0.9 * burst.rate).length, where).toBeGreaterThanOrEqual(during.length - 2);
  }
  return rates;
}

/** Increments of the counter of events in captures of that time. */
function capturedMarks(stored: readonly StoredSeries[], fromMs: number, toMs: number): number {
  const series = seriesOf(stored, { __name__: 'tributary_roce_capture_value', signal: 'ecn_marked', device: 'mlx5_0', port: '1' });
  return samplesBetween(series, fromMs, toMs).filter(({ value }) => !Number.isNaN(value)).reduce((sum, { value }) => sum + value, 0);
}
