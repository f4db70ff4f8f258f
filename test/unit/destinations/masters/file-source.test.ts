// Documents in a folder: what is told, when, and what a folder that cannot be read means.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSource, systemWatchFolder } from '../../../../src/destinations/masters/file-source.ts';
import { systemClock } from '../../../../src/io/clock.ts';
import { systemDisk } from '../../../../src/io/disk.ts';
import { endpoint, HOUR_MS, world } from './helper.ts';

const files = 'files: {folder: /routes}';
const a1 = Buffer.from(endpoint('a1.example'));
const a2 = Buffer.from(endpoint('a2.example'));

async function withFolder() {
  const at = world();
  at.disk.makeFolder('/routes');
  at.disk.writeFile('/routes/a.yml', a1);
  at.disk.writeFile('/routes/README.txt', Buffer.from('no document'));
  at.disk.writeFile('/routes/..data.yml', Buffer.from('no document'));
  const life = at.start();
  life.apply(files);
  await life.settle();
  return { ...at, life };
}

test('each file is a document, and its name tells whose', async () => {
  const { life } = await withFolder();
  expect([life.shown(), life.masters.sources()]).toEqual([['master-a a1.example active'], [{ source: 'files//routes', isSynced: true, error: '' }]]);
});

test('a change is seen a quarter of a second after its event', async () => {
  const { clock, disk, folderEvents, life } = await withFolder();
  disk.writeFile('/routes/a.yml', a2);
  folderEvents[0]!();
  await clock.advance(250);
  await life.settle();
  expect(life.shown()).toEqual(['master-a a2.example active']);
});

test('a change without an event is seen with the next poll', async () => {
  const { clock, disk, folderEvents, life } = await withFolder();
  folderEvents[0]!(new Error('the watch ended'));
  disk.writeFile('/routes/a.yml', a2);
  await clock.advance(30_000);
  await life.settle();
  expect([life.shown(), folderEvents.length]).toEqual([['master-a a2.example active'], 1]);
});

test('a file that is gone begins its grace, and one that cannot be read keeps the last good', async () => {
  const { clock, disk, folderEvents, life } = await withFolder();
  const read = disk.readFile.bind(disk);
  disk.readFile = () => {
    throw new Error('EIO');
  };
  folderEvents[0]!();
  await clock.advance(250);
  await life.settle();
  expect(life.shown()).toEqual(['master-a a1.example broken']);
  disk.readFile = read;
  disk.remove('/routes/a.yml');
  folderEvents[0]!();
  await clock.advance(250);
  await life.settle();
  expect(life.shown()).toEqual(['master-a a1.example leaving']);
  await clock.advance(HOUR_MS);
  expect(life.shown()).toEqual([]);
});

test('a folder that is not there says nothing about its files', async () => {
  const { clock, disk, life, start } = await withFolder();
  await life.masters.stop();
  disk.remove('/routes');
  const next = start();
  next.apply(files);
  await clock.advance(2 * HOUR_MS);
  expect([next.shown(), next.masters.sources()[0]!.isSynced]).toEqual([['master-a a1.example active'], false]);
  expect(next.masters.sources()[0]!.error).not.toBe('');
});

test('a mounted ConfigMap, whose link is swapped, is a change', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-routes-'));
  const mount = (version: string, text: Buffer) => {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, 'a.yml'), text);
    symlinkSync(version, join(folder, '..data.new'));
    renameSync(join(folder, '..data.new'), join(folder, '..data'));
  };
  mount('..1', a1);
  symlinkSync(join('..data', 'a.yml'), join(folder, 'a.yml'));
  const source = new FileSource({ folder, owner: '(.+)' }, { disk: systemDisk, clock: systemClock, watchFolder: systemWatchFolder });
  const swapped = new Promise<void>((resolve) => {
    source.start({
      told: ({ key, place, content }) => {
        expect([key, place]).toEqual(['a.yml', 'a']);
        if (!('problem' in content) && Buffer.compare(content, a2) === 0) resolve();
      },
      vanished: () => undefined,
      synced: () => undefined,
    });
  });
  mount('..2', a2);
  await swapped;
  await source.stop();
  rmSync(folder, { recursive: true });
});

test('a pipe is no document: it is not read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'masters-'));
  const source = new FileSource({ folder, owner: '(.+)' }, { disk: systemDisk, clock: systemClock, watchFolder: systemWatchFolder });
  try {
    execFileSync('mkfifo', [join(folder, 'a.yml')]);
    const told: unknown[] = [];
    source.start({ told: ({ content }) => void told.push(content), vanished: () => undefined, synced: () => undefined });
    expect(told).toEqual([{ problem: expect.stringContaining('no regular file') }]);
  } finally {
    await source.stop();
    rmSync(folder, { recursive: true });
  }
});
