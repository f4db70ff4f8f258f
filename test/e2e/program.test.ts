// The built program as an operator meets it: starts that fail with a clear word, reloads, stops, and what goes on while a destination or the
// quota gives trouble.

import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createSocketServer, type AddressInfo, type Server as SocketServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingPeers } from '../support/peers.ts';
import { recordFamilies } from '../support/metric-families.ts';
import { startPrometheus } from './support/peers.ts';
import { temporaryFolder, until } from './support/process.ts';
import { startStage, type Stage } from './support/stage.ts';
import { agentArguments, runProgram, startTributary, workplace, type DestinationStatus, type Tributary } from './support/tributary.ts';

let stage: Stage;
let scrapes = 0;
let pageSeries = 1;

beforeAll(async () => {
  stage = await startStage(() => {
    scrapes++;
    return Array.from({ length: pageSeries }, (_, i) => `page_number{i="${i}"} ${scrapes + Math.random()}\n`).join('');
  });
});

afterAll(() => stage.end());

function scraping(job: string, more = ''): string {
  return `
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: ${job}, static_configs: [{targets: ['${stage.address}']}]}]
${more}`;
}

function writingTo(urls: Readonly<Record<string, string>>, tributary = ''): string {
  const entries = Object.entries(urls).map(([name, url]) => `{name: ${name}, url: '${url}', queue_config: {min_backoff: 50ms, max_backoff: 300ms}}`);
  return `remote_write: [${entries.join(', ')}]\ntributary: {${tributary}}\n`;
}

const destination = async (tributary: Tributary, name: string): Promise<DestinationStatus> => (await tributary.destinations()).find((one) => one.name === name)!;

describe('a start that fails', () => {
  test('a bad configuration lists every problem and exits with 2', async () => {
    const place = workplace('global: {scrape_interval: soon, scrape_intervall: 1s}\nscrape_configs:\n- job_name: a\n- {job_name: a, relabel_configs: [{regex: "("}]}\n');
    const running = runProgram(...agentArguments(place));
    expect(await running.ended).toBe(2);
    const output = running.output();
    for (const part of ['tributary.yml:1:', 'tributary.yml:4:', 'scrape_intervall', '"soon"', 'found multiple scrape configs with job name "a"', 'error parsing regexp']) expect(output).toContain(part);
  });

  test('a missing configuration exits with 2, an unknown flag too', async () => {
    const place = workplace('');
    const missing = runProgram(`--config.file=${join(place.folder, 'none.yml')}`);
    expect(await missing.ended).toBe(2);
    expect(missing.output()).toContain('none.yml');
    const unknown = runProgram('--config.fiel=x');
    expect(await unknown.ended).toBe(2);
    expect(unknown.output()).toContain('config.fiel');
  });

  test('check config answers 0 for a good file and 1 for a bad one', async () => {
    const good = runProgram('check', 'config', workplace(scraping('a')).configFile);
    expect(await good.ended).toBe(0);
    const bad = runProgram('check', 'config', workplace('scrape_configs: [{}]').configFile);
    expect(await bad.ended).toBe(1);
    expect(bad.output()).toContain('job_name is empty');
  });

  test('a port in use exits with 1 and says so', async () => {
    const running = runProgram(...agentArguments(workplace(scraping('a'))).filter((flag) => !flag.startsWith('--web.listen')), `--web.listen-address=${stage.address}`);
    expect(await running.ended).toBe(1);
    expect(running.output()).toContain('WEB_LISTEN');
    expect(running.output()).toContain(`cannot listen on ${stage.address}: the port is in use by another process`);
  });

  test('a queue folder of another process exits with 1 and names the process', async () => {
    const place = workplace(scraping('a'));
    const first = await startTributary(place);
    const second = runProgram(...agentArguments(place));
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain('QUEUE_LOCKED');
    expect(second.output()).toContain(String(first.pid));
    expect(await first.stop()).toBe(0);
  });

  test('a queue of a newer format exits with 1 and is left alone', async () => {
    const place = workplace(scraping('a'));
    mkdirSync(place.queueFolder);
    writeFileSync(join(place.queueFolder, 'FORMAT'), 'tributary-queue 99\n');
    const running = runProgram(...agentArguments(place));
    expect(await running.ended).toBe(1);
    expect(running.output()).toContain('QUEUE_FORMAT_NEWER');
    expect(readFileSync(join(place.queueFolder, 'FORMAT'), 'utf8')).toBe('tributary-queue 99\n');
  });
});

describe('reload', () => {
  const loads = (tributary: Tributary) => tributary.output().split('msg="configuration loaded"').length - 1;
  const jobs = async (tributary: Tributary) => (await tributary.api<{ scrapePools: readonly string[] }>('/api/v1/scrape_pools')).scrapePools;
  const hasJobs = (tributary: Tributary, ...names: readonly string[]) =>
    until(async () => JSON.stringify(await jobs(tributary)) === JSON.stringify(names), { what: () => `the jobs ${names.join(', ')}\n${tributary.output().slice(-2000)}` });

  test('SIGHUP and POST /-/reload load the configuration again', async () => {
    const tributary = await startTributary(workplace(scraping('first')), '--web.enable-lifecycle');
    tributary.signal('SIGHUP');
    await until(() => loads(tributary) === 1, { what: () => tributary.output() });
    expect((await fetch(`${tributary.url}/-/reload`, { method: 'POST' })).status).toBe(200);
    expect(loads(tributary)).toBe(2);
    expect((await fetch(`${tributary.url}/-/quit`, { method: 'POST' })).status).toBe(200);
    expect(await tributary.ended).toBe(0);
  });

  test('without --web.enable-lifecycle nobody reloads or ends it over HTTP', async () => {
    const tributary = await startTributary(workplace(scraping('first')));
    for (const path of ['/-/reload', '/-/quit']) expect((await fetch(tributary.url + path, { method: 'POST' })).status).toBe(403);
    expect(loads(tributary)).toBe(0);
    expect(await tributary.stop()).toBe(0);
  });

  test('a changed file is noticed; a bad one changes nothing and shows on gauge and page until it is repaired', async () => {
    const place = workplace(scraping('first'));
    const tributary = await startTributary(place, '--web.enable-lifecycle');
    place.configure(scraping('second'));
    await hasJobs(tributary, 'second');

    place.configure('scrape_configs: [{job_name: third, scrape_interval: never}]\n');
    await until(async () => (await tributary.metrics()).get('prometheus_config_last_reload_successful') === 0, { what: () => 'the gauge at 0' });
    expect(await jobs(tributary)).toEqual(['second']);
    expect(await (await fetch(`${tributary.url}/`)).text()).toContain('never');
    const answer = await fetch(`${tributary.url}/-/reload`, { method: 'POST' });
    expect(answer.status).toBe(500);
    expect(await answer.text()).toContain('never');
    const before = scrapes;
    await until(() => scrapes > before + 2, { what: () => 'scrapes by the running configuration' });

    place.configure(scraping('fourth'));
    await hasJobs(tributary, 'fourth');
    expect((await tributary.metrics()).get('prometheus_config_last_reload_successful')).toBe(1);
    expect(await tributary.stop()).toBe(0);
  });

  test('a mounted ConfigMap is reloaded when its ..data link is swapped', async () => {
    const folder = temporaryFolder();
    const version = (name: string) => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'tributary.yml'), scraping(name));
      symlinkSync(name, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    version('one');
    symlinkSync(join('..data', 'tributary.yml'), join(folder, 'tributary.yml'));
    const tributary = await startTributary({ ...workplace(''), configFile: join(folder, 'tributary.yml') });
    for (const name of ['two', 'three']) {
      version(name);
      await hasJobs(tributary, name);
    }
    expect(await tributary.stop()).toBe(0);
  });
});

describe('trouble at a destination', () => {
  test('a graceful stop while the receiver is down exits with 0; the next start delivers what is on disk', async () => {
    const receiver = await stage.newReceiver();
    receiver.always({ status: 503 });
    const place = workplace(scraping('kept', writingTo({ a: receiver.url })));
    const first = await startTributary(place, '--storage.remote.flush-deadline=500ms');
    await until(async () => (await destination(first, 'a')).counters.pending > 50, { what: () => 'samples that wait' });
    expect(await first.stop()).toBe(0);
    expect(receiver.sampleCount()).toBe(0);

    receiver.always(undefined);
    place.configure(writingTo({ a: receiver.url }));
    const second = await startTributary(place);
    await until(async () => (await destination(second, 'a')).counters.pending === 0, { what: () => 'delivery after the restart' });
    const { counters, identityHolds } = await destination(second, 'a');
    expect(identityHolds).toBe(true);
    expect(receiver.sampleCount()).toBe(counters.appended);
    expect(receiver.series({ __name__: 'page_number', job: 'kept' }).length).toBeGreaterThan(5);
    expect(await second.stop()).toBe(0);
  });

  test('a stop delivers what is pending within the deadline', async () => {
    const receiver = await stage.newReceiver();
    const tributary = await startTributary(workplace(scraping('late', writingTo({ a: receiver.url }, 'destinations: {a: {max_delay: 5m}}'))));
    await until(async () => (await destination(tributary, 'a')).counters.pending > 20, { what: () => 'samples that wait for company' });
    expect(receiver.sampleCount()).toBe(0);
    expect(await tributary.stop()).toBe(0);
    expect(receiver.sampleCount()).toBeGreaterThan(20);
  });

  test('a full quota loses the oldest and counts them, scraping goes on, delivery resumes', async () => {
    const receiver = await stage.newReceiver();
    receiver.always({ status: 503 });
    pageSeries = 1500;
    const place = workplace(scraping('full', writingTo({ a: receiver.url }, 'queue: {max_bytes: 128KiB, segment_bytes: 64KiB}')));
    const tributary = await startTributary(place);
    await until(async () => (await destination(tributary, 'a')).counters.lost['evicted']! > 30_000, { timeoutMs: 40_000, what: () => `evictions:\n${tributary.output().slice(-2000)}` });
    const before = scrapes;
    await until(() => scrapes > before + 3, { what: () => 'scrapes while the quota is full' });
    expect((await destination(tributary, 'a')).identityHolds).toBe(true);
    pageSeries = 1;
    receiver.always(undefined);
    await until(async () => (await destination(tributary, 'a')).state === 'sending' && receiver.sampleCount() > 0, { what: () => 'delivery after the outage' });
    place.configure(writingTo({ a: receiver.url }, 'queue: {max_bytes: 128KiB, segment_bytes: 64KiB}'));
    await until(async () => (await tributary.api<{ scrapePools: readonly string[] }>('/api/v1/scrape_pools')).scrapePools.length === 0, { what: () => 'the end of scraping' });
    await until(async () => (await destination(tributary, 'a')).counters.pending === 0, { what: () => 'an empty queue' });
    const { counters, identityHolds } = await destination(tributary, 'a');
    expect(identityHolds).toBe(true);
    expect(counters.acknowledged).toBe(counters.appended - counters.lost['evicted']!);
    // More than that arrives: the body that was being tried again when its records were evicted counts as lost, and is delivered all the same.
    const arrived = new Set(receiver.samples().map(({ labels, timestampMs }) => `${JSON.stringify(labels)} ${timestampMs}`)).size;
    expect(arrived).toBe(receiver.sampleCount());
    expect(arrived).toBeGreaterThanOrEqual(counters.acknowledged);
    expect(arrived).toBeLessThan(counters.appended);
    const metrics = await tributary.metrics();
    const counted = [...metrics].filter(([series]) => series.startsWith('tributary_queue_lost_samples_total{') && series.includes('"evicted"')).map(([, value]) => value);
    expect(counted).toEqual([counters.lost['evicted']]);
    expect(await tributary.stop()).toBe(0);
  });

  test('a dead destination slows neither scraping nor another destination', async () => {
    const receiver = await stage.newReceiver();
    const silent = await startSilent();
    const names = { alive: receiver.url, silent: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/api/v1/write`, refusing: 'http://127.0.0.1:1/api/v1/write' };
    const tributary = await startTributary(workplace(scraping('several', writingTo(names, 'destinations: {alive: {max_delay: 100ms}}'))), '--storage.remote.flush-deadline=100ms');
    const ups = () => receiver.series({ __name__: 'up', job: 'several' });
    await receiver.until(() => ups().length >= 15);
    // Every tick was kept: no gap between the times of scrapes.
    const times = [...new Set(ups().map(({ timestampMs }) => timestampMs))].sort((a, b) => a - b);
    expect(Math.max(...times.slice(1).map((time, i) => time - times[i]!))).toBeLessThan(400);
    const [alive, dead, refusing] = [await destination(tributary, 'alive'), await destination(tributary, 'silent'), await destination(tributary, 'refusing')];
    expect(alive).toMatchObject({ state: 'sending', identityHolds: true });
    expect(alive.oldestUnsentAgeSeconds).toBeLessThan(2);
    for (const { counters, identityHolds } of [dead, refusing]) {
      expect(identityHolds).toBe(true);
      expect(counters.pending).toBeGreaterThan(0);
      expect(counters.acknowledged).toBe(0);
    }
    expect(refusing).toMatchObject({ state: 'retrying', lastError: expect.stringContaining('refused') as string });
    expect(await tributary.stop()).toBe(0);
    silent.close();
  });
});

/** Accepts connections and says nothing. */
async function startSilent(): Promise<SocketServer> {
  const server = createSocketServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

test('the metrics page and docs/metrics.md name the same families', async () => {
  const receiver = await stage.newReceiver();
  // With all that is off by default.
  const tributary = await startTributary(workplace(scraping('own', writingTo({ a: receiver.url }))), '--web.enable-remote-write-receiver');
  await receiver.until(() => receiver.sampleCount() > 0);
  const page = await (await fetch(`${tributary.url}/metrics`)).text();
  const families = [...page.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!);
  const documented = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'metrics.md'), 'utf8');
  expect(families.filter((name) => !documented.includes(`\`${name}\``)), 'on the page, not in the document').toEqual([]);
  expect(recordFamilies().map(({ name }) => name).filter((name) => !families.includes(name)), 'declared, not on the page').toEqual([]);
  expect(await tributary.stop()).toBe(0);
});

const missing = missingPeers('prometheus');
if (missing !== undefined) console.warn(`SKIPPED: federation: ${missing}`);

test.skipIf(missing !== undefined)('/federate of a Prometheus is a target: its labels and times are kept', async () => {
  const receiver = await stage.newReceiver();
  const prometheus = await startPrometheus(`
global: {scrape_interval: 500ms, scrape_timeout: 500ms, external_labels: {region: eu}}
scrape_configs: [{job_name: inner, static_configs: [{targets: ['${stage.address}'], labels: {instance: 'inner:1'}}]}]`, 'server');
  const tributary = await startTributary(
    workplace(`
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
- job_name: federate
  honor_labels: true
  metrics_path: /federate
  params: {'match[]': ['{job="inner"}']}
  static_configs: [{targets: ['${prometheus.address}']}]
${writingTo({ a: receiver.url })}`),
  );
  const federated = () => receiver.series({ __name__: 'page_number', job: 'inner', instance: 'inner:1', region: 'eu' });
  await receiver.until(() => federated().length >= 4, 30_000);
  const times = federated().map(({ timestampMs }) => timestampMs);
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  // The times are the inner scrapes', not ours.
  const ours = new Set(receiver.series({ __name__: 'up', job: 'federate' }).map(({ timestampMs }) => timestampMs));
  expect(times.some((time) => !ours.has(time))).toBe(true);
  expect(receiver.series({ __name__: 'up', job: 'inner' }).length).toBeGreaterThan(0);
  expect(await tributary.stop()).toBe(0);
});
