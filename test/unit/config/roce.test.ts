// tributary.roce: what the keys mean, and what is refused.

import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { RoceSettings } from '../../../src/roce/config.ts';
import { file, loaded, problems, remarks } from './helper.ts';

const ms = 1e6;

function roce(lines: string, env: NodeJS.ProcessEnv = {}): RoceSettings | undefined {
  const result = loadConfig(file, { readFile: () => Buffer.from(`tributary: {roce: {${lines}}}`), env, hostName: 'node-1' });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config.settings.roce;
}

const refused = (lines: string) => problems(`tributary:\n  roce: {${lines}}`).join('\n');

test('without the block nothing is sampled', () => expect(loaded('tributary: {}').settings.roce).toBeUndefined());

test('defaults', () => {
  expect(roce('')).toEqual({
    enabled: 'auto', sysfs: '/sys', labels: new Map([['job', 'roce'], ['instance', 'node-1']]),
    devices: { include: [], exclude: [], netdevs: [], virtualFunctions: false },
    intervalNs: ms, idleIntervalNs: 10 * ms, sources: ['rdma_netlink', 'port_data', 'ethtool_mac', 'rtnetlink', 'ethtool'],
    tiers: { t1Ns: 10 * ms, t2Ns: 200 * ms, t3Ns: 15e9 }, maxDuty: { firmware: 0.02, software: 0.05 }, lifespan: 'keep', windowNs: 15e9,
    burst: { enter: 0.5, leave: 0.3, mergeGap: 1, minIntervals: 1 }, thresholds: [0.5, 0.9, 0.99], priorities: 'lossless',
    histogram: { schema: 3, maxBuckets: 80 },
    capture: { preNs: 50 * ms, postNs: 100 * ms, maxNs: 2e9, signals: 8, samplesPerMinute: 20_000 },
    schedule: { policy: 'auto', priority: 10, cpu: undefined }, ringBytes: 64 * 1024 ** 2, nodeExporterNames: true, output: 'remote_write',
  });
});

test.each([
  ['interval: 100us', { intervalNs: 100_000 }],
  ['interval: 10ms', { intervalNs: 10 * ms }],
  ['interval: 1s, idle_interval: 1s', { intervalNs: 1e9, idleIntervalNs: 1e9 }],
  ['enabled: true', { enabled: 'true' }],
  ['enabled: false', { enabled: 'false' }],
  ['lifespan: 20ms', { lifespan: 20 }],
  ['lifespan: 0', { lifespan: 0 }],
  ['priorities: [3, 4]', { priorities: [3, 4] }],
  ['priorities: []', { priorities: [] }],
  ['sources: [port_data]', { sources: ['port_data'] }],
  ['thresholds: [0.8]', { thresholds: [0.8] }],
  ['sched: {policy: nice, cpu: 0}', { schedule: { policy: 'nice', priority: 10, cpu: 0 } }],
  ['paths: {sysfs: /host/sys}', { sysfs: '/host/sys' }],
  ['paths: {sysfs: sys}', { sysfs: '/etc/tributary/sys' }],
  ['capture: {budget: 0}', { capture: { preNs: 50 * ms, postNs: 100 * ms, maxNs: 2e9, signals: 8, samplesPerMinute: 0 } }],
  ['output: metrics', { output: 'metrics' }],
  ['compat: {node_exporter_names: false}', { nodeExporterNames: false }],
  ['interval: 10ms, capture: {pre: 10s, max: 10s}', { capture: { preNs: 10e9, maxNs: 10e9 } }],
])('%s', (lines, expected) => expect(roce(lines)).toMatchObject(expected));

describe('labels', () => {
  test('come from the environment', () => expect(roce('labels: {node: $NODE_NAME, instance: "${NODE_NAME}:9100"}', { NODE_NAME: 'n7' })?.labels).toEqual(new Map([['job', 'roce'], ['instance', 'n7:9100'], ['node', 'n7']])));
  test('an empty one is left out', () => expect(roce('labels: {instance: ""}')?.labels).toEqual(new Map([['job', 'roce']])));
  test('one that becomes empty is told', () => expect(remarks('tributary: {roce: {labels: {node: $NODE_NAME}}}')).toEqual(['1:20: tributary.roce.labels: warning: the environment variable NODE_NAME in the label node is empty']));
});

test.each([
  ['interval: 99us', 'roce.interval: interval is out of range, expected 100us to 1s'],
  ['interval: 2s', 'expected 100us to 1s'],
  ['interval: 1parsec', 'unknown unit "parsec"'],
  ['interval: 20ms', 'idle_interval is out of range, expected at least interval'],
  ['idle_interval: 2s', 'idle_interval is out of range'],
  ['window: 500ms', 'window is out of range, expected 1s to 1m'],
  ['window: 61s', 'window is out of range'],
  ['enabled: perhaps', 'roce.enabled: unknown value "perhaps", expected one of auto, true, false'],
  ['sources: [hearsay]', 'roce.sources[0]: unknown source "hearsay"'],
  ['sources: [port_data, port_data]', 'a source stands there twice'],
  ['tiers: {t1: 0}', 'roce.tiers.t1: t1 is out of range'],
  ['tiers: {t2: 99ms}', 't2 is out of range'],
  ['tiers: {t3: 61s}', 't3 is out of range'],
  ['governor: {max_duty: {firmware: 0}}', 'roce.governor.max_duty.firmware: firmware is out of range'],
  ['governor: {max_duty: {software: 0.9}}', 'software is out of range'],
  ['lifespan: 11s', 'lifespan is out of range'],
  ['lifespan: soon', 'not a valid duration string'],
  ['burst: {enter: 0}', 'enter is 0, expected 0.01 to 1'],
  ['burst: {enter: 1.1}', 'enter is 1.1'],
  ['burst: {leave: 0.5}', 'leave is 0.5, expected above 0 and below enter, 0.5'],
  ['burst: {merge_gap: 1001}', 'merge_gap is out of range'],
  ['burst: {min: 0}', 'min is out of range'],
  ['thresholds: [0.9, 0.5]', 'thresholds are 0.9, 0.5, expected at most 4, ascending'],
  ['thresholds: [0.5, 0.5]', 'ascending'],
  ['thresholds: [1.5]', 'at most 1'],
  ['thresholds: [0.1, 0.2, 0.3, 0.4, 0.5]', 'at most 4'],
  ['priorities: [8]', '8 is no priority'],
  ['priorities: [3, 3]', '3 is no priority or stands there twice'],
  ['priorities: all', 'expected lossless or a list of priorities'],
  ['histogram: {schema: 4}', 'schema is out of range'],
  ['histogram: {max_buckets: 3}', 'max_buckets is out of range'],
  ['capture: {pre: 11s, max: 12s}', 'pre is out of range'],
  ['capture: {post: 11s}', 'post is out of range'],
  ['capture: {pre: 3s}', 'max is out of range, expected at least pre'],
  ['capture: {pre: 9s, max: 9s}', 'roce.capture.pre: pre is 9000ms, expected at most 8128 times interval, 8128ms'],
  ['interval: 100us, capture: {pre: 900ms}', 'pre is 900ms, expected at most 8128 times interval, 812.8ms'],
  ['capture: {signals: 65}', 'signals is out of range'],
  ['capture: {budget: 1000001}', 'budget is out of range'],
  ['sched: {policy: polite}', 'unknown policy "polite"'],
  ['sched: {priority: 100}', 'priority is out of range'],
  ['sched: {cpu: 1024}', 'cpu is out of range'],
  ['ring_bytes: 1KB', 'ring_bytes: 1KiB is out of range, expected 1MiB to 1GiB'],
  ['devices: {include: ["("]}', 'roce.devices.include: error parsing regexp: missing closing )'],
  ['devices: {netdevs: ["a{2,1}"]}', 'roce.devices.netdevs: error parsing regexp'],
  ['labels: {__name__: x}', '"__name__" is not a valid label name here'],
  ['output: paper', 'unknown output "paper"'],
  ['interval: 1ms, windw: 1s', 'the nearest known key is window'],
])('%s is refused: %s', (lines, message) => {
  expect(refused(lines)).toContain(message);
  expect(refused(lines)).toMatch(/^2:\d+: tributary\.roce/);
});

test('the configuration in force loads again', () => {
  const lines = 'interval: 500us, lifespan: 20ms, priorities: [3], labels: {node: "$$x"}, devices: {netdevs: ["veth.*"]}';
  const { yaml } = loaded(`tributary: {roce: {${lines}}}`);
  expect(yaml).toContain('interval: 500us');
  expect(loaded(yaml).settings.roce).toEqual(loaded(`tributary: {roce: {${lines}}}`).settings.roce);
});

test('native histograms are no remark where some are made', () => expect(remarks('remote_write: [{url: "http://x", name: a, send_native_histograms: true}]\ntributary: {roce: {}}')).toEqual([]));
