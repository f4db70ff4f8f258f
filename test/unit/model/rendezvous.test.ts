// Weights that every version has to agree on. Those of numbered members are held by the tests of target sharding.

import { describe, expect, test } from 'vitest';
import { heaviest, saltOfName } from '../../../src/model/rendezvous.ts';

const names = ['vm-1', 'vm-2', 'vm-3', 'vm-4'];
const chosen = (key: string, count: number, from = names) => heaviest(key, from.map(saltOfName), count).map((place) => from[place]!);

describe('members by name', () => {
  // A series must not move because of an update: these must never change.
  test.each([
    ['', 1, ['vm-2']],
    ['__name__\u0000up\u0001instance\u000010.0.0.1:9100\u0001', 1, ['vm-4']],
    ['__name__\u0000up\u0001instance\u000010.0.0.2:9100\u0001', 2, ['vm-1', 'vm-4']],
    ['job\u0000é😀\u0001', 3, ['vm-1', 'vm-3', 'vm-4']],
  ])('golden: %j, %i of four', (key, count, expected) => expect(chosen(key, count)).toEqual(expected));
  test('their order does not matter', () => {
    const turned = ['vm-3', 'vm-1', 'vm-4', 'vm-2'];
    for (let i = 0; i < 200; i++) expect(chosen(`k${i}`, 2, turned).sort()).toEqual(chosen(`k${i}`, 2));
  });
});
