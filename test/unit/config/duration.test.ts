import { describe, expect, test } from 'vitest';
import { parseDuration, printDuration } from '../../../src/config/duration.ts';

describe('a duration', () => {
  test.each([
    ['0', 0], ['0s', 0], ['1ms', 1], ['15s', 15_000], ['1h30m', 5_400_000], ['1d', 86_400_000], ['2w', 1_209_600_000], ['1y', 31_536_000_000],
    ['1y2w3d4h5m6s7ms', 33_019_506_007], ['292y', 292 * 31_536_000_000],
  ])('%s has %d milliseconds', (text, ms) => expect(parseDuration(text)).toEqual({ ok: true, ms }));

  test.each([
    ['', 'empty duration string'],
    ['1', 'not a valid duration string: "1"'],
    ['d', 'not a valid duration string: "d"'],
    ['-1s', 'not a valid duration string: "-1s"'],
    ['1.5d', 'unknown unit "." in duration "1.5d"'],
    ['1 s', 'unknown unit " s" in duration "1 s"'],
    ['10µs', 'unknown unit "µs" in duration "10µs"'],
    ['1y1m1d', 'not a valid duration string: "1y1m1d"'],
    ['1s1s', 'not a valid duration string: "1s1s"'],
    ['294y', 'duration out of range'],
    ['99999999999999999999999y', 'duration out of range'],
  ])('%j is refused: %s', (text, problem) => expect(parseDuration(text)).toEqual({ ok: false, text: problem }));

  test.each([
    [0, '0s'], [1, '1ms'], [90_000, '1m30s'], [86_400_000 * 7, '1w'], [86_400_000 * 90, '90d'], [31_536_000_000, '1y'], [31_536_000_000 + 1000, '365d1s'],
  ])('%d ms prints as %s', (ms, text) => expect(printDuration(ms)).toBe(text));

  test('what is printed reads back', () => {
    for (const ms of [1, 999, 1000, 61_001, 3_600_000, 604_800_000, 31_536_000_000, 9_223_372_036_854]) {
      expect(parseDuration(printDuration(ms))).toEqual({ ok: true, ms });
    }
  });
});
