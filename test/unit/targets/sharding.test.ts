import { describe, expect, test } from 'vitest';
import type { Labels } from '../../../src/model/labels.ts';
import { createSharding, describeOwners } from '../../../src/targets/sharding.ts';

const owners = (members: number, replicationFactor: number, labels: Labels) => createSharding({ members, member: 0, replicationFactor })!.owners(labels);
const pod = (i: number): Labels => [['instance', `10.0.${i >> 8}.${i & 255}:9100`], ['job', 'node']];

describe('sharding', () => {
  test('one member is no sharding', () => expect(createSharding({ members: 1, member: 0, replicationFactor: 1 })).toBeUndefined());

  // Members of different versions run side by side during an update: these must never change.
  test.each<[Labels, number, number, number[]]>([
    [[], 3, 1, [2]],
    [[['instance', '10.0.0.1:9100'], ['job', 'node']], 4, 1, [1]],
    [[['instance', '10.0.0.2:9100'], ['job', 'node']], 4, 2, [2, 3]],
    [[['instance', 'é😀'], ['job', 'x']], 7, 3, [0, 2, 5]],
  ])('golden: %j among %i, %i times', (labels, members, factor, expected) => expect(owners(members, factor, labels)).toEqual(expected));

  test('every target has as many owners as the factor says, and each member knows which', () => {
    for (let i = 0; i < 200; i++) {
      const all = owners(5, 2, pod(i));
      expect(new Set(all).size).toBe(2);
      const knowing = [0, 1, 2, 3, 4].filter((member) => createSharding({ members: 5, member, replicationFactor: 2 })!.owns(pod(i)));
      expect(knowing).toEqual(all);
    }
  });

  test.each([
    [[3], 'sharding: member 3 of 4'],
    [[1, 3], 'sharding: members 1 and 3 of 4'],
    [[0, 1, 3], 'sharding: members 0, 1 and 3 of 4'],
  ])('owners %j in words', (found, expected) => expect(describeOwners(found, 4)).toBe(expected));
});
