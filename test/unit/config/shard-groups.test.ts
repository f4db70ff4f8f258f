// tributary.shard_groups: what is read, and what is refused where it stands.

import { describe, expect, test } from 'vitest';
import { choicesOf } from '../../../src/route/shards/config.ts';
import { indent, loaded, problems } from './helper.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => `vm-${i + 1}`);
const head = (count: number) => `remote_write:\n${['user', ...names(count)].map((name) => `- {name: ${name}, url: "http://${name}/"}\n`).join('')}`;
const config = (lines: string, count = 3) => `${head(count)}tributary:\n${indent(lines, 2)}\n`;
const list = (count: number) => `[${names(count).join()}]`;

describe('what is read', () => {
  test('without the block there are none', () => expect(loaded(head(1)).settings.shardGroups).toEqual([]));
  test('members, labels and copies', () => {
    expect(loaded(config('shard_groups: {storage: {members: [vm-1, vm-3], shard_by: [instance, job], replication_factor: 2}}')).settings.shardGroups).toEqual([
      { name: 'storage', members: ['vm-1', 'vm-3'], shardBy: ['instance', 'job'], ignoreLabels: [], replicationFactor: 2 },
    ]);
  });
  test('all labels and one copy where nothing is said', () => {
    expect(loaded(config('shard_groups: {storage: {members: [vm-1]}}')).settings.shardGroups[0]).toMatchObject({ shardBy: [], ignoreLabels: [], replicationFactor: 1 });
  });
  test('its name stands in routes, policies and unowned', () => {
    const text = config('shard_groups: {storage: {members: [vm-1, vm-2]}}\nrouting: {unowned: [storage], jobs: {j: {without_pod: [storage]}}, routes: [{to: [storage, vm-3]}]}');
    expect(loaded(text).settings.routing!.routes[0]!.to).toEqual(['storage', 'vm-3']);
  });
});

describe('what is refused', () => {
  const group = (own: string) => `shard_groups: {storage: {${own}}}`;
  test.each([
    ['a member that does not exist', group('members: [vm-1, vm-9]'), 'tributary.shard_groups.storage.members: no remote_write is named "vm-9", the nearest name is vm-1'],
    ['no member', group('members: []'), '0 members are out of range, expected 1 to 100'],
    ['a member twice', group('members: [vm-1, vm-1]'), '"vm-1" stands there twice'],
    ['a member of two groups', 'shard_groups: {a: {members: [vm-1, vm-2]}, b: {members: [vm-2, vm-3]}}', 'tributary.shard_groups.b.members: "vm-2" is a member of a as well'],
    ['more copies than members', group('members: [vm-1, vm-2], replication_factor: 3'), 'replication_factor 3 is out of range, expected 1 to the number of members, 2'],
    ['no copy', group('members: [vm-1], replication_factor: 0'), 'replication_factor 0 is out of range'],
    ['labels and all but some', group('members: [vm-1], shard_by: [a], ignore_labels: [b]'), 'ignore_labels stands beside shard_by'],
    ['the name of a destination', 'shard_groups: {user: {members: [vm-1]}}', 'a remote_write is named "user"'],
    ['a word of routes', 'shard_groups: {owner: {members: [vm-1]}}', '"owner" has a meaning of its own in routes'],
    ['members of different owners', `destinations: {vm-1: {owner: a}}\n${group('members: [vm-1, vm-2]')}`, 'the members have different owners (a, none)'],
    ['a route to a member alone', `${group('members: [vm-1, vm-2]')}\nrouting: {routes: [{to: [vm-1]}]}`, '"vm-1" is a member of the shard group storage, expected storage'],
    ['a group that does not exist', `${group('members: [vm-1]')}\nrouting: {routes: [{to: [storag]}]}`, 'no remote_write is named "storag", the nearest name is storage'],
    ['an unknown key', group('members: [vm-1], replicas: 2'), 'replicas'],
  ])('%s', (_what, lines, expected) => expect(problems(config(lines)).join('\n')).toContain(expected));
  test('more choices than a target should have images', () => {
    expect(problems(config(group(`members: ${list(21)}, replication_factor: 2`), 21)).join()).toContain('can be chosen in more than 200 ways');
    expect(problems(config(group(`members: ${list(20)}, replication_factor: 2`), 20))).toEqual([]);
  });
  test('more choices of all groups together', () => {
    const three = names(60).reduce<string[][]>((all, name, i) => (i % 20 === 0 ? [...all, [name]] : [...all.slice(0, -1), [...all.at(-1)!, name]]), []);
    const groups = three.map((some, i) => `g${i}: {members: [${some.join()}], replication_factor: 2}`);
    expect(problems(config(`shard_groups: {${groups.join(', ')}}`, 60)).join()).toContain('chosen in 6859000 ways together');
  });
});

test.each([[3, 1, 3], [3, 3, 1], [20, 2, 190], [20, 18, 190], [21, 2, Infinity], [100, 50, Infinity], [100, 1, 100]])('%i members, %i at a time: %d choices', (members, factor, expected) => {
  expect(choicesOf(members, factor)).toBe(expected);
});
