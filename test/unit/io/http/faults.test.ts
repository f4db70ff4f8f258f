// A server that does something bad on every second request: whatever it is, each stream ends exactly once, and the client stays usable.

import { afterEach, expect, test } from 'vitest';
import type { Socket } from 'node:net';
import { seededRandom } from '../../../../src/io/random.ts';
import { client, closeAll, serveTcp, stream } from './servers.ts';

afterEach(closeAll);

const page = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n';
const deeds: ((socket: Socket) => unknown)[] = [
  (s) => s.write(page),
  (s) => s.write(page),
  (s) => s.write(page),
  (s) => s.end(page),
  (s) => s.end(),
  (s) => s.resetAndDestroy(),
  (s) => s.write('HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\na 1\n', () => s.resetAndDestroy()),
  (s) => s.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n', () => s.end()),
  (s) => s.write('HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\na 1\n'),
  (s) => s.write(`${page}unasked`),
  (s) => s.write('nonsense\r\n\r\n'),
  (s) => s.write('HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n'),
  (s) => s.write(`HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(100_000)}`),
  (s) => s.end('HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 9\r\n\r\nx'),
  () => undefined,
];

test.each([1, 2, 3])('every stream ends once (seed %i)', async (seed) => {
  const random = seededRandom(seed);
  const port = await serveTcp((socket) => socket.on('data', () => deeds[Math.floor(random.next() * deeds.length)]!(socket)));
  const from = client();
  const calls: string[][] = [];
  const worker = async () => {
    for (let i = 0; i < 30; i++) {
      const fault = random.next() < 0.1 ? { onData: () => { throw new Error('thrown'); } } : {};
      calls.push((await stream(from, `http://127.0.0.1:${port}/`, { timeoutMs: 40, ...fault })).calls);
    }
  };
  await Promise.all([1, 2, 3, 4, 5, 6].map(worker));
  expect(calls).toHaveLength(180);
  expect(calls.filter((seen) => seen.filter((call) => call === 'end' || call === 'error').length !== 1)).toEqual([]);
  expect(calls.filter((seen) => seen.at(-1) === 'end').length).toBeGreaterThan(0);
});
