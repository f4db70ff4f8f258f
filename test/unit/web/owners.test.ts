import { expect, test } from 'vitest';
import { startTestServer } from './fake-agent.ts';
import type { AgentView } from '../../../src/web/view.ts';

async function owners(view: Partial<AgentView> = {}): Promise<unknown> {
  const { base, server } = await startTestServer(view);
  try {
    return ((await (await fetch(`${base}/api/v1/status/owners`)).json()) as { data: unknown }).data;
  } finally {
    await server.close();
  }
}

test('owners are listed by name, with their pods, destinations and series, also those that have only some of these', async () => {
  expect(await owners()).toEqual({
    source: 'podmetadata', isComplete: true, pods: 3, tombstones: 1, unresolved: 2, absent: 0,
    owners: [
      { owner: 'a', destinations: ['master-a'], pods: 2, tombstones: 0, series: 1100, samplesPerSecond: 110 },
      { owner: 'far', destinations: [], pods: 0, tombstones: 0, series: 5, samplesPerSecond: 0.5 },
      { owner: 'gone', destinations: [], pods: 0, tombstones: 1, series: 0, samplesPerSecond: 0 },
      { owner: 'new', destinations: ['master-n'], pods: 0, tombstones: 0, series: 0, samplesPerSecond: 0 },
    ],
    withoutOwner: { series: 415, samplesPerSecond: 41.5 },
  });
});

test('where nobody asks for owners there is no source', async () => {
  const nothing = { jobs: [], namespaces: [], owners: [] };
  expect(await owners({ owners: () => undefined, ownerDestinations: () => new Map(), volume: () => nothing })).toEqual({
    source: 'none', isComplete: true, pods: 0, tombstones: 0, unresolved: 0, absent: 0, owners: [], withoutOwner: { series: 0, samplesPerSecond: 0 },
  });
});
