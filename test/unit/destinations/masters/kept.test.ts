// The files of the last good documents: they are read as they were written, and what is no such file is told. Format: docs/formats/masters.md.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KeptMasters, decodeMaster, encodeMaster } from '../../../../src/destinations/masters/kept.ts';
import type { KeptMaster } from '../../../../src/destinations/masters/kept.ts';
import { createSimulatedDisk } from '../../../support/sim/disk.ts';

const master: KeptMaster = {
  key: 'secrets/tributary-route hero-user-a/tributary-route', source: 'secrets/tributary-route', place: 'hero-user-a', shown: 'hero-user-a/tributary-route', owner: 'a',
  arrivedMs: 1_760_000_000_000, sinceMs: 1_760_000_600_000, removedMs: undefined, text: "endpoints: ['https://vm.a.example/api/v1/write']\n",
};
const golden = readFileSync(join(import.meta.dirname, '../../../fixtures/masters/version-1.master'), 'utf8');

test('the golden file of version 1 is read', () => expect(decodeMaster(golden)).toEqual(master));
test('what is written is the golden file', () => expect(encodeMaster(master)).toBe(golden));
test('a removal is kept', () => expect(decodeMaster(encodeMaster({ ...master, removedMs: 7 })).removedMs).toBe(7));

test.each([
  ['a file of another kind', 'tributary-queue 1\n', 'is not that of tributary-master'],
  ['an empty file', '', 'is not that of tributary-master'],
  ['a later version', golden.replace('tributary-master 1', 'tributary-master 2'), 'format 2, this version reads format 1'],
  ['a changed byte', golden.replace('vm.a', 'vm.b'), 'checksum mismatch'],
  ['a file that was cut off', golden.slice(0, -2), 'checksum mismatch'],
])('%s is refused', (_what, text, expected) => expect(() => decodeMaster(text)).toThrow(expected));

test('writing makes the folder hold these and no others, and writes nothing that is there', () => {
  const disk = createSimulatedDisk();
  const kept = new KeptMasters(disk, '/masters');
  const other = { ...master, key: 'other' };
  kept.write([master, other]);
  const { writes } = disk;
  kept.write([master, other]);
  expect(disk.writes).toBe(writes);
  kept.write([other]);
  expect(new KeptMasters(disk, '/masters').read(() => undefined)).toEqual([other]);
});
