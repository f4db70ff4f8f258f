// The tally of a scrape on disk: its bytes, and totals that add up wherever a process dies and whatever byte of a segment is damaged.

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { systemDisk } from '../../../src/io/disk.ts';
import { openLevelStore } from '../../../src/queue/ledger-store.ts';
import type { RecordInput, StreamState, Tally } from '../../../src/queue/queue.ts';
import { HEADER_BYTES, readHeader } from '../../../src/queue/record.ts';
import { addTallies, decodeTally, encodeTally, noTally, tallyOf } from '../../../src/queue/tally.ts';
import { body, column, image, imbalance, manualClock, open, QUOTA, raw, readAll, segmentsOf, written } from './helpers.ts';
import { createSimulatedDisk } from './simulated-disk.ts';

const root = mkdtempSync(join(tmpdir(), 'tributary-tally-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What is missing to scraped = failed + relabelled + limited + unrouted + appended. */
function scrapeImbalance({ counters: { scrape, appended } }: StreamState): number {
  return scrape.scraped - scrape.failed - scrape.relabelled - scrape.limited - scrape.unrouted - appended;
}

/** Record `n` of a scrape of which some samples were dropped, in another way each time. */
function tallied(n: number, positions = 3): RecordInput {
  const input = column(n, image(positions));
  const dropped = { failed: n, relabelled: 200 * (n % 2), limited: n % 3, unrouted: n % 5 };
  const scraped = input.samples + dropped.failed + dropped.relabelled + dropped.limited + dropped.unrouted;
  return { ...input, tally: { scraped, ...dropped } };
}

const inputs = [tallied(1), raw(2), tallied(3, 5), column(4, image(2)), tallied(5), tallied(6), raw(7), tallied(8)];
const total = (records: readonly RecordInput[]): Tally => records.map((record) => tallyOf(record as { samples: number; tally?: Tally })).reduce(addTallies, noTally);

describe('bytes', () => {
  test('the example of the format', () => {
    expect(encodeTally({ scraped: 520, failed: 0, relabelled: 20, limited: 0, unrouted: 0 }).toString('hex')).toBe('880400140000');
  });

  test('what is decoded is what was encoded, up to numbers of 53 bits', () => {
    for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
      const tally = { scraped: value, failed: 0, relabelled: value, limited: 1, unrouted: value };
      expect(decodeTally(encodeTally(tally))).toEqual(tally);
    }
  });

  test('bytes that are no tally are none', () => {
    for (const hex of ['', '00000000', '000000000000', '0000000080', 'ffffffffffffffffffffff7f00000000']) expect(decodeTally(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  test('it lies at the end of the payload, and the header tells its length', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    queue.stream('a', { maxBytes: QUOTA }).append([tallied(1)]);
    await written();
    const data = disk.files.get(segmentsOf(disk)[0]!)!;
    const at = data.lastIndexOf('TRQ1');
    expect(readHeader(data, at)).toMatchObject({ payloadBytes: 40 + 7, tallyBytes: 7 });
    // 206 scraped: 1 failed, 200 relabelled, 1 over a limit, 1 unrouted, 3 appended.
    expect(data.subarray(at + HEADER_BYTES)).toEqual(Buffer.concat([body(1), Buffer.from('ce0101c8010101', 'hex')]));
    await queue.close();
  });

  for (const recentBytesMax of [0, 1 << 20]) {
    test(`a reader gets the column without it (${recentBytesMax === 0 ? 'from disk' : 'from memory'})`, async () => {
      const queue = await open({ disk: createSimulatedDisk(), recentBytesMax });
      const stream = queue.stream('a', { maxBytes: QUOTA });
      stream.append([tallied(1), tallied(2)]);
      await written();
      expect((await readAll(stream)).map((record) => Buffer.from(record.payload))).toEqual([body(1), body(2)]);
      await queue.close();
    });
  }
});

describe('totals', () => {
  for (const keepsLedger of [true, false]) {
    test(`a kill after any record, ${keepsLedger ? 'with the ledger as it was then' : 'the ledger lost'}: they are exactly those of the records`, async () => {
      for (let savedAt = 0; savedAt <= inputs.length; savedAt++) {
        const [disk, ledger, clock] = [createSimulatedDisk(), new Map<string, string>(), manualClock()];
        const queue = await open({ disk, ledger, clock, settings: { segmentBytes: 500 } });
        const stream = queue.stream('a', { maxBytes: QUOTA });
        for (const [i, input] of inputs.entries()) {
          stream.append([input]);
          await written();
          if (i === 2) stream.settle(1, 2);
          if (i === savedAt) {
            clock.advance(10_000);
            await written();
          }
          const killed = await open({ disk: disk.copy(), ledger: keepsLedger ? new Map(ledger) : new Map() });
          const state = killed.stream('a', { maxBytes: QUOTA }).state();
          expect([state.counters.scrape, scrapeImbalance(state), imbalance(state)]).toEqual([total(inputs.slice(0, i + 1)), 0, 0]);
          await killed.close();
        }
        expect(stream.state().counters.scrape).toEqual(total(inputs));
        await queue.close();
      }
    });

    test(`a file cut or damaged at any byte, ${keepsLedger ? 'with the ledger' : 'the ledger lost'}: the identity holds, also after another restart`, async () => {
      const disk = createSimulatedDisk();
      const ledger = new Map<string, string>();
      const queue = await open({ disk, ledger });
      const stream = queue.stream('a', { maxBytes: QUOTA });
      stream.append(inputs.slice(0, 4));
      await written();
      const [file] = segmentsOf(disk);
      const data = disk.files.get(file!)!;
      for (let offset = 0; offset < data.length; offset++) {
        for (const isCut of [true, false]) {
          const copy = disk.copy();
          const changed = Buffer.from(isCut ? data.subarray(0, offset) : data);
          if (!isCut) changed[offset]! ^= 0xff;
          copy.files.set(file!, changed);
          const saved = keepsLedger ? new Map(ledger) : new Map<string, string>();
          const again = await open({ disk: copy, ledger: saved });
          const reopened = again.stream('a', { maxBytes: QUOTA });
          await readAll(reopened);
          expect([isCut, offset, scrapeImbalance(reopened.state()), imbalance(reopened.state())]).toEqual([isCut, offset, 0, 0]);
          const before = reopened.state().counters;
          await again.close();
          const last = await open({ disk: copy, ledger: saved });
          expect(last.stream('a', { maxBytes: QUOTA }).state().counters).toEqual(before);
          await last.close();
        }
      }
      await queue.close();
    });
  }

  test('a state in the ledger that is damaged: closed segments are walked for their tallies', async () => {
    const [disk, ledger] = [createSimulatedDisk(), new Map<string, string>()];
    const queue = await open({ disk, ledger, settings: { segmentBytes: 500 } });
    for (const input of inputs) {
      queue.stream('a', { maxBytes: QUOTA }).append([input]);
      await written();
    }
    await queue.close();
    ledger.set('s/a', `${ledger.get('s/a')!.slice(0, -1)}?`);
    disk.makeFolder('/queue/ledger');
    const again = await open({ disk, ledger });
    expect(again.stream('a', { maxBytes: QUOTA }).state().counters.scrape).toEqual(total(inputs));
    await again.close();
  });

  test('refused samples are counted with their tally', async () => {
    const disk = createSimulatedDisk();
    const queue = await open({ disk });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    disk.faults.appendError = 'EROFS';
    stream.append([tallied(1)]);
    await written();
    disk.faults.appendError = undefined;
    stream.append([tallied(2)]);
    await written();
    expect(stream.state().counters).toMatchObject({ appended: 6, lost: { disk_full: 3 }, scrape: total([tallied(1), tallied(2)]) });
    await queue.close();
  });

  test('what is scraped and dropped without a record is in the next state', async () => {
    const [disk, ledger, clock] = [createSimulatedDisk(), new Map<string, string>(), manualClock()];
    const queue = await open({ disk, ledger, clock });
    const stream = queue.stream('a', { maxBytes: QUOTA });
    const dropped = { ...noTally, scraped: 7, unrouted: 7 };
    stream.append([raw(1)]);
    await written();
    stream.count(dropped);
    clock.advance(10_000);
    await written();
    for (const values of [new Map(ledger), new Map<string, string>()]) {
      const killed = await open({ disk: disk.copy(), ledger: values });
      expect(killed.stream('a', { maxBytes: QUOTA }).state().counters.scrape).toEqual(addTallies(dropped, total([raw(1)])));
      await killed.close();
    }
    await queue.close();
  });
});

describe('stored queues', () => {
  for (const [folder, scrapes] of [
    ['format-1', undefined],
    ['format-1-tally', [{ scraped: 230, failed: 3, relabelled: 203, limited: 1, unrouted: 14 }]],
  ] as const) {
    test(`${folder}: both identities hold`, async () => {
      const path = join(root, folder);
      cpSync(new URL(`../../fixtures/queue/${folder}`, import.meta.url), path, { recursive: true });
      const queue = await open({ disk: systemDisk, openStore: openLevelStore, path });
      const states = queue.names().map((name) => queue.stream(name, { maxBytes: QUOTA }).state());
      expect(states.map((state) => [scrapeImbalance(state), imbalance(state)])).toEqual(states.map(() => [0, 0]));
      if (scrapes !== undefined) expect(states.map((state) => state.counters.scrape)).toEqual(scrapes);
      await queue.close();
    });
  }

  test('the bytes of a record with a tally have not changed', () => {
    const data = readFileSync(new URL('../../fixtures/queue/format-1-tally/streams/a/0000000000000001.seg', import.meta.url));
    const at = data.indexOf('TRQ1', data.indexOf('<1>') - HEADER_BYTES);
    expect(readHeader(data, at)).toMatchObject({ sequence: 1, samples: 3, tallyBytes: 7, payloadBytes: 47 });
  });
});
