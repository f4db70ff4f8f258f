import { beforeAll, describe, expect, test } from 'vitest';
import { type CommandSpecimen } from '../../../src/queue/command-queue.ts';
import { type Figures, type QueueCommand, runCommand } from '../../../src/queue/commands.ts';
import { nextImageId } from '../../../src/queue/image-id.ts';
import type { RecordInput } from '../../../src/queue/queue.ts';
import { encodeColumn } from '../../../src/wire/column.ts';
import type { Image } from '../../../src/wire/image.ts';
import { ByteWriter, encodeLabels } from '../../../src/wire/labels.ts';
import { putVarint } from '../../../src/wire/write-request.ts';
import { initZstd, zstdCompress } from '../../../src/wire/zstd.ts';
import { encodeWriteRequest, valueBits } from '../../support/write-request.ts';
import { ALL, fill, manualClock, open, QUOTA, raw, readAll, sequences, written } from './helpers.ts';
import { createSimulatedDisk, type SimulatedDisk } from './simulated-disk.ts';

beforeAll(initZstd);

type TestQueue = Awaited<ReturnType<typeof open>>;

/** Both worlds of a test: the disk and the ledger outlive the queue. */
async function world(names: readonly string[], disk: SimulatedDisk = createSimulatedDisk()) {
  const ledger = new Map<string, string>();
  const reopen = () => open({ disk, ledger });
  const queue = await reopen();
  for (const name of names) queue.stream(name, { maxBytes: QUOTA });
  return { disk, ledger, queue, reopen };
}

async function run(queue: TestQueue, command: QueueCommand, specimens?: (name: string) => readonly CommandSpecimen[]): Promise<{ text: string; figures: Figures }> {
  const going = runCommand({ queue, ...(specimens !== undefined && { specimens }) }, command);
  let text = '';
  for (;;) {
    const piece = await going.next();
    if (piece.done === true) return { text, figures: piece.value };
    text += piece.value;
  }
}

const counters = (queue: TestQueue, name: string) => queue.find(name)!.state().counters;

/** What is missing to the whole identity. */
function imbalance(queue: TestQueue, name: string): number {
  const { appended, movedIn, acknowledged, deduplicated, lost, pending } = counters(queue, name);
  return appended + movedIn - acknowledged - deduplicated - Object.values(lost).reduce((a, b) => a + b, 0) - pending;
}

function labelled(series: readonly Record<string, string>[]): Image {
  const writer = new ByteWriter(4096);
  for (const labels of series) {
    const one = new ByteWriter(4096);
    const length = encodeLabels(new Map(Object.entries(labels)), one);
    writer.reserve(length + 10);
    writer.length = putVarint(writer.bytes, writer.length, length);
    writer.bytes.set(one.bytes.subarray(0, length), writer.length);
    writer.length += length;
  }
  const bytes = writer.bytes.subarray(0, writer.length);
  return { id: nextImageId(), runs: [{ base: 0, count: series.length, data: zstdCompress(bytes, 3), rawBytes: bytes.length }] };
}

/** A scrape; `undefined` where a series is absent, the text `stale` for the staleness marker. */
function scrape(image: Image, timestampMs: number, values: readonly (number | 'stale' | undefined)[], own?: readonly number[]): RecordInput {
  const present = values.filter((value) => value !== undefined);
  const bitmap = present.length === values.length ? undefined : new Uint8Array(Math.ceil(values.length / 8));
  if (bitmap !== undefined) values.forEach((value, i) => void (value !== undefined && (bitmap[i >>> 3]! |= 1 << (i & 7))));
  const bits = new Uint32Array(present.length * 2);
  const view = new DataView(bits.buffer);
  present.forEach((value, i) => (value === 'stale' ? view.setBigUint64(i * 8, 0x7ff0000000000002n, true) : view.setFloat64(i * 8, value, true)));
  const timestampsMs = own === undefined ? undefined : Float64Array.from(own);
  const column = encodeColumn({ bitmap, bits, samples: present.length, timestampsMs });
  return { type: 'samples', image, positions: values.length, samples: present.length, timestampMs, oldestMs: timestampMs, newestMs: timestampMs, column };
}

const request = (n: number) => encodeWriteRequest({ series: [{
  labels: [['__name__', 'pushed'], ['n', String(n)]], samples: [{ value: valueBits(n), timestampMs: n * 1000 }, { value: valueBits(-n), timestampMs: n * 1000 + 500 }],
  exemplars: [{ labels: [['trace', 'x']], value: valueBits(1), timestampMs: n * 1000 }],
}] });

const refusal = (n: number, reason = 'bad_sample') => ({ reason, status: 400, answer: `no ${n}`, series: `pushed{n="${n}"}`, samples: 2, body: request(n) });
const lines = (text: string) => text.trimEnd().split('\n').map((line) => JSON.parse(line) as { metric: Record<string, string>; values: unknown[]; timestamps: number[] });

describe('list', () => {
  test('tells every stream with destination, pending, disk, identity and quarantine', async () => {
    const { queue } = await world(['a', 'gone']);
    await fill(queue.find('a')!, 1, 3);
    queue.retire('gone');
    queue.find('a')!.quarantine(refusal(1));
    queue.refused.keep('only-refused', refusal(2));
    const { text, figures } = await run(queue, { command: 'list' });
    expect(text).toMatch(/^a\n {2}destination {3}present\n/m);
    expect(text).toMatch(/^gone\n {2}destination {3}removed 2023-11-14T/m);
    expect(text).toContain('pending       9 samples in 3 records');
    expect(text).toContain('appended 9 + moved in 0 = acknowledged 0 + deduplicated 0 + pending 9: holds');
    expect(text).toMatch(/^only-refused\n {2}only quarantined samples are left\n {2}quarantined {3}1 entries/m);
    expect(figures).toMatchObject({ command: 'list', streams: 3, pendingSamples: 9, quarantinedEntries: 2 });
  });
});

describe('inspect', () => {
  test('a segment that holds only the state of the stream has no records', async () => {
    const { disk, ledger, queue } = await world(['a']);
    await fill(queue.find('a')!, 1, 5);
    await queue.close();
    const clock = manualClock();
    const again = await open({ disk, ledger, clock });
    again.find('a')!.settle(1, 2);
    clock.advance(10_000);
    const { text } = await run(again, { command: 'inspect', name: 'a' });
    expect(text).toMatch(/0000000000000001\.seg {2}records 1 to 5, .*\n +0000000000000006\.seg {2}no records, \d+ bytes\n/);
    await again.close();
  });

  test('tells segments, what is not settled, the last answers and the quarantine by reason', async () => {
    const { queue } = await world(['a']);
    const stream = queue.find('a')!;
    await fill(stream, 1, 5);
    stream.settle(2, 3);
    for (let n = 1; n <= 3; n++) stream.quarantine(refusal(n, n === 3 ? 'too_old' : 'bad_sample'));
    const specimen = { status: 429, reason: 'rate_limited', samples: 7, atMs: 0, body: 'slow\ndown', series: undefined };
    const { text, figures } = await run(queue, { command: 'inspect', name: 'a' }, () => [specimen]);
    expect(text).toContain('0000000000000001.seg  records 1 to 5');
    expect(text).toContain('records 1 to 1, 2 samples');
    expect(text).toContain('records 4 to 5, 6 samples');
    expect(text).toContain('rate_limited: status 429, 7 samples: slow down');
    expect(text).toMatch(/bad_sample: 2 entries, 4 samples, .*\n +such as [0-9a-f]{16}: status 400, pushed\{n="2"\}: no 2/);
    expect(text).toMatch(/too_old: 1 entries, 2 samples/);
    expect(figures).toMatchObject({ gaps: 1, quarantinedEntries: 3, quarantinedSamples: 6, damagedEntries: 0 });
  });

  test('says that answers are not known when no collector runs', async () => {
    const { queue } = await world(['a']);
    expect((await run(queue, { command: 'inspect', name: 'a' })).text).toContain('no collector runs');
  });
});

describe('export', () => {
  test('gives one line per series with all its samples, NaN and infinities on their own, and takes nothing out', async () => {
    const { queue } = await world(['a']);
    const image = labelled([{ __name__: 'm', l: '1' }, { __name__: 'm', l: 'quote " and \u2028' }, { __name__: 'n' }]);
    queue.find('a')!.append([scrape(image, 1000, [1, undefined, 0.1]), scrape(image, 2000, [2, -0, 'stale']), scrape(image, 3000, [NaN, Infinity, -Infinity], [3001, 3002, 3003])]);
    await written();
    const { text, figures } = await run(queue, { command: 'export', name: 'a', quarantine: false });
    expect(lines(text)).toEqual([
      { metric: { __name__: 'm', l: '1' }, values: [1, 2], timestamps: [1000, 2000] },
      { metric: { __name__: 'm', l: '1' }, values: [null], timestamps: [3001] },
      { metric: { __name__: 'm', l: 'quote " and \u2028' }, values: [-0], timestamps: [2000] },
      { metric: { __name__: 'm', l: 'quote " and \u2028' }, values: ['Infinity'], timestamps: [3002] },
      { metric: { __name__: 'n' }, values: [0.1], timestamps: [1000] },
      { metric: { __name__: 'n' }, values: ['-Infinity'], timestamps: [3003] },
    ]);
    expect(figures).toEqual({ command: 'export', name: 'a', records: 3, lines: 6, samples: 7, staleMarkers: 1, otherItems: 0 });
    expect(counters(queue, 'a').pending).toBe(8);
  });

  test('gives pushed records, without their exemplars, and only what has no verdict', async () => {
    const { queue } = await world(['a']);
    for (let n = 1; n <= 3; n++) queue.find('a')!.append([{ type: 'raw', samples: 2, oldestMs: n, newestMs: n, body: request(n) }]);
    await written();
    queue.find('a')!.settle(2, 2);
    const { text, figures } = await run(queue, { command: 'export', name: 'a', quarantine: false });
    expect(lines(text).map(({ metric }) => metric['n'])).toEqual(['1', '3']);
    expect(lines(text)[1]).toEqual({ metric: { __name__: 'pushed', n: '3' }, values: [3, -3], timestamps: [3000, 3500] });
    expect(figures).toMatchObject({ samples: 4, otherItems: 2 });
  });

  test('gives the quarantine, without the entries that are damaged', async () => {
    const { queue, disk } = await world(['a']);
    for (let n = 1; n <= 2; n++) queue.find('a')!.quarantine(refusal(n));
    const file = [...disk.files.keys()].find((path) => path.endsWith(`${queue.refused.ids('a')[0]}.entry`))!;
    disk.files.get(file)![20]! ^= 1;
    const { text, figures } = await run(queue, { command: 'export', name: 'a', quarantine: true });
    expect(lines(text).map(({ metric }) => metric['n'])).toEqual(['2']);
    expect(figures).toMatchObject({ entries: 1, damagedEntries: 1 });
  });

  test('comes in pieces of bounded size', async () => {
    const { queue } = await world(['a']);
    const image = labelled(Array.from({ length: 2000 }, (_, i) => ({ __name__: 'm', l: `${i}`.padStart(50, '0') })));
    for (let n = 1; n <= 20; n++) queue.find('a')!.append([scrape(image, n, Array.from({ length: 2000 }, (_, i) => i))]);
    await written();
    const pieces: string[] = [];
    for await (const piece of runCommand({ queue }, { command: 'export', name: 'a', quarantine: false })) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(3);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(70_000);
    expect(pieces.every((piece) => piece.endsWith('\n'))).toBe(true);
  });
});

describe('drop', () => {
  test('settles what is pending as dropped; what a sender has under way counts once', async () => {
    const { queue } = await world(['a']);
    const stream = queue.find('a')!;
    await fill(stream, 1, 4);
    stream.settle(2, 2);
    const taken = await stream.read(0, ALL);
    const { figures } = await run(queue, { command: 'drop', name: 'a', quarantine: false });
    expect(figures).toEqual({ command: 'drop', name: 'a', records: 3, samples: 11, folderRemoved: false });
    stream.settle(taken[0]!.sequence, taken.at(-1)!.sequence);
    expect(counters(queue, 'a')).toMatchObject({ acknowledged: 3, pending: 0, lost: { dropped: 11 } });
    await fill(stream, 5, 5);
    expect(sequences(await readAll(stream))).toEqual([5]);
    expect(imbalance(queue, 'a')).toBe(0);
  });

  test('removes the folder of a stream without destination, for good', async () => {
    const { queue, disk, ledger, reopen } = await world(['a', 'gone']);
    await fill(queue.find('gone')!, 1, 3);
    queue.retire('gone');
    expect((await run(queue, { command: 'drop', name: 'gone', quarantine: false })).figures).toMatchObject({ samples: 9, folderRemoved: true });
    expect(queue.names()).toEqual(['a']);
    expect(queue.retired()).toEqual([]);
    expect([...disk.files.keys()].filter((path) => path.includes('gone'))).toEqual([]);
    await queue.close();
    expect([...ledger.keys()].filter((key) => key.includes('gone'))).toEqual([]);
    expect((await reopen()).names()).toEqual(['a']);
  });

  test('with --quarantine drops one entry or all, and leaves what is pending', async () => {
    const { queue } = await world(['a']);
    await fill(queue.find('a')!, 1, 1);
    for (let n = 1; n <= 3; n++) queue.find('a')!.quarantine(refusal(n));
    const [, second] = queue.refused.ids('a');
    expect((await run(queue, { command: 'drop', name: 'a', quarantine: true, id: second! })).figures).toMatchObject({ entries: 1, samples: 2 });
    expect(queue.refused.count('a')).toBe(2);
    expect((await run(queue, { command: 'drop', name: 'a', quarantine: true })).figures).toMatchObject({ entries: 2 });
    expect(queue.refused.count('a')).toBe(0);
    expect(counters(queue, 'a').pending).toBe(2);
  });
});

describe('retry', () => {
  test('puts entries back as moved in, and takes them out of the quarantine', async () => {
    const { queue, reopen } = await world(['a']);
    const stream = queue.find('a')!;
    await fill(stream, 1, 1);
    for (let n = 1; n <= 2; n++) stream.quarantine(refusal(n));
    stream.settle(1, 1, { quarantined: 2 });
    expect((await run(queue, { command: 'retry', name: 'a' })).figures).toEqual({ command: 'retry', name: 'a', entries: 2, samples: 4, damagedEntries: 0 });
    expect(queue.refused.count('a')).toBe(0);
    const records = await readAll(stream);
    expect(records.map(({ payload }) => Buffer.from(payload))).toEqual([1, 2].map((n) => Buffer.from(request(n))));
    expect(records[1]).toMatchObject({ type: 'raw', samples: 2, oldestMs: 2000, newestMs: 2500 });
    expect(counters(queue, 'a')).toMatchObject({ appended: 2, movedIn: 4, pending: 4, lost: { quarantined: 2 } });
    await queue.close();
    const again = await reopen();
    expect(counters(again, 'a')).toMatchObject({ appended: 2, movedIn: 4, pending: 4 });
    expect(imbalance(again, 'a')).toBe(0);
  });

  test('an entry stays when the disk does not take its record, and nothing is counted', async () => {
    const { queue, disk } = await world(['a']);
    queue.find('a')!.quarantine(refusal(1));
    disk.faults.appendError = 'EIO';
    await expect(run(queue, { command: 'retry', name: 'a' })).rejects.toMatchObject({ code: 'QUEUE_NO_ROOM' });
    expect(queue.refused.count('a')).toBe(1);
    expect(counters(queue, 'a')).toMatchObject({ appended: 0, movedIn: 0, pending: 0, lost: { disk_full: 0 } });
    disk.faults.appendError = undefined;
    expect((await run(queue, { command: 'retry', name: 'a', id: queue.refused.ids('a')[0]! })).figures).toMatchObject({ entries: 1 });
  });
});

describe('adopt', () => {
  test('moves everything pending, in order, and both accounts stay even', async () => {
    const { queue, reopen } = await world(['old', 'new']);
    const image = labelled([{ __name__: 'm' }, { __name__: 'n' }]);
    queue.find('old')!.append([raw(1), scrape(image, 2000, [1, 2]), raw(3)]);
    await written();
    queue.find('old')!.settle(1, 1);
    await fill(queue.find('new')!, 7, 7);
    queue.retire('old');
    expect((await run(queue, { command: 'adopt', from: 'old', to: 'new' })).figures).toEqual({ command: 'adopt', from: 'old', to: 'new', records: 2, samples: 6 });
    expect(counters(queue, 'old')).toMatchObject({ pending: 0, acknowledged: 2, lost: { moved_out: 6 } });
    expect(counters(queue, 'new')).toMatchObject({ appended: 3, movedIn: 6, pending: 9 });
    await queue.close();
    const again = await reopen();
    expect([imbalance(again, 'old'), imbalance(again, 'new')]).toEqual([0, 0]);
    expect(counters(again, 'new')).toMatchObject({ appended: 3, movedIn: 6, pending: 9 });
    const { text } = await run(again, { command: 'export', name: 'new', quarantine: false }).catch((error: Error) => ({ text: error.message }));
    // The raw records of these tests are no write requests.
    expect(text).toContain('does not parse');
    expect((await readAll(again.find('new')!)).map(({ oldestMs }) => oldestMs)).toEqual([7000, 2000, 3000]);
  });

  test('a crash right behind it keeps what moved in as moved in; a crash in between repeats records and loses none', async () => {
    const { queue, disk, ledger } = await world(['old', 'new']);
    await fill(queue.find('old')!, 1, 3);
    await fill(queue.find('new')!, 4, 4);
    queue.retire('old');
    await queue.find('new')!.flush();
    const before = { ledger: new Map(ledger) };
    const target = queue.find('new')!;
    const records = await queue.find('old')!.read(0, ALL);
    expect(target.moveIn(records.map(({ samples, oldestMs, newestMs, payload }) => ({ type: 'raw', samples, oldestMs, newestMs, body: payload })))).toBeUndefined();
    // As it is on disk at this moment: the records; neither ledger nor the old stream know.
    const crashed = await open({ disk: disk.copy(), ledger: before.ledger });
    expect(counters(crashed, 'new')).toMatchObject({ appended: 5, movedIn: 9, pending: 14, scrape: { scraped: 5 } });
    expect(counters(crashed, 'old')).toMatchObject({ pending: 9, lost: { moved_out: 0 } });
    expect([imbalance(crashed, 'old'), imbalance(crashed, 'new')]).toEqual([0, 0]);
  });

  test('stops where the quota of the new stream ends: nothing is pushed out, the rest stays', async () => {
    const { queue } = await world(['old', 'new']);
    for (let n = 1; n <= 12; n++) queue.find('old')!.append([raw(n, 512 * 1024)]);
    await written();
    queue.retire('old');
    const target = queue.stream('new', { maxBytes: 3 * 1024 ** 2 }) as unknown as ReturnType<TestQueue['find']>;
    await fill(target!, 20, 20);
    await expect(run(queue, { command: 'adopt', from: 'old', to: 'new' })).rejects.toMatchObject({ code: 'QUEUE_NO_ROOM', message: expect.stringContaining('the rest stays where it was') });
    expect(counters(queue, 'new').lost.evicted).toBe(0);
    expect(counters(queue, 'new').movedIn).toBe(counters(queue, 'old').lost.moved_out);
    expect(counters(queue, 'new').movedIn).toBeGreaterThan(0);
    expect(counters(queue, 'old').pending).toBeGreaterThan(0);
    expect([imbalance(queue, 'old'), imbalance(queue, 'new')]).toEqual([0, 0]);
  });

  test('settles nothing in the old stream before the new one has it on the medium', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk, settings: { fsync: 'interval' } });
    for (const name of ['old', 'new']) queue.stream(name, { maxBytes: QUOTA });
    await fill(queue.find('old')!, 1, 3);
    queue.retire('old');
    await queue.find('old')!.flush();
    disk.faults.syncError = 'EIO';
    await expect(run(queue, { command: 'adopt', from: 'old', to: 'new' })).rejects.toMatchObject({ code: 'QUEUE_NO_ROOM' });
    expect(counters(queue, 'old')).toMatchObject({ pending: 9, lost: { moved_out: 0 } });
    disk.faults.syncError = undefined;
    await queue.close();
  });

  test('ends between two batches when the queue is about to be closed', async () => {
    const { queue } = await world(['old', 'new']);
    for (let n = 1; n <= 12; n++) queue.find('old')!.append([raw(n, 512 * 1024)]);
    await written();
    queue.retire('old');
    const stop = new AbortController();
    const target = queue.find('new')!;
    const moveIn = target.moveIn.bind(target);
    target.moveIn = (records) => {
      stop.abort(new Error('closing'));
      return moveIn(records);
    };
    await expect(runCommand({ queue, signal: stop.signal }, { command: 'adopt', from: 'old', to: 'new' }).next()).rejects.toThrow('closing');
    expect(counters(queue, 'new').movedIn).toBe(counters(queue, 'old').lost.moved_out);
    expect(counters(queue, 'new').movedIn).toBeGreaterThan(0);
    expect(counters(queue, 'old').pending).toBeGreaterThan(0);
  });

  test('does not take from a stream that has a destination, or from itself', async () => {
    const { queue } = await world(['a', 'b']);
    await expect(run(queue, { command: 'adopt', from: 'a', to: 'b' })).rejects.toMatchObject({ code: 'QUEUE_ADOPT_REFUSED', message: expect.stringContaining('still has a destination') });
    await expect(run(queue, { command: 'adopt', from: 'a', to: 'a' })).rejects.toMatchObject({ code: 'QUEUE_ADOPT_REFUSED' });
  });

  test('knows without a collector that the destination was removed', async () => {
    const { queue, reopen } = await world(['old', 'new']);
    await fill(queue.find('old')!, 1, 2);
    queue.retire('old');
    await queue.close();
    const again = await reopen();
    expect((await run(again, { command: 'adopt', from: 'old', to: 'new' })).figures).toMatchObject({ records: 2 });
  });
});

describe('bad input', () => {
  const commands: readonly QueueCommand[] = [
    { command: 'inspect', name: 'mastr-a' }, { command: 'export', name: 'mastr-a', quarantine: false }, { command: 'export', name: 'mastr-a', quarantine: true },
    { command: 'drop', name: 'mastr-a', quarantine: false }, { command: 'drop', name: 'mastr-a', quarantine: true }, { command: 'retry', name: 'mastr-a' },
    { command: 'adopt', from: 'mastr-a', to: 'master-b' }, { command: 'adopt', from: 'master-b', to: 'mastr-a' },
  ];
  test.each(commands)('an unknown stream is told with the nearest one: %j', async (command) => {
    const { queue } = await world(['master-a', 'other']);
    queue.stream('master-b', { maxBytes: QUOTA });
    await expect(run(queue, command)).rejects.toMatchObject({ code: 'QUEUE_STREAM_UNKNOWN', message: 'the queue has no stream "mastr-a"; did you mean "master-a"?' });
    expect(queue.names()).not.toContain('mastr-a');
  });

  test('an unknown entry is told', async () => {
    const { queue } = await world(['a']);
    const id = '0123456789abcdef';
    await expect(run(queue, { command: 'retry', name: 'a', id })).rejects.toMatchObject({ code: 'QUEUE_ENTRY_UNKNOWN', message: expect.stringContaining(id) });
    await expect(run(queue, { command: 'drop', name: 'a', quarantine: true, id })).rejects.toMatchObject({ code: 'QUEUE_ENTRY_UNKNOWN' });
  });
});

test('reading for a command leaves the clock and the places of the sender alone', async () => {
  const clock = manualClock();
  const queue = await open({ disk: createSimulatedDisk(), clock });
  const stream = queue.stream('a', { maxBytes: QUOTA });
  stream.append([{ type: 'raw', samples: 2, oldestMs: 1, newestMs: 1, body: request(1) }, { type: 'raw', samples: 2, oldestMs: 2, newestMs: 2, body: request(2) }]);
  await written();
  const first = await stream.read(0, { samples: 2, bytes: Infinity });
  await run(queue, { command: 'export', name: 'a', quarantine: false });
  expect(sequences(await stream.read(first[0]!.sequence, ALL))).toEqual([2]);
});
