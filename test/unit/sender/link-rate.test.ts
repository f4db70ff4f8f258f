import { describe, expect, it } from 'vitest';
import { LinkRate } from '../../../src/sender/link-rate.ts';

const MIB = 1024 ** 2;

/** Bodies of this size answered as a link of this bandwidth and latency does. */
function measured(bytesPerSecond: number, latencyMs: number, bytes: number, times = 20): LinkRate {
  const rate = new LinkRate();
  for (let i = 0; i < times; i++) rate.answered({ bytes, ms: latencyMs + (bytes * 1000) / bytesPerSecond, concurrent: 1 });
  return rate;
}

describe('LinkRate', () => {
  it('knows nothing before the first answer: bodies are as large as allowed and get all the time', () => {
    const rate = new LinkRate();
    expect([rate.bytesPerSecond, rate.rawBytesMax('live', 8, 8 * MIB), rate.timeoutMs(1000, 30_000, false)]).toEqual([undefined, 8 * MIB, 30_000]);
  });

  it('measures a thin link, and makes bodies that take about two seconds on it', () => {
    const rate = measured(32_000, 40, 64_000);
    expect(rate.bytesPerSecond! / 32_000).toBeGreaterThan(0.9);
    expect(rate.bytesPerSecond! / 32_000).toBeLessThan(1.1);
    expect(rate.rawBytesMax('live', 10, 8 * MIB) / (32_000 * 2 * 10)).toBeCloseTo(1, 0);
  });

  it('a request on a thin link that falls silent is given up long before remote_timeout', () => {
    expect(measured(32_000, 40, 64_000).timeoutMs(64_000, 60_000, false)).toBeLessThan(15_000);
  });

  it('a good link gets the largest bodies', () => {
    expect(measured(20 * MIB, 2, 500_000).rawBytesMax('live', 8, 8 * MIB)).toBe(8 * MIB);
  });

  it('small bodies on a slow answering receiver do not make it a thin link', () => {
    const rate = measured(10 * MIB, 300, 200_000, 3);
    const before = rate.bytesPerSecond!;
    for (let i = 0; i < 50; i++) rate.answered({ bytes: 500, ms: 300, concurrent: 1 });
    expect(rate.bytesPerSecond).toBeGreaterThanOrEqual(before);
  });

  it('each timeout doubles the time that is granted, an answer takes it back', () => {
    const rate = measured(32_000, 40, 64_000);
    const first = rate.timeoutMs(64_000, 600_000, false);
    rate.failed(true);
    expect(rate.timeoutMs(64_000, 600_000, false)).toBe(first * 2);
    rate.answered({ bytes: 64_000, ms: 2040, concurrent: 1 });
    expect(rate.timeoutMs(64_000, 600_000, false) / first).toBeCloseTo(1, 1);
  });

  it('a probe is given up after five seconds, and only after many of them later', () => {
    const rate = new LinkRate();
    expect(rate.timeoutMs(1000, 30_000, true)).toBe(5000);
    for (let i = 0; i < 7; i++) rate.failed(true);
    expect(rate.timeoutMs(1000, 30_000, true)).toBe(5000);
    rate.failed(true);
    expect(rate.timeoutMs(1000, 30_000, true)).toBe(10_000);
  });

  it('after a failure the first bodies are small', () => {
    const rate = measured(20 * MIB, 2, 500_000);
    rate.failed(false);
    expect(rate.rawBytesMax('live', 8, 8 * MIB)).toBe(256 * 1024);
  });
});
