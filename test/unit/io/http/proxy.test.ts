import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createBypass } from '../../../../src/io/http/proxy.ts';
import { Secret } from '../../../../src/model/secret.ts';
import type { ProxySettings } from '../../../../src/io/http/config.ts';
import { client, closeAll, get, onClose, pem, serve, serveTls, stream, unusedPort } from './servers.ts';

afterEach(closeAll);

const proxied = (settings: Partial<ProxySettings>) => ({ proxy: { fromEnvironment: false, connectHeaders: [], ...settings } });

/** Opens tunnels, or refuses them with `refusal`; tells the heads of CONNECT requests. */
async function tunnel(refusal?: string): Promise<{ port: number; heads: string[][] }> {
  const heads: string[][] = [];
  const server = createServer();
  const sockets = new Set<Socket>();
  server.on('connect', (request, socket: Socket) => {
    heads.push([request.url!, ...request.rawHeaders]);
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal}\r\n\r\n`);
    const [host, port] = request.url!.split(':') as [string, string];
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    for (const s of [socket, onward]) sockets.add(s.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onClose(() => {
    for (const s of sockets) s.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, heads };
}

test('a plain request goes to the proxy with the whole URL', async () => {
  const port = await serve((request, response) => void response.end(JSON.stringify([request.url, request.headers.host, request.headers['proxy-authorization']])));
  const from = client(proxied({ url: `http://u:p@127.0.0.1:${port}` }));
  expect((await stream(from, 'http://target.example:9100/metrics?x=1')).body).toBe(
    JSON.stringify(['http://target.example:9100/metrics?x=1', 'target.example:9100', `Basic ${btoa('u:p')}`]));
});

test('a TLS request goes through a tunnel, with the proxy headers in CONNECT only', async () => {
  const target = await serveTls({}, (request, response) => void response.end(String(request.headers['x-p'])));
  const { port, heads } = await tunnel();
  const settings = { ...proxied({ url: `http://u:p@127.0.0.1:${port}`, connectHeaders: [{ name: 'X-P', values: [new Secret('v')] }] }), tls: { insecureSkipVerify: false, ca: pem('ca') } };
  expect((await stream(client(settings), `https://127.0.0.1:${target}/`)).body).toBe('undefined');
  expect(heads).toEqual([[`127.0.0.1:${target}`, 'Host', `127.0.0.1:${target}`, 'Proxy-Authorization', `Basic ${btoa('u:p')}`, 'X-P', 'v']]);
});

test('a refused tunnel is reported with the words of the proxy', async () => {
  const { port } = await tunnel('407 Proxy Authentication Required');
  expect((await stream(client(proxied({ url: `http://127.0.0.1:${port}` })), 'https://target.example/')).error?.message).toBe('Get "https://target.example/": Proxy Authentication Required');
});

test('a proxy that is down is a refused connection', async () =>
  expect((await stream(client(proxied({ url: `http://127.0.0.1:${await unusedPort()}` })), 'http://target.example/')).error).toMatchObject({
    class: 'refused', message: expect.stringMatching(/^Get "http:\/\/target.example\/": proxyconnect tcp: dial tcp 127.0.0.1:\d+: connect: connection refused$/),
  }));

test('a proxy that is spoken to by TLS passes both kinds of requests', async () => {
  const port = await serveTls({}, (request, response) => void response.end(request.url));
  const settings = { ...proxied({ url: `https://127.0.0.1:${port}` }), tls: { insecureSkipVerify: false, ca: pem('ca') } };
  expect((await stream(client(settings), 'http://target.example/m')).body).toBe('http://target.example/m');
});

test('a proxy of an unknown kind is an error of configuration', async () =>
  expect((await stream(client(proxied({ url: 'socks5://127.0.0.1:1' })), 'http://target.example/')).error).toMatchObject({ class: 'configuration', message: expect.stringContaining('unsupported proxy scheme "socks5"') }));

test('no_proxy leads past the proxy, proxy_url alone does not even for loopback', async () => {
  const proxy = await serve((_request, response) => void response.end('proxy'));
  const direct = await serve((_request, response) => void response.end('direct'));
  const url = `http://127.0.0.1:${direct}/`;
  expect((await get(client(proxied({ url: `http://127.0.0.1:${proxy}` })), url)).body.toString()).toBe('proxy');
  expect((await get(client(proxied({ url: `http://127.0.0.1:${proxy}`, noProxy: 'x.example' })), url)).body.toString()).toBe('direct');
});

test('proxy_from_environment takes the variable of the scheme, in capitals or not', async () => {
  const proxy = await serve((_request, response) => void response.end('proxy'));
  const settings = proxied({ fromEnvironment: true });
  const from = client(settings, { environment: { http_proxy: `127.0.0.1:${proxy}`, NO_PROXY: 'direct.invalid' } });
  expect((await get(from, 'http://target.example/')).body.toString()).toBe('proxy');
  await expect(get(from, 'http://direct.invalid/')).rejects.toThrow('direct.invalid');
});

describe('NO_PROXY, as Go reads it', () => {
  test.each([
    ['', 'a.example', 80, false], ['', 'localhost', 80, true], ['', '127.0.0.2', 80, true], ['', '::1', 80, true],
    ['*', 'a.example', 80, true], ['a.example', 'a.example', 80, true], ['a.example', 'b.a.example', 80, true], ['a.example', 'ba.example', 80, false],
    ['.a.example', 'a.example', 80, false], ['.a.example', 'b.a.example', 80, true], ['*.a.example', 'a.example', 80, false], ['*.a.example', 'b.a.example', 80, true],
    ['a.example:81', 'a.example', 80, false], ['a.example:81', 'a.example', 81, true], ['10.0.0.0/8', '10.1.2.3', 80, true], ['10.0.0.0/8', '11.1.2.3', 80, false],
    ['10.0.0.1', '10.0.0.1', 80, true], ['10.0.0.1:81', '10.0.0.1', 80, false], ['fd00::/8', 'fd00::1', 80, true], ['[fd00::1]:80', 'fd00::1', 80, true],
    [' x.example , A.example ', 'a.EXAMPLE', 80, true],
  ])('%j, host %s port %i: %s', (list, host, port, expected) => expect(createBypass(list)(host, port)).toBe(expected));
});
