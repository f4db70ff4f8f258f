// The queue on real disks that refuse: a full tmpfs, a full ext4, an ext4 that is remounted read-only and back, an fsync that fails. What must hold each time: the
// process lives, the accounts balance, what survived reads back as it was, and everything goes on without a restart when the disk does.

import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StreamOptions, StreamState } from '../../src/queue/queue.ts';
import type { QueueSettings } from '../../src/queue/config.ts';
import { endAll, run, temporaryFolder, until, type Running } from './support/process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = (file: string) => fileURLToPath(new URL(`support/${file}`, import.meta.url));
const KIB = 1024;
const bytes = 20_000;
const settings: Partial<QueueSettings> = { segmentBytes: 256 * KIB, fsync: 'interval', fsyncIntervalMs: 50 };

interface Answer extends StreamState {
  /** What lacks to the identity. */
  readonly missing: number;
  readonly records: readonly { readonly sequence: number; readonly n: number; readonly samples: number; readonly isWhole: boolean }[];
}

/** A process with a queue, see support/disk-child.ts. */
interface QueueProcess {
  ask(command: object): Promise<Answer>;
  /** kill -9 */
  kill(): Promise<void>;
}

const children = new Set<ChildProcess>();
let script: string;

beforeAll(() => {
  const code = `import { bundle } from './scripts/bundle.mjs'; console.log(await bundle('test/e2e/support/disk-child.ts', 'disk-child'));`;
  script = execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' }).trim();
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await endAll();
});

async function start(command: readonly string[], path: string, options: { stream?: StreamOptions; settings?: Partial<QueueSettings>; env?: NodeJS.ProcessEnv } = {}): Promise<QueueProcess> {
  const argument = JSON.stringify({ path, settings: { ...settings, ...options.settings }, stream: options.stream ?? { maxBytes: 1024 ** 3 } });
  const [program, ...args] = [...command, process.execPath, script, argument];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...options.env } });
  children.add(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines: Interface = createInterface({ input: child.stdout });
  const answers = lines[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await answers.next()).value as string) as Answer;
  await next();
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return next();
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
      children.delete(child);
    },
  };
}

/** Survivors read back as they were, and nothing is unaccounted for. */
async function expectWhole(queue: QueueProcess): Promise<Answer> {
  const answer = await queue.ask({ read: true });
  expect(answer.records.filter((r) => !r.isWhole)).toEqual([]);
  expect([answer.missing, answer.counters.lost.corrupt]).toEqual([0, 0]);
  expect(answer.records.reduce((sum, r) => sum + r.samples, 0)).toBe(answer.counters.pending);
  return answer;
}

async function untilMode(queue: QueueProcess, mode: StreamState['mode']): Promise<void> {
  let last: Answer | undefined;
  await until(async () => (last = await queue.ask({})).mode === mode, { timeoutMs: 30_000, what: () => `mode ${mode}: ${last?.mode} ${last?.lastError}` });
}

/** A process that keeps a mount namespace of its own, in which `commands` have been run. */
async function namespace(commands: string): Promise<Running & { readonly enter: readonly string[] }> {
  const holder = run('unshare', ['-m', '--propagation', 'private', 'sh', '-ec', `${commands}; echo mounted; exec sleep 1000`]);
  await holder.waitFor(/mounted/);
  return { ...holder, enter: ['nsenter', '-t', String(holder.pid), '-m'] };
}

function unable(what: string, program: string, args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? undefined : `${what}: ${error?.message ?? stderr.trim()}`;
}

function tell(suite: string, reason: string | undefined): boolean {
  if (reason !== undefined) console.warn(`NOT RUN: ${suite} (${reason})`);
  return reason !== undefined;
}

const mounts = process.getuid?.() === 0 ? unable('no mounts here', 'unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt']) : 'needs root';
const probe = 'f=$(mktemp) && truncate -s 4M $f && mkfs.ext4 -q $f && mount -o loop $f /mnt && umount /mnt && rm $f';
const loops = mounts ?? unable('no loop devices here', 'unshare', ['-m', 'sh', '-c', probe]);
const compiler = unable('needs gcc', 'gcc', ['--version']);

const filesystems: readonly [string, string | undefined, (folder: string) => string][] = [
  ['tmpfs', mounts, (folder) => `mount -t tmpfs -o size=6m none ${folder}`],
  ['ext4', loops, (folder) => `truncate -s 12M ${folder}/disk.img; mkfs.ext4 -q -m 0 ${folder}/disk.img; mount -o loop ${folder}/disk.img ${folder}`],
];

for (const [name, reason, mount] of filesystems) {
  describe.skipIf(tell(`disk full on a small ${name}`, reason))(`a full ${name}`, () => {
    test('drop_newest: nothing that was kept is given up, what is settled makes room, and it goes on without a restart', async () => {
      const folder = temporaryFolder();
      const { enter } = await namespace(mount(folder));
      const stream: StreamOptions = { maxBytes: 1024 ** 3, policy: 'drop_newest' };
      const queue = await start(enter, `${folder}/queue`, { stream });
      const full = await queue.ask({ append: [1, 1000], bytes });
      expect(full).toMatchObject({ mode: 'full', counters: { lost: { evicted: 0 } } });
      expect(full.counters.lost.disk_full).toBeGreaterThan(0);
      const kept = await expectWhole(queue);
      expect(kept.records.map((r) => r.n).slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
      // Acknowledgements are kept although the disk is full, and they make room.
      await queue.ask({ settle: [1, 100] });
      await untilMode(queue, 'ok');
      const after = await queue.ask({ append: [2001, 2040], bytes });
      expect([after.mode, after.lastSequence]).toEqual(['ok', kept.lastSequence + 40]);
      const whole = await expectWhole(queue);
      await queue.kill();
      const again = await start(enter, `${folder}/queue`, { stream });
      const reopened = await expectWhole(again);
      const missing = whole.records.filter((r) => !reopened.records.some(({ sequence }) => sequence === r.sequence));
      expect(missing).toEqual([]);
      await again.kill();
    });

    test('drop_oldest: the newest stays, room is made before anything is refused', async () => {
      const folder = temporaryFolder();
      const { enter } = await namespace(mount(folder));
      const queue = await start(enter, `${folder}/queue`);
      const { counters, mode } = await queue.ask({ append: [1, 1000], bytes });
      expect([mode, counters.lost.evicted > 0]).toEqual(['ok', true]);
      // The first time, the disk says so before anybody knew: at most one write of it is not kept.
      expect(counters.lost.disk_full).toBeLessThanOrEqual(5);
      const { records } = await expectWhole(queue);
      expect(records.at(-1)?.n).toBe(1000);
      expect(records.length).toBeGreaterThan(100);
      await queue.ask({ close: true });
      await queue.kill();
      const again = await start(enter, `${folder}/queue`);
      expect((await expectWhole(again)).counters).toEqual(counters);
      await again.kill();
    });
  });
}

describe.skipIf(tell('ext4 remounted read-only and back', loops))('a read-only remount', () => {
  test('is a mode: what is there is delivered, what is new is counted, and writing goes on when it is over', async () => {
    const folder = temporaryFolder();
    // The ledger lies beside: a file system with a file open for writing cannot be remounted.
    const streams = `${folder}/queue/streams`;
    const { enter } = await namespace(`mkdir -p ${streams}; truncate -s 12M ${folder}/disk.img; mkfs.ext4 -q -m 0 ${folder}/disk.img; mount -o loop ${folder}/disk.img ${streams}`);
    const first = await start(enter, `${folder}/queue`);
    await first.ask({ append: [1, 20], bytes });
    await first.ask({ close: true });
    await first.kill();
    const remount = (how: string) => execFileSync('nsenter', [...enter.slice(1), 'mount', '-o', `remount,${how}`, streams]);
    const queue = await start(enter, `${folder}/queue`);
    remount('ro');
    const refused = await queue.ask({ append: [21, 25], bytes });
    expect(refused).toMatchObject({ mode: 'failing', counters: { lost: { disk_full: 15 } } });
    expect(refused.lastError).toContain('EROFS');
    expect((await expectWhole(queue)).records.map((r) => r.n)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    await queue.ask({ settle: [1, 5] });
    remount('rw');
    await untilMode(queue, 'ok');
    await queue.ask({ append: [31, 35], bytes });
    expect((await expectWhole(queue)).records.map((r) => r.n)).toEqual([...Array.from({ length: 15 }, (_, i) => i + 6), 31, 32, 33, 34, 35]);
    await queue.ask({ close: true });
    await queue.kill();
  });
});

describe.skipIf(tell('EIO of fsync by a preloaded shim', compiler))('an fsync that fails', () => {
  test('is a mode until the segment was written anew, and nothing is lost', async () => {
    const folder = temporaryFolder();
    const shim = join(folder, 'shim.so');
    const control = join(folder, 'fsync-fails');
    execFileSync('gcc', ['-shared', '-fPIC', '-o', shim, here('fsync-shim.c'), '-ldl']);
    const queue = await start([], `${folder}/queue`, { env: { LD_PRELOAD: shim, FSYNC_FAILS: control } });
    await queue.ask({ append: [1, 10], bytes });
    writeFileSync(control, '');
    await queue.ask({ append: [11, 20], bytes });
    await untilMode(queue, 'failing');
    expect((await queue.ask({ settle: [3, 6] })).lastError).toContain('EIO');
    await queue.ask({ append: [21, 30], bytes });
    rmSync(control);
    await untilMode(queue, 'ok');
    const expected = Array.from({ length: 30 }, (_, i) => i + 1).filter((n) => n < 3 || n > 6);
    const whole = await expectWhole(queue);
    expect([whole.records.map((r) => r.n), whole.counters.lost.disk_full]).toEqual([expected, 0]);
    await queue.ask({ close: true });
    await queue.kill();
    const again = await start([], `${folder}/queue`);
    expect((await expectWhole(again)).records.map((r) => r.n)).toEqual(expected);
    await again.kill();
  });
});
