// Series that are made in this process: the way of pushed ones, with facts of their own, and histograms in the form that each destination takes.

import { beforeAll, describe, expect, test } from 'vitest';
import type { LabelMap } from '../../../src/model/labels.ts';
import { Distributor, type AppendedSeries, type SeriesSource } from '../../../src/receive/distribute.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { valueBits } from '../../support/write-request.ts';
import { rule } from '../relabel/rule.ts';
import { route, routing } from '../route/routing.ts';
import { decodeRecords, World, type WorldOptions } from '../series/world.ts';

const AT = 1_760_000_000_000;
const one = { high: 0x3ff00000, low: 0 };
const source: SeriesSource = { key: 'roce', facts: { job: 'roce', labels: [], provenance: new Map([['__meta_roce_node', 'n1']]), honorLabels: true } };

beforeAll(initZstd);

function series(name: string, form?: AppendedSeries['form'], isHistogram = false): AppendedSeries {
  const labels: LabelMap = new Map([['__name__', name]]);
  const histograms = isHistogram ? [{ bytes: Uint8Array.of(0x08, 3), timestampMs: AT, isMarker: false }] : [];
  return { labels, samples: isHistogram ? [] : [{ ...one, timestampMs: AT }], histograms, exemplars: [], ...(form !== undefined && { form }) };
}

const both = () => [series('plain'), series('h', 'native', true), series('h_bucket', 'classic'), series('h_count', 'classic')];

function setUp(options: WorldOptions) {
  const world = new World(options);
  const distributor = new Distributor({ line: () => world.stage.line(), nowMs: () => AT });
  const append = (batch: readonly AppendedSeries[], from = source) => distributor.append({ series: batch, failed: 0 }, from);
  const stream = (name = 'd') => world.streams.get(name)!;
  /** Names, and how many records hold histograms or samples. */
  const sent = (name = 'd') => {
    const records = stream(name).take();
    return { names: decodeRecords(records).map(({ labels }) => labels.find(([label]) => label === '__name__')?.[1] ?? '').sort((a, b) => (a < b ? -1 : 1)), raw: records.filter(({ type }) => type === 'raw').length };
  };
  return { world, append, sent, stream };
}

describe('histograms in two forms', () => {
  const destinations = [{ name: 'a', sendNativeHistograms: true }, { name: 'b' }];

  test('each destination gets one of them, and everything else', async () => {
    const { append, sent } = setUp({ destinations });
    expect(await append(both())).toBe(true);
    expect(sent('a')).toEqual({ names: ['h', 'plain'], raw: 1 });
    expect(sent('b')).toEqual({ names: ['h_bucket', 'h_count', 'plain'], raw: 0 });
  });

  test('destinations with the same rules share a feed, whatever they take', async () => {
    const { world } = setUp({ destinations });
    expect(world.stage.line().plan.feeds).toHaveLength(1);
  });

  test('the accounts count what each one is offered', async () => {
    const { append, stream } = setUp({ destinations: [{ name: 'a', sendNativeHistograms: true, writeRelabel: [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'plain' })] }, { name: 'b' }] });
    await append(both());
    expect(stream('a').scrape).toEqual({ scraped: 2, failed: 0, relabelled: 0, limited: 0, unrouted: 1 });
    expect(stream('b').scrape).toEqual({ scraped: 3, failed: 0, relabelled: 0, limited: 0, unrouted: 0 });
    expect([stream('a').appended, stream('b').appended]).toEqual([1, 3]);
  });

  test('a form that nobody takes is nobody\'s loss', async () => {
    const { append, world, stream } = setUp({ destinations: [{ name: 'a' }], routing: routing([route(['a'], ['plain'])]) });
    await append(both());
    expect(stream('a').scrape).toEqual({ scraped: 3, failed: 0, relabelled: 0, limited: 0, unrouted: 2 });
    expect(await world.metrics.text()).toContain('tributary_route_unrouted_samples_total{reason="no_route",owner=""} 2');
  });

  test('without destinations nothing is kept, and nothing fails', async () => {
    const { append } = setUp({ destinations: [] });
    expect(await append(both())).toBe(true);
  });
});

describe('facts', () => {
  test('routes and write rules see them, and they are never sent', async () => {
    const { append, stream } = setUp({
      destinations: [{ name: 'a', writeRelabel: [rule({ sourceLabels: ['__meta_roce_node'], targetLabel: 'node' })] }, { name: 'b' }],
      routing: routing([route(['a'], ['{__meta_roce_node="n1"}']), route(['b'])]),
    });
    await append([series('x')]);
    await append([series('y')], { key: 'other', facts: { ...source.facts, provenance: new Map([['__meta_roce_node', 'n2']]) } });
    const labelsOf = (name: string) => decodeRecords(stream(name).take()).map(({ labels }) => Object.fromEntries(labels));
    expect([labelsOf('a'), labelsOf('b')]).toEqual([[{ __name__: 'x', node: 'n1' }], [{ __name__: 'y' }]]);
  });

  test('external labels come where there are none', async () => {
    const { append, stream } = setUp({ externalLabels: { cluster: 'edge' } });
    await append([series('x')]);
    expect(decodeRecords(stream().take())).toMatchObject([{ labels: [['__name__', 'x'], ['cluster', 'edge']], samples: [{ value: valueBits(1), timestampMs: AT }] }]);
  });
});

test('a stream that refuses: nothing was taken, come again', async () => {
  const { append, sent, stream } = setUp({ destinations: [{ name: 'a' }, { name: 'b' }] });
  stream('b').isRefusing = true;
  expect(await append([series('x')])).toBe(false);
  expect(sent('a').names).toEqual([]);
  stream('b').isRefusing = false;
  expect(await append([series('x')])).toBe(true);
  expect([sent('a').names, sent('b').names]).toEqual([['x'], ['x']]);
});
