import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { KeptPod } from '../../../src/owners/kept-pod.ts';
import { uidNumber } from '../../../src/owners/pod-table.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../src/owners/snapshot.ts';

const pods: KeptPod[] = [
  { namespace: 'hero-user-a', name: 'train-0', uidNumber: uidNumber('9f3c'), owner: 'a', node: 'n1', isRunning: false, tombstoneMs: 1234 },
  { namespace: 'hero-user-a', name: 'train-0', uidNumber: uidNumber('1d27'), owner: 'b', node: 'n2', isRunning: true, tombstoneMs: undefined },
  { namespace: 'kube-system', name: 'agent-ü', uidNumber: 0, owner: '', node: '', isRunning: false, tombstoneMs: undefined },
];
const snapshot = { writtenAtMs: 1_700_000_000_000.5, podLabel: 'cluster_id', pods };
const bytes = () => Buffer.from(encodeSnapshot(snapshot));

describe('a snapshot', () => {
  test('comes back as it was', () => expect(decodeSnapshot(bytes())).toEqual(snapshot));
  test('of nothing comes back', () => expect(decodeSnapshot(encodeSnapshot({ writtenAtMs: 0, podLabel: '', pods: [] }))).toEqual({ writtenAtMs: 0, podLabel: '', pods: [] }));
  test('has 25 bytes a pod, its name and the length of that', () => {
    const one = encodeSnapshot({ ...snapshot, pods: pods.slice(0, 1) }).length;
    expect(encodeSnapshot({ ...snapshot, pods: [pods[0]!, pods[0]!] }).length - one).toBe(25 + 2 + 'train-0'.length);
  });
  test('of version 1 is read as it was written then', () => {
    const golden = readFileSync(join(import.meta.dirname, '../../fixtures/owners/snapshot-v1.bin'));
    expect(decodeSnapshot(golden)).toEqual(snapshot);
    expect(bytes().equals(golden)).toBe(true);
  });
});

describe('bytes that are no snapshot', () => {
  const changed = (at: number, value: number) => {
    const copy = bytes();
    copy[at] = value;
    return copy;
  };
  test.each([
    ['nothing', Buffer.alloc(0), 'damaged'],
    ['another magic', changed(0, 0), 'damaged'],
    ['a later version', changed(4, 2), 'version'],
    ['a piece', bytes().subarray(0, 60), 'damaged'],
    ['a changed byte', changed(60, 0xff), 'damaged'],
    ['more pods than there are', changed(24, 9), 'damaged'],
  ])('%s', (_what, damaged, reason) => expect(decodeSnapshot(damaged)).toMatchObject({ reason }));

  test('any single changed bit of the payload is noticed', () => {
    const good = bytes();
    for (let at = 28; at < good.length; at++) expect(decodeSnapshot(changed(at, good[at]! ^ 1))).toMatchObject({ reason: 'damaged' });
  });
});

describe('uidNumber', () => {
  test.each([['', 0], ['9f3c', uidNumber('9f3c')]])('%j is a whole number below 2^53', (uid, expected) => {
    expect(uidNumber(uid)).toBe(expected);
    expect(Number.isSafeInteger(uidNumber(uid))).toBe(true);
  });
  test('does not change between versions: snapshots hold it', () => expect(uidNumber('0b6c1f4e-9c2b-4a53-8d57-2f1f1d1c9a10')).toBe(4_975_063_244_933_190));
  test('tells uids apart', () => {
    const numbers = new Set(Array.from({ length: 100_000 }, (_, i) => uidNumber(`0b6c1f4e-9c2b-4a53-8d57-${i.toString(16).padStart(12, '0')}`)));
    expect(numbers.size).toBe(100_000);
  });
});
