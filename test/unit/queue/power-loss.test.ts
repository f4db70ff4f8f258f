// What the accounts say when the power goes: of files that were not synced anything may be left, and of the ledger its end may be missing. What is not there any more
// must not count as delivered.

import { expect, test } from 'vitest';

import { fill, imbalance, manualClock, open, QUOTA, readAll, turns } from './helpers.ts';
import { createSimulatedDisk } from './simulated-disk.ts';

test.each([0, 0.5, 0.999])('a power loss takes the end of the ledger: what was given up is not taken for delivered (%d of what was not synced is left)', async (share) => {
  const disk = createSimulatedDisk();
  const ledger = new Map<string, string>();
  const clock = manualClock();
  const queue = await open({ disk, ledger, clock, settings: { segmentBytes: 1000, fsync: 'interval' } });
  const stream = queue.stream('a', { maxBytes: 4000 });
  await fill(stream, 1, 15);
  clock.advance(1000);
  await turns();
  const before = new Map(ledger);
  await fill(stream, 16, 60);
  await turns();
  // The sync of another file brings what was removed to the medium.
  await fill(queue.stream('b', { maxBytes: QUOTA }), 1, 1);
  clock.advance(1000);
  await turns();
  const again = await open({ disk: disk.afterPowerLoss(() => share), ledger: before });
  const reopened = again.stream('a', { maxBytes: QUOTA });
  await readAll(reopened);
  expect(reopened.state().counters).toMatchObject({ acknowledged: 0, deduplicated: 0 });
  expect(reopened.state().counters.lost.evicted).toBeGreaterThan(0);
  expect(imbalance(reopened.state())).toBe(0);
  await again.close();
  await queue.close();
});
