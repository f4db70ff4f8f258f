// Damage: whatever byte of a segment or of the ledger is flipped, wherever a file is cut, the queue opens, delivers every record that is
// whole (as it was given), counts the rest, and the identity holds.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { systemDisk } from '../../src/io/disk.ts';
import { seededRandom } from '../../src/io/random.ts';
import { openLevelStore } from '../../src/queue/ledger-store.ts';
import type { QueuedRecord, Stream } from '../../src/queue/queue.ts';
import { HEADER_BYTES, RECORD_CHECKPOINT, RECORD_IMAGE_RUN } from '../../src/queue/record.ts';
import { type Step, step, Window } from '../../src/queue/segment.ts';
import { column, image, imbalance, open, QUOTA, raw, readAll, written } from '../unit/queue/helpers.ts';
import { createSimulatedDisk, type SimulatedDisk } from '../unit/queue/simulated-disk.ts';

const SEGMENT = '/queue/streams/a/0000000000000001.seg';

/** A stretch of the segment file, and the sequences it costs when it is damaged. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly costs: number[];
}

interface Prepared {
  readonly disk: SimulatedDisk;
  readonly ledger: Map<string, string>;
  /** By sequence. */
  readonly records: Map<number, QueuedRecord>;
  readonly pieces: Piece[];
  readonly settled: number[];
}

/** A closed queue of one segment: two images (one grows), raw records, record 2 settled. */
async function prepare(bytes: number): Promise<Prepared> {
  const disk = createSimulatedDisk();
  const ledger = new Map<string, string>();
  const queue = await open({ disk, ledger });
  const stream = queue.stream('a', { maxBytes: QUOTA });
  const [one, two] = [image(3, 'x'.repeat(Math.min(bytes, 60_000))), image(2, 'two')];
  stream.append([column(1, one, 3, bytes), raw(2, bytes), column(3, two, 2, bytes)]);
  one.runs.push({ base: 3, count: 2, data: Buffer.from('growth'), rawBytes: 9 });
  stream.append([column(4, one, 5, bytes), raw(5, bytes), column(6, one, 3, bytes)]);
  await written();
  const records = new Map((await readAll(stream)).map((r) => [r.sequence, r]));
  stream.settle(2, 2);
  await queue.close();
  return { disk, ledger, records, pieces: piecesOf(disk), settled: [2] };
}

/** What each stretch of the file is worth: a record itself; a run every later record that covers it; a checkpoint nothing. */
function piecesOf(disk: SimulatedDisk): Piece[] {
  const window = new Window(disk.openRead(SEGMENT), disk.fileBytes(SEGMENT), 1 << 20);
  const found: Step[] = [];
  for (let at = step(window, 0); at !== undefined; at = step(window, at.next)) found.push(at);
  return found.map((at) => {
    const { type, sequence, imageId, positions } = at.header!;
    const needing = found.flatMap(({ header: h }) => (h!.type === 2 && h!.imageId === imageId && h!.positions > positions ? [h!.sequence] : []));
    const costs = type === RECORD_CHECKPOINT ? [] : type === RECORD_IMAGE_RUN ? needing : [sequence];
    return { from: at.offset, to: at.next, costs };
  });
}

const runsOf = (r: QueuedRecord) => r.image?.runs.filter((run) => run.base < r.positions) ?? [];
const same = (a: QueuedRecord, b: QueuedRecord) =>
  a.type === b.type && a.samples === b.samples && a.timestampMs === b.timestampMs && a.positions === b.positions && Buffer.from(a.payload).equals(b.payload) &&
  runsOf(a).length === runsOf(b).length &&
  runsOf(a).every((run, i) => run.base === runsOf(b)[i]!.base && run.count === runsOf(b)[i]!.count && Buffer.from(run.data).equals(runsOf(b)[i]!.data));

async function check(stream: Stream, prepared: Prepared, lost: ReadonlySet<number>, isExact: boolean): Promise<void> {
  const delivered = await readAll(stream);
  const wrong = delivered.filter((r) => !same(r, prepared.records.get(r.sequence)!) || lost.has(r.sequence));
  const missing = [...prepared.records.keys()].filter((s) => !lost.has(s) && !prepared.settled.includes(s) && !delivered.some((r) => r.sequence === s));
  expect([wrong, missing]).toEqual([[], []]);
  const state = stream.state();
  const pending = delivered.reduce((sum, r) => sum + r.samples, 0);
  expect([imbalance(state), state.counters.pending]).toEqual([0, pending]);
  if (!isExact) return;
  const samples = (sequences: Iterable<number>) => [...sequences].reduce((sum, s) => sum + (prepared.settled.includes(s) ? 0 : prepared.records.get(s)!.samples), 0);
  expect([state.counters.appended, state.counters.lost.corrupt]).toEqual([samples(prepared.records.keys()) + prepared.records.get(2)!.samples, samples(lost)]);
}

async function damage(prepared: Prepared, change: (data: Buffer) => Buffer, lost: ReadonlySet<number>, keepsLedger: boolean): Promise<void> {
  const disk = prepared.disk.copy();
  disk.files.set(SEGMENT, change(disk.files.get(SEGMENT)!));
  const queue = await open({ disk, ledger: keepsLedger ? new Map(prepared.ledger) : new Map() });
  await check(queue.stream('a', { maxBytes: QUOTA }), prepared, lost, keepsLedger);
  await queue.close();
}

const flip = (offset: number) => (data: Buffer) => {
  data[offset]! ^= 0xff;
  return data;
};
const lostByFlip = (pieces: Piece[], offset: number) => new Set(pieces.find((p) => offset >= p.from && offset < p.to)!.costs);
const lostByCut = (pieces: Piece[], offset: number) => new Set(pieces.filter((p) => p.to > offset).flatMap((p) => p.costs));

async function named(what: string, run: () => Promise<void>): Promise<void> {
  await run().catch((error: unknown) => {
    throw new Error(what, { cause: error });
  });
}

describe('segments', () => {
  for (const keepsLedger of [true, false]) {
    const how = keepsLedger ? 'with its ledger' : 'without a ledger';

    test(`every byte of a small segment flipped, and cut there, ${how}`, async () => {
      const prepared = await prepare(40);
      const size = prepared.disk.files.get(SEGMENT)!.length;
      for (let offset = 0; offset < size; offset++) {
        await named(`flipped at ${offset}`, () => damage(prepared, flip(offset), lostByFlip(prepared.pieces, offset), keepsLedger));
        await named(`cut at ${offset}`, () => damage(prepared, (data) => data.subarray(0, offset), lostByCut(prepared.pieces, offset), keepsLedger));
      }
    });
  }

  test('500 seeded offsets with records of full size', async () => {
    const prepared = await prepare(200_000);
    const seed = Number(process.env['TRIBUTARY_SEED'] ?? 7);
    const random = seededRandom(seed);
    const size = prepared.disk.files.get(SEGMENT)!.length;
    for (let i = 0; i < 500; i++) {
      // Headers are a small part of such a file: every other offset is one in a header.
      const piece = prepared.pieces[Math.floor(random.next() * prepared.pieces.length)]!;
      const offset = i % 2 === 0 ? piece.from + Math.floor(random.next() * HEADER_BYTES) : Math.floor(random.next() * size);
      const isCut = random.next() < 0.3;
      const lost = isCut ? lostByCut(prepared.pieces, offset) : lostByFlip(prepared.pieces, offset);
      const change = isCut ? (data: Buffer) => data.subarray(0, offset) : flip(offset);
      await named(`seed ${seed}, ${isCut ? 'cut' : 'flipped'} at ${offset}`, () => damage(prepared, change, lost, random.next() < 0.5));
    }
  });
});

describe('ledger', () => {
  const root = mkdtempSync(join(tmpdir(), 'tributary-queue-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test('every byte of every LevelDB file flipped, and cut there: everything is delivered, nothing is counted as lost', async () => {
    const original = join(root, 'original');
    const options = { disk: systemDisk, openStore: openLevelStore, settings: { segmentBytes: 500 } };
    const queue = await open({ ...options, path: original });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    for (let n = 1; n <= 6; n++) stream.append([raw(n)]);
    await written();
    stream.settle(1, 1);
    await queue.close();
    // LOG is LevelDB's diary and LOCK is empty: neither is ever read.
    const files = readdirSync(join(original, 'ledger')).filter((f) => f !== 'LOG' && f !== 'LOG.old' && f !== 'LOCK');
    const path = join(root, 'copy');
    const tryWith = async (file: string, offset: number, isCut: boolean) => {
      rmSync(path, { recursive: true, force: true });
      cpSync(original, path, { recursive: true });
      const target = join(path, 'ledger', file);
      if (isCut) truncateSync(target, offset);
      else writeFileSync(target, flip(offset)(readFileSync(target)));
      const again = await open({ ...options, path });
      const reopened = again.stream('a', { maxBytes: QUOTA });
      const sequences = (await readAll(reopened)).map((r) => r.sequence).filter((s) => s > 1);
      const { counters } = reopened.state();
      expect([sequences, counters.appended, counters.lost.corrupt, imbalance(reopened.state())]).toEqual([[2, 3, 4, 5, 6], 17, 0, 0]);
      await again.close();
    };
    for (const file of files) {
      const size = readFileSync(join(original, 'ledger', file)).length;
      for (let offset = 0; offset < size; offset++) {
        for (const isCut of [false, true]) await named(`${file} ${isCut ? 'cut' : 'flipped'} at ${offset}`, () => tryWith(file, offset, isCut));
      }
    }
    // A thousand LevelDB databases are opened on a real disk: seconds alone, minutes beside other work.
  }, 600_000);
});
