// What target groups do over time: one rule a file in test/fixtures/kubernetes, whose README tells what stands in them.

import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Provider, TargetGroup } from '../../discovery/discovery.ts';
import { createProvider } from '../../discovery/provider.ts';
import type { Kind } from '../../src/kubernetes/objects.ts';
import { settingsOf } from '../support/kubernetes/discovered.ts';
import { MemoryCluster } from '../support/kubernetes/memory-cluster.ts';
import type { RawObject } from '../support/kubernetes/memory-cluster.ts';
import { calls, dependencies, manualClock } from '../unit/discovery/helpers.ts';

/** Per source its targets, each with some of its labels; null for one that must be absent. */
type Told = Readonly<Record<string, readonly Readonly<Record<string, string | null>>[]>>;

interface Step {
  readonly put?: readonly RawObject[];
  readonly remove?: readonly string[];
  readonly told: Told;
}

interface Golden {
  readonly rule: string;
  readonly config: object;
  readonly start: readonly RawObject[];
  readonly first: Told;
  readonly steps: readonly Step[];
}

const folder = new URL('../fixtures/kubernetes/', import.meta.url);
const goldens = readdirSync(folder)
  .filter((name) => name.endsWith('.yml'))
  .map((name) => ({ name, ...(parse(readFileSync(new URL(name, folder), 'utf8'), { merge: true }) as Golden) }));

const providers: Provider[] = [];
afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.stop();
});

function start({ config, start: objects }: Golden) {
  const cluster = new MemoryCluster(objects, { ownNamespace: 'own-ns' });
  const clock = manualClock();
  const provider = createProvider(settingsOf(config), { ...dependencies(clock), kubernetes: cluster });
  providers.push(provider);
  const seen = calls();
  provider.start(seen.sink);
  return { cluster, clock, seen };
}

/** What was told, cut down to the labels that `wanted` names. */
function shownLike(groups: readonly TargetGroup[], wanted: Told): Told {
  return Object.fromEntries(groups.map((group) => [group.source, group.targets.map((_, index) => labelsLike(group, index, wanted[group.source]?.[index] ?? {}))]));
}

function labelsLike({ labels, targets }: TargetGroup, index: number, wanted: object): Record<string, string | null> {
  const all = new Map([...labels, ...targets[index]!]);
  return Object.fromEntries(Object.keys(wanted).map((name) => [name, all.get(fullName(name)) ?? null]));
}

function fullName(name: string): string {
  if (name === 'instance') return name;
  return name === 'address' ? '__address__' : `__meta_kubernetes_${name}`;
}

function happen(cluster: MemoryCluster, { remove = [], put = [] }: Step): void {
  for (const path of remove) {
    const slash = path.indexOf('/');
    cluster.remove(path.slice(0, slash) as Kind, path.slice(slash + 1));
  }
  for (const object of put) cluster.put(object);
}

describe('target groups over time', () => {
  test.each(goldens)('$name: $rule', async (golden) => {
    const { cluster, clock, seen } = start(golden);
    const first = await seen.next();
    expect(shownLike(first, golden.first)).toEqual(golden.first);
    for (const step of golden.steps) {
      happen(cluster, step);
      clock.advance(1000);
      const groups = seen.waiting.length === 0 ? [] : await seen.next();
      expect(shownLike(groups, step.told)).toEqual(step.told);
      expect(groups.map((group) => group.targetCount)).toEqual(groups.map((group) => group.targets.length));
      expect(seen.waiting).toEqual([]);
    }
  });
});
