// Counters that are sampled here, as the API and the page tell them.

import { expect, test } from 'vitest';
import type { AgentView } from '../../../src/web/view.ts';
import { fakeView, startTestServer } from './fake-agent.ts';

async function get(path: string, view: Partial<AgentView> = {}): Promise<string> {
  const { base, server } = await startTestServer(view);
  try {
    return await (await fetch(base + path)).text();
  } finally {
    await server.close();
  }
}

const roce = async (view: Partial<AgentView> = {}) => (JSON.parse(await get('/api/v1/status/roce', view)) as { data: unknown }).data;

/** The page as text: tags become spaces. */
const page = async (view: Partial<AgentView> = {}) => (await get('/', view)).replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');

const state = fakeView.roce()!;

test('the API has the sampler, its ports with peaks, its sources and what is wrong', async () => {
  expect(await roce()).toMatchObject({
    isEnabled: true, sampler: 'native', policy: 'fifo', missedTicks: 6, lastWindowTime: '2026-01-02T00:00:00Z', problems: [expect.stringContaining('VL15_dropped: EINVAL')],
    ports: [
      { device: 'mlx5_0', port: 1, lineRate: 50e9, peaks: [{ direction: 'receive', bytesPerSecond: 45e9, share: 0.9, time: '2026-01-01T23:59:58.5Z', bursts: 3 }, { direction: 'transmit' }], unreadable: [{ name: 'VL15_dropped' }] },
      { device: 'veth0', peaks: [] },
    ],
    sources: [{ source: 'mlx5_0/1 port_data', effectiveIntervalSeconds: 0.001, readP99Seconds: 0.00003, refreshSeconds: 0 }, { source: 'eth0 ethtool', thread: 'slow' }],
  });
});

test('a refresh that was not seen is absent', async () => expect((await roce() as { sources: object[] }).sources[1]).not.toHaveProperty('refreshSeconds'));
test('before the first window there is no time of one', async () => expect(await roce({ roce: () => ({ ...state, lastWindowMs: undefined }) })).toMatchObject({ lastWindowTime: '0001-01-01T00:00:00Z' }));
test('where nothing is asked for it says so', async () => expect(await roce({ roce: () => undefined })).toEqual({ isEnabled: false }));

test('the page has ports, sources and what is wrong', async () => {
  const text = await page();
  expect(text).toMatch(/RoCE counters \(2 ports\) The native sampler, scheduled as fifo: 12,345 ticks, 6 missed; 2 captures; the last window ended \d+ d \d+ h ago\. counters that cannot be read/);
  expect(text).toContain('mlx5_0/1 eth0 mlx5_core 400 Gb/s 42, 1 unreadable 41.9 GiB/s (90 %), 3 bursts 0 B/s (0 %)');
  expect(text).toContain('veth0 veth0 not known 24 - -');
  expect(text).toContain('mlx5_0/1 port_data 2 1 ms 0.012 ms, 0.03 ms each reading 12,000 eth0 ethtool 20 200 ms 1.2 ms, 2 ms - 60, 4 numbers missing');
});

test('the page says why the native sampler does not run', async () =>
  expect(await page({ roce: () => ({ ...state, sampler: 'typescript', reason: 'TRIBUTARY_NATIVE=0' }) })).toContain('The sampler in TypeScript (TRIBUTARY_NATIVE=0): 12,345 ticks'));
test('the page says when nothing is found', async () => expect(await page({ roce: () => ({ ...state, sampler: 'none', ports: [], sources: [], problems: [] }) })).toContain('RoCE counters (0 ports) Nothing is sampled.'));
test('where nothing is asked for the page has no such part', async () => expect(await page({ roce: () => undefined })).not.toContain('RoCE'));
test('names are escaped', async () => expect(await get('/', { roce: () => ({ ...state, ports: [{ ...state.ports[0]!, device: '<b>' }] }) })).toContain('&lt;b&gt;/1'));
