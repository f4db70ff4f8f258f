// Whatever happens to a cluster, and in whatever order: what the provider has told group by group is what a fresh one would tell. Every role, with
// and without attached objects, random objects that come, change and go. Repeat a run with TEST_SEED.

import { expect, test } from 'vitest';
import type { DiscoverySettings } from '../../discovery/config.ts';
import type { TargetGroup } from '../../discovery/discovery.ts';
import { createProvider } from '../../discovery/provider.ts';
import type { Kind } from '../../src/kubernetes/objects.ts';
import { groupsOf, plainGroups, settingsOf } from '../support/kubernetes/discovered.ts';
import type { PlainGroups } from '../support/kubernetes/discovered.ts';
import { MemoryCluster } from '../support/kubernetes/memory-cluster.ts';
import { randomObject } from '../support/kubernetes/random-objects.ts';
import { calls, dependencies, manualClock } from '../unit/discovery/helpers.ts';
import { seeded, testSeed } from '../unit/exposition/collecting-sink.ts';

const seed = testSeed();
const RUNS = 4;
const MOMENTS = 50;

const everything = { node: true, namespace: true, deployment: true, job: true, cronjob: true };
const entries = ['pod', 'service', 'endpoints', 'endpointslice', 'node', 'ingress'].flatMap((role) => [
  { role },
  { role, attach_metadata: everything },
  { role, namespaces: { names: ['shop'] }, selectors: [{ role, label: 'app!=db' }], attach_metadata: everything },
]);

const removable: readonly Kind[] = ['pods', 'services', 'endpoints', 'endpointslices', 'nodes', 'ingresses', 'namespaces', 'replicasets', 'jobs'];

/** Some objects appear or change, some vanish, some do both within one moment. */
function happen(cluster: MemoryCluster, random: () => number): void {
  for (let events = 1 + random() * 8; events > 0; events--) {
    if (random() < 0.7) cluster.put(randomObject(random));
    else cluster.removeSome(removable[Math.floor(random() * removable.length)]!, random());
  }
}

/** A provider that has been told everything from the start, with what it told. */
async function follow(settings: DiscoverySettings, cluster: MemoryCluster) {
  const clock = manualClock();
  const provider = createProvider(settings, { ...dependencies(clock), kubernetes: cluster });
  const seen = calls();
  const told = new Map<string, TargetGroup>();
  const take = (groups: readonly TargetGroup[]) => {
    for (const group of groups) told.set(group.source, group);
  };
  provider.start(seen.sink);
  take(await seen.next());
  const groups = async () => {
    clock.advance(1000);
    while (seen.waiting.length > 0) take(await seen.next());
    return plainGroups([...told.values()]);
  };
  return { groups, stop: () => provider.stop() };
}

/** What jobs see: a group without targets is none. */
function withTargets(groups: PlainGroups): PlainGroups {
  return Object.fromEntries(Object.entries(groups).filter(([, { targets }]) => targets.length > 0));
}

test.each(entries)(`%j, seed ${seed}`, async (entry) => {
  const settings = settingsOf(entry);
  for (let run = 0; run < RUNS; run++) {
    const random = seeded(seed + run);
    const cluster = new MemoryCluster();
    happen(cluster, random);
    const followed = await follow(settings, cluster);
    for (let moment = 0; moment < MOMENTS; moment++) {
      happen(cluster, random);
      expect(withTargets(await followed.groups()), `run ${run}, moment ${moment}`).toEqual(withTargets(await groupsOf(settings, cluster)));
    }
    await followed.stop();
  }
});
