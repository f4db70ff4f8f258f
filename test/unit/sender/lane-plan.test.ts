import { describe, expect, it } from 'vitest';
import type { QueuedRecord } from '../../../src/queue/queue.ts';
import { HeldRecords } from '../../../src/sender/held.ts';
import { LanePlan, stretches } from '../../../src/sender/lane-plan.ts';

const never = () => false;

function records(first: number, last: number, newestMs = 0): QueuedRecord[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    sequence: first + i, type: 'samples', samples: 10, timestampMs: newestMs, oldestMs: newestMs, newestMs, bytes: 1, image: undefined, positions: 0,
    payload: new Uint8Array(0),
  }));
}

const sequences = (list: readonly QueuedRecord[]) => list.map((record) => record.sequence);

describe('LanePlan', () => {
  it('one lane reads everything from the beginning', () => {
    const plan = new LanePlan();
    expect(plan.next('live')).toMatchObject({ after: 0, until: Infinity });
    plan.advance('live', plan.next('live'), 7);
    expect(plan.next('live')).toMatchObject({ after: 7 });
    expect(plan.hasBackfill).toBe(false);
  });

  it('what the live lane leaves behind belongs to the backfill lane, up to the boundary', () => {
    const plan = new LanePlan();
    plan.advance('live', plan.next('live'), 10);
    plan.leaveBehind(50);
    expect(plan.next('live')).toMatchObject({ after: 50 });
    expect(plan.next('backfill')).toMatchObject({ after: 0, until: 50 });
    plan.backfillIsDone(plan.next('backfill'));
    expect(plan.hasBackfill).toBe(false);
  });

  it('a second outage during the backfill moves the boundary, and the backfill goes on where it was', () => {
    const plan = new LanePlan();
    plan.leaveBehind(50);
    plan.advance('backfill', plan.next('backfill'), 20);
    plan.advance('live', plan.next('live'), 60);
    plan.leaveBehind(90);
    expect(plan.next('backfill')).toMatchObject({ after: 20, until: 90 });
  });

  it('joined lanes begin where the backfill lane was', () => {
    const plan = new LanePlan();
    plan.leaveBehind(50);
    plan.advance('backfill', plan.next('backfill'), 20);
    plan.join();
    expect(plan.next('live')).toMatchObject({ after: 20 });
    expect(plan.hasBackfill).toBe(false);
  });

  it('a record ahead of the clock is passed over, and comes back in the live lane when its time has come', () => {
    const plan = new LanePlan();
    const batch = [...records(1, 2), ...records(3, 4, 500), ...records(5, 5)];
    expect(sequences(plan.admit(batch, plan.next('live'), (newestMs) => newestMs > 100))).toEqual([1, 2, 5]);
    expect(plan.held.samples).toBe(20);
    plan.advance('live', plan.next('live'), 5);
    plan.release(never);
    expect(plan.hasReleased).toBe(false);
    plan.release((newestMs) => newestMs <= 500);
    expect(plan.next('live')).toMatchObject({ after: 2, until: 4 });
    expect(plan.held.samples).toBe(0);
  });

  it('a released range that is read in two batches is read to its end', () => {
    const plan = new LanePlan();
    plan.admit(records(3, 6, 500), plan.next('live'), () => true);
    plan.release(() => true);
    plan.advance('live', plan.next('live'), 4);
    expect(plan.next('live')).toMatchObject({ after: 4, until: 6 });
    plan.advance('live', plan.next('live'), 6);
    expect(plan.next('live')).toMatchObject({ after: 0, until: Infinity });
  });

  it('the backfill lane takes no record that is held, or that the live lane has got back', () => {
    const plan = new LanePlan();
    plan.admit(records(3, 4, 500), plan.next('live'), () => true);
    plan.leaveBehind(10);
    expect(sequences(plan.admit(records(1, 10), plan.next('backfill'), never))).toEqual([1, 2, 5, 6, 7, 8, 9, 10]);
    plan.release(() => true);
    expect(sequences(plan.admit(records(3, 4), plan.next('backfill'), never))).toEqual([]);
    const interval = plan.next('live');
    plan.advance('live', interval, 4);
    expect(sequences(plan.admit(records(3, 4), plan.next('backfill'), never))).toEqual([]);
    plan.next('live');
    expect(sequences(plan.admit(records(3, 4), plan.next('backfill'), never))).toEqual([3, 4]);
  });
});

describe('HeldRecords', () => {
  it('joins neighbours of nearly the same time', () => {
    const held = new HeldRecords();
    for (const record of [...records(1, 1, 1000), ...records(2, 2, 5000), ...records(3, 3, 60_000)]) held.add(record);
    expect(held.earliestMs).toBe(5000);
    expect(held.release((newestMs) => newestMs <= 5000)).toMatchObject([{ first: 1, last: 2, samples: 20, newestMs: 5000 }]);
    expect(held.earliestMs).toBe(60_000);
  });

  it('of a clock that stays ahead the first record is due while later ones come in', () => {
    const held = new HeldRecords();
    for (let i = 1; i <= 100; i++) held.add(records(i, i, i * 3000)[0]!);
    const [first] = held.release((newestMs) => newestMs <= 20_000);
    expect(first).toMatchObject({ first: 1, last: 4 });
  });

  it('of every other record, without neighbours, a bounded number of ranges is kept', () => {
    const held = new HeldRecords();
    for (let i = 1; i <= 10_000; i++) held.add(records(2 * i, 2 * i, i * 60_000)[0]!);
    expect(held.samples).toBe(100_000);
    const ranges = held.release(() => true);
    expect([ranges.length, ranges.at(-1)!.last, held.samples]).toEqual([4096, 20_000, 0]);
  });

  it('holds a record once', () => {
    const held = new HeldRecords();
    held.add(records(1, 1, 5)[0]!);
    held.add(records(1, 1, 5)[0]!);
    expect(held.samples).toBe(10);
  });
});

describe('stretches', () => {
  it('are settled together as far as nothing lies between', () => {
    const all = records(1, 6);
    expect(stretches(all, [all[0]!, all[1]!, all[3]!, all[5]!])).toEqual([
      { first: 1, last: 2, samples: 20 }, { first: 4, last: 4, samples: 10 }, { first: 6, last: 6, samples: 10 },
    ]);
  });

  it('span sequences that were settled before', () => {
    const all = [...records(1, 2), ...records(7, 8)];
    expect(stretches(all, all)).toEqual([{ first: 1, last: 8, samples: 40 }]);
  });
});
