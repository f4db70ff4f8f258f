// The test receiver is itself a measuring device, so it is tested.

import { afterEach, describe, expect, it } from 'vitest';
import { snappyCompress } from '../../../src/wire/snappy.ts';
import { zstdCompress } from '../../../src/wire/zstd.ts';
import { startReceiver, type Receiver } from '../../support/receiver.ts';
import { encodeWriteRequest, STALE_BITS, type PlainSeries } from '../../support/write-request.ts';

let receiver: Receiver;
afterEach(() => receiver.stop());

const series: PlainSeries = { labels: [['__name__', 'up'], ['job', 'x']], samples: [{ value: STALE_BITS, timestampMs: 5 }], exemplars: [] };

async function post(encoding: string, body: Uint8Array): Promise<Response> {
  return fetch(receiver.url, { method: 'POST', headers: { 'content-encoding': encoding }, body: Buffer.from(body) });
}

describe('receiver', () => {
  for (const encoding of ['snappy', 'zstd']) {
    it(`keeps samples of a ${encoding} body to the last bit`, async () => {
      receiver = await startReceiver();
      const bytes = encodeWriteRequest({ series: [series] });
      const answer = await post(encoding, encoding === 'zstd' ? zstdCompress(bytes, 3) : snappyCompress(bytes));
      expect([answer.status, receiver.series({ job: 'x' })]).toEqual([204, [{ labels: { __name__: 'up', job: 'x' }, value: STALE_BITS, timestampMs: 5 }]]);
    });
  }

  it('answers 400 to what it cannot decode, and keeps nothing', async () => {
    receiver = await startReceiver();
    expect([(await post('snappy', Uint8Array.of(1, 2, 3))).status, receiver.sampleCount()]).toEqual([400, 0]);
  });

  it('answers as scripted, then as usual', async () => {
    receiver = await startReceiver();
    receiver.script({ status: 429, retryAfter: '7', body: 'slow down' }, 'reset');
    const body = snappyCompress(encodeWriteRequest({ series: [series] }));
    const first = await post('snappy', body);
    expect([first.status, first.headers.get('retry-after'), await first.text()]).toEqual([429, '7', 'slow down']);
    await expect(post('snappy', body)).rejects.toThrow('fetch failed');
    expect([(await post('snappy', body)).status, receiver.sampleCount(), receiver.requests.map((request) => request.status)]).toEqual([204, 1, [429, 0, 204]]);
  });

  it('until rejects with what it has seen', async () => {
    receiver = await startReceiver();
    await expect(receiver.until(() => false, 10)).rejects.toThrow('0 requests, 0 samples');
  });
});
