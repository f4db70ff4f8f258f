// The whole sender over real HTTP on the loopback: real client, real assembler, real clock, decoding receiver.

import { afterEach, describe, expect, it } from 'vitest';
import { createHttpClient } from '../../../src/io/http/client.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { Assembler } from '../../../src/sender/assembly.ts';
import { Sender } from '../../../src/sender/sender.ts';
import { createSenderGauges } from '../../../src/sender/sender-gauges.ts';
import { createSenderMetrics } from '../../../src/sender/telemetry.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { startReceiver, type Receiver, type ReceiverOptions } from '../../support/receiver.ts';
import { baseSettings, FakeStream } from './world.ts';

const running: { sender: Sender; receiver: Receiver }[] = [];

afterEach(async () => {
  for (const { sender, receiver } of running.splice(0)) {
    await sender.stop(1000);
    await receiver.stop();
  }
});

async function start(options: ReceiverOptions = {}) {
  const receiver = await startReceiver(options);
  const stream = new FakeStream();
  const settings = { ...baseSettings, url: receiver.url, remoteTimeoutMs: 2000, maxDelayMs: 0 };
  const sender = new Sender({
    name: 'a', settings, stream, clock: systemClock, random: seededRandom(1), logger: silentLogger, metrics: createSenderMetrics(createMetrics()), version: '0.1.0',
    createClient: (http) => createHttpClient(http, { clock: systemClock, userAgent: 'tributary/0.1.0' }),
    createAssembler: (limits) => new Assembler(limits), collectMetadata: () => [],
    gauges: createSenderGauges(createMetrics()), cpuBusyShare: () => 0, maxBytes: () => 2 ** 30,
  });
  sender.start();
  running.push({ sender, receiver });
  return { receiver, stream, sender };
}

const names = (receiver: Receiver) => receiver.samples().map((sample) => sample.labels['__name__']);

describe('over HTTP', () => {
  it('delivers in zstd', async () => {
    const { receiver, stream, sender } = await start();
    const settled = stream.nextSettle();
    stream.add(['m1', 'm2'], 1_700_000_000_000);
    await settled;
    expect(receiver.requests[0]!.headers).toMatchObject({ 'content-encoding': 'zstd', 'content-type': 'application/x-protobuf', 'user-agent': 'tributary/0.1.0' });
    expect(receiver.samples()[0]).toEqual({ labels: { __name__: 'm1' }, value: '3ff0000000000000', timestampMs: 1_700_000_000_000 });
    expect(sender.destinationState().profile).toBe('victoriametrics');
  });

  for (const status of [400, 415] as const) {
    it(`falls back to snappy when zstd gets ${status}`, async () => {
      const { receiver, stream } = await start({ refuseZstd: status });
      stream.add(['m1'], 1);
      await receiver.until(() => receiver.sampleCount() === 1);
      expect(receiver.requests.map((request) => [request.headers['content-encoding'], request.status])).toEqual([['zstd', status], ['snappy', 204]]);
    });
  }

  it('delivers after resets and bad answers, each sample once', async () => {
    const { receiver, stream } = await start();
    receiver.script('reset', { status: 503 }, { status: 429, retryAfter: '0' }, 'reset');
    stream.add(['m1'], 1);
    await receiver.until(() => receiver.sampleCount() === 1);
    expect([names(receiver), receiver.requests.length]).toEqual([['m1'], 5]);
  });

  it('delivers once a receiver comes up at its address', async () => {
    const { receiver, stream } = await start();
    await receiver.stop();
    stream.add(['m1'], 1);
    const again = await startReceiver({ port: receiver.port });
    await again.until(() => again.sampleCount() === 1);
    await again.stop();
    expect(names(again)).toEqual(['m1']);
  });
});
