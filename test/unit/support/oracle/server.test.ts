// The oracle behind HTTP: what the core decides has to arrive as it was decided.

import { afterEach, expect, it } from 'vitest';
import { snappyCompress } from '../../../../src/wire/snappy.ts';
import { startOracle, type OracleServer, type OracleServerOptions } from '../../../support/oracle/server.ts';
import { encodeWriteRequest } from '../../../support/write-request.ts';
import { one } from './helper.ts';

let server: OracleServer;
afterEach(() => server.stop());

const body = Buffer.from(snappyCompress(encodeWriteRequest({ series: [one('a', [0, 1])] })));

async function post(options: OracleServerOptions): Promise<Response> {
  server = await startOracle(options);
  return again();
}

function again(): Promise<Response> {
  return fetch(server.url, { method: 'POST', headers: { 'content-encoding': 'snappy' }, body });
}

it('status, headers, body and its own date arrive', async () => {
  const answer = await post({ itemRate: { perSecond: 1, burst: 0, retryAfter: 'seconds' }, skewMs: 86_400_000 });
  const ahead = Date.parse(answer.headers.get('date')!) - Date.now();
  expect([answer.status, answer.headers.get('retry-after'), await answer.text(), ahead > 80_000_000]).toEqual([429, '6', 'exceeds the burst: limit 1 items a second, burst 0, request 1', true]);
});

it('a reset breaks the connection; what was committed is kept', async () => {
  server = await startOracle();
  server.oracle.script('reset-after-commit', 'reset-before');
  await expect(again()).rejects.toThrow('fetch failed');
  await expect(again()).rejects.toThrow('fetch failed');
  expect([(await again()).status, server.oracle.sampleCount()]).toEqual([204, 2]);
});

it('the same oracle goes on at another address', async () => {
  expect((await post({})).status).toBe(204);
  const { oracle } = server;
  await server.stop();
  expect([(await post({ oracle, host: '127.0.0.2' })).status, oracle.sampleCount(), new URL(server.url).hostname]).toEqual([204, 2, '127.0.0.2']);
});

it('until resolves when requests have come', async () => {
  server = await startOracle();
  void again();
  await server.until(() => server.oracle.sampleCount() === 1);
  await expect(server.until(() => false, 10)).rejects.toThrow('1 requests, 1 samples kept');
});
