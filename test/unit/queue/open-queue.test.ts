// The queue on the real disk with LevelDB: ownership, processes that are killed, and files of earlier versions.

import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { systemDisk } from '../../../src/io/disk.ts';
import { openLevelStore } from '../../../src/queue/ledger-store.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { body, imbalance, open, QUOTA, raw, readAll, written } from './helpers.ts';

const root = mkdtempSync(join(tmpdir(), 'tributary-queue-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const real = { disk: systemDisk, openStore: openLevelStore };

test('a folder that is in use is refused with folder and process, and free after closing', async () => {
  const path = join(root, 'locked');
  const queue = await open({ ...real, path });
  await expect(open({ ...real, path })).rejects.toMatchObject({ code: 'QUEUE_LOCKED', message: `the queue in ${path} is in use by the process with pid ${process.pid}` });
  await queue.close();
  expect(existsSync(join(path, 'lock'))).toBe(false);
  await (await open({ ...real, path })).close();
});

test('another process that holds the ledger is named; when it is killed, the folder is free', async () => {
  const path = join(root, 'other');
  await (await open({ ...real, path })).close();
  writeFileSync(join(path, 'lock'), '4242\n');
  const script = `import { Level } from 'level'; const l = new Level(${JSON.stringify(join(path, 'ledger'))}); await l.open(); console.log('open'); setInterval(() => {}, 1000);`;
  const child = execFile(process.execPath, ['--input-type=module', '-e', script]);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  await expect(open({ ...real, path })).rejects.toMatchObject({ code: 'QUEUE_LOCKED', message: expect.stringContaining('pid 4242') as string });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  await (await open({ ...real, path })).close();
});

test('a copy taken while the queue is open, as after a kill, opens with everything that was appended', async () => {
  const path = join(root, 'killed');
  const queue = await open({ ...real, path, settings: { segmentBytes: 1000 } });
  const stream = queue.stream('a', { maxBytes: QUOTA });
  for (let n = 1; n <= 50; n++) stream.append([raw(n)]);
  await written();
  stream.settle(1, 10);
  cpSync(path, `${path}-copy`, { recursive: true });
  const again = await open({ ...real, path: `${path}-copy` });
  const records = await readAll(again.stream('a', { maxBytes: QUOTA }));
  expect(records.slice(-40).map((r) => Buffer.from(r.payload))).toEqual(Array.from({ length: 40 }, (_, i) => body(i + 11)));
  expect(imbalance(again.stream('a', { maxBytes: QUOTA }).state())).toBe(0);
  await again.close();
  await queue.close();
});

test('an unreadable ledger is moved aside and rebuilt, and counted', async () => {
  const path = join(root, 'unreadable');
  const queue = await open({ ...real, path });
  queue.stream('a', { maxBytes: QUOTA }).append([raw(1)]);
  await queue.setNote('k', 'v');
  await queue.close();
  for (const file of readdirSync(join(path, 'ledger'))) if (file.startsWith('MANIFEST')) writeFileSync(join(path, 'ledger', file), 'nonsense');
  const metrics = createMetrics();
  const again = await open({ ...real, path, metrics });
  expect(await readAll(again.stream('a', { maxBytes: QUOTA }))).toHaveLength(1);
  expect([again.note('k'), existsSync(join(path, 'ledger.damaged'))]).toEqual(['v', true]);
  expect(await metrics.text()).toContain('tributary_queue_ledger_damaged_total 1');
  await again.close();
});

test('metrics tell the state per destination', async () => {
  const metrics = createMetrics();
  const queue = await open({ ...real, path: join(root, 'metrics'), metrics });
  const stream = queue.stream('a', { maxBytes: QUOTA });
  stream.append([raw(1), raw(2)]);
  await written();
  stream.settle(1, 1, { rejected: 1 });
  const text = await metrics.text();
  for (const line of [
    'pending_samples{destination="a"} 3', 'pending_records{destination="a"} 1', 'appended_samples_total{destination="a"} 5', 'segments{destination="a"} 1',
    'acknowledged_samples_total{destination="a"} 1', 'lost_samples_total{destination="a",reason="rejected"} 1', 'mode{destination="a"} 0',
  ]) expect(text).toContain(`tributary_queue_${line}`);
  await queue.close();
});

test('format 1 is read as it was written', async () => {
  const path = join(root, 'golden');
  cpSync(new URL('../../fixtures/queue/format-1', import.meta.url), path, { recursive: true });
  const queue = await open({ ...real, path });
  const expected = JSON.parse(readFileSync(new URL('../../fixtures/queue/format-1.json', import.meta.url), 'utf8')) as unknown;
  const found = [];
  for (const name of queue.names()) {
    const stream = queue.stream(name, { maxBytes: QUOTA });
    const records = (await readAll(stream)).map((r) => ({
      ...r, image: r.image?.runs.map((run) => ({ ...run, data: Buffer.from(run.data).toString() })) ?? null, payload: Buffer.from(r.payload).toString(),
    }));
    found.push({ name, counters: stream.state().counters, note: queue.note('note'), records });
  }
  expect(found).toMatchObject(expected as object[]);
  await queue.close();
});
