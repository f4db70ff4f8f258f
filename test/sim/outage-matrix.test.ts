// The outage matrix: {1 min, 1 h, 3 h 10 min, 9 h, 3.7 d} x {graceful restart, kill -9, URL change, address change, credential expiry}, at a receiver
// with a window of 0 (oldest first) and at VictoriaMetrics (live first). Here: every cell up to 9 h; outage-days.test.ts has one of 3.7 d per receiver. All 50
// of them: `npm run sim -- --matrix`.

import { beforeAll, describe, expect, test } from 'vitest';
import { initZstd } from '../../src/wire/zstd.ts';
import { matrixCells, runCell } from '../support/sim/matrix.ts';

beforeAll(initZstd);

const cells = matrixCells().filter(({ outage }) => outage !== '3.7 d');

describe('an outage, an event in its middle, and a second outage while the first backlog drains lose nothing', () => {
  test.each(cells)('$outage, $event, $receiver', async (cell) => {
    const { violations, samples, missing } = await runCell(cell);
    expect(violations).toEqual([]);
    expect(missing).toBe(0);
    expect(samples).toBeGreaterThan(10_000);
  });
});
