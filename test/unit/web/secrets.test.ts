// No password of the configuration is on a page, in an answer of the API or in a metric, also when the error that is shown speaks of the URL.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startAgent } from '../../../src/agent.ts';
import type { Agent } from '../../../src/agent.ts';
import { buildInfo } from '../../../src/cli/build-info.ts';
import { parseCommandLine } from '../../../src/cli/flags.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';

/** Nothing listens on port 1: the target is down, and its `up` cannot be delivered. */
const yaml = `
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs: [{job_name: j, basic_auth: {username: u, password: hunter-scrape}, static_configs: [{targets: ['127.0.0.1:1']}]}]
remote_write:
  - {name: a, url: 'http://user:hunter-url@127.0.0.1:1/w'}
  - {name: b, url: 'http://127.0.0.1:1/w', basic_auth: {username: u, password: hunter-basic}}
  - {name: c, url: 'http://127.0.0.1:1/w', authorization: {credentials: hunter-bearer}}
tributary:
  destinations:
    a: {endpoints: ['http://user:hunter-endpoint@127.0.0.1:1/w']}
`;

let folder: string;
let agent: Agent;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-secrets-'));
  writeFileSync(join(folder, 'c.yml'), yaml);
  const command = parseCommandLine([
    `--config.file=${join(folder, 'c.yml')}`, `--storage.agent.path=${join(folder, 'data')}`, '--web.listen-address=127.0.0.1:0', '--storage.remote.flush-deadline=1s',
  ]);
  if (command.kind !== 'run') throw new Error(JSON.stringify(command));
  agent = await startAgent({ flags: command.flags, build: buildInfo, logger: silentLogger, startedMs: 0, requestQuit: () => undefined });
});
afterAll(async () => {
  await agent.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function get(path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${agent.addresses[0]!.port}${path}`)).text();
}

interface Status {
  readonly data: { readonly destinations: readonly { readonly lastError: string; readonly endpoints: readonly { readonly url: string }[] }[] };
}

test('passwords are shown nowhere', async () => {
  const { data } = await vi.waitFor(async () => {
    const status = JSON.parse(await get('/api/v1/status/destinations')) as Status;
    expect(status.data.destinations.map(({ lastError }) => lastError)).toEqual(Array.from({ length: 3 }, () => expect.stringContaining('refused') as string));
    return status;
  }, { timeout: 20_000, interval: 50 });
  expect(data.destinations[0]?.endpoints.map(({ url }) => url)).toEqual(['http://user:xxxxx@127.0.0.1:1/w', 'http://user:xxxxx@127.0.0.1:1/w']);
  for (const path of ['/', '/config', '/flags', '/metrics', '/api/v1/targets', '/api/v1/status/config', '/api/v1/status/destinations']) {
    const body = await get(path);
    expect(body.length, path).toBeGreaterThan(100);
    expect(body, path).not.toContain('hunter');
  }
}, 30_000);
