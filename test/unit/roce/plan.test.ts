// What is read, how often and by which source, of every golden sysfs tree, with files alone and with all that the kernel can be asked.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { discover, type FoundCounter, type FoundPort } from '../../../src/roce/discover.ts';
import type { KernelCounters } from '../../../src/roce/kernel-counters.ts';
import { createNativeSampler, loadNativeSampler } from '../../../src/roce/native-sampler.ts';
import { planRoce, type RocePlan } from '../../../src/roce/plan.ts';
import { channelsMax, sourcesMax } from '../../../src/roce/sampler.ts';
import { roceSettings } from './settings.ts';

const sys = join(import.meta.dirname, '../../fixtures/sys');
const rdmaPorts = (tree: string) => discover(join(sys, tree)).filter(({ kind }) => kind === 'rdma');

function plan(ports: readonly FoundPort[], lines = '', isNative = false): RocePlan {
  return planRoce(roceSettings(lines), ports, isNative).plan;
}

/** Source, period in milliseconds, thread, counters. */
function sources({ sampler, channels }: RocePlan): (readonly [string, number, string, number])[] {
  return sampler.sources.map(({ name, periodNs, thread }) => [name, periodNs / 1e6, thread, channels.filter(({ channel }) => channel.source === name).length]);
}

const throughput = ({ channels }: RocePlan) => channels.filter(({ isThroughput }) => isThroughput).map(({ counter: { name } }) => name);
const captured = ({ channels }: RocePlan) => channels.filter(({ channel }) => channel.isCaptured).map(({ counter: { name } }) => name);

/** A kernel that knows everything about mlx5_0 and eth0. */
const kernel: KernelCounters = {
  rdmaCounters: (device, port) => (device === 'mlx5_0' && port === 1 ? ['out_of_sequence', 'np_cnp_sent', 'rx_write_requests', 'rdma_rx_bytes', 'rdma_tx_bytes'] : []),
  ethtoolCounters: () => ({ mac: [6, 12], ctrl: [], pause: [2, 3], strings: ['rx_prio3_pause_duration', 'rx_prio5_pause_duration', 'tx_prio3_pause', 'rx_discards_phy'] }),
  losslessPriorities: () => [3],
};

describe('files alone, in the event loop', () => {
  test.each<readonly [string, readonly string[], readonly (readonly [string, number, string, number])[]]>([
    ['bnxt-re-old', ['rx_bytes', 'tx_bytes'], [
      ['bnxt_re0/1 hw_counters bytes', 10, 'fast', 2], ['bnxt_re0/1 hw_counters', 10, 'fast', 9], ['bnxt_re0/1 counters', 10, 'fast', 1],
      ['bnxt_re0/1 port_data slow', 15_000, 'fast', 2], ['bnxt_re0/1 hw_counters slow', 15_000, 'fast', 4], ['bnxt_re0/1 counters slow', 15_000, 'fast', 6]]],
    ['bnxt-re-new', ['rx_bytes', 'tx_bytes'], [
      ['bnxt_re0/1 hw_counters bytes', 10, 'fast', 2], ['bnxt_re0/1 hw_counters', 10, 'fast', 6], ['bnxt_re0/1 counters', 10, 'fast', 1],
      ['bnxt_re0/1 port_data slow', 15_000, 'fast', 2], ['bnxt_re0/1 hw_counters slow', 15_000, 'fast', 2], ['bnxt_re0/1 counters slow', 15_000, 'fast', 6]]],
    ['efa', ['rx_bytes', 'tx_bytes'], [['rdmap0s6/1 hw_counters bytes', 10, 'fast', 2], ['rdmap0s6/1 hw_counters', 10, 'fast', 3], ['rdmap0s6/1 hw_counters slow', 15_000, 'fast', 5]]],
    ['erdma', ['rx_bytes_cnt', 'tx_bytes_cnt'], [['erdma_0/1 hw_counters bytes', 10, 'fast', 2], ['erdma_0/1 hw_counters', 10, 'fast', 6], ['erdma_0/1 hw_counters slow', 15_000, 'fast', 3]]],
    ['hns', [], [['hns_0/1 hw_counters', 10, 'fast', 2], ['hns_0/1 hw_counters slow', 15_000, 'fast', 7]]],
    ['ionic', ['rx_rdma_ucast_bytes', 'tx_rdma_ucast_bytes'], [['ionic_0/1 hw_counters bytes', 10, 'fast', 2], ['ionic_0/1 hw_counters', 10, 'fast', 11], ['ionic_0/1 hw_counters slow', 15_000, 'fast', 5]]],
    ['irdma', ['ip4InOctets', 'ip4OutOctets'], [['irdma0/1 hw_counters bytes', 10, 'fast', 2], ['irdma0/1 hw_counters', 10, 'fast', 7], ['irdma0/1 hw_counters slow', 15_000, 'fast', 9]]],
    ['mlx5-representor', ['port_rcv_data', 'port_xmit_data'], [['mlx5_1/1 port_data', 10, 'fast', 2], ['mlx5_1/1 hw_counters', 10, 'fast', 3]]],
    ['omnipath', ['port_rcv_data', 'port_xmit_data'], [['hfi1_0/1 port_data', 10, 'fast', 2], ['hfi1_0/1 counters', 10, 'fast', 1], ['hfi1_0/1 counters slow', 15_000, 'fast', 6]]],
    ['rxe', [], [['rxe0/1 hw_counters', 10, 'fast', 4], ['rxe0/1 hw_counters slow', 15_000, 'fast', 5]]],
  ])('%s: throughput %j', (tree, names, expected) => {
    const made = plan(rdmaPorts(tree));
    expect(throughput(made)).toEqual(names);
    expect(sources(made)).toEqual(expected);
  });

  test('of mlx5 the first counter of the set is read first, with the events', () => {
    const made = plan(rdmaPorts('mlx5-two-ports'));
    const [first] = made.channels.filter(({ channel }) => channel.source === 'mlx5_0/1 hw_counters');
    expect(first?.counter.name).toBe('rx_write_requests');
    expect(made.sampler.reduction.periodNs).toBe(1e7);
  });
  test('a period is a whole number of ticks', () => expect(sources(plan(rdmaPorts('rxe'), 'interval: 15ms, idle_interval: 15ms')).map(([, ms]) => ms)).toEqual([15, 15_000]));
  test('nothing but files is asked for', () => expect(new Set(plan(discover(join(sys, 'mlx5-two-ports'), { kernel })).channels.map(({ channel }) => channel.place.kind))).toEqual(new Set(['file'])));
});

describe('with the native sampler', () => {
  const ports = discover(join(sys, 'mlx5-two-ports'), { kernel, include: (name) => name === 'mlx5_0', netdevs: (name) => name === 'lo' }).filter(({ port }) => port !== 2);
  const made = plan(ports, '', true);

  test('each question to the kernel is one source; what may wait has the slow thread', () => {
    expect(sources(made)).toEqual([
      ['mlx5_0/1 rdma_netlink', 1, 'fast', 5], ['rtnetlink', 1, 'fast', 5], ['mlx5_0/1 hw_counters', 10, 'fast', 9], ['mlx5_0/1 counters', 10, 'fast', 1],
      ['eth0 ethtool_mac', 10, 'slow', 4], ['lo ethtool_mac', 10, 'slow', 4], ['eth0 ethtool', 200, 'slow', 3],
      ['mlx5_0/1 port_data slow', 15_000, 'slow', 2], ['mlx5_0/1 hw_counters slow', 15_000, 'slow', 19], ['mlx5_0/1 counters slow', 15_000, 'slow', 6],
    ]);
  });
  test('the driver counts the bytes of RDMA, the kernel those of a listed interface', () => expect(throughput(made)).toEqual(['rdma_rx_bytes', 'rdma_tx_bytes', 'rx_bytes', 'tx_bytes']));
  test('of priorities the lossless ones are told', () => {
    const names = made.channels.map(({ counter }) => counter.name);
    expect(names).toContain('rx_prio3_pause_duration');
    expect(names).not.toContain('rx_prio5_pause_duration');
    expect(plan(ports, 'priorities: [5]', true).channels.map(({ counter }) => counter.name)).toContain('rx_prio5_pause_duration');
  });
  test('the preferred source comes first', () => {
    expect(throughput(plan(ports, 'sources: [port_data, rdma_netlink]', true))).toEqual(expect.arrayContaining(['port_rcv_data', 'port_xmit_data']));
    expect(throughput(plan(ports, 'sources: [ethtool_mac]', true))).toEqual(expect.arrayContaining(['OctetsReceivedOK', 'OctetsTransmittedOK']));
  });
  test('a source that is not named is not used', () => {
    const kinds = (lines: string) => new Set(plan(ports, lines, true).channels.map(({ channel }) => channel.place.kind));
    expect(kinds('sources: []')).toEqual(new Set(['file']));
    expect(kinds('sources: [rtnetlink]')).toEqual(new Set(['file', 'link']));
    expect(plan(ports, 'sources: []', true).channels.map(({ group }) => group)).not.toContain('port_data');
  });
  test('traffic is read more seldom while it is idle, statistics more often after events', () => {
    const rules = (name: string) => made.sampler.sources.find((source) => source.name === name);
    expect(rules('mlx5_0/1 rdma_netlink')).toMatchObject({ idlePeriodNs: 1e7, escalatedPeriodNs: 1e6, maxDuty: 0.02 });
    expect(rules('rtnetlink')).toMatchObject({ idlePeriodNs: 1e7, maxDuty: 0.05 });
    expect(rules('eth0 ethtool')).toMatchObject({ idlePeriodNs: 2e8, escalatedPeriodNs: 1e8 });
  });
  test('a tick longer than a tier holds for the tier', () => expect(sources(plan(ports, 'interval: 1s, idle_interval: 1s', true)).filter(([, , thread]) => thread === 'fast').map(([, ms]) => ms)).toEqual(expect.arrayContaining([1000])));
});

describe('rules of counters', () => {
  const [port] = rdmaPorts('mlx5-two-ports');
  const rulesOf = (made: RocePlan, name: string) => made.channels.find(({ counter }) => counter.name === name)?.channel;

  test('only throughput has a line', () => {
    const made = plan([port!]);
    expect(rulesOf(made, 'port_rcv_data')?.rules).toMatchObject({ lineRate: 50e9, multiplier: 4, refreshNs: 'learn' });
    expect(rulesOf(made, 'out_of_sequence')?.rules).toMatchObject({ lineRate: 0, bits: 32 });
  });
  test('what the kernel counts is fresh at each reading', () => {
    expect(plan(rdmaPorts('rxe')).channels.every(({ channel }) => channel.rules.refreshNs === 0)).toBe(true);
    const [lo] = discover(join(sys, 'mlx5-two-ports')).filter(({ device }) => device === 'lo');
    expect(plan([lo!]).channels.every(({ channel }) => channel.rules.refreshNs === 0)).toBe(true);
  });
  test('loss is an event, congestion marks are none', () => {
    const made = plan([port!]);
    expect(['out_of_sequence', 'port_xmit_discards', 'np_cnp_sent', 'np_ecn_marked_roce_packets', 'port_rcv_data'].map((name) => rulesOf(made, name)?.isEvent)).toEqual([true, true, false, false, false]);
  });
  test('levels are not read', () => expect(plan(rdmaPorts('bnxt-re-old')).channels.map(({ counter }) => counter.name).filter((name) => name.startsWith('active_'))).toEqual([]));
});

describe('captures', () => {
  const [port] = rdmaPorts('mlx5-two-ports');

  test('eight counters of a port, throughput first', () => {
    expect(captured(plan([port!]))).toHaveLength(8);
    expect(captured(plan([port!])).slice(0, 2)).toEqual(['port_rcv_data', 'port_xmit_data']);
  });
  test('of each port', () => expect(captured(plan(rdmaPorts('mlx5-two-ports'), 'capture: {signals: 3}'))).toHaveLength(6));
  test.each(['capture: {signals: 0}', 'capture: {budget: 0}', 'output: metrics'])('%s: none', (lines) => {
    expect(captured(plan([port!], lines))).toEqual([]);
    expect(plan([port!], lines).sampler.capture).toBeUndefined();
  });
  test('with their lengths', () => expect(plan([port!], 'capture: {pre: 10ms, post: 20ms, max: 1s}').sampler.capture).toEqual({ preNs: 1e7, postNs: 2e7, maxNs: 1e9 }));
});

test('the rest of the settings reaches the sampler', () => {
  const lines = 'window: 1s, thresholds: [0.8], burst: {enter: 0.6, leave: 0.2, merge_gap: 2, min: 3}, sched: {policy: plain, priority: 5, cpu: 1}, ring_bytes: 2MiB';
  expect(plan(rdmaPorts('rxe'), lines).sampler).toMatchObject({
    reduction: { periodNs: 1e7, windowNs: 1e9, thresholds: [0.8], enter: 0.6, leave: 0.2, mergeGap: 2, minIntervals: 3 },
    schedule: { policy: 'plain', priority: 5, cpu: 1 }, ringBytes: 2 * 1024 ** 2,
  });
});

test('too many counters: the slow ones are left out, and counted', () => {
  const [port] = rdmaPorts('mlx5-representor');
  const [first] = port!.groups.find(({ kind }) => kind === 'hw_counters')!.counters;
  const counters: FoundCounter[] = Array.from({ length: channelsMax }, (_, i) => ({ ...first!, name: `c${i}`, meaning: { bits: 64, saturates: false, multiplier: 1, isGauge: false } }));
  const { plan: made, leftOut } = planRoce(roceSettings(), [{ ...port!, groups: [{ kind: 'counters', counters }, ...port!.groups] }], false);
  expect([made.channels.length, leftOut]).toEqual([channelsMax, 5]);
  expect(throughput(made)).toEqual(['port_rcv_data', 'port_xmit_data']);
});

test('too many sources: those of the slow counters are left out', () => {
  const [port] = rdmaPorts('mlx5-representor');
  const ports = Array.from({ length: sourcesMax }, (_, i) => ({ ...port!, port: i + 1 }));
  const { plan: made, leftOut } = planRoce(roceSettings(), ports, false);
  expect(made.sampler.sources).toHaveLength(sourcesMax);
  expect(made.sampler.sources.every(({ name }) => name.endsWith(' port_data'))).toBe(true);
  expect([made.channels.length, leftOut]).toEqual([2 * sourcesMax, 3 * sourcesMax]);
});

const loaded = loadNativeSampler();

test.runIf('addon' in loaded).each([
  '', 'interval: 100us, idle_interval: 100us, window: 1s, tiers: {t1: 1ms, t2: 100ms, t3: 1s}', 'interval: 1s, idle_interval: 1s, window: 1m, tiers: {t1: 1m, t2: 1m, t3: 1m}',
  'burst: {enter: 0.01, leave: 0.001, merge_gap: 0, min: 1000}, thresholds: []', 'burst: {enter: 1, merge_gap: 1000}, thresholds: [0.1, 0.2, 0.3, 1]', 'ring_bytes: 1MiB', 'ring_bytes: 1GiB',
  'capture: {pre: 0, post: 0, max: 10ms, signals: 64}', 'interval: 10ms, capture: {pre: 10s, post: 10s, max: 1m}', 'capture: {pre: 8128ms, max: 1m}', 'governor: {max_duty: {firmware: 0.0001, software: 0.5}}', 'sched: {policy: fifo, priority: 99, cpu: 1023}',
])('the native sampler takes what the settings allow: %s', (lines) => {
  if (!('addon' in loaded)) return;
  for (const tree of ['mlx5-two-ports', 'rxe', 'bnxt-re-old']) expect(() => createNativeSampler(loaded.addon, plan(discover(join(sys, tree), { kernel }), lines, true).sampler)).not.toThrow();
});

test('no period is longer than samplers take', () => expect(Math.max(...sources(plan(rdmaPorts('rxe'), 'interval: 700ms, idle_interval: 700ms, tiers: {t1: 1m, t3: 1m}', true)).map(([, ms]) => ms))).toBeLessThanOrEqual(60_000));

test('nothing to sample is an empty plan', () => expect(plan([])).toMatchObject({ channels: [], sampler: { sources: [], channels: [], capture: undefined } }));
