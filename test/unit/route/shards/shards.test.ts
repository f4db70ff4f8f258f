// Shard groups in routes: which words lead to them, which labels choose members, and what a group does to everything beside it.

import { describe, expect, test } from 'vitest';
import type { RoutingSettings } from '../../../../src/route/config.ts';
import { createRouter } from '../../../../src/route/router.ts';
import type { RouteTable } from '../../../../src/route/router.ts';
import type { ShardGroupSettings } from '../../../../src/route/shards/config.ts';
import { ShardGroup } from '../../../../src/route/shards/shards.ts';
import { TestOwners } from '../../../support/owners.ts';
import { route, routing } from '../routing.ts';

const members = ['vm-1', 'vm-2', 'vm-3'];
const group = (own: Partial<ShardGroupSettings> = {}): ShardGroupSettings => ({ name: 'storage', members, shardBy: [], ignoreLabels: [], replicationFactor: 1, ...own });
const destinations = [...members.map((name) => ({ name, owner: 'a' })), { name: 'other', owner: 'b' }, { name: 'user' }];

function table(routes: RoutingSettings | undefined, own: Partial<ShardGroupSettings> = {}): RouteTable {
  return createRouter({ routing: routes, destinations, shardGroups: [group(own)], index: new TestOwners({ namespace: /^u-(.+)$/, hasPods: false }) });
}

function destinationsOf(router: RouteTable, labels: Readonly<Record<string, string>>): string[] {
  const page = new Map(Object.entries(labels));
  const target = router.open({ job: 'cadvisor', labels: [], provenance: new Map(), honorLabels: true });
  target.notePage(page);
  return target.decide(page).set.legs.map(({ name }) => name);
}

/** The chosen members as one word, so that a case can say what stands beside them. */
const shown = (names: readonly string[], wanted: readonly string[]) => names.map((name) => (wanted.includes(name) ? 'shard' : name));

describe('where routes lead', () => {
  const a = { __name__: 'm', namespace: 'u-a' };
  const only = [...new ShardGroup(group()).choose(new Map(Object.entries(a))).members];

  test.each<readonly [string, RoutingSettings | undefined, Readonly<Record<string, string>>, string[]]>([
    ['without routes the group is one destination among others', undefined, a, ['shard', 'other', 'user']],
    ['a block without routes changes nothing about that', routing([]), a, ['shard', 'other', 'user']],
    ['its name', routing([route(['storage'])]), a, ['shard']],
    ['its name among others', routing([route(['user', 'storage'])]), a, ['shard', 'user']],
    ['the owner of its members', routing([route(['owner'])]), a, ['shard']],
    ['another owner', routing([route(['owner'])]), { ...a, namespace: 'u-b' }, ['other']],
    ['all', routing([route(['all'])]), a, ['shard', 'other', 'user']],
    ['routes that go on', routing([route(['user'], [], { continue: true }), route(['storage'])]), a, ['shard', 'user']],
  ])('%s', (_what, routes, labels, expected) => {
    const wanted = labels === a ? only : [];
    expect(shown(destinationsOf(table(routes), labels), wanted)).toEqual(expected);
  });

  test('owners without a destination', () => {
    const found = destinationsOf(table(routing([route(['owner'])], { unowned: ['storage'] })), { __name__: 'm', namespace: 'u-z' });
    expect([found.length, members.includes(found[0]!)]).toEqual([1, true]);
  });
  test('policies of jobs', () => {
    const found = destinationsOf(table(routing([route(['owner'])], { jobs: [{ withoutPod: ['storage'] }] })), { __name__: 'm' });
    expect([found.length, members.includes(found[0]!)]).toEqual([1, true]);
  });
  test('a budget is that of the route, whichever member', () => {
    const router = table(routing([route(['storage'], [], { samplesPerSecond: 5 })]), { replicationFactor: 2 });
    const target = router.open({ job: 'j', labels: [], provenance: new Map(), honorLabels: true });
    const budgets = new Set(['m', 'n', 'o'].flatMap((name) => target.decide(new Map([['__name__', name]])).set.legs.map(({ budget }) => budget?.id)));
    expect([budgets.size, budgets.has(undefined)]).toEqual([1, false]);
  });
  test('equal answers are one object, so that their series share an image', () => {
    const target = table(undefined).open({ job: 'j', labels: [], provenance: new Map(), honorLabels: true });
    const sets = new Set(Array.from({ length: 200 }, (_, i) => target.decide(new Map([['i', String(i)]])).set));
    expect(sets.size).toBe(members.length);
  });
  test('health series: the group as a whole is known, and each has its share', () => {
    const router = table(undefined);
    const whole = router.setOf(['user', 'vm-2']);
    expect(whole.legs.map(({ name }) => name)).toEqual([...members, 'user']);
    expect(router.share(whole, new Map([['__name__', 'up']])).legs.length).toBe(2);
  });
});

describe('labels that choose', () => {
  const keyOf = (own: Partial<ShardGroupSettings>, labels: Readonly<Record<string, string>>) => new ShardGroup(group(own)).keyLabels(new Map(Object.entries(labels)));
  const labels = { __name__: 'm', pod: 'p', instance: 'i', __replica__: 'r0', empty: '' };

  test.each<readonly [string, Partial<ShardGroupSettings>, [string, string][]]>([
    ['all, but for hidden and empty ones', {}, [['__name__', 'm'], ['instance', 'i'], ['pod', 'p']]],
    ['all but some', { ignoreLabels: ['pod', '__name__'] }, [['instance', 'i']]],
    ['some', { shardBy: ['pod', 'instance', 'absent'] }, [['instance', 'i'], ['pod', 'p']]],
    ['a hidden one that is asked for', { shardBy: ['__replica__'] }, [['__replica__', 'r0']]],
  ])('%s', (_what, own, expected) => expect(keyOf(own, labels)).toEqual(expected));
});
