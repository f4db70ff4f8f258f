import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { Secret } from '../../../../src/model/secret.ts';
import type { TlsSettings } from '../../../../src/io/http/config.ts';
import { client, closeAll, get, onClose, pem, pemPath, serve, serveTcp, serveTls, stream } from './servers.ts';

afterEach(closeAll);

const tls = (settings: Partial<TlsSettings> = {}) => client({ tls: { insecureSkipVerify: false, ...settings } });
const https = (options = {}) => serveTls(options, (request, response) => void response.end((request.socket as TLSSocket).getProtocol()));

test('a server that a given authority signed is trusted', async () => {
  const port = await https();
  expect((await stream(tls({ ca: pem('ca') }), `https://127.0.0.1:${port}/`)).body).toBe('TLSv1.3');
  expect((await stream(tls({ caFile: pemPath('ca') }), `https://localhost:${port}/`)).body).toBe('TLSv1.3');
});

test('a server of an unknown authority is refused', async () => {
  const { error } = await stream(tls({ ca: pem('other-ca') }), `https://127.0.0.1:${await https()}/`);
  expect([error?.class, error?.message]).toEqual(['tls', expect.stringMatching(/: tls: failed to verify certificate: x509: certificate signed by unknown authority$/)]);
});

test('a server is refused by default settings when no public authority signed it', async () =>
  expect((await stream(tls(), `https://127.0.0.1:${await https()}/`)).error?.message).toContain('unknown authority'));

test('insecure_skip_verify trusts everybody', async () =>
  expect((await stream(tls({ insecureSkipVerify: true }), `https://127.0.0.1:${await https()}/`)).body).toBe('TLSv1.3'));

test('server_name is what the certificate is checked for', async () => {
  const port = await https();
  expect((await stream(tls({ ca: pem('ca'), serverName: 'target.example' }), `https://127.0.0.1:${port}/`)).body).toBe('TLSv1.3');
  expect((await stream(tls({ ca: pem('ca'), serverName: 'other.example' }), `https://127.0.0.1:${port}/`)).error?.class).toBe('tls');
});

test('a client certificate is shown', async () => {
  const port = await serveTls({ ca: pem('ca'), requestCert: true, rejectUnauthorized: true }, (request, response) => void response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN));
  expect((await stream(tls({ ca: pem('ca'), cert: pem('client'), key: new Secret(pem('client-key')) }), `https://127.0.0.1:${port}/`)).body).toBe('Test client');
  expect((await stream(tls({ ca: pem('ca') }), `https://127.0.0.1:${port}/`)).error).toBeDefined();
});

test('versions are limited', async () => {
  const port = await https();
  expect((await stream(tls({ ca: pem('ca'), maxVersion: 'TLS12' }), `https://127.0.0.1:${port}/`)).body).toBe('TLSv1.2');
  expect((await stream(tls({ minVersion: 'TLS13', maxVersion: 'TLS12' }), `https://127.0.0.1:${port}/`)).error?.message).toContain('tls_config.max_version must be greater than or equal to');
  const old = await https({ maxVersion: 'TLSv1.2' });
  expect((await stream(tls({ ca: pem('ca'), minVersion: 'TLS13' }), `https://127.0.0.1:${old}/`)).error?.class).toBe('tls');
});

test('files are read again when they change, and connections made with the old ones are closed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-tls-'));
  onClose(() => rmSync(folder, { recursive: true }));
  const caFile = join(folder, 'ca.pem');
  copyFileSync(pemPath('other-ca'), caFile);
  const url = `https://127.0.0.1:${await https()}/`;
  const from = tls({ caFile });
  expect((await stream(from, url)).error?.class).toBe('tls');
  copyFileSync(pemPath('ca'), caFile);
  expect((await stream(from, url)).body).toBe('TLSv1.3');
  copyFileSync(pemPath('other-ca'), caFile);
  expect((await stream(from, url)).error?.class).toBe('tls');
});

test('an unreadable or wrong file is an error of configuration', async () => {
  const url = `https://127.0.0.1:${await https()}/`;
  expect((await stream(tls({ caFile: '/absent/ca.pem' }), url)).error).toMatchObject({ class: 'configuration', message: expect.stringContaining('unable to read CA cert: unable to read file /absent/ca.pem') });
  expect((await stream(tls({ ca: 'nonsense' }), url)).error).toMatchObject({ class: 'configuration', message: expect.stringContaining('unable to use specified CA cert') });
});

test('TLS spoken to a plain server says so', async () => {
  const port = await serve((_request, response) => void response.end());
  expect((await stream(tls(), `https://127.0.0.1:${port}/`)).error).toMatchObject({ class: 'tls', message: expect.stringContaining('server gave HTTP response to HTTPS client') });
});

test('an expired certificate is a TLS error', async () => {
  const port = await https({ cert: pem('expired') });
  expect((await stream(tls({ ca: pem('expired') }), `https://127.0.0.1:${port}/`)).error).toMatchObject({ class: 'tls', message: expect.stringContaining('certificate has expired or is not yet valid') });
});

test.each([
  ['closes', (socket: Socket) => socket.end()],
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
  // The alert 80, internal error.
  ['reports trouble of its own', (socket: Socket) => socket.write(Buffer.from([21, 3, 3, 0, 2, 2, 80]))],
] as const)('a server that %s during the handshake is an error of the connection', async (_name, deed) => {
  const port = await serveTcp((socket) => socket.on('data', () => void deed(socket)));
  expect((await stream(tls(), `https://127.0.0.1:${port}/`)).error?.class).toBe('connection');
});

test.each([['certificate expired', 45], ['unknown ca', 48], ['handshake failure', 40]] as const)('a server that refuses us with the alert %s is a TLS error', async (text, alert) => {
  const port = await serveTcp((socket) => socket.on('data', () => void socket.write(Buffer.from([21, 3, 3, 0, 2, 2, alert]))));
  expect((await stream(tls(), `https://127.0.0.1:${port}/`)).error).toMatchObject({ class: 'tls', message: expect.stringContaining(`remote error: tls: ${text}`) });
});

test('server_name is sent to a server that is reached by its address', async () => {
  const port = await serveTls({}, (request, response) => void response.end((request.socket as TLSSocket & { servername: string }).servername));
  expect((await stream(tls({ ca: pem('ca'), serverName: 'target.example' }), `https://127.0.0.1:${port}/`)).body).toBe('target.example');
});

test('a reset TLS connection is replaced for a GET', async () => {
  let asked = 0;
  const port = await serveTls({}, (request, response) => (++asked === 2 ? request.socket.destroy() : response.end(String(asked))));
  const from = tls({ ca: pem('ca') });
  await get(from, `https://127.0.0.1:${port}/`);
  expect((await get(from, `https://127.0.0.1:${port}/`)).body.toString()).toBe('3');
});
