import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFileProvider } from '../../../discovery/file/file.ts';
import { createHttpProvider } from '../../../discovery/http/http.ts';
import type { Provider } from '../../../discovery/discovery.ts';
import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { closeAll, serve } from '../io/http/servers.ts';
import { calls, dependencies, shown, until } from './helpers.ts';

let folder = '';
const running: Provider[] = [];
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tributary-sd-'))));
afterEach(async () => {
  for (const provider of running.splice(0)) await provider.stop();
  await closeAll();
  rmSync(folder, { recursive: true });
});

function started(provider: Provider) {
  running.push(provider);
  const seen = calls();
  provider.start(seen.sink);
  return seen;
}
const files = (patterns: string[], metrics = createMetrics()) =>
  started(createFileProvider({ kind: 'file', files: patterns.map((p) => join(folder, p)), refreshIntervalMs: 300_000 }, dependencies(systemClock, metrics)));
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

test('file: groups say which file they are from', async () => {
  write('a.yml', '- targets: [x:1]\n');
  const [group] = await files(['*.yml']).next();
  expect([group?.source, group?.labels.get('__meta_filepath')]).toEqual([join(folder, 'a.yml:0'), join(folder, 'a.yml')]);
});

test('file: a deleted file loses its groups, a new one adds them', async () => {
  write('a.json', '[{"targets":["a:1"]}]');
  const seen = files(['*.json']);
  await seen.next();
  write('b.json', '[{"targets":["b:1"]}]');
  expect(shown(await seen.next())).toEqual([`${join(folder, 'b.json')}:0: b:1`]);
  rmSync(join(folder, 'a.json'));
  expect(shown(await seen.next())).toEqual([`${join(folder, 'a.json')}:0: `]);
});

test('file: a broken file is counted and does not hide the others', async () => {
  write('a.json', '[{"targets":["a:1"]}]');
  write('b.json', '[null]');
  const metrics = createMetrics();
  expect(shown(await files(['*.json'], metrics).next())).toEqual([`${join(folder, 'a.json')}:0: a:1`]);
  expect(await metrics.text()).toContain('prometheus_sd_file_read_errors_total 1');
});

test('file: the swap of a mounted ConfigMap is seen', async () => {
  for (const version of ['1', '2']) {
    mkdirSync(join(folder, version));
    write(`${version}/t.json`, `[{"targets":["v${version}:1"]}]`);
  }
  symlinkSync('1', join(folder, '..data'));
  symlinkSync('..data/t.json', join(folder, 't.json'));
  const seen = files(['t.json']);
  expect(shown(await seen.next())).toEqual([`${join(folder, 't.json')}:0: v1:1`]);
  symlinkSync('2', join(folder, '..tmp'));
  renameSync(join(folder, '..tmp'), join(folder, '..data'));
  expect(shown(await seen.next())).toEqual([`${join(folder, 't.json')}:0: v2:1`]);
});

test('file: a missing folder is no groups', async () => expect(await files(['absent/*.json']).next()).toEqual([]));

test('file: a folder that cannot be read keeps the groups of its files', async () => {
  mkdirSync(join(folder, 'sd'));
  write('sd/a.json', '[{"targets":["a:1"]}]');
  write('b.json', '[{"targets":["b:1"]}]');
  const seen = files(['sd/*.json', 'b.json']);
  await seen.next();
  renameSync(join(folder, 'sd'), join(folder, 'old'));
  symlinkSync('sd', join(folder, 'sd'));
  write('b.json', '[{"targets":["b:2"]}]');
  expect(shown(await seen.next())).toEqual([`${join(folder, 'b.json')}:0: b:2`]);
});

test('http: a password in the URL stays out of sources and labels', async () => {
  const port = await serve((_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('[{"targets":["a:1"]}]'));
  const url = `http://u:secret@127.0.0.1:${port}/sd`;
  const seen = started(createHttpProvider({ kind: 'http', url, refreshIntervalMs: 60_000, http: defaultHttpClientSettings }, dependencies(systemClock)));
  const [group] = await seen.next();
  expect(JSON.stringify([group?.source, [...(group?.labels ?? [])]])).not.toContain('secret');
});

test('http: the request says what Prometheus says', async () => {
  let headers: Record<string, unknown> = {};
  const port = await serve((request, response) => {
    headers = request.headers;
    response.writeHead(200, { 'content-type': 'Application/JSON; charset="utf-8"' }).end('[{"targets":["a:1"]}]');
  });
  const url = `http://127.0.0.1:${port}/sd`;
  const seen = started(createHttpProvider({ kind: 'http', url, refreshIntervalMs: 60_000, http: defaultHttpClientSettings }, dependencies(systemClock)));
  const [group] = await seen.next();
  expect([group?.source, group?.labels.get('__meta_url')]).toEqual([`${url}:0`, url]);
  expect(headers).toMatchObject({ accept: 'application/json', 'x-prometheus-refresh-interval-seconds': '60', 'user-agent': 'Test/1' });
});

test.each([
  ['another status', 204, 'application/json', '[]'], ['another content type', 200, 'text/plain', '[]'], ['no content type', 200, '', '[]'],
  ['a null group', 200, 'application/json', '[null]'], ['an unknown key', 200, 'application/json', '[{"x":1}]'], ['no JSON', 200, 'application/json', '<'],
])('http: %s is a failure', async (_name, status, type, body) => {
  const port = await serve((_request, response) => void response.writeHead(status, type === '' ? {} : { 'content-type': type }).end(body));
  let failures = 0;
  const deps = dependencies(systemClock);
  const counted = { ...deps, metrics: { ...deps.metrics, httpFailures: { inc: () => failures++ } } };
  const seen = started(createHttpProvider({ kind: 'http', url: `http://127.0.0.1:${port}/`, refreshIntervalMs: 60_000, http: defaultHttpClientSettings }, counted));
  await until(() => failures > 0);
  expect(seen.waiting).toEqual([]);
});
