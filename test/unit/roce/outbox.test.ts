// What waits for the line: in order, within its limit, given up with a count.

import { expect, test } from 'vitest';
import { Outbox, outboxBytesMax, samplesOf } from '../../../src/roce/outbox.ts';
import type { RoceSeries } from '../../../src/roce/series.ts';

const series = (name: string, samples = 1): RoceSeries => ({
  labels: new Map([['__name__', name]]), samples: Array.from({ length: samples }, (_, i) => ({ low: 0, high: 0, timestampMs: i })), histograms: [],
});

function setUp() {
  const world = { nowMs: 0, isTaking: true, appended: [] as string[], dropped: 0 };
  const nameOf = (batch: readonly RoceSeries[]) => batch.map(({ labels }) => labels.get('__name__')).join('+');
  const outbox = new Outbox({
    nowMs: () => world.nowMs,
    append: () => Promise.resolve(world.isTaking),
    onAppended: (batch) => void world.appended.push(nameOf(batch)),
    onDropped: (batch) => void (world.dropped += samplesOf(batch)),
    onFailed: () => undefined,
  });
  return { world, outbox };
}

test('batches go in order, one after the other', async () => {
  const { world, outbox } = setUp();
  outbox.push([series('a'), series('b')]);
  outbox.push([series('c')]);
  await outbox.flush();
  expect([world.appended, outbox.bytes]).toEqual([['a+b', 'c'], 0]);
});

test('nothing is no batch', async () => {
  const { world, outbox } = setUp();
  outbox.push([]);
  await outbox.flush();
  expect(world.appended).toEqual([]);
});

test('after a refusal it waits a second, unless it is urgent', async () => {
  const { world, outbox } = setUp();
  outbox.push([series('a')]);
  world.isTaking = false;
  await outbox.flush();
  world.isTaking = true;
  world.nowMs = 999;
  await outbox.flush();
  expect(world.appended).toEqual([]);
  world.nowMs = 1000;
  await outbox.flush();
  expect(world.appended).toEqual(['a']);
  outbox.push([series('b')]);
  world.isTaking = false;
  await outbox.flush();
  world.isTaking = true;
  await outbox.flush({ isUrgent: true });
  expect(world.appended).toEqual(['a', 'b']);
});

test('beyond the limit the oldest are dropped, with a count', async () => {
  const { world, outbox } = setUp();
  world.isTaking = false;
  const each = 50_000;
  for (let i = 0; i < 10; i++) outbox.push([series(`s${i}`, each)]);
  expect(outbox.bytes).toBeLessThanOrEqual(outboxBytesMax);
  world.isTaking = true;
  await outbox.flush();
  expect(world.dropped + world.appended.length * each).toBe(10 * each);
  expect(world.appended.at(-1)).toBe('s9');
  expect(world.appended[0]).toBe(`s${10 - world.appended.length}`);
});

test('what is given up is counted', () => {
  const { outbox } = setUp();
  outbox.push([series('a', 3)]);
  outbox.push([series('b', 4)]);
  expect([outbox.discard(), outbox.bytes]).toEqual([7, 0]);
});
