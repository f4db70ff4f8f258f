// Outages against the real VictoriaMetrics (live data first) and the real Prometheus server (no window for old samples: oldest first), both at once, behind
// links that hang, refuse and crawl, receivers that die, a password that changes; meanwhile the program is killed, restarted and told new addresses. What must hold in the
// end: both hold every scraped sample, once and with its value, and the accounts say the same.
//
// Replay a failing run with TRIBUTARY_SEED=<the printed seed>.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { missingPeers } from '../support/peers.ts';
import { STALE_BITS, valueBits } from '../support/write-request.ts';
import { startAuthFront, type AuthFront } from './support/auth-front.ts';
import { pageNumberName, pageSeries, startOutageTarget, type OutageTarget } from './support/outage-pages.ts';
import { startPrometheus, startVictoriaMetrics, type Peer } from './support/peers.ts';
import { endAll, until } from './support/process.ts';
import { pickSeed } from './support/random.ts';
import { exportVictoriaMetrics, queryPrometheus, seriesText, type StoredSample } from './support/read-back.ts';
import { startTributary, workplace, type DestinationStatus, type Tributary, type Workplace } from './support/tributary.ts';

const names = ['victoriametrics', 'prometheus'] as const;
type Name = (typeof names)[number];

/** A page answered longer before the process ended must be on disk, milliseconds. */
const safeAfterMs = 500;
/** For conditions that need a parked destination's next try: these are up to 20 s apart. */
const slowMs = 60_000;
const missing = missingPeers('victoria-metrics', 'prometheus');
if (missing !== undefined) console.warn(`NOT RUN: outages against real storages (${missing})`);

describe.skipIf(missing !== undefined)('outages', () => {
  const seed = pickSeed();
  let target: OutageTarget;
  let victoriaMetrics: Peer;
  let prometheus: Peer;
  let front: AuthFront;
  /** Two ways to each storage; the second is what a reload changes to. */
  const links: Record<Name, FaultProxy[]> = { victoriametrics: [], prometheus: [] };
  let place: Workplace;
  let passwordFile: string;
  let tributary: Tributary;
  /** Pages that nobody has to have: they came just before a process was ended. */
  const optional = new Set<number>();
  const held: Partial<Record<Name, StoredSample[]>> = {};

  beforeAll(async () => {
    console.log(`outage test: TRIBUTARY_SEED=${seed}`);
    [target, victoriaMetrics, prometheus] = await Promise.all([startOutageTarget(seed), startVictoriaMetrics(), startPrometheus('', 'server')]);
    front = await startAuthFront(victoriaMetrics.address, 'edge', 'first');
    for (const number of [1, 2]) {
      links.victoriametrics.push(await startFaultProxy({ target: { host: '127.0.0.1', port: front.port }, seed: seed + number }));
      links.prometheus.push(await startFaultProxy({ target: { host: '127.0.0.1', port: Number(prometheus.address.split(':')[1]) }, seed: seed + 2 + number }));
    }
    place = workplace('');
    passwordFile = join(place.folder, 'password');
    writeFileSync(passwordFile, 'first');
    place.configure(configuration(1));
    tributary = await startTributary(place, '--web.enable-lifecycle');
  });

  afterAll(async () => {
    await endAll();
    await Promise.all([...links.victoriametrics, ...links.prometheus].map((link) => link.stop()));
    await front?.stop();
    await target?.stop();
  });

  function configuration(way: 1 | 2, scrapes = true): string {
    const url = (name: Name) => `http://127.0.0.1:${links[name][way - 1]!.port}/api/v1/write`;
    const queue = 'remote_timeout: 3s, queue_config: {min_backoff: 50ms, max_backoff: 1s}';
    return `
global: {scrape_interval: 1s, scrape_timeout: 1s, external_labels: {scraped_by: tributary}}
${scrapes ? `scrape_configs: [{job_name: outage, static_configs: [{targets: ['${target.address}']}]}]` : ''}
remote_write:
  - {name: victoriametrics, url: '${url('victoriametrics')}', ${queue}, basic_auth: {username: edge, password_file: '${passwordFile}'}}
  - {name: prometheus, url: '${url('prometheus')}', ${queue}}
tributary:
  queue: {segment_bytes: 256KiB, fsync_interval: 100ms}
  destinations: {victoriametrics: {profile: victoriametrics}, prometheus: {profile: prometheus}}
`;
  }

  const status = async (name: Name): Promise<DestinationStatus> => (await tributary.destinations()).find((one) => one.name === name)!;
  const trouble = (what: string) => () => `${what}, seed ${seed}\n${tributary.output().slice(-3000)}`;

  async function pages(count: number): Promise<void> {
    const end = target.answeredMs.length + count;
    await until(() => target.answeredMs.length >= end, { timeoutMs: slowMs, what: trouble(`${count} more pages`) });
  }

  async function drained(name: Name): Promise<void> {
    let last: DestinationStatus | undefined;
    // A page that was just scraped may wait.
    const isDrained = async () => (last = await status(name)).state === 'sending' && last.pendingRecords <= 2 && last.oldestUnsentAgeSeconds < 5;
    await until(isDrained, { timeoutMs: slowMs, what: () => trouble(`${name} drained: ${JSON.stringify(last)}`)() });
  }

  async function showsBacklog(name: Name, state: 'retrying' | 'parked'): Promise<void> {
    let last: DestinationStatus | undefined;
    const shows = async () => {
      const { outageHours = 0, ...rest } = (last = await status(name));
      return rest.state === state && rest.counters.pending > 0 && rest.pendingBytes > 0 && rest.oldestUnsentAgeSeconds > 0 && outageHours > 0 && rest.lastError !== '';
    };
    await until(shows, { timeoutMs: slowMs, what: () => trouble(`${name} ${state} with a backlog: ${JSON.stringify(last)}`)() });
    expect(await status(name)).toMatchObject({ identityHolds: true, scrapeIdentityHolds: true });
  }

  async function restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const endMs = Date.now();
    if (signal === 'SIGTERM') expect(await tributary.stop()).toBe(0);
    else tributary.signal('SIGKILL');
    await tributary.ended;
    target.answeredMs.forEach((atMs, i) => atMs !== undefined && atMs > endMs - safeAfterMs && optional.add(i + 1));
    tributary = await startTributary(place, '--web.enable-lifecycle');
  }

  async function reload(yaml: string): Promise<void> {
    place.configure(yaml);
    expect((await fetch(`${tributary.url}/-/reload`, { method: 'POST' })).status).toBe(200);
  }

  test('a silent link and a refusing one, and kill -9 in the middle', async () => {
    await pages(4);
    await Promise.all(names.map(drained));
    links.victoriametrics[0]!.down();
    await links.prometheus[0]!.refuse();
    await pages(5);
    await Promise.all(names.map((name) => showsBacklog(name, 'retrying')));
    await restart('SIGKILL');
    await pages(5);
    await Promise.all(names.map((name) => showsBacklog(name, 'retrying')));
  });

  test('a second outage while the backlog drains over a thin link, and a restart in the middle', async () => {
    const before = { victoriametrics: await status('victoriametrics'), prometheus: await status('prometheus') };
    for (const name of names) links[name][0]!.shape({ bytesPerSecond: 20_000, latencyMs: 20, jitterMs: 20 });
    links.victoriametrics[0]!.up();
    await links.prometheus[0]!.listen();
    const hasBegun = async (name: Name) => (await status(name)).counters.acknowledged > before[name].counters.acknowledged;
    await until(async () => (await Promise.all(names.map(hasBegun))).every(Boolean), { timeoutMs: slowMs, what: trouble('the backlogs drain') });
    for (const name of names) expect((await status(name)).counters.pending, name).toBeGreaterThan(0);
    await links.victoriametrics[0]!.refuse();
    links.prometheus[0]!.down();
    await pages(5);
    await restart('SIGTERM');
    await pages(5);
    await Promise.all(names.map((name) => showsBacklog(name, 'retrying')));
    for (const name of names) links[name][0]!.shape({});
    await links.victoriametrics[0]!.listen();
    links.prometheus[0]!.up();
    await Promise.all(names.map(drained));
  });

  test('a password that is wrong until its file is written anew, a receiver that is killed, and new addresses by a reload in the middle', async () => {
    const parked = async () => (await tributary.metrics()).get('tributary_destination_parked{destination="victoriametrics"}');
    front.expect('second');
    prometheus.signal('SIGKILL');
    await prometheus.ended;
    await showsBacklog('victoriametrics', 'parked');
    await showsBacklog('prometheus', 'retrying');
    expect(await parked()).toBe(1);
    expect((await status('victoriametrics')).alarms.map(({ kind }) => kind)).toContain('parked');
    await pages(3);
    const refused = front.refused;
    await reload(configuration(2));
    // New settings are tried at once.
    await until(() => front.refused > refused, { timeoutMs: slowMs, what: trouble('a try at the new address') });
    await showsBacklog('victoriametrics', 'parked');
    await showsBacklog('prometheus', 'retrying');
    prometheus = await startPrometheus('', 'server', prometheus);
    writeFileSync(passwordFile, 'second');
    await Promise.all(names.map(drained));
    expect(await parked()).toBe(0);
  });

  test('a receiver that ends and comes back', async () => {
    // Its newest seconds are in memory: what it acknowledged survives only an orderly end.
    await victoriaMetrics.stop();
    await pages(2);
    await showsBacklog('victoriametrics', 'retrying');
    victoriaMetrics = await startVictoriaMetrics(victoriaMetrics);
    await Promise.all(names.map(drained));
  });

  test('the accounts are even, and nothing was lost', async () => {
    const endMs = Date.now();
    await reload(configuration(2, false));
    target.answeredMs.forEach((atMs, i) => (atMs === undefined || atMs > endMs - safeAfterMs) && optional.add(i + 1));
    const isEmpty = async () => (await tributary.destinations()).every(({ pendingRecords }) => pendingRecords === 0);
    await until(isEmpty, { timeoutMs: slowMs, what: trouble('empty queues') });
    for (const name of names) {
      const { counters, ...rest } = await status(name);
      expect(rest, name).toMatchObject({ identityHolds: true, scrapeIdentityHolds: true, quarantinedEntries: 0, state: 'sending', alarms: [] });
      expect(Object.entries(counters.lost).filter(([, samples]) => samples > 0), name).toEqual([]);
      expect(counters.pending, name).toBe(0);
    }
    held.victoriametrics = await exportVictoriaMetrics(victoriaMetrics.address);
    held.prometheus = await queryPrometheus(prometheus.address);
  });

  test.each(names)('%s has every page that was scraped, whole and with its values', (name) => {
    const byTime = new Map<number, Map<string, Set<string>>>();
    for (const { labels, value, timestampMs } of held[name]!) {
      if (value === STALE_BITS || !labels['__name__']!.startsWith('outage_')) continue;
      const ofTime = byTime.get(timestampMs) ?? new Map<string, Set<string>>();
      byTime.set(timestampMs, ofTime);
      const series = `${labels['__name__']} ${labels['part'] ?? ''}`;
      ofTime.set(series, (ofTime.get(series) ?? new Set()).add(value));
    }
    const arrived = new Set<number>();
    for (const [timestampMs, stored] of byTime) {
      const [bits] = stored.get(`${pageNumberName} `) ?? [];
      expect(bits, `the page of ${timestampMs}, seed ${seed}`).toBeDefined();
      const number = Buffer.from(bits!, 'hex').readDoubleBE();
      expect(arrived.has(number), `page ${number} comes once, seed ${seed}`).toBe(false);
      arrived.add(number);
      const expected = new Map([...pageSeries(seed, number)].map(([series, value]) => [series, new Set([valueBits(value)])]));
      expect(stored, `page ${number}, seed ${seed}`).toEqual(expected);
    }
    const required = target.answeredMs.map((_, i) => i + 1).filter((number) => !optional.has(number));
    expect(required.filter((number) => !arrived.has(number)), `missing pages, seed ${seed}`).toEqual([]);
    expect(required.length).toBeGreaterThan(25);
  });

  test('what was appended is what VictoriaMetrics holds, and Prometheus holds the same but for staleness markers', async () => {
    // VictoriaMetrics rounds what is no short decimal.
    const valueText = ({ labels, value }: StoredSample) => (labels['__name__'] === 'scrape_duration_seconds' && value !== STALE_BITS ? 'present' : value);
    const identity = (sample: StoredSample) => `${seriesText(sample.labels)} ${sample.timestampMs} ${valueText(sample)}`;
    const all = held.victoriametrics!.map(identity);
    const atVictoriaMetrics = new Set(all);
    // A body whose answer was lost is sent again, and this storage keeps both.
    console.log(`outage test: ${atVictoriaMetrics.size} samples, ${all.length - atVictoriaMetrics.size} of them sent twice`);
    expect((await status('victoriametrics')).counters.appended).toBe(atVictoriaMetrics.size);
    const atPrometheus = held.prometheus!.map(identity);
    expect(new Set(atPrometheus).size).toBe(atPrometheus.length);
    const visible = new Set(held.victoriametrics!.filter(({ value }) => value !== STALE_BITS).map(identity));
    expect(atPrometheus.filter((sample) => !visible.has(sample))).toEqual([]);
    expect(atPrometheus.length).toBe(visible.size);
    expect((await status('prometheus')).counters.appended).toBe(atVictoriaMetrics.size);
  });
});
