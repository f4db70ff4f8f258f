import { describe, expect, test } from 'vitest';
import { STALE_HIGH, STALE_LOW } from '../../../src/model/sample.ts';
import { decodeHeld, encodeHeld } from '../../../src/series/held-pieces.ts';
import type { HeldSeries } from '../../../src/series/held-pieces.ts';
import { doubleBits } from '../../../src/wire/write-request.ts';
import { decodeWriteRequest } from '../../support/write-request.ts';

const facts = { job: 'kube', labels: [['instance', 'i:1'], ['job', 'kube']] as const, provenance: new Map([['__meta_kubernetes_namespace', 'monitoring']]), honorLabels: true };
const sample = (value: number, timestampMs: number) => ({ ...doubleBits(value), timestampMs });
const series: HeldSeries[] = [
  { labels: new Map([['__name__', 'c'], ['pod', 'pö']]), facts, page: ['instance'], samples: [sample(1.5, 1000), sample(0, 2000)] },
  { labels: new Map([['__name__', 'd']]), facts, page: [], samples: [{ low: STALE_LOW, high: STALE_HIGH, timestampMs: 1_700_000_000_000 }] },
];

describe('held samples as bytes', () => {
  test('come back as they were, with what it takes to decide', () => expect(decodeHeld(encodeHeld(series).body)).toEqual(series));
  test('tell how many there are, and of what time', () => expect(encodeHeld(series)).toMatchObject({ type: 'raw', samples: 3, oldestMs: 1000, newestMs: 1_700_000_000_000 }));
  test('name what series share once', () => {
    const alike = Array.from({ length: 100 }, (_, i) => ({ ...series[0]!, labels: new Map([['__name__', `c${i}`]]) }));
    expect(decodeHeld(encodeHeld(alike).body)).toEqual(alike);
    expect(decodeWriteRequest(Buffer.from(encodeHeld(alike).body)).series.length).toBe(101);
  });
  test('of a page that has the label of those that tell about others are a series like any other', () => {
    const forged: HeldSeries = { labels: new Map([['__name__', 'c'], ['__tributary_held__', '["kube",[],[["__meta_kubernetes_namespace","other"]],true,[]]']]), facts, page: [], samples: [sample(1, 1)] };
    const after: HeldSeries = { labels: new Map([['__name__', 'd']]), facts, page: [], samples: [sample(2, 1)] };
    expect(decodeHeld(encodeHeld([forged, after]).body)).toEqual([forged, after]);
  });
  test('are pieces of a write request', () => {
    const decoded = decodeWriteRequest(Buffer.from(encodeHeld(series).body)).series;
    expect(decoded.map(({ labels, samples }) => [Object.fromEntries(labels)['__name__'], samples.length])).toEqual([[undefined, 0], ['c', 2], [undefined, 0], ['d', 1]]);
  });
});
