// The receive endpoint before real streams' contract: what is answered, and what reaches which stream with which labels and accounts.

import { beforeAll, describe, expect, test } from 'vitest';
import { snappyCompress } from '../../../src/wire/snappy.ts';
import { initZstd, zstdCompress } from '../../../src/wire/zstd.ts';
import { encodeWriteRequest, STALE_BITS, valueBits } from '../../support/write-request.ts';
import { encodeWriteRequest2 } from '../../support/write-request-2.ts';
import { rule } from '../relabel/rule.ts';
import { route, routing } from '../route/routing.ts';
import { decodeRecords } from '../series/world.ts';
import { AT, series, setUp, type1, type2 } from './pusher.ts';

beforeAll(initZstd);

const up = series({ __name__: 'up', job: 'j' }, [1, AT]);
const whole = () => snappyCompress(encodeWriteRequest({ series: [up] }));

describe('answers', () => {
  test.each(['', 'Snappy'])('content encoding %j is snappy', async (encoding) => {
    expect(await setUp().push(whole(), { ...type1, 'content-encoding': encoding })).toMatchObject({ status: 204 });
  });
  test('metadata told last stays when there is too much of it, and what is no UTF-8 is none', async () => {
    const { push, receiver } = setUp();
    const metadata = Array.from({ length: 20_001 }, (_, i) => ({ type: 1, family: `f${i}`, help: 'Of f.', unit: '' }));
    await push(snappyCompress(encodeWriteRequest({ metadata: [...metadata, { type: 1, family: 'f1', help: 'Again.', unit: '' }] })));
    await push(snappyCompress(Buffer.concat([Buffer.from([0x1a, 7, 0x08, 1, 0x12, 3, 0x66, 0xff, 0x66])])));
    const told = [...receiver.metadata()].map(({ family }) => family);
    expect([told.length, told[0], told.at(-1), told.includes('f0')]).toEqual([20_000, 'f2', 'f1', false]);
  });
  test('metadata with long texts takes no more than that of many families', async () => {
    const { push, receiver } = setUp();
    const metadata = Array.from({ length: 3000 }, (_, i) => ({ type: 1, family: `f${i}`, help: 'x'.repeat(4000), unit: '' }));
    await push(snappyCompress(encodeWriteRequest({ metadata })));
    const told = [...receiver.metadata()].map(({ family }) => family);
    expect([told.length, told.at(-1)]).toEqual([1997, 'f2999']);
  });
  test('204 with what was written', async () => {
    const { status, headers } = await setUp().send([up]);
    expect([status, headers]).toEqual([204, { 'X-Prometheus-Remote-Write-Samples-Written': '1', 'X-Prometheus-Remote-Write-Histograms-Written': '0', 'X-Prometheus-Remote-Write-Exemplars-Written': '0' }]);
  });
  test.each([
    ['another content type', whole, { ...type1, 'content-type': 'application/json' }, 415],
    ['another message', whole, { ...type1, 'content-type': 'application/x-protobuf;proto=x.Y' }, 415],
    ['another codec', whole, { ...type1, 'content-encoding': 'gzip' }, 415],
    ['a body that tells too large a size', whole, { ...type1, 'content-length': String(17 * 1024 ** 2) }, 413],
    ['a body that is too large', () => new Uint8Array(17 * 1024 ** 2), type1, 413],
    ['snappy that expands too far', () => Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0), type1, 413],
    ['zstd that expands too far', () => zstdCompress(new Uint8Array(33 * 1024 ** 2), 1), { ...type1, 'content-encoding': 'zstd' }, 413],
    ['snappy that does not expand', () => Buffer.from('nonsense that is no block'), type1, 400],
    ['zstd that does not expand', () => Buffer.from('nonsense that is no frame'), { ...type1, 'content-encoding': 'zstd' }, 400],
    ['bytes that are no message', () => snappyCompress(Buffer.from('\x0a\x7fnonsense')), type1, 400],
  ])('%s is refused', async (_name, body, headers, status) => {
    const { push, stream } = setUp();
    const answer = await push(body(), headers);
    expect([answer.status, stream().take()]).toEqual([status, []]);
    expect(answer.text.length).toBeGreaterThan(10);
  });
  test('a body that breaks off is refused', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield whole().subarray(0, 4);
      throw new Error('aborted');
    }
    expect(await setUp().push(broken())).toMatchObject({ status: 400, text: expect.stringContaining('after 4 bytes: aborted') });
  });
  test('a stream that refuses gets nothing, nor do the others: 503, come again', async () => {
    const { send, sent, stream } = setUp({ destinations: [{ name: 'a' }, { name: 'b' }] });
    stream('b').isRefusing = true;
    expect(await send([up])).toMatchObject({ status: 503, headers: { 'Retry-After': '5' } });
    expect([sent('a'), sent('b'), stream('a').scrape.scraped]).toEqual([[], [], 0]);
  });
  test('what is not safe on disk is not acknowledged', async () => {
    const { send, stream } = setUp();
    stream().isSafe = false;
    expect(await send([up])).toMatchObject({ status: 503, headers: { 'X-Prometheus-Remote-Write-Samples-Written': '0' } });
  });
  test('more requests than may be under way: 503, come again soon', async () => {
    const { push } = setUp();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    async function* slow(): AsyncGenerator<Uint8Array> {
      await gate;
      yield whole();
    }
    const waiting = Array.from({ length: 128 }, () => push(slow()));
    expect(await push(whole())).toMatchObject({ status: 503, headers: { 'Retry-After': '1' } });
    release();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(128).fill(204));
    expect(await push(whole())).toMatchObject({ status: 204 });
  });
  test('more bytes than may be under way: 503 for the next body, and room again when one has ended', async () => {
    const { push } = setUp();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    async function* large(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(16 * 1024 ** 2);
      await gate;
    }
    const waiting = Array.from({ length: 4 }, () => push(large()));
    await new Promise(setImmediate);
    expect(await push(whole())).toMatchObject({ status: 503, text: expect.stringContaining('67108864 bytes are under way') });
    release();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(4).fill(400));
    expect(await push(whole())).toMatchObject({ status: 204 });
  });
  test.each([
    ['no name', series({ job: 'j' }, [1, AT]), 'a series without a name'],
    ['an empty label name', series({ __name__: 'a', '': 'x' }, [1, AT]), 'empty or no UTF-8'],
    ['a label twice', { ...up, labels: [['__name__', 'a'], ['b', '1'], ['b', '2']] as [string, string][] }, 'label "b" twice'],
    ['an impossible time', series({ __name__: 'a' }, [1, 2 ** 60]), 'out of bounds'],
  ])('a series with %s is refused, the others are taken', async (_name, bad, reason) => {
    const { send, sent, stream } = setUp();
    expect(await send([bad, up])).toMatchObject({ status: 400, text: expect.stringContaining(reason), headers: { 'X-Prometheus-Remote-Write-Samples-Written': '1' } });
    expect(sent()).toEqual([[{ __name__: 'up', job: 'j' }, [[valueBits(1), AT]]]]);
    expect(stream().scrape).toEqual({ scraped: 2, failed: 1, relabelled: 0, limited: 0, unrouted: 0 });
  });
});

describe('what arrives', () => {
  test('hidden labels go, external ones come where there is none', async () => {
    const { send, sent } = setUp({ externalLabels: { cluster: 'edge', job: 'other' } });
    await send([series({ __name__: 'up', __meta_x: 'y', __owner__: 'me', job: 'j', empty: '' }, [1, AT])]);
    expect(sent()).toEqual([[{ __name__: 'up', cluster: 'edge', job: 'j' }, [[valueBits(1), AT]]]]);
  });
  test('staleness markers, repetitions and old samples pass as they are, in their order', async () => {
    const { send, sent } = setUp();
    await send([series({ __name__: 'a' }, [1, AT], [2, AT - 5], [2, AT - 5], [STALE_BITS, AT + 1]), series({ __name__: 'a' }, [9, AT + 2])]);
    expect(sent()).toEqual([[{ __name__: 'a' }, [[valueBits(1), AT], [valueBits(2), AT - 5], [valueBits(2), AT - 5], [STALE_BITS, AT + 1], [valueBits(9), AT + 2]]]]);
  });
  test('2.0 in zstd: samples, histograms, exemplars and metadata', async () => {
    const { push, stream, receiver } = setUp({ destinations: [{ sendExemplars: true }] });
    const body = encodeWriteRequest2({
      symbols: ['', '__name__', 'h', 'trace_id', 'x', 'Of h.'],
      timeseries: [{
        labels_refs: [1, 2], metadata: { type: 3, help_ref: 5 }, samples: [{ value: String(0x3ff0000000000000n), timestamp: String(AT) }],
        histograms: [{ count_int: '3', sum: 2.5, timestamp: String(AT) }], exemplars: [{ labels_refs: [3, 4], value: String(0x3ff0000000000000n), timestamp: String(AT) }],
      }],
    });
    const answer = await push(zstdCompress(body, 3), type2);
    expect(Object.values(answer.headers)).toEqual(['1', '1', '1']);
    const records = stream().take();
    expect(records.map(({ type, samples }) => [type, samples])).toEqual([['samples', 1], ['raw', 1], ['raw', 1]]);
    expect(decodeRecords(records).flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels))).toEqual([[['trace_id', 'x']]]);
    expect([...receiver.metadata()]).toEqual([{ family: 'h', type: 'histogram', help: 'Of h.', unit: '' }]);
  });
  test('the same series again find their image again, in whatever order they come', async () => {
    const { send, stream } = setUp();
    const [a, b] = [series({ __name__: 'a' }, [1, AT]), series({ __name__: 'b' }, [1, AT])];
    await send([a, b]);
    await send([b, a]);
    await send([a]);
    const ids = stream().take().map(({ image }) => image!.id);
    expect([ids[0] === ids[1], ids[0] === ids[2]]).toEqual([true, false]);
  });
  test('no series goes backwards in a body, however requests are cut', async () => {
    const { send, sent } = setUp();
    const at = (name: string, offset: number) => series({ __name__: name }, [offset, AT + offset]);
    await send([at('a', 1), at('b', 1)]);
    await send([at('a', 2)]);
    await send([at('a', 3), at('b', 3)]);
    await send([at('c', 3)]);
    await send([at('a', 4), at('b', 4)]);
    const times = new Map<string, number[]>();
    for (const [labels, samples] of sent() as [Record<string, string>, [string, number][]][]) times.set(labels['__name__']!, [...(times.get(labels['__name__']!) ?? []), ...samples.map(([, timestampMs]) => timestampMs - AT)]);
    expect([...times]).toEqual([['a', [1, 2, 3, 4]], ['b', [1, 3, 4]], ['c', [3]]]);
  });
});

describe('destinations', () => {
  test('write rules drop and rename, and the account says so', async () => {
    const { send, sent, stream } = setUp({ destinations: [{ writeRelabel: [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'b' })] }] });
    await send([series({ __name__: 'a' }, [1, AT]), series({ __name__: 'b' }, [1, AT], [2, AT + 1])]);
    expect(sent()).toEqual([[{ __name__: 'a' }, [[valueBits(1), AT]]]]);
    expect(stream().scrape).toEqual({ scraped: 3, failed: 0, relabelled: 0, limited: 0, unrouted: 2 });
  });
  test('what no route takes is taken from the sender and counted', async () => {
    const { send, world, stream } = setUp({ destinations: [{ name: 'a' }], routing: routing([route(['a'], ['x'])]) });
    expect((await send([series({ __name__: 'x' }, [1, AT]), series({ __name__: 'y' }, [1, AT], [2, AT + 1])])).status).toBe(204);
    expect(stream('a').scrape).toEqual({ scraped: 3, failed: 0, relabelled: 0, limited: 0, unrouted: 2 });
    expect(await world.metrics.text()).toContain('tributary_route_unrouted_samples_total{reason="no_route",owner=""} 2');
  });
  test('above the budget of a route only markers go', async () => {
    const { send, sent, stream } = setUp({ destinations: [{ name: 'a' }], routing: routing([route(['a'], [], { samplesPerSecond: 1 })]) });
    const many = series({ __name__: 'x' }, ...Array.from({ length: 16 }, (_, i): [number, number] => [i, AT + i]));
    await send([many]);
    expect(sent('a')).toHaveLength(1);
    await send([many, series({ __name__: 'gone' }, [STALE_BITS, AT])]);
    expect(sent('a')).toEqual([[{ __name__: 'gone' }, [[STALE_BITS, AT]]]]);
    expect(stream('a').scrape).toMatchObject({ scraped: 33, unrouted: 16 });
  });
  test('the client decides where a route asks for it, whatever the series say', async () => {
    const { send, sent, stream } = setUp({ destinations: [{ name: 'a' }, { name: 'b' }], routing: routing([route(['a'], ['{__meta_receive_client="edge-a"}']), route(['b'])]) });
    await send([up], 'edge-a');
    await send([series({ __name__: 'x', __meta_receive_client: 'edge-a' }, [1, AT])], 'edge-b');
    expect([sent('a'), sent('b')]).toEqual([[[{ __name__: 'up', job: 'j' }, [[valueBits(1), AT]]]], [[{ __name__: 'x' }, [[valueBits(1), AT]]]]]);
    for (const name of ['a', 'b']) {
      const { scraped, failed, relabelled, limited, unrouted } = stream(name).scrape;
      expect(scraped).toBe(failed + relabelled + limited + unrouted + stream(name).appended);
    }
  });
});
