// The fault proxy against an echo server, on a clock that stands still: what passes when is exact.

import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestClock, type TestClock } from '../../support/clock.ts';
import { randomSchedule, startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';

let clock: TestClock;
let echo: Server;
let proxy: FaultProxy;
const echoed: Buffer[] = [];
const sockets: Socket[] = [];

beforeEach(async () => {
  clock = createTestClock();
  echoed.length = 0;
  echo = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      echoed.push(chunk);
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => void echo.listen(0, '127.0.0.1', resolve));
  proxy = await startFaultProxy({ target: { host: '127.0.0.1', port: (echo.address() as AddressInfo).port }, seed: 7, clock });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.stop();
  echo.close();
});

interface Client {
  readonly socket: Socket;
  readonly received: () => number;
  /** `end`, `close` or an error code, as they come. */
  readonly events: string[];
}

async function connect(): Promise<Client> {
  const socket = createConnection({ host: 'anywhere', port: proxy.port, lookup: proxy.lookup });
  sockets.push(socket);
  let received = 0;
  const events: string[] = [];
  socket.on('data', (chunk: Buffer) => (received += chunk.length));
  socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? ''));
  socket.on('end', () => events.push('end'));
  socket.on('close', () => events.push('close'));
  await until(() => !socket.connecting);
  return { socket, received: () => received, events };
}

/** Lets the loopback work, while the clock stands. */
async function until(condition: () => boolean): Promise<void> {
  const startedMs = performance.now();
  while (!condition()) {
    if (performance.now() - startedMs > 10_000) throw new Error('nothing more comes');
    await turn();
  }
}

/** As long as the loopback needs for anything that is going to come. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 200; i++) await turn();
}

const upTo = () => Buffer.concat(echoed).length;

/** Moves the clock until the condition holds; gives the time that took. */
async function timeUntil(condition: () => boolean, stepMs = 10): Promise<number> {
  const startMs = clock.monotonicMs();
  for (let i = 0; i < 2000; i++) {
    await quiet();
    if (condition()) return clock.monotonicMs() - startMs;
    await clock.advance(stepMs);
  }
  throw new Error('it does not come in time');
}

it('passes everything unchanged and counts it', async () => {
  const { socket, received } = await connect();
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
  socket.write(bytes);
  await until(() => received() === bytes.length);
  expect([Buffer.concat(echoed).equals(bytes), proxy.counts()]).toEqual([true, { upBytes: 100_000, downBytes: 100_000, lostBytes: 0, connections: 1, resets: 0 }]);
});

it('ends when the client ends', async () => {
  const { socket, events } = await connect();
  socket.end('bye');
  await until(() => events.includes('close'));
  expect([Buffer.concat(echoed).toString(), events]).toEqual(['bye', ['end', 'close']]);
});

it('latency holds bytes back, each way', async () => {
  proxy.shape({ latencyMs: 100 });
  const { socket, received } = await connect();
  socket.write('x');
  expect([await timeUntil(() => upTo() === 1), await timeUntil(() => received() === 1)]).toEqual([100, 100]);
});

it('jitter stays below its bound and keeps the order', async () => {
  proxy.shape({ latencyMs: 50, jitterMs: 100 });
  const { socket } = await connect();
  for (let i = 0; i < 10; i++) {
    socket.write(String(i));
    await quiet();
  }
  const tookMs = await timeUntil(() => upTo() === 10);
  expect([Buffer.concat(echoed).toString(), tookMs >= 50 && tookMs <= 150]).toEqual(['0123456789', true]);
});

it('bandwidth is that of the link, shared by its connections', async () => {
  proxy.shape({ bytesPerSecond: 10_000 });
  const clients = [await connect(), await connect()];
  for (const { socket } of clients) socket.write(Buffer.alloc(10_000));
  const tookMs = await timeUntil(() => upTo() === 20_000, 50);
  expect(tookMs).toBeGreaterThanOrEqual(2000);
  expect(tookMs).toBeLessThanOrEqual(2050);
});

it('a throttled link takes only what its buffer holds', async () => {
  proxy.shape({ bytesPerSecond: 1000 });
  const { socket } = await connect();
  socket.write(Buffer.alloc(64 * 1024 * 1024));
  await quiet();
  expect(socket.writableLength).toBeGreaterThan(0);
  await clock.advance(1000);
  expect(proxy.counts().upBytes).toBeLessThanOrEqual(1024);
});

it('a cut lets exactly so many bytes pass and resets the connection', async () => {
  proxy.cut('up', 1500);
  const { socket, events } = await connect();
  socket.write(Buffer.alloc(4000));
  await until(() => events.includes('close'));
  const counts = proxy.counts();
  expect([counts.upBytes, counts.resets, events[0]]).toEqual([1500, 1, 'ECONNRESET']);
});

it('a cut of the answers happens after the request has arrived', async () => {
  proxy.cut('down', 0);
  const { socket, events, received } = await connect();
  socket.write('request');
  await until(() => events.includes('close'));
  expect([Buffer.concat(echoed).toString(), received()]).toEqual(['request', 0]);
});

it('a hang loses what is under way, says nothing, and new connections work', async () => {
  proxy.shape({ latencyMs: 100 });
  const { socket, events } = await connect();
  socket.write('lost');
  await quiet();
  proxy.hang();
  socket.write('also lost');
  await clock.advance(10_000);
  await quiet();
  expect([echoed, events, proxy.counts().lostBytes]).toEqual([[], [], 13]);
  (await connect()).socket.write('new');
  await timeUntil(() => Buffer.concat(echoed).toString() === 'new');
});

it('a link that is down answers nobody; what was opened meanwhile stays dead, what comes after it is up works', async () => {
  const before = await connect();
  proxy.down();
  const meanwhile = await connect();
  before.socket.write('a');
  meanwhile.socket.write('b');
  await quiet();
  proxy.up();
  await quiet();
  expect([echoed, before.events, meanwhile.events]).toEqual([[], [], []]);
  (await connect()).socket.write('c');
  await until(() => Buffer.concat(echoed).toString() === 'c');
});

it('refuses, and listens again on the same port', async () => {
  const open = await connect();
  open.socket.write('x');
  await until(() => open.received() === 1);
  await proxy.refuse();
  const refused = await connect();
  await until(() => refused.events.includes('close') && open.events.includes('close'));
  await proxy.listen();
  const { socket, received } = await connect();
  socket.write('y');
  await until(() => received() === 1);
  expect([open.events[0], refused.events[0]]).toEqual(['ECONNRESET', 'ECONNREFUSED']);
});

it('moves to another address, which a lookup finds; open connections hang', async () => {
  const before = await connect();
  await proxy.move('127.0.0.2');
  before.socket.write('old');
  const after = await connect();
  after.socket.write('new');
  await until(() => after.received() === 3);
  expect([Buffer.concat(echoed).toString(), before.events, after.socket.remoteAddress]).toEqual(['new', [], '127.0.0.2']);
});

it('a schedule follows from its seed and is played at its times', async () => {
  const schedule = randomSchedule(11, { durationMs: 60_000, faults: 8 });
  expect(randomSchedule(11, { durationMs: 60_000, faults: 8 })).toEqual(schedule);
  expect(randomSchedule(12, { durationMs: 60_000, faults: 8 })).not.toEqual(schedule);
  proxy.play([{ atMs: 1000, fault: { kind: 'down' } }, { atMs: 2000, fault: { kind: 'up' } }]);
  await clock.advance(1500);
  const dead = await connect();
  dead.socket.write('dead');
  await quiet();
  await clock.advance(600);
  (await connect()).socket.write('alive');
  await until(() => Buffer.concat(echoed).toString() === 'alive');
});
