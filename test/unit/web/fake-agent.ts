// An agent as the web sees it, made of constants, and a server in front of it on a free loopback port.

import { parseSeries } from '../../../src/route/explain.ts';
import { explain } from '../../../src/series/explain.ts';
import { parseCommandLine } from '../../../src/cli/flags.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { startWebServer, type WebServer } from '../../../src/web/server.ts';
import type { DestinationView } from '../../../src/web/destination-view.ts';
import type { ActiveTargetView, AgentView } from '../../../src/web/view.ts';

export function activeTarget(job: string, address: string, change: Partial<ActiveTargetView> = {}): ActiveTargetView {
  return {
    target: {
      key: address,
      job,
      labels: [['instance', address], ['job', job]],
      discoveredLabels: new Map([['__address__', address], ['job', job]]),
      provenance: new Map([['__scrape_interval__', '15s']]),
      url: `http://${address}/metrics`,
      scrapeIntervalMs: 15_000,
      scrapeTimeoutMs: 10_000,
    },
    health: 'up',
    lastError: '',
    errorClass: undefined,
    lastScrapeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    lastScrapeDurationSeconds: 0.25,
    ...change,
  };
}

/** A destination whose link broke, while a backlog drains. Its accounts add up. */
export const destination: DestinationView = {
  name: 'master-a',
  url: 'http://storage.example/api/v1/write',
  endpoints: [
    { url: 'http://storage.example/api/v1/write', inUse: true, lastError: 'connection refused' },
    { url: 'http://storage-2.example/api/v1/write', inUse: false, lastError: '' },
  ],
  profile: 'victoriametrics',
  tenant: { by: 'path', id: '7:3' },
  message: '1.0',
  encoding: 'zstd',
  zstdLevel: 5,
  state: 'retrying',
  lastError: 'connection refused',
  lastErrorMs: Date.UTC(2026, 0, 2),
  lastSuccessMs: undefined,
  retryAtMs: Date.UTC(2026, 0, 2, 0, 0, 30),
  requests: 1234,
  wireBytes: 5 * 1024 ** 2,
  specimens: [{ status: 400, reason: 'out_of_order', samples: 3, atMs: Date.UTC(2026, 0, 2), body: 'sample <script>alert(1)</script> refused', series: 'up{job="a<b>"}' }],
  laneOrder: 'live_first',
  live: { lagSeconds: 2.5, samplesPerSecond: 1500, requestsInFlight: 1 },
  backfill: { lagSeconds: 4000, samplesPerSecond: 6500.4, requestsInFlight: 2 },
  pace: { itemsPerSecond: 9000, isLearned: true, burstItems: 50_000, bytesPerSecond: 32 * 1024 },
  concurrency: 3,
  linkBytesPerSecond: 25.5 * 1024,
  maxDelaySeconds: 15,
  clockSkewSeconds: -1.25,
  heldSamples: 4,
  heldUntilMs: Date.UTC(2026, 0, 2, 1),
  drainSeconds: 7800,
  drainedAtMs: Date.UTC(2026, 0, 2, 2, 10),
  isFallingBehind: false,
  outageHours: 18.5,
  oldestUnsentAgeSeconds: 75,
  pendingBytes: 2048,
  pendingRecords: 3,
  diskBytes: 4096,
  quotaBytes: 1024 ** 3,
  segments: 2,
  queueMode: 'ok',
  isBlocked: false,
  queueError: '',
  quarantinedEntries: 6,
  counters: {
    appended: 100, movedIn: 4, acknowledged: 60, deduplicated: 4, pending: 30,
    lost: { evicted: 5, expired: 0, corrupt: 2, rejected: 3, quarantined: 0, disk_full: 0, quota: 0, dropped: 0, moved_out: 0 },
    scrape: { scraped: 110, failed: 1, relabelled: 2, limited: 3, unrouted: 4 },
  },
};

/** The same one, when all is well. */
export const quietDestination: DestinationView = {
  ...destination,
  name: 'quiet',
  state: 'sending',
  lastError: '', lastErrorMs: undefined, retryAtMs: undefined, specimens: [], backfill: undefined, drainSeconds: 0, drainedAtMs: undefined,
  heldSamples: 0, heldUntilMs: undefined,
};

export const fakeView: AgentView = {
  pools: () => [
    { name: 'node', active: [activeTarget('node', '127.0.0.1:9100'), activeTarget('node', 'b:1', { health: 'down', lastError: 'refused <b>', errorClass: 'refused' })], dropped: [], droppedCount: 0, leftCount: 0 },
    { name: 'api', active: [activeTarget('api', 'c:1', { health: 'unknown', lastScrapeMs: undefined, lastScrapeDurationSeconds: 0 })],
      dropped: [{ discoveredLabels: new Map([['__address__', 'd:1']]), reason: 'drop __address__ =~ d:.*' }], droppedCount: 4, leftCount: 3 },
  ],
  sharding: () => ({ members: 4, member: 1, replicationFactor: 2 }),
  relabelSteps: (pool, labels) =>
    pool !== 'node' ? undefined : [
      { rule: { action: 'replace', sourceLabels: ['a'], separator: ';', regex: '(.*)', modulus: 0n, targetLabel: 'b', replacement: '$1', if: [] }, output: labels, keep: true },
      { rule: { action: 'drop', sourceLabels: [], separator: ';', regex: '', modulus: 0n, targetLabel: '', replacement: '', if: ['{x="y"}'] }, output: new Map(), keep: false },
    ],
  explainRoute: (text) => {
    const series = parseSeries(text);
    return typeof series === 'string' ? series : explain({ destinations: [{ name: 'master-a', writeRelabel: [] }], externalLabels: new Map(), routing: undefined, shardGroups: [], index: undefined }, series);
  },
  metadata: (target) => [
    { family: 'up_total', type: 'counter', help: `Ups of ${target.job}.`, unit: '' },
    { family: 'a_bytes', type: 'gauge', help: 'A.', unit: 'bytes' },
  ],
  configYaml: () => 'global: {}\n',
  remarks: () => [{ kind: 'no_effect', file: 'a.yml', line: 3, column: 5, path: 'remote_write[0].queue_config.max_shards', text: 'has no effect' }],
  reload: () => ({ successful: false, lastSuccessMs: 0, lastAttemptMs: 1000, problems: [{ file: 'a.yml', line: 1, column: 1, path: 'x', text: 'unknown key' }], error: '' }),
  destinations: () => [destination],
  retired: () => [{ name: 'master-old', removedMs: Date.UTC(2026, 0, 1), state: 'parked', pendingSamples: 1_234_567, diskBytes: 3 * 1024 ** 2 }],
  masters: () => ({ masters: [], sources: [], keepError: '' }),
  discovery: () => [
    { kind: 'http', jobs: ['web', 'api'], ready: false, groups: 0, targets: 0 },
    { kind: 'file', jobs: ['node'], ready: true, groups: 2, targets: 1234, updatedAtMs: Date.UTC(2026, 0, 2) },
  ],
  kubernetes: () => [],
  owners: () => ({ source: 'podmetadata', isComplete: true, pods: 3, tombstones: 1, unresolved: 2, absent: 0, owners: [{ owner: 'a', pods: 2, tombstones: 0 }, { owner: 'gone', pods: 0, tombstones: 1 }] }),
  roce: () => ({
    sampler: 'native', reason: '', policy: 'fifo', output: 'remote_write', intervalSeconds: 0.001, windowSeconds: 15, ticks: 12_345, missedTicks: 6, latenessP99Seconds: 0.00004,
    producedRows: 700, overwrittenRows: 0, captures: 2, lastWindowMs: Date.UTC(2026, 0, 2), pendingBytes: 0,
    ports: [
      {
        kind: 'rdma', device: 'mlx5_0', port: 1, netdev: 'eth0', driver: 'mlx5_core', firmware: '28.43.1000', pci: '0000:3b:00.0', linkLayer: 'Ethernet', lineRate: 50e9, counters: 42,
        peaks: [{ direction: 'receive', bytesPerSecond: 45e9, share: 0.9, atMs: Date.UTC(2026, 0, 2) - 1500, bursts: 3 }, { direction: 'transmit', bytesPerSecond: 0, share: 0, atMs: Date.UTC(2026, 0, 2), bursts: 0 }],
        unreadable: [{ name: 'VL15_dropped', reason: 'EINVAL' }],
      },
      { kind: 'netdev', device: 'veth0', port: 0, netdev: 'veth0', driver: '', firmware: '', pci: '', linkLayer: '', lineRate: 0, counters: 24, peaks: [], unreadable: [] },
    ],
    sources: [
      { source: 'mlx5_0/1 port_data', thread: 'fast', counters: 2, effectiveIntervalSeconds: 0.001, reads: 12_000, failedReadings: 0, readP50Seconds: 0.0000124, readP99Seconds: 0.00003, refreshSeconds: 0 },
      { source: 'eth0 ethtool', thread: 'slow', counters: 20, effectiveIntervalSeconds: 0.2, reads: 60, failedReadings: 4, readP50Seconds: 0.0012, readP99Seconds: 0.002, refreshSeconds: undefined },
    ],
    problems: ['counters that cannot be read are left out: mlx5_0 VL15_dropped: EINVAL'],
  }),
  ownerDestinations: () => new Map([['a', ['master-a']], ['new', ['master-n']]]),
  volume: () => ({
    jobs: [{ name: 'cadvisor', targets: 2, series: 1500, samplesPerSecond: 151, bytesPerSecond: 2048 }, { name: 'web', targets: 1, series: 20, samplesPerSecond: 2.5, bytesPerSecond: 64 }],
    namespaces: [{ name: 'hero-user-a', targets: 2, series: 1100, samplesPerSecond: 110, bytesPerSecond: 1500 }, { name: '', targets: 1, series: 420, samplesPerSecond: 42, bytesPerSecond: 612 }],
    owners: [{ name: 'a', targets: 2, series: 1100, samplesPerSecond: 110, bytesPerSecond: 1500 }, { name: '', targets: 3, series: 415, samplesPerSecond: 41.5, bytesPerSecond: 600 },
      { name: 'far', targets: 1, series: 5, samplesPerSecond: 0.5, bytesPerSecond: 12 }],
  }),
  metricsText: () => Promise.resolve('# HELP x X.\nx 1\n'),
  isStarted: () => true,
  isReady: () => true,
  isStopping: () => false,
  requestReload: () => Promise.resolve({ ok: true }),
  requestQuit: () => undefined,
};

export interface TestServer {
  readonly base: string;
  readonly port: number;
  readonly server: WebServer;
}

/** Listens on a free loopback port; the caller closes it. */
export async function startTestServer(view: Partial<AgentView> = {}, ...args: string[]): Promise<TestServer> {
  const command = parseCommandLine(['--web.listen-address=127.0.0.1:0', ...args]);
  if (command.kind !== 'run') throw new Error(JSON.stringify(command));
  const build = { version: '1.2.3', revision: 'abc', branch: 'main', buildDate: '2026-01-01' };
  const server = await startWebServer({ view: { ...fakeView, ...view }, flags: command.flags, build, metrics: createMetrics(), logger: silentLogger, startedMs: 0 });
  const port = server.addresses[0]?.port ?? 0;
  return { base: `http://127.0.0.1:${port}`, port, server };
}
