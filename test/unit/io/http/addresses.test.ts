// How a client follows a name from address to address. Names are made up by a lookup of the test; 127.0.0.x are the addresses.

import { once } from 'node:events';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/io/clock.ts';
import type { HttpClient, HttpClientOptions, Lookup } from '../../../../src/io/http/types.ts';
import { client, closeAll, get, onClose, serve, serveTcp, unusedPort } from './servers.ts';

afterEach(closeAll);

/** A name server with one name. */
function names(...first: string[]) {
  const zone = { addresses: first, asked: 0 };
  const lookup: Lookup = (_name, _options, callback) => {
    zone.asked++;
    queueMicrotask(() => callback(null, zone.addresses.map((address) => ({ address, family: isIP(address) }))));
  };
  return { zone, lookup };
}

/** Two servers on one port, each answering with its own address. */
async function twins() {
  const port = await serve((request, response) => void response.end(request.socket.localAddress), '127.0.0.2');
  await serve((request, response) => void response.end(request.socket.localAddress), '127.0.0.3', port);
  return `http://storage.test:${port}/`;
}

const post = async (from: HttpClient, url: string) =>
  (await from.request({ method: 'POST', url, headers: {}, body: Buffer.from('x'), timeoutMs: 10_000, maxBodyBytes: 100 })).body.toString();
const fetched = async (from: HttpClient, url: string) => (await get(from, url)).body.toString();
const lanes = [['a request with a body', post], ['a plain GET', fetched]] as const;

describe('the age of a connection', () => {
  function aging(connectionMaxAgeMs: number | undefined, lookup: Lookup) {
    let agedMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + agedMs };
    const options: Partial<HttpClientOptions> = { clock, lookup, ...(connectionMaxAgeMs === undefined ? {} : { connectionMaxAgeMs }) };
    return { from: client({}, options), age: (ms: number) => (agedMs += ms) };
  }

  test.each(lanes)('%s follows a changed name once the connection is too old', async (_name, send) => {
    const { zone, lookup } = names('127.0.0.2');
    const url = await twins();
    const { from, age } = aging(300_000, lookup);
    expect(await send(from, url)).toBe('127.0.0.2');
    zone.addresses = ['127.0.0.3'];
    age(200_000);
    expect(await send(from, url)).toBe('127.0.0.2');
    age(100_000);
    expect(await send(from, url)).toBe('127.0.0.3');
    expect(zone.asked).toBe(2);
  });

  test.each([0, undefined])('%s means that a connection is kept', async (maxAgeMs) => {
    const { zone, lookup } = names('127.0.0.2');
    const url = await twins();
    const { from, age } = aging(maxAgeMs, lookup);
    await post(from, url);
    zone.addresses = ['127.0.0.3'];
    age(10_000_000);
    expect(await post(from, url)).toBe('127.0.0.2');
  });

  test('a connection that grows too old during its request is closed after it', async () => {
    const { lookup } = names('127.0.0.1');
    const { from, age } = aging(1000, lookup);
    let closed: Promise<unknown> | undefined;
    const port = await serve((request, response) => {
      closed = once(request.socket, 'close');
      age(1000);
      response.end();
    });
    await post(from, `http://storage.test:${port}/`);
    await closed;
  });
});

describe('a failure on the way', () => {
  /** Two idle connections to 127.0.0.2, whose server then resets one of them and has moved to 127.0.0.3. */
  async function moved(options: Partial<HttpClientOptions>) {
    const { zone, lookup } = names('127.0.0.2');
    const isReset = { now: false };
    const held: (() => void)[] = [];
    const port = await serve((request, response) => {
      if (isReset.now) return request.socket.resetAndDestroy();
      held.push(() => response.end('127.0.0.2'));
      if (held.length === 2) for (const answer of held) answer();
    }, '127.0.0.2');
    await serve((_request, response) => void response.end('127.0.0.3'), '127.0.0.3', port);
    const url = `http://storage.test:${port}/`;
    const from = client({}, { lookup, ...options });
    await Promise.all([post(from, url), post(from, url)]);
    zone.addresses = ['127.0.0.3'];
    isReset.now = true;
    await expect(post(from, url)).rejects.toMatchObject({ class: 'connection' });
    return () => post(from, url);
  }

  test('closes the idle connections of the host, so that the next request asks for its address', async () => {
    expect(await (await moved({ connectionMaxAgeMs: 0 }))()).toBe('127.0.0.3');
  });

  test('leaves the idle connections alone where addresses are not followed, as in scraping', async () => {
    await expect((await moved({}))()).rejects.toMatchObject({ class: 'connection' });
  });

  test('a name is resolved again for the try after a refused connection', async () => {
    const { zone, lookup } = names('127.0.0.4');
    const url = await twins();
    const from = client({}, { lookup, connectionMaxAgeMs: 300_000 });
    await expect(post(from, url)).rejects.toMatchObject({ class: 'refused' });
    zone.addresses = ['127.0.0.3'];
    expect(await post(from, url)).toBe('127.0.0.3');
  });
});

describe('a name with several addresses', () => {
  test.each(lanes)('%s passes over one that refuses', async (_name, send) => {
    const url = await twins();
    expect(await send(client({}, { lookup: names('::1', '127.0.0.4', '127.0.0.3').lookup }), url)).toBe('127.0.0.3');
  });

  test.each(lanes)('%s passes over one that says nothing, long before the limit of a connection', async (_name, send) => {
    const url = await twins();
    await swallowConnections('127.0.0.4', Number(new URL(url).port));
    expect(await send(client({}, { lookup: names('127.0.0.4', '127.0.0.3').lookup }), url)).toBe('127.0.0.3');
  });

  test('the first failure is told', async () => {
    const port = await unusedPort();
    const from = client({}, { lookup: names('127.0.0.4', '127.0.0.3').lookup });
    await expect(post(from, `http://storage.test:${port}/`)).rejects.toThrow(`dial tcp 127.0.0.4:${port}: connect: connection refused`);
  });
});

/** A port that completes no connection: its thread sleeps with a full queue, so that the kernel drops what comes next. */
async function swallowConnections(host: string, port: number): Promise<void> {
  const sleeper = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     require('node:net').createServer().listen({ ...workerData, backlog: 1 }, () => {
       parentPort.postMessage('listens');
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true, workerData: { host, port } },
  );
  onClose(() => sleeper.terminate());
  await once(sleeper, 'message');
  const fillers = [1, 2].map(() => connect(port, host).on('error', () => undefined));
  onClose(() => fillers.forEach((socket) => socket.destroy()));
  await Promise.all(fillers.map((socket) => once(socket, 'connect')));
}

describe('a closed client', () => {
  test('leaves no connection behind, also of a request that goes on to another host', async () => {
    const sockets = new Set<Socket>();
    const closings: Promise<unknown>[] = [];
    const watch = (socket: Socket) => {
      if (sockets.has(socket)) return;
      sockets.add(socket);
      closings.push(once(socket, 'close'));
    };
    let release: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (release = resolve));
    let answer: () => void = () => undefined;
    const last = await serve((request, response) => {
      watch(request.socket);
      response.end('moved');
    });
    const first = await serve((request, response) => {
      watch(request.socket);
      answer = () => response.writeHead(307, { Location: `http://localhost:${last}/` }).end();
      release();
    });
    const from = client();
    const answered = post(from, `http://127.0.0.1:${first}/`);
    await asked;
    await from.close();
    answer();
    expect(await answered).toBe('moved');
    await Promise.all(closings);
    expect(sockets.size).toBe(2);
  });
});

describe('what is known about a failed request', () => {
  const failure = async (url: string, timeoutMs = 10_000): Promise<unknown> =>
    client().request({ method: 'POST', url, headers: {}, body: Buffer.from('x'), timeoutMs, maxBodyBytes: 100 }).catch((error: unknown) => error);

  test('nothing has left when no connection came about', async () => {
    expect(await failure(`http://127.0.0.1:${await unusedPort()}/`)).toMatchObject({ class: 'refused', sent: false });
    const closing = await serveTcp((socket) => socket.on('data', () => socket.destroy()));
    expect(await failure(`https://127.0.0.1:${closing}/`)).toMatchObject({ class: 'connection', sent: false });
  });

  test('something may have left on an open connection', async () => {
    const cut = await serveTcp((socket) => socket.on('data', () => socket.resetAndDestroy()));
    expect(await failure(`http://127.0.0.1:${cut}/`)).toMatchObject({ class: 'connection', sent: true });
    const silent = await serveTcp(() => undefined);
    expect(await failure(`http://127.0.0.1:${silent}/`, 300)).toMatchObject({ class: 'timeout', sent: true });
  });
});

describe('addresses that are refused', () => {
  const refuse: Partial<HttpClientOptions> = { refuseAddress: (host, address) => (address === '127.0.0.2' ? `${address} of ${host} is not for us` : undefined) };

  test.each(lanes)('%s does not reach them, whatever name they hide behind', async (_name, send) => {
    const { lookup } = names('127.0.0.2');
    const url = await twins();
    const error = await send(client({}, { lookup, ...refuse }), url).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ class: 'unreachable' });
    expect(String(error)).toContain('address refused: 127.0.0.2 of storage.test is not for us');
  });
  test.each(lanes)('%s goes to those of the name that are not', async (_name, send) => {
    const { lookup } = names('127.0.0.2', '127.0.0.3');
    expect(await send(client({}, { lookup, ...refuse }), await twins())).toBe('127.0.0.3');
  });
  test.each(lanes)('%s asks again for each connection: a name that changes its mind gets no further', async (_name, send) => {
    const { zone, lookup } = names('127.0.0.3');
    const url = await twins();
    expect(await send(client({}, { lookup, ...refuse }), url)).toBe('127.0.0.3');
    zone.addresses = ['127.0.0.2'];
    await expect(send(client({}, { lookup, ...refuse }), url)).rejects.toThrow('address refused');
  });
  test.each(lanes)('%s is not led to them by a redirect', async (_name, send) => {
    const port = await serve((request, response) => {
      if (request.url === '/end') return void response.end('reached');
      response.writeHead(307, { Location: `http://127.0.0.2:${port}/end` }).end();
    }, '0.0.0.0');
    const { lookup } = names('127.0.0.3');
    await expect(send(client({}, { lookup, ...refuse }), `http://storage.test:${port}/`)).rejects.toThrow('address refused');
  });
});
