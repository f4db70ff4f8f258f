// The whole line in one process, without a network: what a reload and a stop do to it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAgent } from '../../src/agent.ts';
import type { Agent } from '../../src/agent.ts';
import { buildInfo } from '../../src/cli/build-info.ts';
import { parseCommandLine } from '../../src/cli/flags.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { startFakeApiServer } from '../support/kubernetes/fake-api-server.ts';
import type { FakeApiServer } from '../support/kubernetes/fake-api-server.ts';

let folder: string;
let agent: Agent | undefined;

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'tributary-agent-'))));
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const write = (text: string) => writeFileSync(join(folder, 'c.yml'), text);
const remoteWrite = (...names: string[]) => `remote_write: [${names.map((name) => `{name: ${name}, url: 'http://127.0.0.1:1/w'}`).join(', ')}]\n`;

async function start(text: string, ...args: string[]): Promise<Agent> {
  write(text);
  const command = parseCommandLine([
    `--config.file=${join(folder, 'c.yml')}`, `--storage.agent.path=${join(folder, 'data')}`, '--web.listen-address=127.0.0.1:0', '--storage.remote.flush-deadline=1s', ...args,
  ]);
  if (command.kind !== 'run') throw new Error(JSON.stringify(command));
  agent = await startAgent({ flags: command.flags, build: buildInfo, logger: silentLogger, startedMs: 0, requestQuit: () => undefined });
  return agent;
}

async function api(path: string): Promise<{ data: never }> {
  const { port } = agent!.addresses[0]!;
  return (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as { data: never };
}

async function destinations(): Promise<string[]> {
  return ((await api('status/destinations')) as { data: { destinations: { name: string }[] } }).data.destinations.map(({ name }) => name);
}

describe('reload', () => {
  test('destinations come and go by name', async () => {
    await start(remoteWrite('a', 'b'));
    expect(await destinations()).toEqual(['a', 'b']);
    write(remoteWrite('b', 'c'));
    expect(await agent!.reload()).toEqual({ ok: true });
    expect(await destinations()).toEqual(['b', 'c']);
  });

  test('a request during a reload gets a load of its own, because the running one may have read the files before they changed', async () => {
    await start(remoteWrite('a'));
    write(remoteWrite('b'));
    const first = agent!.reload();
    write(remoteWrite('c'));
    expect(await Promise.all([first, agent!.reload(), agent!.reload()])).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
    expect(await destinations()).toEqual(['c']);
  });

  test('what cannot be put in force is an answer, not an exception, and the next reload works', async () => {
    await start(remoteWrite('a'));
    // Where the folder of its queue would be.
    mkdirSync(join(folder, 'data', 'streams'), { recursive: true });
    writeFileSync(join(folder, 'data', 'streams', 'occupied'), '');
    write(remoteWrite('occupied'));
    expect(await agent!.reload()).toMatchObject({ ok: false, error: expect.stringContaining('one or more errors occurred while applying the new configuration') });
    expect(await destinations()).toEqual(['a']);
    expect(await api('status/config')).toMatchObject({ data: { reload: { successful: false, error: expect.stringContaining('ENOTDIR') } } });
    write(remoteWrite('b'));
    expect(await agent!.reload()).toEqual({ ok: true });
    expect(await destinations()).toEqual(['b']);
  });

  test('a stop waits for a reload that runs, and none begins after it', async () => {
    await start(remoteWrite('a'));
    write(remoteWrite('b'));
    const running = agent!.reload();
    const waiting = agent!.reload();
    await agent!.stop();
    expect(await running).toEqual({ ok: true });
    expect(await waiting).toMatchObject({ ok: false });
    expect(await agent!.reload()).toMatchObject({ ok: false });
  });
});

test('what a job brings is told as it is scraped', async () => {
  await start(remoteWrite('a', 'b'));
  const { port } = agent!.addresses[0]!;
  write(`${remoteWrite('a', 'b')}scrape_configs: [{job_name: self, scrape_interval: 500ms, scrape_timeout: 500ms, static_configs: [{targets: ['127.0.0.1:${port}']}]}]\n`);
  expect(await agent!.reload()).toEqual({ ok: true });
  const brought = expect.objectContaining({ targets: 1, series: expect.toSatisfy((series: number) => series > 100), bytesPerSecond: expect.toSatisfy((bytes: number) => bytes > 100) });
  await expect.poll(async () => (await api('status/volume')).data, { timeout: 20_000 }).toMatchObject({ jobs: { top: [brought] }, namespaces: { top: [{ namespace: '' }] } });
}, 30_000);

describe('shard groups', () => {
  const shared = (members: string) => `${remoteWrite('vm-1', 'vm-2', 'user')}tributary: {shard_groups: {storage: {members: ${members}}}}\n`;
  const goesTo = async () => ((await api(`route?series=${encodeURIComponent('up{job="j"}')}`)) as { data: { destinations: string[] } }).data.destinations;

  test('of the members one has a series; a reload without the group gives it to all', async () => {
    await start(shared('[vm-1, vm-2]'));
    const [member, ...beside] = await goesTo();
    expect([['vm-1', 'vm-2'].includes(member!), beside]).toEqual([true, ['user']]);
    write(remoteWrite('vm-1', 'vm-2', 'user'));
    expect(await agent!.reload()).toEqual({ ok: true });
    expect(await goesTo()).toEqual(['vm-1', 'vm-2', 'user']);
  });
  test('a member that does not exist is refused, and what was in force stays', async () => {
    await start(shared('[vm-1, vm-2]'));
    const before = await goesTo();
    write(shared('[vm-1, vm-9]'));
    expect(await agent!.reload()).toMatchObject({ ok: false, error: expect.stringContaining('vm-9') });
    expect(await goesTo()).toEqual(before);
  });
});

describe('features', () => {
  const jobs = 'scrape_configs: [{job_name: a}, {job_name: b, extra_scrape_metrics: false}]\n';
  test('extra-scrape-metrics is a default: what the file says wins', async () => {
    await start(jobs, '--enable-feature=extra-scrape-metrics');
    const { yaml } = ((await api('status/config')) as { data: { yaml: string } }).data;
    expect(yaml.match(/extra_scrape_metrics: \w+/g)).toEqual(['extra_scrape_metrics: true', 'extra_scrape_metrics: true', 'extra_scrape_metrics: false']);
  });
});

describe('Kubernetes discovery', () => {
  let server: FakeApiServer;
  beforeEach(async () => void (server = await startFakeApiServer()));
  afterEach(async () => {
    // The collector first: it would ask again.
    await agent?.stop();
    await server.close();
  });

  const jobs = () => `scrape_configs: [{job_name: pods, kubernetes_sd_configs: [{role: pod, api_server: '${server.url}'}]}]\n`;
  const pod = (name: string) => ({ kind: 'Pod', metadata: { name, namespace: 'shop' }, spec: { containers: [{ name: 'main' }] }, status: { podIP: '127.0.0.1' } });
  const targets = async () => ((await api('targets')) as { data: { activeTargets: { discoveredLabels: Record<string, string> }[] } }).data.activeTargets;
  const names = async () => (await targets()).map(({ discoveredLabels }) => discoveredLabels['__meta_kubernetes_pod_name']);
  const status = async (path: string) => (await fetch(`http://127.0.0.1:${agent!.addresses[0]!.port}${path}`)).status;

  test('an API server that is out of reach keeps the collector from being ready, not from being alive and asked; afterwards its state is served', async () => {
    server.put(pod('a'));
    server.down();
    await start(jobs());
    expect([await status('/-/healthy'), await status('/-/ready'), await targets()]).toEqual([200, 503, []]);
    server.up();
    await until(async () => (await status('/-/ready')) === 200);
    await until(async () => (await names()).join() === 'a');
    server.down();
    await until(async () => (await reflectors()).every(({ state }) => state === 'stale'));
    expect([await status('/-/ready'), await names()]).toEqual([200, ['a']]);
  });

  test('what may not be read keeps nobody waiting: other roles go on', async () => {
    server.put(pod('a'));
    server.access.setUser('secret', { name: 'collector', rules: [{ verbs: ['list', 'watch'], resources: ['pods'] }] });
    const job = (role: string) => `{job_name: ${role}, kubernetes_sd_configs: [{role: ${role}, api_server: '${server.url}', authorization: {credentials: secret}}]}`;
    await start(`scrape_configs: [${job('node')}, ${job('pod')}]\n`);
    await until(async () => (await names()).join() === 'a');
    await until(async () => (await status('/-/ready')) === 200);
    expect((await reflectors()).filter(({ isDenied }) => isDenied).map(({ kind, error }) => [kind, error])).toEqual([['nodes', expect.stringContaining('nodes is forbidden')]]);
  });

  test('a removed job ends its watches, an equal one keeps them', async () => {
    server.put(pod('a'));
    await start(jobs());
    await until(async () => (await names()).length === 1);
    const lists = server.requests.length;
    write(jobs().replace('job_name: pods', 'job_name: other'));
    expect(await agent!.reload()).toEqual({ ok: true });
    expect([await names(), server.requests.length, server.openStreams('pods')]).toEqual([['a'], lists, 1]);
    write('');
    expect(await agent!.reload()).toEqual({ ok: true });
    await until(() => Promise.resolve(server.openStreams('pods') === 0));
    expect(await reflectors()).toEqual([]);
  });

  test('owners by the label of pods come from it, and are there at the next start without it', async () => {
    const owned = { kind: 'Pod', metadata: { name: 'train-0', namespace: 'shop', labels: { cluster_id: 'a' } }, spec: { containers: [{ name: 'main' }] } };
    const routing = `${remoteWrite('a')}tributary:\n  kubernetes: {api_server: '${server.url}'}\n  destinations: {a: {owner: a}}\n  routing: {owner: {pod_label: cluster_id}, routes: [{to: [owner]}]}\n`;
    const owners = async () => (await metrics()).filter((line) => /^tributary_owners_(owner_pods|complete)\b/.test(line));
    server.put(owned);
    await start(routing);
    await until(async () => (await owners()).join() === 'tributary_owners_complete 1,tributary_owners_owner_pods{owner="a"} 1');
    write(remoteWrite('a'));
    expect(await agent!.reload()).toEqual({ ok: true });
    await until(() => Promise.resolve(server.openStreams('pods') === 0));
    expect(await owners()).toEqual(['tributary_owners_complete 0']);
    await agent!.stop();
    server.down();
    await start(routing);
    expect(await owners()).toEqual(['tributary_owners_complete 0', 'tributary_owners_owner_pods{owner="a"} 1']);
  });

  async function metrics(): Promise<string[]> {
    return (await (await fetch(`http://127.0.0.1:${agent!.addresses[0]!.port}/metrics`)).text()).split('\n');
  }

  async function reflectors() {
    return ((await api('status/kubernetes')) as { data: { reflectors: { kind: string; state: string; isDenied: boolean; error: string }[] } }).data.reflectors;
  }

  /** Network and timers are real here: what has to come is waited for by its effect. */
  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await pause(5);
  }
});
