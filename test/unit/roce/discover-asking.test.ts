// What the kernel is asked while ports are looked for again and again: each answer may cost firmware commands or a lock that all network settings share.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Discovery, type DiscoverOptions } from '../../../src/roce/discover.ts';
import type { KernelCounters } from '../../../src/roce/kernel-counters.ts';
import { goldenKernel } from '../../support/golden-kernel.ts';

const tree = join(import.meta.dirname, '../../fixtures/sys/mlx5-two-ports');
const folder = mkdtempSync(join(tmpdir(), 'tributary-asking-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Looks until each of the four ports and interfaces was asked about once more. */
const allAgain = 64;

/** A tree of its own, and a kernel that can be told to answer otherwise. */
class World {
  readonly root = mkdtempSync(join(folder, 'sys-'));
  kernel: KernelCounters = goldenKernel(tree);
  readonly discovery: Discovery;
  #asked: string[] = [];

  constructor(options: DiscoverOptions = {}) {
    cpSync(tree, this.root, { recursive: true, verbatimSymlinks: true });
    this.discovery = new Discovery(this.root, {
      netdevs: (name) => name !== 'bonding_masters', ...options,
      kernel: {
        rdmaCounters: (device, port) => (this.#asked.push(`${device}/${port}`), this.kernel.rdmaCounters(device, port)),
        ethtoolCounters: (link) => (this.#asked.push(`ethtool ${link}`), this.kernel.ethtoolCounters(link)),
        losslessPriorities: (link) => (this.#asked.push(`lossless ${link}`), this.kernel.losslessPriorities(link)),
      },
    });
  }

  /** What is asked in so many looks. */
  asked(looks = 1): string[] {
    this.#asked = [];
    for (let i = 0; i < looks; i++) this.discovery.scan();
    return this.#asked;
  }

  /** How many of so many looks find a change. */
  changes(looks: number): number {
    return Array.from({ length: looks }, () => this.discovery.scan().hasChanged).filter(Boolean).length;
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text);
  }
}

const first = ['mlx5_0/1', 'ethtool eth0', 'lossless eth0'];
const second = ['mlx5_0/2', 'ethtool ib0', 'lossless ib0'];
const eth0 = ['lossless eth0'];
const lo = ['ethtool lo', 'lossless lo'];

test('each port and interface once when it is found, and then one of them in a look, after ten minutes', () => {
  const world = new World();
  expect(world.asked()).toEqual([...first, ...second, ...eth0, ...lo]);
  expect(world.asked(59)).toEqual([]);
  expect(Array.from({ length: 5 }, () => world.asked())).toEqual([first, second, eth0, lo, []]);
});
test('nothing about what is excluded', () => {
  const world = new World({ exclude: (device) => device === 'mlx5_0', netdevs: (name) => name === 'lo' });
  expect(world.asked(allAgain)).toEqual([...lo, ...lo]);
});
test('nothing where there is nothing', () => {
  const world = new World();
  rmSync(join(world.root, 'class'), { recursive: true });
  expect(world.asked(allAgain)).toEqual([]);
});
test('about a port whose files changed, and one whose link came up', () => {
  const world = new World();
  world.discovery.scan();
  world.write('class/infiniband/mlx5_0/ports/2/hw_counters/rx_new', '1\n');
  expect(world.asked()).toEqual(second);
  world.write('class/infiniband/mlx5_0/ports/1/state', '1: DOWN\n');
  expect(world.asked()).toEqual([]);
  world.write('class/infiniband/mlx5_0/ports/1/state', '4: ACTIVE\n');
  expect(world.asked(2)).toEqual(first);
});
test('about a device that was lost and is back', () => {
  const world = new World();
  const device = join(world.root, 'class/infiniband/mlx5_0');
  world.discovery.scan();
  cpSync(device, join(world.root, 'kept'), { recursive: true, verbatimSymlinks: true });
  rmSync(device, { recursive: true });
  // Its statistics by ethtool belong to the interface now.
  expect(world.asked()).toEqual(['ethtool eth0', 'lossless eth0']);
  cpSync(join(world.root, 'kept'), device, { recursive: true, verbatimSymlinks: true });
  expect(world.asked()).toEqual([...first, ...second, ...eth0]);
});
test('so that counters that were switched on are seen, and priorities that became lossless', () => {
  const world = new World();
  expect([world.changes(1), world.changes(allAgain)]).toEqual([1, 0]);
  world.kernel = { ...world.kernel, losslessPriorities: () => [5] };
  expect(world.changes(allAgain)).toBeGreaterThan(0);
  world.kernel = { ...world.kernel, ethtoolCounters: () => ({ mac: [], ctrl: [], pause: [], strings: ['rx_prio5_pause'] }) };
  expect(world.changes(allAgain)).toBeGreaterThan(0);
  world.kernel = { ...world.kernel, rdmaCounters: () => [] };
  expect([world.changes(allAgain), world.changes(allAgain)]).toEqual([2, 0]);
});
test('rows of queues may come and go', () => {
  const world = new World();
  const withQueues = (queues: number) => ({ mac: [], ctrl: [], pause: [], strings: ['rx_prio3_pause', ...Array.from({ length: queues }, (_, i) => `rx${i}_packets`)] });
  world.kernel = { ...world.kernel, ethtoolCounters: () => withQueues(1) };
  world.discovery.scan();
  world.kernel = { ...world.kernel, ethtoolCounters: () => withQueues(4) };
  expect(world.changes(allAgain)).toBe(0);
});
