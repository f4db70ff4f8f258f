// What the addon asks the kernel, and the places that its channels name: arguments are checked, nothing found is no error, and what this machine's interfaces
// have can be sampled. Left out where the addon was not built.

import { existsSync, readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createNativeSampler, loadNativeSampler, type NativeAddon } from '../../../src/roce/native-sampler.ts';
import type { CounterPlace } from '../../../src/roce/sampler.ts';
import { channelOf, planOf } from '../../support/sampler-plan.ts';

const loaded = loadNativeSampler();
const addon = 'addon' in loaded ? loaded.addon : undefined;
const withAddon = (run: (addon: NativeAddon) => void | Promise<void>) => () => (addon === undefined ? undefined : run(addon));
const links = () => readdirSync('/sys/class/net').filter((name) => name !== 'bonding_masters');

describe.runIf(addon !== undefined)('arguments', () => {
  test.each<readonly [string, unknown]>([
    ['nothing', undefined], ['a number', 7], ['an object', {}], ['no text', ''], ['a long text', 'x'.repeat(65)], ['a NUL', 'lo\0'],
  ])('%s is no interface', (_name, link) => withAddon((native) => {
    expect(() => native.ethtoolCounters(link as string)).toThrow(/^link: expected /);
    expect(() => native.losslessPriorities(link as string)).toThrow(/^link: expected /);
    expect(() => native.rdmaCounters(link as string, 1)).toThrow(/^device: expected /);
  })());
  test.each<readonly [string, unknown]>([['nothing', undefined], ['0', 0], ['256', 256], ['a half', 1.5], ['a string', '1']])('%s is no port', (_name, port) => withAddon((native) => {
    expect(() => native.rdmaCounters('mlx5_0', port as number)).toThrow(/^port: expected /);
  })());

  test.each<readonly [string, object]>([
    ['kind', { kind: 'debugfs' }],
    ['device', { kind: 'rdma', device: '', port: 1, counter: 'x' }],
    ['device', { kind: 'rdma', device: 'x'.repeat(65), port: 1, counter: 'x' }],
    ['port', { kind: 'rdma', device: 'mlx5_0', port: 0, counter: 'x' }],
    ['port', { kind: 'rdma', device: 'mlx5_0', port: 256, counter: 'x' }],
    ['port', { kind: 'rdma', device: 'mlx5_0', port: 1.5, counter: 'x' }],
    ['counter', { kind: 'rdma', device: 'mlx5_0', port: 1, counter: 7 }],
    ['link', { kind: 'ethtool', link: 7, group: 'mac', attribute: 0 }],
    ['group', { kind: 'ethtool', link: 'lo', group: 'phy', attribute: 0 }],
    ['attribute', { kind: 'ethtool', link: 'lo', group: 'mac', attribute: 32 }],
    ['attribute', { kind: 'ethtool', link: 'lo', group: 'pause', attribute: -1 }],
    ['name', { kind: 'ethtool', link: 'lo', group: 'strings', name: '' }],
  ])('a wrong %s of a place is named: %j', (name, place) => withAddon((native) => {
    expect(() => createNativeSampler(native, planOf([channelOf('asked', place as CounterPlace)]))).toThrow(new RegExp(`^${name}: `));
  })());
});

describe.runIf(addon !== undefined)('this machine', () => {
  test('tells its RDMA counters, or none', withAddon((native) => {
    const devices = existsSync('/sys/class/infiniband') ? readdirSync('/sys/class/infiniband') : [];
    expect(devices.flatMap((device) => native.rdmaCounters(device, 1)).every((name) => name.length > 0)).toBe(true);
    expect(native.rdmaCounters('no-such-device', 1)).toEqual([]);
  }));
  test('an absent interface has nothing', withAddon((native) => {
    expect(native.ethtoolCounters('no-such-link')).toEqual({ mac: [], ctrl: [], pause: [], strings: [] });
    expect(native.losslessPriorities('no-such-link')).toBeUndefined();
  }));
  test('every statistic that a driver lists can be sampled', withAddon(async (native) => {
    const places = links().flatMap((link): CounterPlace[] => {
      const { mac, strings } = native.ethtoolCounters(link);
      return [...mac.map((attribute) => ({ kind: 'ethtool', link, group: 'mac', attribute }) as const), ...[...new Set(strings)].map((name) => ({ kind: 'ethtool', link, group: 'strings', name }) as const)];
    });
    const sampler = createNativeSampler(native, planOf(places.slice(0, 500).map((place) => channelOf(place.kind, place))));
    sampler.start();
    const isRead = () => sampler.figures().sources.every(({ reads }) => reads > 2);
    while (!isRead()) await setImmediate();
    sampler.stop();
    expect(sampler.figures().sources.map(({ failedReadings }) => failedReadings)).toEqual(sampler.figures().sources.map(() => 0));
  }));
  test('counters of absent devices have no readings', withAddon(async (native) => {
    const absent: CounterPlace[] = [
      { kind: 'rdma', device: 'no-such-device', port: 1, counter: 'rx_bytes' }, { kind: 'ethtool', link: 'no-such-link', group: 'mac', attribute: 12 },
      { kind: 'ethtool', link: 'no-such-link', group: 'strings', name: 'rx' },
    ];
    const sampler = createNativeSampler(native, planOf(absent.map((place) => channelOf('absent', place))));
    sampler.start();
    while (sampler.figures().ticks < 5) await setImmediate();
    sampler.stop();
    const { windows } = sampler.drain();
    expect(windows.every(({ intervals }) => intervals === 0)).toBe(true);
    expect(sampler.figures().sources[0]?.failedReadings).toBeGreaterThan(0);
  }));
});
