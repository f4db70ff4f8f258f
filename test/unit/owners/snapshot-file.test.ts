import { describe, expect, test } from 'vitest';
import type { KeptPod } from '../../../src/owners/kept-pod.ts';
import { SAVE_MS, SnapshotFile } from '../../../src/owners/snapshot-file.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createTestClock } from '../../support/clock.ts';
import type { TestClock } from '../../support/clock.ts';
import { createSimulatedDisk } from '../../support/sim/disk.ts';
import type { SimulatedDisk } from '../../support/sim/disk.ts';

const path = '/data/owners.snapshot';
const pod = (name: string, tombstoneMs?: number): KeptPod => ({ namespace: 'x', name, uidNumber: 1, owner: 'a', node: 'n1', isRunning: true, tombstoneMs });

function source(...pods: KeptPod[]) {
  return { revision: 0, pods, kept: function () { return this.pods; } };
}

function open(disk: SimulatedDisk, clock: TestClock, podLabel = 'cluster_id') {
  const failures: string[] = [];
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (text: string) => void lines.push(`warn ${text.slice(0, 30)}`), info: (text: string) => void lines.push(`info ${text.slice(0, 30)}`) };
  return { file: new SnapshotFile({ path, podLabel, disk, clock, logger, countFailure: (reason) => void failures.push(reason) }), failures, lines };
}

function createDisk(): SimulatedDisk {
  const disk = createSimulatedDisk();
  disk.makeFolder('/data');
  return disk;
}

function written(disk: SimulatedDisk, clock: TestClock, ...pods: KeptPod[]): void {
  open(disk, clock).file.save(source(...pods));
}

describe('reading', () => {
  test('nothing is there before the first time', () => {
    const { file, failures } = open(createDisk(), createTestClock());
    expect([file.read(), failures]).toEqual([[], []]);
  });

  test('what was written comes back', () => {
    const [disk, clock] = [createDisk(), createTestClock()];
    written(disk, clock, pod('p'), pod('q'));
    expect(open(disk, clock).file.read()).toEqual([pod('p'), pod('q')]);
  });

  test('tombstones are shorter by the time that has passed, and gone when it was longer', async () => {
    const [disk, clock] = [createDisk(), createTestClock()];
    written(disk, clock, pod('p', 5000), pod('q', 2000));
    await clock.advance(3000);
    expect(open(disk, clock).file.read()).toEqual([pod('p', 2000)]);
  });

  test('of another label is ignored: its owners mean something else', () => {
    const [disk, clock] = [createDisk(), createTestClock()];
    written(disk, clock, pod('p'));
    const { file, failures } = open(disk, clock, 'team');
    expect([file.read(), failures]).toEqual([[], []]);
  });

  test('a damaged one is ignored, counted and logged', () => {
    const [disk, clock] = [createDisk(), createTestClock()];
    written(disk, clock, pod('p'));
    disk.files.get(path)![40]! ^= 1;
    const { file, failures, lines } = open(disk, clock);
    expect([file.read(), failures, lines]).toEqual([[], ['damaged'], ['warn the snapshot of owners is igno']]);
  });

  test('one that cannot be read is ignored, counted and logged', () => {
    const [disk, clock] = [createDisk(), createTestClock()];
    written(disk, clock, pod('p'));
    const { file, failures } = open(Object.assign(disk, { readFile: () => { throw new Error('EIO'); } }), clock);
    expect([file.read(), failures]).toEqual([[], ['unreadable']]);
  });
});

describe('writing', () => {
  test('happens once a minute, when something has changed', async () => {
    const [disk, clock] = [createDisk(), createTestClock()];
    const { file } = open(disk, clock);
    const index = source(pod('p'));
    file.follow(index);
    await clock.advance(SAVE_MS);
    expect(disk.exists(path)).toBe(false);
    index.revision++;
    await clock.advance(SAVE_MS - 1);
    expect(disk.exists(path)).toBe(false);
    await clock.advance(1);
    expect(open(disk, clock).file.read()).toEqual([pod('p')]);
  });

  test('happens at the stop, and not afterwards', async () => {
    const [disk, clock] = [createDisk(), createTestClock()];
    const { file } = open(disk, clock);
    const index = source(pod('p'));
    file.follow(index);
    index.revision++;
    file.close(index);
    expect(disk.exists(path)).toBe(true);
    expect(clock.pending()).toBe(0);
  });

  test('that the disk refuses is counted, logged once, and made up for', async () => {
    const [disk, clock] = [createDisk(), createTestClock()];
    const { file, failures, lines } = open(disk, clock);
    const index = source(pod('p'));
    file.follow(index);
    index.revision++;
    disk.faults.readOnly = true;
    await clock.advance(2 * SAVE_MS);
    disk.faults.readOnly = false;
    await clock.advance(SAVE_MS);
    expect([failures, lines]).toEqual([['unwritable', 'unwritable'], ['warn the snapshot of owners cannot ', 'info the snapshot of owners is writ']]);
    expect(open(disk, clock).file.read()).toEqual([pod('p')]);
    file.close(index);
  });
});
