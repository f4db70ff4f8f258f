// The queue against a small model: random appends, settlements, rotations, crashes, reopenings, lost ledgers, refused writes, quotas and removed
// streams on three streams at once. A run is a list of operations made from a seed; a list that fails is made shorter until nothing can be left out,
// and printed.

import assert from 'node:assert/strict';
import { expect, test } from 'vitest';

import { seededRandom } from '../../src/io/random.ts';
import type { Queue, Stream } from '../../src/queue/queue.ts';
import { body, column, image, imbalance, manualClock, open, raw, readAll, turns, written } from '../unit/queue/helpers.ts';
import { createSimulatedDisk } from '../unit/queue/simulated-disk.ts';

const STREAMS = ['a', 'b', 'c'] as const;
/** The stream with a small quota: its model knows less, the others must not notice. */
const SMALL = 'c';
const SMALL_QUOTA = 6000;
/** A checkpoint is written whatever the quota says: it is what the accounts need. Bytes. */
const CHECKPOINT_BYTES_MAX = 1024;

type Operation =
  | { readonly do: 'append'; readonly stream: number; readonly records: readonly { readonly bytes: number; readonly isColumn: boolean; readonly grows: boolean }[] }
  | { readonly do: 'settle'; readonly stream: number; readonly from: number; readonly records: number; readonly rejected: number }
  | { readonly do: 'refuse'; readonly stream: number; readonly code: string; readonly tornBytes: number; readonly cannotCut: boolean }
  | { readonly do: 'checkpoint' }
  | { readonly do: 'reopen' }
  | { readonly do: 'crash'; readonly ledger: 'kept' | 'lost' }
  | { readonly do: 'remove' };

interface Plan {
  readonly segmentBytes: number;
  readonly recentBytesMax: number;
  readonly readSamples: number;
  readonly operations: readonly Operation[];
}

function createPlan(seed: number): Plan {
  const random = seededRandom(seed);
  const int = (below: number) => Math.floor(random.next() * below);
  const operation = (): Operation => {
    const what = int(16);
    const stream = int(STREAMS.length);
    const record = () => ({ bytes: 20 + int(300), isColumn: int(2) === 0, grows: int(6) === 0 });
    if (what < 7) return { do: 'append', stream, records: Array.from({ length: 1 + int(4) }, record) };
    if (what < 11) return { do: 'settle', stream, from: int(12), records: 1 + int(6), rejected: int(3) };
    if (what === 11) return { do: 'refuse', stream, code: int(2) === 0 ? 'ENOSPC' : 'EIO', tornBytes: int(200), cannotCut: int(4) === 0 };
    if (what === 12) return { do: 'checkpoint' };
    if (what === 13) return { do: 'reopen' };
    if (what === 14) return { do: 'crash', ledger: int(3) === 0 ? 'lost' : 'kept' };
    return int(3) === 0 ? { do: 'remove' } : { do: 'checkpoint' };
  };
  return { segmentBytes: 400 + int(2000), recentBytesMax: int(2) * 3000, readSamples: 1 + int(20), operations: Array.from({ length: 60 }, operation) };
}

interface Entry {
  readonly n: number;
  readonly samples: number;
  isSettled: boolean;
}

/** What a stream is: numbered entries, some of them settled, and three sums. */
class Model {
  entries: Entry[] = [];
  acknowledged = 0;
  rejected = 0;
  refused = 0;

  settle(first: number, last: number, rejected: number): void {
    let fresh = 0;
    for (const entry of this.entries.slice(first - 1, last)) {
      if (!entry.isSettled) fresh += entry.samples;
      entry.isSettled = true;
    }
    this.rejected += Math.min(rejected, fresh);
    this.acknowledged += fresh - Math.min(rejected, fresh);
  }

  get appended(): number {
    return this.entries.reduce((sum, { samples }) => sum + samples, 0) + this.refused;
  }

  pending(): Entry[] {
    return this.entries.filter(({ isSettled }) => !isSettled);
  }
}

class Run {
  readonly #plan: Plan;
  readonly #clock = manualClock();
  readonly #models = STREAMS.map(() => new Model());
  #disk = createSimulatedDisk();
  #ledger = new Map<string, string>();
  #queue!: Queue;
  #streams!: readonly Stream[];
  #source = image(3);
  #n = 0;
  /** Names that stand for the streams: a removed one comes back under another name. */
  readonly #names: string[] = [...STREAMS];

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async run(): Promise<void> {
    await this.#open();
    for (const operation of this.#plan.operations) {
      await this.#apply(operation);
      for (let i = 0; i < STREAMS.length; i++) await this.#check(i);
    }
    await this.#queue.close();
  }

  async #open(): Promise<void> {
    const { segmentBytes, recentBytesMax } = this.#plan;
    this.#queue = await open({ disk: this.#disk, ledger: this.#ledger, clock: this.#clock, settings: { segmentBytes }, recentBytesMax });
    this.#streams = this.#names.map((name, i) => this.#queue.stream(name, { maxBytes: STREAMS[i] === SMALL ? SMALL_QUOTA : 1 << 30 }));
    this.#source = image(2);
  }

  async #apply(operation: Operation): Promise<void> {
    switch (operation.do) {
      case 'append':
        return this.#append(operation);
      case 'settle': {
        const first = 1 + Math.min(operation.from, this.#models[operation.stream]!.entries.length);
        const last = Math.min(first + operation.records - 1, this.#models[operation.stream]!.entries.length);
        this.#streams[operation.stream]!.settle(first, last, { rejected: operation.rejected });
        return this.#models[operation.stream]!.settle(first, last, operation.rejected);
      }
      case 'refuse':
        return this.#refuse(operation);
      case 'checkpoint':
        return this.#save();
      case 'reopen':
        await this.#queue.close();
        return this.#open();
      case 'crash':
        return this.#crash(operation.ledger);
      case 'remove':
        return this.#remove();
    }
  }

  async #append({ stream, records }: Extract<Operation, { do: 'append' }>): Promise<void> {
    for (const { bytes, isColumn, grows } of records) {
      this.#n++;
      const { runs } = this.#source;
      const last = runs.at(-1)!;
      if (grows) runs.push({ base: last.base + last.count, count: 2, data: Buffer.from(`run ${this.#n}`), rawBytes: 9 });
      const record = isColumn ? column(this.#n, this.#source) : raw(this.#n, bytes);
      this.#streams[stream]!.append([record]);
      this.#models[stream]!.entries.push({ n: this.#n, samples: record.samples, isSettled: false });
    }
    await written();
  }

  async #refuse({ stream, code, tornBytes, cannotCut }: Extract<Operation, { do: 'refuse' }>): Promise<void> {
    Object.assign(this.#disk.faults, { appendError: code, tornBytes, truncateError: cannotCut ? 'EIO' : undefined });
    const record = raw(++this.#n);
    this.#streams[stream]!.append([record]);
    this.#models[stream]!.refused += record.samples;
    await written();
    Object.assign(this.#disk.faults, { appendError: undefined, truncateError: undefined });
    if (cannotCut) await this.#heal();
  }

  /** Nothing is taken before what could not be cut off is out of the files. */
  async #heal(): Promise<void> {
    this.#clock.advance(5000);
    await turns();
  }

  /** The state is on disk: a crash after it loses nothing that the model knows. */
  async #save(): Promise<void> {
    this.#clock.advance(10_000);
    await written();
  }

  async #crash(ledger: 'kept' | 'lost'): Promise<void> {
    await this.#save();
    this.#disk = this.#disk.copy();
    this.#ledger = ledger === 'lost' ? new Map() : new Map(this.#ledger);
    await this.#open();
  }

  /** The middle stream is never opened again; a new one takes its place. */
  async #remove(): Promise<void> {
    await this.#queue.close();
    this.#names[1] = `b${this.#n}`;
    this.#models[1] = new Model();
    await this.#open();
  }

  async #check(i: number): Promise<void> {
    const stream = this.#streams[i]!;
    const model = this.#models[i]!;
    const records = await readAll(stream, { samples: this.#plan.readSamples, bytes: 1 + this.#plan.readSamples * 100 });
    assert.deepEqual(records.filter((r) => !body(r.newestMs / 1000, r.payload.length).equals(r.payload)), [], 'altered');
    const state = stream.state();
    assert.equal(imbalance(state), 0, 'identity');
    const left = records.map((r) => r.newestMs / 1000);
    if (STREAMS[i] === SMALL) return this.#checkSmall(i, left);
    assert.deepEqual(left, model.pending().map(({ n }) => n), 'pending');
    const pending = model.pending().reduce((sum, { samples }) => sum + samples, 0);
    const { counters } = state;
    const { rejected, disk_full: refused, corrupt, evicted } = counters.lost;
    const found = { appended: counters.appended, acknowledged: counters.acknowledged, pending: counters.pending, rejected, refused, corrupt, evicted };
    assert.deepEqual(found, { appended: model.appended, acknowledged: model.acknowledged, pending, rejected: model.rejected, refused: model.refused, corrupt: 0, evicted: 0 });
  }

  /** A quota takes the oldest records: what is left is the youngest of what is pending, in order. */
  #checkSmall(i: number, left: readonly number[]): void {
    const model = this.#models[i]!;
    assert.deepEqual(model.pending().map(({ n }) => n).slice(-left.length || Infinity), left, 'the youngest are left, in order');
    const { counters, diskBytes } = this.#streams[i]!.state();
    assert.ok(diskBytes <= SMALL_QUOTA + CHECKPOINT_BYTES_MAX, `${diskBytes} bytes on disk, the quota is ${SMALL_QUOTA}`);
    assert.deepEqual([counters.appended, counters.lost.corrupt], [model.appended, 0]);
    // What the quota took is settled now; settling it once more changes nothing.
    for (const entry of model.entries) if (!left.includes(entry.n)) entry.isSettled = true;
  }
}

/** The failure of a plan, or undefined. */
async function failureOf(plan: Plan): Promise<Error | undefined> {
  try {
    await new Run(plan).run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Leaves out stretches of operations, ever shorter ones, as long as it still fails. */
async function shrink(plan: Plan): Promise<Plan> {
  let { operations } = plan;
  for (let length = operations.length >> 1; length >= 1; length >>= 1) {
    for (let at = 0; at < operations.length; ) {
      const shorter = operations.toSpliced(at, length);
      if ((await failureOf({ ...plan, operations: shorter })) === undefined) at += length;
      else operations = shorter;
    }
  }
  return { ...plan, operations };
}

async function holds(seed: number): Promise<void> {
  const plan = createPlan(seed);
  if ((await failureOf(plan)) === undefined) return;
  const least = await shrink(plan);
  const text = [JSON.stringify({ ...least, operations: undefined }), ...least.operations.map((operation) => `  ${JSON.stringify(operation)}`)].join('\n');
  throw new Error(`TRIBUTARY_SEED=${seed}, the least that fails:\n${text}`, { cause: await failureOf(least) });
}

const first = Number(process.env['TRIBUTARY_SEED'] ?? 1);
const seeds = process.env['TRIBUTARY_SEED'] === undefined ? 60 : 1;

test(`appends, settlements, refusals, crashes and removals leave every stream as its model (seeds ${first} to ${first + seeds - 1})`, async () => {
  for (let seed = first; seed < first + seeds; seed++) await holds(seed);
});

test('a failing list of operations is shrunk to the ones that matter', async () => {
  const append = { do: 'append', stream: 0, records: [{ bytes: 40, isColumn: false, grows: false }] } as const;
  const broken = { do: 'settle', stream: 9, from: 0, records: 1, rejected: 0 } as const;
  const plan: Plan = { segmentBytes: 1000, recentBytesMax: 0, readSamples: 5, operations: [append, append, { do: 'checkpoint' }, broken, append, { do: 'reopen' }] };
  expect((await shrink(plan)).operations).toEqual([broken]);
});
