import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { RefusedSamples } from '../../../src/queue/refused.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { ALL, body, manualClock, open, raw, written, QUOTA } from './helpers.ts';
import { createSimulatedDisk, type SimulatedDisk } from './simulated-disk.ts';

beforeAll(initZstd);

const input = (n: number, bytes = 40) => ({ reason: 'bad_sample', status: 400, answer: `answer ${n}`, series: `up{n="${n}"}`, samples: n, body: body(n, bytes) });
const folder = '/queue/refused';
const refused = (disk: SimulatedDisk, bytesMax?: number) =>
  new RefusedSamples({ disk, clock: manualClock(), logger: silentLogger, path: folder, ...(bytesMax !== undefined && { bytesMax }) });
const files = (disk: SimulatedDisk) => [...disk.files.keys()].filter((path) => path.startsWith(folder)).sort();

/** Nothing of it compresses. */
const noise = (bytes: number) => createHash('shake256', { outputLength: bytes }).update('noise').digest();

describe('entries', () => {
  test('come back whole, in order, also after a restart', () => {
    const disk = createSimulatedDisk();
    const before = refused(disk);
    for (let n = 1; n <= 3; n++) expect(before.keep('a/b', input(n))).toBe(true);
    const after = refused(disk);
    expect(after.streams()).toEqual(['a/b']);
    const ids = after.ids('a/b');
    expect(ids).toEqual([...ids].sort());
    expect(ids).toEqual(before.ids('a/b'));
    expect(ids.map((id) => after.entry('a/b', id)?.samples)).toEqual([1, 2, 3]);
    const found = after.read('a/b', ids[1]!)!;
    expect(found.entry).toEqual({ id: ids[1], atMs: 1_700_000_000_000, reason: 'bad_sample', status: 400, answer: 'answer 2', series: 'up{n="2"}', samples: 2, rawBytes: 40 });
    expect(Buffer.from(found.body)).toEqual(body(2));
    expect(after.bytes).toBe(before.bytes);
  });

  test('of a stream lie in a folder of their own, named as the stream', () => {
    const disk = createSimulatedDisk();
    refused(disk).keep('a/b', input(1));
    expect(files(disk)).toEqual([expect.stringMatching(/^\/queue\/refused\/a%2Fb\/[0-9a-f]{16}\.entry$/)]);
  });

  test('an id is never given again, also not after the newest entry was removed and the clock went back', () => {
    const disk = createSimulatedDisk();
    const store = refused(disk);
    store.keep('a', input(1));
    store.keep('a', input(2));
    const [first, second] = store.ids('a');
    store.remove('a', second!);
    store.keep('a', input(3));
    expect(store.ids('a')[0]).toBe(first);
    expect(store.ids('a')[1]! > second!).toBe(true);
  });

  test('an answer is kept up to 4,096 characters, a series may be unknown', () => {
    const store = refused(createSimulatedDisk());
    store.keep('a', { ...input(1), answer: 'x'.repeat(5000), series: undefined });
    expect(store.entry('a', store.ids('a')[0]!)).toMatchObject({ answer: 'x'.repeat(4096), series: undefined });
  });
});

describe('bounds', () => {
  test('what would exceed all entries together, in whole blocks, is not kept; room comes back with a removal', () => {
    const disk = createSimulatedDisk();
    const store = refused(disk, 3 * 4096);
    expect([1, 2, 3, 4].map((n) => store.keep(n % 2 === 0 ? 'a' : 'b', input(n)))).toEqual([true, true, true, false]);
    store.remove('a', store.ids('a')[0]!);
    expect(store.keep('b', input(5))).toBe(true);
    expect(files(disk)).toHaveLength(3);
    expect(refused(disk, 3 * 4096).keep('a', input(6))).toBe(false);
  });

  test('an entry above 1 MiB on disk is not kept, one that compresses below it is', () => {
    const store = refused(createSimulatedDisk());
    expect(store.keep('a', { ...input(1), body: noise(1024 ** 2 + 1) })).toBe(false);
    expect(store.keep('a', { ...input(1), body: Buffer.alloc(4 * 1024 ** 2) })).toBe(true);
  });

  test('a disk that refuses is no room, and leaves no entry', () => {
    const disk = createSimulatedDisk();
    const store = refused(disk);
    disk.writeFile = () => { throw new Error('ENOSPC'); };
    expect(store.keep('a', input(1))).toBe(false);
    expect(store.count('a')).toBe(0);
    expect(store.bytes).toBe(0);
  });
});

describe('damage', () => {
  test.each([
    ['a changed byte of the head', (data: Buffer) => void (data[12]! ^= 1)],
    ['a changed byte of the body', (data: Buffer) => void (data[data.length - 3]! ^= 1)],
    ['a changed checksum', (data: Buffer) => void (data[0] = data[0] === 0x30 ? 0x31 : 0x30)],
  ])('%s costs that entry and no other; it can be removed', (_name, change) => {
    const disk = createSimulatedDisk();
    const store = refused(disk);
    for (let n = 1; n <= 3; n++) store.keep('a', input(n));
    change(disk.files.get(files(disk)[1]!)!);
    const after = refused(disk);
    const ids = after.ids('a');
    expect(ids.map((id) => after.read('a', id)?.entry.samples)).toEqual([1, undefined, 3]);
    after.remove('a', ids[1]!);
    expect(after.ids('a')).toEqual([ids[0], ids[2]]);
  });

  test('an empty or foreign file is no entry', () => {
    const disk = createSimulatedDisk();
    const store = refused(disk);
    store.keep('a', input(1));
    disk.writeFile(files(disk)[0]!, Buffer.alloc(0));
    disk.writeFile(`${folder}/a/notes.txt`, Buffer.from('x'));
    disk.makeFolder(`${folder}/not%zzencoded`);
    const after = refused(disk);
    expect(after.count('a')).toBe(1);
    expect(after.read('a', after.ids('a')[0]!)).toBeUndefined();
  });
});

test('a stream keeps refused samples through its own call, beside the accounts', async () => {
  const queue = await open({ disk: createSimulatedDisk() });
  const stream = queue.stream('a', { maxBytes: QUOTA });
  stream.append([raw(4)]);
  await written();
  expect(stream.quarantine(input(5))).toBe(true);
  stream.settle(1, 1, { quarantined: 5 });
  expect(stream.state().counters).toMatchObject({ appended: 5, pending: 0, lost: { quarantined: 5 } });
  expect(queue.refused.count('a')).toBe(1);
  expect(await stream.read(0, ALL)).toEqual([]);
  await queue.close();
});
