// Announced destinations in the whole line, with the real client in front of a fake API server, real files and a real receiver: what RBAC has to grant, and that
// what is announced is sent to, moves, survives a restart without the API server, and never leads to this host unless that is allowed.

import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startAgent } from '../../src/agent.ts';
import type { Agent } from '../../src/agent.ts';
import { buildInfo } from '../../src/cli/build-info.ts';
import { parseCommandLine } from '../../src/cli/flags.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { startFakeApiServer } from '../support/kubernetes/fake-api-server.ts';
import type { FakeApiServer } from '../support/kubernetes/fake-api-server.ts';
import { startReceiver } from '../support/receiver.ts';
import type { Receiver } from '../support/receiver.ts';
import { secret } from './destinations/masters/helper.ts';

let folder: string;
let api: FakeApiServer;
let agent: Agent | undefined;
const receivers: Receiver[] = [];
/** The owner of a series is told by the namespace it names. */
const page = 'owned{namespace="hero-user-a"} 1\nowned{namespace="hero-user-b"} 1\nowned{namespace="shop"} 1\n';
const exporter = createServer((_request, response) => void response.writeHead(200, { 'Content-Type': 'text/plain' }).end(page));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-masters-'));
  api = await startFakeApiServer();
  await new Promise<void>((resolve) => void exporter.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  await Promise.all([api.close(), ...receivers.splice(0).map((receiver) => receiver.stop()), new Promise((resolve) => exporter.close(resolve))]);
  rmSync(folder, { recursive: true, force: true });
});

/** The rules that docs/masters.md asks for: Secrets of one name, in every namespace. */
const granted = { resources: ['secrets'], verbs: ['list', 'watch'], names: ['tributary-route'] };

function config({ masters = 'secrets: {}', allowed = "allowed_networks: ['127.0.0.0/8']" } = {}): string {
  const { port } = exporter.address() as AddressInfo;
  return [
    'global: {scrape_interval: 200ms, scrape_timeout: 200ms}',
    `scrape_configs: [{job_name: kube-state-metrics, static_configs: [{targets: ['127.0.0.1:${port}']}]}]`,
    'tributary:',
    `  kubernetes: {api_server: '${api.url}', authorization: {credentials: token}}`,
    "  routing: {owner: {namespace: 'hero-user-(.+)'}, routes: [{match: ['owned'], to: [owner]}]}",
    `  masters: {${[masters, allowed].filter((one) => one !== '').join(', ')}}`,
  ].join('\n');
}

async function start(text: string): Promise<void> {
  writeFileSync(join(folder, 'c.yml'), text);
  const command = parseCommandLine([
    `--config.file=${join(folder, 'c.yml')}`, `--storage.agent.path=${join(folder, 'data')}`, '--web.listen-address=127.0.0.1:0', '--storage.remote.flush-deadline=1s',
  ]);
  if (command.kind !== 'run') throw new Error(JSON.stringify(command));
  agent = await startAgent({ flags: command.flags, build: buildInfo, logger: silentLogger, startedMs: 0, requestQuit: () => undefined });
}

async function receiver(): Promise<Receiver> {
  const started = await startReceiver();
  receivers.push(started);
  return started;
}

/** What a receiver has got of `owned`, by namespace. */
const owned = (from: Receiver) => [...new Set(from.samples().filter(({ labels }) => labels['__name__'] === 'owned').map(({ labels }) => labels['namespace']))].join();

async function status<T>(name: string): Promise<T> {
  return ((await (await fetch(`http://127.0.0.1:${agent!.addresses[0]!.port}/api/v1/status/${name}`)).json()) as { data: T }).data;
}

/** Samples of an owner that went nowhere, because it had no destination; before its Secret was read there may be some. */
async function unownedOf(owner: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${agent!.addresses[0]!.port}/metrics`)).text();
  return Number(new RegExp(`^tributary_route_unrouted_samples_total\\{reason="unowned",owner="${owner}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

interface ShownMaster {
  readonly destination: string;
  readonly state: string;
  readonly problems: string[];
  readonly isTold: boolean;
}
const masters = async () => (await status<{ masters: ShownMaster[] }>('masters')).masters;
const states = async () => (await masters()).map(({ destination, state }) => `${destination} ${state}`);
const announce = (owner: string, to: { readonly url: string }) => api.put(secret(`hero-user-${owner}`, `endpoints: ['${to.url}']`));

/** Network and timers are real here: what has to come is waited for by its effect. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await pause(10);
}

test('each master gets its own series and no others, moves to another address, and one that breaks is no trouble for the other', async () => {
  api.access.setUser('token', { name: 'collector', rules: [granted] });
  const [a, a2, b] = [await receiver(), await receiver(), await receiver()];
  announce('a', a);
  await start(config());
  await until(() => owned(a) !== '');
  announce('b', b);
  await until(() => owned(b) !== '');
  api.put(secret('hero-user-b', 'endpoints: ['));
  announce('a', a2);
  await until(() => owned(a2) !== '');
  await until(async () => (await states()).join() === 'master-a active,master-b broken');
  const before = b.samples().length;
  await until(() => b.samples().length > before);
  expect([owned(a), owned(a2), owned(b)]).toEqual(['hero-user-a', 'hero-user-a', 'hero-user-b']);
});

test('a start without the API server sends to where the last good document leads; the file of it is for nobody else', async () => {
  api.access.setUser('token', { name: 'collector', rules: [granted] });
  const a = await receiver();
  announce('a', a);
  await start(config());
  await until(() => owned(a) !== '');
  await agent!.stop();
  api.down();
  const before = a.samples().length;
  await start(config());
  expect(await masters()).toMatchObject([{ destination: 'master-a', state: 'active', isTold: false }]);
  await until(() => a.samples().length > before);
  const [name = ''] = readdirSync(join(folder, 'data', 'masters'));
  expect([(statSync(join(folder, 'data', 'masters', name)).mode & 0o777).toString(8), readFileSync(join(folder, 'data', 'masters', name), 'utf8')]).toEqual(['600', expect.stringContaining(a.url)]);
});

test('a Secret that vanishes begins a grace of an hour, in which it is still sent to; when it returns nothing has been left out', async () => {
  const a = await receiver();
  announce('a', a);
  await start(config());
  await until(() => owned(a) !== '');
  const unowned = await unownedOf('a');
  api.remove('secrets', 'hero-user-a', 'tributary-route');
  await until(async () => (await states()).join() === 'master-a leaving');
  const before = a.samples().length;
  await until(() => a.samples().length > before);
  announce('a', a);
  await until(async () => (await states()).join() === 'master-a active');
  expect(await unownedOf('a')).toBe(unowned);
});

test('after the grace the destination is removed and its queue is kept; when it returns it goes on', async () => {
  const a = await receiver();
  announce('a', a);
  await start(config({ masters: 'secrets: {}, grace: 0s' }));
  await until(() => owned(a) !== '');
  const names = async (key: 'destinations' | 'retired') => (await status<Record<string, { name: string }[]>>('destinations'))[key]!.map(({ name }) => name);
  api.remove('secrets', 'hero-user-a', 'tributary-route');
  await until(async () => (await names('retired')).join() === 'master-a');
  expect(await names('destinations')).toEqual([]);
  announce('a', a);
  await until(async () => (await names('destinations')).join() === 'master-a');
  expect(await names('retired')).toEqual([]);
});

test('without the right to read Secrets of that name nothing is announced, and what is missing is said', async () => {
  api.access.setUser('token', { name: 'collector', rules: [{ ...granted, names: ['another'] }] });
  announce('a', await receiver());
  await start(config());
  const reflectors = async () => (await status<{ reflectors: { kind: string; isDenied: boolean; permission?: { rule: string } }[] }>('kubernetes')).reflectors;
  await until(async () => (await reflectors()).some(({ isDenied }) => isDenied));
  expect([await masters(), await reflectors()]).toMatchObject([[], [{ kind: 'secrets', isDenied: true, permission: { rule: '{apiGroups: [""], resources: ["secrets"], resourceNames: ["tributary-route"], verbs: ["list", "watch"]}' } }]]);
});

test('a name that leads to this host is not connected to, though nothing was wrong with the document', async () => {
  const trap = await receiver();
  api.put(secret('hero-user-a', `endpoints: ['http://localhost:${trap.port}/w']`));
  // With a network that is allowed, names are judged by where they lead.
  await start(config({ allowed: "allowed_networks: ['192.0.2.1']" }));
  const errors = async () => (await status<{ destinations: { lastError: string }[] }>('destinations')).destinations.map(({ lastError }) => lastError).join();
  await until(async () => (await errors()) !== '');
  expect([await states(), await errors(), trap.requests]).toEqual([['master-a active'], expect.stringMatching(/address refused: the loopback address/), []]);
});
