// The door of the web server: the file of --web.config.file, passwords, tokens and certificates, and that all of it follows its files.

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { hashSync } from 'bcryptjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createGuard } from '../../../src/web/guard.ts';
import { openWebFile } from '../../../src/web/web-file.ts';
import { startTestServer, type TestServer } from './fake-agent.ts';

const tls = join(import.meta.dirname, '..', '..', 'fixtures', 'tls');
const hash = hashSync('right', 4);
let folder: string;
let file: string;
const open: TestServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'web-'));
  file = join(folder, 'web.yml');
});
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ server }) => server.close()));
  rmSync(folder, { recursive: true });
});

async function start(yaml: string): Promise<TestServer> {
  writeFileSync(file, yaml);
  const server = await startTestServer({}, `--web.config.file=${file}`);
  open.push(server);
  return server;
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

async function status({ base }: TestServer, authorization?: string): Promise<number> {
  const response = await fetch(`${base}/-/healthy`, authorization === undefined ? {} : { headers: { authorization } });
  await response.text();
  return response.status;
}

describe('who may come in', () => {
  test('with the right password only, on every path', async () => {
    const web = await start(`basic_auth_users: {edge: '${hash}'}`);
    expect(await Promise.all([status(web), status(web, basic('edge', 'right')), status(web, basic('edge', 'wrong')), status(web, basic('nobody', 'right')), status(web, 'Basic !')])).toEqual([401, 200, 401, 401, 401]);
    expect((await fetch(`${web.base}/metrics`)).headers.get('www-authenticate')).toBe('Basic');
  });
  test('with the token of a client, which may change', async () => {
    writeFileSync(join(folder, 'token'), 'first\n');
    const web = await start('tributary: {bearer_token_files: {edge: token}}');
    expect([await status(web, 'Bearer first'), await status(web, 'Bearer '), await status(web)]).toEqual([200, 401, 401]);
    writeFileSync(join(folder, 'token'), 'second');
    expect([await status(web, 'Bearer first'), await status(web, 'Bearer second')]).toEqual([401, 200]);
  });
  test('a change of the file needs no reload; while it is wrong nobody is let in', async () => {
    const web = await start(`basic_auth_users: {edge: '${hash}'}`);
    writeFileSync(file, 'basic_auth_users: {edge: plain}');
    expect(await status(web, basic('edge', 'right'))).toBe(500);
    writeFileSync(file, '');
    expect(await status(web)).toBe(200);
  });
  test('without credentials only where the file opens probes or metrics', async () => {
    const web = await start(`{basic_auth_users: {edge: '${hash}'}, tributary: {open: [probes]}}`);
    const asked = () => Promise.all(['/-/healthy', '/-/ready', '/metrics', '/', '/api/v1/status/config', '/-/healthy/x'].map(async (path) => (await fetch(web.base + path)).status));
    expect(await asked()).toEqual([200, 200, 401, 401, 401, 401]);
    writeFileSync(file, `{basic_auth_users: {edge: '${hash}'}, tributary: {open: [metrics]}}`);
    expect(await asked()).toEqual([401, 401, 200, 401, 401, 401]);
  });
  test('headers are on every answer', async () => {
    const web = await start('http_server_config: {headers: {X-Frame-Options: deny}}');
    expect((await fetch(`${web.base}/-/healthy`)).headers.get('x-frame-options')).toBe('deny');
  });
});

/** The serial number of the certificate that the server shows, or the error of the handshake. */
function handshake(port: number, options: { cert?: Buffer; key?: Buffer } = {}): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/-/healthy', rejectUnauthorized: false, agent: false, ...options }, (response) => {
      const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate();
      response.resume().on('end', () => resolve(`${response.statusCode} ${serialNumber}`));
    });
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end();
  });
}

describe('TLS', () => {
  const settings = (more = '') => `tls_server_config: {cert_file: cert.pem, key_file: key.pem${more}}`;
  const install = (name: 'server' | 'client') => {
    copyFileSync(join(tls, `${name}.pem`), join(folder, 'cert.pem'));
    copyFileSync(join(tls, `${name}-key.pem`), join(folder, 'key.pem'));
  };

  test('a new certificate is shown to the next connection', async () => {
    install('server');
    const web = await start(settings());
    const first = await handshake(web.port);
    install('client');
    const second = await handshake(web.port);
    expect([first.slice(0, 4), second.slice(0, 4), first === second]).toEqual(['200 ', '200 ', false]);
  });
  test('a client without a certificate stays outside where one is required', async () => {
    install('server');
    const web = await start(settings(`, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ${join(tls, 'ca.pem')}`));
    expect(await handshake(web.port)).not.toMatch(/^200/);
    expect(await handshake(web.port, { cert: readFileSync(join(tls, 'client.pem')), key: readFileSync(join(tls, 'client-key.pem')) })).toMatch(/^200/);
  });
  test('VerifyClientCertIfGiven: without one in, with one of another authority out', async () => {
    install('server');
    const web = await start(settings(`, client_auth_type: VerifyClientCertIfGiven, client_ca_file: ${join(tls, 'other-ca.pem')}`));
    expect(await handshake(web.port)).toMatch(/^200/);
    expect(await handshake(web.port, { cert: readFileSync(join(tls, 'client.pem')), key: readFileSync(join(tls, 'client-key.pem')) })).not.toMatch(/^200/);
  });
  test('it is shown on every address', async () => {
    install('server');
    writeFileSync(file, settings());
    const guard = createGuard(file, silentLogger);
    const servers = await Promise.all([0, 1].map(async () => {
      const server = guard.createServer({}, (_request, response) => void response.end());
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      return server;
    }));
    const ask = () => Promise.all(servers.map((server) => handshake((server.address() as AddressInfo).port)));
    const [first] = await ask();
    install('client');
    const [second, third] = await ask();
    expect([second, second === first]).toEqual([third, false]);
    for (const server of servers) server.close();
  });
  test('what is only in force after the next start is told, once', async () => {
    install('server');
    writeFileSync(file, settings());
    const told: string[] = [];
    const guard = createGuard(file, { ...silentLogger, error: (message) => void told.push(message) });
    const ask = () => guard.admit({ headers: {}, socket: {} } as IncomingMessage, {} as ServerResponse);
    await ask();
    writeFileSync(file, settings(`, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ${join(tls, 'ca.pem')}`));
    expect([await ask(), await ask(), told]).toEqual([{ client: '' }, { client: '' }, ['whether there is TLS, and client_auth_type, take effect at the next start']]);
  });
  test('a certificate that cannot be used stops the start', async () => {
    writeFileSync(join(folder, 'cert.pem'), 'no certificate');
    writeFileSync(join(folder, 'key.pem'), 'no key');
    await expect(start(settings())).rejects.toMatchObject({ code: 'WEB_CONFIG_INVALID' });
  });
});

test('a token that cannot be read is told once, also while users come in', async () => {
  writeFileSync(file, `basic_auth_users: {edge: '${hash}'}\ntributary: {bearer_token_files: {other: token}}`);
  const told: string[] = [];
  const guard = createGuard(file, { ...silentLogger, error: (message) => void told.push(message) });
  const ask = (authorization: string) => guard.admit({ headers: { authorization }, socket: {} } as IncomingMessage, {} as ServerResponse);
  for (let i = 0; i < 3; i++) {
    expect(await ask('Bearer x')).toMatchObject({ status: 500 });
    expect(await ask(basic('edge', 'right'))).toEqual({ client: 'edge' });
  }
  expect(told).toHaveLength(1);
});

describe('problems name their place', () => {
  test.each([
    ['tls_server_config: {cert_file: a}', '1:20: tls_server_config: expected exactly one of key and key_file'],
    ["\nbasic_auth_users: {edge: 'secret'}", '2:1: basic_auth_users: the hash of user "edge" is none of bcrypt'],
    [`basic_auth_users: {edge: '${hash.replace('$04$', '$31$')}'}`, 'has a cost of 31, expected at most 15'],
    [`basic_auth_users: {edge: '${hash}'}\ntributary: {bearer_token_files: {edge: a}}`, 'client "edge" is a user of basic_auth_users, too'],
    ['tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}', 'RequireAndVerifyClientCert needs client_ca_file'],
    ['tls_server_config: {cert_file: a, key_file: b, cipher_suites: [x]}', 'cipher_suites is not available here'],
    ['tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}', 'min_version TLS13 is above max_version TLS12'],
    ['http_server_config: {headers: {Server: x}}', 'header "Server" can not be configured'],
    ['basic_auth_user: {}', 'the nearest known key is basic_auth_users'],
  ])('%s', (yaml, expected) => {
    writeFileSync(file, yaml);
    expect(() => openWebFile(file)).toThrow(expected);
  });
});
