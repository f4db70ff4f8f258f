// Counters end to end: the built program samples a sysfs whose files the test writes, and sends windows to the real VictoriaMetrics and to a receiver that fails for a while.
// What must hold in the end: bytes are exact, each destination has its form of histograms, and no window is missing, through an outage and through a process that stood still.

import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RoceState } from '../../src/roce/state.ts';
import { missingPeers } from '../support/peers.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { STALE_BITS, valueBits } from '../support/write-request.ts';
import { startVictoriaMetrics, type Peer } from './support/peers.ts';
import { endAll, temporaryFolder, until } from './support/process.ts';
import { exportVictoriaMetrics, type StoredSample } from './support/read-back.ts';
import { startTributary, workplace, type Tributary, type Workplace } from './support/tributary.ts';

const root = join(import.meta.dirname, '..', '..');
const missing = missingPeers('victoria-metrics');
if (missing !== undefined) console.warn(`NOT RUN: counters in VictoriaMetrics (${missing})`);
const isBuilt = existsSync(join(root, 'dist', 'native', 'sampler.node'));
if (!isBuilt) console.warn('NOT RUN: the native sampler: it was not built');

const received = 'node_infiniband_port_data_received_bytes_total';
/** Windows of the outage. */
const outageWindows = 6;

/** A port whose counters the test writes. Every 10 ms is one of ours: 2.5 MB are half a percent of its line. */
class Port {
  readonly sysfs = temporaryFolder();
  readonly #counters = join(this.sysfs, 'class/infiniband/mlx5_0/ports/1/counters');
  readonly #timer: NodeJS.Timeout;
  words = 1_000_000;

  constructor() {
    for (const part of ['class/infiniband', 'devices']) cpSync(join(root, 'test/fixtures/sys/mlx5-two-ports', part), join(this.sysfs, part), { recursive: true, verbatimSymlinks: true });
    this.#write();
    this.#timer = setInterval(() => {
      this.words += 625_000;
      this.#write();
    }, 10);
  }

  #write(): void {
    // As wide as the number may get: a reader never sees a part of it.
    writeFileSync(join(this.#counters, 'port_rcv_data'), `${String(this.words).padStart(20, '0')}\n`, { flag: 'r+' });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

describe.skipIf(missing !== undefined).each([['native', '1'], ['typescript', '0']].filter(([name]) => name !== 'native' || isBuilt))('%s', (name, native) => {
  let port: Port;
  let storage: Peer;
  let receiver: Receiver;
  let place: Workplace;
  let tributary: Tributary;
  const before = process.env['TRIBUTARY_NATIVE'];

  const yaml = (more: string) => `
global: {external_labels: {scraped_by: edge}}
remote_write:
  - {name: vm, url: 'http://${storage.address}/api/v1/write'}
  - {name: receiver, url: '${receiver.url}', send_native_histograms: true, queue_config: {min_backoff: 50ms, max_backoff: 500ms}, write_relabel_configs: [{source_labels: [__meta_roce_node], target_label: seen_at}]}
tributary:
  destinations: {vm: {profile: victoriametrics}, receiver: {profile: generic}}
${more}`;
  const roce = '  roce: {paths: {sysfs: SYSFS}, window: 1s, tiers: {t3: 1s}, labels: {node: n1}}';

  beforeAll(async () => {
    process.env['TRIBUTARY_NATIVE'] = native ?? '';
    port = new Port();
    [storage, receiver] = await Promise.all([startVictoriaMetrics(), startReceiver()]);
    place = workplace(yaml(roce.replace('SYSFS', port.sysfs)));
    tributary = await startTributary(place);
  });

  afterAll(async () => {
    port?.stop();
    await endAll();
    await receiver?.stop();
    if (before === undefined) delete process.env['TRIBUTARY_NATIVE'];
    else process.env['TRIBUTARY_NATIVE'] = before;
  });

  const log = () => tributary.output().slice(-2000);
  const state = () => tributary.api<Omit<RoceState, 'lastWindowMs'> & { lastWindowTime: string }>('/api/v1/status/roce');
  const lastWindow = async () => Date.parse((await state()).lastWindowTime);
  const windows = () => receiver.series({ __name__: received, device: 'mlx5_0', port: '1' });
  const stored = async (metric: string): Promise<StoredSample[]> => (await exportVictoriaMetrics(storage.address)).filter(({ labels }) => labels['__name__'] === metric);

  test('is what samples', async () => {
    await until(async () => (await lastWindow()) > 0, { what: log });
    expect(await state()).toMatchObject({ sampler: name, ports: [{ device: 'mlx5_0', port: 1, lineRate: 50e9 }, { device: 'mlx5_0', port: 2 }] });
    expect([...(await tributary.metrics()).keys()].find((key) => key.startsWith('tributary_build_info'))).toContain(`sampler="${name}"`);
  });

  test('while a receiver fails and the process stands still, every window is kept', async () => {
    receiver.always({ status: 503 });
    const fromMs = await lastWindow();
    await until(async () => (await lastWindow()) >= fromMs + (outageWindows / 2) * 1000, { what: log });
    tributary.signal('SIGSTOP');
    await new Promise((resolve) => void setTimeout(resolve, 500));
    tributary.signal('SIGCONT');
    await until(async () => (await lastWindow()) >= fromMs + outageWindows * 1000, { what: log });
    receiver.always(undefined);
    const lastMs = await lastWindow();
    await until(() => windows().some(({ timestampMs }) => timestampMs >= lastMs), { what: () => `the window of ${lastMs}: ${tributary.output().slice(-2000)}` });

    const times = [...new Set(windows().map(({ timestampMs }) => timestampMs))].sort((a, b) => a - b);
    expect(times).toEqual(Array.from({ length: times.length }, (_, i) => times[0]! + 1000 * i));
    expect(times.length).toBeGreaterThanOrEqual(outageWindows);
    // Deadlines that passed meanwhile are told.
    expect((await state()).missedTicks).toBeGreaterThan(0);
  });

  test('rows that were made are rows that were read', async () => {
    const metrics = await tributary.metrics();
    const [made, read, lost] = ['', '_read', '_overwritten'].map((which) => metrics.get(`tributary_sampler_ring${which}_rows_total`));
    expect(made).toBeGreaterThan(0);
    expect([read! + lost!, lost]).toEqual([made, 0]);
  });

  test('facts of this machine can be copied by write rules', () => expect(windows()[0]?.labels).toMatchObject({ job: 'roce', node: 'n1', seen_at: 'n1', scraped_by: 'edge' }));

  test('without the section every series ends', async () => {
    port.stop();
    // The last reading comes with the next window.
    const lastMs = await lastWindow();
    await until(async () => (await lastWindow()) >= lastMs + 2000, { what: log });
    place.configure(yaml(''));
    tributary.signal('SIGHUP');
    await until(() => windows().some(({ value }) => value === STALE_BITS), { what: log });
    expect(await state()).toEqual({ isEnabled: false });
  });

  test('bytes are exact, in both storages', async () => {
    await until(async () => (await stored(received)).some(({ value }) => value === STALE_BITS), { what: log });
    const bytes = valueBits(port.words * 4);
    const own = (await stored(received)).filter(({ labels, value }) => labels['port'] === '1' && value !== STALE_BITS);
    expect(windows().findLast(({ value }) => value !== STALE_BITS)?.value).toBe(bytes);
    // VictoriaMetrics keeps about 15 digits.
    expect(own.at(-1)?.value).toBe(bytes);
    expect(own.at(-1)?.labels).toMatchObject({ job: 'roce', node: 'n1', device: 'mlx5_0' });
    expect(own.at(-1)?.labels).not.toHaveProperty('seen_at');
  });

  test('classic buckets go where native histograms do not', async () => {
    const buckets = await stored('tributary_roce_utilization_ratio_bucket');
    expect(buckets.some(({ labels }) => labels['le'] === '+Inf')).toBe(true);
    expect(receiver.series({ __name__: 'tributary_roce_utilization_ratio_bucket' })).toEqual([]);
    // The oracle of 1.0 knows no histograms: the series is there without samples.
    const names = receiver.requests.flatMap(({ content }) => content?.series ?? []).map(({ labels }) => labels.find(([label]) => label === '__name__')?.[1]);
    expect(names).toContain('tributary_roce_utilization_ratio');
    expect(names).not.toContain('tributary_roce_utilization_ratio_sum');
  });

  test('the accounts are exact', async () => {
    for (const { name: destination, identityHolds, scrapeIdentityHolds } of await tributary.destinations()) expect([destination, identityHolds, scrapeIdentityHolds]).toEqual([destination, true, true]);
  });

  test('what ends, ends at once', async () => {
    tributary.signal('SIGTERM');
    expect(await tributary.ended).toBe(0);
  });
});
