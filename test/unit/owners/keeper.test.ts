// The owner index with the real client against the fake API server: what comes over the network, an API server that is away, a start without it, and reloads.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOwnersKeeper } from '../../../src/owners/keeper.ts';
import type { OwnersKeeper } from '../../../src/owners/keeper.ts';
import type { OwnerIndex } from '../../../src/owners/owners.ts';
import { createOwnersMetrics } from '../../../src/owners/owners-metrics.ts';
import type { OwnersMetrics } from '../../../src/owners/owners-metrics.ts';
import type { OwnersPlan } from '../../../src/owners/plan.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import type { Metrics } from '../../../src/telemetry/metrics.ts';
import { createSimulatedDisk } from '../../support/sim/disk.ts';
import { advanceUntil, createWorld, until, urlSettings } from '../kubernetes/helpers.ts';
import type { World } from '../kubernetes/helpers.ts';

let world: World;
let metrics: Metrics;
let shown: OwnersMetrics;
let disk = createSimulatedDisk();
const keepers: OwnersKeeper[] = [];

beforeEach(async () => {
  world = await createWorld();
  metrics = createMetrics();
  shown = createOwnersMetrics(metrics);
  disk = createSimulatedDisk();
  disk.makeFolder('/data');
});
afterEach(async () => {
  for (const keeper of keepers.splice(0)) await keeper.stop();
  await world.close();
});

function keep(): OwnersKeeper {
  const keeper = createOwnersKeeper({ path: '/data', disk, clock: world.clock, logger: silentLogger, metrics: shown, kubernetes: world.kubernetes });
  keepers.push(keeper);
  return keeper;
}

const planOf = (more: Partial<OwnersPlan> = {}): OwnersPlan => ({
  podLabel: 'cluster_id', namespace: 'hero-user-(.+)', followsLabels: false, tombstoneMs: 600_000, kind: 'podmetadata', waitMs: 15_000, server: urlSettings(world.server.url), ...more,
});

function put(namespace: string, name: string, owner?: string, more: { readonly node?: string; readonly phase?: string; readonly uid?: string } = {}): void {
  world.server.put({
    kind: 'Pod',
    metadata: { name, namespace, uid: more.uid ?? `uid-${name}`, labels: { app: 'x', ...(owner !== undefined && { cluster_id: owner }) } },
    spec: { containers: [{ name: 'main', image: 'img:1' }], ...(more.node !== undefined && { nodeName: more.node }) },
    status: { phase: more.phase ?? 'Running' },
  });
}

const answer = (index: OwnerIndex, namespace: string, name: string) => {
  const entry = index.pod(namespace, name);
  return `${index.state(entry)} ${index.owner(entry) ?? '-'}`;
};
const isComplete = (keeper: OwnersKeeper) => () => keeper.state()!.isComplete;
const askedFor = (resource: string) => world.server.requests.filter((one) => one.resource === resource);

describe('from the API server', () => {
  test.each(['podmetadata', 'pods'] as const)('owners come by %s', async (kind) => {
    put('x', 'p', 'a');
    put('x', 'q');
    const keeper = keep();
    const index = keeper.apply(planOf({ kind }))!;
    expect(answer(index, 'x', 'p')).toBe('unresolved -');
    await until(isComplete(keeper));
    expect([answer(index, 'x', 'p'), answer(index, 'x', 'q'), answer(index, 'x', 'r')]).toEqual(['known a', 'known -', 'unresolved -']);
    put('x', 'r', 'b');
    await until(() => answer(index, 'x', 'r') === 'known b');
    world.server.remove('pods', 'x', 'r');
    await until(() => answer(index, 'x', 'r') === 'tombstone b');
  });

  test('whole pods tell the owners of nodes', async () => {
    put('x', 'p', 'a', { node: 'n1' });
    put('hero-user-b', 'q', undefined, { node: 'n1' });
    put('x', 'r', 'c', { node: 'n1', phase: 'Succeeded' });
    const keeper = keep();
    const index = keeper.apply(planOf({ kind: 'pods' }))!;
    await until(isComplete(keeper));
    expect(index.owners(index.node('n1'))).toEqual(['a', 'b']);
  });

  test('more pods than are taken in one turn all come', async () => {
    for (let i = 0; i < 5100; i++) put('x', `p${i}`, `o${i % 3}`);
    const keeper = keep();
    keeper.apply(planOf());
    await until(isComplete(keeper));
    expect(keeper.state()).toMatchObject({ source: 'podmetadata', pods: 5100, owners: [{ owner: 'o0', pods: 1700 }, { owner: 'o1', pods: 1700 }, { owner: 'o2', pods: 1700 }] });
  });

  test('nothing is asked for where namespaces are enough', () => {
    const keeper = keep();
    const index = keeper.apply(planOf({ podLabel: undefined, kind: undefined }))!;
    expect([index.ownerOfNamespace('hero-user-a'), index.ownerOfNamespace('x'), keeper.state()!.source]).toEqual(['a', undefined, 'namespaces']);
    expect(world.server.requests).toEqual([]);
  });
});

describe('an API server that is away', () => {
  test('changes no answer; afterwards what is gone is a tombstone, and a name that came back is another pod', async () => {
    for (const name of ['stays', 'goes', 'again']) put('x', name, 'a');
    const keeper = keep();
    const index = keeper.apply(planOf())!;
    await until(isComplete(keeper));
    const old = index.pod('x', 'again', 'uid-again');
    world.server.down();
    await until(() => world.kubernetes.state()[0]!.state === 'stale');
    world.server.remove('pods', 'x', 'goes');
    world.server.remove('pods', 'x', 'again');
    put('x', 'again', 'b', { uid: 'uid-2' });
    world.server.compact();
    expect(['stays', 'goes', 'again'].map((name) => answer(index, 'x', name))).toEqual(['known a', 'known a', 'known a']);
    world.server.up();
    await advanceUntil(world.clock, () => answer(index, 'x', 'goes') === 'tombstone a');
    expect([answer(index, 'x', 'stays'), answer(index, 'x', 'again'), index.state(old), index.owner(old)]).toEqual(['known a', 'known b', 'tombstone', 'a']);
  });

  test('a start without it answers as before, from the snapshot', async () => {
    put('x', 'p', 'a', { node: 'n1' });
    put('x', 'q', 'b', { node: 'n1' });
    const first = keep();
    const before = first.apply(planOf({ kind: 'pods' }))!;
    await until(isComplete(first));
    world.server.remove('pods', 'x', 'q');
    await until(() => answer(before, 'x', 'q') === 'tombstone b');
    await first.stop();
    world.server.down();
    put('x', 'r', 'c');
    const second = keep();
    const index = second.apply(planOf({ kind: 'pods' }))!;
    expect([answer(index, 'x', 'p'), answer(index, 'x', 'q'), answer(index, 'x', 'r'), index.owners(index.node('n1'))]).toEqual(['known a', 'tombstone b', 'unresolved -', ['a']]);
    world.server.remove('pods', 'x', 'p');
    world.server.up();
    await advanceUntil(world.clock, isComplete(second));
    expect([answer(index, 'x', 'p'), answer(index, 'x', 'r')]).toEqual(['tombstone a', 'known c']);
  });

  test('a snapshot that is damaged is as good as none, and counted', async () => {
    put('x', 'p', 'a');
    const first = keep();
    first.apply(planOf());
    await until(isComplete(first));
    await first.stop();
    disk.files.get('/data/owners.snapshot')![50]! ^= 1;
    const second = keep();
    const index = second.apply(planOf())!;
    expect(answer(index, 'x', 'p')).toBe('unresolved -');
    await until(isComplete(second));
    expect(answer(index, 'x', 'p')).toBe('known a');
    expect(await metrics.text()).toContain('tributary_owners_snapshot_failures_total{reason="damaged"} 1');
  });
});

describe('a reload', () => {
  test('that asks the same goes on with the same index', () => {
    const keeper = keep();
    expect(keeper.apply(planOf())).toBe(keeper.apply(planOf()));
  });

  test('that watches more takes over what is known, first owners included', async () => {
    put('x', 'p', 'a');
    const keeper = keep();
    keeper.apply(planOf());
    await until(isComplete(keeper));
    put('x', 'p', 'b');
    world.server.down();
    const index = keeper.apply(planOf({ kind: 'pods' }))!;
    expect(answer(index, 'x', 'p')).toBe('known a');
    world.server.up();
    await advanceUntil(world.clock, isComplete(keeper));
    expect(answer(index, 'x', 'p')).toBe('known a');
  });

  test('that changes no watch asks the API server nothing', async () => {
    put('x', 'p', 'a');
    const keeper = keep();
    keeper.apply(planOf());
    await until(isComplete(keeper));
    const asked = askedFor('pods').length;
    keeper.apply(planOf({ tombstoneMs: 1000 }));
    await until(isComplete(keeper));
    expect(askedFor('pods').length).toBe(asked);
  });

  test('without routing ends the watch and shows nothing', async () => {
    put('x', 'p', 'a');
    const keeper = keep();
    keeper.apply(planOf());
    await until(isComplete(keeper));
    shown.show(keeper.state());
    expect(await metrics.text()).toContain('tributary_owners_owner_pods{owner="a"} 1');
    expect(keeper.apply(undefined)).toBeUndefined();
    shown.show(keeper.state());
    expect([await metrics.text(), keeper.state()]).toEqual([expect.not.stringContaining('owner="a"'), undefined]);
    await until(() => world.server.openStreams('pods') === 0);
  });
});
