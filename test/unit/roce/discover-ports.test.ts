// Which ports are found and what is told of them, and how little is read again when nothing changed.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { discover, Discovery, type DiscoverOptions, type FoundPort } from '../../../src/roce/discover.ts';

const sys = join(import.meta.dirname, '../../fixtures/sys');
const folder = mkdtempSync(join(tmpdir(), 'tributary-discover-'));
afterAll(() => rmSync(folder, { recursive: true }));

const devices = (tree: string, options: DiscoverOptions) => discover(join(sys, tree), options).map(({ device, port }) => (port === 0 ? device : `${device}/${port}`));

describe('a port is told with', () => {
  const facts = (port: FoundPort | undefined) => port && [port.netdev, port.driver, port.firmware, port.pci, port.numaNode];

  test('its interface, driver, firmware and place in the machine', () => {
    const [first, second, eth0, lo] = discover(join(sys, 'mlx5-two-ports'));
    expect(facts(first)).toEqual(['eth0', 'mlx5_core', '28.43.1014', '0000:3b:00.0', '1']);
    // Two interfaces of one device, told apart by dev_port.
    expect(facts(second)).toEqual(['ib0', 'mlx5_core', '28.43.1014', '0000:3b:00.0', '1']);
    expect(facts(eth0)).toEqual(['eth0', 'mlx5_core', '', '0000:3b:00.0', '1']);
    expect(facts(lo)).toEqual(['lo', '', '', '', '']);
  });
  test.each<readonly [string, string, string]>([
    ['its own, not a representor of its virtual functions', 'mlx5-virtual-functions', 'eth0'],
    ['the only one of its device', 'bnxt-re-old', 'ens1f0np0'],
    ['the one that a device made of software sits on', 'rxe', 'eth0'],
    ['the one that its address belongs to, when another driver has it', 'erdma', 'eth1'],
    ['none', 'efa', ''],
  ])('the interface: %s', (_name, tree, netdev) => expect(discover(join(sys, tree))[0]?.netdev).toBe(netdev));
});

test('counters of a device are told with its first port, unless the port has them itself', () => {
  const root = join(folder, 'device-counters');
  cpSync(join(sys, 'mlx5-two-ports'), root, { recursive: true, verbatimSymlinks: true });
  const own = join(root, 'class/infiniband/mlx5_0/hw_counters');
  mkdirSync(own);
  for (const name of ['submitted_cmds', 'np_cnp_sent', 'lifespan']) writeFileSync(join(own, name), '5\n');
  const places = discover(root).map(({ groups }) => groups.flatMap(({ counters }) => counters).flatMap((counter) => counter.places).filter((place) => place.kind === 'file' && place.path.startsWith(own)));
  expect(places).toEqual([[{ kind: 'file', path: join(own, 'submitted_cmds') }], [], [], []]);
});

describe('options', () => {
  test('everything without any', () => expect(devices('mlx5-two-ports', {})).toEqual(['mlx5_0/1', 'mlx5_0/2', 'eth0', 'lo']));
  test('devices are chosen, and left out', () => {
    expect(devices('mlx5-two-ports', { include: (name) => name === 'mlx5_1' })).toEqual(['eth0', 'lo']);
    expect(devices('mlx5-two-ports', { include: () => true, exclude: (name) => name === 'mlx5_0' })).toEqual(['eth0', 'lo']);
  });
  test('interfaces are chosen', () => expect(devices('mlx5-two-ports', { netdevs: (name) => name === 'lo' })).toEqual(['mlx5_0/1', 'mlx5_0/2', 'lo']));
  test('virtual functions are left out unless they are asked for', () => {
    expect(devices('mlx5-virtual-functions', {})).toEqual(['mlx5_0/1', 'eth0']);
    expect(devices('mlx5-virtual-functions', { virtualFunctions: true })).toEqual(['mlx5_0/1', 'mlx5_1/1', 'eth0', 'eth2']);
  });
});

describe('looking again', () => {
  function copied(tree: string, options: DiscoverOptions = {}): { root: string; discovery: Discovery } {
    const root = mkdtempSync(join(folder, `${tree}-`));
    cpSync(join(sys, tree), root, { recursive: true, verbatimSymlinks: true });
    return { root, discovery: new Discovery(root, options) };
  }
  const counters = (root: string, device: string, port = 1) => join(root, 'class/infiniband', device, 'ports', String(port), 'hw_counters');

  test('opens no counter while nothing changed', () => {
    const { root, discovery } = copied('mlx5-two-ports');
    const first = discovery.scan();
    // A counter that cannot be read any more would be seen by whoever opens it.
    writeFileSync(join(counters(root, 'mlx5_0'), 'np_cnp_sent'), 'N/A\n');
    const second = discovery.scan();
    expect([first.hasChanged, second.hasChanged]).toEqual([true, false]);
    expect(second.ports.every((port, index) => port === first.ports[index])).toBe(true);
  });
  test.each<readonly [string, (root: string) => void, string]>([
    ['a counter that comes', (root) => writeFileSync(join(counters(root, 'mlx5_0'), 'rx_new'), '1\n'), 'mlx5_0/1'],
    ['a counter that goes', (root) => rmSync(join(counters(root, 'mlx5_0', 2), 'np_cnp_sent')), 'mlx5_0/2'],
    ['another line rate', (root) => writeFileSync(join(counters(root, 'mlx5_0'), '../rate'), '200 Gb/sec (2X NDR)\n'), 'mlx5_0/1'],
    ['an interface that is slower', (root) => writeFileSync(join(root, 'class/net/eth0/speed'), '100000\n'), 'eth0'],
  ])('sees %s, and reads that port alone', (_name, change, changed) => {
    const { root, discovery } = copied('mlx5-two-ports');
    const before = new Set(discovery.scan().ports);
    change(root);
    const { ports, hasChanged } = discovery.scan();
    expect(hasChanged).toBe(true);
    expect(ports.filter((port) => !before.has(port)).map(({ device, port }) => (port === 0 ? device : `${device}/${port}`))).toEqual([changed]);
  });
  test('a link that goes down and up changes nothing but what could not be read', () => {
    const { root, discovery } = copied('mlx5-two-ports');
    const text = (port: number, name: string, content: string) => writeFileSync(join(counters(root, 'mlx5_0', port), '..', name), content);
    const first = discovery.scan().ports;
    for (const port of [1, 2]) {
      text(port, 'state', '1: DOWN\n');
      text(port, 'rate', '2.5 Gb/sec (1X SDR)\n');
    }
    writeFileSync(join(root, 'class/net/eth0/operstate'), 'down\n');
    writeFileSync(join(root, 'class/net/eth0/speed'), '-1\n');
    expect(discovery.scan()).toEqual({ ports: first, hasChanged: false });
    rmSync(join(counters(root, 'mlx5_0'), '../counters/VL15_dropped'));
    writeFileSync(join(counters(root, 'mlx5_0'), '../counters/VL15_dropped'), '3\n');
    expect(discovery.scan().hasChanged).toBe(false);
    for (const port of [1, 2]) {
      text(port, 'state', '4: ACTIVE\n');
      text(port, 'rate', port === 1 ? '400 Gb/sec (4X NDR)\n' : '200 Gb/sec (4X HDR)\n');
    }
    const { ports, hasChanged } = discovery.scan();
    expect([hasChanged, ports[0]?.unreadable, ports.map((port, index) => port === first[index])]).toEqual([true, [], [false, true, true, true]]);
    expect(discovery.scan().hasChanged).toBe(false);
  });
  test('sees a device that goes and one that comes back', () => {
    const { root, discovery } = copied('hns');
    const device = join(root, 'class/infiniband/hns_0');
    discovery.scan();
    cpSync(device, join(root, 'kept'), { recursive: true, verbatimSymlinks: true });
    rmSync(device, { recursive: true });
    expect(discovery.scan()).toEqual({ ports: [], hasChanged: true });
    expect(discovery.scan()).toEqual({ ports: [], hasChanged: false });
    cpSync(join(root, 'kept'), device, { recursive: true, verbatimSymlinks: true });
    expect(discovery.scan()).toMatchObject({ ports: [{ device: 'hns_0' }], hasChanged: true });
  });
  test('a root that appears later is found', () => {
    const root = join(folder, 'later');
    const discovery = new Discovery(root);
    expect(discovery.scan()).toEqual({ ports: [], hasChanged: true });
    mkdirSync(root);
    cpSync(join(sys, 'rxe'), root, { recursive: true });
    expect(discovery.scan().ports.map(({ device }) => device)).toEqual(['rxe0']);
  });
});
