// One suite for every disk: what the queue relies on holds on the real file system and on the simulated one.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { type Disk, systemDisk } from '../../src/io/disk.ts';
import { createSimulatedDisk } from '../unit/queue/simulated-disk.ts';

const folder = mkdtempSync(join(tmpdir(), 'tributary-disk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (text: string) => Buffer.from(text);
const text = (data: Uint8Array) => Buffer.from(data).toString();

describe.each<[string, Disk, string]>([['system', systemDisk, folder], ['simulated', createSimulatedDisk(), '/d']])('%s disk', (_, disk, root) => {
  let count = 0;
  const fresh = () => {
    const path = `${root}/${count++}`;
    disk.makeFolder(path);
    return path;
  };
  const readAt = (path: string, offset: number, length: number) => {
    const file = disk.openRead(path);
    const into = Buffer.alloc(length);
    const n = file.read(into, offset);
    file.close();
    return text(into.subarray(0, n));
  };

  test('appends in order, also after reopening, and tells the size', () => {
    const path = `${fresh()}/f`;
    const file = disk.openAppend(path);
    expect(file.append([bytes('ab'), bytes('cde')])).toBe(5);
    expect(file.size()).toBe(5);
    file.close();
    const again = disk.openAppend(path);
    again.append([bytes('f')]);
    again.close();
    expect([text(disk.readFile(path)), disk.fileBytes(path)]).toEqual(['abcdef', 6]);
  });

  test('more buffers than one system call takes are one append', () => {
    const path = `${fresh()}/f`;
    const file = disk.openAppend(path);
    expect(file.append(Array.from({ length: 3000 }, (__, i) => bytes(`${i % 10}`)))).toBe(3000);
    file.close();
    expect(disk.fileBytes(path)).toBe(3000);
  });

  test('has no size for what is no file', () => {
    const path = fresh();
    expect(() => disk.fileBytes(path)).toThrow(path);
  });

  test('reads what is there, up to the end', () => {
    const path = `${fresh()}/f`;
    disk.writeFile(path, bytes('0123456789'));
    expect([readAt(path, 2, 3), readAt(path, 8, 5), readAt(path, 10, 5), readAt(path, 99, 5)]).toEqual(['234', '89', '', '']);
  });

  test('a reader sees what is appended after it was opened', () => {
    const path = `${fresh()}/f`;
    const writer = disk.openAppend(path);
    const reader = disk.openRead(path);
    writer.append([bytes('later')]);
    const into = Buffer.alloc(5);
    expect([reader.read(into, 0), text(into)]).toEqual([5, 'later']);
    writer.close();
    reader.close();
  });

  test('appends go on at the end after truncating', () => {
    const path = `${fresh()}/f`;
    const file = disk.openAppend(path);
    file.append([bytes('abcdef')]);
    file.truncate(2);
    file.append([bytes('X')]);
    file.close();
    expect(text(disk.readFile(path))).toBe('abX');
  });

  test('sync resolves', async () => {
    const file = disk.openAppend(`${fresh()}/f`);
    file.append([bytes('a')]);
    await expect(file.sync()).resolves.toBeUndefined();
    file.close();
  });

  test('an open file stays readable after it was removed', () => {
    const path = `${fresh()}/f`;
    disk.writeFile(path, bytes('still'));
    const file = disk.openRead(path);
    disk.remove(path);
    const into = Buffer.alloc(5);
    expect([disk.exists(path), file.read(into, 0), text(into)]).toEqual([false, 5, 'still']);
    file.close();
  });

  test('writeFile replaces the content', () => {
    const path = `${fresh()}/f`;
    disk.writeFile(path, bytes('old and long'));
    disk.writeFile(path, bytes('new'));
    expect(text(disk.readFile(path))).toBe('new');
  });

  test('lists names in order, files and folders', () => {
    const path = fresh();
    for (const name of ['b', 'a', 'c']) disk.writeFile(`${path}/${name}`, bytes(name));
    disk.makeFolder(`${path}/aa/deep`);
    expect(disk.list(path)).toEqual(['a', 'aa', 'b', 'c']);
  });

  test('renames files and folders with what is in them', () => {
    const path = fresh();
    disk.makeFolder(`${path}/x`);
    disk.writeFile(`${path}/x/f`, bytes('1'));
    disk.rename(`${path}/x`, `${path}/y`);
    expect([disk.exists(`${path}/x`), disk.exists(`${path}/x/f`), text(disk.readFile(`${path}/y/f`))]).toEqual([false, false, '1']);
  });

  test('removing what is not there is no error, folders go with what is in them', () => {
    const path = fresh();
    disk.writeFile(`${path}/f`, bytes('1'));
    disk.remove(path);
    disk.remove(path);
    expect([disk.exists(path), disk.exists(`${path}/f`)]).toEqual([false, false]);
  });

  test.each<[string, (path: string) => unknown]>([
    ['openRead', (path) => disk.openRead(path)], ['readFile', (path) => disk.readFile(path)], ['list', (path) => disk.list(path)],
    ['fileBytes', (path) => disk.fileBytes(path)], ['rename', (path) => disk.rename(path, `${path}2`)],
  ])('%s of what is not there fails with ENOENT', (__, call) => {
    expect(() => call(`${fresh()}/missing`)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('tells free and total space', () => {
    const { freeBytes, totalBytes } = disk.space(fresh());
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
  });
});
