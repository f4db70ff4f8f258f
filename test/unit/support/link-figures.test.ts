// What the bench of the thin link says about a run, from runs whose answer is known.

import { expect, test } from 'vitest';
import { figuresOf } from '../../bench/support/link-figures.ts';
import { SLOT_MS, type LinkRequest } from '../../bench/support/link-storage.ts';

const START_MS = 1_700_000_000_000;

interface Sent {
  /** Seconds since the start: when its bytes came (evenly in a second), and the ages of its samples. */
  readonly at: number;
  readonly bytes: number;
  readonly oldest?: number;
  readonly newest?: number;
  readonly newShare?: number;
}

function request({ at, bytes, oldest = at, newest = at, newShare = 1 }: Sent): LinkRequest {
  const slot = (START_MS + at * 1000) / SLOT_MS;
  return {
    endMs: START_MS + at * 1000 + 999, wireBytes: bytes, arrivals: [0, 1, 2, 3].map((i) => [slot + i, bytes / 4] as const), samples: 100, newSamples: 100 * newShare,
    oldestNewMs: newShare === 0 ? null : START_MS + oldest * 1000, newestMs: START_MS + newest * 1000,
  };
}

/** Up for 20 s, down until 30, up until 60; 100 bytes a second. */
function judge(sent: readonly Sent[], brokenBytes = 0) {
  const phase = (from: number, to: number) => ({ fromMs: START_MS + from * 1000, toMs: START_MS + to * 1000 });
  const arrivedBytes = sent.reduce((sum, { bytes }) => sum + bytes, brokenBytes);
  return figuresOf({ requests: sent.map(request), arrivedBytes, up: [phase(0, 20), phase(30, 60)], bytesPerSecond: 100 });
}

const every = (from: number, to: number, make: (at: number) => Sent) => Array.from({ length: to - from }, (_, i) => make(from + i));
const live = every(0, 20, (at) => ({ at, bytes: 60 }));

test('the live load is what came in the first phase', () => expect(judge(live).liveShare).toBeCloseTo(0.6));

test('a backlog that goes out at 90 % of the link from the first second on', () => {
  const catchUp = every(30, 40, (at) => ({ at, bytes: 90, oldest: 20, newest: at }));
  const figures = judge([...live, ...catchUp, ...every(40, 60, (at) => ({ at, bytes: 60 }))]);
  // Its last request ends in the last slot of the tenth second.
  expect(figures).toMatchObject({ twiceShare: 0, freshSeconds: [0.999], drainedSeconds: [9.75], backlogUpSeconds: 9.75 });
  expect(figures.carriedShare).toBeCloseTo(0.9);
});

test('idle seconds after the link is up count against it, and fresh data is late', () => {
  const figures = judge([...live, ...every(35, 40, (at) => ({ at, bytes: 90, oldest: 20, newest: at }))]);
  expect([figures.carriedShare < 0.5, figures.freshSeconds]).toEqual([true, [5.999]]);
});

test('a backlog that goes out oldest first brings fresh data last', () => {
  const figures = judge([...live, ...every(30, 45, (at) => ({ at, bytes: 90, oldest: at - 12, newest: at - 11 })), { at: 45, bytes: 90 }]);
  expect(figures.freshSeconds).toEqual([15.999]);
});

test('what came again and what never became whole was sent twice', () => {
  expect(judge([...live, { at: 30, bytes: 300, newShare: 0.5 }]).twiceBytes).toBe(150);
  expect(judge(live, 400)).toMatchObject({ twiceBytes: 400, twiceShare: 0.25 });
});

test('without fresh data and without an end the figures say so', () => {
  const figures = judge([...live, ...every(30, 60, (at) => ({ at, bytes: 10, oldest: at - 20, newest: at - 15 })), { at: 60, bytes: 10, oldest: 40 }]);
  expect([figures.freshSeconds, figures.drainedSeconds]).toEqual([[Infinity], [Infinity]]);
});
