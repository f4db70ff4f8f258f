// A node agent end to end: a device whose counters move as planned -> the built program as its node's agent -> the receive endpoint of the built program as the cluster's
// collector -> a real VictoriaMetrics. What is stored there tells the bursts: how many, how many bytes, how fast, how long, and the milliseconds around them.
//
// The machine may be busy. The writer of the counters says how late it was, and the sampler how late its ticks were, which deadlines it missed and how long its readings
// took. From that follows by how much a rate may be wrong though the program is right, burst by burst:
//
//   lag of the writer + time of a reading, in the shortest time between two readings   -> above 5 %: everything is judged but rates
//                                                                                      -> above 8 %, or readings are missing: nothing is judged but bytes in the end
//
// Where too few are left the run is repeated. No limit is widened, and what nobody was late for is judged.

import { existsSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { hasCompiler } from '../../scripts/native.mjs';
import { createFakeSysfs, type FakeSysfs } from '../support/fake-sysfs.ts';
import { startOracle, type OracleServer } from '../support/oracle/server.ts';
import { missingPeers } from '../support/peers.ts';
import { around, burstsOf, marks, planBursts, ways, wordBytes, type Burst, type Way } from './support/burst-plan.ts';
import { startVictoriaMetrics, type Peer } from './support/peers.ts';
import { endAll, until } from './support/process.ts';
import { strainIn, watchSampler, type Strain } from './support/sampler-watch.ts';
import { exportJob, increaseAt, queryNumber, samplesBetween, seriesOf, valueAt, type StoredSeries } from './support/stored-windows.ts';
import { program, startTributary, workplace, type DestinationStatus, type Tributary } from './support/tributary.ts';

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
  /** Timers of the event loop are whole milliseconds, and may ring so much before their time. */
  readonly earlyMs: number;
}

const samplings: readonly Sampling[] = [
  { name: 'native', periodMs: 1, lengths: [3.5, 7, 12], earlyMs: 0 },
  // The event loop comes late by more, so bursts are longer.
  { name: 'typescript', periodMs: 10, lengths: [5, 8, 12], earlyMs: 1 },
];
/** In the first ones the sampler learns how often the counters refresh. */
const warmUp = 3;
const windows = 12;
/** Of windows, and of bursts with their rates, for each way, in all attempts together. */
const judgedMin = 4;
/** Of a rate. */
const rateErrorMax = 0.05;
/** Of a rate, too: the fastest burst, at 0.97 of the line, is still believed (up to 1.05), and the slowest, at 0.62, still begins one (from 0.5 on). */
const errorMax = 0.08;
/** Of a period: a burst of three and a half is sure to have two intervals in it while no tick is later. */
const lateMax = 0.5;
/** Between the time at which a burst is noticed to be over, forty periods after it, and the end of its window, at least. */
const roomMs = 150;
/** Periods by which captures may end too late for the same reason. */
const roomOfCaptures = 15;
/** Of a period: a reading that comes sooner than that after the last is joined with the next. */
const shortestShare = 0.5;
const attempts = 20;
const preMs = 20;
const postMs = 20;
/** Idle time is judged at the latest after so many periods: as long as a counter may be thought to refresh slowly, twice. */
const judgedPeriods = 42;

/** One attempt: what was done to the counters, and how the sampler fared meanwhile. */
interface Attempt {
  readonly seed: number;
  readonly beginMs: number;
  readonly bursts: readonly Burst[];
  readonly strains: readonly Strain[];
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
      console.log(`${name}, seed ${attempt.seed}: judged ${judged.join(' and ')} of ${windows} windows, the rates of ${rates.join(' and ')} bursts; errors, %: ${attempt.bursts.filter(({ window }) => window >= warmUp).map((burst) => conditionsOf(burst, attempt, sampling)).map(({ isHeldUp, error }) => (isHeldUp ? 'held up' : (100 * error).toFixed(1))).join(', ')}`);
    }
  }, 600_000);

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
    expect((await destinationsOf(collector)).map(({ identityHolds, scrapeIdentityHolds }) => [identityHolds, scrapeIdentityHolds])).toEqual([[true, true], [true, true]]);
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

/** Of the collector, which asks for a password. */
async function destinationsOf(collector: Tributary): Promise<readonly DestinationStatus[]> {
  const authorization = `Basic ${Buffer.from('node-agent:secret').toString('base64')}`;
  const { data } = (await (await fetch(`${collector.url}/api/v1/status/destinations`, { headers: { authorization } })).json()) as { data: { destinations: readonly DestinationStatus[] } };
  return data.destinations;
}

/** Makes the bursts, and watches the sampler meanwhile. */
async function makeBursts(tree: FakeSysfs, agent: Tributary, { periodMs, lengths }: Sampling): Promise<Attempt> {
  const seed = Date.now() % 1_000_000;
  const { movements, pausesMs } = planBursts(seed, { windows: warmUp + windows, periodMs, lengths });
  const beginMs = (Math.ceil(Date.now() / 1000) + 1) * 1000;
  const periodsMs = new Map([...ways.map(({ source }) => [source, periodMs] as const), [marks.source, marks.apartMs]]);
  const [moved, strains] = await Promise.all([tree.move(beginMs, movements, agent.pid), watchSampler(agent, pausesMs.map((ms) => beginMs + ms), periodsMs)]);
  return { seed, beginMs, bursts: burstsOf(moved), strains };
}

/** What the host did to a burst. */
interface Conditions {
  readonly isHeldUp: boolean;
  /** Its rates may be wrong by that share. */
  readonly error: number;
  /** Between two readings there can be no more. */
  readonly gapMaxMs: number;
}

function conditionsOf({ way, startMs, durationMs, lagMs, marksLagMs }: Burst, attempt: Attempt, sampling: Sampling): Conditions {
  const { beginMs, strains } = attempt;
  const { periodMs, earlyMs } = sampling;
  const fromMs = beginMs + startMs;
  const { missed, lateMs, ticksMs, readMs, isSlowed } = strainIn(strains, fromMs - around.before * periodMs, fromMs + durationMs + around.after * periodMs);
  const apartMs = periodMs - lateMs - earlyMs;
  const joinedMs = apartMs < shortestShare * periodMs ? shortestShare * periodMs : 0;
  const error = (lagMs + readMs.get(way.source)!) / Math.max(shortestShare * periodMs, apartMs);
  const isLate = missed !== 0 || Math.max(lateMs, ticksMs) > lateMax * periodMs || marksLagMs > marks.apartMs;
  const isNoticed = isCalm(attempt, sampling, { fromMs, toMs: fromMs + durationMs + judgedPeriods * periodMs, roomMs });
  return { isHeldUp: isSlowed || isLate || !isNoticed || !(error <= errorMax), error, gapMaxMs: periodMs + joinedMs + lateMs + ticksMs + earlyMs };
}

/** Whether nothing kept the program in that time from noticing that a burst is over, and the writer from making those of the window when they were planned. */
function isCalm({ beginMs, bursts, strains }: Attempt, { periodMs }: Sampling, { fromMs, toMs, roomMs: ms }: { readonly fromMs: number; readonly toMs: number; readonly roomMs: number }): boolean {
  const { missed, isSlowed } = strainIn(strains, fromMs, toMs);
  const window = Math.floor((fromMs - beginMs) / 1000);
  return !isSlowed && missed * periodMs <= ms && bursts.every((burst) => burst.window !== window || Math.max(burst.lagMs, burst.marksLagMs) <= periodMs);
}

/** Waits until the counters in the storage stand where the files do, to the byte, whatever the host did. */
async function storedUntil(storage: Peer, tree: FakeSysfs, agent: Tributary, collector: Tributary): Promise<StoredSeries[]> {
  let stored: StoredSeries[] = [];
  const last = (metric: string, port: string) => seriesOf(stored, { __name__: metric, device: 'mlx5_0', port }).values.at(-1);
  const found = () => [last(bytesMetric(ways[0]!), '1'), last(bytesMetric(ways[1]!), '2'), last('node_infiniband_np_ecn_marked_roce_packets_received_total', '1')];
  const wanted = [tree.valueOf(ways[0]!.counter) * wordBytes, tree.valueOf(ways[1]!.counter) * wordBytes, tree.valueOf(marks.counter)];
  await until(async () => {
    const before = stored;
    stored = await exportJob(storage.address, 'roce');
    // What was sent with the last of them may still be under way.
    return samplesOf(stored) === samplesOf(before) && found().every((value, i) => value === wanted[i]);
  }, { what: () => `${wanted.join(' ')}, found ${found().join(' ')}: ${agent.output().slice(-2000)}\n${collector.output().slice(-2000)}`, timeoutMs: 60_000 });
  return stored;
}

function samplesOf(stored: readonly StoredSeries[]): number {
  return stored.reduce((sum, { values }) => sum + values.length, 0);
}

function bytesMetric({ direction }: Way): string {
  return `node_infiniband_port_data_${direction === 'receive' ? 'received' : 'transmitted'}_bytes_total`;
}

/** Judges the windows with bursts that nothing held up; returns how many these are. */
function judgeWay(stored: readonly StoredSeries[], way: Way, attempt: Attempt, sampling: Sampling): number {
  const { seed, beginMs, bursts } = attempt;
  const { periodMs } = sampling;
  const { port, direction } = way;
  const series = (metric: string, more: Readonly<Record<string, string>> = {}) => seriesOf(stored, { __name__: metric, device: 'mlx5_0', port, direction, ...more });
  const bytesOf = seriesOf(stored, { __name__: bytesMetric(way), device: 'mlx5_0', port });
  let judged = 0;
  for (let window = warmUp; window < warmUp + windows; window++) {
    const own = bursts.filter((burst) => burst.way === way && burst.window === window);
    const conditions = own.map((burst) => conditionsOf(burst, attempt, sampling));
    if (conditions.some(({ isHeldUp }) => isHeldUp)) continue;
    judged++;
    const endMs = beginMs + (window + 1) * 1000;
    const found = {
      bursts: increaseAt(series('tributary_roce_bursts_total'), endMs), bytes: increaseAt(bytesOf, endMs), peak: valueAt(series('tributary_roce_throughput_peak_bytes_per_second'), endMs),
      seconds: increaseAt(series('tributary_roce_burst_duration_seconds_sum'), endMs), burstBytes: increaseAt(series('tributary_roce_burst_bytes_sum'), endMs),
      counted: increaseAt(series('tributary_roce_burst_duration_seconds_count'), endMs), above: increaseAt(series('tributary_roce_time_above_threshold_seconds_total', { threshold: '0.9' }), endMs),
      peakAt: valueAt(series('tributary_roce_throughput_peak_timestamp_seconds'), endMs) * 1000,
    };
    const where = `seed ${seed}, port ${port}, window ${window}: ${JSON.stringify({ found, own: own.map(({ startMs, durationMs, rate, lagMs }, i) => ({ startMs, durationMs, share: rate / way.lineRate, lagMs, ...conditions[i] })) })}`;
    const sum = (of: (burst: Burst) => number) => own.reduce((all, burst) => all + of(burst), 0);
    const fastest = own.reduce((a, b) => (b.rate > a.rate ? b : a));
    expect([found.bursts, found.counted], where).toEqual([own.length, own.length]);
    expect([found.bytes, found.burstBytes], where).toEqual([sum(({ bytes }) => bytes), sum(({ bytes }) => bytes)]);
    expect(Math.abs(found.seconds * 1000 - sum(({ durationMs }) => durationMs)), where).toBeLessThanOrEqual(own.length * periodMs);
    // What was captured is judged burst by burst. The storage keeps twelve digits and more.
    expect(found.peak / Math.max(...captureOf(stored, way, endMs - 1000, endMs).map(({ value }) => value)), where).toBeCloseTo(1, 9);
    expect(own.some(({ startMs, durationMs }) => found.peakAt > beginMs + startMs && found.peakAt <= beginMs + startMs + durationMs + periodMs), where).toBe(true);
    if (conditions.some(({ error }) => error > rateErrorMax)) continue;
    expect(Math.abs(found.peak / fastest.rate - 1), where).toBeLessThanOrEqual(rateErrorMax);
    expect(Math.abs(found.above * 1000 - sum(({ rate, durationMs }) => (rate >= 0.9 * way.lineRate ? durationMs : 0))), where).toBeLessThanOrEqual(own.length * periodMs);
  }
  return judged;
}

function captureOf(stored: readonly StoredSeries[], way: Way, fromMs: number, toMs: number): { readonly value: number; readonly timestampMs: number }[] {
  const series = seriesOf(stored, { __name__: 'tributary_roce_capture_value', signal: 'throughput', device: 'mlx5_0', port: way.port, direction: way.direction });
  // The markers at the ends of captures are no numbers.
  return samplesBetween(series, fromMs, toMs).filter(({ value }) => !Number.isNaN(value));
}

/** Captures hold the milliseconds around bursts, and no others; returns for how many bursts they tell the rate. */
function judgeCaptures(stored: readonly StoredSeries[], way: Way, attempt: Attempt, sampling: Sampling): number {
  const { beginMs, bursts } = attempt;
  const { periodMs } = sampling;
  const own = bursts.filter((burst) => burst.way === way && burst.window >= warmUp);
  const all = captureOf(stored, way, beginMs + warmUp * 1000, beginMs + (warmUp + windows) * 1000);
  // A burst lasts until the idle time after it is judged, and a mark may be read a little later.
  const within = ({ startMs, durationMs }: Burst, { timestampMs }: { readonly timestampMs: number }, afterMs: number) =>
    timestampMs >= beginMs + startMs - preMs - 2 * periodMs && timestampMs <= beginMs + startMs + durationMs + afterMs;
  const isOther = (sample: { readonly timestampMs: number }) => !own.some((burst) => within(burst, sample, judgedPeriods * periodMs + postMs));
  const isOdd = (sample: { readonly timestampMs: number }) =>
    isOther(sample) && isCalm(attempt, sampling, { fromMs: sample.timestampMs - 2 * judgedPeriods * periodMs, toMs: sample.timestampMs, roomMs: roomOfCaptures * periodMs });
  expect(all.filter(isOdd)).toEqual([]);
  let rates = 0;
  for (const burst of own) {
    const { isHeldUp, error, gapMaxMs } = conditionsOf(burst, attempt, sampling);
    if (isHeldUp) continue;
    const inside = all.filter((sample) => within(burst, sample, 4 * periodMs));
    const where = JSON.stringify({ burst: { ...burst, way: way.port }, error, gapMaxMs, inside });
    const lastIndex = all.findLastIndex((sample) => sample.value > 0 && inside.includes(sample));
    expect([inside[0]?.value, all[lastIndex + 1]?.value], where).toEqual([0, 0]);
    const startMs = beginMs + burst.startMs;
    const marked = { fromMs: startMs, toMs: startMs + burst.durationMs + 2 * marks.apartMs + postMs };
    if (way === ways[0] && isCalm(attempt, sampling, { ...marked, roomMs: marks.apartMs })) expect(capturedMarks(stored, marked), where).toBe(marks.counts.reduce((a, b) => a + b));
    // No reading is left out. Timestamps are whole milliseconds, and those of idle intervals are made up, but for the last before something moves.
    expect(Math.max(...inside.slice(1).map(({ timestampMs, value }, i) => (value > 0 ? timestampMs - inside[i]!.timestampMs : 0))), where).toBeLessThanOrEqual(gapMaxMs + 1);
    // Each one is of a period, but for how late the readings at its ends were: of those at the burst's begin, of those at its end, and of all between.
    const carriedMs = inside.reduce((sum, { value }) => sum + (value * periodMs) / burst.rate, 0);
    expect(Math.abs(carriedMs - burst.durationMs), where).toBeLessThanOrEqual(3 * (gapMaxMs - periodMs) + error * periodMs);
    if (error > rateErrorMax) continue;
    rates++;
    expect(Math.abs(Math.max(...inside.map(({ value }) => value)) / burst.rate - 1), where).toBeLessThanOrEqual(rateErrorMax);
    // Each reading within the burst tells its rate, but for one at each end, which may be of an interval that lies in it in part.
    const during = inside.filter(({ timestampMs }) => timestampMs > startMs && timestampMs <= startMs + burst.durationMs);
    expect(inside.filter(({ value }) => value > 0.9 * burst.rate).length, where).toBeGreaterThanOrEqual(during.length - 2);
  }
  return rates;
}

/** Increments of the counter of events in captures of that time. */
function capturedMarks(stored: readonly StoredSeries[], { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): number {
  const series = seriesOf(stored, { __name__: 'tributary_roce_capture_value', signal: 'ecn_marked', device: 'mlx5_0', port: '1' });
  return samplesBetween(series, fromMs, toMs).filter(({ value }) => !Number.isNaN(value)).reduce((sum, { value }) => sum + value, 0);
}
