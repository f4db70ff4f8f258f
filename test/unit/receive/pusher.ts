// Somebody who pushes, before real streams' contract: a receiver behind a series stage whose streams keep what they are given.

import { Distributor } from '../../../src/receive/distribute.ts';
import { createReceiver, type PushAnswer, type Receiver } from '../../../src/receive/receive.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { snappyCompress } from '../../../src/wire/snappy.ts';
import { encodeWriteRequest, valueBits, type PlainSeries } from '../../support/write-request.ts';
import { decodeRecords, World, type KeptStream, type WorldOptions } from '../series/world.ts';

/** What the receiver's clock says. */
export const AT = 1_760_000_000_000;
export const type1 = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
export const type2 = { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'content-encoding': 'zstd' };

type Labels = Readonly<Record<string, string>>;

export function series(labels: Labels, ...samples: readonly (readonly [value: number | string, timestampMs: number])[]): PlainSeries {
  return { labels: Object.entries(labels), samples: samples.map(([value, timestampMs]) => ({ value: typeof value === 'string' ? value : valueBits(value), timestampMs })), exemplars: [] };
}

export interface Pusher {
  readonly world: World;
  readonly receiver: Receiver;
  readonly push: (body: Uint8Array | AsyncIterable<Uint8Array>, headers?: Record<string, string>, client?: string) => Promise<PushAnswer>;
  readonly send: (all: readonly PlainSeries[], client?: string) => Promise<PushAnswer>;
  /** What a stream was given since the last call: labels, then values with their times. */
  readonly sent: (name?: string) => [Labels, [value: string, timestampMs: number][]][];
  readonly stream: (name?: string) => KeptStream;
}

export function setUp(options: WorldOptions = {}): Pusher {
  const world = new World(options);
  const distributor = new Distributor({ line: () => world.stage.line(), nowMs: () => AT });
  const receiver = createReceiver({ append: (batch, source) => distributor.append(batch, source), nowMs: () => AT, metrics: world.metrics, logger: silentLogger });
  const push: Pusher['push'] = (body, headers = type1, client = '') => receiver.push({ headers, client, body: body instanceof Uint8Array ? chunks(body) : body });
  const stream = (name = 'd') => world.streams.get(name)!;
  return {
    world, receiver, push, stream,
    send: (all, client = '') => push(snappyCompress(encodeWriteRequest({ series: all })), type1, client),
    sent: (name = 'd') => decodeRecords(stream(name).take()).map(({ labels, samples }) => [Object.fromEntries(labels), samples.map(({ value, timestampMs }) => [value, timestampMs])]),
  };
}

async function* chunks(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body.subarray(0, 5);
  yield body.subarray(5);
}
