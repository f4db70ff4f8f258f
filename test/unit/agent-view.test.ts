// From what stages tell to what the web may see: units, moments, and nothing left behind.

import { describe, expect, test } from 'vitest';
import { createAgentView } from '../../src/agent-view.ts';
import type { ViewSources } from '../../src/agent-view.ts';
import type { StreamState } from '../../src/queue/queue.ts';
import type { DestinationState } from '../../src/sender/state.ts';
import type { DestinationView } from '../../src/web/destination-view.ts';
import type { AgentView } from '../../src/web/view.ts';
import { destination as seen } from './web/fake-agent.ts';

const nowMs = Date.UTC(2026, 0, 2);

/** What the sender told when the web sees `seen`. */
const told: DestinationState = {
  name: seen.name, url: seen.url, endpoints: seen.endpoints, state: 'retrying', profile: seen.profile, codec: seen.encoding, message: seen.message, tenant: seen.tenant,
  lastError: seen.lastError, lastErrorMs: seen.lastErrorMs, lastSuccessMs: seen.lastSuccessMs, retryAtMs: seen.retryAtMs, requests: seen.requests, wireBytes: seen.wireBytes,
  specimens: seen.specimens, laneOrder: seen.laneOrder, live: seen.live, backfill: seen.backfill, pace: seen.pace, concurrency: seen.concurrency,
  linkBytesPerSecond: seen.linkBytesPerSecond, zstdLevel: seen.zstdLevel, maxDelayMs: 15_000, clockSkewSeconds: seen.clockSkewSeconds, heldSamples: seen.heldSamples,
  heldUntilMs: seen.heldUntilMs, drainSeconds: seen.drainSeconds, isFallingBehind: seen.isFallingBehind, outageHours: seen.outageHours,
};
const stream: StreamState = {
  name: 'master-a', counters: seen.counters, pendingRecords: 3, pendingBytes: 2048, diskBytes: 4096, segments: 2, writtenBytes: 9999, newestMs: nowMs, oldestPendingMs: nowMs - 75_000, lastSequence: 8,
  mode: 'ok', lastError: undefined, isBlocked: false,
};

function agentView(state: Partial<DestinationState> = {}, queue: Partial<StreamState> = {}): AgentView {
  const sources: Partial<ViewSources> = {
    senders: new Map([['master-a', { destinationState: () => ({ ...told, ...state }) }]]),
    streamState: () => ({ ...stream, ...queue }),
    quotaBytes: () => 1024 ** 3,
    quarantinedEntries: () => 6,
    retired: () => [
      { name: 'gone', removedMs: 1000, isParked: false, state: stream },
      { name: 'long-gone', removedMs: 500, isParked: true, state: { ...stream, diskBytes: 7 } },
    ],
    nowMs: () => nowMs,
  };
  // The other sources are not asked for destinations.
  return createAgentView(sources as ViewSources);
}

const view = (...change: Parameters<typeof agentView>): DestinationView => agentView(...change).destinations()[0]!;

describe('a destination', () => {
  test('everything that the sender and the queue tell arrives', () => {
    expect(view()).toEqual({ ...seen, drainedAtMs: nowMs + 7_800_000 });
  });
  test('the queue goes by the name of the configuration', () => expect(view({ name: 'other' }).name).toBe('master-a'));
  test('idle shows as sending, because it changes between two scrapes', () => expect(view({ state: 'idle' }).state).toBe('sending'));
  test.each(['sending', 'retrying', 'parked', 'stopped'] as const)('%s shows as it is', (state) => expect(view({ state }).state).toBe(state));
  test.each([
    [7800, nowMs + 7_800_000],
    [0, undefined],
    [undefined, undefined],
  ])('a backlog that is gone in %s s has its moment', (drainSeconds, expected) => expect(view({ drainSeconds }).drainedAtMs).toBe(expected));
  test('nothing pending has no age, and neither has what lies in the future', () => {
    expect(view({}, { oldestPendingMs: undefined }).oldestUnsentAgeSeconds).toBe(0);
    expect(view({}, { oldestPendingMs: nowMs + 5000 }).oldestUnsentAgeSeconds).toBe(0);
  });
  test('an error of the disk does not hide the one of delivery', () =>
    expect(view({ lastError: 'refused' }, { lastError: 'no space left', mode: 'full' })).toMatchObject({ lastError: 'refused', queueError: 'no space left', queueMode: 'full' }));
});

test('removed destinations are in grace or parked, with what their queues hold', () =>
  expect(agentView().retired()).toEqual([
    { name: 'gone', removedMs: 1000, state: 'grace', pendingSamples: 30, diskBytes: 4096 },
    { name: 'long-gone', removedMs: 500, state: 'parked', pendingSamples: 30, diskBytes: 7 },
  ]));
