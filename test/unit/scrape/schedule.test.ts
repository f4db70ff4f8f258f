import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/io/clock.ts';
import { createSchedule, nextGridMs, scrapeOffsetMs } from '../../../src/scrape/schedule.ts';
import type { ScheduleEntry } from '../../../src/scrape/schedule.ts';
import { createTestClock } from '../../support/clock.ts';

const start = 1_700_000_000_000;

function entry(dueMs: number, log: string[], name: string, everyMs?: number): ScheduleEntry {
  return {
    dueMs, place: -1,
    run(nowMs) {
      log.push(`${name}@${nowMs - start}`);
      return everyMs === undefined ? undefined : this.dueMs + everyMs;
    },
    realign: (nowMs) => nextGridMs(nowMs, everyMs ?? 1, 0),
  };
}

describe('schedule', () => {
  test('entries run in order of their due times, equal ones in one go', async () => {
    const clock = createTestClock(start);
    const schedule = createSchedule(clock);
    const log: string[] = [];
    for (const [name, due] of [['c', 300], ['a', 100], ['b', 200], ['a2', 100]] as const) schedule.add(entry(start + due, log, name));
    expect(clock.pending()).toBe(1);
    await clock.advance(400);
    expect(log.map((line) => line.slice(line.indexOf('@')))).toEqual(['@100', '@100', '@200', '@300']);
    expect(schedule.size).toBe(0);
  });
  test('an entry that returns a time runs again then', async () => {
    const clock = createTestClock(start);
    const log: string[] = [];
    createSchedule(clock).add(entry(start + 100, log, 'a', 250));
    await clock.advance(700);
    expect(log).toEqual(['a@100', 'a@350', 'a@600']);
  });
  test('a removed entry does not run, the others do', async () => {
    const clock = createTestClock(start);
    const schedule = createSchedule(clock);
    const log: string[] = [];
    const entries = Array.from({ length: 20 }, (_, i) => entry(start + 10 * (20 - i), log, String(i)));
    for (const one of entries) schedule.add(one);
    for (const i of [0, 19, 7, 8]) schedule.remove(entries[i]!);
    await clock.advance(300);
    expect(log.map((line) => Number(line.split('@')[0]))).toEqual([18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 6, 5, 4, 3, 2, 1]);
  });
  test('an earlier entry that is added later wakes it earlier', async () => {
    const clock = createTestClock(start);
    const schedule = createSchedule(clock);
    const log: string[] = [];
    schedule.add(entry(start + 1000, log, 'late'));
    schedule.add(entry(start + 10, log, 'early'));
    await clock.advance(20);
    expect(log).toEqual(['early@10']);
  });
  test('stop leaves no timer behind', () => {
    const clock = createTestClock(start);
    const schedule = createSchedule(clock);
    schedule.add(entry(start + 10, [], 'a'));
    schedule.stop();
    expect(clock.pending()).toBe(0);
  });
  test('a wall clock that is set back by an hour does not stop entries for an hour', async () => {
    const base = createTestClock(start);
    let shiftMs = 0;
    const clock: Clock = { ...base, nowMs: () => base.nowMs() + shiftMs };
    const log: string[] = [];
    createSchedule(clock).add(entry(start + 1000, log, 'a', 1000));
    await base.advance(1000);
    shiftMs = -3_600_000;
    await base.advance(7000);
    expect(log.length).toBeGreaterThanOrEqual(3);
  });
});

describe('scrapeOffsetMs', () => {
  test('is the same for the same key and seed, and differs between seeds', () => {
    const keys = Array.from({ length: 50 }, (_, i) => `target-${i}`);
    expect(keys.map((key) => scrapeOffsetMs(key, 'a', 15_000))).toEqual(keys.map((key) => scrapeOffsetMs(key, 'a', 15_000)));
    expect(keys.map((key) => scrapeOffsetMs(key, 'a', 15_000))).not.toEqual(keys.map((key) => scrapeOffsetMs(key, 'b', 15_000)));
  });
  test.each([10, 100, 1000, 7000, 15_000, 60_000])('is a whole number below an interval of %i ms', (intervalMs) => {
    for (let i = 0; i < 500; i++) {
      const offset = scrapeOffsetMs(`k${i}`, 's', intervalMs);
      expect(Number.isInteger(offset) && offset >= 0 && offset < intervalMs).toBe(true);
    }
  });
  test.each([1000, 7000, 10_000, 15_000, 30_000, 60_000])('every tenth of %i ms holds its share within 15 percent', (intervalMs) => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 20_000; i++) {
      const tenth = Math.floor((scrapeOffsetMs(`target-${i}`, 'seed', intervalMs) * 10) / intervalMs);
      tenths[tenth]! += 1;
    }
    for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(300);
  });
  test('scrapes share ticks: no more than one start in 250 ms, and at least ten in an interval', () => {
    const offsets = (intervalMs: number) => new Set(Array.from({ length: 5000 }, (_, i) => scrapeOffsetMs(`${i}`, '', intervalMs))).size;
    expect([offsets(1000), offsets(10_000), offsets(60_000)]).toEqual([10, 40, 240]);
  });
});
