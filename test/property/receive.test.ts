// Laws of the receive endpoint, over random requests: accounts add up for each destination, whatever routes, budgets and write rules do; what is pushed arrives once and in its order,
// however long series are and however requests are cut; and whatever bytes come, the answer is one of the four that a sender understands. Repeat a run with TEST_SEED.

import { beforeAll, describe, expect, test } from 'vitest';
import { snappyCompress } from '../../src/wire/snappy.ts';
import { initZstd, zstdCompress } from '../../src/wire/zstd.ts';
import { encodeWriteRequest, STALE_BITS, valueBits, type PlainSeries } from '../support/write-request.ts';
import { encodeWriteRequest2 } from '../support/write-request-2.ts';
import { seeded, testSeed } from '../unit/exposition/collecting-sink.ts';
import { AT, setUp, type1, type2 } from '../unit/receive/pusher.ts';
import { rule } from '../unit/relabel/rule.ts';
import { route, routing } from '../unit/route/routing.ts';

const seed = testSeed();
const RUNS = 10;
const REQUESTS = 20;
const SERIES = 12;

beforeAll(initZstd);

type Random = () => number;
const int = (random: Random, below: number) => Math.floor(random() * below);

/** Most series have one sample, some have several, few have hundreds; some come in two pieces, some are not valid. `next` counts the samples of each series. */
function request(random: Random, next: number[]): PlainSeries[] {
  const all: PlainSeries[] = [];
  for (let i = int(random, 2 * SERIES); i > 0; i--) {
    const which = int(random, SERIES);
    const count = random() < 0.7 ? 1 : random() < 0.9 ? int(random, 5) : int(random, 300);
    const samples = Array.from({ length: count }, () => {
      const at = (next[which] = (next[which] ?? 0) + 1);
      return { value: random() < 0.05 ? STALE_BITS : valueBits(at), timestampMs: AT - 1_000_000 + at };
    });
    all.push({ labels: [['__name__', `m${which}`], ['kind', String(which % 3)], ...(random() < 0.1 ? [['__hidden__', 'x'] as const] : [])], samples, exemplars: [] });
  }
  if (random() < 0.3) all.push({ labels: [['kind', '1']], samples: [{ value: valueBits(1), timestampMs: AT }], exemplars: [] });
  if (random() < 0.3) all.push({ labels: [['__name__', 'future']], samples: [{ value: valueBits(1), timestampMs: AT + 3_600_000 }], exemplars: [] });
  return all;
}

describe(`seed ${seed}`, () => {
  test('accounts add up', async () => {
    const random = seeded(seed);
    for (let run = 0; run < RUNS; run++) {
      const kinds = ['{kind="0"}', '{kind=~"0|1"}'];
      const { send, stream } = setUp({
        destinations: [{ name: 'a' }, { name: 'b', writeRelabel: [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'm[2-5]' })] }, { name: 'c', writeRelabel: [rule({ action: 'labeldrop', regex: 'kind' })] }],
        routing: routing([route(['a'], [kinds[int(random, 2)]!], { samplesPerSecond: 1 + int(random, 20), continue: true, overBudget: 'thin' }), route(random() < 0.5 ? ['b'] : ['b', 'c'], [], { samplesPerSecond: int(random, 2) * 30 })]),
      });
      const next: number[] = [];
      for (let i = 0; i < REQUESTS; i++) {
        expect([204, 400]).toContain((await send(request(random, next))).status);
        for (const name of ['a', 'b', 'c']) {
          const { scraped, failed, relabelled, limited, unrouted } = stream(name).scrape;
          expect(scraped, `run ${run}, request ${i}, destination ${name}`).toBe(failed + relabelled + limited + unrouted + stream(name).appended);
        }
      }
    }
  });

  test('what is pushed arrives once and in its order, all requests in one body', async () => {
    const random = seeded(seed + 1);
    for (let run = 0; run < RUNS; run++) {
      const { send, sent } = setUp();
      const next: number[] = [];
      for (let i = 0; i < REQUESTS; i++) await send(request(random, next));
      const arrived = new Map<string, number[]>();
      for (const [{ __name__: name = '' }, samples] of sent()) arrived.set(name, [...(arrived.get(name) ?? []), ...samples.map(([, timestampMs]) => timestampMs - AT + 1_000_000)]);
      for (const [which, count] of next.entries()) {
        if (count !== undefined) expect(arrived.get(`m${which}`), `run ${run}, series ${which}`).toEqual(Array.from({ length: count }, (_, i) => i + 1));
      }
    }
  });

  test('whatever bytes come, nothing fails', async () => {
    const random = seeded(seed + 2);
    const { push } = setUp({ destinations: [{ sendExemplars: true }] });
    const sample = { value: '1', timestamp: String(AT) };
    const symbols = ['', '__name__', 'a', 'b', 'c'];
    const timeseries = [{ labels_refs: [1, 2, 3, 4], metadata: { type: 3, help_ref: 4 }, samples: [sample, sample], exemplars: [{ labels_refs: [3, 4], ...sample }] }, { labels_refs: [1, 3], histograms: [{ count_int: '3', sum: 1, timestamp: String(AT) }] }];
    const sources = [encodeWriteRequest({ series: request(random, []), metadata: [{ type: 1, family: 'a', help: 'b', unit: 'c' }] }), encodeWriteRequest2({ symbols, timeseries })];
    const statuses = new Map<number, number>();
    for (let i = 0; i < 1500; i++) {
      const bytes = Uint8Array.from(sources[i % 2]!);
      for (let changes = int(random, 4); changes > 0; changes--) bytes[int(random, bytes.length)] = int(random, 256);
      const cut = bytes.subarray(0, random() < 0.2 ? int(random, bytes.length) : bytes.length);
      const { status, text } = await (i % 4 < 2 ? push(snappyCompress(cut), { ...type1, 'content-type': i % 2 === 0 ? type1['content-type'] : type2['content-type'] }) : push(zstdCompress(cut, 1), i % 2 === 0 ? { ...type1, 'content-encoding': 'zstd' } : type2));
      expect([204, 400, 413], `request ${i}: ${text}`).toContain(status);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(Math.min(statuses.get(204) ?? 0, statuses.get(400) ?? 0)).toBeGreaterThan(100);
  });
});
