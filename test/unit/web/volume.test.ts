// How much comes from whom, as the API and the page tell it: the largest first, and the others together.

import { expect, test } from 'vitest';
import type { VolumeRow } from '../../../src/series/volume.ts';
import type { AgentView } from '../../../src/web/view.ts';
import { startTestServer } from './fake-agent.ts';

async function get(path: string, view: Partial<AgentView> = {}): Promise<string> {
  const { base, server } = await startTestServer(view);
  try {
    return await (await fetch(base + path)).text();
  } finally {
    await server.close();
  }
}

async function volume(view: Partial<AgentView> = {}): Promise<unknown> {
  return (JSON.parse(await get('/api/v1/status/volume', view)) as { data: unknown }).data;
}

/** The page as text: tags become spaces. */
const page = async (view: Partial<AgentView> = {}) => (await get('/', view)).replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');

const none = { count: 0, series: 0, samplesPerSecond: 0, bytesPerSecond: 0 };
const row = (name: string): VolumeRow => ({ name, targets: 1, series: 2, samplesPerSecond: 0.5, bytesPerSecond: 4 });
const many = (count: number): Partial<AgentView> => ({
  volume: () => ({ jobs: [row('j')], namespaces: Array.from({ length: count }, (_, i) => row(`n${i}`)), owners: Array.from({ length: count }, (_, i) => row(`o${i}`)) }),
});

test('jobs and namespaces have targets, series, samples and bytes', async () => {
  expect(await volume()).toEqual({
    jobs: {
      top: [{ job: 'cadvisor', targets: 2, series: 1500, samplesPerSecond: 151, bytesPerSecond: 2048 }, { job: 'web', targets: 1, series: 20, samplesPerSecond: 2.5, bytesPerSecond: 64 }],
      others: none,
    },
    namespaces: {
      top: [{ namespace: 'hero-user-a', targets: 2, series: 1100, samplesPerSecond: 110, bytesPerSecond: 1500 }, { namespace: '', targets: 1, series: 420, samplesPerSecond: 42, bytesPerSecond: 612 }],
      others: none,
    },
  });
});

test('beyond a thousand rows the rest is one sum', async () => {
  const { namespaces } = (await volume(many(1003))) as { namespaces: { top: object[]; others: object } };
  expect(namespaces.top).toHaveLength(1000);
  expect(namespaces.others).toEqual({ count: 3, series: 6, samplesPerSecond: 1.5, bytesPerSecond: 12 });
});

test('the page has jobs, namespaces and owners by samples', async () => {
  const text = await page();
  expect(text).toContain('Owners (4) Owner Destinations Pods Series Samples a master-a 2 1,100 110 samples/s far - 0 5 0.5 samples/s gone - 0 0 0 samples/s new master-n 0 0 0 samples/s');
  expect(text).toContain('Job Targets Series Samples To the queue cadvisor 2 1,500 151 samples/s 2.0 KiB/s web 1 20 2.5 samples/s 64 B/s');
  expect(text).toContain('Namespace Targets Series Samples To the queue hero-user-a 2 1,100 110 samples/s 1.5 KiB/s none 1 420 42 samples/s 612 B/s');
});

test('the page shows twenty rows, and how many there are', async () => {
  const text = await page({ ...many(25), owners: () => undefined, ownerDestinations: () => new Map() });
  expect(text).toContain('n19 1 2 0.5 samples/s 4 B/s 5 others 10 2.5 samples/s 20 B/s');
  expect(text).not.toContain('n20');
  expect(text).toContain('5 more: see /api/v1/status/owners.');
});

test('outside Kubernetes there are jobs alone, and before any target nothing', async () => {
  const plain = await page({ owners: () => undefined, ownerDestinations: () => new Map(), volume: () => ({ jobs: [row('j')], namespaces: [row('')], owners: [row('')] }) });
  expect(plain).toContain('Volume Job Targets');
  expect(plain).not.toMatch(/Namespace Targets|Owners \(/);
  expect(await page({ volume: () => ({ jobs: [], namespaces: [], owners: [] }) })).not.toContain('Volume');
});

test('names are escaped', async () => expect(await get('/', { volume: () => ({ jobs: [row('<b>')], namespaces: [], owners: [] }) })).toContain('&lt;b&gt;'));
