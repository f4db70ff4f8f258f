// What the web shows of sharding and of dropped targets by the million.

import { afterEach, describe, expect, test } from 'vitest';
import type { AgentView, DroppedTargetView } from '../../../src/web/view.ts';
import { activeTarget, startTestServer } from './fake-agent.ts';
import type { TestServer } from './fake-agent.ts';

let web: TestServer | undefined;
afterEach(() => web?.server.close());

async function get(path: string, view: Partial<AgentView> = {}): Promise<string> {
  web = await startTestServer(view);
  return (await fetch(`${web.base}${path}`)).text();
}

const line = 'Member 1 of 4 (numbered from 0), each target on 2 members: 3 targets scraped here, 3 left to others.';

describe('sharding', () => {
  test('the status tells members and targets per job', async () =>
    expect(JSON.parse(await get('/api/v1/status/sharding'))).toEqual({
      status: 'success',
      data: { members: 4, member: 1, replicationFactor: 2, jobs: [{ job: 'api', kept: 1, left: 3 }, { job: 'node', kept: 2, left: 0 }] },
    }));
  test('the page says which member this is', async () => expect(await get('/')).toContain(line));
  test('the page says nothing where there is one member', async () =>
    expect(await get('/', { sharding: () => ({ members: 1, member: 0, replicationFactor: 1 }) })).not.toContain('Member '));
});

describe('dropped targets without end', () => {
  let worked = 0;
  function* endless(): Iterable<DroppedTargetView> {
    for (;;) {
      worked++;
      yield { discoveredLabels: new Map([['__address__', 'd:1']]), reason: 'relabel rule 1' };
    }
  }
  const view: Partial<AgentView> = { pools: () => [{ name: 'a', active: [activeTarget('a', 'a:1')], dropped: endless(), droppedCount: 50_000_000, leftCount: 0 }] };

  test('the API lists ten thousand, counts all, and works out no more', async () => {
    worked = 0;
    const { data } = JSON.parse(await get('/api/v1/targets', view)) as { data: { droppedTargets: object[]; droppedTargetCounts: object } };
    expect([data.droppedTargets.length, data.droppedTargetCounts, worked]).toEqual([10_000, { a: 50_000_000 }, 10_001]);
  });
  test('the page shows as many as a table holds', async () => {
    worked = 0;
    expect(await get('/', view)).toContain('49999000 more');
    expect(worked).toBe(1001);
  });
});
