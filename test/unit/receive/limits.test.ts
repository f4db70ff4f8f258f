// Requests that nobody sends by accident: few bytes that say much, series of very different length, what is too long or too far ahead. What is refused is refused before it costs
// memory, and nothing that can be taken is lost with it.

import { beforeAll, describe, expect, test } from 'vitest';
import { snappyCompress } from '../../../src/wire/snappy.ts';
import { initZstd, zstdCompress } from '../../../src/wire/zstd.ts';
import { STALE_BITS, valueBits } from '../../support/write-request.ts';
import { encodeWriteRequest2 } from '../../support/write-request-2.ts';
import { rule } from '../relabel/rule.ts';
import { route, routing } from '../route/routing.ts';
import { decodeRecords } from '../series/world.ts';
import { AT, series, setUp, type2 } from './pusher.ts';

beforeAll(initZstd);

const up = series({ __name__: 'up', job: 'j' }, [1, AT]);
const one = String(0x3ff0000000000000n);
const sample = { value: one, timestamp: String(AT) };
const many = (count: number, make: (i: number) => [number, number]) => Array.from({ length: count }, (_, i) => make(i));

describe('few bytes that say much', () => {
  test('two bytes a series: refused before they are all read', async () => {
    const body = Buffer.alloc(2 * 100_001);
    for (let i = 0; i < body.length; i += 2) body[i] = 0x0a;
    expect(await setUp().push(snappyCompress(body))).toMatchObject({ status: 413, text: expect.stringContaining('more than 100000 series') });
  });
  test.each([['labels', 0x0a], ['samples', 0x12], ['exemplars', 0x1a], ['histograms', 0x22]])('two bytes for each of the %s of one series', async (_name, tag) => {
    const body = Buffer.alloc(5 + 2 * 1_000_001);
    body.set([0x0a, 0x80 | (2_000_002 & 0x7f), 0x80 | ((2_000_002 >> 7) & 0x7f), (2_000_002 >> 14) & 0x7f]);
    for (let i = 4; i + 1 < body.length; i += 2) body[i] = tag;
    expect(await setUp().push(snappyCompress(body.subarray(0, 4 + 2_000_002)))).toMatchObject({ status: 413, text: expect.stringContaining('more than 1000000 series, labels and samples') });
  });
  test('one byte for each reference of a series', async () => {
    const length = 2_000_002;
    const packed = Buffer.from([0x0a, 0x80 | (length & 0x7f), 0x80 | ((length >> 7) & 0x7f), (length >> 14) & 0x7f]);
    const inner = length + packed.length;
    const head = Buffer.from([0x2a, 0x80 | (inner & 0x7f), 0x80 | ((inner >> 7) & 0x7f), (inner >> 14) & 0x7f]);
    expect(await setUp().push(zstdCompress(Buffer.concat([head, packed, Buffer.alloc(length)]), 1), type2)).toMatchObject({ status: 413 });
  });
  test('references to a long text: refused before they are written out', async () => {
    const timeseries = Array.from({ length: 600 }, () => ({ labels_refs: [1, 2, 3, 4], samples: [sample] }));
    const body = encodeWriteRequest2({ symbols: ['', '__name__', 'a', 'b', 'x'.repeat(60_000)], timeseries });
    const { push, stream } = setUp();
    expect(await push(zstdCompress(body, 1), type2)).toMatchObject({ status: 413, text: expect.stringContaining('labels of more than') });
    expect(stream().take()).toEqual([]);
  });
  test('a series with labels that no storage keeps is refused, the others are taken', async () => {
    const { send, sent } = setUp();
    expect(await send([series({ __name__: 'long', x: 'y'.repeat(64 * 1024) }, [1, AT]), up])).toMatchObject({ status: 400, text: expect.stringContaining('at most 65536') });
    expect(sent().map(([labels]) => labels['__name__'])).toEqual(['up']);
  });
});

describe('series of very different length', () => {
  test('a long one makes no column for each of its samples', async () => {
    const { send, stream } = setUp();
    const long = series({ __name__: 'long' }, ...many(20_000, (i) => [i, AT + i]));
    await send([long, ...Array.from({ length: 500 }, (_, i) => series({ __name__: `short${i}` }, [1, AT]))]);
    const records = stream().take();
    expect(records.length).toBeLessThan(10);
    expect(records.reduce((sum, { samples }) => sum + samples, 0)).toBe(20_500);
  });
  test('one that comes in thousands of pieces is one', async () => {
    const { send, stream } = setUp();
    await send(many(20_000, (i) => [i, AT + i]).map((item) => series({ __name__: 'a' }, item)));
    const records = stream().take();
    expect(records.length).toBeLessThan(10);
    expect(decodeRecords(records).flatMap(({ samples }) => samples.map(({ timestampMs }) => timestampMs - AT))).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
  });
  test('a long one does not go backwards when it is a short one before and afterwards', async () => {
    const { send, sent } = setUp();
    const others = Array.from({ length: 20 }, (_, i) => series({ __name__: `o${i}` }, [1, AT]));
    const at = (...offsets: number[]) => [series({ __name__: 'a' }, ...offsets.map((offset): [number, number] => [offset, AT + offset])), ...others];
    for (const offsets of [[1], Array.from({ length: 100 }, (_, i) => 2 + i), [102], [103]]) await send(at(...offsets));
    const times = sent().filter(([labels]) => labels['__name__'] === 'a').flatMap(([, samples]) => samples.map(([, timestampMs]) => timestampMs - AT));
    expect(times).toEqual(Array.from({ length: 103 }, (_, i) => 1 + i));
  });
  test('many histograms of one series are several records', async () => {
    const { push, stream } = setUp();
    const histograms = Array.from({ length: 40_000 }, (_, i) => ({ count_int: '3', sum: 2.5, timestamp: String(AT + i) }));
    await push(zstdCompress(encodeWriteRequest2({ symbols: ['', '__name__', 'h'], timeseries: [{ labels_refs: [1, 2], histograms }] }), 1), type2);
    const records = stream().take();
    expect(records.length).toBeGreaterThan(2);
    for (const { payload } of records) expect(payload.length).toBeLessThan(300 * 1024);
    expect(stream().appended).toBe(40_000);
  });
});

describe('items that are wrong', () => {
  test('a sample far ahead of the clock is refused, the others of its series are taken', async () => {
    const { send, sent, stream } = setUp();
    const answer = await send([series({ __name__: 'a' }, [1, AT], [2, AT + 11 * 60_000])]);
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('is 660 s ahead'), headers: { 'X-Prometheus-Remote-Write-Samples-Written': '1' } });
    expect(sent()).toEqual([[{ __name__: 'a' }, [[valueBits(1), AT]]]]);
    expect(stream().scrape).toMatchObject({ scraped: 2, failed: 1 });
  });
  test.each([
    ['a reference out of range', [3, 99], 'refers to symbols 3 and 99 of 5'],
    ['half a pair', [3], 'are no pairs'],
    ['an empty name', [0, 4], 'empty or no UTF-8'],
  ])('an exemplar with %s is refused, the sample is taken', async (_name, refs, reason) => {
    const { push, stream } = setUp({ destinations: [{ sendExemplars: true }] });
    const body = encodeWriteRequest2({ symbols: ['', '__name__', 'a', 'trace_id', 'x'], timeseries: [{ labels_refs: [1, 2], samples: [sample], exemplars: [{ labels_refs: refs, ...sample }] }] });
    const answer = await push(zstdCompress(body, 1), type2);
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining(reason) });
    expect(Object.values(answer.headers)).toEqual(['1', '0', '0']);
    expect(stream().take().map(({ type }) => type)).toEqual(['samples']);
  });
});

describe('budgets', () => {
  test('a budget is asked for all that a request brings to it', async () => {
    const routes = [route(['a'], ['{kind="1"}'], { samplesPerSecond: 1, continue: true }), route(['b'], ['{both="1"}'])];
    const { send, stream } = setUp({ destinations: [{ name: 'a' }, { name: 'b' }], routing: routing(routes) });
    const first = series({ __name__: 'x', kind: '1' }, [1, AT]);
    const others = Array.from({ length: 16 }, (_, i) => series({ __name__: `y${i}`, kind: '1', both: '1' }, [1, AT]));
    await send([first, ...others]);
    expect(stream('a').appended).toBe(17);
    // All 17 were taken from the budget, which is 15: nothing is left of it.
    await send([first]);
    expect(stream('a').appended).toBe(17);
  });
  test('what two sets of write rules get of one series is asked for once', async () => {
    const { send, stream } = setUp({
      destinations: [{ name: 'a' }, { name: 'b', writeRelabel: [rule({ targetLabel: 'x', replacement: 'y' })] }], routing: routing([route(['a', 'b'], [], { samplesPerSecond: 1 })]),
    });
    const ten = series({ __name__: 'x' }, ...many(10, (i) => [i, AT + i]));
    await send([ten]);
    await send([ten]);
    await send([ten]);
    // 10 of 15, then 20, then none is left.
    expect([stream('a').appended, stream('b').appended]).toEqual([20, 20]);
  });
  test('above it the end of a native histogram goes like that of any series', async () => {
    const { push, send, stream } = setUp({ destinations: [{ name: 'a' }], routing: routing([route(['a'], [], { samplesPerSecond: 1 })]) });
    await send([series({ __name__: 'x' }, ...many(16, (i) => [i, AT + i]))]);
    stream('a').take();
    const stale = Buffer.from(STALE_BITS, 'hex').readDoubleBE();
    const bytes = encodeWriteRequest2({ symbols: ['', '__name__', 'h'], timeseries: [{ labels_refs: [1, 2], histograms: [{ count_int: '3', sum: 2.5, timestamp: String(AT) }, { sum: stale, timestamp: String(AT + 1) }] }] });
    await push(zstdCompress(bytes, 1), type2);
    expect(stream('a').take().map(({ type, samples, newestMs }) => [type, samples, newestMs])).toEqual([['raw', 1, AT + 1]]);
  });
});
