// `/api/v1/route`: the question and the answer; what the answer says is tested beside the rules (test/unit/route, test/unit/cli/check-route.test.ts).

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer } from './fake-agent.ts';
import type { TestServer } from './fake-agent.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.server.close());

async function ask(series: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${server.base}/api/v1/route?series=${encodeURIComponent(series)}`);
  return { status: answer.status, body: await answer.json() };
}

test('tells the way of a series', async () => {
  const { status, body } = await ask('up{job="x"}');
  expect([status, body]).toEqual([200, { status: 'success', data: expect.objectContaining({ destinations: ['master-a'], unrouted: null }) as unknown }]);
});
test.each(['', '{', '{a!="b"}'])('refuses %j', async (series) => expect((await ask(series)).status).toBe(400));
