// The queue against a model of fifty lines: random appends, settled ranges, crashes, reopenings, lost ledgers and refused writes. Every
// failure prints its seed.

import { expect, test } from 'vitest';

import { seededRandom } from '../../src/io/random.ts';
import type { Queue, Stream } from '../../src/queue/queue.ts';
import { body, column, image, imbalance, manualClock, open, raw, readAll, written } from '../unit/queue/helpers.ts';
import { createSimulatedDisk } from '../unit/queue/simulated-disk.ts';

interface Entry {
  readonly n: number;
  readonly samples: number;
  isSettled: boolean;
}

/** What the queue is: numbered entries, some of them settled, and three sums. */
class Model {
  readonly entries: Entry[] = [];
  acknowledged = 0;
  rejected = 0;
  refused = 0;

  append(n: number, samples: number): void {
    this.entries.push({ n, samples, isSettled: false });
  }

  settle(first: number, last: number, { rejected }: { rejected: number }): void {
    let fresh = 0;
    for (const entry of this.entries.slice(first - 1, last)) {
      if (!entry.isSettled) fresh += entry.samples;
      entry.isSettled = true;
    }
    this.rejected += Math.min(rejected, fresh);
    this.acknowledged += fresh - Math.min(rejected, fresh);
  }

  pending(): { sequence: number; n: number }[] {
    return this.entries.flatMap((entry, i) => (entry.isSettled ? [] : [{ sequence: i + 1, n: entry.n }]));
  }

  counters(): { appended: number; acknowledged: number; pending: number } {
    const sum = (entries: Entry[]) => entries.reduce((total, e) => total + e.samples, 0);
    return { appended: sum(this.entries) + this.refused, acknowledged: this.acknowledged, pending: sum(this.entries.filter((e) => !e.isSettled)) };
  }
}

async function run(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const int = (below: number) => Math.floor(random.next() * below);
  const clock = manualClock();
  let disk = createSimulatedDisk();
  let ledger = new Map<string, string>();
  const model = new Model();
  const segmentBytes = 400 + int(2000);
  let queue: Queue;
  let stream: Stream;
  let source = image(3);
  const start = async () => {
    queue = await open({ disk, ledger, clock, settings: { segmentBytes }, recentBytesMax: int(2) * 3000 });
    stream = queue.stream('m', { maxBytes: 1 << 30 });
    source = image(1 + int(5));
  };
  /** The state is on disk: a crash after it loses nothing that the model knows. */
  const save = async () => {
    clock.advance(10_000);
    await written();
  };
  await start();
  let n = 0;
  for (let turn = 0; turn < 60; turn++) {
    const what = int(12);
    if (what < 5) {
      for (let i = int(4); i >= 0; i--) {
        n++;
        if (int(6) === 0) source.runs.push({ base: source.runs.at(-1)!.base + source.runs.at(-1)!.count, count: 2, data: Buffer.from(`run ${n}`), rawBytes: 9 });
        const record = int(2) === 0 ? raw(n, 20 + int(300)) : column(n, source);
        stream!.append([record]);
        model.append(n, record.samples);
      }
      await written();
    } else if (what < 8) {
      const first = 1 + int(model.entries.length + 1);
      const last = first + int(6);
      const rejected = int(3);
      stream!.settle(first, last, { rejected });
      model.settle(first, last, { rejected });
    } else if (what === 8) {
      disk.faults.appendError = 'ENOSPC';
      disk.faults.tornBytes = int(200);
      const record = raw(++n);
      stream!.append([record]);
      model.refused += record.samples;
      await written();
      disk.faults.appendError = undefined;
    } else if (what === 9) {
      await queue!.close();
      await start();
    } else if (what === 10) {
      await save();
      disk = disk.copy();
      ledger = int(3) === 0 ? new Map() : new Map(ledger);
      await start();
    }
    const records = await readAll(stream!, { samples: 1 + int(20), bytes: 1 + int(2000) });
    expect(records.map((r) => ({ sequence: r.sequence, n: r.newestMs / 1000 }))).toEqual(model.pending());
    expect(records.filter((r) => !body(r.newestMs / 1000, r.payload.length).equals(r.payload))).toEqual([]);
    const { counters } = stream!.state();
    expect(counters).toMatchObject({ ...model.counters(), lost: { rejected: model.rejected, disk_full: model.refused, corrupt: 0 } });
    expect(imbalance(stream!.state())).toBe(0);
  }
  await queue!.close();
}

const first = Number(process.env['TRIBUTARY_SEED'] ?? 1);
const seeds = process.env['TRIBUTARY_SEED'] === undefined ? 60 : 1;

test('appends, settlements, crashes and reopenings leave the queue as the model', async () => {
  for (let seed = first; seed < first + seeds; seed++) {
    await run(seed).catch((error: unknown) => {
      throw new Error(`TRIBUTARY_SEED=${seed}`, { cause: error });
    });
  }
});
