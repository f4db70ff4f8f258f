// The sampler in TypeScript on the clock of the test: it reads files at its period, counts what it missed, and survives files that are no counters.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseCount } from '../../../src/roce/counter-file.ts';
import { LoopSampler } from '../../../src/roce/loop-sampler.ts';
import type { Channel } from '../../../src/roce/sampler.ts';
import { createTestClock } from '../../support/clock.ts';
import { fileChannel, planOf } from '../../support/sampler-plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'tributary-roce-'));
afterAll(() => rmSync(folder, { recursive: true }));

const lineRate = 1e9;
const traffic = { bits: 64, saturates: false, multiplier: 1, lineRate, refreshNs: 0 };
const channel = (name: string, source = 'files') => fileChannel(source, join(folder, name), { rules: traffic });
const plan = (...channels: readonly Channel[]) => planOf(channels, { periodNs: 1e7, windowNs: 1e9 });
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

describe('the loop sampler', () => {
  test('sees a burst that a generator writes, byte for byte', async () => {
    const clock = createTestClock();
    write('bytes', '0\n');
    const sampler = new LoopSampler(plan(channel('bytes')), clock);
    sampler.start();
    // 5 periods of 10 MB are the whole line.
    for (let period = 1; period <= 60; period++) {
      write('bytes', `${1e7 * Math.min(5, Math.max(0, period - 20))}\n`);
      await clock.advance(10);
    }
    sampler.stop();
    const { bursts, windows } = sampler.drain();
    expect(bursts).toMatchObject([{ channel: 0, startNs: 200e6, durationNs: 50e6, units: 5e7, peakRate: lineRate }]);
    expect(windows.reduce((sum, { units }) => sum + units, 0)).toBe(5e7);
    expect(sampler.figures()).toMatchObject({ policy: 'loop', ticks: 60, missed: 0 });
    expect(clock.pending()).toBe(0);
  });

  test('a burst is captured with what was before and after it, and rows are accounted for', async () => {
    const clock = createTestClock();
    write('captured', '0\n');
    const captured = { ...channel('captured'), port: 2, isCaptured: true };
    const sampler = new LoopSampler(planOf([captured], { periodNs: 1e7, windowNs: 1e9, capture: { preNs: 50e6, postNs: 100e6, maxNs: 2e9 } }), clock);
    sampler.start();
    for (let period = 1; period <= 60; period++) {
      write('captured', `${1e7 * Math.min(5, Math.max(0, period - 20))}\n`);
      await clock.advance(10);
    }
    sampler.stop();
    const { captureStarts, captures, windows, bursts, produced, overwritten } = sampler.drain();
    expect(captureStarts).toEqual([{ port: 2, channel: 0, atNs: 200e6 }]);
    expect(captures.map(({ atNs }) => atNs / 1e6)).toEqual(Array.from({ length: 21 }, (_, index) => 150 + 10 * index));
    expect(captures.map(({ value }) => value)).toEqual([...Array(6).fill(0), ...Array(5).fill(lineRate), ...Array(10).fill(0)]);
    expect([produced, overwritten]).toEqual([windows.length + bursts.length + captures.length + captureStarts.length, 0]);
  });

  test('deadlines that passed are counted and not caught up', async () => {
    const test = createTestClock();
    let stallMs = 0;
    const clock = { ...test, monotonicMs: () => test.monotonicMs() + stallMs };
    write('stalled', '1\n');
    const sampler = new LoopSampler(plan(channel('stalled')), clock);
    sampler.start();
    await test.advance(50);
    expect(sampler.figures()).toMatchObject({ ticks: 5, missed: 0 });
    stallMs = 35;
    await test.advance(10);
    expect(sampler.figures()).toMatchObject({ ticks: 6, missed: 3, latenessMaxNs: 35e6 });
    await test.advance(25);
    expect(sampler.figures()).toMatchObject({ ticks: 9, missed: 3 });
    sampler.stop();
  });

  test('the last window of a counter that vanished comes when it is over', async () => {
    const clock = createTestClock(1_700_000_000_000);
    write('vanishes', '5\n');
    const sampler = new LoopSampler(plan(channel('vanishes')), clock);
    sampler.start();
    await clock.advance(300);
    write('vanishes', '9\n');
    await clock.advance(200);
    write('vanishes', 'N/A (no PMA)\n');
    await clock.advance(490);
    expect(sampler.drain().windows).toEqual([]);
    await clock.advance(1500);
    expect(sampler.drain().windows).toMatchObject([{ startNs: 0, units: 4, total: 9, coveredNs: 490e6 }]);
    sampler.stop();
    expect(sampler.drain().windows).toEqual([]);
  });

  test('a text, an absent file and one that comes later cost themselves alone', async () => {
    const clock = createTestClock();
    write('good', '1\n');
    write('text', 'N/A (no PMA)\n');
    const sampler = new LoopSampler(plan(channel('good', 'good'), channel('text', 'bad'), channel('late', 'late')), clock);
    sampler.start();
    await clock.advance(500);
    write('late', '1\n');
    await clock.advance(1500);
    sampler.stop();
    expect(sampler.figures().sources.map(({ reads, failedReadings }) => [reads, failedReadings])).toEqual([[200, 0], [200, 200], [200, 100]]);
  });
});

test.each<readonly [string, bigint | undefined]>([
  ['0\n', 0n], ['42', 42n], ['18446744073709551615\n', 2n ** 64n - 1n], ['18446744073709551616\n', undefined], ['', undefined], ['\n', undefined],
  ['-1\n', undefined], ['0x10', undefined], ['1 2', undefined], ['N/A (no PMA)\n', undefined],
])('%j is %s', (text, count) => expect(parseCount(text)).toBe(count));
