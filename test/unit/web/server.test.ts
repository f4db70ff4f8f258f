// The server around the handlers: probes, lifecycle, methods, compression, CORS, prefix, listening.

import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { globalUrl } from '../../../src/web/api-targets.ts';
import { acceptsGzip } from '../../../src/web/answer.ts';
import { formatTime } from '../../../src/web/time-text.ts';
import type { AgentView } from '../../../src/web/view.ts';
import { startTestServer, type TestServer } from './fake-agent.ts';

const open: TestServer[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map(({ server }) => server.close()))));

async function start(view: Partial<AgentView> = {}, ...args: string[]): Promise<TestServer> {
  const server = await startTestServer(view, ...args);
  open.push(server);
  return server;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A bare request: fetch would unpack, follow and add headers. */
function call(web: TestServer, method: string, path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: web.port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function statusAndText(web: TestServer, method: string, path: string): Promise<[number, string]> {
  const { status, body } = await call(web, method, path);
  return [status, body.toString()];
}

describe('probes', () => {
  test('healthy always', async () => expect(await statusAndText(await start({ isReady: () => false }), 'GET', '/-/healthy')).toEqual([200, 'Prometheus Agent is Healthy.\n']));
  test('ready when the agent is', async () => expect(await statusAndText(await start(), 'GET', '/-/ready')).toEqual([200, 'Prometheus Agent is Ready.\n']));
  test('HEAD has no body', async () => expect(await statusAndText(await start(), 'HEAD', '/-/ready')).toEqual([200, '']));
  test('before that 503, and the API too', async () => {
    const web = await start({ isStarted: () => false, isReady: () => false });
    for (const path of ['/-/ready', '/api/v1/targets']) {
      const { status, headers, body } = await call(web, 'GET', path);
      expect([status, headers['x-prometheus-stopping'], body.toString()]).toEqual([503, 'false', 'Service Unavailable']);
    }
  });
  test('the API answers before ready, so that people see what is waited for', async () => {
    const web = await start({ isReady: () => false });
    expect([(await call(web, 'GET', '/-/ready')).status, (await call(web, 'GET', '/api/v1/targets')).status]).toEqual([503, 200]);
  });
  test('the API says when the agent is stopping', async () =>
    expect((await call(await start({ isStopping: () => true }), 'GET', '/api/v1/targets')).headers['x-prometheus-stopping']).toBe('true'));
  test('metrics are served before ready', async () => {
    const { status, headers, body } = await call(await start({ isReady: () => false }), 'GET', '/metrics');
    expect([status, headers['content-type'], body.toString()]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8', '# HELP x X.\nx 1\n']);
  });
});

describe('lifecycle', () => {
  const enabled = '--web.enable-lifecycle';
  test.each(['/-/reload', '/-/quit'])('%s is off by default', async (path) => expect(await statusAndText(await start(), 'POST', path)).toEqual([403, 'Lifecycle API is not enabled.']));
  test.each(['/-/reload', '/-/quit'])('%s wants POST or PUT', async (path) => expect(await statusAndText(await start({}, enabled), 'GET', path)).toEqual([405, 'Only POST or PUT requests allowed']));
  test.each(['POST', 'PUT'])('%s reloads', async (method) => expect(await statusAndText(await start({}, enabled), method, '/-/reload')).toEqual([200, '']));
  test('a refused configuration is told', async () => {
    const web = await start({ requestReload: () => Promise.resolve({ ok: false, error: 'a.yml:1:1: x: unknown key' }) }, enabled, '--config.file=a.yml');
    expect(await statusAndText(web, 'POST', '/-/reload')).toEqual([500, 'failed to reload config: couldn\'t load configuration (--config.file="a.yml"): a.yml:1:1: x: unknown key\n']);
  });
  test('quit once, then say so', async () => {
    let asked = 0;
    const web = await start({ requestQuit: () => void asked++, isStopping: () => asked > 0 }, enabled);
    expect(await statusAndText(web, 'POST', '/-/quit')).toEqual([200, 'Requesting termination... Goodbye!']);
    expect(await statusAndText(web, 'POST', '/-/quit')).toEqual([200, 'Termination already in progress.']);
    expect(asked).toBe(1);
  });
});

describe('requests', () => {
  test('a wrong method names the right ones', async () => {
    const { status, headers } = await call(await start(), 'DELETE', '/api/v1/targets');
    expect([status, headers.allow]).toEqual([405, 'GET']);
  });
  test('an unknown path', async () => expect((await call(await start(), 'GET', '/nope')).status).toBe(404));
  test('two leading slashes are no host', async () => expect((await call(await start(), 'GET', '//metrics')).status).toBe(404));
  test('version is the build without an envelope', async () => expect(JSON.parse((await call(await start(), 'GET', '/version')).body.toString())).toMatchObject({ version: '1.2.3' }));
  test('gzip for those who take it', async () => {
    const { headers, body } = await call(await start(), 'GET', '/api/v1/status/flags', { 'Accept-Encoding': 'gzip' });
    expect(headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(body).toString())).toMatchObject({ status: 'success' });
  });
  test('plain for the others', async () => expect((await call(await start(), 'GET', '/api/v1/status/flags')).headers['content-encoding']).toBeUndefined());
  test('a failing handler answers 500 and the server lives', async () => {
    const web = await start({ metricsText: () => Promise.reject(new Error('broken')) });
    expect((await call(web, 'GET', '/metrics')).status).toBe(500);
    expect((await call(web, 'GET', '/-/healthy')).status).toBe(200);
  });
  test.each([
    ['gzip', true], ['deflate, gzip;q=0.5', true], ['*', true], ['gzip;q=0', false], ['identity', false], [undefined, false],
  ])('Accept-Encoding %s', (header, expected) => expect(acceptsGzip(header)).toBe(expected));
});

describe('CORS', () => {
  const origin = { Origin: 'http://a.example' };
  test('every origin by default', async () => expect((await call(await start(), 'GET', '/api/v1/targets', origin)).headers['access-control-allow-origin']).toBe('*'));
  test('only those that match', async () => {
    const web = await start({}, '--web.cors.origin=http://a[.]example');
    expect((await call(web, 'GET', '/api/v1/targets', origin)).headers['access-control-allow-origin']).toBe('http://a.example');
    expect((await call(web, 'GET', '/api/v1/targets', { Origin: 'http://a.example.evil' })).headers['access-control-allow-origin']).toBeUndefined();
  });
  test('a preflight is answered', async () => expect((await call(await start(), 'OPTIONS', '/api/v1/targets', origin)).status).toBe(204));
});

describe('prefix', () => {
  test('everything lies below it', async () => {
    const web = await start({}, '--web.external-url=http://x/outer', '--web.route-prefix=/inner');
    expect((await call(web, 'GET', '/inner/-/healthy')).status).toBe(200);
    expect((await call(web, 'GET', '/-/healthy')).status).toBe(404);
    expect((await call(web, 'GET', '/innermost')).status).toBe(404);
    for (const path of ['/', '/inner']) expect((await call(web, 'GET', path)).headers.location).toBe('/outer/');
  });
});

describe('page', () => {
  test.each(['/', '/agent', '/targets', '/service-discovery', '/status'])('%s shows targets and destinations', async (path) => {
    const page = (await call(await start(), 'GET', path)).body.toString();
    for (const text of ['Targets (1 of 3 up)', 'master-a', 'Dropped targets (4)', 'has no effect', 'The last reload failed', 'unknown key']) expect(page).toContain(text);
  });
  test('markup in an error is text', async () => {
    const page = (await call(await start(), 'GET', '/')).body.toString();
    expect(page).toContain('[refused] refused &lt;b&gt;');
    expect(page).not.toContain('<b>refused');
  });
  test('nothing is loaded from elsewhere and no script runs', async () => {
    const { headers, body } = await call(await start(), 'GET', '/');
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'self';/);
    expect(body.toString()).not.toMatch(/<script|style=|https?:\/\/(?!storage|127|b:|c:)/);
  });
  test.each([['/config', 'global: {}'], ['/flags', '--config.file'], ['/page.css', 'table']])('%s', async (path, text) =>
    expect((await call(await start(), 'GET', path)).body.toString()).toContain(text));
});

describe('listening', () => {
  test('a port in use is a clear error', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(startTestServer({}, `--web.listen-address=127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'WEB_LISTEN',
      message: `cannot listen on 127.0.0.1:${port}: the port is in use by another process; choose another one with --web.listen-address`,
    });
    await new Promise((resolve) => other.close(resolve));
  });
  test('several addresses', async () => expect((await start({}, '--web.listen-address=127.0.0.1:0')).server.addresses).toHaveLength(2));
});

describe('global URL', () => {
  const context = { flags: { externalUrl: new URL('https://out.example:8443/p') }, ownPort: () => 9090 } as Parameters<typeof globalUrl>[1];
  test.each([
    ['http://localhost:9090/metrics?a=b', 'https://out.example:8443/metrics?a=b'],
    ['http://127.0.0.1:9100/metrics', 'http://out.example:9100/metrics'],
    ['http://[::1]:9100/metrics', 'http://out.example:9100/metrics'],
    ['http://10.0.0.1:9090/metrics', 'http://10.0.0.1:9090/metrics'],
    ['http://localhost/metrics', 'http://localhost/metrics'],
  ])('%s', (url, expected) => expect(globalUrl(url, context)).toBe(expected));
});

describe('time', () => {
  test.each([
    [undefined, '0001-01-01T00:00:00Z'],
    [0, '1970-01-01T00:00:00Z'],
    [1500, '1970-01-01T00:00:01.5Z'],
    [1500.25, '1970-01-01T00:00:01.50025Z'],
    [1e300, '9999-12-31T23:59:59.999Z'],
    [-1e300, '0001-01-01T00:00:00Z'],
  ])('%s', (ms, expected) => expect(formatTime(ms)).toBe(expected));
});
