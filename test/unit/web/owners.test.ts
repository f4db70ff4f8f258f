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

test('owners are listed by name, with their pods and destinations, also those that have only one of both', async () => {
  expect(await owners()).toEqual({
    source: 'podmetadata', isComplete: true, pods: 3, tombstones: 1, unresolved: 2, absent: 0,
    owners: [
      { owner: 'a', destinations: ['master-a'], pods: 2, tombstones: 0 },
      { owner: 'gone', destinations: [], pods: 0, tombstones: 1 },
      { owner: 'new', destinations: ['master-n'], pods: 0, tombstones: 0 },
    ],
  });
});

test('where nobody asks for owners there is no source', async () => {
  expect(await owners({ owners: () => undefined, ownerDestinations: () => new Map() })).toMatchObject({ source: 'none', owners: [] });
});
