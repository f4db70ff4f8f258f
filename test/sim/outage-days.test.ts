// Of the outage matrix (outage-matrix.test.ts) the longest outage, once per kind of receiver. These two cells take as long as all shorter ones, which run beside them.

import { beforeAll, describe, expect, test } from 'vitest';
import { initZstd } from '../../src/wire/zstd.ts';
import { matrixCells, runCell } from '../support/sim/matrix.ts';

beforeAll(initZstd);

const cells = matrixCells().filter(({ outage, event }) => outage === '3.7 d' && event === 'kill -9');

describe('an outage of days, kill -9 in its middle, and a second outage while the first backlog drains lose nothing', () => {
  test.each(cells)('$outage, $event, $receiver', async (cell) => {
    const { violations, samples, missing } = await runCell(cell);
    expect(violations).toEqual([]);
    expect(missing).toBe(0);
    expect(samples).toBeGreaterThan(10_000);
  });
});
