// `tributary queue`: its arguments, and the commands on a real folder, opened here or served by another queue over the control socket.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src/cli/flags.ts';
import { helpText, usageError } from '../../../src/cli/help.ts';
import { parseQueueArguments } from '../../../src/cli/queue-arguments.ts';
import { queueCommand } from '../../../src/cli/queue-command.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { systemDisk } from '../../../src/io/disk.ts';
import type { CommandQueue } from '../../../src/queue/command-queue.ts';
import { defaultQueueSettings } from '../../../src/queue/config.ts';
import { type Control, controlSocket, startControl } from '../../../src/queue/control.ts';
import { openQueue } from '../../../src/queue/queue.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { encodeWriteRequest, valueBits } from '../../support/write-request.ts';
import { QUOTA, written } from '../queue/helpers.ts';

beforeAll(initZstd);

describe('arguments', () => {
  const storagePath = 'data-agent/';
  test.each([
    [['list'], { command: 'list' }],
    [['inspect', 'a'], { command: 'inspect', name: 'a' }],
    [['export', 'a'], { command: 'export', name: 'a', quarantine: false }],
    [['export', '--quarantine', 'a'], { command: 'export', name: 'a', quarantine: true }],
    [['drop', 'a'], { command: 'drop', name: 'a', quarantine: false }],
    [['drop', 'a', '--quarantine'], { command: 'drop', name: 'a', quarantine: true }],
    [['drop', 'a', '--quarantine', '0123456789abcdef'], { command: 'drop', name: 'a', quarantine: true, id: '0123456789abcdef' }],
    [['retry', 'a'], { command: 'retry', name: 'a' }],
    [['retry', 'a', '0123456789abcdef'], { command: 'retry', name: 'a', id: '0123456789abcdef' }],
    [['adopt', 'a', 'b'], { command: 'adopt', from: 'a', to: 'b' }],
  ])('%j', (args, command) => expect(parseCommandLine(['queue', ...args])).toEqual({ kind: 'queue', command, storagePath, output: undefined }));

  test.each([['--storage.agent.path=/q'], ['-storage.agent.path=/q']])('%s names the folder', (flag) => expect(parseQueueArguments(['list', flag])).toMatchObject({ storagePath: '/q' }));
  test('--output names a file', () => expect(parseQueueArguments(['export', 'a', '--output', 'f'])).toMatchObject({ output: 'f' }));

  test.each([
    [[], 'queue: no command given, expected one of list, inspect, export, drop, retry, adopt'],
    [['lsit'], 'queue: unknown command "lsit", did you mean list?'],
    [['inspect'], 'queue inspect: expected NAME, got nothing'],
    [['adopt', 'a'], 'queue adopt: expected FROM TO, got a'],
    [['list', 'a'], 'queue list: too many arguments, "a" is not expected'],
    [['drop', 'a', '0123456789abcdef'], 'queue drop: the entry "0123456789abcdef" needs --quarantine before it'],
    [['drop', 'a', '--quarantine', '12'], 'queue drop: expected the id of an entry, 16 hexadecimal digits, got "12"'],
    [['retry', 'a', '../../etc'], 'queue retry: expected the id of an entry, 16 hexadecimal digits, got "../../etc"'],
    [['retry', 'a', '--quarantine'], 'queue retry: --quarantine belongs to export and drop'],
    [['list', '--output=f'], 'queue list: --output belongs to export'],
    [['export', 'a', '--output='], 'queue export: --output needs a file'],
    [['list', '--nope'], "queue: Unknown option '--nope'"],
  ])('%j is refused', (args, problem) => expect(parseQueueArguments(args)).toEqual({ kind: 'error', problems: [problem], topic: 'queue' }));

  test('help tells the usage, a mistake as well', () => {
    expect(parseQueueArguments(['--help'])).toEqual({ kind: 'help', topic: 'queue' });
    expect(helpText()).toContain('tributary queue list|inspect|export|drop|retry|adopt');
    expect(usageError(['x'], 'queue')).toMatch(/^tributary: error: x\n\nUsage: tributary queue list/);
  });
});

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tq-'));
  path = join(folder, 'q');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function sink(): Writable & { text: string } {
  const pieces: Buffer[] = [];
  const stream = new Writable({ highWaterMark: 1024, write: (piece: Buffer, _encoding, done) => (pieces.push(piece), void setImmediate(done)) });
  return Object.defineProperty(stream, 'text', { get: () => Buffer.concat(pieces).toString() }) as Writable & { text: string };
}

interface Outcome {
  readonly code: number;
  readonly lines: readonly string[];
  readonly errors: string;
  readonly figures: Record<string, unknown>;
}

async function run(...args: string[]): Promise<Outcome> {
  const given = parseQueueArguments([...args, `--storage.agent.path=${path}`]);
  if (given.kind !== 'queue') throw new Error(JSON.stringify(given));
  const stdout = sink();
  const stderr = sink();
  const code = await queueCommand(given, { stdout, stderr });
  await Promise.all([stdout, stderr].map((stream) => new Promise<void>((resolve) => stream.end(resolve))));
  const lines = stdout.text.trimEnd().split('\n');
  const last = lines.at(-1)!.startsWith('{"command"') ? lines.at(-1)! : stderr.text.trimEnd();
  return { code, lines, errors: stderr.text, figures: (code === 0 ? JSON.parse(last) : {}) as Record<string, unknown> };
}

const open = () =>
  openQueue({
    path, settings: { ...defaultQueueSettings, freeSpaceFloor: { bytes: 0 } }, disk: systemDisk, clock: systemClock, logger: silentLogger, metrics: createMetrics(), reserveBytes: 0,
  });

const request = (n: number) => encodeWriteRequest({ series: [{ labels: [['__name__', 'pushed'], ['n', String(n)]], samples: [{ value: valueBits(n), timestampMs: n * 1000 }], exemplars: [] }] });

/** Two streams, one without destination; refused samples in the other. */
async function filled(records = 3): Promise<CommandQueue> {
  const queue = await open();
  const master = queue.stream('master', { maxBytes: QUOTA });
  const gone = queue.stream('gone', { maxBytes: QUOTA });
  for (let n = 1; n <= records; n++) {
    const record = { type: 'raw', samples: 1, oldestMs: n * 1000, newestMs: n * 1000, body: request(n) } as const;
    master.append([record]);
    gone.append([record]);
  }
  await written();
  master.quarantine({ reason: 'bad_sample', status: 400, answer: 'no', series: 'pushed{n="9"}', samples: 1, body: request(9) });
  queue.retire('gone');
  return queue;
}

/** What every way of running commands has to give. */
async function everyCommand(): Promise<void> {
  expect((await run('list')).figures).toMatchObject({ streams: 2, pendingSamples: 6, quarantinedEntries: 1 });
  const inspected = await run('inspect', 'master');
  expect(inspected.lines.join('\n')).toContain('bad_sample: 1 entries, 1 samples');
  expect(inspected.figures).toMatchObject({ quarantinedSamples: 1, counters: { appended: 3 } });
  const exported = await run('export', 'gone');
  expect(exported.lines.map((line) => (JSON.parse(line) as { values: number[] }).values[0])).toEqual([1, 2, 3]);
  expect(exported.figures).toMatchObject({ samples: 3 });
  const file = join(folder, 'out.jsonl');
  expect((await run('export', 'master', '--quarantine', `--output=${file}`)).figures).toMatchObject({ entries: 1 });
  expect(readFileSync(file, 'utf8')).toBe('{"metric":{"__name__":"pushed","n":"9"},"values":[9],"timestamps":[9000]}\n');
  expect((await run('retry', 'master')).figures).toMatchObject({ entries: 1, samples: 1 });
  expect((await run('adopt', 'gone', 'master')).figures).toMatchObject({ records: 3, samples: 3 });
  expect((await run('drop', 'gone')).figures).toMatchObject({ samples: 0, folderRemoved: true });
  expect((await run('inspect', 'master')).figures).toMatchObject({ counters: { appended: 3, movedIn: 4, pending: 7 }, quarantinedEntries: 0 });
  expect((await run('drop', 'master')).figures).toMatchObject({ samples: 7, folderRemoved: false });
  const refused = await run('inspect', 'mastr');
  expect(refused).toMatchObject({ code: 1, errors: 'tributary: error: queue inspect: the queue has no stream "mastr"; did you mean "master"? (QUEUE_STREAM_UNKNOWN)\n' });
}

describe('without a collector', () => {
  test('every command works on the folder', async () => {
    await (await filled()).close();
    await everyCommand();
    const again = await open();
    expect(again.names()).toEqual(['master']);
    await again.close();
  });

  test('a folder without a queue is refused and left as it is', async () => {
    mkdirSync(path);
    const { code, errors } = await run('list');
    expect(code).toBe(1);
    expect(errors).toContain('is no folder of a queue');
    expect(existsSync(join(path, 'FORMAT'))).toBe(false);
    expect(existsSync(join(path, 'ledger'))).toBe(false);
  });

  test('an output that cannot be written is told', async () => {
    await (await filled()).close();
    expect(await run('export', 'master', `--output=${folder}/none/x`)).toMatchObject({ code: 1, errors: expect.stringContaining('ENOENT') });
  });
});

describe('beside a collector', () => {
  let queue: CommandQueue;
  let control: Control;
  const start = async () => {
    queue = await filled();
    const specimen = { status: 429, reason: 'rate_limited', samples: 7, atMs: 0, body: 'slow down', series: undefined };
    control = await startControl({ queue, path, specimens: (name) => (name === 'master' ? [specimen] : []), logger: silentLogger });
  };
  const stop = async () => {
    await control.close();
    await queue.close();
  };

  test('every command works over the control socket', async () => {
    await start();
    await everyCommand();
    expect(queue.names()).toEqual(['master']);
    expect((await run('inspect', 'master')).lines.join('\n')).toContain('rate_limited: status 429, 7 samples: slow down');
    await stop();
  });

  test('an export larger than every buffer arrives whole', async () => {
    await start();
    for (let n = 4; n <= 5000; n++) queue.find('master')!.append([{ type: 'raw', samples: 1, oldestMs: n, newestMs: n, body: request(n) }]);
    await written();
    const { lines, figures } = await run('export', 'master');
    expect(lines).toHaveLength(5000);
    expect(lines.map((line) => (JSON.parse(line) as { values: number[] }).values[0])).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1));
    expect(figures).toMatchObject({ lines: 5000, samples: 5000 });
    await stop();
  });

  test('the socket is for the user alone, replaces a stale one, and goes when it is closed', async () => {
    mkdirSync(path);
    writeFileSync(join(path, 'control'), 'stale');
    await start();
    const stat = statSync(join(path, 'control'));
    expect([stat.isSocket(), stat.mode & 0o777]).toEqual([true, 0o600]);
    await stop();
    expect(existsSync(join(path, 'control'))).toBe(false);
  });

  test('a locked queue without a socket says who has it', async () => {
    await start();
    await control.close();
    expect(await run('list')).toMatchObject({ code: 1, errors: expect.stringMatching(/does not answer on .*control: .*in use by the process with pid \d+ \(QUEUE_CONTROL\)/s) });
    await queue.close();
  });

  test('an answer that is cut off is no success', async () => {
    queue = await filled();
    const server = createServer((_request, response) => {
      response.write('-half\n');
      setImmediate(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(controlSocket(path), resolve));
    expect(await run('list')).toMatchObject({ code: 1, errors: expect.stringContaining('ended before the command was finished') });
    await new Promise((resolve) => server.close(resolve));
    await queue.close();
  });

  test('one change at a time: a second one is refused while the first is under way', async () => {
    await start();
    const stream = queue.find('master')!;
    let release = (): void => undefined;
    let begun = (): void => undefined;
    const isUnderWay = new Promise<void>((resolve) => (begun = resolve));
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    stream.flush = async () => {
      begun();
      await isReleased;
      return true;
    };
    const first = run('retry', 'master');
    await isUnderWay;
    expect(await run('adopt', 'gone', 'master')).toMatchObject({ code: 1, errors: expect.stringContaining('another command that changes the queue is under way') });
    expect((await run('list')).code).toBe(0);
    release();
    expect((await first).figures).toMatchObject({ entries: 1 });
    expect((await run('adopt', 'gone', 'master')).figures).toMatchObject({ records: 3 });
    await stop();
  });

  test('a command of another version is refused by name', async () => {
    await start();
    const { runThere } = await import('../../../src/cli/queue-client.ts');
    await expect(runThere(path, { command: 'polish' } as never, async () => undefined)).rejects.toMatchObject({ code: 'QUEUE_CONTROL', message: expect.stringContaining('"polish"') });
    await stop();
  });

  test('a path too long for a socket is told, and the collector works without one', async () => {
    path = join(folder, 'x'.repeat(110));
    queue = await filled();
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (message: string, fields?: Readonly<Record<string, unknown>>) => void warnings.push(`${message} ${JSON.stringify(fields)}`) };
    control = await startControl({ queue, path, specimens: () => [], logger });
    expect(control.socket).toBeUndefined();
    expect(warnings[0]).toMatch(/the system takes 107/);
    expect(await run('list')).toMatchObject({ code: 1, errors: expect.stringMatching(/the path of the control socket has \d+ bytes, the system takes 107/) });
    await stop();
  });
});
