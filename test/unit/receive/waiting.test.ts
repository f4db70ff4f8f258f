// Pushed series whose pod is not known yet, with a real queue on a simulated disk: they wait, on disk and in their order, and go to the owner that is known then.

import assert from 'node:assert/strict';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import type { CommandQueue } from '../../../src/queue/command-queue.ts';
import { HELD_STREAM } from '../../../src/queue/config.ts';
import { Distributor, type SeriesSource } from '../../../src/receive/distribute.ts';
import type { PushedHistogram } from '../../../src/wire/read-request.ts';
import { HeldStream } from '../../../src/series/held-stream.ts';
import { createSeriesStage } from '../../../src/series/stage.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { doubleBits } from '../../../src/wire/write-request.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';
import { TestOwners } from '../../support/owners.ts';
import { createSimulatedDisk, type SimulatedDisk } from '../../support/sim/disk.ts';
import { imbalance, open, QUOTA, readAll } from '../queue/helpers.ts';
import { route, routing } from '../route/routing.ts';
import { decodeRecords } from '../series/world.ts';

beforeAll(initZstd);

const namespace = /^hero-user-(.+)$/;
const names = ['a', 'b'];
const source: SeriesSource = { key: 'receive', facts: { job: '', labels: [], provenance: new Map([['__meta_receive_client', 'edge']]), honorLabels: true } };

/** A process, until it is killed. */
class Life {
  readonly disk: SimulatedDisk;
  readonly ledger: Map<string, string>;
  readonly clock: TestClock;
  readonly index = new TestOwners({ namespace });
  readonly metrics = createMetrics();
  queue!: CommandQueue;
  held!: HeldStream;
  distributor!: Distributor;
  #values = 0;

  constructor(before?: Life) {
    this.disk = before?.disk.copy() ?? createSimulatedDisk();
    this.ledger = new Map(before?.ledger);
    this.clock = createTestClock(before?.clock.nowMs());
  }

  async begin(): Promise<this> {
    this.queue = await open({ disk: this.disk, ledger: this.ledger, clock: this.clock });
    const destinations = names.map((name) => ({ stream: this.queue.stream(name, { maxBytes: QUOTA }), writeRelabel: [], sendExemplars: false, sendNativeHistograms: true, owner: name }));
    this.held = new HeldStream({ queue: this.queue, clock: this.clock, logger: silentLogger, place: (body, mayWait) => stage.placeHeld(body, mayWait) });
    const stage = createSeriesStage({ random: seededRandom(1), metrics: this.metrics, nowMs: () => this.clock.nowMs(), journal: this.held });
    stage.configure({ destinations, externalLabels: new Map(), routing: routing([route(['owner'])]), index: this.index });
    this.distributor = new Distributor({ line: () => stage.line(), nowMs: () => this.clock.nowMs(), journal: this.held });
    this.held.start();
    lives.push(this);
    return this;
  }

  /** One sample for each of these pods, with values that count up. */
  push(...pods: string[]): Promise<boolean> {
    const value = ++this.#values;
    const series = pods.map((pod) => ({
      labels: new Map([['__name__', 'c'], ['namespace', 'hero-user-a'], ['pod', pod]]), samples: [{ ...doubleBits(value), timestampMs: this.clock.nowMs() }], histograms: [], exemplars: [],
    }));
    return this.distributor.append({ series, failed: 0 }, source);
  }

  /** Pods and values that a destination gets, in the order of its bodies. */
  async got(name: string): Promise<string[]> {
    const found = decodeRecords(await readAll(this.queue.find(name)!));
    return found.flatMap(({ labels, samples }) => samples.map(({ value }) => `${new Map(labels).get('pod')} ${Buffer.from(value, 'hex').readDoubleBE()}`));
  }

  waiting(): number {
    return this.queue.find(HELD_STREAM)?.state().counters.pending ?? 0;
  }

  async end(): Promise<void> {
    await this.held.stop();
    await this.queue.close();
  }
}

const lives: Life[] = [];
const start = (before?: Life) => new Life(before).begin();

afterEach(async () => {
  for (const life of lives.splice(0)) {
    for (const name of life.queue.names()) {
      const state = life.queue.find(name)!.state();
      assert.equal(imbalance(state) + state.counters.movedIn, 0, name);
      const { scraped, failed, relabelled, limited, unrouted } = state.counters.scrape;
      assert.equal(scraped, failed + relabelled + limited + unrouted + state.counters.appended, name);
    }
    await life.end();
  }
});

describe('while the process lives', () => {
  test('a series waits on disk and goes to the owner that is known then; others do not wait for it', async () => {
    const life = await start();
    life.index.setPod('hero-user-a', 'known', 'a');
    expect(await life.push('p', 'known')).toBe(true);
    expect([life.waiting(), await life.got('a'), await life.got('b')]).toEqual([1, ['known 1'], []]);
    await life.clock.advance(5000);
    expect(life.waiting()).toBe(1);
    life.index.setPod('hero-user-a', 'p', 'b');
    await life.clock.advance(1000);
    expect([life.waiting(), await life.got('a'), await life.got('b')]).toEqual([0, ['known 1'], ['p 1']]);
    const text = await life.metrics.text();
    expect(text).toContain('tributary_route_unresolved_series_total{outcome="resolved"} 1');
    expect(text).not.toContain('reason="unresolved"');
  });
  test('what comes meanwhile waits behind it, and what comes afterwards stands behind both in a body', async () => {
    const life = await start();
    life.index.setPod('hero-user-a', 'p', 'b');
    await life.push('p');
    life.index.setPod('hero-user-a', 'p', undefined, 'unresolved');
    await life.push('p', 'q');
    await life.push('p');
    life.index.setPod('hero-user-a', 'p', 'b');
    await life.clock.advance(1000);
    // Its record waits for `q` as well.
    await life.push('p');
    life.index.setPod('hero-user-a', 'q', 'b');
    await life.clock.advance(1000);
    await life.push('p');
    expect((await life.got('b')).filter((one) => one.startsWith('p'))).toEqual(['p 1', 'p 2', 'p 3', 'p 4', 'p 5']);
    expect(life.waiting()).toBe(0);
  });
  test('a pod that stays unknown is waited for a minute; then the namespace decides', async () => {
    const life = await start();
    await life.push('p');
    await life.clock.advance(59_000);
    expect([life.waiting(), await life.got('a')]).toEqual([1, []]);
    await life.clock.advance(2000);
    expect([life.waiting(), await life.got('a')]).toEqual([0, ['p 1']]);
    expect(await life.metrics.text()).toContain('tributary_route_unresolved_series_total{outcome="by_namespace"} 1');
  });
  test('a native histogram waits as a sample does', async () => {
    const life = await start();
    const bytes = Buffer.from([0x08, 3, 0x78, 5]);
    const histogram: PushedHistogram = { bytes, timestampMs: 5, isMarker: false };
    await life.distributor.append({ series: [{ labels: new Map([['__name__', 'h'], ['namespace', 'hero-user-a'], ['pod', 'p']]), samples: [], histograms: [histogram], exemplars: [] }], failed: 0 }, source);
    life.index.setPod('hero-user-a', 'p', 'b');
    await life.clock.advance(1000);
    const [record] = await readAll(life.queue.find('b')!);
    expect(record).toMatchObject({ samples: 1, newestMs: 5 });
    expect(Buffer.from(record!.payload).includes(bytes)).toBe(true);
  });
  test('who has dropped what waits by command does not make what follows wait for ever', async () => {
    const life = await start();
    await life.push('p');
    const stream = life.queue.find(HELD_STREAM)!;
    stream.settle(1, stream.state().lastSequence, { dropped: Infinity });
    life.index.setPod('hero-user-a', 'p', 'b');
    await life.clock.advance(1000);
    await life.push('p');
    expect(await life.got('b')).toEqual(['p 2']);
  });
  test('a destination that refuses gets nothing, and nothing of the batch waits', async () => {
    const life = await start();
    life.index.setPod('hero-user-a', 'known', 'a');
    const stream = life.queue.find('a')!;
    stream.refuses = () => true;
    expect(await life.push('p', 'known')).toBe(false);
    expect([life.waiting(), await life.got('a')]).toEqual([0, []]);
  });
});

describe('without it', () => {
  test('a series goes by its namespace when there is no room to wait', async () => {
    const life = await start();
    life.held.leave = () => undefined;
    expect(await life.push('p')).toBe(true);
    expect([life.waiting(), await life.got('a')]).toEqual([0, ['p 1']]);
    expect(await life.metrics.text()).toContain('tributary_route_unresolved_series_total{outcome="no_room"} 1');
  });
  test('what waits and is not safe is not acknowledged', async () => {
    const life = await start();
    life.held.flush = () => Promise.resolve(false);
    expect(await life.push('p')).toBe(false);
  });
});

describe('killed while it waits', () => {
  test('the next process moves it', async () => {
    const first = await start();
    await first.push('p');
    const next = await start(first);
    next.index.setPod('hero-user-a', 'p', 'b');
    await next.clock.advance(2000);
    expect([next.waiting(), await next.got('b')]).toEqual([0, ['p 1']]);
  });
});
