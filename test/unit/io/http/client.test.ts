import { afterEach, describe, expect, test } from 'vitest';
import type { Socket } from 'node:net';
import { HttpError } from '../../../../src/io/http/client.ts';
import { ScrapeError } from '../../../../src/model/scrape-error.ts';
import { bodyOf, client, closeAll, get, serve, serveTcp, stream, unusedPort } from './servers.ts';

afterEach(closeAll);

const answer = (body: string, extra = '') => `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n${extra}\r\n${body}`;

describe('an exchange', () => {
  test('hands over status, headers and body, and ends once', async () => {
    const port = await serve((_request, response) => void response.setHeader('content-type', 'text/plain').end('a 1\n'));
    const seen = await stream(client(), `http://127.0.0.1:${port}/metrics`);
    expect(seen).toMatchObject({ status: 200, statusText: 'OK', body: 'a 1\n', header: 'text/plain', calls: ['headers', 'end'] });
  });

  test('sends path, query, headers, host and user agent as given', async () => {
    let line: string[] = [];
    const port = await serve((request, response) => {
      line = [request.url ?? '', request.headers.accept ?? '', request.headers['user-agent'] ?? '', request.headers.host ?? ''];
      response.end();
    });
    await stream(client(), `http://127.0.0.1:${port}/a/../b%20c?x=1&x=2#f`);
    expect(line).toEqual(['/a/../b%20c?x=1&x=2', 'text/plain', 'Test/1', `127.0.0.1:${port}`]);
  });

  test('posts a body and keeps the whole answer', async () => {
    const port = await serve(async (request, response) => {
      response.writeHead(400, { 'x-a': ['1', '2'] }).end(`${request.method} ${await bodyOf(request)}`);
    });
    const got = await client().request({ method: 'POST', url: `http://127.0.0.1:${port}/`, headers: {}, body: Buffer.from('hello'), timeoutMs: 5000, maxBodyBytes: 100 });
    expect([got.status, got.statusText, got.headers['x-a'], got.body.toString(), got.truncated]).toEqual([400, 'Bad Request', '1, 2', 'POST hello', false]);
  });

  test('keeps no more of a body than asked', async () => {
    const port = await serve((_request, response) => void response.end('x'.repeat(100_000)));
    const got = await client().request({ method: 'GET', url: `http://127.0.0.1:${port}/`, headers: {}, timeoutMs: 5000, maxBodyBytes: 10 });
    expect([got.body.toString(), got.truncated]).toEqual(['xxxxxxxxxx', true]);
  });

  test('uses one connection for requests after one another', async () => {
    const ports = new Set<number | undefined>();
    const port = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('x');
    });
    const from = client();
    for (let i = 0; i < 5; i++) await stream(from, `http://127.0.0.1:${port}/${i}`);
    expect(ports.size).toBe(1);
  });

  test('bytes beyond an answer are never taken for the next one', async () => {
    let connections = 0;
    const port = await serveTcp((socket) => {
      connections++;
      socket.on('data', (request) => void socket.write(request.toString().startsWith('GET /first') ? answer('a 1\n') + answer('evil 1\n') : answer('good\n')));
    });
    const from = client();
    let second: Promise<unknown> | undefined;
    const first = await stream(from, `http://127.0.0.1:${port}/first`, { onEnd: () => void (second = stream(from, `http://127.0.0.1:${port}/second`)) });
    expect([first.body, await second, connections]).toEqual(['a 1\n', expect.objectContaining({ body: 'good\n', calls: ['headers', 'end'] }), 2]);
    // The same without a request that waits: the connection is given up.
    await stream(from, `http://127.0.0.1:${port}/first`);
    expect((await stream(from, `http://127.0.0.1:${port}/second`)).body).toBe('good\n');
    expect(connections).toBe(3);
  });

  test('reaches IPv6 literals', async () => {
    const port = await serve((request, response) => void response.end(request.headers.host), '::1');
    expect((await stream(client(), `http://[::1]:${port}/`)).body).toBe(`[::1]:${port}`);
  });

  test('picks a random address of a host when told so', async () => {
    const port = await serve((_request, response) => void response.end('x'));
    const picks: number[] = [];
    const random = { next: () => (picks.push(1), 0.999), bytes: () => new Uint8Array() };
    expect((await get(client({}, { roundRobinDns: random }), `http://localhost:${port}/`)).body.toString()).toBe('x');
    expect(picks).toHaveLength(1);
  });

  test('keeps connections no longer than it may', async () => {
    const ports = new Set<number | undefined>();
    const port = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('x');
    });
    const from = client({}, { connections: 1 });
    await Promise.all([1, 2, 3].map(() => get(from, `http://127.0.0.1:${port}/`)));
    await get(from, `http://127.0.0.1:${port}/`);
    expect(ports.size).toBe(3);
    await from.close();
    await get(from, `http://127.0.0.1:${port}/`);
    expect(ports.size).toBe(4);
  });

  test('sends the user in the URL as basic auth', async () => {
    const port = await serve((request, response) => void response.end(request.headers.authorization));
    expect((await get(client(), `http://me:p%40ss@127.0.0.1:${port}/`)).body.toString()).toBe(`Basic ${btoa('me:p@ss')}`);
  });

  test('sends configured headers, secrets among them', async () => {
    const { Secret } = await import('../../../../src/model/secret.ts');
    const port = await serve((request, response) => void response.end(JSON.stringify([request.headers['x-a'], request.headers['x-b'], request.headers.accept])));
    const from = client({ headers: [{ name: 'X-A', values: ['1', '2'], secrets: [], files: [] }, { name: 'X-B', values: [], secrets: [new Secret('s')], files: [] }, { name: 'Accept', values: ['x/y'], secrets: [], files: [] }] });
    expect((await stream(from, `http://127.0.0.1:${port}/`)).body).toBe(JSON.stringify(['1, 2', 's', 'text/plain, x/y']));
  });
});

describe('a handler that throws', () => {
  const page = async () => `http://127.0.0.1:${await serve((_request, response) => void response.end('x'))}/`;
  const fail = () => {
    throw new ScrapeError('body_size', 'body size limit exceeded');
  };
  test('in onHeaders gets its own error', async () => expect((await stream(client(), await page(), { onHeaders: fail })).error).toMatchObject({ class: 'body_size', message: 'body size limit exceeded' }));
  test('in onData gets its own error', async () => expect((await stream(client(), await page(), { onData: fail })).error).toBeInstanceOf(ScrapeError));
  test('in onEnd gets its own error', async () => expect((await stream(client(), await page(), { onEnd: fail })).calls).toEqual(['headers', 'end', 'error']));
  test('does not spoil the next request', async () => {
    const from = client();
    const url = await page();
    await stream(from, url, { onData: fail });
    expect((await stream(from, url)).body).toBe('x');
  });
});

describe('errors', () => {
  const failure = async (url: string, timeoutMs = 5000) => (await stream(client(), url, { timeoutMs })).error!;

  test('a refused connection is named as in Go', async () => {
    const port = await unusedPort();
    const error = await failure(`http://127.0.0.1:${port}/m`);
    expect([error.class, error.message]).toEqual(['refused', `Get "http://127.0.0.1:${port}/m": dial tcp 127.0.0.1:${port}: connect: connection refused`]);
  });

  test('an unknown host is a dns error', async () => {
    const error = await failure('http://no-such-host.invalid/m');
    expect(error.class).toBe('dns');
    expect(error.message).toMatch(/^Get "http:\/\/no-such-host.invalid\/m": dial tcp: lookup no-such-host.invalid: /);
  });

  test('a server that never answers times out', async () => {
    const port = await serveTcp(() => undefined);
    const error = await failure(`http://127.0.0.1:${port}/m`, 30);
    expect([error.class, error.message]).toEqual(['timeout', `Get "http://127.0.0.1:${port}/m": context deadline exceeded`]);
  });

  test('a body that hangs times out, without the request in the text', async () => {
    const port = await serve((_request, response) => void response.writeHead(200).write('a 1\n'));
    const error = await failure(`http://127.0.0.1:${port}/m`, 60);
    expect([error.class, error.message]).toEqual(['timeout', 'context deadline exceeded']);
  });

  test.each(['a\nX-Other: b', 'a\u0000', '\u2192'])('a header value that cannot stand in a request is refused before it is sent: %j', async (value) => {
    let asked = 0;
    const port = await serve((_request, response) => {
      asked++;
      response.end();
    });
    const refusing = client({ headers: [{ name: 'X-Team', values: [value], secrets: [], files: [] }] });
    const seen = await stream(refusing, `http://127.0.0.1:${port}/m`);
    expect(seen.error).toMatchObject({ class: 'configuration' });
    expect(String(seen.error?.message)).toContain('"X-Team"');
    expect(asked).toBe(0);
  });

  test('a body that is cut is an unexpected end', async () => {
    const port = await serveTcp((socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc')));
    expect(await failure(`http://127.0.0.1:${port}/m`)).toMatchObject({ class: 'connection', message: 'unexpected EOF' });
  });

  test('a chunked body that is cut is an unexpected end', async () => {
    const port = await serveTcp((socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc')));
    expect(await failure(`http://127.0.0.1:${port}/m`)).toMatchObject({ class: 'connection', message: 'unexpected EOF' });
  });

  test('a body without length ends with the connection', async () => {
    const port = await serveTcp((socket) => socket.on('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nabc')));
    expect(await stream(client(), `http://127.0.0.1:${port}/m`)).toMatchObject({ body: 'abc', calls: ['headers', 'end'] });
  });

  test('a new connection that is closed without an answer is an end of file', async () => {
    const port = await serveTcp((socket) => socket.on('data', () => socket.end()));
    expect((await failure(`http://127.0.0.1:${port}/m`)).message).toBe(`Get "http://127.0.0.1:${port}/m": EOF`);
  });

  test('an answer that is no HTTP is malformed', async () => {
    const port = await serveTcp((socket) => socket.on('data', () => socket.end('SSH-2.0\r\n')));
    expect((await failure(`http://127.0.0.1:${port}/m`)).message).toContain('malformed HTTP response');
  });

  test.each([
    ['foo://h/', 'Get "foo://h/": unsupported protocol scheme "foo"'],
    ['h:9100/metrics', 'unsupported protocol scheme'],
    ['/metrics', 'unsupported protocol scheme ""'],
    ['http:///metrics', 'no Host in request URL'],
    ['http://h:99999/', 'invalid host "h:99999"'],
  ])('%s is an error of configuration', async (url, text) => {
    const error = await failure(url);
    expect(error.class).toBe('configuration');
    expect(text.replace(/^Get "[^"]*": /, '')).toSatisfy((t: string) => error.message.includes(t));
  });

  test('abort ends at once with one error', async () => {
    const port = await serveTcp(() => undefined);
    const calls: string[] = [];
    const from = client();
    const handle = from.stream(from.prepare(`http://127.0.0.1:${port}/`, {}), 5000, { onHeaders() {}, onData() {}, onEnd: () => calls.push('end'), onError: (e) => calls.push(e.message) });
    handle.abort();
    handle.abort();
    expect(calls).toEqual([`Get "http://127.0.0.1:${port}/": context canceled`]);
  });

  test('a request is ended by its signal', async () => {
    const port = await serveTcp(() => undefined);
    const stop = new AbortController();
    const pending = client().request({ method: 'GET', url: `http://127.0.0.1:${port}/`, headers: {}, timeoutMs: 5000, maxBodyBytes: 1, signal: stop.signal });
    stop.abort();
    await expect(pending).rejects.toThrow('context canceled');
  });

  test('a password in the URL is not printed', async () => {
    const port = await unusedPort();
    expect((await failure(`http://u:secret@127.0.0.1:${port}/`)).message).toContain(`"http://u:xxxxx@127.0.0.1:${port}/"`);
  });
});

describe('a kept-alive connection that is reset before an answer', () => {
  /** Answers the first request of the first connection and then does `second`; later connections answer. */
  const flaky = (second: (socket: Socket) => void) => {
    let connections = 0;
    return serveTcp((socket) => {
      const first = ++connections === 1;
      let requests = 0;
      socket.on('data', () => (first && ++requests === 2 ? second(socket) : socket.write(answer('a 1\n'))));
    });
  };
  test.each([['reset', (s: Socket) => s.resetAndDestroy()] as const, ['closed', (s: Socket) => s.end()] as const])('%s: a GET is repeated once on a new one', async (_name, second) => {
    const port = await flaky(second);
    const from = client();
    await stream(from, `http://127.0.0.1:${port}/`);
    expect(await stream(from, `http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, body: 'a 1\n' });
  });
  test('a POST is not repeated', async () => {
    const port = await flaky((socket) => socket.resetAndDestroy());
    const from = client();
    const post = () => from.request({ method: 'POST', url: `http://127.0.0.1:${port}/`, headers: {}, body: Buffer.from('x'), timeoutMs: 5000, maxBodyBytes: 10 });
    await post();
    await expect(post()).rejects.toBeInstanceOf(HttpError);
  });
  test('a GET is not repeated after the first byte', async () => {
    const port = await flaky((socket) => socket.write('HTTP/1.1 200 OK\r\n', () => socket.resetAndDestroy()));
    const from = client();
    await stream(from, `http://127.0.0.1:${port}/`);
    expect((await stream(from, `http://127.0.0.1:${port}/`)).error?.class).toBe('connection');
  });
});
