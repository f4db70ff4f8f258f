// How many samples a second leave a node with eight busy ports: for ten minutes of windows of 15 s, after the first one, by the figures that the node itself counts.

import { describe, expect, test } from 'vitest';
import { seeded, testSeed } from '../../exposition/collecting-sink.ts';
import { busyPlan, busyRows } from './busy-node.ts';
import { World } from './world.ts';

const seed = testSeed();
const windows = 40;
const seconds = 600;

function rates(asksKernel: boolean): { readonly native: number; readonly classic: number; readonly counters: number; readonly largest: number; readonly smallest: number } {
  const random = seeded(seed);
  const plan = busyPlan({ asksKernel });
  const totals = new Float64Array(plan.channels.length);
  const world = new World();
  world.begin(plan);
  const sent: number[] = [];
  const step = (window: number) => {
    const rows = busyRows(plan, window, totals, random);
    sent.push(world.window(rows.windows, rows.bursts).filter(({ form }) => form !== 'classic').length);
  };
  // Everything is sent with the first window, which belongs to the start.
  step(0);
  const { samples: before } = world.windows.figures();
  for (let window = 1; window <= windows; window++) step(window);
  const { samples } = world.windows.figures();
  const perSecond = (kind: 'plain' | 'native' | 'classic') => (samples[kind] - before[kind]) / seconds;
  const steady = sent.slice(1);
  return {
    native: perSecond('plain') + perSecond('native'), classic: perSecond('plain') + perSecond('classic'), counters: plan.channels.length,
    largest: Math.max(...steady), smallest: Math.min(...steady),
  };
}

describe(`samples a second of eight busy ports (TEST_SEED=${seed})`, () => {
  const measured = [false, true].map(rates);
  test.each([[0, 'files and pauses'], [1, 'everything that the kernel tells']] as const)('%i: %s', (i, name) => {
    const { native, classic, counters, largest, smallest } = measured[i]!;
    console.log(`${name}: ${counters} counters, ${native.toFixed(1)} samples a second with native histograms, ${classic.toFixed(1)} with classic ones; ${smallest} to ${largest} a window`);
    // Turns are spread over the minute.
    expect(largest).toBeLessThan(1.15 * smallest);
  });
  test.each(measured)('at most 30 with native histograms, 60 with classic ones ($counters counters)', ({ native, classic }) => {
    expect(native).toBeLessThanOrEqual(30);
    expect(classic).toBeLessThanOrEqual(60);
  });
});
