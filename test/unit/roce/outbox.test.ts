// What waits for the line: in order, within its limit, given up with a count.

import { expect, test } from 'vitest';
import { Outbox, outboxBytesMax, samplesOf } from '../../../src/roce/outbox.ts';
import type { RoceSeries } from '../../../src/roce/series.ts';
import { createTestClock } from '../../support/clock.ts';

const series = (name: string, samples = 1): RoceSeries => ({
  labels: new Map([['__name__', name]]), samples: Array.from({ length: samples }, (_, i) => ({ low: 0, high: 0, timestampMs: i })), histograms: [],
});

function setUp() {
  const world = { clock: createTestClock(), isTaking: true, appended: [] as string[], dropped: 0, tries: 0 };
  const nameOf = (batch: readonly RoceSeries[]) => batch.map(({ labels }) => labels.get('__name__')).join('+');
  const outbox = new Outbox<string>({
    clock: world.clock,
    append: (batch, about) => {
      world.tries++;
      if (world.isTaking) world.appended.push(`${nameOf(batch)} ${about}`);
      return Promise.resolve(world.isTaking);
    },
    onAppended: () => undefined,
    onDropped: (batch) => void (world.dropped += samplesOf(batch)),
    onFailed: () => undefined,
  });
  return { world, outbox };
}

test('batches go in order, one after the other, with what holds for each', async () => {
  const { world, outbox } = setUp();
  outbox.push([series('a'), series('b')], '1');
  outbox.push([series('c')], '2');
  await world.clock.settle();
  expect([world.appended, outbox.bytes]).toEqual([['a+b 1', 'c 2'], 0]);
});

test('nothing is no batch', async () => {
  const { world, outbox } = setUp();
  outbox.push([], '1');
  await world.clock.settle();
  expect(world.tries).toBe(0);
});

test('after a refusal it waits a second, whatever comes meanwhile', async () => {
  const { world, outbox } = setUp();
  world.isTaking = false;
  outbox.push([series('a')], '1');
  await world.clock.advance(999);
  world.isTaking = true;
  outbox.push([series('b')], '2');
  await world.clock.settle();
  expect([world.tries, world.appended]).toEqual([1, []]);
  await world.clock.advance(1);
  expect(world.appended).toEqual(['a 1', 'b 2']);
  expect(world.clock.pending()).toBe(0);
});

test('beyond the limit the oldest are dropped, with a count', async () => {
  const { world, outbox } = setUp();
  world.isTaking = false;
  const each = 50_000;
  for (let i = 0; i < 10; i++) outbox.push([series(`s${i}`, each)], '');
  expect(outbox.bytes).toBeLessThanOrEqual(outboxBytesMax);
  world.isTaking = true;
  await world.clock.advance(1000);
  expect(world.dropped + world.appended.length * each).toBe(10 * each);
  expect(world.appended.at(-1)).toBe('s9 ');
  expect(world.appended[0]).toBe(`s${10 - world.appended.length} `);
});

test('at the end it is tried once more, and what is given up is counted', async () => {
  const { world, outbox } = setUp();
  world.isTaking = false;
  outbox.push([series('a', 3)], '1');
  outbox.push([series('b', 4)], '2');
  expect(await outbox.close()).toBe(7);
  expect([outbox.bytes, world.clock.pending()]).toEqual([0, 0]);
  outbox.push([series('c')], '3');
  world.isTaking = true;
  expect(await outbox.close()).toBe(0);
  expect(world.appended).toEqual(['c 3']);
});
