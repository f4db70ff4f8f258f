import { describe, expect, it } from 'vitest';
import { seededRandom, type Random } from '../../../src/io/random.ts';
import { equalJitter, fullJitter, parseRetryAfter } from '../../../src/io/backoff.ts';

const always = (value: number): Random => ({ next: () => value, bytes: () => new Uint8Array(0) });
const range = { minMs: 30, maxMs: 5000 };
const NOW = Date.parse('2026-11-21T12:00:00Z');

describe('backoff', () => {
  it('full jitter doubles its ceiling per attempt up to the maximum', () => {
    expect([0, 1, 2, 7, 8, 1000].map((attempt) => fullJitter(range, attempt, always(1)))).toEqual([30, 60, 120, 3840, 5000, 5000]);
  });

  it('full jitter may be nothing at all', () => expect(fullJitter(range, 5, always(0))).toBe(0));

  it('equal jitter is at least half of the step', () => {
    const random = seededRandom(3);
    for (let i = 0; i < 100; i++) expect(equalJitter(range, 3, random)).toBeGreaterThanOrEqual(120);
  });
});

describe('Retry-After', () => {
  for (const [header, expected, rule] of [
    ['2', 2000, 'seconds'], [' 7 ', 7000, 'blanks around'], ['0', undefined, 'zero asks for nothing'], ['86400', 600_000, 'at most ten minutes'],
    ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000, 'an HTTP date'], ['Sat, 21 Nov 2026 11:59:00 GMT', undefined, 'the past is ignored'],
    ['Sun, 22 Nov 2026 12:00:00 GMT', 600_000, 'a date far away is cut'], ['soon', undefined, 'nonsense is ignored'], ['-5', undefined, 'negative seconds are ignored'],
    ['', undefined, 'empty'], [undefined, undefined, 'absent'],
  ] as const) {
    it(`${rule}: ${String(header)}`, () => expect(parseRetryAfter(header, NOW)).toBe(expected));
  }
});
