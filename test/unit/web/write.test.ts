// Pushing over real sockets: what a sender sees of an answer that comes before its body has ended, and that nobody can send on for ever.

import { connect, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { snappyCompress } from '../../../src/wire/snappy.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { encodeWriteRequest } from '../../support/write-request.ts';
import { AT, series, setUp } from '../receive/pusher.ts';
import { startTestServer, type TestServer } from './fake-agent.ts';

const open: TestServer[] = [];
const sockets: Socket[] = [];

beforeAll(initZstd);
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(open.splice(0).map(({ server }) => server.close()));
});

async function start(): Promise<{ socket: Socket; answers: () => string[]; ended: Promise<string> }> {
  const web = await startTestServer({ receiver: setUp().receiver });
  open.push(web);
  const socket = connect(web.port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<string>((resolve) => socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')).on('close', () => resolve('closed')));
  return { socket, answers: () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status!), ended };
}

const head = (more: string) => `POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n${more}\r\n\r\n`;
const whole = snappyCompress(encodeWriteRequest({ series: [series({ __name__: 'up' }, [1, AT])] }));

/** Waits until everything is taken from this side. */
const write = (socket: Socket, bytes: Uint8Array | string) => new Promise<void>((resolve, reject) => void socket.write(bytes, (error) => (error ? reject(error) : resolve())));

describe('an answer before the end of the body', () => {
  test.each([
    ['a length that is told', `Content-Length: ${20 * 1024 ** 2}`, (piece: Buffer) => piece, ''],
    ['chunks', 'Transfer-Encoding: chunked', (piece: Buffer) => Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]), '0\r\n\r\n'],
  ])('413 reaches a sender that writes its body to the end, with %s, and the connection goes on', async (_name, framing, frame, end) => {
    const { socket, answers } = await start();
    await write(socket, head(framing));
    for (let i = 0; i < 20; i++) await write(socket, frame(Buffer.alloc(1024 ** 2)));
    await write(socket, `${end}${head(`Content-Length: ${whole.length}`)}`);
    await write(socket, whole);
    await expect.poll(answers, { timeout: 5000 }).toEqual(['413', '204']);
  });
  test.each([['/api/v1/write', '413'], ['/-/healthy', '405'], ['/nowhere', '404']])('who goes on sending to %s for ever is sent away', async (path, status) => {
    const { socket, answers, ended } = await start();
    const sent = async () => {
      await write(socket, head('Transfer-Encoding: chunked').replace('/api/v1/write', path));
      const piece = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1024 ** 2), Buffer.from('\r\n')]);
      for (let i = 0; i < 200; i++) await write(socket, piece);
      return 'all 200 MiB were taken';
    };
    expect(await Promise.race([sent().catch(() => ended), ended])).toMatch(/closed|ECONNRESET|EPIPE/);
    expect(answers()).toEqual([status]);
  });
  test('a length and chunks at once are no request', async () => {
    const { socket, answers, ended } = await start();
    await write(socket, head('Content-Length: 5\r\nTransfer-Encoding: chunked'));
    await ended;
    expect(answers()).toEqual(['400']);
  });
});
