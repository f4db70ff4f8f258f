// Samples that wait for their pod, with a real queue on a simulated disk: what a receiver gets in the end, over kills at every stage.

import assert from 'node:assert/strict';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createPageReader } from '../../../src/exposition/page-reader.ts';
import { seededRandom } from '../../../src/io/random.ts';
import type { CommandQueue } from '../../../src/queue/command-queue.ts';
import { HELD_STREAM } from '../../../src/queue/config.ts';
import type { StreamState } from '../../../src/queue/queue.ts';
import { HeldStream } from '../../../src/series/held-stream.ts';
import type { TargetSeries } from '../../../src/series/series.ts';
import { createSeriesStage } from '../../../src/series/stage.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import type { Metrics } from '../../../src/telemetry/metrics.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { createTestClock } from '../../support/clock.ts';
import type { TestClock } from '../../support/clock.ts';
import { TestOwners } from '../../support/owners.ts';
import { createSimulatedDisk } from '../../support/sim/disk.ts';
import type { SimulatedDisk } from '../../support/sim/disk.ts';
import { imbalance, open, QUOTA, readAll } from '../queue/helpers.ts';
import { route, routing } from '../route/routing.ts';
import { job } from '../scrape/support/job.ts';
import { decodeRecords } from './world.ts';

beforeAll(initZstd);

const namespace = /^hero-user-(.+)$/;
const names = ['a', 'b', 'user'];
/** Report series of the second scrape; at the first it is not known who gets any. */
const REPORTS = 5;
const line = (value: number) => `c{namespace="hero-user-a",pod="p"} ${value}\nnode_x ${value}\n`;

/** A process, until it is killed. */
class Life {
  readonly disk: SimulatedDisk;
  readonly ledger: Map<string, string>;
  readonly clock: TestClock;
  readonly index: TestOwners;
  readonly metrics: Metrics = createMetrics();
  queue!: CommandQueue;
  held!: HeldStream;
  series!: TargetSeries;
  #scrapes = 0;

  constructor(before?: Life) {
    this.disk = before?.disk.copy() ?? createSimulatedDisk();
    this.ledger = new Map(before?.ledger);
    this.clock = createTestClock(before?.clock.nowMs());
    this.index = new TestOwners({ namespace });
  }

  async begin(): Promise<this> {
    this.queue = await open({ disk: this.disk, ledger: this.ledger, clock: this.clock });
    const destinations = names.map((name) => ({ stream: this.queue.stream(name, { maxBytes: QUOTA }), writeRelabel: [], sendExemplars: false, ...(name !== 'user' && { owner: name }) }));
    this.held = new HeldStream({ queue: this.queue, clock: this.clock, logger: silentLogger, place: (body, mayWait) => stage.placeHeld(body, mayWait) });
    const stage = createSeriesStage({ random: seededRandom(1), metrics: this.metrics, nowMs: () => this.clock.nowMs(), journal: this.held });
    stage.configure({ destinations, externalLabels: new Map([['cluster', 'x']]), routing: routing([route(['owner', 'user'])]), index: this.index });
    const target = { key: 'k', job: 'cadvisor', labels: [['job', 'cadvisor']] as const, discoveredLabels: new Map(), provenance: new Map(), url: 'http://h/', scrapeIntervalMs: 10_000, scrapeTimeoutMs: 10_000 };
    this.series = stage.open(target, job({ jobName: 'cadvisor', honorLabels: true }));
    this.held.start();
    lives.push(this);
    return this;
  }

  /** One scrape, and all that follows without time. */
  async scrape(page = line(++this.#scrapes)): Promise<void> {
    const reader = createPageReader('text', this.series);
    const timestampMs = this.clock.nowMs();
    this.series.begin(timestampMs);
    const body = Buffer.from(page);
    reader.feed(body);
    reader.finish();
    this.series.commit({ timestampMs, error: undefined, durationSeconds: 0.1, bodyBytes: body.length });
    await this.clock.settle();
  }

  /** Values of `c` that a destination gets, in order. */
  async got(name: string): Promise<number[]> {
    const found = decodeRecords(await readAll(this.queue.find(name)!)).filter(({ labels }) => labels.some(([label, value]) => label === '__name__' && value === 'c'));
    for (const { labels } of found) assert.deepEqual(labels, [['__name__', 'c'], ['cluster', 'x'], ['job', 'cadvisor'], ['namespace', 'hero-user-a'], ['pod', 'p']]);
    return found.flatMap(({ samples }) => samples.map(({ value }) => Buffer.from(value, 'hex').readDoubleBE()));
  }

  waiting(): StreamState['counters'] {
    return this.queue.find(HELD_STREAM)!.state().counters;
  }

  balances(): number[] {
    return this.queue.names().map((name) => {
      const state = this.queue.find(name)!.state();
      return imbalance(state) + state.counters.movedIn;
    });
  }

  async end(): Promise<void> {
    this.series.release();
    await this.held.stop();
    await this.queue.close();
  }
}

const lives: Life[] = [];
const start = (before?: Life) => new Life(before).begin();

afterEach(async () => {
  for (const life of lives.splice(0)) {
    assert.deepEqual(life.balances(), life.balances().map(() => 0));
    await life.end();
  }
});

describe('while the process lives', () => {
  test('what waits is on disk, and goes with the next scrape to the owner that is known then', async () => {
    const life = await start();
    await life.scrape();
    expect([life.waiting().pending, await life.got('a'), await life.got('user')]).toEqual([1, [], []]);
    life.index.setPod('hero-user-a', 'p', 'b');
    await life.clock.advance(10_000);
    await life.scrape();
    expect([await life.got('a'), await life.got('b'), await life.got('user')]).toEqual([[], [1, 2], [1, 2]]);
    await life.clock.advance(1000);
    expect([life.waiting().pending, life.waiting().lost.moved_out]).toEqual([0, 1]);
  });

  test('of many series it stands in several records, and each is settled', async () => {
    const life = await start();
    const page = Array.from({ length: 4100 }, (_, i) => `c{namespace="hero-user-a",pod="p${i}"} ${i}\n`).join('');
    await life.scrape(page);
    const { pendingRecords } = life.queue.find(HELD_STREAM)!.state();
    expect([life.waiting().pending, pendingRecords]).toEqual([4100, 3]);
    await life.clock.advance(10_000);
    await life.scrape(page);
    await life.clock.advance(1000);
    expect([life.waiting().pending, life.waiting().lost.moved_out, life.queue.find('a')!.state().counters.appended]).toEqual([0, 4100, 8200 + REPORTS]);
  });

  test('without room on disk it waits in memory alone', async () => {
    const life = await start();
    life.disk.faults.appendError = 'ENOSPC';
    await life.scrape();
    life.disk.faults.appendError = undefined;
    life.index.setPod('hero-user-a', 'p', 'b');
    await life.clock.advance(10_000);
    await life.scrape();
    expect(await life.got('b')).toEqual([1, 2]);
  });

  test('of a target that is gone it moves from the disk', async () => {
    const life = await start();
    await life.scrape();
    life.index.setPod('hero-user-a', 'p', 'b');
    life.series.release();
    await life.clock.advance(1000);
    expect([await life.got('b'), await life.got('user'), life.waiting().pending]).toEqual([[1], [1], 0]);
  });

  test('of a target that goes while a page is read, behind the line with which they were free to go, it moves from the disk', async () => {
    const life = await start();
    await life.scrape();
    life.index.setPod('hero-user-a', 'p', 'b');
    life.series.begin(life.clock.nowMs());
    createPageReader('text', life.series).feed(Buffer.from(line(2)));
    life.series.release();
    await life.clock.advance(1000);
    expect([await life.got('b'), await life.got('user'), life.waiting().pending, life.waiting().lost.moved_out]).toEqual([[1], [1], 0, 1]);
  });
});

describe('a process that is killed', () => {
  test('while it waited: the next one moves the samples to the owner', async () => {
    const first = await start();
    await first.scrape();
    const second = new Life(first);
    second.index.setPod('hero-user-a', 'p', 'b');
    await second.begin();
    await second.clock.advance(0);
    expect([await second.got('a'), await second.got('b'), await second.got('user')]).toEqual([[], [1], [1]]);
    expect([second.waiting().lost.moved_out, second.waiting().pending, second.queue.find('b')!.state().counters.movedIn]).toEqual([1, 0, 1]);
  });

  test('the next one waits for the watch', async () => {
    const second = await start(await killedWhileWaiting());
    await second.clock.advance(30_000);
    expect([await second.got('a'), second.waiting().pending]).toEqual([[], 1]);
    second.index.setPod('hero-user-a', 'p', 'b');
    await second.clock.advance(1000);
    expect([await second.got('b'), second.waiting().pending]).toEqual([[1], 0]);
  });

  test('but not for ever: then the namespace decides', async () => {
    const second = await start(await killedWhileWaiting());
    await second.clock.advance(61_000);
    expect([await second.got('a'), await second.got('user'), second.waiting().pending]).toEqual([[1], [1], 0]);
    expect(await second.metrics.text()).toContain('tributary_route_unresolved_series_total{outcome="by_namespace"} 1');
  });

  test('after they had gone to the owner, and before that was noted: they go once more, and none is lost', async () => {
    const first = await start();
    await first.scrape();
    first.index.setPod('hero-user-a', 'p', 'b');
    await first.clock.advance(10_000);
    await first.scrape();
    const second = new Life(first);
    second.index.setPod('hero-user-a', 'p', 'b');
    await second.begin();
    await second.clock.advance(0);
    expect([(await second.got('b')).sort((x, y) => x - y), second.waiting().pending]).toEqual([[1, 1, 2], 0]);
  });

  test('while it moved what an earlier one had left: nothing is lost', async () => {
    const second = new Life(await killedWhileWaiting());
    second.index.setPod('hero-user-a', 'p', 'b');
    await second.begin();
    second.disk.faults.appendError = 'ENOSPC';
    await second.clock.advance(0);
    expect(second.waiting().pending).toBe(1);
    second.disk.faults.appendError = undefined;
    await second.clock.advance(10_000);
    expect([[...new Set(await second.got('b'))], [...new Set(await second.got('user'))], second.waiting().pending]).toEqual([[1], [1], 0]);
  });

  test('a destination that has no room keeps the others from nothing, and they get the samples once', async () => {
    const second = new Life(await killedWhileWaiting());
    second.index.setPod('hero-user-a', 'p', 'b');
    await second.begin();
    second.queue.stream('b', { maxBytes: 1 });
    await second.clock.advance(5000);
    expect([await second.got('user'), await second.got('b'), second.waiting().pending]).toEqual([[1], [], 1]);
    second.queue.stream('b', { maxBytes: QUOTA });
    await second.clock.advance(1000);
    expect([await second.got('user'), await second.got('b'), second.waiting().pending]).toEqual([[1], [1], 0]);
    expect(await second.metrics.text()).toContain('tributary_route_unresolved_series_total{outcome="resolved"} 1\n');
  });

  test('and a stop that was asked for leave the same', async () => {
    const first = await start();
    await first.scrape();
    lives.splice(0);
    await first.end();
    const second = new Life(first);
    second.index.setPod('hero-user-a', 'p', 'b');
    await second.begin();
    await second.clock.advance(0);
    expect([await second.got('b'), second.waiting().pending]).toEqual([[1], 0]);
  });

  async function killedWhileWaiting(): Promise<Life> {
    const first = await start();
    await first.scrape();
    return first;
  }
});
