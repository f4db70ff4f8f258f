import { expect, test } from 'vitest';
import { RecentBudget, RecentRecords, type RecentRecord } from '../../../src/queue/recent.ts';
import type { Image } from '../../../src/wire/image.ts';

const image = (id: number, bytes: number): Image & { runs: { base: number; count: number; rawBytes: number; data: Uint8Array }[] } =>
  ({ id, runs: [{ base: 0, count: 1, rawBytes: 1, data: new Uint8Array(bytes) }] });

function record(sequence: number, of: Image | undefined): RecentRecord {
  const type = of === undefined ? 'raw' : 'samples';
  return { sequence, type, samples: 1, timestampMs: 0, oldestMs: 0, newestMs: 0, bytes: 1, image: of, positions: 1, payload: new Uint8Array(1), samplesBefore: 0 };
}

test('images count once per list, with what they grow by, until their last record is forgotten', () => {
  const budget = new RecentBudget(1e6);
  const [a, b] = [new RecentRecords(budget), new RecentRecords(budget)];
  const [one, two] = [image(1, 100), image(2, 1000)];
  a.push(record(1, one));
  one.runs.push({ base: 1, count: 1, rawBytes: 1, data: new Uint8Array(50) });
  a.push(record(2, one));
  a.push(record(3, two));
  a.push(record(4, undefined));
  b.push(record(1, two));
  expect(budget.imageBytes).toBe(150 + 1000 + 1000);
  a.forgetUpTo(1);
  expect(budget.imageBytes).toBe(2150);
  a.forgetUpTo(2);
  expect(budget.imageBytes).toBe(2000);
  a.clear();
  b.push(record(9, undefined));
  expect([budget.imageBytes, a.first, b.first]).toEqual([0, undefined, 9]);
});

test('too many generations of images: the oldest records are forgotten, the newest stay', () => {
  const budget = new RecentBudget(1e6, 1000);
  const list = new RecentRecords(budget);
  for (let sequence = 1; sequence <= 100; sequence++) {
    list.push(record(sequence, image(sequence, 100)));
    budget.enforce();
    expect(budget.imageBytes).toBeLessThanOrEqual(1000);
  }
  expect([list.get(100)?.sequence, (list.first ?? 0) > 90]).toEqual([100, true]);
});
